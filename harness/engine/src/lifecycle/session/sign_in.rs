//! The session as an OAuth client: which token its requests carry, and what it does when one is refused.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError};

use gauntlet_format::Version;
use gauntlet_format::matching::challenge;

use super::{Link, Session, Spoken};
use crate::auth::oauth::{Context, Leg, OauthClient, OauthSettings, Problem, SharedSignIn, TokenSet};
use crate::auth::{Credential, OauthAuth, Witness};

/// Times that one request is made again with another token: a refresh, a sign-in, and the step-ups.
const MOST_TRIES: usize = 6;

/// How a session that perseveres got its tokens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trail {
    /// `WWW-Authenticate` of the first answer that asked for a token.
    pub challenge: Option<String>,
    /// HTTP statuses that led to a token, in order.
    pub obtained_after: Vec<u16>,
    /// What was odd on the way.
    pub warnings: Vec<Problem>,
}

impl Session {
    /// The OAuth client, if there is one yet.
    pub(crate) fn oauth(&self) -> Option<Arc<OauthClient>> {
        self.spec.sign_in.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The OAuth client: the one there is, else one with the target's settings, else one with none.
    ///
    /// # Errors
    /// One sentence when the target is not reached over HTTP.
    pub(crate) fn oauth_or_default(&self) -> Result<Arc<OauthClient>, String> {
        match (self.oauth(), &self.spec.credential) {
            (Some(client), _) => Ok(client),
            (None, Credential::Oauth(auth)) => self.sign_in_sharing(auth.settings.clone(), self.spec.shared.clone()),
            (None, _) => self.sign_in_with(OauthSettings::default()),
        }
    }

    /// The target's settings, if it has `auth: oauth`.
    pub(crate) fn oauth_auth(&self) -> Option<&OauthAuth> {
        match &self.spec.credential {
            Credential::Oauth(auth) => Some(auth),
            _ => None,
        }
    }

    /// A new OAuth client in place of the one there is, which shares its sign-in with nobody.
    ///
    /// # Errors
    /// One sentence when the target is not reached over HTTP.
    pub(crate) fn sign_in_with(&self, settings: OauthSettings) -> Result<Arc<OauthClient>, String> {
        self.sign_in_sharing(settings, None)
    }

    fn sign_in_sharing(
        &self,
        settings: OauthSettings,
        shared: Option<SharedSignIn>,
    ) -> Result<Arc<OauthClient>, String> {
        let Link::Http { client, endpoint } = &self.link else {
            return Err("the target speaks stdio, which has no sign-in; OAuth needs `transport: http`".to_owned());
        };
        let context = Context {
            client: Arc::clone(&self.spec.name),
            target: Arc::clone(&self.spec.target),
            endpoint: endpoint.clone(),
            version: self.spec.version.unwrap_or(Version::V2026_07_28),
            headers: self.spec.headers.clone(),
            recorder: Arc::clone(&self.recorder),
            secrets: self.spec.secrets.clone(),
            limits: client.limits(),
            rate: Arc::clone(&self.spec.rate),
        };
        let made = OauthClient::new(context, settings).with_interaction(self.spec.interaction.clone());
        let made = Arc::new(match shared {
            Some(sign_in) => made.sharing(sign_in),
            None => made,
        });
        *self.spec.sign_in.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&made));
        Ok(made)
    }

    /// What a request carries: its own credentials, else the token of the sign-in, else the target's credentials. A target
    /// with `auth: oauth` is signed in to before its first request, unless the session is to be asked for it first.
    pub(super) async fn credential<'a>(
        &'a self,
        own: Option<&'a Credential>,
        step: Option<usize>,
    ) -> Result<Cow<'a, Credential>, String> {
        let chosen = self.chosen(own, step).await?;
        if !matches!(*chosen, Credential::SigV4(_)) {
            return Ok(chosen);
        }
        let witness = Witness {
            client: Arc::clone(&self.spec.name),
            recorder: Arc::clone(&self.recorder),
            step,
            secrets: self.spec.secrets.clone(),
        };
        // Boxed: few requests are signed, and every request carries the size of this.
        Box::pin(Credential::ready(chosen, &witness)).await
    }

    async fn chosen<'a>(
        &'a self,
        own: Option<&'a Credential>,
        step: Option<usize>,
    ) -> Result<Cow<'a, Credential>, String> {
        // What runs over a pipe is not asked for credentials.
        if matches!(self.link, Link::Stdio { .. }) {
            return Ok(Cow::Owned(Credential::None));
        }
        let (wanted, explicit) = own.map_or((&self.spec.credential, false), |own| (own, true));
        let (client, demanded) = match wanted {
            Credential::Oauth(auth) if explicit => (Some(self.sign_in_with(auth.settings.clone())?), true),
            Credential::Oauth(_) => (Some(self.oauth_or_default()?), !self.spec.persevere),
            _ if explicit => (None, false),
            _ => (self.oauth(), false),
        };
        let Some(client) = client else { return Ok(Cow::Borrowed(wanted)) };
        // Boxed: few requests carry a token, and every request carries the size of this.
        let tokens = Box::pin(async {
            match client.current().await {
                Some(tokens) if !demanded => Ok(Some(tokens)),
                None if !demanded => Ok(None),
                _ => client.token(step).await.result.map(Some).map_err(|problem| format!("no sign-in: {problem}")),
            }
        });
        Ok(match tokens.await? {
            Some(tokens) => Cow::Owned(Credential::Bearer(tokens.access_token.expose().to_owned())),
            None if matches!(wanted, Credential::Oauth(_)) => Cow::Owned(Credential::None),
            None => Cow::Borrowed(wanted),
        })
    }

    /// After an answer: whether the request is to be made again with another token. Only a session that perseveres does so;
    /// in a scenario what is written is what is sent.
    ///
    /// # Errors
    /// What keeps it from getting one.
    pub(super) async fn try_again(&self, spoken: &Spoken, tries: usize) -> Result<bool, Problem> {
        let Some(client) = self.oauth_of_perseverance() else { return Ok(false) };
        let step = None;
        match spoken.reply.status {
            Some(401) if tries < MOST_TRIES => {
                self.note_challenge(spoken);
                let header = spoken.request.headers.iter().find(|(name, _)| name == "authorization");
                let rejected = header.and_then(|(_, value)| value.split_once(' ')).map_or("", |(_, token)| token);
                self.note(401, client.on_unauthorized(step, rejected, &spoken.reply).await)
            }
            Some(403) if tries < MOST_TRIES && is_step_up(spoken) => {
                self.note(403, client.step_up(step, &spoken.reply).await)
            }
            Some(status) if status < 400 => {
                client.accepted().await;
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    /// How it has got its tokens so far.
    pub(crate) fn trail(&self) -> Trail {
        self.trail.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_challenge(&self, spoken: &Spoken) {
        let mut trail = self.trail.lock().unwrap_or_else(PoisonError::into_inner);
        if trail.challenge.is_none() {
            trail.challenge = spoken.reply.header("www-authenticate").map(str::to_owned);
        }
    }

    fn note(&self, status: u16, leg: Leg<TokenSet>) -> Result<bool, Problem> {
        let mut trail = self.trail.lock().unwrap_or_else(PoisonError::into_inner);
        trail.warnings.extend(leg.warnings);
        leg.result?;
        trail.obtained_after.push(status);
        Ok(true)
    }

    fn oauth_of_perseverance(&self) -> Option<Arc<OauthClient>> {
        let wants = self.spec.persevere && matches!(self.spec.credential, Credential::Oauth(_));
        if wants { self.oauth_or_default().ok() } else { None }
    }
}

/// Whether the answer says that more scopes would help (RFC 6750 §3.1).
fn is_step_up(spoken: &Spoken) -> bool {
    let header = spoken.reply.header("www-authenticate").unwrap_or_default();
    let challenges = challenge::parse(header).unwrap_or_default();
    challenges.iter().flat_map(|c| &c.params).any(|(name, value)| name == "error" && value == "insufficient_scope")
}
