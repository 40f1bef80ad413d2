//! Everything that the runtime mock remembers.

use std::time::Duration;

use serde_json::{Map, Value};

use super::accounts::Account;
use super::config::{Forced, Operation, Settled};
use super::defects::KiroDefect;
use super::ledger::Ledger;
use super::wire::{Answer, bearer, header};
use crate::config::ConfigError;
use crate::in_force::InForce;
use crate::instance::Memory;

/// The state of one instance.
#[derive(Debug)]
pub(super) struct State {
    pub(super) settled: InForce<Settled, KiroDefect>,
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
    pub(super) fn new(settled: InForce<Settled, KiroDefect>, now: Duration) -> Self {
        let ledger = Ledger::new(&settled.accounts, now);
        let forced_uses = vec![0; settled.config.respond.len()];
        Self { settled, ledger, searches: 0, rate_refusals: 0, forced_uses, minted: Vec::new() }
    }

    pub(super) fn shows(&self, defect: KiroDefect) -> bool {
        self.settled.shows(defect)
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

impl Memory for State {
    /// What an unchanged part remembers stays: tokens live on unless accounts change.
    fn set(&mut self, change: &Map<String, Value>, now: Duration) -> Result<(), ConfigError> {
        let settled = self.settled.over(change, Settled::read)?;
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
        self.settled = settled;
        Ok(())
    }

    fn set_defects(&mut self, ids: &[String]) -> Result<(), ConfigError> {
        self.settled = self.settled.showing(ids)?;
        Ok(())
    }

    fn restart(&mut self, now: Duration) {
        self.ledger = Ledger::new(&self.settled.accounts, now);
        self.searches = 0;
        self.rate_refusals = 0;
        self.forced_uses.fill(0);
    }

    fn minted_secrets(&self) -> Vec<String> {
        self.minted.clone()
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
