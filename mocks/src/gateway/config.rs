//! What the gateway knows.

use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::config::{ConfigError, read};

/// Members of the configuration, with the defaults of the documentation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// Path of the endpoint, at the gateway and at the server.
    path: String,
    /// The server behind.
    upstreams: Upstreams,
    /// The gateway's own token for the server.
    token: Option<String>,
}

/// A configuration that has been checked.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) path: String,
    pub(super) token: Option<String>,
    /// Where requests go; none if there is no server.
    pub(super) endpoint: Option<Url>,
}

/// Systems behind the gateway, by address.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Upstreams {
    /// Scheme, host and port of the server.
    upstream: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "/mcp".to_owned(),
            upstreams: Upstreams::default(),
            token: Some("fake-token-of-the-gateway".to_owned()),
        }
    }
}

impl Settled {
    pub(super) fn read(members: &Map<String, Value>) -> Result<Self, ConfigError> {
        let Config { path, upstreams, token } = read(Value::Object(members.clone()))?;
        if !path.starts_with('/') {
            return Err(ConfigError::new("path", "does not begin with `/`"));
        }
        let endpoint = upstreams.upstream.map(|text| match Url::parse(&text).and_then(|url| url.join(&path)) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
            _ => Err(ConfigError::new("upstreams.upstream", "is neither an http nor an https URL")),
        });
        Ok(Self { endpoint: endpoint.transpose()?, path, token })
    }
}
