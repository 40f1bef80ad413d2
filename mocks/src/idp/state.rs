//! Everything that the provider remembers.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::authorize::Authorization;
use super::bounded::Bounded;
use super::cimd::Document;
use super::clients::{Client, Defaults};
use super::config::{Settled, User};
use super::defects::IdpDefect;
use super::random;
use super::site::Site;
use crate::config::ConfigError;
use crate::in_force::InForce;
use crate::instance::Memory;

/// Codes, tokens, registrations and so on kept of each kind; the oldest are forgotten first.
const MOST_ENTRIES: usize = 10_000;
/// Secrets kept to be hidden.
const MOST_SECRETS: usize = 50_000;

/// Members that follow from the address or were told to clients, and cannot change while the provider runs.
const FIXED: [&str; 3] = ["path", "public_origin", "trailing_slash"];

/// What an authorization gave, whatever token stands for it.
#[derive(Debug, Clone)]
pub(super) struct Grantee {
    pub(super) client: Arc<Client>,
    /// Position among the users; none if the client acts for itself.
    pub(super) user: Option<usize>,
    pub(super) scopes: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) nonce: Option<String>,
    /// When the user signed in.
    pub(super) auth_time: Duration,
    /// All tokens of one authorization; they end together.
    pub(super) family: u64,
}

/// A code.
#[derive(Debug, Clone)]
pub(super) struct Code {
    pub(super) authorization: Authorization,
    pub(super) grantee: Grantee,
    pub(super) expires_at: Duration,
    pub(super) used: bool,
}

/// A refresh token.
#[derive(Debug, Clone)]
pub(super) struct RefreshToken {
    pub(super) grantee: Grantee,
    pub(super) expires_at: Duration,
    /// Another one has taken its place.
    pub(super) replaced: bool,
    pub(super) revoked: bool,
}

/// An access token.
#[derive(Debug, Clone)]
pub(super) struct AccessToken {
    pub(super) grantee: Grantee,
    pub(super) claims: Map<String, Value>,
    pub(super) expires_at: Duration,
    pub(super) revoked: bool,
}

/// A browser.
#[derive(Debug, Clone, Default)]
pub(super) struct Session {
    /// Who is signed in, and since when.
    pub(super) user: Option<(usize, Duration)>,
    /// Clients and the scopes that were allowed to them.
    pub(super) consents: Vec<(String, Vec<String>)>,
}

/// An authorization request that waits for its user.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) authorization: Authorization,
    pub(super) session: String,
    pub(super) csrf: String,
    /// The user has to sign in although somebody is signed in.
    pub(super) sign_in: bool,
}

/// The state of one instance.
#[derive(Debug)]
pub(super) struct State {
    origin: String,
    pub(super) defaults: Defaults,
    pub(super) settled: InForce<Settled, IdpDefect>,
    pub(super) codes: Bounded<Code>,
    pub(super) refresh_tokens: Bounded<RefreshToken>,
    pub(super) access_tokens: Bounded<AccessToken>,
    /// Families that were ended as a whole.
    pub(super) ended: HashSet<u64>,
    next_family: u64,
    /// Ids of client assertions, and when they lapse.
    pub(super) assertion_ids: Bounded<Duration>,
    pub(super) registered: Bounded<Arc<Client>>,
    pub(super) documents: Bounded<Document>,
    pub(super) sessions: Bounded<Session>,
    pub(super) pending: Bounded<Pending>,
    minted: VecDeque<String>,
}

impl State {
    pub(super) fn new(settled: InForce<Settled, IdpDefect>, origin: String, defaults: Defaults) -> Self {
        Self {
            origin,
            defaults,
            settled,
            codes: Bounded::new(MOST_ENTRIES),
            refresh_tokens: Bounded::new(MOST_ENTRIES),
            access_tokens: Bounded::new(MOST_ENTRIES),
            ended: HashSet::new(),
            next_family: 0,
            assertion_ids: Bounded::new(MOST_ENTRIES),
            registered: Bounded::new(MOST_ENTRIES),
            documents: Bounded::new(MOST_ENTRIES),
            sessions: Bounded::new(MOST_ENTRIES),
            pending: Bounded::new(MOST_ENTRIES),
            minted: VecDeque::new(),
        }
    }

    pub(super) fn shows(&self, defect: IdpDefect) -> bool {
        self.settled.shows(defect)
    }

    pub(super) fn site(&self) -> Site<'_> {
        Site { origin: &self.origin, config: &self.settled.config }
    }

    /// The client of an id, if it is known by now.
    pub(super) fn client(&self, id: &str) -> Option<Arc<Client>> {
        let configured = self.settled.clients.iter().find(|client| client.id == id);
        configured
            .map(|client| Arc::new(client.clone()))
            .or_else(|| self.registered.get(id).cloned())
            .or_else(|| self.documents.get(id).map(|document| Arc::clone(&document.client)))
    }

    pub(super) fn user(&self, index: usize) -> Option<&User> {
        self.settled.config.users.get(index)
    }

    /// The password of a user.
    pub(super) fn password<'a>(&'a self, user: &'a User) -> &'a str {
        user.password.as_deref().unwrap_or(&self.defaults.password)
    }

    pub(super) fn new_family(&mut self) -> u64 {
        self.next_family += 1;
        self.next_family
    }

    /// A new secret value, remembered so that it can be hidden.
    pub(super) fn mint(&mut self) -> String {
        let secret = random::secret();
        self.remember(&secret);
        secret
    }

    /// Remembers a value that must not be shown.
    pub(super) fn remember(&mut self, secret: &str) {
        self.minted.push_back(secret.to_owned());
        if self.minted.len() > MOST_SECRETS {
            self.minted.pop_front();
        }
    }
}

impl Memory for State {
    /// Codes and tokens live on.
    fn set(&mut self, change: &Map<String, Value>, _now: Duration) -> Result<(), ConfigError> {
        if let Some(fixed) = FIXED.into_iter().find(|name| change.contains_key(*name)) {
            return Err(ConfigError::new(fixed, "cannot change while the provider runs"));
        }
        let settled = self.settled.over(change, |members| Settled::read(members, &self.defaults))?;
        if settled.config.path != self.settled.config.path {
            return Err(ConfigError::new(
                "profile",
                "would change the issuer, which cannot change while the provider runs",
            ));
        }
        self.settled = settled;
        Ok(())
    }

    fn set_defects(&mut self, ids: &[String]) -> Result<(), ConfigError> {
        self.settled = self.settled.showing(ids)?;
        Ok(())
    }

    /// Forgets codes, tokens, registrations and sessions. Keys and secrets stay.
    fn restart(&mut self, _now: Duration) {
        self.codes.clear();
        self.refresh_tokens.clear();
        self.access_tokens.clear();
        self.ended.clear();
        self.assertion_ids.clear();
        self.registered.clear();
        self.documents.clear();
        self.sessions.clear();
        self.pending.clear();
    }

    fn mint(&mut self, spec: &Value, now: Duration) -> Result<String, ConfigError> {
        self.mint_to_order(spec, now)
    }

    fn minted_secrets(&self) -> Vec<String> {
        self.minted.iter().cloned().collect()
    }
}
