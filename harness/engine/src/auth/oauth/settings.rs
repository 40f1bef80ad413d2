//! The spelling of `auth: { oauth: … }`.

use std::fmt;

use gauntlet_format::diagnostic::did_you_mean;
use serde_json::{Map, Value};
use url::Url;

use super::super::jwt::JwtKey;
use super::metadata::is_scope_token;
use crate::transcript::secrets::Secrets;

const MEMBERS: [&str; 17] = [
    "grant",
    "client_id",
    "client_secret",
    "private_key",
    "key_id",
    "key_alg",
    "client_metadata_url",
    "client_name",
    "scopes",
    "resource",
    "issuer",
    "redirect",
    "token_auth",
    "pkce",
    "browser",
    "cache",
    "offline_access",
];

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one request that it is meant for.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// How a token is obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grant {
    /// A person signs in (RFC 6749 §4.1, with PKCE).
    AuthorizationCode,
    /// The client itself is let in (RFC 6749 §4.4).
    ClientCredentials,
}

/// How the client identifies itself at the token endpoint (RFC 8414, `token_endpoint_auth_methods_supported`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenAuth {
    /// By `client_id` alone.
    None,
    /// `Authorization: Basic` (RFC 6749 §2.3.1).
    Basic,
    /// `client_secret` in the body.
    Post,
    /// A signed assertion (RFC 7523).
    PrivateKeyJwt,
}

impl TokenAuth {
    const ALL: [Self; 4] = [Self::None, Self::Basic, Self::Post, Self::PrivateKeyJwt];

    /// As it stands on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// From the wire's spelling.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }
}

/// What happens when metadata does not say that PKCE with S256 is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PkcePolicy {
    /// The sign-in stops, as the specification demands.
    Require,
    /// A warning when nothing is said; it stops when methods are listed and S256 is not among them.
    Warn,
    /// Nothing.
    Ignore,
}

/// Who goes through the authorization endpoint's pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BrowserMode {
    /// The harness, by GETs that follow redirects: for servers that ask nobody.
    Follow,
    /// A person, in a browser that is opened; the redirect comes to a listener on the loopback interface.
    Open,
    /// Nobody: what needs a sign-in ends there.
    None,
}

/// The `resource` parameter (RFC 8707).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ResourceParameter {
    /// The `resource` of the protected resource metadata, else the endpoint.
    Canonical,
    /// This.
    Fixed(String),
    /// None is sent.
    Omitted,
}

/// Where the authorization server sends the browser back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redirect {
    /// `127.0.0.1` or `localhost`.
    pub host: String,
    /// The port; `None`: a free one where somebody listens, else a fixed one.
    pub port: Option<u16>,
    /// The path, with its slash.
    pub path: String,
}

/// How to sign in.
#[derive(Debug, Clone)]
pub(crate) struct OauthSettings {
    /// How a token is obtained. Default `authorization_code`.
    pub grant: Grant,
    /// A client that was registered by hand.
    pub client_id: Option<String>,
    /// Its secret.
    pub client_secret: Option<Secret>,
    /// Its key, for `private_key_jwt`.
    pub key: Option<JwtKey>,
    /// URL of a Client ID Metadata Document, as written: it is the client id.
    pub client_metadata_url: Option<String>,
    /// `client_name` of a registration. Default `Gauntlet`.
    pub client_name: String,
    /// Scopes to ask for, in place of those that the server names.
    pub scopes: Option<Vec<String>>,
    /// The `resource` parameter. Default: the canonical one.
    pub resource: ResourceParameter,
    /// Trusted without asking the MCP server.
    pub issuer: Option<String>,
    /// Default `http://127.0.0.1/callback`.
    pub redirect: Redirect,
    /// In place of what the server's list suggests.
    pub token_auth: Option<TokenAuth>,
    /// Default `warn`.
    pub pkce: PkcePolicy,
    /// Default `follow`.
    pub browser: BrowserMode,
    /// Whether tokens outlive the run. Default: with `browser: open` only.
    pub cache: bool,
    /// Whether `offline_access` is asked for where the server lists it. Default: from 2026-07-28.
    pub offline_access: Option<bool>,
}

impl Default for OauthSettings {
    fn default() -> Self {
        Self {
            grant: Grant::AuthorizationCode,
            client_id: None,
            client_secret: None,
            key: None,
            client_metadata_url: None,
            client_name: "Gauntlet".to_owned(),
            scopes: None,
            resource: ResourceParameter::Canonical,
            issuer: None,
            redirect: Redirect { host: "127.0.0.1".to_owned(), port: None, path: "/callback".to_owned() },
            token_auth: None,
            pkce: PkcePolicy::Warn,
            browser: BrowserMode::Follow,
            cache: false,
            offline_access: None,
        }
    }
}

impl OauthSettings {
    /// From the value of `oauth`, variables resolved. `true` and `{}` mean the defaults.
    ///
    /// # Errors
    /// One sentence that names the member and says what it may be.
    pub(crate) fn from_value(value: &Value, secrets: &Secrets) -> Result<Self, String> {
        let empty = Map::new();
        let object = match value {
            Value::Bool(true) | Value::Null => &empty,
            Value::Object(object) => object,
            _ => return Err("`auth.oauth` is `true` or a mapping such as { client_id: …, scopes: […] }".to_owned()),
        };
        known(object, &MEMBERS, "auth.oauth")?;
        let members = Members { object, prefix: "auth.oauth" };
        let grant = members.choice(
            "grant",
            &[("authorization_code", Grant::AuthorizationCode), ("client_credentials", Grant::ClientCredentials)],
        )?;
        let browser = members.choice(
            "browser",
            &[("follow", BrowserMode::Follow), ("open", BrowserMode::Open), ("none", BrowserMode::None)],
        )?;
        let pkce = members.choice(
            "pkce",
            &[("require", PkcePolicy::Require), ("warn", PkcePolicy::Warn), ("ignore", PkcePolicy::Ignore)],
        )?;
        let token_auth = members.choice("token_auth", &TokenAuth::ALL.map(|method| (method.as_str(), method)))?;
        let default = Self::default();
        let browser = browser.unwrap_or(default.browser);
        let settings = Self {
            grant: grant.unwrap_or(default.grant),
            client_id: members.text("client_id")?,
            client_secret: members.text("client_secret")?.map(Secret::new),
            key: members.key(secrets)?,
            client_metadata_url: members.metadata_url()?,
            client_name: members.text("client_name")?.unwrap_or(default.client_name),
            scopes: members.scopes()?,
            resource: members.resource()?,
            issuer: members.text("issuer")?,
            redirect: members.redirect(default.redirect)?,
            token_auth,
            pkce: pkce.unwrap_or(default.pkce),
            browser,
            cache: members.flag("cache")?.unwrap_or(browser == BrowserMode::Open),
            offline_access: members.flag("offline_access")?,
        };
        if let Some(secret) = &settings.client_secret {
            secrets.add("client_secret", secret.expose());
        }
        settings.agree()?;
        Ok(settings)
    }

    /// What one member demands of another.
    fn agree(&self) -> Result<(), String> {
        let refuse = |text: &str| Err(text.to_owned());
        if self.client_secret.is_some() && self.client_id.is_none() {
            return refuse("`auth.oauth.client_secret` needs the `client_id` that it belongs to");
        }
        if self.grant == Grant::ClientCredentials {
            if self.client_id.is_none() {
                return refuse("`auth.oauth.grant: client_credentials` needs a `client_id`");
            }
            if self.client_secret.is_none() && self.key.is_none() {
                return refuse("`auth.oauth.grant: client_credentials` needs a `client_secret` or a `private_key`");
            }
        }
        match self.token_auth {
            Some(method @ (TokenAuth::Basic | TokenAuth::Post))
                if self.client_id.is_some() && self.client_secret.is_none() =>
            {
                Err(format!("`auth.oauth.token_auth: {}` needs a `client_secret`", method.as_str()))
            }
            Some(TokenAuth::PrivateKeyJwt) if self.key.is_none() => {
                refuse("`auth.oauth.token_auth: private_key_jwt` needs a `private_key`")
            }
            _ => Ok(()),
        }
    }
}

/// Refuses a value of `oauth` that has members which do not exist, whatever their values are.
///
/// # Errors
/// One sentence that names the member.
pub(crate) fn check_members(value: &Value) -> Result<(), String> {
    value.as_object().map_or(Ok(()), |object| known(object, &MEMBERS, "auth.oauth"))
}

/// Refuses members that do not exist.
pub(crate) fn known(object: &Map<String, Value>, members: &[&str], prefix: &str) -> Result<(), String> {
    let Some(unknown) = object.keys().find(|k| !members.contains(&k.as_str())) else { return Ok(()) };
    let advice = did_you_mean(unknown, members.iter().copied())
        .unwrap_or_else(|| format!("its members are {}", members.join(", ")));
    Err(format!("`{prefix}` has no member `{unknown}`; {advice}"))
}

struct Members<'a> {
    object: &'a Map<String, Value>,
    prefix: &'static str,
}

impl Members<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.object.get(name).filter(|v| !v.is_null())
    }

    fn refuse<T>(&self, name: &str, allowed: &str) -> Result<T, String> {
        Err(format!("`{}.{name}` is {allowed}", self.prefix))
    }

    fn text(&self, name: &str) -> Result<Option<String>, String> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(_) => self.refuse(name, "a string that is not empty"),
        }
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => self.refuse(name, "`true` or `false`"),
        }
    }

    fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>, String> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = value.as_str().unwrap_or_default();
        if let Some((_, choice)) = choices.iter().find(|(spelling, _)| *spelling == text) {
            return Ok(Some(*choice));
        }
        let spellings: Vec<&str> = choices.iter().map(|(spelling, _)| *spelling).collect();
        let advice = did_you_mean(text, spellings.iter().copied()).map(|a| format!("; {a}")).unwrap_or_default();
        Err(format!("`{}.{name}` is one of {}, not {value}{advice}", self.prefix, spellings.join(", ")))
    }

    fn scopes(&self) -> Result<Option<Vec<String>>, String> {
        const ALLOWED: &str = "a list of scopes, or a string of them with blanks between";
        let words: Vec<String> = match self.get("scopes") {
            None => return Ok(None),
            Some(Value::String(text)) => text.split(' ').filter(|s| !s.is_empty()).map(str::to_owned).collect(),
            Some(Value::Array(items)) => match items.iter().map(|i| i.as_str().map(str::to_owned)).collect() {
                Some(words) => words,
                None => return self.refuse("scopes", ALLOWED),
            },
            Some(_) => return self.refuse("scopes", ALLOWED),
        };
        match words.iter().find(|word| !is_scope_token(word)) {
            Some(bad) => Err(format!(
                "`{}.scopes`: {bad:?} is not a scope: printable ASCII without blanks, quotes and backslashes",
                self.prefix
            )),
            None => Ok(Some(words)),
        }
    }

    fn resource(&self) -> Result<ResourceParameter, String> {
        match self.get("resource") {
            None | Some(Value::Bool(true)) => Ok(ResourceParameter::Canonical),
            Some(Value::Bool(false)) => Ok(ResourceParameter::Omitted),
            Some(Value::String(text)) if !text.is_empty() => Ok(ResourceParameter::Fixed(text.clone())),
            Some(_) => self.refuse("resource", "the value of the `resource` parameter, or `false` to leave it out"),
        }
    }

    fn redirect(&self, mut redirect: Redirect) -> Result<Redirect, String> {
        let object = match self.get("redirect") {
            None => return Ok(redirect),
            Some(Value::Object(object)) => object,
            Some(_) => return self.refuse("redirect", "a mapping with `host`, `port` and `path`"),
        };
        known(object, &["host", "port", "path"], "auth.oauth.redirect")?;
        let members = Members { object, prefix: "auth.oauth.redirect" };
        if let Some(host) = members.choice("host", &[("127.0.0.1", "127.0.0.1"), ("localhost", "localhost")])? {
            host.clone_into(&mut redirect.host);
        }
        if let Some(port) = members.get("port") {
            let number = port.as_u64().and_then(|p| u16::try_from(p).ok());
            let number = number.or_else(|| port.as_str()?.parse().ok());
            match number {
                Some(0) => redirect.port = None,
                Some(number) => redirect.port = Some(number),
                None => return members.refuse("port", "a port number, or 0 for a free one"),
            }
        }
        if let Some(path) = members.text("path")? {
            if !path.starts_with('/') || path.contains(['?', '#']) || !path.chars().all(|c| c.is_ascii_graphic()) {
                return members.refuse("path", "a path such as /callback, without query and fragment");
            }
            redirect.path = path;
        }
        Ok(redirect)
    }

    fn key(&self, secrets: &Secrets) -> Result<Option<JwtKey>, String> {
        let (kid, alg) = (self.text("key_id")?, self.text("key_alg")?);
        let Some(pem) = self.text("private_key")? else {
            return match (&kid, &alg) {
                (None, None) => Ok(None),
                (Some(_), _) => self.refuse("key_id", "the name of a `private_key`, which is missing"),
                _ => self.refuse("key_alg", "the algorithm of a `private_key`, which is missing"),
            };
        };
        secrets.add("private_key", &pem);
        JwtKey::from_pem(&pem, alg.as_deref(), kid)
            .map(Some)
            .map_err(|why| format!("`{}.private_key`: {why}", self.prefix))
    }

    /// An https URL with a path (draft-ietf-oauth-client-id-metadata-document §3).
    fn metadata_url(&self) -> Result<Option<String>, String> {
        let Some(text) = self.text("client_metadata_url")? else { return Ok(None) };
        let parsed = Url::parse(&text).ok();
        // The parser resolves dot segments; the rule is about the text.
        let dotted = text.split(['?', '#']).next().is_some_and(|path| path.split('/').any(|s| s == "." || s == ".."));
        let fits = parsed.is_some_and(|url| {
            url.scheme() == "https"
                && url.path().len() > 1
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
                && !dotted
        });
        if fits {
            return Ok(Some(text));
        }
        self.refuse("client_metadata_url", "an https URL with a path, without a fragment and credentials")
    }
}
