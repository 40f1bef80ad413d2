//! What the AWS MCP Server mock knows.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::tools;
use crate::aws::policy::Policy;
use crate::aws::profile::{self, Made, Profile};
use crate::aws::role::{self, Role};
use crate::aws::scope;
use crate::config::{self, ConfigError};
use crate::duration;
use crate::mcp::{AnswerForm, SpokenVersions};
use crate::sigv4::Rules;

/// Profiles that are there unless the configuration takes them away.
const PROFILES: &[Made] = &[
    Made { name: "dev", principal: "arn:aws:iam::111111111111:user/dev", expires_in: None },
    Made { name: "prod", principal: "arn:aws:iam::222222222222:user/prod", expires_in: None },
    Made {
        name: "staging",
        principal: "arn:aws:sts::333333333333:assumed-role/Staging/staging-session",
        expires_in: Some("12h"),
    },
    Made {
        name: "expired",
        principal: "arn:aws:sts::111111111111:assumed-role/Developer/old-session",
        expires_in: Some("0s"),
    },
];

/// Most progress notifications of one call.
const MOST_PROGRESS: u32 = 1000;

/// Configuration, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Config {
    /// Access keys and whose they are.
    profiles: Map<String, Value>,
    /// What everybody may do who has no policies of their own; not given, everything.
    policies: Option<Vec<Value>>,
    /// Roles whose sessions have policies of their own.
    roles: Vec<role::Written>,
    /// Service that requests are signed for.
    service: String,
    /// Region that requests are signed for, and where commands run that name none.
    region: String,
    #[serde(deserialize_with = "duration::deserialize")]
    clock_skew: Duration,
    /// `aws:CalledViaAWSMCP` of the calls that the server makes.
    pub(super) called_via: String,
    /// Condition keys of those calls that are to be otherwise; null takes one away.
    pub(super) downstream_context: Map<String, Value>,
    /// Status of a refusal by a bad signature; shown by a public report.
    pub(super) refusal_status: u16,
    /// Status of an expired session token; assumed.
    pub(super) expired_status: u16,
    /// Id in the body of a refusal; assumed.
    pub(super) refusal_id: RefusalId,
    /// Whether there are sessions.
    pub(super) sessions: bool,
    /// To whom a session belongs; assumed.
    pub(super) session_binding: Binding,
    /// Versions spoken.
    pub(super) supported_versions: SpokenVersions,
    /// How calls are answered; one with progress to tell is always answered by a stream.
    pub(super) answers: AnswerForm,
    /// Progress notifications of a call that asks for progress.
    pub(super) progress: u32,
    /// How long calls take, by tool.
    delays: HashMap<String, Delay>,
    /// Tools that are gone.
    pub(super) removed_tools: Vec<String>,
    /// Calls that are one too many.
    pub(super) throttle: Option<Throttle>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Delay(#[serde(deserialize_with = "duration::deserialize")] Duration);

/// Id in the body of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RefusalId {
    /// That of the request.
    Echo,
    /// An empty text, as in the answer to GET.
    Empty,
    /// The text `null`, as AgentCore Runtime has it.
    NullText,
}

/// To whom a session belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Binding {
    /// To the user, or the role: credentials that are got anew for each request have a session name of their own.
    Role,
    /// To the user, or the session of the role.
    Principal,
    /// To whoever knows its id.
    None,
}

/// Calls that are one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Throttle {
    /// Calls that are let through first.
    #[serde(default)]
    pub(super) after: u64,
    /// Calls that are then refused.
    pub(super) times: u64,
    /// When to come back, in seconds.
    #[serde(default = "Throttle::retry_after")]
    pub(super) retry_after: u32,
}

impl Throttle {
    fn retry_after() -> u32 {
        1
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            profiles: Map::new(),
            policies: None,
            roles: Vec::new(),
            service: "aws-mcp".to_owned(),
            region: "us-east-1".to_owned(),
            clock_skew: Duration::from_secs(15 * 60),
            called_via: "aws-mcp.amazonaws.com".to_owned(),
            downstream_context: Map::new(),
            refusal_status: 401,
            expired_status: 401,
            refusal_id: RefusalId::Echo,
            sessions: true,
            session_binding: Binding::Role,
            supported_versions: SpokenVersions::default(),
            answers: AnswerForm::Json,
            progress: 0,
            delays: HashMap::new(),
            removed_tools: Vec::new(),
            throttle: None,
        }
    }
}

/// A configuration that has been checked.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    pub(super) config: Config,
    pub(super) rules: Rules,
    pub(super) profiles: Vec<Profile>,
    /// What everybody may do who has no policies of their own.
    pub(super) policies: Vec<Policy>,
    pub(super) roles: Vec<Role>,
}

/// Puts in the keys that are made at the start, so that they stay when the configuration changes.
pub(super) fn complete(members: &mut Map<String, Value>) -> Result<(), ConfigError> {
    profile::complete(members, PROFILES)
}

impl Settled {
    /// Reads and checks a completed configuration.
    pub(super) fn read(members: &Map<String, Value>) -> Result<Self, ConfigError> {
        let config: Config = config::read(Value::Object(members.clone()))?;
        let profiles = profile::read(&config.profiles)?;
        let policies = Policy::read_of_everybody(config.policies.as_deref())?;
        let roles = role::read(&config.roles)?;
        scope::check("service", &config.service)?;
        scope::check("region", &config.region)?;
        config.supported_versions.check()?;
        for (member, status) in [("refusal_status", config.refusal_status), ("expired_status", config.expired_status)] {
            if !(400..500).contains(&status) {
                return Err(ConfigError::new(member, format!("must be 400 to 499, not {status}")));
            }
        }
        if config.progress > MOST_PROGRESS {
            return Err(ConfigError::new("progress", format!("is {}; {MOST_PROGRESS} is the most", config.progress)));
        }
        let in_delays = config.delays.keys().map(|name| (format!("delays.{name}"), name));
        let removed = config.removed_tools.iter().enumerate();
        let removed = removed.map(|(at, name)| (format!("removed_tools[{at}]"), name));
        for (path, name) in in_delays.chain(removed) {
            if !tools::names().any(|known| known == name) {
                let problem =
                    format!("there is no tool `{name}`; there are {}", tools::names().collect::<Vec<_>>().join(", "));
                return Err(ConfigError::unknown(path, problem, name, tools::names()));
            }
        }
        if let Some((key, _)) =
            config.downstream_context.iter().find(|(_, value)| !value.is_string() && !value.is_null())
        {
            return Err(ConfigError::new(
                format!("downstream_context.{key}"),
                "must be a text, or null for no such key",
            ));
        }
        let rules = Rules { clock_skew: config.clock_skew, ..Rules::new(&config.service, &config.region) };
        Ok(Self { rules, profiles, policies, roles, config })
    }

    /// How long a call takes.
    pub(super) fn delay(&self, tool: &str) -> Duration {
        self.config.delays.get(tool).map_or(Duration::ZERO, |Delay(delay)| *delay)
    }
}
