//! What can be set about the server.

use rmcp::model::ProtocolVersion;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::ConfigError;

/// Configuration of the mock `mcp-server`; every member has a default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Config {
    /// Path of the MCP endpoint.
    pub(super) path: String,
    /// Protocol versions to speak, oldest first. Default: all that the transport allows (2024-11-05 is stdio only).
    pub(super) versions: Option<Vec<String>>,
    /// Whether versions up to 2025-11-25 get a session over HTTP. Without one there is no GET stream and no request from the
    /// server.
    pub(super) sessions: bool,
    /// Whether a request that needs no stream is answered as `application/json`.
    pub(super) json_response: bool,
    /// Items on one page of a list.
    pub(super) page_size: usize,
    /// Names of tools to leave out.
    pub(super) without_tools: Vec<String>,
    /// Whether there are resources.
    pub(super) resources: bool,
    /// Whether there are prompts.
    pub(super) prompts: bool,
    /// Whether arguments are completed.
    pub(super) completions: bool,
    /// Whether there is logging (and the tool `log`).
    pub(super) logging: bool,
    /// `serverInfo.name`.
    pub(super) name: String,
    /// `serverInfo.version`.
    pub(super) version: String,
    /// `instructions`.
    pub(super) instructions: Option<String>,
    /// Freshness of cacheable results, in milliseconds (2026-07-28).
    pub(super) ttl_ms: u64,
    /// The `retry` of priming events, in milliseconds (2025-11-25).
    pub(super) retry_ms: u64,
    /// Hosts, with or without port, that may stand in `Host`. Default: loopback. An empty list allows all.
    pub(super) allowed_hosts: Vec<String>,
    /// Origins that may stand in `Origin`; `:*` is any port. Default: loopback.
    pub(super) allowed_origins: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        let strings = |items: &[&str]| items.iter().map(|&s| s.to_owned()).collect();
        Self {
            path: "/mcp".to_owned(),
            versions: None,
            sessions: true,
            json_response: false,
            page_size: 4,
            without_tools: Vec::new(),
            resources: true,
            prompts: true,
            completions: true,
            logging: true,
            name: "gauntlet-mcp-server".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instructions: None,
            ttl_ms: 60_000,
            retry_ms: 500,
            allowed_hosts: strings(&["localhost", "127.0.0.1", "::1"]),
            allowed_origins: strings(&[
                "http://localhost:*",
                "http://127.0.0.1:*",
                "http://[::1]:*",
                "https://localhost:*",
                "https://127.0.0.1:*",
                "https://[::1]:*",
            ]),
        }
    }
}

/// How messages travel; decides which versions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// Streamable HTTP.
    Http,
    /// Lines on standard input and output.
    Stdio,
}

/// The configuration, and what follows from it for a transport.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) config: Config,
    /// Spoken here, oldest first; never empty.
    pub(super) versions: Vec<ProtocolVersion>,
}

impl Settings {
    /// Reads a configuration.
    pub(super) fn read(members: &Map<String, Value>, transport: Transport) -> Result<Self, ConfigError> {
        let config: Config = crate::config::read(Value::Object(members.clone()))?;
        if config.page_size == 0 {
            return Err(ConfigError::new("page_size", "must be at least 1"));
        }
        if !config.path.starts_with('/') || config.path.contains(['{', '}', '*', '?', '#']) {
            let problem = format!("`{}` is not a path that begins with `/` and has no pattern or query", config.path);
            return Err(ConfigError::new("path", problem));
        }
        let versions = versions(&config, transport)?;
        Ok(Self { config, versions })
    }

    /// Whether a version with a handshake is spoken.
    pub(super) fn has_handshake(&self) -> bool {
        self.versions.iter().any(ProtocolVersion::has_initialize)
    }

    /// Whether the version is spoken.
    pub(super) fn speaks(&self, version: &str) -> bool {
        self.versions.iter().any(|v| v.as_str() == version)
    }
}

fn versions(config: &Config, transport: Transport) -> Result<Vec<ProtocolVersion>, ConfigError> {
    let possible = || {
        let all = ProtocolVersion::KNOWN_VERSIONS.iter();
        all.filter(|v| transport == Transport::Stdio || **v != ProtocolVersion::V_2024_11_05)
    };
    let Some(wanted) = &config.versions else {
        return Ok(possible().cloned().collect());
    };
    for (index, name) in wanted.iter().enumerate() {
        if !possible().any(|v| v.as_str() == name) {
            let problem = format!("`{name}` is not a version that this server speaks over this transport");
            let known = possible().map(ProtocolVersion::as_str);
            return Err(ConfigError::unknown(format!("versions[{index}]"), problem, name, known));
        }
    }
    if wanted.is_empty() {
        return Err(ConfigError::new("versions", "names no version"));
    }
    Ok(possible().filter(|v| wanted.iter().any(|name| name == v.as_str())).cloned().collect())
}

/// Whether a version is that one or a later one.
pub(super) fn at_least(version: &ProtocolVersion, since: &ProtocolVersion) -> bool {
    version.as_str() >= since.as_str()
}
