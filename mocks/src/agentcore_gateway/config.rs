//! What the gateway mock knows.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::auth::{
    AccessKeyConfig, CustomClaim, IamRules, JwtRules, MAX_ADVERTISED_SCOPES, RefusalForm, ScopeAnswer, TokenConfig,
};
use super::tools::{self, Tool, ToolConfig};
use crate::config::{self, ConfigError};
use crate::duration;
use crate::mcp::{AnswerForm, SpokenVersions};

/// Configuration, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Config {
    /// How callers are judged.
    pub(super) authorizer: AuthorizerKind,
    /// Tokens that the `opaque` authorizer knows.
    pub(super) tokens: Option<Vec<TokenConfig>>,
    /// Discovery document of the issuer whose tokens the `jwt` authorizer takes.
    pub(super) discovery_url: Option<String>,
    /// Values of `aud`, one of which a token needs; empty for any.
    pub(super) allowed_audience: Vec<String>,
    /// The resource of the metadata is an allowed audience. MCP asks for it, the service does not offer it.
    pub(super) own_audience: bool,
    /// Clients, one of which a token must have been given to; empty for any.
    pub(super) allowed_clients: Vec<String>,
    /// Claims that name the client; the first that a token has counts. The service knows `client_id` alone.
    pub(super) client_claims: Option<Vec<String>>,
    /// Rules for other claims, all of which must be met.
    pub(super) custom_claims: Vec<CustomClaim>,
    /// Shortest time between two fetches of the issuer's keys.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(super) key_refetch_interval: Duration,
    /// Keys that the `iam` authorizer knows.
    pub(super) access_keys: Option<Vec<AccessKeyConfig>>,
    /// Region that requests are to be signed for.
    pub(super) region: Option<String>,
    /// Account of the gateway.
    pub(super) account: Option<String>,
    /// Name of the gateway in its ARN.
    pub(super) gateway_id: Option<String>,
    /// How far the clock of a client that signs may be off.
    #[serde(deserialize_with = "duration::deserialize_option")]
    pub(super) clock_skew: Option<Duration>,
    /// How a refusal by the `iam` authorizer is told.
    pub(super) iam_refusal: Option<RefusalForm>,
    /// Scopes, one of which a token needs; empty for none. They are named in challenges and metadata.
    pub(super) allowed_scopes: Option<Vec<String>>,
    /// Scopes that are advertised in place of those that are validated.
    pub(super) advertised_scope_mapping: HashMap<String, String>,
    /// Scopes that a method or a tool needs, all of them.
    pub(super) required_scopes: HashMap<String, Vec<String>>,
    /// Scopes that a scope includes.
    pub(super) scope_implies: HashMap<String, Vec<String>>,
    /// No scope is ever enough for what needs one.
    pub(super) scopes_never_suffice: bool,
    /// What a caller is told whose token lacks a scope.
    pub(super) insufficient_scope: ScopeAnswer,
    /// Every token is refused.
    pub(super) reject_tokens: bool,
    /// Tokens that are refused although they are good.
    pub(super) revoked: Vec<String>,
    /// Tokens that were good before this was set are refused; later ones are good.
    pub(super) reject_seen: bool,
    /// Methods that need no token.
    pub(super) public_methods: Vec<String>,
    /// Where callers who were let in are sent, in place of an answer.
    pub(super) redirect_to: Option<String>,
    /// How requests are answered.
    pub(super) answers: AnswerForm,
    /// The resource metadata.
    pub(super) resource_metadata: MetadataForm,
    /// Where scopes are advertised.
    pub(super) scopes_in: ScopesIn,
    /// Scopes that the challenge names in place of those configured.
    pub(super) challenge_scopes: Option<Vec<String>>,
    /// Scopes that the metadata names in place of those configured.
    pub(super) metadata_scopes: Option<Vec<String>>,
    /// `authorization_servers` of the metadata; the issuer if not given.
    pub(super) authorization_servers: Option<Vec<String>>,
    /// The metadata names discovery documents in place of issuers.
    pub(super) discovery_url_as_server: bool,
    /// The metadata names issuers with a slash at the end.
    pub(super) trailing_slash_on_server: bool,
    /// Form of the challenge.
    pub(super) challenge: ChallengeForm,
    /// Origin that is advertised in place of the request's `Host`.
    pub(super) public_origin: Option<String>,
    /// Domains that `x-amzn-bedrock-agentcore-gateway-domain` may select.
    pub(super) domains: Vec<String>,
    /// Versions spoken; a part of those that the service knows.
    pub(super) supported_versions: SpokenVersions,
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
            discovery_url: None,
            allowed_audience: Vec::new(),
            own_audience: false,
            allowed_clients: Vec::new(),
            client_claims: None,
            custom_claims: Vec::new(),
            key_refetch_interval: Duration::from_secs(5),
            access_keys: None,
            region: None,
            account: None,
            gateway_id: None,
            clock_skew: None,
            iam_refusal: None,
            allowed_scopes: None,
            advertised_scope_mapping: HashMap::new(),
            required_scopes: HashMap::new(),
            scope_implies: HashMap::new(),
            scopes_never_suffice: false,
            insufficient_scope: ScopeAnswer::default(),
            reject_tokens: false,
            revoked: Vec::new(),
            reject_seen: false,
            public_methods: Vec::new(),
            redirect_to: None,
            answers: AnswerForm::Json,
            resource_metadata: MetadataForm::Served,
            scopes_in: ScopesIn::Both,
            challenge_scopes: None,
            metadata_scopes: None,
            authorization_servers: None,
            discovery_url_as_server: false,
            trailing_slash_on_server: false,
            challenge: ChallengeForm::Auto,
            public_origin: None,
            domains: Vec::new(),
            supported_versions: SpokenVersions::default(),
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
    /// Bearer tokens are signed by an issuer.
    Jwt,
    /// Requests are signed with an access key.
    Iam,
}

/// Form of a 401's challenge; the first three have been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ChallengeForm {
    /// `detailed` if there are scopes, else `plain`.
    Auto,
    /// `resource_metadata` alone.
    Plain,
    /// `error`, `scope` and `resource_metadata`.
    Detailed,
    /// `error` and `scope`.
    WithoutMetadata,
    /// As `auto`, but the metadata named does not exist.
    MetadataNotFound,
    /// There is no challenge.
    None,
}

/// Where scopes are advertised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ScopesIn {
    Both,
    Challenge,
    Metadata,
    Nowhere,
}

/// The resource metadata: as it should be, or as clients have met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum MetadataForm {
    /// At the root of the host.
    Served,
    /// At the path of the endpoint, and not at the root.
    PathForm,
    /// Not there.
    Missing,
    /// An internal error.
    Error,
    /// An HTML page.
    NotJson,
    /// Only for those who have a token.
    NeedsToken,
    /// Without authorization servers.
    NoServers,
    /// Of a resource on another origin.
    ForeignResource,
    /// Of another resource on this origin.
    SiblingResource,
    /// Of a resource below the endpoint.
    DeeperResource,
    /// Of the whole origin.
    OriginResource,
    /// Several megabytes long.
    Huge,
    /// Longer in coming than clients wait.
    Slow,
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
    pub(super) jwt: JwtRules,
    /// Of the `iam` authorizer; none if it is another.
    pub(super) iam: Option<IamRules>,
    /// Scopes, one of which a token needs.
    pub(super) allowed_scopes: Vec<String>,
    pub(super) tokens: Vec<TokenConfig>,
    pub(super) tools: Vec<Tool>,
}

impl Settled {
    /// Reads and checks a configuration.
    pub(super) fn read(members: &Map<String, Value>) -> Result<Self, ConfigError> {
        let config: Config = config::read(Value::Object(members.clone()))?;
        config.supported_versions.check()?;
        if config.page_size == Some(0) {
            return Err(ConfigError::new("page_size", "is 0; write null for one page with everything"));
        }
        if let Some(sessions) = config.sessions
            && !(900..=28_800).contains(&sessions.timeout.as_secs())
        {
            return Err(ConfigError::new("sessions.timeout", "the service takes 900s to 28800s"));
        }
        let jwt = JwtRules::settle(&config)?;
        let iam = IamRules::settle(&config)?;
        let has_list = matches!(config.authorizer, AuthorizerKind::Opaque | AuthorizerKind::None);
        let allowed_scopes = config.allowed_scopes.clone().unwrap_or_else(|| match has_list {
            true => vec!["gateway/invoke".to_owned()],
            false => Vec::new(),
        });
        check_scope_mapping(&config.advertised_scope_mapping, &allowed_scopes)?;
        check_address("redirect_to", config.redirect_to.as_deref())?;
        check_address("public_origin", config.public_origin.as_deref())?;
        check_quotable(&config, &allowed_scopes)?;
        let tokens = match has_list {
            true => config.tokens.clone().unwrap_or_else(TokenConfig::built_in),
            false => Vec::new(),
        };
        let mut tools = tools::settle(config.tools.as_deref())?;
        if config.semantic_search {
            tools.push(Tool::semantic_search());
        }
        Ok(Self { config, jwt, iam, allowed_scopes, tokens, tools })
    }

    /// Authorization servers, as configured or else the issuer.
    pub(super) fn issuers(&self) -> Vec<String> {
        let issuer = || match self.config.authorizer {
            AuthorizerKind::Jwt => self.jwt.issuer.clone(),
            AuthorizerKind::None | AuthorizerKind::Opaque | AuthorizerKind::Iam => {
                "https://idp.example.com/oauth2/default".to_owned()
            }
        };
        self.config.authorization_servers.clone().unwrap_or_else(|| vec![issuer()])
    }

    /// What the outside world is told in place of a scope.
    pub(super) fn advertised<'s>(&'s self, scope: &'s str) -> &'s str {
        self.config.advertised_scope_mapping.get(scope).map_or(scope, String::as_str)
    }

    /// The allowed scopes as the outside world is told of them.
    pub(super) fn advertised_scopes(&self) -> Vec<String> {
        self.allowed_scopes.iter().map(|scope| self.advertised(scope).to_owned()).collect()
    }
}

fn check_scope_mapping(mapping: &HashMap<String, String>, allowed: &[String]) -> Result<(), ConfigError> {
    if mapping.len() > MAX_ADVERTISED_SCOPES {
        let problem = format!("has {} entries; the service takes {MAX_ADVERTISED_SCOPES}", mapping.len());
        return Err(ConfigError::new("advertised_scope_mapping", problem));
    }
    match mapping.keys().find(|scope| !allowed.contains(scope)) {
        Some(scope) => {
            let path = format!("advertised_scope_mapping.{scope}");
            let problem = format!("`{scope}` is not among allowed_scopes, so it is never advertised");
            Err(ConfigError::unknown(path, problem, scope, allowed.iter().map(String::as_str)))
        }
        None => Ok(()),
    }
}

/// Addresses that stand in headers.
fn check_address(member: &str, address: Option<&str>) -> Result<(), ConfigError> {
    let Some(address) = address else {
        return Ok(());
    };
    let is_plain = address.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    match address.parse::<Url>() {
        Ok(url) if matches!(url.scheme(), "http" | "https") && is_plain => Ok(()),
        _ => {
            let problem = format!("`{}` is not an absolute http(s) address", address.escape_debug());
            Err(ConfigError::new(member, problem))
        }
    }
}

/// Scopes stand in a header, between quotes (RFC 6749 section 3.3).
fn check_quotable(config: &Config, allowed: &[String]) -> Result<(), ConfigError> {
    let given = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    let required = config.required_scopes.values().flatten().cloned();
    let advertised = config.advertised_scope_mapping.values().cloned();
    let named = [
        ("allowed_scopes", allowed.to_vec()),
        ("advertised_scope_mapping", advertised.collect()),
        ("required_scopes", required.collect()),
        ("challenge_scopes", given(&config.challenge_scopes)),
        ("metadata_scopes", given(&config.metadata_scopes)),
    ];
    for (member, scopes) in named {
        let is_token = |scope: &str| {
            !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
        };
        if let Some(scope) = scopes.iter().find(|scope| !is_token(scope)) {
            let problem = format!("`{}` is no scope: printable ASCII without blanks and quotes", scope.escape_debug());
            return Err(ConfigError::new(member, problem));
        }
    }
    Ok(())
}
