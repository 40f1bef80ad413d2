//! Everything that the gateway mock remembers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::auth::SeenTokens;
use super::config::Settled;
use super::defects::GatewayDefect;
use crate::config::{ConfigError, merge};
use crate::defect::DefectSet;
use crate::jwt::Providers;

/// The state of one instance.
#[derive(Debug)]
pub(super) struct State {
    members: Map<String, Value>,
    pub(super) settled: Settled,
    defects: DefectSet<GatewayDefect>,
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
    pub(super) fn new(
        members: Map<String, Value>,
        defects: DefectSet<GatewayDefect>,
        started: Duration,
    ) -> Result<Self, ConfigError> {
        let settled = Settled::read(&members)?;
        Ok(Self {
            members,
            settled,
            defects,
            started,
            providers: Arc::default(),
            seen: SeenTokens::default(),
            sessions: HashMap::new(),
            last_subject: None,
        })
    }

    pub(super) fn shows(&self, defect: GatewayDefect) -> bool {
        self.defects.has(defect)
    }

    pub(super) fn set_defects(&mut self, defects: DefectSet<GatewayDefect>) {
        self.defects = defects;
    }

    pub(super) fn set(&mut self, change: &Map<String, Value>) -> Result<(), ConfigError> {
        let mut members = self.members.clone();
        merge(&mut members, change);
        self.settled = Settled::read(&members)?;
        self.members = members;
        match change.get("reject_seen") {
            Some(Value::Bool(true)) => self.seen.reject_all(),
            Some(_) => self.seen.reject_none(),
            None => {}
        }
        Ok(())
    }

    /// Forgets all sessions, tokens and keys.
    pub(super) fn restart(&mut self) {
        self.sessions.clear();
        self.seen = SeenTokens::default();
        self.providers.clear();
        self.last_subject = None;
    }
}
