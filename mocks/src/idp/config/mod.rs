//! What can be set about the provider.

mod tokens;

use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

pub(super) use self::tokens::{Acceptance, Keys, Refresh, RefreshFor, Tokens, User};
use super::clients::{self, Client, ClientConfig, Defaults};
use super::profile::Profile;
use crate::config::{self, ConfigError};

/// The endpoints are on the origin of the issuer.
pub(super) const SAME_ORIGIN: &str = "same";
/// The endpoints are on the other name of loopback.
pub(super) const OTHER_ORIGIN: &str = "other";

/// Configuration, as written over the defaults of its profile.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Config {
    /// Whose habits to have; sets defaults of what follows.
    pub(super) profile: Profile,
    /// Path of the issuer.
    pub(super) path: String,
    /// Origin to advertise in place of its own.
    pub(super) public_origin: Option<String>,
    /// The issuer ends with a slash.
    pub(super) trailing_slash: bool,
    /// Path under which the endpoints are.
    pub(super) endpoints_path: String,
    /// Origin on which the endpoints are advertised: `same` as the issuer's, `other` (`localhost` for an issuer on 127.0.0.1,
    /// the same port), or one that is written out.
    pub(super) endpoints_origin: String,
    /// `/authorize`, `/token` and `/register` work too (the fallback of MCP 2025-03-26).
    pub(super) default_paths: bool,
    /// Where metadata is published.
    pub(super) metadata_forms: Vec<MetadataForm>,
    /// Members to set in the metadata; null leaves one out.
    pub(super) metadata: Map<String, Value>,
    /// The metadata has `code_challenge_methods_supported`.
    pub(super) advertise_pkce: bool,
    /// Responses carry `iss`, and the metadata says so (RFC 9207).
    pub(super) iss: bool,
    /// How users agree.
    pub(super) consent: Consent,
    /// Whether a request needs a `code_challenge`.
    pub(super) pkce: Requirement,
    /// Methods of PKCE.
    pub(super) pkce_methods: Vec<PkceMethod>,
    /// Whether a request needs a `state`.
    pub(super) state: Requirement,
    /// Scopes that exist.
    pub(super) scopes: Vec<String>,
    /// Scopes of a request that names none; empty means that it is refused.
    pub(super) default_scopes: Vec<String>,
    /// What happens to a scope that does not exist or that the client may not have.
    pub(super) unknown_scope: UnknownScope,
    /// What an authorization request without scope gets.
    pub(super) without_scope: WithoutScope,
    /// What `resource` means (RFC 8707).
    pub(super) resource_parameter: ResourceParameter,
    /// Resources that tokens can be meant for; none means all.
    pub(super) resources: Option<Vec<String>>,
    /// Audience of tokens for no particular resource.
    pub(super) audience: Option<String>,
    /// Whether clients can register (RFC 7591).
    pub(super) registration: bool,
    /// Whether a registration has to state `application_type`.
    pub(super) application_type: Requirement,
    /// Whether a client id may be the URL of the client's metadata document.
    pub(super) cimd: bool,
    /// Such documents may be on loopback, over plain HTTP.
    pub(super) cimd_loopback: bool,
    /// Clients besides the four that there are, or in their place if the id is the same.
    pub(super) clients: Vec<ClientConfig>,
    /// Who can sign in; the first does if nobody is asked.
    pub(super) users: Vec<User>,
    /// What tokens are like.
    pub(super) tokens: Tokens,
    /// What signs them.
    pub(super) keys: Keys,
}

impl Default for Config {
    fn default() -> Self {
        let strings = |items: &[&str]| items.iter().map(|&s| s.to_owned()).collect();
        Self {
            profile: Profile::Plain,
            path: String::new(),
            public_origin: None,
            trailing_slash: false,
            endpoints_path: "/v1".to_owned(),
            endpoints_origin: SAME_ORIGIN.to_owned(),
            default_paths: false,
            metadata_forms: vec![MetadataForm::Oauth, MetadataForm::Openid],
            metadata: Map::new(),
            advertise_pkce: true,
            iss: true,
            consent: Consent::Auto,
            pkce: Requirement::Required,
            pkce_methods: vec![PkceMethod::S256],
            state: Requirement::Optional,
            scopes: strings(&["openid", "profile", "email", "offline_access", "gateway/invoke", "gateway/admin"]),
            default_scopes: strings(&["gateway/invoke"]),
            unknown_scope: UnknownScope::Refuse,
            without_scope: WithoutScope::Default,
            resource_parameter: ResourceParameter::Accept,
            resources: None,
            audience: None,
            registration: true,
            application_type: Requirement::Optional,
            cimd: true,
            cimd_loopback: true,
            clients: Vec::new(),
            users: vec![User::default()],
            tokens: Tokens::default(),
            keys: Keys::default(),
        }
    }
}

/// A place for metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum MetadataForm {
    /// `/.well-known/oauth-authorization-server<path>` (RFC 8414).
    Oauth,
    /// `<path>/.well-known/openid-configuration` (OpenID Connect Discovery).
    Openid,
    /// `/.well-known/openid-configuration<path>` (RFC 8414, section 5).
    OpenidInserted,
}

/// How users agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Consent {
    /// At once, without a page.
    Auto,
    /// On a page: sign in, then allow or deny.
    Page,
    /// They do not: `access_denied`.
    Deny,
}

/// Whether a parameter has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Requirement {
    /// It may be left out.
    Optional,
    /// It may not.
    Required,
}

/// A method of PKCE (RFC 7636).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum PkceMethod {
    /// The hash of the verifier.
    S256,
    /// The verifier itself.
    #[serde(rename = "plain")]
    Plain,
}

impl PkceMethod {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::S256 => "S256",
            Self::Plain => "plain",
        }
    }
}

/// What happens to a scope that cannot be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum UnknownScope {
    /// The whole request fails: `invalid_scope`.
    Refuse,
    /// The others are granted.
    Drop,
}

/// What an authorization request without scope gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WithoutScope {
    /// `default_scopes`.
    Default,
    /// `invalid_scope`.
    Refuse,
    /// A code that cannot be exchanged.
    DeadCode,
}

/// What `resource` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ResourceParameter {
    /// The audience follows it.
    Accept,
    /// Nothing.
    Ignore,
    /// `invalid_target` unless it is the application of a requested scope, as with Entra ID (AADSTS9010010).
    MatchScope,
    /// `invalid_target`.
    Refuse,
}

/// A configuration that has been checked.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    pub(super) config: Config,
    /// The clients that were not registered at run time, the public one first; never empty.
    pub(super) clients: Vec<Client>,
}

impl Settled {
    /// The client that stands for any other.
    pub(super) fn first_client(&self) -> &Client {
        &self.clients[0]
    }

    /// Reads and checks a configuration.
    pub(super) fn read(members: &Map<String, Value>, defaults: &Defaults) -> Result<Self, ConfigError> {
        let mut all = Profile::of(members).members();
        config::merge(&mut all, members);
        let config: Config = config::read(Value::Object(all))?;
        for (name, path) in [("path", &config.path), ("endpoints_path", &config.endpoints_path)] {
            check_path(name, path)?;
        }
        if let Some(origin) = &config.public_origin {
            check_origin("public_origin", origin)?;
        }
        match (config.endpoints_origin.as_str(), &config.public_origin) {
            (SAME_ORIGIN, _) | (OTHER_ORIGIN, None) => {}
            (OTHER_ORIGIN, Some(_)) => {
                let problem = "`other` is for loopback; with `public_origin`, write the origin of the endpoints";
                return Err(ConfigError::new("endpoints_origin", problem));
            }
            (origin, _) => check_origin("endpoints_origin", origin)?,
        }
        if config.users.is_empty() {
            return Err(ConfigError::new("users", "names nobody"));
        }
        config.keys.check()?;
        for (member, scopes) in [("scopes", &config.scopes), ("default_scopes", &config.default_scopes)] {
            if let Some(index) = scopes.iter().position(|scope| !is_scope(scope)) {
                let problem = "is not a scope: visible ASCII without blanks, quotes and backslashes";
                return Err(ConfigError::new(format!("{member}[{index}]"), problem));
            }
        }
        let clients = clients::settle(&config, defaults)?;
        Ok(Self { config, clients })
    }
}

/// Whether a text is one scope (RFC 6749, section 3.3).
pub(super) fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

fn check_path(name: &str, path: &str) -> Result<(), ConfigError> {
    let sound = path.is_empty() || (path.starts_with('/') && !path.ends_with('/') && !path.contains("//"));
    let plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte));
    match sound && plain {
        true => Ok(()),
        false => {
            let problem = format!(
                "`{path}` is not a path: empty, or letters, digits and `-._~` after `/`, and no `/` at the end"
            );
            Err(ConfigError::new(name, problem))
        }
    }
}

fn check_origin(member: &str, origin: &str) -> Result<(), ConfigError> {
    let is_origin = Url::parse(origin)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == origin);
    match is_origin {
        true => Ok(()),
        false => {
            let problem = format!("`{origin}` is not an origin such as https://login.example.com");
            Err(ConfigError::new(member, problem))
        }
    }
}
