//! What a visit came to.

use serde::Serialize;

use super::visit::Fault;
use crate::auth::oauth::{Discovered, Problem, Registration, TokenSet};

/// What happened on a visit. Holds no secret.
#[derive(Debug, Clone, Default, Serialize)]
pub struct VisitReport {
    /// URL or command.
    pub endpoint: String,
    /// The version agreed on; none if it did not get so far, or the target has none.
    pub version: Option<String>,
    /// `WWW-Authenticate` of the first answer that asked for a token.
    pub challenge: Option<String>,
    /// The sign-in, if one was begun.
    pub sign_in: Option<SignInReport>,
    /// Names of the tools, if it lists them.
    pub tools: Option<Vec<String>>,
    /// The calls, in order.
    pub calls: Vec<CallReport>,
    /// What was odd but did not stop it.
    pub warnings: Vec<ProblemReport>,
    /// What stopped it.
    pub problem: Option<ProblemReport>,
}

/// How far a sign-in got, and by which way.
#[derive(Debug, Clone, Serialize)]
pub struct SignInReport {
    /// Where the protected resource metadata was found.
    pub resource_metadata: Option<String>,
    /// How it was found: `header`, `path` or `root`.
    pub found_by: Option<&'static str>,
    /// The authorization server.
    pub issuer: String,
    /// Where its metadata was found; none if default endpoints are assumed.
    pub server_metadata: Option<String>,
    /// The `resource` parameter, if it is sent.
    pub resource: Option<String>,
    /// The client.
    pub client_id: Option<String>,
    /// How the client became known: `configuration`, `metadata document` or `dynamic registration`.
    pub registered_by: Option<&'static str>,
    /// How it identifies itself at the token endpoint.
    pub token_auth: Option<&'static str>,
    /// The scopes granted.
    pub scopes: Vec<String>,
    /// Seconds that the token is still valid for, if that was told.
    pub expires_in: Option<u64>,
    /// Whether there is a refresh token.
    pub refreshable: bool,
    /// The HTTP statuses that led to a token, in order: 401 a sign-in or a refresh, 403 a step-up.
    pub obtained_after: Vec<u16>,
}

impl SignInReport {
    pub(super) fn new(
        found: &Discovered,
        registration: Option<&Registration>,
        tokens: Option<&TokenSet>,
        obtained_after: Vec<u16>,
    ) -> Self {
        Self {
            resource_metadata: found.prm_url.clone(),
            found_by: found.found_by.map(crate::auth::oauth::FoundBy::as_str),
            issuer: found.issuer.clone(),
            server_metadata: found.metadata_url.clone(),
            resource: found.resource.clone(),
            client_id: registration.map(|r| r.client_id.clone()),
            registered_by: registration.map(|r| r.by.as_str()),
            token_auth: registration.map(|r| r.token_auth.as_str()),
            scopes: tokens.map(|t| t.scopes.clone()).unwrap_or_default(),
            expires_in: tokens.and_then(|t| t.expires_at).map(|at| at.saturating_sub(crate::auth::jwt::unix_now())),
            refreshable: tokens.is_some_and(|t| t.refresh_token.is_some()),
            obtained_after,
        }
    }
}

/// One call of a tool.
#[derive(Debug, Clone, Serialize)]
pub struct CallReport {
    /// The tool.
    pub tool: String,
    /// `result`, `tool error`, `asks for input`, `error`, `no answer` or `skipped`.
    pub outcome: &'static str,
    /// More, in a line.
    pub detail: String,
}

/// What went wrong, or was odd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProblemReport {
    /// Its kind, such as `prm-not-found`; stable.
    pub code: &'static str,
    /// Whose fault it is.
    pub fault: Fault,
    /// What, where, what was expected, what to do.
    pub message: String,
    /// The requirement that is broken.
    pub requirement: Option<&'static str>,
}

impl From<&Problem> for ProblemReport {
    fn from(problem: &Problem) -> Self {
        Self {
            code: problem.code,
            fault: problem.who.into(),
            message: problem.message.clone(),
            requirement: problem.requirement,
        }
    }
}
