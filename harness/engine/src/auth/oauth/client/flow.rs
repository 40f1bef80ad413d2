//! What the legs are made of: finding the server, being known to it, getting tokens, giving them back.

use url::Url;

use super::super::authorization::{AuthorizationRequest, Parameters, request, select_scopes};
use super::super::browser::{self, Listener, Redirected};
use super::super::discovery::{self, Discovered};
use super::super::problem::{Problem, Who, quote};
use super::super::registration::{RegisteredBy, Registration, register};
use super::super::settings::{BrowserMode, Grant};
use super::super::token::{self, Asked, TokenSet};
use super::super::wire::Wire;
use super::upkeep::unwritable;
use super::{Changes, OauthClient, State, UNUSED_PORT};
use crate::auth::jwt::unix_now;
use crate::transport::Reply;

impl OauthClient {
    pub(super) async fn find(
        &self,
        wire: &mut Wire<'_>,
        state: &mut State,
        unauthorized: Option<&Reply>,
    ) -> Result<Discovered, Problem> {
        let found = discovery::discover(wire, &self.settings, unauthorized).await?;
        let before = state.found.replace(found.clone());
        if let Some(before) = before.filter(|before| before.issuer != found.issuer) {
            let message = format!(
                "the authorization server was {} and is now {}; its client and tokens are not used any more",
                quote(&before.issuer),
                quote(&found.issuer)
            );
            wire.warn(Problem::new("issuer-changed", Who::Server, message));
            state.registration = None;
            state.tokens = None;
            state.requested = Vec::new();
        }
        Ok(found)
    }

    pub(super) async fn found(&self, wire: &mut Wire<'_>, state: &mut State) -> Result<Discovered, Problem> {
        match &state.found {
            Some(found) => Ok(found.clone()),
            None => self.find(wire, state, None).await,
        }
    }

    /// The client at the server found: as before if it still fits, else registered.
    pub(super) async fn registered(
        &self,
        wire: &mut Wire<'_>,
        state: &mut State,
        found: &Discovered,
        redirect_uri: &str,
    ) -> Result<Registration, Problem> {
        let fits = |own: &&Registration| {
            own.issuer == found.issuer
                && own.redirect_uri.as_deref().is_none_or(|uri| uri == redirect_uri)
                && own.expires_at.is_none_or(|at| unix_now() < at)
        };
        if let Some(own) = state.registration.as_ref().filter(fits) {
            return Ok(own.clone());
        }
        let bound = state.configured_for.as_deref().or(self.settings.issuer.as_deref());
        let registration = register(wire, &self.settings, found, redirect_uri, bound).await?;
        if registration.by == RegisteredBy::Configuration {
            state.configured_for = Some(found.issuer.clone());
        }
        state.registration = Some(registration.clone());
        Ok(registration)
    }

    pub(super) fn fixed_redirect_uri(&self) -> String {
        let redirect = &self.settings.redirect;
        format!("http://{}:{}{}", redirect.host, redirect.port.unwrap_or(UNUSED_PORT), redirect.path)
    }

    pub(super) async fn prepare(
        &self,
        wire: &mut Wire<'_>,
        state: &mut State,
        changes: &Changes,
        redirect_uri: &str,
    ) -> Result<AuthorizationRequest, Problem> {
        let found = self.found(wire, state).await?;
        let registration = self.registered(wire, state, &found, redirect_uri).await?;
        let scopes = self.scopes(changes, &found);
        let request = request(wire, &found, &registration, redirect_uri, &scopes, &changes.authorization)?;
        state.requested.clone_from(&request.scopes);
        Ok(request)
    }

    pub(super) fn scopes(&self, changes: &Changes, found: &Discovered) -> Vec<String> {
        changes.scopes.clone().unwrap_or_else(|| select_scopes(&self.settings, found, self.context.version))
    }

    pub(super) async fn sign_in(
        &self,
        wire: &mut Wire<'_>,
        state: &mut State,
        changes: &Changes,
    ) -> Result<TokenSet, Problem> {
        if self.settings.grant == Grant::ClientCredentials {
            let found = self.found(wire, state).await?;
            let registration = self.registered(wire, state, &found, "").await?;
            let scopes = self.scopes(changes, &found);
            state.requested.clone_from(&scopes);
            let asked = self.asked(&found, &registration, &scopes, found.resource.as_deref(), &changes.token);
            let tokens = token::client_credentials(wire, &asked).await?;
            return Ok(self.keep(wire, state, tokens));
        }
        let (request, redirected) = match self.settings.browser {
            BrowserMode::None => {
                let message = "signing in needs a browser and `browser` is `none`; set it to `follow` or `open`";
                return Err(Problem::new("browser-needed", Who::Harness, message));
            }
            BrowserMode::Follow => {
                let redirect_uri = self.fixed_redirect_uri();
                let request = self.prepare(wire, state, changes, &redirect_uri).await?;
                let found = self.found(wire, state).await?;
                let redirected = browser::follow(wire, &found, &request).await?;
                (request, redirected)
            }
            BrowserMode::Open => {
                if let Some(problem) = &state.refused {
                    return Err(problem.clone());
                }
                self.ask(wire, state, changes).await?
            }
        };
        self.redeem(wire, state, &request, &redirected.url, redirected.exchange, changes).await
    }

    /// A person goes through the pages.
    async fn ask(
        &self,
        wire: &mut Wire<'_>,
        state: &mut State,
        changes: &Changes,
    ) -> Result<(AuthorizationRequest, Redirected), Problem> {
        if self.interaction.patience.is_zero() {
            let target = &self.context.target;
            let message = format!(
                "signing in to `{target}` needs a person and a browser, and nobody is there to be asked; sign in once with \
                 `gauntlet probe {target} --sign-in --browser open`, whose tokens later runs find, or say with \
                 `--sign-in-timeout` how long to wait for somebody"
            );
            return Err(Problem::new("browser-needed", Who::Harness, message));
        }
        let _turn = self.interaction.turn.take().await;
        let listener = Listener::bind(&self.settings.redirect, self.settings.redirect.port).await?;
        let redirect_uri = listener.redirect_uri().to_string();
        let request = self.prepare(wire, state, changes, &redirect_uri).await?;
        let opened = browser::open(&request, listener, &self.context.target, &self.interaction).await;
        // The person may have said no.
        let answered = opened.and_then(|back| request.code(wire, &back.url, back.exchange).map(|_| back));
        if let (Err(problem), true) = (&answered, state.is_shared) {
            state.refused = Some(problem.clone());
        }
        Ok((request, answered?))
    }

    pub(super) async fn redeem(
        &self,
        wire: &mut Wire<'_>,
        state: &mut State,
        request: &AuthorizationRequest,
        redirected: &Url,
        exchange: Option<usize>,
        changes: &Changes,
    ) -> Result<TokenSet, Problem> {
        let code = request.code(wire, redirected, exchange)?;
        let found = self.found(wire, state).await?;
        if found.issuer != request.registration.issuer {
            let message =
                format!("the sign-in began at {}, which is not used any more", quote(&request.registration.issuer));
            return Err(Problem::new("issuer-changed", Who::Server, message));
        }
        let resource = request.resource.as_deref();
        let asked = self.asked(&found, &request.registration, &request.scopes, resource, &changes.token);
        let tokens = token::exchange_code(wire, &asked, request, &code).await?;
        Ok(self.keep(wire, state, tokens))
    }

    pub(super) fn asked<'a>(
        &'a self,
        found: &'a Discovered,
        registration: &'a Registration,
        scopes: &'a [String],
        resource: Option<&'a str>,
        changes: &'a Parameters,
    ) -> Asked<'a> {
        Asked { found, registration, key: self.settings.key.as_ref(), scopes, resource, changes }
    }

    pub(super) async fn renew(
        &self,
        wire: &mut Wire<'_>,
        state: &mut State,
        changes: &Parameters,
    ) -> Result<TokenSet, Problem> {
        let tokens = state.tokens.clone();
        let Some((tokens, refresh_token)) = tokens.and_then(|t| t.refresh_token.clone().map(|r| (t, r))) else {
            let message = "there is no refresh token to use: nobody has signed in, or the server gave none";
            return Err(Problem::new("no-refresh-token", Who::Harness, message));
        };
        let found = self.found(wire, state).await?;
        let Some(registration) = state.registration.clone().filter(|own| own.issuer == tokens.issuer) else {
            let message = "the refresh token belongs to a client or an authorization server that is not used any more";
            return Err(Problem::new("no-refresh-token", Who::Harness, message));
        };
        let asked = self.asked(&found, &registration, &tokens.scopes, tokens.resource.as_deref(), changes);
        let fresh = token::refresh(wire, &asked, &refresh_token, self.settings.scopes.as_deref()).await?;
        Ok(self.keep(wire, state, fresh))
    }

    pub(super) async fn give_back(
        &self,
        wire: &mut Wire<'_>,
        state: &mut State,
        changes: &Parameters,
    ) -> Result<(), Problem> {
        let (Some(tokens), Some(registration)) = (state.tokens.clone(), state.registration.clone()) else {
            return Err(Problem::new("no-token", Who::Harness, "there is no token to revoke: nobody has signed in"));
        };
        let found = self.found(wire, state).await?;
        let asked = self.asked(&found, &registration, &[], None, changes);
        token::revoke(wire, &asked, &tokens).await?;
        if let Some(cache) = &self.cache
            && let Err(error) = cache.remove(self.slot(&found, &self.resource_of(&found)))
        {
            wire.warn(unwritable(&error));
        }
        state.tokens = None;
        Ok(())
    }
}
