//! Everything that the gateway mock remembers.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::config::Settled;
use super::defects::GatewayDefect;
use crate::config::{ConfigError, merge};
use crate::defect::DefectSet;

/// The state of one instance.
#[derive(Debug)]
pub(super) struct State {
    members: Map<String, Value>,
    pub(super) settled: Settled,
    defects: DefectSet<GatewayDefect>,
    pub(super) sessions: HashMap<String, Session>,
    /// Who was named last.
    pub(super) last_subject: Option<String>,
}

/// A session.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// Whose it is.
    pub(super) subject: String,
    /// The version agreed on.
    pub(super) version: &'static str,
    pub(super) expires_at: Duration,
}

impl State {
    pub(super) fn new(members: Map<String, Value>, defects: DefectSet<GatewayDefect>) -> Result<Self, ConfigError> {
        let settled = Settled::read(&members)?;
        Ok(Self { members, settled, defects, sessions: HashMap::new(), last_subject: None })
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
        Ok(())
    }

    /// Forgets all sessions.
    pub(super) fn restart(&mut self) {
        self.sessions.clear();
        self.last_subject = None;
    }
}
