//! What those are told who may not.

use serde_json::{Value, json};
use wiremock::Request;

use super::reason::{Refusal, Told};
use super::scopes::ScopeAnswer;
use crate::agentcore_gateway::config::{ChallengeForm, MetadataForm, ScopesIn};
use crate::agentcore_gateway::defects::GatewayDefect;
use crate::agentcore_gateway::state::State;
use crate::agentcore_gateway::{DOMAIN_HEADER, NOTE_HEADER};
use crate::answer::{Answer, header};

/// Path of the protected resource metadata, at the root of the host.
pub(in crate::agentcore_gateway) const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// Code of every authorization failure.
const UNAUTHORIZED: i64 = -32001;

impl State {
    /// What a caller is told who was not let in.
    pub(in crate::agentcore_gateway) fn refuse(&self, refusal: &Refusal, request: &Request) -> Answer {
        let origin = self.advertised_origin(request);
        let scope_answer = match self.shows(GatewayDefect::InsufficientScopeAs401) {
            true => ScopeAnswer::Unauthorized,
            false => self.settled.config.insufficient_scope,
        };
        // Seen with id 0 only, which is also what the clients seen begin with; so it is taken for an echo.
        let id = request_id(request);
        let answer = match &refusal.told {
            Told::Iam(refused) => return self.refuse_iam(refused, id),
            Told::Missing => self.unauthorized("Missing Bearer token", id, &origin),
            Told::InsufficientScope(needed) if scope_answer != ScopeAnswer::InvalidToken => {
                self.insufficient_scope(needed, scope_answer, id, &origin)
            }
            Told::Invalid | Told::InsufficientScope(_) => {
                let message = match self.shows(GatewayDefect::ReasonInBody) {
                    true => format!("Invalid Bearer token: {}", refusal.reason.id()),
                    false => "Invalid Bearer token".to_owned(),
                };
                let answer = self.unauthorized(&message, id, &origin);
                match self.shows(GatewayDefect::InvalidTokenAs200Error) {
                    true => Answer { status: 200, headers: Vec::new(), ..answer },
                    false => answer,
                }
            }
        };
        answer.with_header(NOTE_HEADER, refusal.reason.id())
    }

    fn unauthorized(&self, message: &str, id: Value, origin: &str) -> Answer {
        let status = if self.shows(GatewayDefect::UnauthorizedAs403) { 403 } else { 401 };
        let answer = self.refusal_body(status, UNAUTHORIZED, message, id);
        match self.settled.config.challenge == ChallengeForm::None || self.shows(GatewayDefect::NoChallenge) {
            true => answer,
            false => answer.with_header("www-authenticate", self.challenge(origin)),
        }
    }

    fn insufficient_scope(&self, needed: &[String], form: ScopeAnswer, id: Value, origin: &str) -> Answer {
        let status = if form == ScopeAnswer::Unauthorized { 401 } else { 403 };
        let answer = self.refusal_body(status, UNAUTHORIZED, "Insufficient scope", id);
        let config = &self.settled.config;
        if config.challenge == ChallengeForm::None || self.shows(GatewayDefect::ForbiddenWithoutChallenge) {
            return answer;
        }
        let mut parameters = vec!["error=\"insufficient_scope\"".to_owned()];
        if form != ScopeAnswer::ForbiddenWithoutScope && !self.shows(GatewayDefect::ForbiddenWithoutScope) {
            let named = if self.shows(GatewayDefect::ChallengeIncomplete) { 1 } else { needed.len() };
            let mut scopes: Vec<&str> = needed.iter().take(named).map(|scope| self.settled.advertised(scope)).collect();
            if self.shows(GatewayDefect::OfflineAccessInScopes) {
                scopes.push("offline_access");
            }
            parameters.push(format!("scope=\"{}\"", scopes.join(" ")));
        }
        if let Some(address) = self.metadata_address(origin) {
            parameters.push(format!("resource_metadata=\"{address}\""));
        }
        answer.with_header("www-authenticate", format!("Bearer {}", parameters.join(", ")))
    }

    pub(super) fn refusal_body(&self, status: u16, code: i64, message: &str, id: Value) -> Answer {
        if self.shows(GatewayDefect::BodyNotJsonrpc) {
            return Answer::json(status, &json!({ "message": message }));
        }
        let code = if self.shows(GatewayDefect::WrongErrorCode) { -32600 } else { code };
        Answer::json(status, &json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } }))
    }

    fn challenge(&self, origin: &str) -> String {
        if self.shows(GatewayDefect::ChallengeWrongScheme) {
            return "Basic realm=\"gateway\"".to_owned();
        }
        let scopes = self.challenge_scopes();
        let detailed = match self.settled.config.challenge {
            ChallengeForm::Plain => false,
            // Something must follow the scheme.
            ChallengeForm::Detailed | ChallengeForm::WithoutMetadata => true,
            ChallengeForm::Auto | ChallengeForm::MetadataNotFound | ChallengeForm::None => !scopes.is_empty(),
        };
        let mut parameters = Vec::new();
        if detailed {
            parameters.push("error=\"invalid_token\"".to_owned());
            if !scopes.is_empty() && !self.shows(GatewayDefect::MissingScopeInChallenge) {
                parameters.push(format!("scope=\"{}\"", scopes.join(" ")));
            }
        }
        let metadata = if self.shows(GatewayDefect::ChallengeMetadataForeignHost) {
            Some(format!("https://metadata.attacker.example{METADATA_PATH}"))
        } else if self.shows(GatewayDefect::ChallengeMetadataNotFound) {
            Some(format!("{origin}/.well-known/no-such-resource"))
        } else if self.shows(GatewayDefect::ChallengeWithoutResourceMetadata) {
            None
        } else {
            self.metadata_address(origin)
        };
        parameters.extend(metadata.map(|address| format!("resource_metadata=\"{address}\"")));
        if parameters.is_empty() { "Bearer".to_owned() } else { format!("Bearer {}", parameters.join(", ")) }
    }

    /// The scopes that a 401 names.
    fn challenge_scopes(&self) -> Vec<String> {
        let config = &self.settled.config;
        if !matches!(config.scopes_in, ScopesIn::Both | ScopesIn::Challenge) {
            return Vec::new();
        }
        let scopes = config.challenge_scopes.clone().unwrap_or_else(|| self.settled.advertised_scopes());
        self.with_offline_access(scopes)
    }

    /// Scopes as a defect would have them.
    pub(in crate::agentcore_gateway) fn with_offline_access(&self, mut scopes: Vec<String>) -> Vec<String> {
        if self.shows(GatewayDefect::OfflineAccessInScopes) {
            scopes.push("offline_access".to_owned());
        }
        scopes
    }

    /// Where a challenge says that the metadata is.
    fn metadata_address(&self, origin: &str) -> Option<String> {
        let config = &self.settled.config;
        match (config.challenge, config.resource_metadata) {
            (ChallengeForm::WithoutMetadata, _) => None,
            (ChallengeForm::MetadataNotFound, _) => Some(format!("{origin}/.well-known/no-such-resource")),
            (_, MetadataForm::PathForm) => Some(format!("{origin}{METADATA_PATH}/mcp")),
            _ => Some(format!("{origin}{METADATA_PATH}")),
        }
    }

    /// Scheme and host that the outside world is told.
    pub(in crate::agentcore_gateway) fn advertised_origin(&self, request: &Request) -> String {
        if let Some(domain) = header(request, DOMAIN_HEADER) {
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
