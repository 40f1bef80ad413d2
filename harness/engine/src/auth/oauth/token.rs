//! The token endpoint: codes, refresh tokens and client credentials to tokens (RFC 6749 §4.1.3, §4.4, §6), and back
//! (RFC 7009).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use url::Url;

use super::super::jwt::{JwtKey, unix_now};
use super::authorization::{AuthorizationRequest, Parameters, change, random};
use super::discovery::Discovered;
use super::metadata::split_scopes;
use super::problem::{Problem, Who, quote};
use super::registration::Registration;
use super::settings::{Secret, TokenAuth};
use super::wire::{Outgoing, Wire, bare};
use crate::transport::{Content, Reply};

/// Longest token that is taken.
const MOST_TOKEN: usize = 64 * 1024;

/// Seconds that a client assertion is valid.
const ASSERTION_LIFETIME: u64 = 60;

/// A lifetime above this is taken for this: ten years, in seconds.
const MOST_LIFETIME: u64 = 10 * 365 * 24 * 3600;

/// A lifetime above this is warned of: a day, in seconds.
const LONG_LIFETIME: u64 = 24 * 3600;

/// What a sign-in yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenSet {
    /// For `Authorization: Bearer`, and only on the resource's origin.
    pub access_token: Secret,
    /// For the next token; there may be none.
    pub refresh_token: Option<Secret>,
    /// The scopes granted: as told, else as asked for.
    pub scopes: Vec<String>,
    /// When the access token ends, seconds since 1970; none if that is not told.
    pub expires_at: Option<u64>,
    /// Who issued it.
    pub issuer: String,
    /// The `resource` parameter it was asked for with.
    pub resource: Option<String>,
    /// The client it was issued to.
    pub client_id: String,
}

impl TokenSet {
    /// Whether it has not ended yet, as far as is known.
    pub(crate) fn is_valid(&self) -> bool {
        self.lasts(0)
    }

    /// Whether it will not have ended in so many seconds.
    pub(crate) fn lasts(&self, seconds: u64) -> bool {
        self.expires_at.is_none_or(|at| unix_now().saturating_add(seconds) < at)
    }
}

/// What a grant's answer is judged by.
pub(super) struct Asked<'a> {
    pub found: &'a Discovered,
    pub registration: &'a Registration,
    pub key: Option<&'a JwtKey>,
    /// The scopes that hold if the answer names none.
    pub scopes: &'a [String],
    /// The resource the token is for.
    pub resource: Option<&'a str>,
    pub changes: &'a Parameters,
}

/// A code to tokens.
pub(super) async fn exchange_code(
    wire: &mut Wire<'_>,
    asked: &Asked<'_>,
    request: &AuthorizationRequest,
    code: &Secret,
) -> Result<TokenSet, Problem> {
    let mut parameters = vec![
        pair("grant_type", "authorization_code"),
        pair("code", code.expose()),
        pair("code_verifier", request.verifier.expose()),
        pair("redirect_uri", &request.redirect_uri),
    ];
    parameters.extend(asked.resource.map(|resource| pair("resource", resource)));
    grant(wire, asked, parameters, None).await
}

/// A refresh token to new tokens. The old refresh token is kept if none comes back.
pub(super) async fn refresh(
    wire: &mut Wire<'_>,
    asked: &Asked<'_>,
    refresh_token: &Secret,
    scope: Option<&[String]>,
) -> Result<TokenSet, Problem> {
    let mut parameters = vec![pair("grant_type", "refresh_token"), pair("refresh_token", refresh_token.expose())];
    parameters.extend(asked.resource.map(|resource| pair("resource", resource)));
    parameters.extend(scope.map(|scopes| pair("scope", &scopes.join(" "))));
    grant(wire, asked, parameters, Some(refresh_token)).await
}

/// The client's own credentials to a token.
pub(super) async fn client_credentials(wire: &mut Wire<'_>, asked: &Asked<'_>) -> Result<TokenSet, Problem> {
    let mut parameters = vec![pair("grant_type", "client_credentials")];
    if !asked.scopes.is_empty() {
        parameters.push(pair("scope", &asked.scopes.join(" ")));
    }
    parameters.extend(asked.resource.map(|resource| pair("resource", resource)));
    grant(wire, asked, parameters, None).await
}

/// Gives a token back (RFC 7009 §2): the refresh token if there is one, which ends the access token too, else that.
pub(super) async fn revoke(wire: &mut Wire<'_>, asked: &Asked<'_>, tokens: &TokenSet) -> Result<(), Problem> {
    let Some(endpoint) = &asked.found.metadata.revocation_endpoint else {
        let message = format!("the metadata of {} has no `revocation_endpoint`", quote(&asked.found.issuer));
        return Err(Problem::new("revocation-unavailable", Who::AuthorizationServer, message));
    };
    let (token, hint) = match &tokens.refresh_token {
        Some(token) => (token, "refresh_token"),
        None => (&tokens.access_token, "access_token"),
    };
    let parameters = vec![pair("token", token.expose()), pair("token_type_hint", hint)];
    let (exchange, reply) = post(wire, asked, endpoint, parameters).await?;
    match reply.status.unwrap_or_default() {
        200 => Ok(()),
        status => Err(refused(endpoint, status, &reply, "the revocation").at(exchange)),
    }
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

async fn grant(
    wire: &mut Wire<'_>,
    asked: &Asked<'_>,
    parameters: Vec<(String, String)>,
    kept: Option<&Secret>,
) -> Result<TokenSet, Problem> {
    let Some(endpoint) = &asked.found.metadata.token_endpoint else {
        let message = format!("the metadata of {} has no `token_endpoint`", quote(&asked.found.issuer));
        return Err(
            Problem::new("metadata-incomplete", Who::AuthorizationServer, message).breaks("auth.as.metadata-fields")
        );
    };
    let (exchange, reply) = post(wire, asked, endpoint, parameters).await?;
    let mut tokens = read(wire, asked, endpoint, &reply, exchange)?;
    if tokens.refresh_token.is_none() {
        tokens.refresh_token = kept.cloned();
    }
    Ok(tokens)
}

/// A form to an endpoint, with the client's identification.
async fn post(
    wire: &mut Wire<'_>,
    asked: &Asked<'_>,
    endpoint: &Url,
    mut parameters: Vec<(String, String)>,
) -> Result<(usize, std::sync::Arc<Reply>), Problem> {
    let authorization = identify(wire, asked, &mut parameters)?;
    change(&mut parameters, asked.changes);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&parameters).finish().into_bytes();
    let headers = [("accept", "application/json"), ("content-type", "application/x-www-form-urlencoded")];
    let mut outgoing = Outgoing::new("POST", endpoint, &headers, body);
    outgoing.headers.extend(authorization.map(|value| ("authorization".to_owned(), value)));
    wire.send(outgoing, Who::AuthorizationServer).await
}

/// Identifies the client by its method: by parameters, or by the value of `Authorization`.
fn identify(
    wire: &Wire<'_>,
    asked: &Asked<'_>,
    parameters: &mut Vec<(String, String)>,
) -> Result<Option<String>, Problem> {
    let registration = asked.registration;
    let client_id = &registration.client_id;
    let secret = registration.client_secret.as_ref().map(Secret::expose);
    match (registration.token_auth, secret) {
        (TokenAuth::Basic, Some(secret)) => {
            // Both are form-encoded first (RFC 6749 §2.3.1).
            let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let credentials = STANDARD.encode(format!("{}:{}", encoded(client_id), encoded(secret)));
            wire.secret("client_credentials", &credentials);
            return Ok(Some(format!("Basic {credentials}")));
        }
        (TokenAuth::Post, Some(secret)) => {
            parameters.push(pair("client_id", client_id));
            parameters.push(pair("client_secret", secret));
        }
        (TokenAuth::PrivateKeyJwt, _) => {
            let Some(key) = asked.key else {
                let message = "the authorization server wants `private_key_jwt`, and no `private_key` is configured";
                return Err(Problem::new("no-private-key", Who::Harness, message));
            };
            let assertion = assertion(key, client_id, &registration.issuer)?;
            wire.secret("client_assertion", &assertion);
            parameters.push(pair("client_id", client_id));
            parameters.push(pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
            parameters.push(pair("client_assertion", &assertion));
        }
        (TokenAuth::None | TokenAuth::Basic | TokenAuth::Post, _) => parameters.push(pair("client_id", client_id)),
    }
    Ok(None)
}

/// RFC 7523 §3, with the issuer as the audience.
fn assertion(key: &JwtKey, client_id: &str, issuer: &str) -> Result<String, Problem> {
    let now = unix_now();
    let mut claims = Map::new();
    claims.insert("iss".to_owned(), client_id.into());
    claims.insert("sub".to_owned(), client_id.into());
    claims.insert("aud".to_owned(), issuer.into());
    claims.insert("jti".to_owned(), random()?.into());
    claims.insert("iat".to_owned(), json!(now));
    claims.insert("exp".to_owned(), json!(now + ASSERTION_LIFETIME));
    key.sign(&Map::new(), &claims).map_err(|why| Problem::new("cannot-sign", Who::Harness, why))
}

/// RFC 6749 §5.1 and §5.2.
fn read(
    wire: &mut Wire<'_>,
    asked: &Asked<'_>,
    endpoint: &Url,
    reply: &Reply,
    exchange: usize,
) -> Result<TokenSet, Problem> {
    let place = quote(&bare(endpoint));
    let peer = Who::AuthorizationServer;
    let problem = |code, message: String| Problem::new(code, peer, message).at(exchange);
    let status = reply.status.unwrap_or_default();
    let document = match &reply.content {
        Content::Json(document @ Value::Object(_)) => document,
        _ if status == 200 => {
            return Err(problem("not-json", format!("{place} answered 200 with a body that is not a JSON object")));
        }
        _ => return Err(refused(endpoint, status, reply, "the token request").at(exchange)),
    };
    // Whatever comes, these are never shown.
    for name in ["access_token", "refresh_token", "id_token"] {
        if let Some(token) = document.get(name).and_then(Value::as_str) {
            wire.secret(name, token);
        }
    }
    if status != 200 || document.get("error").is_some() {
        return Err(refused(endpoint, status, reply, "the token request").at(exchange));
    }
    let token = |name: &str| -> Result<Option<Secret>, Problem> {
        match document.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(token)) if is_token(token) => Ok(Some(Secret::new(token.clone()))),
            Some(_) => Err(problem(
                "token-malformed",
                format!("`{name}` from {place} is not a string of 1 to {MOST_TOKEN} printable ASCII characters"),
            )),
        }
    };
    let Some(access_token) = token("access_token")? else {
        return Err(problem("token-malformed", format!("the answer of {place} has no `access_token`")));
    };
    match document.get("token_type").and_then(Value::as_str) {
        Some(kind) if kind.eq_ignore_ascii_case("bearer") => {}
        Some(kind) => {
            let message = format!("{place} issued a token of type {}; only `Bearer` can be used", quote(kind));
            return Err(problem("token-malformed", message));
        }
        None => return Err(problem("token-malformed", format!("the answer of {place} has no `token_type`"))),
    }
    let scopes = match document.get("scope") {
        Some(Value::String(scope)) => split_scopes(scope),
        _ => asked.scopes.to_vec(),
    };
    let refresh_token = token("refresh_token")?;
    let expires_at = lifetime(wire, document, &place, exchange).map(|seconds| unix_now() + seconds);
    if !reply.header("cache-control").is_some_and(|v| v.to_ascii_lowercase().contains("no-store")) {
        let message = format!("the answer of {place} lacks `Cache-Control: no-store` (RFC 6749 §5.1)");
        wire.warn(problem("token-cacheable", message));
    }
    Ok(TokenSet {
        access_token,
        refresh_token,
        scopes,
        expires_at,
        issuer: asked.found.issuer.clone(),
        resource: asked.resource.map(str::to_owned),
        client_id: asked.registration.client_id.clone(),
    })
}

/// `expires_in` in seconds, leniently: what is not the number that it should be becomes a warning.
fn lifetime(wire: &mut Wire<'_>, document: &Value, place: &str, exchange: usize) -> Option<u64> {
    let mut odd = |what: &str| {
        let message = format!("`expires_in` from {place} {what}; expected a number of seconds (RFC 6749 §5.1)");
        wire.warn(Problem::new("expires-in-malformed", Who::AuthorizationServer, message).at(exchange));
    };
    let value = document.get("expires_in").filter(|v| !v.is_null())?;
    let seconds = match value {
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => {
            odd("is a string");
            text.trim().parse().ok()
        }
        _ => None,
    };
    let Some(seconds) = seconds else {
        odd("is not a number that counts seconds");
        return None;
    };
    if seconds > LONG_LIFETIME {
        let message = format!("{place} issued a token for {seconds} s, which is more than a day");
        let problem = Problem::new("token-long-lived", Who::AuthorizationServer, message).at(exchange);
        wire.warn(problem.breaks("auth.as.short-lived"));
    }
    Some(seconds.min(MOST_LIFETIME))
}

/// A number with a fraction, cut; none if it is negative or no number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded just before")]
fn whole(seconds: f64) -> Option<u64> {
    (0.0..1e15).contains(&seconds).then_some(seconds as u64)
}

/// What can stand in a header (RFC 6750 §2.1 allows even less).
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= MOST_TOKEN && text.bytes().all(|b| b.is_ascii_graphic())
}

fn refused(endpoint: &Url, status: u16, reply: &Reply, what: &str) -> Problem {
    let place = quote(&bare(endpoint));
    let document = if let Content::Json(document) = &reply.content { document } else { &Value::Null };
    let said = error_text(document);
    let peer = Who::AuthorizationServer;
    if status >= 500 && said.is_empty() {
        return Problem::new("server-error", peer, format!("{place} answered {what} with HTTP {status}"));
    }
    if (300..400).contains(&status) {
        let message =
            format!("{place} answered {what} with a redirect, which would send secrets on: it is not followed");
        return Problem::new("redirected", peer, message);
    }
    Problem::new("token-refused", peer, format!("{place} refused {what} with HTTP {status}{said}"))
}

/// `error` and `error_description` of an answer, as a clause for a message; empty if it has none.
pub(super) fn error_text(document: &Value) -> String {
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    match (text("error"), text("error_description")) {
        (Some(error), Some(description)) => format!(": {} ({})", quote(error), quote(description)),
        (Some(error), None) => format!(": {}", quote(error)),
        _ => String::new(),
    }
}
