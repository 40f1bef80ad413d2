//! The credentials that the gateway holds, and what becomes of them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::super::config::{Credentials, Settled};
use crate::kiro_runtime::AccountKind;

/// A token with less time left than this is renewed before it is used.
const RENEW_BEFORE: Duration = Duration::from_secs(600);

/// Credentials of one account. Requests at the same time share one refresh and one lookup.
#[derive(Debug)]
pub(in super::super) struct Vault {
    pub(super) kind: AccountKind,
    pub(super) client_id: String,
    pub(super) client_secret: Option<String>,
    /// Region of the sign-in.
    pub(super) region: String,
    /// Held by whoever renews the token.
    pub(super) renewing: tokio::sync::Mutex<()>,
    /// Held by whoever looks for the profile.
    pub(super) resolving: tokio::sync::Mutex<()>,
    held: Mutex<Held>,
}

/// What changes.
#[derive(Debug)]
pub(super) struct Held {
    access: Option<Access>,
    pub(super) refresh_token: Option<String>,
    pub(super) profile: Option<String>,
    /// Tokens that were got since the start.
    pub(super) minted: Vec<String>,
}

#[derive(Debug)]
struct Access {
    token: String,
    expires_at: Duration,
}

impl Vault {
    /// What a configuration starts with; `now` is on the mock's clock.
    pub(in super::super) fn new(settled: &Settled, now: Duration) -> Self {
        let Credentials { kind, token, profile, refresh_token, client_id, client_secret } = settled.credentials.clone();
        let cached = match kind {
            // A key is not renewed, so there is nothing to cache.
            AccountKind::ApiKey => Some(Duration::MAX),
            _ => settled.config.cached_token.map(|left| now.saturating_add(left)),
        };
        let access = token.zip(cached).map(|(token, expires_at)| Access { token, expires_at });
        Self {
            kind,
            client_id: client_id.unwrap_or_default(),
            client_secret,
            region: settled.config.region.clone(),
            renewing: tokio::sync::Mutex::default(),
            resolving: tokio::sync::Mutex::default(),
            held: Mutex::new(Held {
                access,
                refresh_token,
                profile: profile.filter(|_| settled.config.stored_profile),
                minted: Vec::new(),
            }),
        }
    }

    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accounts of some kinds have no profile, and are served without one on the legacy host.
    pub(super) fn has_profiles(&self) -> bool {
        !matches!(self.kind, AccountKind::BuilderId | AccountKind::ApiKey)
    }

    /// The access token, if there is one.
    pub(super) fn token(&self) -> Option<String> {
        self.held().access.as_ref().map(|access| access.token.clone())
    }

    /// The access token, if its time is not nearly over.
    pub(super) fn fresh_token(&self, now: Duration) -> Option<String> {
        let held = self.held();
        let access = held.access.as_ref().filter(|access| access.expires_at > now.saturating_add(RENEW_BEFORE))?;
        Some(access.token.clone())
    }

    /// Tokens that were got since the start.
    pub(in super::super) fn minted(&self) -> Vec<String> {
        self.held().minted.clone()
    }
}

impl Held {
    /// Takes over what a token endpoint answered.
    pub(super) fn renew(&mut self, token: String, expires_at: Duration, refresh_token: Option<String>) {
        self.minted.push(token.clone());
        self.minted.extend(refresh_token.clone());
        if refresh_token.is_some() {
            self.refresh_token = refresh_token;
        }
        self.access = Some(Access { token, expires_at });
    }
}
