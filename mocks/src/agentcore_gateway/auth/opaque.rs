//! Tokens that are looked up in a list.

use std::time::Duration;

use serde::Deserialize;

use super::Identity;
use super::reason::{Reason, Refusal};
use crate::agentcore_gateway::defects::GatewayDefect;
use crate::agentcore_gateway::state::State;
use crate::duration;

/// A token of the `opaque` authorizer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::agentcore_gateway) struct TokenConfig {
    /// What the client sends.
    pub(in crate::agentcore_gateway) token: String,
    /// Whose it is.
    pub(in crate::agentcore_gateway) subject: String,
    /// What it allows.
    #[serde(default)]
    pub(in crate::agentcore_gateway) scopes: Vec<String>,
    /// Lifetime from the start of the mock.
    #[serde(default = "TokenConfig::lifetime", deserialize_with = "duration::deserialize")]
    pub(in crate::agentcore_gateway) expires_in: Duration,
}

impl TokenConfig {
    fn lifetime() -> Duration {
        Duration::from_secs(3600)
    }

    /// Two callers, one whose token has expired, and one without the scope.
    pub(in crate::agentcore_gateway) fn built_in() -> Vec<Self> {
        let token = |token: &str, subject: &str, scopes: &[&str], seconds: u64| Self {
            token: token.to_owned(),
            subject: subject.to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            expires_in: Duration::from_secs(seconds),
        };
        vec![
            token("fake-gateway-token-alice-0000000000000001", "alice", &["gateway/invoke"], 3600),
            token("fake-gateway-token-bob-000000000000000002", "bob", &["gateway/invoke"], 3600),
            token("fake-gateway-token-expired-00000000000003", "alice", &["gateway/invoke"], 0),
            token("fake-gateway-token-unscoped-0000000000004", "carol", &["openid"], 3600),
        ]
    }
}

impl State {
    /// Looks a token up; `now` counts from the start of the mock.
    pub(super) fn judge_opaque(&self, token: &str, now: Duration) -> Result<Identity, Refusal> {
        let known = self.settled.tokens.iter().find(|known| known.token == token).ok_or(Reason::UnknownToken)?;
        if known.expires_in <= now && !self.shows(GatewayDefect::AcceptsExpiredToken) {
            return Err(Reason::Expired.into());
        }
        Ok(Identity {
            subject: known.subject.clone(),
            client: None,
            token: known.token.clone(),
            scopes: known.scopes.clone(),
            is_known: true,
        })
    }
}
