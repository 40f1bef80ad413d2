//! What is known of an issuer: fetched when it is needed, kept, and fetched again when keys change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::fetch;
use super::keys::KeySet;

/// How long keys are kept although nothing asks for newer ones.
const LONGEST_KEPT: Duration = Duration::from_secs(3600);

/// Shortest time between two fetches of the same keys, unless configured.
const REFETCH_INTERVAL: Duration = Duration::from_secs(5);

/// Most issuers kept. Few are configured; more come only with a defect.
const MOST_SOURCES: usize = 16;

/// Where keys come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// A discovery document, which names the issuer and the address of its keys.
    Discovery(String),
    /// A key set.
    Keys(String),
}

/// An issuer and its keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Provider {
    /// As its document names it; none for a bare key set.
    pub(crate) issuer: Option<String>,
    pub(crate) keys: KeySet,
}

/// Which keys a request needs.
#[derive(Debug)]
pub(crate) struct KeyPlan {
    pub(crate) sources: Vec<Source>,
    /// The key that signed, if the token says so.
    pub(crate) kid: Option<String>,
    /// Time of the mock, since the Unix epoch.
    pub(crate) now: Duration,
    /// Shortest time between two fetches of the same keys.
    pub(crate) interval: Duration,
    /// Keys are fetched again at all.
    pub(crate) refresh: bool,
}

/// Everything fetched.
#[derive(Debug, Default)]
pub(crate) struct Providers {
    kept: Mutex<HashMap<Source, Kept>>,
    /// One fetch at a time, so that many requests cause one.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Kept {
    asked_at: Duration,
    /// None if nothing was ever got.
    provider: Option<Arc<Provider>>,
}

impl KeyPlan {
    /// The keys that the token `kid` belongs to needs, of the issuer with this address; a key that is not known is asked for again.
    pub(crate) fn of_issuer(issuer: &str, kid: Option<String>, now: Duration) -> Self {
        let discovery = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        Self { sources: vec![Source::Discovery(discovery)], kid, now, interval: REFETCH_INTERVAL, refresh: true }
    }
}

impl Providers {
    /// An issuer and its keys, fetched if the plan wants that. None if they cannot be had.
    pub(crate) async fn fetched(&self, plan: &KeyPlan) -> Option<Arc<Provider>> {
        self.prepare(plan).await;
        plan.sources.iter().find_map(|source| self.get(source))
    }

    /// What is known of an issuer.
    pub(crate) fn get(&self, source: &Source) -> Option<Arc<Provider>> {
        self.kept().get(source).and_then(|kept| kept.provider.clone())
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.kept().clear();
    }

    /// Fetches what is not there yet, or too old for the plan.
    pub(crate) async fn prepare(&self, plan: &KeyPlan) {
        for source in &plan.sources {
            if !self.is_due(source, plan) {
                continue;
            }
            let _turn = self.fetching.lock().await;
            // Another request may have been faster.
            if self.is_due(source, plan) {
                self.fetch(source, plan.now).await;
            }
        }
    }

    fn is_due(&self, source: &Source, plan: &KeyPlan) -> bool {
        let kept = self.kept();
        let Some(kept) = kept.get(source) else {
            return true;
        };
        let age = plan.now.saturating_sub(kept.asked_at);
        match &kept.provider {
            None => age >= plan.interval,
            Some(_) if !plan.refresh => false,
            Some(provider) => {
                let unknown = plan.kid.as_deref().is_some_and(|kid| !provider.keys.knows(kid));
                age >= LONGEST_KEPT || (unknown && age >= plan.interval)
            }
        }
    }

    async fn fetch(&self, source: &Source, now: Duration) {
        let fetched = match source {
            Source::Discovery(address) => discover(address).await,
            Source::Keys(address) => key_set(address).await.map(|keys| Provider { issuer: None, keys }),
        };
        let mut kept = self.kept();
        // Old keys are better than none.
        let provider = match fetched {
            Ok(provider) => Some(Arc::new(provider)),
            Err(why) => {
                tracing::debug!(%why, "keys of an issuer could not be had");
                kept.get(source).and_then(|kept| kept.provider.clone())
            }
        };
        if kept.len() >= MOST_SOURCES && !kept.contains_key(source) {
            kept.clear();
        }
        kept.insert(source.clone(), Kept { asked_at: now, provider });
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Source, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn discover(address: &str) -> Result<Provider, String> {
    let document = fetch::json(address).await?;
    let member = |name: &str| {
        document.get(name).and_then(Value::as_str).ok_or_else(|| format!("{address}: has no text `{name}`"))
    };
    let issuer = member("issuer")?.to_owned();
    let keys = key_set(member("jwks_uri")?).await?;
    Ok(Provider { issuer: Some(issuer), keys })
}

async fn key_set(address: &str) -> Result<KeySet, String> {
    KeySet::parse(&fetch::json(address).await?).map_err(|why| format!("{address}: {why}"))
}
