//! Everything that the runtime mock remembers.

use std::time::Duration;

use serde_json::{Map, Value};

use super::accounts::Account;
use super::config::{Forced, Operation, Settled};
use super::defects::KiroDefect;
use super::ledger::Ledger;
use super::wire::{Answer, bearer, header};
use crate::config::{ConfigError, merge};
use crate::defect::DefectSet;

/// The state of one instance.
#[derive(Debug)]
pub(super) struct State {
    /// The configuration as written, changes included.
    members: Map<String, Value>,
    pub(super) settled: Settled,
    defects: DefectSet<KiroDefect>,
    pub(super) ledger: Ledger,
    /// Searches that passed every check.
    pub(super) searches: u64,
    /// Refusals for too many requests.
    pub(super) rate_refusals: u64,
    /// Uses of each entry of `respond`.
    forced_uses: Vec<u64>,
    /// Tokens made since the start, also those that a restart forgot.
    pub(super) minted: Vec<String>,
}

impl State {
    pub(super) fn new(
        members: Map<String, Value>,
        defects: DefectSet<KiroDefect>,
        now: Duration,
    ) -> Result<Self, ConfigError> {
        let settled = Settled::read(&members)?;
        let ledger = Ledger::new(&settled.accounts, now);
        let forced_uses = vec![0; settled.config.respond.len()];
        Ok(Self { members, settled, defects, ledger, searches: 0, rate_refusals: 0, forced_uses, minted: Vec::new() })
    }

    pub(super) fn shows(&self, defect: KiroDefect) -> bool {
        self.defects.has(defect)
    }

    pub(super) fn set_defects(&mut self, defects: DefectSet<KiroDefect>) {
        self.defects = defects;
    }

    /// Puts members over the configuration. What an unchanged part remembers stays: tokens live on unless accounts change.
    pub(super) fn set(&mut self, change: &Map<String, Value>, now: Duration) -> Result<(), ConfigError> {
        let mut members = self.members.clone();
        merge(&mut members, change);
        let settled = Settled::read(&members)?;
        if settled.accounts != self.settled.accounts {
            self.ledger = Ledger::new(&settled.accounts, now);
        }
        if settled.config.respond != self.settled.config.respond {
            self.forced_uses = vec![0; settled.config.respond.len()];
        }
        if settled.config.rate != self.settled.config.rate {
            self.searches = 0;
            self.rate_refusals = 0;
        }
        self.members = members;
        self.settled = settled;
        Ok(())
    }

    /// Forgets what happened since the start.
    pub(super) fn restart(&mut self, now: Duration) {
        self.ledger = Ledger::new(&self.settled.accounts, now);
        self.searches = 0;
        self.rate_refusals = 0;
        self.forced_uses.fill(0);
    }

    /// Decides who calls; the answer is for those whose credentials are no good.
    pub(super) fn authenticate(&self, request: &wiremock::Request, now: Duration) -> Result<Account, Answer> {
        let token = bearer(request).unwrap_or_default();
        let index = match self.ledger.access(token) {
            Some(access) if access.expires_at > now || self.shows(KiroDefect::AcceptsExpiredToken) => access.account,
            None if !token.is_empty() && self.shows(KiroDefect::AcceptsUnknownToken) => 0,
            _ => return Err(self.refuse_bearer()),
        };
        let Some(account) = self.settled.accounts.get(index) else {
            return Err(self.refuse_bearer());
        };
        let needs_type = account.kind == super::accounts::AccountKind::ApiKey
            && !self.shows(KiroDefect::AcceptsApiKeyWithoutTokentype);
        let token_type = header(request, "tokentype");
        let is_any = token_type.is_some() && self.shows(KiroDefect::AcceptsAnyTokentype);
        if needs_type && token_type != account.kind.token_type() && !is_any {
            return Err(self.refuse_bearer());
        }
        if account.locked && !self.shows(KiroDefect::ServesLockedAccount) {
            return Err(self.refuse_locked(&account.user_id));
        }
        Ok(account.clone())
    }

    /// The answer that stands in for the real one, if there is one, counted as used.
    pub(super) fn forced(&mut self, operation: Operation) -> Option<Answer> {
        let config = &self.settled.config;
        let position = config
            .respond
            .iter()
            .zip(&self.forced_uses)
            .position(|(forced, uses)| forced.on == operation && forced.times.is_none_or(|times| *uses < times))?;
        if let Some(uses) = self.forced_uses.get_mut(position) {
            *uses += 1;
        }
        let forced = self.settled.config.respond.get(position)?;
        let mut answer = forced.answer();
        if self.shows(KiroDefect::RetryAfterLost) {
            answer.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("retry-after"));
        }
        Some(answer)
    }
}

impl Forced {
    fn answer(&self) -> Answer {
        let mut answer = match &self.body {
            None => Answer::text(self.status, "application/json", String::new()),
            Some(Value::String(text)) => Answer::text(self.status, "text/plain", text.clone()),
            Some(document) => Answer::json(self.status, document),
        };
        answer.headers = self.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        answer
    }
}
