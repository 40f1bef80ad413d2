//! One client's sign-in at one target, from nothing to a token that is renewed.

use tokio::sync::{Mutex, OnceCell};
use url::Url;

use super::authorization::{AuthorizationRequest, Parameters, request, select_scopes};
use super::browser::{self, Interaction, Listener};
use super::cache::{Cache, Slot, Stored};
use super::discovery::{self, Discovered};
use super::guard::Guard;
use super::metadata::BearerChallenge;
use super::places::canonical;
use super::problem::{Leg, Problem, Who, quote};
use super::registration::{RegisteredBy, Registration, register};
use super::settings::{BrowserMode, Grant, OauthSettings};
use super::token::{self, Asked, TokenSet};
use super::wire::{Context, Wire};
use crate::auth::jwt::unix_now;
use crate::transport::Reply;

/// The redirect port where nobody listens, because the harness takes the redirect itself.
const UNUSED_PORT: u16 = 33_418;

/// Step-ups in the life of a client (auth.client.scope.retry-limit).
const MOST_STEP_UPS: usize = 3;

/// Of them, those that ask for nothing new: once the token may have been issued before the grant was made.
const MOST_REPEATED_STEP_UPS: usize = 1;

/// What is different from an ordinary sign-in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    /// Parameters of the authorization request.
    pub authorization: Parameters,
    /// Parameters of the token request.
    pub token: Parameters,
    /// Scopes in place of those that would be chosen.
    pub scopes: Option<Vec<String>>,
}

/// A client and what it has got so far. Legs run one at a time; every leg tells the exchanges that it recorded.
#[derive(Debug)]
pub(crate) struct OauthClient {
    context: Context,
    settings: OauthSettings,
    interaction: Interaction,
    cache: Option<Cache>,
    guard: OnceCell<Guard>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    found: Option<Discovered>,
    registration: Option<Registration>,
    /// The issuer that the configured client belongs to.
    configured_for: Option<String>,
    tokens: Option<TokenSet>,
    /// The scopes of the last request, for step-up.
    requested: Vec<String>,
    step_ups: usize,
    repeated_step_ups: usize,
    recovery: Recovery,
}

/// What was done since a token was last known to work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Recovery {
    #[default]
    None,
    Refreshed,
    SignedIn,
}

impl OauthClient {
    /// A client that has nothing yet. Its cache is the user's own if the settings want one.
    pub(crate) fn new(context: Context, settings: OauthSettings) -> Self {
        let cache = settings.cache.then(Cache::of_user).flatten();
        let state = State { configured_for: settings.issuer.clone(), ..State::default() };
        Self {
            context,
            settings,
            interaction: Interaction::default(),
            cache,
            guard: OnceCell::new(),
            state: Mutex::new(state),
        }
    }

    /// With another cache, or none.
    #[cfg(test)]
    #[must_use]
    pub(super) fn with_cache(mut self, cache: Option<Cache>) -> Self {
        self.cache = cache;
        self
    }

    /// With another way to reach a person.
    #[must_use]
    pub(crate) fn with_interaction(mut self, interaction: Interaction) -> Self {
        self.interaction = interaction;
        self
    }

    /// The token at hand, valid or not.
    pub(crate) async fn current(&self) -> Option<TokenSet> {
        self.state.lock().await.tokens.clone()
    }

    /// Goes on with these tokens.
    pub(crate) async fn resume(&self, tokens: TokenSet) {
        self.state.lock().await.tokens = Some(tokens);
    }

    /// What was found and how the client is known, as far as it has got.
    pub(crate) async fn so_far(&self) -> (Option<Discovered>, Option<Registration>) {
        let state = self.state.lock().await;
        (state.found.clone(), state.registration.clone())
    }

    async fn wire(&self, step: Option<usize>) -> Wire<'_> {
        let guard = self.guard.get_or_init(|| Guard::new(&self.context.endpoint)).await.clone();
        Wire::new(&self.context, guard, step)
    }

    /// Finds the authorization server anew, from the answer that refused a request or by asking without credentials.
    /// When it has become another one, the client and the tokens of the old one are dropped.
    pub(crate) async fn discover(&self, step: Option<usize>, unauthorized: Option<&Reply>) -> Leg<Discovered> {
        let mut state = self.state.lock().await;
        let mut wire = self.wire(step).await;
        let result = self.find(&mut wire, &mut state, unauthorized).await;
        wire.leg(result)
    }

    /// Signs in from nothing: discovers and registers if that has not happened, obtains a new token by the configured
    /// grant, and keeps it.
    pub(crate) async fn authorize(&self, step: Option<usize>, changes: &Changes) -> Leg<TokenSet> {
        let mut state = self.state.lock().await;
        let mut wire = self.wire(step).await;
        let result = self.sign_in(&mut wire, &mut state, changes).await;
        wire.leg(result)
    }

    /// The first half of a sign-in, up to the URL to visit.
    #[cfg(test)]
    pub(super) async fn start(&self, step: Option<usize>, changes: &Changes) -> Leg<AuthorizationRequest> {
        let mut state = self.state.lock().await;
        let mut wire = self.wire(step).await;
        let redirect_uri = self.fixed_redirect_uri();
        let result = self.prepare(&mut wire, &mut state, changes, &redirect_uri).await;
        wire.leg(result)
    }

    /// The second half, from the URL that the visit ended at.
    #[cfg(test)]
    pub(super) async fn finish(
        &self,
        step: Option<usize>,
        request: &AuthorizationRequest,
        redirected: &Url,
        changes: &Changes,
    ) -> Leg<TokenSet> {
        let mut state = self.state.lock().await;
        let mut wire = self.wire(step).await;
        let result = self.redeem(&mut wire, &mut state, request, redirected, None, changes).await;
        wire.leg(result)
    }

    /// Uses the refresh token.
    pub(crate) async fn refresh(&self, step: Option<usize>, changes: &Parameters) -> Leg<TokenSet> {
        let mut state = self.state.lock().await;
        let mut wire = self.wire(step).await;
        let result = self.renew(&mut wire, &mut state, changes).await;
        wire.leg(result)
    }

    /// Gives the tokens back and forgets them.
    pub(crate) async fn revoke(&self, step: Option<usize>, changes: &Parameters) -> Leg<()> {
        let mut state = self.state.lock().await;
        let mut wire = self.wire(step).await;
        let result = self.give_back(&mut wire, &mut state, changes).await;
        wire.leg(result)
    }

    /// A valid token: the one at hand, else a stored one, else a refreshed one, else by signing in.
    pub(crate) async fn token(&self, step: Option<usize>) -> Leg<TokenSet> {
        let mut state = self.state.lock().await;
        let mut wire = self.wire(step).await;
        let result = self.valid_token(&mut wire, &mut state).await;
        wire.leg(result)
    }

    /// After a 401 to a request with the token `rejected`: refreshes once; if that was refused, or its token was rejected
    /// too, signs in again once; then gives up. [`accepted`](Self::accepted) begins anew.
    pub(crate) async fn on_unauthorized(&self, step: Option<usize>, rejected: &str, reply: &Reply) -> Leg<TokenSet> {
        let mut state = self.state.lock().await;
        let mut wire = self.wire(step).await;
        let result = self.recover(&mut wire, &mut state, rejected, reply).await;
        wire.leg(result)
    }

    /// The server took the token.
    pub(crate) async fn accepted(&self) {
        self.state.lock().await.recovery = Recovery::None;
    }

    /// After a 403 `insufficient_scope`: signs in again with the earlier scopes and those of the challenge.
    pub(crate) async fn step_up(&self, step: Option<usize>, reply: &Reply) -> Leg<TokenSet> {
        let mut state = self.state.lock().await;
        let mut wire = self.wire(step).await;
        let result = self.widen(&mut wire, &mut state, reply).await;
        wire.leg(result)
    }

    async fn find(
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

    async fn found(&self, wire: &mut Wire<'_>, state: &mut State) -> Result<Discovered, Problem> {
        match &state.found {
            Some(found) => Ok(found.clone()),
            None => self.find(wire, state, None).await,
        }
    }

    /// The client at the server found: as before if it still fits, else registered.
    async fn registered(
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
        let bound = state.configured_for.as_deref();
        let registration = register(wire, &self.settings, found, redirect_uri, bound).await?;
        if registration.by == RegisteredBy::Configuration {
            state.configured_for = Some(found.issuer.clone());
        }
        state.registration = Some(registration.clone());
        Ok(registration)
    }

    fn fixed_redirect_uri(&self) -> String {
        let redirect = &self.settings.redirect;
        format!("http://{}:{}{}", redirect.host, redirect.port.unwrap_or(UNUSED_PORT), redirect.path)
    }

    async fn prepare(
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

    fn scopes(&self, changes: &Changes, found: &Discovered) -> Vec<String> {
        changes.scopes.clone().unwrap_or_else(|| select_scopes(&self.settings, found, self.context.version))
    }

    async fn sign_in(&self, wire: &mut Wire<'_>, state: &mut State, changes: &Changes) -> Result<TokenSet, Problem> {
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
                let listener = Listener::bind(&self.settings.redirect, self.settings.redirect.port).await?;
                let redirect_uri = listener.redirect_uri().to_string();
                let request = self.prepare(wire, state, changes, &redirect_uri).await?;
                let redirected = browser::open(&request, listener, &self.interaction).await?;
                (request, redirected)
            }
        };
        self.redeem(wire, state, &request, &redirected.url, redirected.exchange, changes).await
    }

    async fn redeem(
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

    fn asked<'a>(
        &'a self,
        found: &'a Discovered,
        registration: &'a Registration,
        scopes: &'a [String],
        resource: Option<&'a str>,
        changes: &'a Parameters,
    ) -> Asked<'a> {
        Asked { found, registration, key: self.settings.key.as_ref(), scopes, resource, changes }
    }

    async fn renew(&self, wire: &mut Wire<'_>, state: &mut State, changes: &Parameters) -> Result<TokenSet, Problem> {
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

    async fn give_back(&self, wire: &mut Wire<'_>, state: &mut State, changes: &Parameters) -> Result<(), Problem> {
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

    async fn valid_token(&self, wire: &mut Wire<'_>, state: &mut State) -> Result<TokenSet, Problem> {
        if state.tokens.is_none() && self.cache.is_some() {
            let found = self.found(wire, state).await?;
            self.recall(wire, state, &found).await?;
        }
        match &state.tokens {
            Some(tokens) if tokens.is_valid() => return Ok(tokens.clone()),
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

    async fn recover(
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

    async fn widen(&self, wire: &mut Wire<'_>, state: &mut State, reply: &Reply) -> Result<TokenSet, Problem> {
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

    fn keep(&self, wire: &mut Wire<'_>, state: &mut State, tokens: TokenSet) -> TokenSet {
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
    async fn recall(&self, wire: &mut Wire<'_>, state: &mut State, found: &Discovered) -> Result<(), Problem> {
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

    fn resource_of(&self, found: &Discovered) -> String {
        found.resource.clone().unwrap_or_else(|| canonical(&self.context.endpoint))
    }

    fn slot<'a>(&'a self, found: &'a Discovered, resource: &'a str) -> Slot<'a> {
        let document = self.settings.client_metadata_url.as_ref().map(Url::as_str);
        let client = self.settings.client_id.as_deref().or(document).unwrap_or(&self.settings.client_name);
        Slot { issuer: &found.issuer, resource, client }
    }
}

fn unwritable(error: &std::io::Error) -> Problem {
    Problem::new("cache-unwritable", Who::Harness, format!("the token store cannot be written: {error}"))
}
