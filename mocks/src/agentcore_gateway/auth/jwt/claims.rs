//! Claims: whose, for whom, and for how long.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::agentcore_gateway::auth::Identity;
use crate::agentcore_gateway::auth::reason::Reason;
use crate::agentcore_gateway::defects::GatewayDefect;
use crate::agentcore_gateway::state::State;
use crate::jwt::{Token, is_alive, is_begun, text, texts};

/// What the claims of a token are held against, besides the configured rules.
pub(super) struct Expected<'i> {
    /// None if it is not known, and no token is good.
    pub(super) issuer: Option<&'i str>,
    /// The resource that a token may be for: this gateway, as it is advertised.
    pub(super) resource: String,
    /// Since the Unix epoch.
    pub(super) now: Duration,
}

impl State {
    /// Holds the claims against what is expected and the configured rules.
    pub(super) fn check_claims(&self, token: &Token<'_>, expected: &Expected<'_>) -> Result<(), Reason> {
        let claims = &token.claims;
        let check = |fails: bool, defect: GatewayDefect, reason: Reason| match fails && !self.shows(defect) {
            true => Err(reason),
            false => Ok(()),
        };
        let names_issuer = expected.issuer.is_some() && text(claims, "iss") == expected.issuer;
        check(!names_issuer, GatewayDefect::IssuerNotChecked, Reason::WrongIssuer)?;
        check(!is_alive(claims, expected.now), GatewayDefect::AcceptsExpiredToken, Reason::Expired)?;
        check(!is_begun(claims, expected.now), GatewayDefect::NotBeforeNotChecked, Reason::NotYetValid)?;
        check(!self.is_for_us(claims, &expected.resource), GatewayDefect::AudienceNotChecked, Reason::WrongAudience)?;
        let rules = &self.settled.jwt;
        let is_client = rules.allowed_clients.is_empty()
            || rules.client(claims).is_some_and(|client| rules.allowed_clients.iter().any(|allowed| allowed == client));
        check(!is_client, GatewayDefect::ClientNotChecked, Reason::WrongClient)?;
        match rules.custom_claims.iter().all(|rule| rule.is_met(claims, |defect| self.shows(defect))) {
            true => Ok(()),
            false => Err(Reason::ClaimRule),
        }
    }

    fn is_for_us(&self, claims: &Map<String, Value>, resource: &str) -> bool {
        let rules = &self.settled.jwt;
        if rules.allowed_audience.is_empty() && !rules.own_audience {
            return true;
        }
        let own = rules.own_audience.then_some(resource);
        let allowed: Vec<&str> = rules.allowed_audience.iter().map(String::as_str).chain(own).collect();
        let Some(audience) = claims.get("aud") else {
            return self.shows(GatewayDefect::MissingAudienceAccepted);
        };
        let by_prefix = self.shows(GatewayDefect::AudiencePrefixAccepted);
        let is_ours =
            |named: &str| allowed.iter().any(|allowed| named == *allowed || (by_prefix && named.starts_with(allowed)));
        texts(audience).any(is_ours)
    }

    /// The caller that the claims of a good token speak of.
    pub(super) fn identity(&self, token: &str, claims: &Map<String, Value>) -> Identity {
        let client = self.settled.jwt.client(claims).map(str::to_owned);
        let subject = text(claims, "sub").map(str::to_owned).or_else(|| client.clone());
        Identity {
            subject: subject.unwrap_or_else(|| "unknown".to_owned()),
            client,
            token: token.to_owned(),
            scopes: scopes(claims),
            is_known: true,
        }
    }
}

/// Scopes: `scope` as text, as RFC 8693 section 4.2 has it, and `scp` as text or list, as some issuers do.
fn scopes(claims: &Map<String, Value>) -> Vec<String> {
    let mut scopes = Vec::new();
    for value in ["scope", "scp"].into_iter().filter_map(|name| claims.get(name)) {
        scopes.extend(texts(value).flat_map(str::split_ascii_whitespace).map(str::to_owned));
    }
    scopes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scopes_in_every_form() {
        for (claims, expected) in [
            (json!({ "scope": "a b" }), vec!["a", "b"]),
            (json!({ "scp": "a b" }), vec!["a", "b"]),
            (json!({ "scp": ["a", 7, "b"] }), vec!["a", "b"]),
            (json!({ "scope": "", "scp": {} }), vec![]),
            (json!({}), vec![]),
        ] {
            assert_eq!(scopes(claims.as_object().expect("claims")), expected, "{claims}");
        }
    }
}
