//! What the `jwt` authorizer is told.

use std::time::Duration;

use serde_json::{Map, Value};
use url::Url;

use super::custom_claims::CustomClaim;
use crate::agentcore_gateway::config::{AuthorizerKind, Config};
use crate::config::ConfigError;
use crate::jwt::text;

/// Most entries of `advertised_scope_mapping`.
pub(in crate::agentcore_gateway) const MAX_ADVERTISED_SCOPES: usize = 50;

/// Ends of a discovery address, OpenID's and that of RFC 8414.
const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// How tokens are judged, checked.
#[derive(Debug, Clone, Default)]
pub(in crate::agentcore_gateway) struct JwtRules {
    /// Address of the discovery document.
    pub(in crate::agentcore_gateway) discovery_url: String,
    /// The issuer, as far as the address tells.
    pub(in crate::agentcore_gateway) issuer: String,
    pub(super) allowed_audience: Vec<String>,
    pub(super) own_audience: bool,
    pub(super) allowed_clients: Vec<String>,
    client_claims: Vec<String>,
    pub(super) custom_claims: Vec<CustomClaim>,
    pub(super) key_refetch_interval: Duration,
}

impl JwtRules {
    /// Reads the members of the authorizer; those of others are contradictions.
    pub(in crate::agentcore_gateway) fn settle(config: &Config) -> Result<Self, ConfigError> {
        if config.authorizer != AuthorizerKind::Jwt {
            return match of_jwt(config).into_iter().find(|(_, is_set)| *is_set) {
                Some((member, _)) => {
                    Err(ConfigError::new(member, "belongs to `authorizer: jwt`; set that, or leave this out"))
                }
                None => Ok(Self::default()),
            };
        }
        if config.tokens.is_some() {
            return Err(ConfigError::new(
                "tokens",
                "belongs to `authorizer: opaque`; an issuer makes the tokens of jwt",
            ));
        }
        let Some(discovery_url) = config.discovery_url.clone() else {
            let problem = format!("is needed by `authorizer: jwt`: the issuer's address and {OPENID}");
            return Err(ConfigError::new("discovery_url", problem));
        };
        let issuer = issuer_of(&discovery_url).ok_or_else(|| {
            let problem = format!("`{discovery_url}` is not an http(s) address that ends in {OPENID} or {OAUTH}");
            ConfigError::new("discovery_url", problem)
        })?;
        if let Some(problem) = config.custom_claims.iter().enumerate().find_map(|(index, rule)| rule.problem(index)) {
            return Err(problem);
        }
        if config.client_claims.as_ref().is_some_and(Vec::is_empty) {
            return Err(ConfigError::new("client_claims", "is empty; name at least one claim"));
        }
        Ok(Self {
            discovery_url,
            issuer,
            allowed_audience: config.allowed_audience.clone(),
            own_audience: config.own_audience,
            allowed_clients: config.allowed_clients.clone(),
            client_claims: config.client_claims.clone().unwrap_or_else(|| vec!["client_id".to_owned()]),
            custom_claims: config.custom_claims.clone(),
            key_refetch_interval: config.key_refetch_interval,
        })
    }

    /// The client that a token was given to.
    pub(super) fn client<'c>(&self, claims: &'c Map<String, Value>) -> Option<&'c str> {
        self.client_claims.iter().find_map(|name| text(claims, name))
    }
}

/// The members that only this authorizer has, and whether they are set.
fn of_jwt(config: &Config) -> [(&'static str, bool); 6] {
    [
        ("discovery_url", config.discovery_url.is_some()),
        ("allowed_audience", !config.allowed_audience.is_empty()),
        ("own_audience", config.own_audience),
        ("allowed_clients", !config.allowed_clients.is_empty()),
        ("client_claims", config.client_claims.is_some()),
        ("custom_claims", !config.custom_claims.is_empty()),
    ]
}

/// The issuer that a discovery address belongs to. RFC 8414 puts the path of the issuer behind the well-known part.
fn issuer_of(discovery_url: &str) -> Option<String> {
    let url: Url = discovery_url.parse().ok()?;
    let has_more = url.query().is_some() || url.fragment().is_some();
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || has_more {
        return None;
    }
    if let Some(issuer) = discovery_url.strip_suffix(OPENID).or_else(|| discovery_url.strip_suffix(OAUTH)) {
        return Some(issuer.to_owned());
    }
    let (origin, path) = discovery_url.split_once(OAUTH)?;
    path.starts_with('/').then(|| format!("{origin}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_of_discovery_addresses() {
        for (address, issuer) in [
            ("https://i.example/.well-known/openid-configuration", Some("https://i.example")),
            ("https://i.example/a/b/.well-known/openid-configuration", Some("https://i.example/a/b")),
            ("http://127.0.0.1:80/.well-known/oauth-authorization-server", Some("http://127.0.0.1:80")),
            ("https://i.example/.well-known/oauth-authorization-server/a/b", Some("https://i.example/a/b")),
            ("https://i.example/", None),
            ("https://i.example/.well-known/oauth-authorization-serverx", None),
            ("https://i.example/.well-known/openid-configuration?x=1", None),
            ("/.well-known/openid-configuration", None),
            ("file:///.well-known/openid-configuration", None),
            ("nonsense", None),
        ] {
            assert_eq!(issuer_of(address).as_deref(), issuer, "{address}");
        }
    }
}
