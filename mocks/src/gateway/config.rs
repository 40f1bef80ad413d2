//! What the gateway knows.

use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::config::{ConfigError, read};

/// Members of the configuration, with the defaults of the documentation.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Config {
    /// Path of the endpoint, at the gateway and at the server.
    pub(super) path: String,
    /// The server behind.
    upstreams: Upstreams,
    /// The gateway's own token for the server.
    pub(super) token: Option<String>,
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

impl Config {
    pub(super) fn read(members: &Map<String, Value>) -> Result<Self, ConfigError> {
        let config: Self = read(Value::Object(members.clone()))?;
        if !config.path.starts_with('/') {
            return Err(ConfigError::new("path", "does not begin with `/`"));
        }
        config.endpoint()?;
        Ok(config)
    }

    /// Where requests go; none if there is no server.
    pub(super) fn endpoint(&self) -> Result<Option<Url>, ConfigError> {
        let Some(text) = &self.upstreams.upstream else { return Ok(None) };
        let url = Url::parse(text).and_then(|url| url.join(&self.path));
        match url {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(url)),
            _ => Err(ConfigError::new("upstreams.upstream", "is neither an http nor an https URL")),
        }
    }
}
