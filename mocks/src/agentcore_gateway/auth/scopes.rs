//! What a good token allows.

use serde::Deserialize;
use serde_json::Value;
use wiremock::Request;

use super::Identity;
use super::reason::Refusal;
use crate::agentcore_gateway::defects::GatewayDefect;
use crate::agentcore_gateway::state::State;

/// What a caller is told whose token lacks a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::agentcore_gateway) enum ScopeAnswer {
    /// 403 with a challenge that names the scopes, as MCP asks.
    #[default]
    Forbidden,
    /// 403 with a challenge that does not name them.
    ForbiddenWithoutScope,
    /// 401 with the challenge of the 403.
    Unauthorized,
    /// What any bad token is told.
    InvalidToken,
}

impl State {
    /// Holds the scopes of a token against those that all requests need, and those that this one needs.
    pub(super) fn check_scopes(&self, caller: &Identity, request: &Request) -> Result<(), Refusal> {
        let allowed = &self.settled.allowed_scopes;
        let admitted = allowed.is_empty()
            || self.shows(GatewayDefect::AcceptsInsufficientScope)
            || allowed.iter().any(|allowed| self.grants(caller, allowed));
        if !admitted {
            return Err(Refusal::scopes(allowed.clone()));
        }
        if self.shows(GatewayDefect::RequiredScopesNotChecked) {
            return Ok(());
        }
        let needed = self.needed_scopes(request);
        let never = self.settled.config.scopes_never_suffice;
        match needed.is_empty() || (!never && needed.iter().all(|needed| self.grants(caller, needed))) {
            true => Ok(()),
            false => Err(Refusal::scopes(needed)),
        }
    }

    /// Whether a token has a scope, or one that implies it.
    fn grants(&self, caller: &Identity, wanted: &str) -> bool {
        let by_part = self.shows(GatewayDefect::ScopesComparedAsSubstring);
        let implies = !self.shows(GatewayDefect::ScopeHierarchyIgnored);
        caller.scopes.iter().any(|scope| {
            let implied = self.settled.config.scope_implies.get(scope);
            scope == wanted
                || (by_part && scope.contains(wanted))
                || (implies && implied.is_some_and(|implied| implied.iter().any(|scope| scope == wanted)))
        })
    }

    /// The scopes that the methods and tools of a request need.
    fn needed_scopes(&self, request: &Request) -> Vec<String> {
        let required = &self.settled.config.required_scopes;
        if required.is_empty() {
            return Vec::new();
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let messages = match &body {
            Value::Array(batch) => batch.as_slice(),
            message => std::slice::from_ref(message),
        };
        let mut needed: Vec<String> = Vec::new();
        for message in messages {
            let method = message["method"].as_str().unwrap_or_default();
            let tool = message["params"]["name"].as_str().filter(|_| method == "tools/call").unwrap_or_default();
            for scope in [method, tool].into_iter().filter_map(|name| required.get(name)).flatten() {
                if !needed.contains(scope) {
                    needed.push(scope.clone());
                }
            }
        }
        needed
    }
}
