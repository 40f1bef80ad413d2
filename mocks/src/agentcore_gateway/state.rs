//! Everything that the gateway mock remembers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::auth::SeenTokens;
use super::config::Settled;
use super::defects::GatewayDefect;
use crate::config::ConfigError;
use crate::in_force::InForce;
use crate::instance::Memory;
use crate::jwt::Providers;

/// The state of one instance.
#[derive(Debug)]
pub(super) struct State {
    pub(super) settled: InForce<Settled, GatewayDefect>,
    /// When the mock was started, since the Unix epoch.
    pub(super) started: Duration,
    /// Keys of the issuer. Requests fetch them without holding the state.
    pub(super) providers: Arc<Providers>,
    pub(super) seen: SeenTokens,
    pub(super) sessions: HashMap<String, Session>,
    /// Who was named last.
    pub(super) last_subject: Option<String>,
}

/// A session.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// Whose it is; none if it was opened without a token.
    pub(super) owner: Option<Owner>,
    /// The version agreed on.
    pub(super) version: &'static str,
    pub(super) expires_at: Duration,
}

/// Whose a session is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) subject: String,
    /// A subject may come through several clients, which are to be kept apart.
    pub(super) client: Option<String>,
}

impl State {
    pub(super) fn new(settled: InForce<Settled, GatewayDefect>, started: Duration) -> Self {
        Self {
            settled,
            started,
            providers: Arc::default(),
            seen: SeenTokens::default(),
            sessions: HashMap::new(),
            last_subject: None,
        }
    }

    pub(super) fn shows(&self, defect: GatewayDefect) -> bool {
        self.settled.shows(defect)
    }
}

impl Memory for State {
    fn set(&mut self, change: &Map<String, Value>, _now: Duration) -> Result<(), ConfigError> {
        self.settled = self.settled.over(change, Settled::read)?;
        match change.get("reject_seen") {
            Some(Value::Bool(true)) => self.seen.reject_all(),
            Some(_) => self.seen.reject_none(),
            None => {}
        }
        Ok(())
    }

    fn set_defects(&mut self, ids: &[String]) -> Result<(), ConfigError> {
        self.settled = self.settled.showing(ids)?;
        Ok(())
    }

    /// Forgets all sessions, tokens and keys.
    fn restart(&mut self, _now: Duration) {
        self.sessions.clear();
        self.seen = SeenTokens::default();
        self.providers.clear();
        self.last_subject = None;
    }

    fn minted_secrets(&self) -> Vec<String> {
        self.settled.config.revoked.clone()
    }
}
