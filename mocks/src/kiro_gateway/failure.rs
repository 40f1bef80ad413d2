//! Why a search or a completion failed, and how that is told.

use super::client::ApiError;
use super::config::FailureForm;

/// What went wrong behind the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// The runtime does not take the token.
    Bearer,
    /// The token cannot be renewed.
    SignInOver,
    /// There is no profile to be found.
    NoProfile,
    /// 403 that is not about the token.
    NotAuthorized,
    /// 402.
    Quota,
    /// 429.
    RateLimit,
    /// Any other 4xx.
    Refused,
    /// 5xx.
    Broken,
    /// No connection, or one that closed early.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// An answer that is not of the expected form.
    Malformed,
    /// An answer to another request.
    ForeignAnswer,
    /// A JSON-RPC error.
    Rpc,
    /// The tool says that it failed.
    Tool,
    /// The query is empty or not taken.
    InvalidQuery,
    /// The query is longer than the tool takes.
    QueryTooLong,
    /// The client allowed no more searches.
    MaxUses,
}

/// A failure, with what the upstream said of it.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) kind: FailureKind,
    /// For the journal: the upstream's own words. The client does not see them.
    pub(super) told: String,
    /// The upstream's error body.
    pub(super) body: String,
    /// `Retry-After` of a 429.
    pub(super) retry_after: Option<String>,
}

impl Failure {
    pub(super) fn new(kind: FailureKind, told: impl Into<String>) -> Self {
        Self { kind, told: told.into(), body: String::new(), retry_after: None }
    }

    /// `error_code` of a `web_search_tool_result_error`.
    pub(super) fn code(&self) -> &'static str {
        match self.kind {
            FailureKind::RateLimit => "too_many_requests",
            FailureKind::InvalidQuery => "invalid_tool_input",
            FailureKind::QueryTooLong => "query_too_long",
            FailureKind::MaxUses => "max_uses_exceeded",
            _ => "unavailable",
        }
    }

    /// The failure as an answer of its own.
    pub(super) fn as_error(&self) -> ApiError {
        let (status, kind, message) = match self.kind {
            FailureKind::RateLimit => (429, "rate_limit_error", "The search service limits the rate of requests."),
            FailureKind::Quota => (402, "billing_error", "The account has reached its limit."),
            FailureKind::InvalidQuery => (400, "invalid_request_error", "The search query is empty or not valid."),
            FailureKind::QueryTooLong => (400, "invalid_request_error", "The search query is too long."),
            FailureKind::MaxUses => (400, "invalid_request_error", "No more searches are allowed in this turn."),
            FailureKind::Timeout => (504, "api_error", "The service did not answer in time."),
            FailureKind::Bearer | FailureKind::SignInOver => {
                (502, "api_error", "The gateway is not signed in to the service any more.")
            }
            _ => (502, "api_error", "The service behind the gateway failed."),
        };
        let error = ApiError::new(status, kind, message).with_note(&self.told);
        match &self.retry_after {
            Some(seconds) => error.with_header("retry-after", seconds),
            None => error,
        }
    }

    /// How it is to be told by the configured forms.
    pub(super) fn form(&self, failures: FailureForm, rate_limits: FailureForm) -> FailureForm {
        if self.kind == FailureKind::RateLimit { rate_limits } else { failures }
    }
}
