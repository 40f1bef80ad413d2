//! Tokens that an issuer signed: JSON Web Tokens (RFC 7519), judged as the service judges them.

mod claims;
mod config;
mod custom_claims;
mod public_key;
mod signature;

use std::sync::Arc;
use std::time::Duration;

use url::{Host, Url};
use wiremock::Request;

use self::claims::Expected;
pub(in crate::agentcore_gateway) use self::config::{JwtRules, MAX_ADVERTISED_SCOPES};
pub(in crate::agentcore_gateway) use self::custom_claims::CustomClaim;
use super::Identity;
use super::reason::{Reason, Refusal};
use crate::agentcore_gateway::defects::GatewayDefect;
use crate::agentcore_gateway::state::State;
use crate::jwt::{KeyPlan, Provider, Source, Token};

impl State {
    /// Judges a token by its signature and its claims; `now` counts from the start of the mock. The keys must have been fetched
    /// before, see [`State::keys_wanted`].
    pub(super) fn judge_jwt(&self, token: &str, request: &Request, now: Duration) -> Result<Identity, Refusal> {
        let parsed = Token::parse(token).ok_or(Reason::Malformed)?;
        let algorithm = self.acceptable_algorithm(&parsed)?;
        let configured = self.provider(&self.configured_source());
        let named = self.named_source(&parsed).and_then(|source| self.provider(&source));
        let keys = named.clone().or_else(|| configured.clone()).ok_or(Reason::KeysUnavailable)?;
        self.check_signature(&parsed, algorithm, &keys.keys)?;
        // Keys at a bare address come without an issuer.
        let issuer = [named, configured].into_iter().flatten().find_map(|provider| provider.issuer.clone());
        let expected = Expected {
            issuer: issuer.as_deref(),
            resource: format!("{}/mcp", self.advertised_origin(request)),
            now: self.started + now,
        };
        self.check_claims(&parsed, &expected)?;
        Ok(self.identity(token, &parsed.claims))
    }

    /// The keys that have to be at hand before a token can be judged; none if it is no token at all.
    pub(in crate::agentcore_gateway) fn keys_wanted(&self, token: &str, now: Duration) -> Option<KeyPlan> {
        let parsed = Token::parse(token)?;
        let rules = &self.settled.jwt;
        Some(KeyPlan {
            sources: self.named_source(&parsed).into_iter().chain([self.configured_source()]).collect(),
            kid: parsed.kid.clone(),
            now: self.started + now,
            interval: rules.key_refetch_interval,
            refresh: !self.shows(GatewayDefect::KeysNeverRefreshed),
        })
    }

    fn provider(&self, source: &Source) -> Option<Arc<Provider>> {
        self.providers.get(source)
    }

    fn configured_source(&self) -> Source {
        Source::Discovery(self.settled.jwt.discovery_url.clone())
    }

    /// Where the token itself says that its keys are. Whoever made the token wrote that, so the mock goes no further than loopback.
    fn named_source(&self, token: &Token<'_>) -> Option<Source> {
        if !self.shows(GatewayDefect::AnyIssuerKeys) {
            return None;
        }
        if let Some(address) = token.jku.as_deref() {
            return is_loopback(address).then(|| Source::Keys(address.to_owned()));
        }
        let issuer = token.claims.get("iss")?.as_str()?;
        let discovery = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        (is_loopback(&discovery) && discovery != self.settled.jwt.discovery_url).then_some(Source::Discovery(discovery))
    }
}

fn is_loopback(address: &str) -> bool {
    match address.parse::<Url>().ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_this_machine() {
        for address in ["http://127.0.0.1:1/keys", "http://localhost/keys", "http://[::1]:8/keys", "http://127.9.9.9"] {
            assert!(is_loopback(address), "{address}");
        }
        for address in
            ["http://192.0.2.1/", "http://localhost.example/", "http://127.0.0.1.example/", "keys", "", "file:///x"]
        {
            assert!(!is_loopback(address), "{address}");
        }
    }
}
