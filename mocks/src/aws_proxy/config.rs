//! What the proxy is told.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::config::{self, ConfigError};
use crate::duration;

/// Tools that get the profile argument as shipped.
const SWITCHING_TOOLS: [&str; 5] =
    ["aws___call_aws", "aws___run_script", "aws___get_presigned_url", "aws___get_tasks", "aws___suggest_aws_commands"];

/// Most profiles.
const MOST_PROFILES: usize = 64;

/// Configuration, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Config {
    /// What stands behind the proxy.
    pub(super) upstreams: Upstreams,
    /// Service that requests are signed for.
    pub(super) service: String,
    /// Region that requests are signed for.
    pub(super) region: String,
    /// What the AWS configuration knows, by name.
    pub(super) profiles: Map<String, Value>,
    /// Profile of calls that name none. Default: the first of `allowed`.
    pub(super) default: Option<String>,
    /// Profiles that may be named, with or without credentials behind them. Default: all of `profiles`.
    pub(super) allowed: Option<Vec<String>>,
    /// Which form of profile switching.
    pub(super) flavour: Flavour,
    /// Tools that get the profile argument; `*` is all. Default: those of the flavour.
    pub(super) switching_tools: Option<Vec<String>>,
    /// What is put into `_meta` of calls, unless the client has put it there.
    pub(super) metadata: Map<String, Value>,
    /// Only tools that declare themselves read-only are listed and called.
    pub(super) read_only: bool,
    /// How a JSON-RPC error on tools/call is told.
    pub(super) call_errors: CallErrors,
    /// Longest silence of the upstream.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(super) read_timeout: Duration,
    /// Origins that may stand in `Origin` beside loopback.
    pub(super) allowed_origins: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            upstreams: Upstreams::default(),
            service: "aws-mcp".to_owned(),
            region: "us-east-1".to_owned(),
            profiles: Map::new(),
            default: None,
            allowed: None,
            flavour: Flavour::AwsProfile,
            switching_tools: None,
            metadata: Map::new(),
            read_only: false,
            call_errors: CallErrors::ToolError,
            read_timeout: Duration::from_secs(60),
            allowed_origins: Vec::new(),
        }
    }
}

/// What stands behind the proxy.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Upstreams {
    /// The MCP server; without a path its endpoint is `/mcp`.
    pub(super) aws: Option<String>,
}

/// Forms of profile switching.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Flavour {
    /// As shipped: an argument `aws_profile` of five tools.
    AwsProfile,
    /// As drafted: an argument `profile` of every tool.
    Draft,
}

/// How a JSON-RPC error of the upstream on tools/call is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CallErrors {
    /// As shipped: a result with `isError`.
    ToolError,
    /// As it came, code and message.
    JsonRpc,
}

/// One profile.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Profile {
    pub(super) access_key_id: Option<String>,
    pub(super) secret_access_key: Option<String>,
    pub(super) session_token: Option<String>,
    /// In place of keys: where they are fetched, as the AWS SDKs fetch those of a container.
    pub(super) credentials_url: Option<String>,
    /// What the upstream is told in `_meta.AWS_REGION`. Default: the region that requests are signed for.
    pub(super) region: Option<String>,
}

/// Configuration, checked.
#[derive(Clone)]
pub(super) struct Settled {
    pub(super) config: Config,
    pub(super) endpoint: Option<Url>,
    /// In the order of the configuration.
    pub(super) profiles: Vec<(String, Profile)>,
    pub(super) allowed: Vec<String>,
    pub(super) default: String,
}

impl Settled {
    pub(super) fn read(members: &Map<String, Value>) -> Result<Self, ConfigError> {
        let config: Config = config::read(Value::Object(members.clone()))?;
        let endpoint = config.upstreams.aws.as_deref().map(endpoint).transpose()?;
        if config.profiles.len() > MOST_PROFILES {
            return Err(ConfigError::new("profiles", format!("has more than {MOST_PROFILES} entries")));
        }
        let profile = |(name, value): (&String, &Value)| {
            let profile: Profile = config::read(value.clone()).map_err(|error| ConfigError {
                path: format!("profiles.{name}.{}", error.path).trim_end_matches('.').to_owned(),
                ..error
            })?;
            profile.check(name)?;
            Ok((name.clone(), profile))
        };
        let profiles = config.profiles.iter().map(profile).collect::<Result<Vec<_>, ConfigError>>()?;
        let allowed = match &config.allowed {
            Some(allowed) => allowed.clone(),
            None => profiles.iter().map(|(name, _)| name.clone()).collect(),
        };
        let default = config.default.clone().or_else(|| allowed.first().cloned()).unwrap_or_default();
        if !allowed.is_empty() && !allowed.contains(&default) {
            return Err(ConfigError::unknown(
                "default",
                format!("`{default}` is not among the allowed profiles"),
                &default,
                allowed.iter().map(String::as_str),
            ));
        }
        Ok(Self { config, endpoint, profiles, allowed, default })
    }

    pub(super) fn profile(&self, name: &str) -> Option<&Profile> {
        self.profiles.iter().find(|(known, _)| known == name).map(|(_, profile)| profile)
    }

    /// The region of a profile.
    pub(super) fn region_of(&self, profile: &str) -> &str {
        self.profile(profile).and_then(|profile| profile.region.as_deref()).unwrap_or(&self.config.region)
    }

    /// Name of the argument that selects a profile.
    pub(super) fn argument(&self) -> &'static str {
        match self.config.flavour {
            Flavour::AwsProfile => "aws_profile",
            Flavour::Draft => "profile",
        }
    }

    /// Whether there is a choice of profiles.
    pub(super) fn switches(&self) -> bool {
        self.allowed.len() > 1
    }

    /// Whether calls of a tool may name a profile.
    pub(super) fn switches_tool(&self, tool: &str) -> bool {
        let named = |tools: &[String]| tools.iter().any(|known| known == "*" || known == tool);
        match (&self.config.switching_tools, self.config.flavour) {
            (Some(tools), _) => named(tools),
            (None, Flavour::AwsProfile) => SWITCHING_TOOLS.contains(&tool),
            (None, Flavour::Draft) => true,
        }
    }

    /// What must not be shown.
    pub(super) fn secrets(&self) -> Vec<String> {
        let secrets =
            |(_, profile): &(String, Profile)| [profile.secret_access_key.clone(), profile.session_token.clone()];
        self.profiles.iter().flat_map(secrets).flatten().filter(|secret| !secret.is_empty()).collect()
    }
}

impl Profile {
    fn check(&self, name: &str) -> Result<(), ConfigError> {
        let wrong = |member: &str, problem: &str| Err(ConfigError::new(format!("profiles.{name}.{member}"), problem));
        match (&self.credentials_url, &self.access_key_id, &self.secret_access_key) {
            (Some(url), None, None) if url.parse::<Url>().is_ok() => Ok(()),
            (Some(_), None, None) => wrong("credentials_url", "is not an absolute URL"),
            (Some(_), ..) => wrong("credentials_url", "stands in place of keys, not beside them"),
            (None, Some(_), None) => wrong("secret_access_key", "is missing beside access_key_id"),
            (None, None, Some(_)) => wrong("access_key_id", "is missing beside secret_access_key"),
            (None, ..) => Ok(()),
        }
    }
}

fn endpoint(text: &str) -> Result<Url, ConfigError> {
    let wrong = |problem: String| ConfigError::new("upstreams.aws", problem);
    let mut url: Url = text.parse().map_err(|error| wrong(format!("is not a URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("must be an http or https URL".to_owned()));
    }
    if url.path() == "/" {
        url.set_path("/mcp");
    }
    Ok(url)
}
