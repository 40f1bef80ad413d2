//! What the gateway mock knows.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::auth::TokenConfig;
use super::tools::{self, Tool, ToolConfig};
use crate::config::{self, ConfigError};
use crate::duration;

/// The version without handshake and sessions.
pub(super) const MODERN: &str = "2026-07-28";

/// Versions that the service speaks, oldest first.
pub(super) const VERSIONS: &[&str] = &["2025-03-26", "2025-06-18", "2025-11-25", MODERN];

/// Configuration, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Config {
    /// How callers are judged.
    pub(super) authorizer: AuthorizerKind,
    /// Tokens that the `opaque` authorizer knows.
    pub(super) tokens: Option<Vec<TokenConfig>>,
    /// Scopes, one of which a token needs; empty for none. They are named in challenges and metadata.
    pub(super) allowed_scopes: Vec<String>,
    /// `authorization_servers` of the metadata.
    pub(super) authorization_servers: Vec<String>,
    /// The metadata names discovery documents in place of issuers.
    pub(super) discovery_url_as_server: bool,
    /// Form of the challenge.
    pub(super) challenge: ChallengeForm,
    /// Origin that is advertised in place of the request's `Host`.
    pub(super) public_origin: Option<String>,
    /// Domains that `x-amzn-bedrock-agentcore-gateway-domain` may select.
    pub(super) domains: Vec<String>,
    /// Versions spoken; a part of those that the service knows.
    pub(super) supported_versions: Vec<String>,
    /// Tools behind the gateway.
    tools: Option<Vec<ToolConfig>>,
    /// Adds the tool that searches for tools.
    pub(super) semantic_search: bool,
    /// Tools on a page; null for all on one.
    pub(super) page_size: Option<usize>,
    /// `DEBUG` gives detailed texts of internal errors.
    pub(super) exception_level: Option<ExceptionLevel>,
    /// Sessions, which the service has only if configured.
    pub(super) sessions: Option<Sessions>,
    /// Values of `Origin` that are let in besides the gateway's own.
    pub(super) allowed_origins: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            authorizer: AuthorizerKind::Opaque,
            tokens: None,
            allowed_scopes: vec!["gateway/invoke".to_owned()],
            authorization_servers: vec!["https://idp.example.com/oauth2/default".to_owned()],
            discovery_url_as_server: false,
            challenge: ChallengeForm::Auto,
            public_origin: None,
            domains: Vec::new(),
            supported_versions: VERSIONS.iter().map(|version| (*version).to_owned()).collect(),
            tools: None,
            semantic_search: false,
            page_size: Some(4),
            exception_level: None,
            sessions: None,
            allowed_origins: Vec::new(),
        }
    }
}

/// How callers are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AuthorizerKind {
    /// Everybody is let in.
    None,
    /// Bearer tokens are looked up in a list.
    Opaque,
}

/// Form of a 401's challenge; both have been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ChallengeForm {
    /// `detailed` if there are scopes, else `plain`.
    Auto,
    /// `resource_metadata` alone.
    Plain,
    /// `error`, `scope` and `resource_metadata`.
    Detailed,
}

/// How much an internal error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum ExceptionLevel {
    /// Everything.
    #[serde(rename = "DEBUG")]
    Debug,
}

/// Sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Sessions {
    /// Lifetime, counted from initialize: 15 minutes to 8 hours.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(super) timeout: Duration,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(3600) }
    }
}

/// A configuration that has been checked.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    pub(super) config: Config,
    pub(super) tokens: Vec<TokenConfig>,
    pub(super) tools: Vec<Tool>,
}

impl Settled {
    /// Reads and checks a configuration.
    pub(super) fn read(members: &Map<String, Value>) -> Result<Self, ConfigError> {
        let config: Config = config::read(Value::Object(members.clone()))?;
        if config.supported_versions.is_empty() {
            return Err(ConfigError::new("supported_versions", "is empty; name at least one version"));
        }
        for (index, version) in config.supported_versions.iter().enumerate() {
            if !VERSIONS.contains(&version.as_str()) {
                let path = format!("supported_versions[{index}]");
                let problem = format!("the service does not speak `{version}`; it speaks {}", VERSIONS.join(", "));
                return Err(ConfigError::unknown(path, problem, version, VERSIONS.iter().copied()));
            }
        }
        if config.page_size == Some(0) {
            return Err(ConfigError::new("page_size", "is 0; write null for one page with everything"));
        }
        if let Some(sessions) = config.sessions
            && !(900..=28_800).contains(&sessions.timeout.as_secs())
        {
            return Err(ConfigError::new("sessions.timeout", "the service takes 900s to 28800s"));
        }
        let tokens = config.tokens.clone().unwrap_or_else(TokenConfig::built_in);
        let mut tools = tools::settle(config.tools.as_deref())?;
        if config.semantic_search {
            tools.push(Tool::semantic_search());
        }
        Ok(Self { config, tokens, tools })
    }

    /// Whether the version without handshake is spoken.
    pub(super) fn speaks_modern(&self) -> bool {
        self.config.supported_versions.iter().any(|version| version == MODERN)
    }

    /// Versions with a handshake that are spoken, oldest first.
    pub(super) fn legacy_versions(&self) -> Vec<&'static str> {
        let spoken = &self.config.supported_versions;
        VERSIONS
            .iter()
            .copied()
            .filter(|version| *version != MODERN && spoken.iter().any(|spoken| spoken == version))
            .collect()
    }

    /// All versions spoken, oldest first.
    pub(super) fn versions(&self) -> Value {
        let spoken = &self.config.supported_versions;
        json!(VERSIONS.iter().filter(|version| spoken.iter().any(|spoken| spoken == *version)).collect::<Vec<_>>())
    }
}
