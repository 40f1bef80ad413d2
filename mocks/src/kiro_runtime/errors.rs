//! Error bodies, member by member as the service sends them.

use serde_json::Value;

use super::config::{QuotaReason, RateReason};
use super::defects::KiroDefect;
use super::state::State;
use super::wire::{Answer, object};

/// Message of a request without a profile ARN.
pub(super) const ARN_REQUIRED: &str = "profileArn is required for this request.";
/// Message of a malformed request.
pub(super) const IMPROPERLY_FORMED: &str = "Improperly formed request.";
/// Message of a caller who may not do this.
pub(super) const NOT_AUTHORIZED: &str = "User is not authorized to make this call.";
/// Message of a bad bearer token.
pub(super) const BAD_BEARER: &str = "The bearer token included in the request is invalid.";

impl State {
    /// An error body: `{"message":…,"reason":…}`.
    pub(super) fn refuse(&self, status: u16, message: &str, reason: Option<&str>) -> Answer {
        let message = if self.shows(KiroDefect::MessageTextChanged) {
            Value::from(format!("Request failed ({status})."))
        } else {
            Value::from(message)
        };
        let mut body = match self.settled.config.error_types {
            true => object([("__type", Value::from(exception_name(status))), ("message", message)]),
            false => object([("message", message)]),
        };
        if !self.shows(KiroDefect::ReasonFieldMissing) {
            body["reason"] = Value::from(reason);
        }
        Answer::json(status, &body)
    }

    pub(super) fn refuse_bearer(&self) -> Answer {
        let status = if self.shows(KiroDefect::ExpiredToken401) { 401 } else { 403 };
        let answer = self.refuse(status, BAD_BEARER, None);
        match self.shows(KiroDefect::BearerChallenge) {
            true => answer.with_header("www-authenticate", "Bearer"),
            false => answer,
        }
    }

    pub(super) fn refuse_body(&self) -> Answer {
        self.refuse(400, IMPROPERLY_FORMED, self.settled.config.body_invalid_reason.as_deref())
    }

    pub(super) fn refuse_locked(&self, user_id: &str) -> Answer {
        let message = format!(
            "Your User ID ({user_id}) temporarily is suspended. We've locked your account as a security precaution."
        );
        self.refuse(403, &message, None)
    }

    pub(super) fn refuse_quota(&self, reason: QuotaReason) -> Answer {
        let reason = match reason {
            QuotaReason::Monthly => "MONTHLY_REQUEST_COUNT",
            QuotaReason::Overage => "OVERAGE_REQUEST_LIMIT_EXCEEDED",
        };
        let status = if self.shows(KiroDefect::QuotaAs429) { 429 } else { 402 };
        self.refuse(status, "You have reached the limit.", Some(reason))
    }

    pub(super) fn refuse_rate(&self, reason: RateReason, user_id: &str, retry_after: Option<u64>) -> Answer {
        let busy = "Too many requests, please wait before trying again.";
        let suspicious = format!(
            "Due to suspicious activity, we are imposing temporary limits on how frequently your account ({user_id}) \
             can send a request to Kiro while we investigate."
        );
        let answer = match reason {
            RateReason::User => self.refuse(429, busy, Some("USER_REQUEST_RATE_EXCEEDED")),
            RateReason::Service => self.refuse(429, busy, Some("SERVICE_REQUEST_RATE_EXCEEDED")),
            RateReason::Suspicious => self.refuse(429, &suspicious, None),
        };
        match retry_after {
            Some(seconds) if !self.shows(KiroDefect::RetryAfterLost) => {
                answer.with_header("retry-after", seconds.to_string())
            }
            _ => answer,
        }
    }
}

fn exception_name(status: u16) -> &'static str {
    match status {
        400 => "ValidationException",
        402 => "ServiceQuotaExceededException",
        429 => "ThrottlingException",
        500.. => "InternalServerException",
        _ => "AccessDeniedException",
    }
}
