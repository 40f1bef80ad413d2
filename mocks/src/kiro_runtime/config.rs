//! What the runtime mock knows.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::accounts::{self, Account, AccountConfig, AccountKind};
use crate::config::{self, ConfigError};

/// Configuration, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Config {
    /// Whose credentials a conforming client has.
    account: Option<AccountKind>,
    /// The accounts; left out, there is one of each kind.
    accounts: Option<Vec<AccountConfig>>,
    /// Which host it plays.
    pub(super) host: HostPolicy,
    /// Region of the default `Host`-less client; shown as a variable.
    pub(super) region: String,
    /// What a search finds; members left out are filled in.
    pub(super) search_results: Vec<Map<String, Value>>,
    /// A query that holds one of these finds nothing.
    pub(super) no_results_for: Vec<String>,
    /// What `publishedDate` looks like.
    pub(super) dates: Dates,
    /// `error: null` beside a result, or no such member.
    pub(super) error_member: ErrorMember,
    /// How the result of a search is wrapped.
    pub(super) result_shape: ResultShape,
    /// How a search fails, if it does.
    pub(super) tool_failure: ToolFailure,
    /// Longest query in characters; null for no limit.
    pub(super) max_query_length: Option<usize>,
    /// Who has to prove a client identity, and how.
    pub(super) identity_gate: IdentityGate,
    /// The quota is used up.
    pub(super) quota: Option<QuotaReason>,
    /// Too many requests.
    pub(super) rate: Option<Rate>,
    /// Answers that stand in for the real ones, in order.
    pub(super) respond: Vec<Forced>,
    /// `__type` in error bodies.
    pub(super) error_types: bool,
    /// `reason` of a malformed body: newer services say REQUEST_BODY_INVALID, older ones null.
    pub(super) body_invalid_reason: Option<String>,
    /// Token endpoints.
    pub(super) tokens: Tokens,
    /// What ListAvailableModels lists.
    pub(super) models: Vec<String>,
    /// The model.
    pub(super) completions: Completions,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            account: None,
            accounts: None,
            host: HostPolicy::ByHost,
            region: "us-east-1".to_owned(),
            search_results: default_results(),
            no_results_for: vec!["site:".to_owned()],
            dates: Dates::AsGiven,
            error_member: ErrorMember::Null,
            result_shape: ResultShape::Normal,
            tool_failure: ToolFailure::None,
            max_query_length: Some(200),
            identity_gate: IdentityGate::default(),
            quota: None,
            rate: None,
            respond: Vec::new(),
            error_types: false,
            body_invalid_reason: Some("REQUEST_BODY_INVALID".to_owned()),
            tokens: Tokens::default(),
            models: vec!["claude-sonnet-4.5".to_owned(), "claude-haiku-4.5".to_owned()],
            completions: Completions::default(),
        }
    }
}

/// Which host the mock plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum HostPolicy {
    /// The legacy one for `q.{region}.amazonaws.com`, else the runtime.
    ByHost,
    /// `runtime.{region}.kiro.dev`.
    Runtime,
    /// `q.{region}.amazonaws.com`.
    Legacy,
}

/// What `publishedDate` looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Dates {
    /// As in `search_results`.
    AsGiven,
    /// Milliseconds since the epoch.
    Milliseconds,
    /// Null.
    Null,
    /// ISO 8601 text.
    Iso,
}

/// The `error` member of a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ErrorMember {
    /// `"error":null`.
    Null,
    /// None.
    Absent,
}

/// How the result of a search is wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ResultShape {
    /// JSON in the text of one content block.
    Normal,
    /// The text is prose.
    NotJson,
    /// The text is a JSON string that holds the JSON.
    DoubleEncoded,
    /// `results` is null.
    ResultsNull,
    /// `content` is an empty list.
    ContentEmpty,
    /// An HTML page with status 200.
    Html,
    /// An event stream with the answer as its only event.
    EventStream,
}

/// How a search fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ToolFailure {
    /// It does not.
    None,
    /// `isError: true`, and the text is a sentence.
    IsErrorText,
    /// `isError: true`, and the text is JSON with an `error`.
    IsErrorJson,
    /// `isError: false`, and the JSON in the text has an `error`.
    InnerError,
    /// JSON-RPC error -32603.
    Backend,
}

/// Who has to prove a client identity, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct IdentityGate {
    /// Account kinds it applies to.
    pub(super) kinds: Vec<AccountKind>,
    /// What counts as identity.
    pub(super) identity: IdentityRule,
    /// An ARN in `x-amzn-kiro-profile-arn` makes up for a missing identity.
    pub(super) arn_header_waives: bool,
}

impl Default for IdentityGate {
    fn default() -> Self {
        Self { kinds: vec![AccountKind::IdentityCenter], identity: IdentityRule::Both, arn_header_waives: false }
    }
}

/// Which headers have to carry the mark of a known client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum IdentityRule {
    /// `User-Agent` and `x-amz-user-agent`, and the marks are the same.
    Both,
    /// Either of them.
    Either,
    /// `User-Agent`.
    UserAgent,
    /// `x-amz-user-agent`.
    AmzUserAgent,
}

/// `reason` of a 402.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum QuotaReason {
    /// MONTHLY_REQUEST_COUNT.
    Monthly,
    /// OVERAGE_REQUEST_LIMIT_EXCEEDED.
    Overage,
}

/// Too many requests.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Rate {
    /// What the 429 says.
    pub(super) reason: RateReason,
    /// Searches that succeed first.
    pub(super) after: u64,
    /// Refusals, after which searches succeed again; none means for good.
    pub(super) times: Option<u64>,
    /// Seconds in `Retry-After`.
    pub(super) retry_after: Option<u64>,
}

impl Default for Rate {
    fn default() -> Self {
        Self { reason: RateReason::User, after: 0, times: None, retry_after: None }
    }
}

/// What a 429 says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RateReason {
    /// USER_REQUEST_RATE_EXCEEDED.
    User,
    /// SERVICE_REQUEST_RATE_EXCEEDED.
    Service,
    /// Suspicious activity of the account.
    Suspicious,
}

/// An answer that stands in for the real one. A search gets it only when the request itself was right.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Forced {
    /// Which requests.
    #[serde(default)]
    pub(super) on: Operation,
    /// HTTP status.
    pub(super) status: u16,
    /// Text as it stands; anything else as JSON. None is an empty body.
    pub(super) body: Option<Value>,
    /// More headers.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// So many requests; none means every one.
    pub(super) times: Option<u64>,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Operation {
    /// `/mcp` in all its spellings.
    #[default]
    Search,
    /// The Desktop token endpoint.
    RefreshToken,
    /// The OIDC token endpoint.
    Token,
    /// ListAvailableProfiles.
    ListProfiles,
    /// ListAvailableModels.
    ListModels,
    /// GenerateAssistantResponse.
    Completion,
}

/// The model behind completions.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Completions {
    /// What it says: the first entry to a conversation without tool results, the next one to that with the first results, and so
    /// on. After that, and without a script, it answers by itself.
    pub(super) script: Vec<ScriptedTurn>,
    /// A completion needs a profile, as a search does.
    pub(super) profile_required: bool,
}

/// What the model says at one time.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ScriptedTurn {
    pub(super) text: Option<String>,
    /// Tools that it calls after the text.
    pub(super) tools: Vec<ScriptedCall>,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScriptedCall {
    pub(super) name: String,
    #[serde(default = "no_input")]
    pub(super) input: Value,
}

fn no_input() -> Value {
    Value::Object(Map::new())
}

impl ScriptedTurn {
    /// A search of the web.
    pub(super) fn search(query: &str) -> Self {
        let input = serde_json::json!({ "query": query });
        Self { text: None, tools: vec![ScriptedCall { name: "web_search".to_owned(), input }] }
    }
}

/// Token endpoints.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Tokens {
    /// Seconds in `expiresIn`.
    pub(super) expires_in: u64,
    /// OIDC refresh tokens work once.
    pub(super) rotate: bool,
    /// Desktop refresh tokens work once.
    pub(super) desktop_rotate: bool,
    /// The Desktop answer has a `refreshToken`.
    pub(super) desktop_refresh_token: bool,
    /// The Desktop answer has a `profileArn`.
    pub(super) desktop_profile_arn: bool,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            expires_in: accounts::TOKEN_LIFETIME.as_secs(),
            rotate: true,
            desktop_rotate: false,
            desktop_refresh_token: true,
            desktop_profile_arn: true,
        }
    }
}

/// A configuration that has been checked.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    pub(super) config: Config,
    /// The default account first; never empty.
    pub(super) accounts: Vec<Account>,
}

impl Settled {
    /// Reads and checks a configuration.
    pub(super) fn read(members: &Map<String, Value>) -> Result<Self, ConfigError> {
        let config: Config = config::read(Value::Object(members.clone()))?;
        for (index, forced) in config.respond.iter().enumerate() {
            forced.check(&format!("respond[{index}]"))?;
        }
        let accounts = accounts::settle(config.accounts.as_deref(), config.account)?;
        Ok(Self { config, accounts })
    }
}

impl Forced {
    fn check(&self, path: &str) -> Result<(), ConfigError> {
        if !(200..=599).contains(&self.status) {
            let problem = format!("{} is not a final HTTP status; write 200 to 599", self.status);
            return Err(ConfigError::new(format!("{path}.status"), problem));
        }
        for (name, value) in &self.headers {
            if http::HeaderName::try_from(name).is_err() || http::HeaderValue::try_from(value).is_err() {
                let problem = format!("`{name}: {value}` is not a valid header");
                return Err(ConfigError::new(format!("{path}.headers"), problem));
            }
        }
        Ok(())
    }
}

fn default_results() -> Vec<Map<String, Value>> {
    let results = serde_json::json!([
        {
            "title": "Rust 2024 Edition Guide",
            "url": "https://doc.rust-lang.org/edition-guide/rust-2024/index.html",
            "snippet": "What the 2024 edition of Rust changes.",
            "publishedDate": null,
        },
        {
            "title": "Announcing Rust",
            "url": "https://blog.rust-lang.org/",
            "snippet": "Empowering everyone to build reliable and efficient software.",
            "publishedDate": 1_775_520_000_000_u64,
        },
    ]);
    match results {
        Value::Array(results) => results.into_iter().filter_map(|result| result.as_object().cloned()).collect(),
        _ => Vec::new(),
    }
}
