//! What the proxy is told.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use url::Url;

use super::roles::RoleMapping;
use crate::config::{self, ConfigError};

/// Session durations that STS takes, in seconds.
const SESSION_DURATION: std::ops::RangeInclusive<u32> = 900..=43_200;

/// What stands behind the proxy.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct UpstreamsConfig {
    idp: Option<String>,
    sts: Option<String>,
    aws: Option<String>,
}

/// The members of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    upstreams: UpstreamsConfig,
    /// Not there: the own address. Null: none.
    #[serde(deserialize_with = "given")]
    resource_url: Option<Option<String>>,
    audience: Option<String>,
    scopes: Vec<String>,
    region: String,
    service: String,
    fallback_role_arn: Option<String>,
    role_mappings: Vec<RoleMapping>,
    role_claim: String,
    session_name_claim: String,
    session_duration: u32,
    cache: bool,
}

/// A member that is there, null included.
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(value).map(Some)
}

impl Default for Config {
    fn default() -> Self {
        Self {
            upstreams: UpstreamsConfig::default(),
            resource_url: None,
            audience: None,
            scopes: Vec::new(),
            region: "us-east-1".to_owned(),
            service: "aws-mcp".to_owned(),
            fallback_role_arn: None,
            role_mappings: Vec::new(),
            role_claim: "groups".to_owned(),
            session_name_claim: "sub".to_owned(),
            session_duration: 3600,
            cache: false,
        }
    }
}

/// The configuration, checked.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    /// The issuer whose tokens are taken.
    pub(super) issuer: String,
    /// Where tokens are exchanged.
    pub(super) sts: Url,
    /// The remote MCP server.
    pub(super) remote: Url,
    /// What the metadata is about; none if there is none.
    pub(super) resource_url: Option<String>,
    /// What `aud` must hold; none for any.
    pub(super) audience: Option<String>,
    /// Scopes that challenge and metadata name.
    pub(super) scopes: Vec<String>,
    pub(super) region: String,
    pub(super) service: String,
    pub(super) fallback_role_arn: Option<String>,
    pub(super) role_mappings: Vec<RoleMapping>,
    pub(super) role_claim: String,
    pub(super) session_name_claim: String,
    pub(super) session_duration: Duration,
    /// Credentials are kept until they end.
    pub(super) cache: bool,
}

impl Settled {
    /// Checks the members; `own_url` is where the proxy itself is reached.
    pub(super) fn read(members: &Map<String, Value>, own_url: &str) -> Result<Self, ConfigError> {
        let config: Config = config::read(Value::Object(members.clone()))?;
        let UpstreamsConfig { idp, sts, aws } = &config.upstreams;
        let issuer = idp.clone().ok_or_else(|| missing("idp", "the issuer whose tokens are taken"))?;
        http_url("upstreams.idp", &issuer)?;
        let sts = sts.as_deref().ok_or_else(|| missing("sts", "the origin where tokens are exchanged"))?;
        let remote = aws.as_deref().ok_or_else(|| missing("aws", "the address of the remote MCP server"))?;
        let resource_url = match config.resource_url {
            None => Some(own_url.to_owned()),
            Some(resource) => resource,
        };
        if let Some(resource) = &resource_url {
            absolute_url("resource_url", resource)?;
        }
        if config.fallback_role_arn.is_none() && config.role_mappings.is_empty() {
            return Err(ConfigError::new(
                "fallback_role_arn",
                "is needed, or else `role_mappings`: a caller must have a role to assume",
            ));
        }
        if let Some(role) = &config.fallback_role_arn {
            role_arn("fallback_role_arn", role)?;
        }
        for (index, mapping) in config.role_mappings.iter().enumerate() {
            if mapping.claim.is_empty() {
                return Err(ConfigError::new(
                    format!("role_mappings[{index}].claim"),
                    "is empty; it would match nobody",
                ));
            }
            role_arn(&format!("role_mappings[{index}].role_arn"), &mapping.role_arn)?;
        }
        if !SESSION_DURATION.contains(&config.session_duration) {
            let problem = format!(
                "{} is not between {} and {} seconds",
                config.session_duration,
                SESSION_DURATION.start(),
                SESSION_DURATION.end()
            );
            return Err(ConfigError::new("session_duration", problem));
        }
        for (name, value) in [("region", &config.region), ("service", &config.service)] {
            if value.is_empty() {
                return Err(ConfigError::new(name, "is empty; a signature names it"));
            }
        }
        Ok(Self {
            issuer,
            sts: http_url("upstreams.sts", sts)?,
            remote: http_url("upstreams.aws", remote)?,
            resource_url,
            audience: config.audience,
            scopes: config.scopes,
            region: config.region,
            service: config.service,
            fallback_role_arn: config.fallback_role_arn,
            role_mappings: config.role_mappings,
            role_claim: config.role_claim,
            session_name_claim: config.session_name_claim,
            session_duration: Duration::from_secs(config.session_duration.into()),
            cache: config.cache,
        })
    }
}

fn missing(upstream: &str, what: &str) -> ConfigError {
    ConfigError::new(format!("upstreams.{upstream}"), format!("is needed: {what}"))
}

fn absolute_url(path: &str, text: &str) -> Result<Url, ConfigError> {
    let url: Url =
        text.parse().map_err(|error| ConfigError::new(path, format!("`{text}` is not an absolute URL: {error}")))?;
    match matches!(url.scheme(), "http" | "https") && url.has_host() {
        true => Ok(url),
        false => Err(ConfigError::new(path, format!("`{text}` is not an http(s) URL"))),
    }
}

/// An address that the proxy speaks to. It has no TLS of its own: what stands behind it are mocks.
fn http_url(path: &str, text: &str) -> Result<Url, ConfigError> {
    let url = absolute_url(path, text)?;
    match url.scheme() {
        "http" => Ok(url),
        _ => Err(ConfigError::new(path, format!("`{text}` is not an http URL; this mock speaks plain HTTP only"))),
    }
}

/// A role's ARN, as the proxy accepts them: any partition, any path.
fn role_arn(path: &str, text: &str) -> Result<(), ConfigError> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let is_role = match parts.as_slice() {
        ["arn", partition, "iam", "", account, resource] => {
            !partition.is_empty()
                && account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit())
                && resource.strip_prefix("role/").is_some_and(|name| !name.is_empty())
        }
        _ => false,
    };
    match is_role {
        true => Ok(()),
        false => Err(ConfigError::new(
            path,
            format!("`{text}` is not the ARN of a role, such as arn:aws:iam::123456789012:role/Reader"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settle(change: &Value) -> Result<Settled, ConfigError> {
        let mut members = json!({
            "upstreams": { "idp": "http://127.0.0.1:1", "sts": "http://127.0.0.1:2", "aws": "http://127.0.0.1:3/mcp?x=1" },
            "fallback_role_arn": "arn:aws:iam::123456789012:role/Reader",
        });
        let members = members.as_object_mut().expect("an object");
        config::merge(members, change.as_object().expect("an object"));
        Settled::read(members, "http://127.0.0.1:4/mcp")
    }

    #[test]
    fn the_resource_is_the_own_address_unless_said() {
        assert_eq!(settle(&json!({})).expect("good").resource_url.as_deref(), Some("http://127.0.0.1:4/mcp"));
        assert_eq!(settle(&json!({ "resource_url": null })).expect("good").resource_url, None);
        let public = settle(&json!({ "resource_url": "https://proxy.example.com/mcp" })).expect("good");
        assert_eq!(public.resource_url.as_deref(), Some("https://proxy.example.com/mcp"));
    }

    #[test]
    fn mistakes_name_their_place() {
        for (change, path) in [
            (json!({ "upstreams": { "idp": null } }), "upstreams.idp"),
            (json!({ "upstreams": { "sts": "https://sts.amazonaws.com" } }), "upstreams.sts"),
            (json!({ "upstreams": { "aws": "/mcp" } }), "upstreams.aws"),
            (json!({ "resource_url": "mcp" }), "resource_url"),
            (json!({ "fallback_role_arn": null }), "fallback_role_arn"),
            (json!({ "fallback_role_arn": "arn:aws:iam::123456789012:user/alice" }), "fallback_role_arn"),
            (json!({ "fallback_role_arn": "arn:aws:iam::1234:role/Reader" }), "fallback_role_arn"),
            (json!({ "fallback_role_arn": "arn:aws:sts::123456789012:role/Reader" }), "fallback_role_arn"),
            (json!({ "role_mappings": [{ "claim": "a", "role_arn": "Reader" }] }), "role_mappings[0].role_arn"),
            (
                json!({ "role_mappings": [{ "claim": "", "role_arn": "arn:aws:iam::123456789012:role/Reader" }] }),
                "role_mappings[0].claim",
            ),
            (json!({ "role_mappings": [{ "claim": "a" }] }), "role_mappings[0]"),
            (json!({ "session_duration": 899 }), "session_duration"),
            (json!({ "session_duration": 43_201 }), "session_duration"),
            (json!({ "service": "" }), "service"),
            (json!({ "role_clam": "groups" }), "role_clam"),
        ] {
            assert_eq!(settle(&change).expect_err("a mistake").path, path, "{change}");
        }
        assert!(settle(&json!({ "fallback_role_arn": "arn:aws-cn:iam::123456789012:role/team/Reader" })).is_ok());
    }
}
