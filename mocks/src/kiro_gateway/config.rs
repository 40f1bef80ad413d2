//! What the gateway knows: where its upstream is, whose credentials it holds, how it words failures.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use crate::config::{self, ConfigError};
use crate::duration;
use crate::kiro_runtime::{Account, AccountKind};

/// Configuration, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Config {
    /// What stands behind it.
    upstreams: Upstreams,
    /// Whose credentials it holds, if `credentials` does not say.
    account: Option<AccountKind>,
    /// The credentials.
    credentials: Option<Credentials>,
    /// The profile is stored with the credentials.
    pub(super) stored_profile: bool,
    /// How long the stored access token is still good for; null if none is stored.
    #[serde(deserialize_with = "duration::deserialize_nullable")]
    pub(super) cached_token: Option<Duration>,
    /// Region of the sign-in.
    pub(super) region: String,
    /// Which host searches and completions go to.
    pub(super) host: ApiHost,
    /// Where a search names the profile.
    pub(super) profile_arn: ArnPlace,
    /// When the model is offered a search tool.
    pub(super) inject_search: InjectSearch,
    /// How a failed search is told to the client.
    pub(super) failures: FailureForm,
    /// How a rate limit is told to the client.
    pub(super) rate_limits: FailureForm,
    /// The body of a refused login.
    pub(super) login_errors: LoginErrors,
    /// An answer with the id of another request is refused.
    pub(super) check_answer_id: bool,
    /// Keys of its clients.
    pub(super) api_keys: Vec<String>,
    /// Pause between keep-alives while the upstream is silent.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(super) keep_alive: Duration,
    /// How long it waits for the upstream.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(super) timeout: Duration,
    /// What `/v1/models` lists.
    pub(super) models: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            upstreams: Upstreams::default(),
            account: None,
            credentials: None,
            stored_profile: true,
            cached_token: Some(Duration::from_secs(3600)),
            region: "us-east-1".to_owned(),
            host: ApiHost::Runtime,
            profile_arn: ArnPlace::Body,
            inject_search: InjectSearch::Always,
            failures: FailureForm::Block,
            rate_limits: FailureForm::Status,
            login_errors: LoginErrors::Plain,
            check_answer_id: true,
            api_keys: vec!["fake-kiro-gateway-key-0000".to_owned()],
            keep_alive: Duration::from_millis(500),
            timeout: Duration::from_secs(3),
            models: vec!["claude-sonnet-4.5".to_owned(), "claude-haiku-4.5".to_owned()],
        }
    }
}

/// What stands behind the gateway.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Upstreams {
    /// Origin of the runtime in all its roles.
    runtime: String,
}

/// Which host searches and completions go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ApiHost {
    /// `runtime.{region}.kiro.dev`; accounts that have no profile use the legacy one all the same.
    Runtime,
    /// `q.{region}.amazonaws.com`.
    Legacy,
}

/// Where a search names the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ArnPlace {
    /// `profileArn` in the root of the body.
    Body,
    /// `x-amzn-kiro-profile-arn`.
    Header,
    /// Both.
    Both,
}

/// When the model is offered a search tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum InjectSearch {
    /// Whatever the client declared.
    Always,
    /// When the client declared the server tool.
    Declared,
}

/// How a failed search is told to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FailureForm {
    /// A successful message whose search result is `web_search_tool_result_error`.
    Block,
    /// An error status, as long as nothing has been sent.
    Status,
}

/// The body of a refused login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum LoginErrors {
    /// `{"type":"error","error":{…}}`.
    Plain,
    /// The same inside `{"detail":…}`.
    Detail,
}

/// Credentials, as configured. What is left out is not known to the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    pub(super) kind: AccountKind,
    pub(super) token: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) refresh_token: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<String>,
}

impl From<Account> for Credentials {
    fn from(account: Account) -> Self {
        Self {
            kind: account.kind,
            token: Some(account.token),
            profile: account.profiles.into_iter().next(),
            refresh_token: account.refresh_token,
            client_id: account.client_id,
            client_secret: account.client_secret,
        }
    }
}

/// A configuration that has been checked.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    pub(super) config: Config,
    pub(super) credentials: Credentials,
    /// Origin of the runtime.
    pub(super) runtime: Url,
}

impl Settled {
    /// Reads and checks a configuration.
    pub(super) fn read(members: &Map<String, Value>) -> Result<Self, ConfigError> {
        let config: Config = config::read(Value::Object(members.clone()))?;
        let runtime = origin(&config.upstreams.runtime)?;
        if config.api_keys.iter().all(String::is_empty) {
            return Err(ConfigError::new("api_keys", "has no key; without one nobody can log in"));
        }
        for (path, pause) in [("keep_alive", config.keep_alive), ("timeout", config.timeout)] {
            if pause.is_zero() {
                return Err(ConfigError::new(path, "is no time at all; write 500ms or more"));
            }
        }
        let credentials = match (&config.credentials, config.account) {
            (Some(_), Some(_)) => {
                return Err(ConfigError::new("account", "stands beside `credentials`, which say the kind; keep one"));
            }
            (Some(credentials), None) => credentials.clone(),
            (None, kind) => Account::built_in(kind.unwrap_or(AccountKind::IdentityCenter)).into(),
        };
        Ok(Self { config, credentials, runtime })
    }
}

fn origin(text: &str) -> Result<Url, ConfigError> {
    let path = "upstreams.runtime";
    if text.is_empty() {
        return Err(ConfigError::new(path, "is missing; write the URL of the runtime, such as http://127.0.0.1:8080"));
    }
    let url = Url::parse(text).map_err(|error| ConfigError::new(path, format!("`{text}` is no URL: {error}")))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(ConfigError::new(path, format!("speaks {other}; write an http or https URL"))),
    }
}
