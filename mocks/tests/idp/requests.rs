//! Requests of a conforming client, and what is read from the answers.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gauntlet_mocks::MockHandle;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::support::{Probe, Seen, send_by, started, var};

/// RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const REDIRECT: &str = "http://127.0.0.1:43211/callback";
pub(crate) const RESOURCE: &str = "https://gateway.example.com/mcp";
const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) async fn idp(config: Value) -> MockHandle {
    started("idp", config).await
}

/// Sends without following redirects.
pub(crate) async fn send(mock: &MockHandle, probe: &Probe) -> Seen {
    let none = reqwest::redirect::Policy::none();
    let client = reqwest::Client::builder().no_proxy().redirect(none).tls_certs_only([]).build().expect("a client");
    send_by(&client, mock, probe).await
}

/// Parameters of a query or form.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form(pub(crate) Vec<(String, String)>);

impl Form {
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// Sets a parameter in place of one of the same name.
    pub(crate) fn with(self, name: &str, value: &str) -> Self {
        let mut form = self.without(name);
        form.0.push((name.to_owned(), value.to_owned()));
        form
    }

    /// Adds a parameter beside one of the same name.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

/// Path of an endpoint, from the variable that names its URL.
pub(crate) fn path_of(mock: &MockHandle, variable: &str) -> String {
    Url::parse(var(mock, variable)).expect("a URL").path().to_owned()
}

pub(crate) async fn get(mock: &MockHandle, path: &str) -> Seen {
    send(mock, &Probe::new("GET", path)).await
}

/// Posts a form to an endpoint.
pub(crate) async fn post(mock: &MockHandle, endpoint: &str, form: &Form) -> Seen {
    send(mock, &form_probe(&path_of(mock, endpoint), form)).await
}

pub(crate) fn form_probe(path: &str, form: &Form) -> Probe {
    Probe::new("POST", path).header("content-type", FORM).text(&form.encoded())
}

/// An authorization request of the public client.
pub(crate) fn request(mock: &MockHandle) -> Form {
    Form::of(&[
        ("response_type", "code"),
        ("client_id", var(mock, "client_id")),
        ("redirect_uri", REDIRECT),
        ("state", "a state/+ä"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ])
}

pub(crate) async fn authorize(mock: &MockHandle, form: &Form) -> Seen {
    get(mock, &format!("{}?{}", path_of(mock, "authorization_endpoint"), form.encoded())).await
}

/// Where an answer redirects to.
pub(crate) fn location(seen: &Seen) -> Url {
    let text = seen.header("location").unwrap_or_else(|| panic!("no redirect: {} {}", seen.status, seen.body));
    Url::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The parameters of an authorization response.
pub(crate) fn response(seen: &Seen) -> BTreeMap<String, String> {
    location(seen).query_pairs().into_owned().collect()
}

/// The code that an authorization request gives.
pub(crate) async fn code(mock: &MockHandle, form: &Form) -> String {
    let seen = authorize(mock, form).await;
    response(&seen).remove("code").unwrap_or_else(|| panic!("no code: {seen:?}"))
}

/// The token request for a code of [`request`].
pub(crate) fn exchange(mock: &MockHandle, code: &str) -> Form {
    Form::of(&[
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("client_id", var(mock, "client_id")),
        ("code_verifier", VERIFIER),
    ])
}

pub(crate) async fn token(mock: &MockHandle, form: &Form) -> Seen {
    post(mock, "token_endpoint", form).await
}

/// Signs in and gives the token answer.
pub(crate) async fn signed_in(mock: &MockHandle, form: &Form) -> Value {
    let code = code(mock, form).await;
    let seen = token(mock, &exchange(mock, &code)).await;
    assert_eq!(seen.status, 200, "{}", seen.body);
    seen.json()
}

pub(crate) fn refreshing(mock: &MockHandle, refresh_token: &str) -> Form {
    Form::of(&[
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
        ("client_id", var(mock, "client_id")),
    ])
}

/// A request for a token of the service itself.
pub(crate) fn service(mock: &MockHandle) -> Form {
    Form::of(&[
        ("grant_type", "client_credentials"),
        ("client_id", var(mock, "service_client_id")),
        ("client_secret", var(mock, "service_client_secret")),
    ])
}

/// `Authorization: Basic` of a pair.
pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// Whether the provider says that a token is active.
pub(crate) async fn active(mock: &MockHandle, token: &str) -> bool {
    let form = Form::of(&[
        ("token", token),
        ("client_id", var(mock, "service_client_id")),
        ("client_secret", var(mock, "service_client_secret")),
    ]);
    post(mock, "introspection_endpoint", &form).await.json()["active"] == json!(true)
}

/// One part of a JWT.
pub(crate) fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap_or_else(|| panic!("no JWT: {token}"));
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

pub(crate) fn claims(token: &str) -> Value {
    part(token, 1)
}

pub(crate) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// The claims of a token, if a key of the provider's key set made its signature.
pub(crate) async fn verified(mock: &MockHandle, token: &str) -> Result<Value, String> {
    let seen = get(mock, &path_of(mock, "jwks_uri")).await;
    let keys: JwkSet = serde_json::from_str(&seen.body).map_err(|error| error.to_string())?;
    let header = part(token, 0);
    let key: &Jwk = keys.find(header["kid"].as_str().unwrap_or_default()).ok_or("no such key")?;
    let algorithm = match header["alg"].as_str() {
        Some("RS256") => Algorithm::RS256,
        Some("ES256") => Algorithm::ES256,
        other => return Err(format!("algorithm {other:?}")),
    };
    let key = DecodingKey::from_jwk(key).map_err(|error| error.to_string())?;
    let (message, signature) = token.rsplit_once('.').ok_or("no signature")?;
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, algorithm) {
        Ok(true) => Ok(claims(token)),
        _ => Err("the signature is wrong".to_owned()),
    }
}

/// Seconds since the epoch.
pub(crate) fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_secs()
}

/// What a right client assertion says.
pub(crate) fn assertion_claims(mock: &MockHandle) -> Value {
    let id = var(mock, "assertion_client_id");
    json!({ "iss": id, "sub": id, "aud": var(mock, "issuer"), "exp": now() + 60, "iat": now(), "jti": id_of_its_own() })
}

fn id_of_its_own() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("assertion-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// An assertion with these claims, signed with the key of the client.
pub(crate) fn assertion(mock: &MockHandle, claims: &Value) -> String {
    let key = EncodingKey::from_ec_pem(var(mock, "assertion_private_key").as_bytes()).expect("a key");
    jsonwebtoken::encode(&jsonwebtoken::Header::new(Algorithm::ES256), claims, &key).expect("a JWT")
}

/// A `client_credentials` request with an assertion.
pub(crate) fn asserting(assertion: &str) -> Form {
    Form::of(&[
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
    ])
}

pub(crate) async fn register(mock: &MockHandle, metadata: &Value) -> Seen {
    let probe = Probe::new("POST", &path_of(mock, "registration_endpoint"));
    send(mock, &probe.header("content-type", "application/json").json(metadata)).await
}

/// The metadata, from the first form that there is.
pub(crate) async fn metadata(mock: &MockHandle) -> Value {
    let seen = get(mock, &path_of(mock, "discovery_url")).await;
    assert_eq!(seen.status, 200, "{}", seen.body);
    seen.json()
}
