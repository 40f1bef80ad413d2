//! Credentials: typed where they enter, applied to one request at a time, only ever for the target's own origin.

pub(crate) mod jwt;
pub(crate) mod oauth;
mod sigv4;

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

pub(crate) use sigv4::SigV4;
pub(crate) use sigv4::chain::{AwsChain, Environment, Witness};

use jwt::JwtMint;
use oauth::OauthSettings;

use crate::transcript::secrets::Secrets;
use crate::transport::Request;

/// How a client identifies itself.
#[derive(Debug, Clone, Default)]
pub(crate) enum Credential {
    /// Not at all.
    #[default]
    None,
    /// `Authorization: Bearer …` (RFC 6750).
    Bearer(String),
    /// `Authorization: Basic …` (RFC 7617).
    Basic { username: String, password: String },
    /// Fixed headers.
    Headers(Vec<(String, String)>),
    /// AWS Signature Version 4.
    SigV4(Box<SigV4>),
    /// A sign-in, which the session carries out: [`OauthClient`](oauth::OauthClient).
    Oauth(Arc<OauthAuth>),
}

/// The value of `auth: { oauth: … }`.
#[derive(Debug, Clone)]
pub(crate) struct OauthAuth {
    /// What it says.
    pub settings: OauthSettings,
    /// As written, variables resolved, so that a step's settings can go over it.
    members: Map<String, Value>,
}

impl OauthAuth {
    /// # Errors
    /// One sentence that names the member which is wrong.
    pub(crate) fn from_value(value: &Value, secrets: &Secrets) -> Result<Self, String> {
        let members = value.as_object().cloned().unwrap_or_default();
        Ok(Self { settings: OauthSettings::from_value(value, secrets)?, members })
    }

    /// With these members over its own.
    ///
    /// # Errors
    /// As [`from_value`](Self::from_value).
    pub(crate) fn over(base: Option<&Self>, members: Map<String, Value>, secrets: &Secrets) -> Result<Self, String> {
        let mut merged = base.map(|b| b.members.clone()).unwrap_or_default();
        merged.extend(members);
        Self::from_value(&Value::Object(merged), secrets)
    }
}

impl Credential {
    /// From the value of an `auth` member, variables resolved.
    ///
    /// # Errors
    /// One sentence when it is not one of the known forms.
    pub(crate) fn from_value(value: &Value, aws: &Arc<AwsChain>, secrets: &Secrets) -> Result<Self, String> {
        const FORMS: &str = "`none`, { bearer: … }, { basic: { username, password } }, { header: { name: value } }, { sigv4: { service, region } }, { jwt: { key, claims } } or { oauth: { client_id } }";
        if value.is_null() || value.as_str() == Some("none") {
            return Ok(Self::None);
        }
        let Some((kind, inner)) = value.as_object().filter(|o| o.len() == 1).and_then(|o| o.iter().next()) else {
            return Err(format!("`auth` is {FORMS}"));
        };
        let text = |name: &str| {
            inner
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
                .ok_or_else(|| format!("`auth.{kind}` needs `{name}`"))
        };
        match kind.as_str() {
            "bearer" => {
                let token = inner.as_str().ok_or("`auth.bearer` is the token itself, a string")?;
                secrets.add("token", token);
                Ok(Self::Bearer(token.to_owned()))
            }
            "basic" => {
                let (username, password) = (text("username")?, text("password")?);
                secrets.add("password", &password);
                Ok(Self::Basic { username, password })
            }
            "header" => {
                let headers = inner.as_object().ok_or("`auth.header` is a mapping of header names to values")?;
                let mut out = Vec::with_capacity(headers.len());
                for (name, value) in headers {
                    let value = value.as_str().ok_or_else(|| format!("`auth.header.{name}` must be a string"))?;
                    secrets.add(name, value);
                    out.push((name.to_ascii_lowercase(), value.to_owned()));
                }
                Ok(Self::Headers(out))
            }
            "sigv4" => SigV4::from_value(inner, aws, secrets).map(|signer| Self::SigV4(Box::new(signer))),
            "jwt" if inner.get("from").is_some() => {
                Err("`auth.jwt.from` names a mock that signs, and here is none; write `key`".to_owned())
            }
            "jwt" => JwtMint::from_value(inner, secrets)?.token(secrets).map(Self::Bearer),
            "oauth" => OauthAuth::from_value(inner, secrets).map(|auth| Self::Oauth(Arc::new(auth))),
            other => Err(format!("`{other}` is not a kind of `auth`; it is {FORMS}")),
        }
    }

    /// Whether a step's `auth` wants AWS credentials, or a region, of this machine that its target does not have anyway.
    pub(crate) fn takes_from_machine(value: &Value, target: &Self) -> bool {
        let Some(own) = value.get("sigv4") else { return false };
        let has = |name: &str| own.get(name).is_some_and(|value| !value.is_null());
        match target {
            Self::SigV4(_) => has("profile"),
            _ => !has("access_key_id") || has("profile"),
        }
    }

    /// As [`from_value`](Self::from_value), for a step: settings of a signature go over those of the target, so that a step says only
    /// what it does otherwise.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn of_step(
        value: &Value,
        target: &Self,
        aws: &Arc<AwsChain>,
        secrets: &Secrets,
    ) -> Result<Self, String> {
        match (target, value.get("sigv4")) {
            (Self::SigV4(signer), Some(own)) => signer.over(own, secrets).map(|signer| Self::SigV4(Box::new(signer))),
            _ => Self::from_value(value, aws, secrets),
        }
    }

    /// With everything in hand that a request needs: AWS credentials may be elsewhere until then.
    ///
    /// # Errors
    /// One sentence when there are none.
    pub(crate) async fn ready<'a>(this: Cow<'a, Self>, witness: &Witness) -> Result<Cow<'a, Self>, String> {
        match &*this {
            Self::SigV4(signer) => Ok(Cow::Owned(Self::SigV4(Box::new(signer.ready(witness).await?)))),
            _ => Ok(this),
        }
    }

    /// Puts the credentials on the request. Headers that the scenario wrote itself stay.
    ///
    /// # Errors
    /// One sentence when signing fails.
    pub(crate) fn apply(&self, request: &mut Request) -> Result<(), String> {
        match self {
            Self::None | Self::Oauth(_) => {}
            Self::Bearer(token) => set(request, "authorization", format!("Bearer {token}")),
            Self::Basic { username, password } => {
                let encoded = STANDARD.encode(format!("{username}:{password}"));
                set(request, "authorization", format!("Basic {encoded}"));
            }
            Self::Headers(headers) => {
                for (name, value) in headers {
                    set(request, name, value.clone());
                }
            }
            Self::SigV4(signer) => signer.sign(request)?,
        }
        Ok(())
    }

    /// Names of the headers that [`apply`](Self::apply) puts, which `$only` and `$drop` may name.
    pub(crate) fn header_names(&self) -> Vec<&str> {
        match self {
            Self::None => Vec::new(),
            Self::Bearer(_) | Self::Basic { .. } | Self::Oauth(_) => vec!["authorization"],
            Self::Headers(headers) => headers.iter().map(|(n, _)| n.as_str()).collect(),
            Self::SigV4(_) => vec!["authorization", "x-amz-date", "x-amz-security-token"],
        }
    }
}

fn set(request: &mut Request, name: &str, value: String) {
    if !request.headers.iter().any(|(n, _)| n == name) {
        request.headers.push((name.to_owned(), value));
    }
}
