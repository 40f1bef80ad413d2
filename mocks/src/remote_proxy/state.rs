//! Everything that the proxy remembers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::config::Settled;
use super::defects::ProxyDefect;
use crate::config::ConfigError;
use crate::in_force::InForce;
use crate::instance::Memory;
use crate::jwt::Providers;
use crate::sigv4::AccessKey;

/// Most credentials and tokens kept; beyond that all are forgotten.
const MOST_KEPT: usize = 1_000;

/// How long before their end credentials are renewed.
const RENEWED_BEFORE: Duration = Duration::from_secs(60);

/// The state of one instance.
#[derive(Debug)]
pub(super) struct State {
    own_url: String,
    settled: InForce<Settled, ProxyDefect>,
    /// Keys of the issuer. Requests fetch them without holding the state.
    providers: Arc<Providers>,
    client: HttpClient,
    credentials: HashMap<CredentialsKey, AccessKey>,
    /// Tokens that were good once.
    seen: HashSet<TokenDigest>,
}

/// It follows no redirects.
type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// A token, without being one.
type TokenDigest = [u8; 32];

/// Whose credentials are kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CredentialsKey {
    role: String,
    caller: Option<(String, TokenDigest)>,
}

/// What is in force while one request is served.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) settled: InForce<Settled, ProxyDefect>,
    /// Keys of the issuer.
    pub(super) providers: Arc<Providers>,
    /// To STS and to the remote.
    pub(super) client: HttpClient,
    /// Time of the mock, since the Unix epoch.
    pub(super) now: Duration,
}

impl View {
    pub(super) fn shows(&self, defect: ProxyDefect) -> bool {
        self.settled.shows(defect)
    }

    /// Whether credentials are kept at all.
    pub(super) fn caches(&self) -> bool {
        self.settled.cache
            || self.shows(ProxyDefect::ExpiredCredentialsReused)
            || self.shows(ProxyDefect::CredentialsSharedBetweenCallers)
    }

    /// Under what the credentials of a caller are kept.
    pub(super) fn credentials_key(&self, role: &str, session_name: &str, token: &str) -> CredentialsKey {
        let shared = self.shows(ProxyDefect::CredentialsSharedBetweenCallers);
        let caller = (!shared).then(|| (session_name.to_owned(), digest(token)));
        CredentialsKey { role: role.to_owned(), caller }
    }
}

impl State {
    pub(super) fn new(settled: InForce<Settled, ProxyDefect>, own_url: String) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            own_url,
            settled,
            providers: Arc::default(),
            client: Client::builder(TokioExecutor::new()).build(connector),
            credentials: HashMap::new(),
            seen: HashSet::new(),
        }
    }

    pub(super) fn view(&self, now: Duration) -> View {
        View { settled: self.settled.clone(), providers: Arc::clone(&self.providers), client: self.client.clone(), now }
    }

    /// Credentials that are kept and still good.
    pub(super) fn kept(&self, key: &CredentialsKey, view: &View) -> Option<AccessKey> {
        let kept = self.credentials.get(key)?;
        let good = kept.expires_at.is_none_or(|end| view.now + RENEWED_BEFORE < end);
        (good || view.shows(ProxyDefect::ExpiredCredentialsReused)).then(|| kept.clone())
    }

    pub(super) fn keep(&mut self, key: CredentialsKey, credentials: AccessKey) {
        if self.credentials.len() >= MOST_KEPT {
            self.credentials.clear();
        }
        self.credentials.insert(key, credentials);
    }

    /// Whether a token was good once.
    pub(super) fn has_seen(&self, token: &str) -> bool {
        self.seen.contains(&digest(token))
    }

    pub(super) fn note_seen(&mut self, token: &str) {
        if self.seen.len() >= MOST_KEPT {
            self.seen.clear();
        }
        self.seen.insert(digest(token));
    }
}

impl Memory for State {
    fn set(&mut self, change: &Map<String, Value>, _now: Duration) -> Result<(), ConfigError> {
        self.settled = self.settled.over(change, |members| Settled::read(members, &self.own_url))?;
        Ok(())
    }

    fn set_defects(&mut self, ids: &[String]) -> Result<(), ConfigError> {
        self.settled = self.settled.showing(ids)?;
        Ok(())
    }

    /// Forgets credentials, tokens and keys.
    fn restart(&mut self, _now: Duration) {
        self.credentials.clear();
        self.seen.clear();
        self.providers.clear();
    }

    /// What must not be shown of the credentials that are kept.
    fn minted_secrets(&self) -> Vec<String> {
        let secret = |key: &AccessKey| [Some(key.secret_access_key.clone()), key.session_token.clone()];
        self.credentials.values().flat_map(secret).flatten().collect()
    }
}

fn digest(token: &str) -> TokenDigest {
    Sha256::digest(token.as_bytes()).into()
}
