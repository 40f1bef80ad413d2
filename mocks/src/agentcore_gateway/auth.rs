//! Who calls, and what those are told who may not.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use wiremock::Request;

use super::config::{AuthorizerKind, ChallengeForm};
use super::defects::GatewayDefect;
use super::state::State;
use crate::answer::{Answer, header};
use crate::duration;

/// Path of the protected resource metadata, at the root of the host.
pub(super) const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// Code of every authorization failure.
const UNAUTHORIZED: i64 = -32001;

/// A token of the `opaque` authorizer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenConfig {
    /// What the client sends.
    pub(super) token: String,
    /// Whose it is.
    pub(super) subject: String,
    /// What it allows.
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    /// Lifetime from the start of the mock.
    #[serde(default = "TokenConfig::lifetime", deserialize_with = "duration::deserialize")]
    pub(super) expires_in: Duration,
}

impl TokenConfig {
    fn lifetime() -> Duration {
        Duration::from_secs(3600)
    }

    /// Two callers, one whose token has expired, and one without the scope.
    pub(super) fn built_in() -> Vec<Self> {
        let token = |token: &str, subject: &str, scopes: &[&str], seconds: u64| Self {
            token: token.to_owned(),
            subject: subject.to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            expires_in: Duration::from_secs(seconds),
        };
        vec![
            token("fake-gateway-token-alice-0000000000000001", "alice", &["gateway/invoke"], 3600),
            token("fake-gateway-token-bob-000000000000000002", "bob", &["gateway/invoke"], 3600),
            token("fake-gateway-token-expired-00000000000003", "alice", &["gateway/invoke"], 0),
            token("fake-gateway-token-unscoped-0000000000004", "carol", &["openid"], 3600),
        ]
    }
}

/// A caller who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) subject: String,
    /// The credentials; empty if none were needed.
    pub(super) token: String,
}

/// Why a caller was not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No bearer token at all.
    Missing,
    /// A token that is no good for whatever reason; the service does not say which.
    Invalid,
    /// A good token that does not allow this.
    InsufficientScope,
}

/// Judges bearer tokens.
pub(super) trait Authorizer {
    /// The caller, or why not. `now` counts from the start of the mock.
    fn authorize(&self, token: &str, now: Duration) -> Result<Identity, Refusal>;
}

/// Looks tokens up in a list.
struct OpaqueTokens<'s> {
    tokens: &'s [TokenConfig],
    allowed_scopes: &'s [String],
    ignore_expiry: bool,
    ignore_scopes: bool,
}

impl Authorizer for OpaqueTokens<'_> {
    fn authorize(&self, token: &str, now: Duration) -> Result<Identity, Refusal> {
        let known = self.tokens.iter().find(|known| known.token == token).ok_or(Refusal::Invalid)?;
        if known.expires_in <= now && !self.ignore_expiry {
            return Err(Refusal::Invalid);
        }
        let allowed = self.allowed_scopes.is_empty()
            || self.ignore_scopes
            || known.scopes.iter().any(|scope| self.allowed_scopes.contains(scope));
        if !allowed {
            return Err(Refusal::InsufficientScope);
        }
        Ok(Identity { subject: known.subject.clone(), token: known.token.clone() })
    }
}

/// Lets everybody in.
struct NoAuthorizer;

impl Authorizer for NoAuthorizer {
    fn authorize(&self, token: &str, _now: Duration) -> Result<Identity, Refusal> {
        Ok(Identity { subject: "anonymous".to_owned(), token: token.to_owned() })
    }
}

impl State {
    fn authorizer(&self) -> Box<dyn Authorizer + '_> {
        match self.settled.config.authorizer {
            AuthorizerKind::None => Box::new(NoAuthorizer),
            AuthorizerKind::Opaque => Box::new(OpaqueTokens {
                tokens: &self.settled.tokens,
                allowed_scopes: &self.settled.config.allowed_scopes,
                ignore_expiry: self.shows(GatewayDefect::AcceptsExpiredToken),
                ignore_scopes: self.shows(GatewayDefect::AcceptsInsufficientScope),
            }),
        }
    }

    /// The caller, or why not.
    pub(super) fn authorize(&self, request: &Request, now: Duration) -> Result<Identity, Refusal> {
        let authorizer = self.authorizer();
        if self.settled.config.authorizer == AuthorizerKind::None {
            return authorizer.authorize("", now);
        }
        let Some(credentials) = header(request, "authorization").map(str::trim).filter(|text| !text.is_empty()) else {
            return self.authorize_without_header(request, &*authorizer, now);
        };
        if self.shows(GatewayDefect::AnyAuthorizationCounts)
            && request.headers.get_all("authorization").iter().count() > 1
        {
            return Ok(Identity { subject: "anyone".to_owned(), token: String::new() });
        }
        let (scheme, token) = credentials.split_once(' ').unwrap_or((credentials, ""));
        let token = token.trim();
        let is_bearer = match self.shows(GatewayDefect::SchemeCaseSensitive) {
            true => scheme == "Bearer",
            false => scheme.eq_ignore_ascii_case("bearer"),
        };
        match is_bearer {
            true if token.is_empty() => Err(Refusal::Missing),
            true if self.shows(GatewayDefect::AcceptsAnyToken) => {
                Ok(Identity { subject: "anyone".to_owned(), token: token.to_owned() })
            }
            true => authorizer.authorize(token, now),
            false => Err(Refusal::Invalid),
        }
    }

    fn authorize_without_header(
        &self,
        request: &Request,
        authorizer: &dyn Authorizer,
        now: Duration,
    ) -> Result<Identity, Refusal> {
        if self.shows(GatewayDefect::TokenInQueryAccepted)
            && let Some((_, token)) = request.url.query_pairs().find(|(name, _)| name == "access_token")
        {
            return authorizer.authorize(&token, now);
        }
        if self.shows(GatewayDefect::TokenInOtherHeaderAccepted)
            && let Some(token) =
                ["x-api-key", "proxy-authorization", "cookie"].into_iter().find_map(|name| header(request, name))
        {
            // The last word, whatever stands before it.
            let token = token.rsplit([' ', '=']).next().unwrap_or_default();
            return authorizer.authorize(token, now);
        }
        let listing = self.shows(GatewayDefect::ListsWithoutToken) && request_method(request) == "tools/list";
        if listing || self.shows(GatewayDefect::AcceptsNoToken) {
            return Ok(Identity { subject: "nobody".to_owned(), token: String::new() });
        }
        Err(Refusal::Missing)
    }

    /// What a caller is told who was not let in.
    pub(super) fn refuse(&self, refusal: &Refusal, request: &Request) -> Answer {
        let origin = self.advertised_origin(request);
        match refusal {
            // Seen with id 0 only, which is also what the clients seen begin with; so it is taken for an echo.
            Refusal::Missing => self.unauthorized("Missing Bearer token", request_id(request), &origin),
            Refusal::Invalid => {
                let answer = self.unauthorized("Invalid Bearer token", request_id(request), &origin);
                match self.shows(GatewayDefect::InvalidTokenAs200Error) {
                    true => Answer { status: 200, headers: Vec::new(), ..answer },
                    false => answer,
                }
            }
            Refusal::InsufficientScope => {
                let challenge = format!(
                    "Bearer error=\"insufficient_scope\", scope=\"{}\", resource_metadata=\"{origin}{METADATA_PATH}\"",
                    self.settled.config.allowed_scopes.join(" "),
                );
                self.refusal_body(403, "Insufficient scope", request_id(request))
                    .with_header("www-authenticate", challenge)
            }
        }
    }

    fn unauthorized(&self, message: &str, id: Value, origin: &str) -> Answer {
        let status = if self.shows(GatewayDefect::UnauthorizedAs403) { 403 } else { 401 };
        let answer = self.refusal_body(status, message, id);
        match self.shows(GatewayDefect::NoChallenge) {
            true => answer,
            false => answer.with_header("www-authenticate", self.challenge(origin)),
        }
    }

    fn refusal_body(&self, status: u16, message: &str, id: Value) -> Answer {
        if self.shows(GatewayDefect::BodyNotJsonrpc) {
            return Answer::json(status, &json!({ "message": message }));
        }
        let code = if self.shows(GatewayDefect::WrongErrorCode) { -32600 } else { UNAUTHORIZED };
        Answer::json(status, &json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } }))
    }

    fn challenge(&self, origin: &str) -> String {
        if self.shows(GatewayDefect::ChallengeWrongScheme) {
            return "Basic realm=\"gateway\"".to_owned();
        }
        let config = &self.settled.config;
        let scopes = &config.allowed_scopes;
        let detailed = match config.challenge {
            ChallengeForm::Auto => !scopes.is_empty(),
            ChallengeForm::Plain => false,
            ChallengeForm::Detailed => true,
        };
        let mut parameters = Vec::new();
        if detailed {
            parameters.push("error=\"invalid_token\"".to_owned());
            if !scopes.is_empty() && !self.shows(GatewayDefect::MissingScopeInChallenge) {
                parameters.push(format!("scope=\"{}\"", scopes.join(" ")));
            }
        }
        let metadata = if self.shows(GatewayDefect::ChallengeMetadataForeignHost) {
            format!("https://metadata.attacker.example{METADATA_PATH}")
        } else if self.shows(GatewayDefect::ChallengeMetadataNotFound) {
            format!("{origin}/.well-known/no-such-resource")
        } else {
            format!("{origin}{METADATA_PATH}")
        };
        if !self.shows(GatewayDefect::ChallengeWithoutResourceMetadata) {
            parameters.push(format!("resource_metadata=\"{metadata}\""));
        }
        if parameters.is_empty() { "Bearer".to_owned() } else { format!("Bearer {}", parameters.join(", ")) }
    }

    /// Scheme and host that the outside world is told.
    pub(super) fn advertised_origin(&self, request: &Request) -> String {
        if let Some(domain) = header(request, super::DOMAIN_HEADER) {
            return format!("https://{domain}");
        }
        match &self.settled.config.public_origin {
            Some(origin) => origin.trim_end_matches('/').to_owned(),
            None => format!("http://{}", header(request, "host").unwrap_or("localhost")),
        }
    }
}

/// The id of the request in a body, 0 if there is none.
fn request_id(request: &Request) -> Value {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    body.get("id").filter(|id| id.is_string() || id.is_number()).cloned().unwrap_or_else(|| json!(0))
}

fn request_method(request: &Request) -> String {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    body.get("method").and_then(Value::as_str).unwrap_or_default().to_owned()
}
