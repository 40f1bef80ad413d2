//! Which tokens are good, and whose they are.

use std::collections::HashMap;
use std::time::Duration;

use super::accounts::Account;

/// Tokens in circulation.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    access: HashMap<String, Access>,
    refresh: HashMap<String, Refresh>,
    serial: u64,
}

/// An access token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access {
    /// Index of its account.
    pub(super) account: usize,
    /// On the mock's clock.
    pub(super) expires_at: Duration,
}

/// A refresh token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refresh {
    /// Index of its account.
    pub(super) account: usize,
    /// Rotated away.
    pub(super) spent: bool,
}

impl Ledger {
    /// The tokens that the accounts begin with.
    pub(super) fn new(accounts: &[Account], now: Duration) -> Self {
        let mut ledger = Self::default();
        for (account, settings) in accounts.iter().enumerate() {
            let fresh = Access { account, expires_at: now + settings.expires_in };
            ledger.access.insert(settings.token.clone(), fresh);
            ledger.access.insert(settings.expired_token.clone(), Access { account, expires_at: Duration::ZERO });
            if let Some(token) = &settings.refresh_token {
                ledger.refresh.insert(token.clone(), Refresh { account, spent: false });
            }
        }
        ledger
    }

    pub(super) fn access(&self, token: &str) -> Option<Access> {
        self.access.get(token).copied()
    }

    pub(super) fn refresh(&self, token: &str) -> Option<Refresh> {
        self.refresh.get(token).copied()
    }

    /// The refresh token is not to be used again.
    pub(super) fn spend(&mut self, token: &str) {
        if let Some(refresh) = self.refresh.get_mut(token) {
            refresh.spent = true;
        }
    }

    /// A new access token that is good until `expires_at`.
    pub(super) fn mint_access(&mut self, account: usize, expires_at: Duration) -> String {
        self.serial += 1;
        let token = format!("aoaAAAAAGfakeRefreshedAccess{:020}:MGUCMQFAKE{account}", self.serial);
        self.access.insert(token.clone(), Access { account, expires_at });
        token
    }

    /// A token that looks good and is not.
    pub(super) fn mint_dead(&mut self) -> String {
        self.serial += 1;
        format!("aoaAAAAAGfakeDeadAccess{:020}:MGUCMQFAKEDEAD", self.serial)
    }

    /// A new refresh token.
    pub(super) fn mint_refresh(&mut self, account: usize) -> String {
        self.serial += 1;
        let token = format!("aorAAAAAGfakeRotatedRefresh{:020}:MGQCMFAKE{account}", self.serial);
        self.refresh.insert(token.clone(), Refresh { account, spent: false });
        token
    }
}
