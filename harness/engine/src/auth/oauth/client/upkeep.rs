//! A token over time: taken from the store, renewed, replaced, widened, and stored again.

use super::super::authorization::Parameters;
use super::super::cache::{Slot, Stored};
use super::super::discovery::Discovered;
use super::super::metadata::BearerChallenge;
use super::super::places::canonical;
use super::super::problem::{Problem, Who};
use super::super::registration::RegisteredBy;
use super::super::token::TokenSet;
use super::super::wire::Wire;
use super::{Changes, MOST_REPEATED_STEP_UPS, MOST_STEP_UPS, OauthClient, Recovery, State};
use crate::transport::Reply;

/// Seconds before its end at which a token that cases share is renewed, so that it does not end on the way of a request.
const SHARED_MARGIN: u64 = 30;

impl OauthClient {
    pub(super) async fn valid_token(&self, wire: &mut Wire<'_>, state: &mut State) -> Result<TokenSet, Problem> {
        if state.tokens.is_none() && self.cache.is_some() {
            let found = self.found(wire, state).await?;
            self.recall(wire, state, &found).await?;
        }
        let margin = if state.is_shared { SHARED_MARGIN } else { 0 };
        match &state.tokens {
            Some(tokens) if tokens.is_valid() && (tokens.refresh_token.is_none() || tokens.lasts(margin)) => {
                return Ok(tokens.clone());
            }
            Some(tokens) if tokens.refresh_token.is_some() => {
                match self.renew(wire, state, &Parameters::new()).await {
                    // What the server does not take any more is replaced; other problems would come again.
                    Err(problem) if problem.code == "token-refused" => wire.warn(problem),
                    other => return other,
                }
            }
            _ => {}
        }
        self.sign_in(wire, state, &Changes::default()).await
    }

    pub(super) async fn recover(
        &self,
        wire: &mut Wire<'_>,
        state: &mut State,
        rejected: &str,
        reply: &Reply,
    ) -> Result<TokenSet, Problem> {
        if let Some(tokens) = state.tokens.as_ref().filter(|t| t.access_token.expose() != rejected) {
            // Another request has found out first.
            return Ok(tokens.clone());
        }
        if state.recovery == Recovery::SignedIn {
            let message = "the server rejects a token that was obtained right before by signing in again";
            return Err(Problem::new("token-rejected", Who::Server, message));
        }
        let mut has_looked = false;
        if state.tokens.is_none() && self.cache.is_some() {
            let found = self.find(wire, state, Some(reply)).await?;
            self.recall(wire, state, &found).await?;
            if let Some(tokens) = state.tokens.as_ref().filter(|t| t.is_valid()) {
                return Ok(tokens.clone());
            }
            has_looked = true;
        }
        let has_refresh = state.tokens.as_ref().is_some_and(|t| t.refresh_token.is_some());
        if state.recovery == Recovery::None && has_refresh {
            state.recovery = Recovery::Refreshed;
            match self.renew(wire, state, &Parameters::new()).await {
                Err(problem) if problem.code == "token-refused" => wire.warn(problem),
                other => return other,
            }
        }
        state.recovery = Recovery::SignedIn;
        if !has_looked {
            self.find(wire, state, Some(reply)).await?;
        }
        self.sign_in(wire, state, &Changes::default()).await
    }

    pub(super) async fn widen(
        &self,
        wire: &mut Wire<'_>,
        state: &mut State,
        reply: &Reply,
    ) -> Result<TokenSet, Problem> {
        let (challenge, warnings) = BearerChallenge::of_reply(reply, None);
        warnings.into_iter().for_each(|warning| wire.warn(warning));
        let Some(challenged) = challenge.as_ref().and_then(BearerChallenge::scopes) else {
            let message = "the challenge does not name the scopes that are missing, so there is nothing to ask for";
            return Err(Problem::new("no-scope-challenged", Who::Server, message).breaks("auth.403.challenge"));
        };
        let is_repeated = challenged.iter().all(|scope| state.requested.contains(scope));
        if state.step_ups >= MOST_STEP_UPS || is_repeated && state.repeated_step_ups >= MOST_REPEATED_STEP_UPS {
            let tried = state.step_ups;
            let message = format!("the server still asks for scopes; times signed in again for them: {tried}");
            return Err(Problem::new("step-up-limit", Who::Server, message).breaks("auth.403.complete-challenge"));
        }
        state.step_ups += 1;
        state.repeated_step_ups += usize::from(is_repeated);
        let mut scopes = state.requested.clone();
        scopes.extend(challenged.into_iter().filter(|scope| !state.requested.contains(scope)));
        self.sign_in(wire, state, &Changes { scopes: Some(scopes), ..Changes::default() }).await
    }

    pub(super) fn keep(&self, wire: &mut Wire<'_>, state: &mut State, tokens: TokenSet) -> TokenSet {
        state.tokens = Some(tokens.clone());
        if let (Some(cache), Some(found)) = (&self.cache, &state.found) {
            let registration = state.registration.clone().filter(|own| own.by == RegisteredBy::Dynamic);
            let stored = Stored { tokens: tokens.clone(), registration };
            if let Err(error) = cache.store(self.slot(found, &self.resource_of(found)), &stored) {
                wire.warn(unwritable(&error));
            }
        }
        tokens
    }

    /// Takes stored tokens into use if they are for what is configured.
    pub(super) async fn recall(
        &self,
        wire: &mut Wire<'_>,
        state: &mut State,
        found: &Discovered,
    ) -> Result<(), Problem> {
        let resource = self.resource_of(found);
        let Some(stored) = self.cache.as_ref().and_then(|cache| cache.load(self.slot(found, &resource))) else {
            return Ok(());
        };
        let wanted = self.settings.scopes.iter().flatten();
        if !wanted.clone().all(|scope| stored.tokens.scopes.contains(scope)) {
            return Ok(());
        }
        wire.secret("access_token", stored.tokens.access_token.expose());
        if let Some(token) = &stored.tokens.refresh_token {
            wire.secret("refresh_token", token.expose());
        }
        match stored.registration {
            Some(registration) => {
                if let Some(secret) = &registration.client_secret {
                    wire.secret("client_secret", secret.expose());
                }
                state.registration = Some(registration);
            }
            None if self.settings.client_id.is_some() || self.settings.client_metadata_url.is_some() => {
                self.registered(wire, state, found, "").await?;
            }
            None => return Ok(()),
        }
        state.requested.clone_from(&stored.tokens.scopes);
        state.tokens = Some(stored.tokens);
        Ok(())
    }

    pub(super) fn resource_of(&self, found: &Discovered) -> String {
        found.resource.clone().unwrap_or_else(|| canonical(&self.context.endpoint))
    }

    pub(super) fn slot<'a>(&'a self, found: &'a Discovered, resource: &'a str) -> Slot<'a> {
        let document = self.settings.client_metadata_url.as_deref();
        let client = self.settings.client_id.as_deref().or(document).unwrap_or(&self.settings.client_name);
        Slot { issuer: &found.issuer, resource, client }
    }
}

pub(super) fn unwritable(error: &std::io::Error) -> Problem {
    Problem::new("cache-unwritable", Who::Harness, format!("the token store cannot be written: {error}"))
}
