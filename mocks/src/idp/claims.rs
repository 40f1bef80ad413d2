//! Header and claims of tokens, in the manner of each provider.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::clients::{AuthMethod, Client};
use super::config::User;
use super::profile::{ENTRA_TENANT, Profile};
use super::random::{half_hash, uuid_of};
use super::scopes::split_scope;

/// What a token says.
#[derive(Debug, Clone)]
pub(super) struct Facts<'a> {
    pub(super) issuer: String,
    pub(super) client: &'a Client,
    /// None if the client acts for itself.
    pub(super) user: Option<&'a User>,
    /// `sub` in place of the one that follows from client and user.
    pub(super) subject: Option<String>,
    pub(super) scopes: &'a [String],
    pub(super) audience: Vec<String>,
    pub(super) nonce: Option<&'a str>,
    pub(super) auth_time: Duration,
    pub(super) issued_at: Duration,
    pub(super) expires_at: Duration,
    /// Unique.
    pub(super) id: String,
}

/// Members of a JSON object.
type Claims = Map<String, Value>;

fn members(value: Value) -> Claims {
    match value {
        Value::Object(members) => members,
        _ => Claims::new(),
    }
}

/// One value as itself, several as a list.
fn one_or_many(values: &[String]) -> Value {
    match values {
        [only] => Value::from(only.as_str()),
        values => json!(values),
    }
}

/// Puts claims over others; null leaves one out.
pub(super) fn lay_over(claims: &mut Claims, changes: &Claims) {
    for (name, value) in changes {
        if value.is_null() {
            claims.shift_remove(name);
        } else {
            claims.insert(name.clone(), value.clone());
        }
    }
}

/// `typ` of an access token; none if the provider gives none.
pub(super) fn access_type(style: Profile) -> Option<&'static str> {
    match style {
        Profile::Plain => Some("at+jwt"),
        Profile::Entra => Some("JWT"),
        Profile::Cognito | Profile::Okta => None,
    }
}

impl Facts<'_> {
    /// `sub`.
    pub(super) fn subject(&self, style: Profile) -> String {
        if let Some(subject) = &self.subject {
            return subject.clone();
        }
        let Some(user) = self.user else {
            return match style {
                Profile::Entra => uuid_of(&format!("service principal {}", self.client.id)),
                _ => self.client.id.clone(),
            };
        };
        match (&user.subject, style) {
            (Some(subject), _) => subject.clone(),
            (None, Profile::Plain) => user.username.clone(),
            (None, Profile::Cognito) => uuid_of(&user.username),
            (None, Profile::Okta) => user.email(),
            // Entra ID gives every application another name for the same user.
            (None, Profile::Entra) => half_hash(&format!("{} {}", user.username, self.client.id)),
        }
    }

    /// The claims of an access token.
    pub(super) fn access(&self, style: Profile) -> Claims {
        let mut claims = match style {
            Profile::Plain => self.plain_access(),
            Profile::Cognito => self.cognito_access(),
            Profile::Okta => self.okta_access(),
            Profile::Entra => self.entra_access(),
        };
        if let Some(user) = self.user {
            lay_over(&mut claims, &user.claims);
        }
        claims
    }

    /// RFC 9068.
    fn plain_access(&self) -> Claims {
        let mut claims = members(json!({
            "iss": self.issuer,
            "sub": self.subject(Profile::Plain),
            "aud": one_or_many(&self.audience),
            "client_id": self.client.id,
            "scope": self.scopes.join(" "),
            "jti": self.id,
            "iat": self.issued_at.as_secs(),
            "nbf": self.issued_at.as_secs(),
            "exp": self.expires_at.as_secs(),
        }));
        if self.user.is_some() {
            claims.insert("auth_time".to_owned(), Value::from(self.auth_time.as_secs()));
        }
        claims
    }

    fn cognito_access(&self) -> Claims {
        let subject = self.subject(Profile::Cognito);
        let mut claims = members(json!({
            "sub": subject,
            "iss": self.issuer,
            "version": 2,
            "client_id": self.client.id,
            "token_use": "access",
            "scope": self.scopes.join(" "),
            "auth_time": self.auth_time.as_secs(),
            "exp": self.expires_at.as_secs(),
            "iat": self.issued_at.as_secs(),
            "jti": uuid_of(&self.id),
        }));
        if let Some(user) = self.user {
            claims.insert(
                "origin_jti".to_owned(),
                Value::from(uuid_of(&format!("origin {}", self.auth_time.as_nanos()))),
            );
            claims.insert("username".to_owned(), Value::from(user.username.as_str()));
        }
        claims
    }

    fn okta_access(&self) -> Claims {
        let mut claims = members(json!({
            "ver": 1,
            "jti": format!("AT.{}", self.id),
            "iss": self.issuer,
            "aud": one_or_many(&self.audience),
            "iat": self.issued_at.as_secs(),
            "exp": self.expires_at.as_secs(),
            "cid": self.client.id,
            "scp": self.scopes,
            "sub": self.subject(Profile::Okta),
        }));
        if let Some(user) = self.user {
            claims.insert("uid".to_owned(), Value::from(okta_id(user)));
            claims.insert("auth_time".to_owned(), Value::from(self.auth_time.as_secs()));
        }
        claims
    }

    fn entra_access(&self) -> Claims {
        let subject = self.subject(Profile::Entra);
        let proof = match self.client.methods.first() {
            None | Some(AuthMethod::None) => "0",
            Some(AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost) => "1",
            Some(AuthMethod::PrivateKeyJwt) => "2",
        };
        let mut claims = members(json!({
            "aud": one_or_many(&self.audience),
            "iss": self.issuer,
            "iat": self.issued_at.as_secs(),
            "nbf": self.issued_at.as_secs(),
            "exp": self.expires_at.as_secs(),
            "azp": self.client.id,
            "azpacr": proof,
            "sub": subject,
            "tid": ENTRA_TENANT,
            "uti": half_hash(&self.id),
            "ver": "2.0",
        }));
        match self.user {
            Some(user) => {
                let scopes: Vec<&str> =
                    self.scopes.iter().filter_map(|scope| split_scope(scope)).map(|(_, name)| name).collect();
                claims.insert("scp".to_owned(), Value::from(scopes.join(" ")));
                claims.insert("oid".to_owned(), Value::from(uuid_of(&user.username)));
                claims.insert("name".to_owned(), Value::from(user.name.as_deref().unwrap_or(&user.username)));
                claims.insert("preferred_username".to_owned(), Value::from(user.email()));
            }
            // An application of its own has no scopes but roles, and is its own object.
            None => {
                claims.insert("oid".to_owned(), Value::from(subject));
                claims.insert("idtyp".to_owned(), Value::from("app"));
            }
        }
        claims
    }

    /// The claims of an ID token (OpenID Connect Core, section 2). `access_token` is the one beside it.
    pub(super) fn id(&self, style: Profile, access_token: &str) -> Claims {
        let has = |scope: &str| self.scopes.iter().any(|known| known == scope);
        let mut claims = members(json!({
            "iss": self.issuer,
            "sub": match (style, self.user) {
                (Profile::Okta, Some(user)) if self.subject.is_none() && user.subject.is_none() => okta_id(user),
                _ => self.subject(style),
            },
            "aud": self.client.id,
            "iat": self.issued_at.as_secs(),
            "exp": self.expires_at.as_secs(),
            "auth_time": self.auth_time.as_secs(),
            "at_hash": half_hash(access_token),
        }));
        let mut put = |name: &str, value: Value| {
            claims.insert(name.to_owned(), value);
        };
        if let Some(nonce) = self.nonce {
            put("nonce", Value::from(nonce));
        }
        if let Some(user) = self.user {
            let name = user.name.as_deref().unwrap_or(&user.username);
            match style {
                Profile::Plain => {}
                Profile::Cognito => {
                    put("token_use", Value::from("id"));
                    put("cognito:username", Value::from(user.username.as_str()));
                    put("jti", Value::from(uuid_of(&format!("id {}", self.id))));
                    put("email", Value::from(user.email()));
                    put("email_verified", Value::from(true));
                }
                Profile::Okta => {
                    put("ver", Value::from(1));
                    put("jti", Value::from(format!("ID.{}", self.id)));
                    put("amr", json!(["pwd"]));
                }
                Profile::Entra => {
                    put("tid", Value::from(ENTRA_TENANT));
                    put("oid", Value::from(uuid_of(&user.username)));
                    put("ver", Value::from("2.0"));
                }
            }
            if has("email") {
                put("email", Value::from(user.email()));
            }
            if has("profile") {
                put("name", Value::from(name));
                put("preferred_username", Value::from(user.username.as_str()));
            }
            lay_over(&mut claims, &user.claims);
        }
        claims
    }
}

/// A user id as Okta writes them.
fn okta_id(user: &User) -> String {
    let letters: String = half_hash(&user.username).chars().filter(char::is_ascii_alphanumeric).take(17).collect();
    format!("00u{letters}")
}
