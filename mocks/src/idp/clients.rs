//! Clients: those that there are from the start, and what is known of each.

use std::sync::Arc;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde_json::Value;

use super::config::{Config, is_scope};
use super::keys::{self, Alg, KeyError, Purpose, SigningKey};
use super::random;
use super::redirects;
use crate::config::ConfigError;

/// Ids of the clients that there always are.
pub(super) const PUBLIC: &str = "gauntlet-public";
pub(super) const CONFIDENTIAL: &str = "gauntlet-confidential";
pub(super) const SERVICE: &str = "gauntlet-service";
pub(super) const ASSERTION: &str = "gauntlet-assertion";

/// Callback paths that native clients are known to use.
const CALLBACK_PATHS: [&str; 6] = ["", "/", "/callback", "/oauth/callback", "/oauth2/callback", "/auth/callback"];

/// How a client proves who it is at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AuthMethod {
    /// Not at all: a public client.
    None,
    /// A secret in the form.
    ClientSecretPost,
    /// A secret in an `Authorization: Basic` header.
    ClientSecretBasic,
    /// A signed assertion (RFC 7523).
    PrivateKeyJwt,
}

impl AuthMethod {
    pub(super) const ALL: [Self; 4] =
        [Self::None, Self::ClientSecretPost, Self::ClientSecretBasic, Self::PrivateKeyJwt];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    pub(super) fn uses_secret(self) -> bool {
        matches!(self, Self::ClientSecretPost | Self::ClientSecretBasic)
    }
}

/// A way to get a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Grant {
    /// With a code from the authorization endpoint.
    AuthorizationCode,
    /// With a refresh token.
    RefreshToken,
    /// With the client's own credentials.
    ClientCredentials,
}

impl Grant {
    pub(super) const ALL: [Self; 3] = [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.name() == name)
    }
}

/// A client, as configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientConfig {
    id: String,
    /// For the login page; the id if left out.
    name: Option<String>,
    /// A client with a secret is confidential.
    secret: Option<String>,
    /// How it authenticates; left out it follows from `secret` and `public_key`.
    auth: Option<Vec<AuthMethod>>,
    /// PEM of the key that verifies its assertions.
    public_key: Option<String>,
    /// Compared exactly, but for the port of loopback addresses. Left out: the usual callbacks on loopback.
    redirect_uris: Option<Vec<String>>,
    /// Scopes it may have; left out, all there are.
    scopes: Option<Vec<String>>,
    /// Left out: code and refresh.
    grants: Option<Vec<Grant>>,
}

/// A key that verifies assertions.
#[derive(Debug, Clone)]
pub(super) enum ClientKey {
    /// SubjectPublicKeyInfo.
    Pem(Alg, String),
    /// Of a registration or a metadata document.
    Jwk(Box<Jwk>),
}

impl ClientKey {
    /// The key, if it can verify that algorithm.
    pub(super) fn decoding(&self, alg: Alg) -> Option<DecodingKey> {
        match (self, alg) {
            (Self::Pem(Alg::RS256, pem), Alg::RS256) => DecodingKey::from_rsa_pem(pem.as_bytes()).ok(),
            (Self::Pem(Alg::ES256, pem), Alg::ES256) => DecodingKey::from_ec_pem(pem.as_bytes()).ok(),
            (Self::Pem(..), _) => None,
            (Self::Jwk(jwk), alg) => {
                let key = DecodingKey::from_jwk(jwk).ok()?;
                (key.family() == alg.algorithm().family()).then_some(key)
            }
        }
    }

    fn from_pem(pem: &str) -> Option<Self> {
        let alg = match (DecodingKey::from_rsa_pem(pem.as_bytes()), DecodingKey::from_ec_pem(pem.as_bytes())) {
            (Ok(_), _) => Alg::RS256,
            (_, Ok(_)) => Alg::ES256,
            _ => return None,
        };
        Some(Self::Pem(alg, pem.to_owned()))
    }

    /// The keys of a `jwks` member.
    pub(super) fn from_jwks(jwks: &Value) -> Vec<Self> {
        let keys = jwks.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let jwks = keys.iter().take(20).filter_map(|key| Jwk::deserialize(key).ok());
        jwks.map(|jwk| Self::Jwk(Box::new(jwk))).collect()
    }
}

/// What is known of a client.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) secret: Option<String>,
    /// Any of them will do; never empty.
    pub(super) methods: Vec<AuthMethod>,
    pub(super) keys: Vec<ClientKey>,
    pub(super) redirect_uris: Vec<String>,
    /// Scopes it may have; none means all there are.
    pub(super) scopes: Option<Vec<String>>,
    pub(super) grants: Vec<Grant>,
}

impl Client {
    pub(super) fn is_public(&self) -> bool {
        self.methods.iter().all(|method| *method == AuthMethod::None)
    }

    pub(super) fn may(&self, grant: Grant) -> bool {
        self.grants.contains(&grant)
    }
}

/// What is made at the start, so that no secret is in the source.
#[derive(Debug, Clone)]
pub(super) struct Defaults {
    pub(super) confidential_secret: String,
    pub(super) service_secret: String,
    pub(super) password: String,
    pub(super) assertion_key: Arc<SigningKey>,
}

impl Defaults {
    pub(super) fn new() -> Result<Self, KeyError> {
        Ok(Self {
            confidential_secret: random::secret(),
            service_secret: random::secret(),
            password: random::secret(),
            assertion_key: keys::key(Purpose::Client, Alg::ES256)?,
        })
    }
}

/// The usual callbacks on loopback, any port.
fn loopback_callbacks() -> Vec<String> {
    let hosts = ["127.0.0.1", "localhost", "[::1]"].into_iter();
    hosts.flat_map(|host| CALLBACK_PATHS.iter().map(move |path| format!("http://{host}{path}"))).collect()
}

/// The clients of a configuration; the public one first.
pub(super) fn settle(config: &Config, defaults: &Defaults) -> Result<Vec<Client>, ConfigError> {
    let code = || vec![Grant::AuthorizationCode, Grant::RefreshToken];
    let client = |id: &str, name: &str, methods: &[AuthMethod]| Client {
        id: id.to_owned(),
        name: name.to_owned(),
        secret: None,
        methods: methods.to_vec(),
        keys: Vec::new(),
        redirect_uris: loopback_callbacks(),
        scopes: None,
        grants: code(),
    };
    let with_secret = [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost];
    let mut clients = vec![
        client(PUBLIC, "Gauntlet public client", &[AuthMethod::None]),
        Client {
            secret: Some(defaults.confidential_secret.clone()),
            ..client(CONFIDENTIAL, "Gauntlet confidential client", &with_secret)
        },
        Client {
            secret: Some(defaults.service_secret.clone()),
            redirect_uris: Vec::new(),
            grants: vec![Grant::ClientCredentials],
            ..client(SERVICE, "Gauntlet service", &with_secret)
        },
        Client {
            keys: vec![ClientKey::Pem(defaults.assertion_key.alg, defaults.assertion_key.public_pem.clone())],
            grants: Grant::ALL.to_vec(),
            ..client(ASSERTION, "Gauntlet client with a key", &[AuthMethod::PrivateKeyJwt])
        },
    ];
    for (index, written) in config.clients.iter().enumerate() {
        let settled = written.settle(&format!("clients[{index}]"))?;
        match clients.iter_mut().find(|client| client.id == settled.id) {
            Some(known) => *known = settled,
            None => clients.push(settled),
        }
    }
    Ok(clients)
}

impl ClientConfig {
    fn settle(&self, path: &str) -> Result<Client, ConfigError> {
        let wrong = |member: &str, problem: String| Err(ConfigError::new(format!("{path}.{member}"), problem));
        if self.id.is_empty() {
            return wrong("id", "is empty".to_owned());
        }
        let mut keys = Vec::new();
        if let Some(pem) = &self.public_key {
            match ClientKey::from_pem(pem) {
                Some(key) => keys.push(key),
                None => return wrong("public_key", "is not the PEM of an RSA or P-256 public key".to_owned()),
            }
        }
        let methods = match (&self.auth, &self.secret) {
            (Some(methods), _) => methods.clone(),
            (None, Some(_)) => vec![AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost],
            (None, None) if !keys.is_empty() => vec![AuthMethod::PrivateKeyJwt],
            (None, None) => vec![AuthMethod::None],
        };
        if methods.is_empty() {
            return wrong("auth", "names no method".to_owned());
        }
        if methods.iter().any(|method| method.uses_secret()) && self.secret.is_none() {
            return wrong("auth", "needs a `secret`".to_owned());
        }
        if methods.contains(&AuthMethod::PrivateKeyJwt) && keys.is_empty() {
            return wrong("auth", "needs a `public_key`".to_owned());
        }
        for (index, uri) in self.redirect_uris.iter().flatten().enumerate() {
            if let Err(problem) = redirects::check(uri) {
                return wrong(&format!("redirect_uris[{index}]"), problem);
            }
        }
        if let Some(index) = self.scopes.iter().flatten().position(|scope| !is_scope(scope)) {
            return wrong(&format!("scopes[{index}]"), "is not a scope".to_owned());
        }
        Ok(Client {
            id: self.id.clone(),
            name: self.name.clone().unwrap_or_else(|| self.id.clone()),
            secret: self.secret.clone(),
            methods,
            keys,
            redirect_uris: self.redirect_uris.clone().unwrap_or_else(loopback_callbacks),
            scopes: self.scopes.clone(),
            grants: self.grants.clone().unwrap_or_else(|| vec![Grant::AuthorizationCode, Grant::RefreshToken]),
        })
    }
}
