//! One client's sign-in at one target, from nothing to a token that is renewed.

mod flow;
mod shared;
mod upkeep;

use tokio::sync::{MutexGuard, OnceCell};

use super::authorization::Parameters;
use super::browser::Interaction;
use super::cache::Cache;
use super::discovery::Discovered;
use super::guard::Guard;
use super::problem::{Leg, Problem};
use super::registration::Registration;
use super::settings::OauthSettings;
use super::token::TokenSet;
use super::wire::{Context, Wire};
use crate::transport::Reply;
pub(crate) use shared::{SharedSignIn, SharedSignIns};
#[cfg(test)]
use {super::authorization::AuthorizationRequest, url::Url};

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

/// A client and what it has got so far. Legs run one at a time, also those of the clients that share a sign-in; every leg
/// tells the exchanges that it recorded.
#[derive(Debug)]
pub(crate) struct OauthClient {
    context: Context,
    settings: OauthSettings,
    interaction: Interaction,
    cache: Option<Cache>,
    guard: OnceCell<Guard>,
    state: SharedSignIn,
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
    /// Clients of other cases have it too.
    is_shared: bool,
    /// Why a person did not sign in; of those who share, none asks again.
    refused: Option<Problem>,
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
        Self {
            context,
            settings,
            interaction: Interaction::default(),
            cache,
            guard: OnceCell::new(),
            state: SharedSignIn::default(),
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

    /// With a sign-in that others have too: what one of them obtains, all use.
    #[must_use]
    pub(crate) fn sharing(mut self, sign_in: SharedSignIn) -> Self {
        self.state = sign_in;
        self
    }

    /// The token at hand, valid or not.
    pub(crate) async fn current(&self) -> Option<TokenSet> {
        self.state().await.tokens.clone()
    }

    /// What there is so far. It may come from another case, to which alone its secrets are known.
    async fn state(&self) -> MutexGuard<'_, State> {
        let state = self.state.lock().await;
        self.learn(&state);
        state
    }

    fn learn(&self, state: &State) {
        let secrets = &self.context.secrets;
        if let Some(tokens) = state.tokens.as_ref().filter(|_| state.is_shared) {
            secrets.add("access_token", tokens.access_token.expose());
            tokens.refresh_token.iter().for_each(|token| secrets.add("refresh_token", token.expose()));
        }
        if let Some(registration) = state.registration.as_ref().filter(|_| state.is_shared) {
            registration.client_secret.iter().for_each(|secret| secrets.add("client_secret", secret.expose()));
        }
    }

    /// Goes on with these tokens.
    pub(crate) async fn resume(&self, tokens: TokenSet) {
        self.state().await.tokens = Some(tokens);
    }

    /// What was found and how the client is known, as far as it has got.
    pub(crate) async fn so_far(&self) -> (Option<Discovered>, Option<Registration>) {
        let state = self.state().await;
        (state.found.clone(), state.registration.clone())
    }

    async fn wire(&self, step: Option<usize>) -> Wire<'_> {
        let guard = self.guard.get_or_init(|| Guard::new(&self.context.endpoint)).await.clone();
        Wire::new(&self.context, guard, step)
    }

    /// Finds the authorization server anew, from the answer that refused a request or by asking without credentials.
    /// When it has become another one, the client and the tokens of the old one are dropped.
    pub(crate) async fn discover(&self, step: Option<usize>, unauthorized: Option<&Reply>) -> Leg<Discovered> {
        let mut state = self.state().await;
        let mut wire = self.wire(step).await;
        let result = self.find(&mut wire, &mut state, unauthorized).await;
        wire.leg(result)
    }

    /// Signs in from nothing: discovers and registers if that has not happened, obtains a new token by the configured
    /// grant, and keeps it.
    pub(crate) async fn authorize(&self, step: Option<usize>, changes: &Changes) -> Leg<TokenSet> {
        let mut state = self.state().await;
        let mut wire = self.wire(step).await;
        let result = self.sign_in(&mut wire, &mut state, changes).await;
        wire.leg(result)
    }

    /// The first half of a sign-in, up to the URL to visit.
    #[cfg(test)]
    pub(super) async fn start(&self, step: Option<usize>, changes: &Changes) -> Leg<AuthorizationRequest> {
        let mut state = self.state().await;
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
        let mut state = self.state().await;
        let mut wire = self.wire(step).await;
        let result = self.redeem(&mut wire, &mut state, request, redirected, None, changes).await;
        wire.leg(result)
    }

    /// Uses the refresh token.
    pub(crate) async fn refresh(&self, step: Option<usize>, changes: &Parameters) -> Leg<TokenSet> {
        let mut state = self.state().await;
        let mut wire = self.wire(step).await;
        let result = self.renew(&mut wire, &mut state, changes).await;
        wire.leg(result)
    }

    /// Gives the tokens back and forgets them.
    pub(crate) async fn revoke(&self, step: Option<usize>, changes: &Parameters) -> Leg<()> {
        let mut state = self.state().await;
        let mut wire = self.wire(step).await;
        let result = self.give_back(&mut wire, &mut state, changes).await;
        wire.leg(result)
    }

    /// A valid token: the one at hand, else a stored one, else a refreshed one, else by signing in.
    pub(crate) async fn token(&self, step: Option<usize>) -> Leg<TokenSet> {
        let mut state = self.state().await;
        let mut wire = self.wire(step).await;
        let result = self.valid_token(&mut wire, &mut state).await;
        wire.leg(result)
    }

    /// After a 401 to a request with the token `rejected`: refreshes once; if that was refused, or its token was rejected
    /// too, signs in again once; then gives up. [`accepted`](Self::accepted) begins anew.
    pub(crate) async fn on_unauthorized(&self, step: Option<usize>, rejected: &str, reply: &Reply) -> Leg<TokenSet> {
        let mut state = self.state().await;
        let mut wire = self.wire(step).await;
        let result = self.recover(&mut wire, &mut state, rejected, reply).await;
        wire.leg(result)
    }

    /// The server took the token.
    pub(crate) async fn accepted(&self) {
        self.state().await.recovery = Recovery::None;
    }

    /// After a 403 `insufficient_scope`: signs in again with the earlier scopes and those of the challenge.
    pub(crate) async fn step_up(&self, step: Option<usize>, reply: &Reply) -> Leg<TokenSet> {
        let mut state = self.state().await;
        let mut wire = self.wire(step).await;
        let result = self.widen(&mut wire, &mut state, reply).await;
        wire.leg(result)
    }
}
