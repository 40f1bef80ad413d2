//! Errors, and how STS tells them.

use crate::answer::Answer;
use crate::aws::xml::{self, Declaration, element, text};
use crate::sigv4::{Check, Failure};

/// Namespace of all answers.
pub(super) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StsError {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
    /// The check that failed, for the journal.
    pub(super) note: String,
}

impl StsError {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>, note: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), note: note.into() }
    }

    /// A parameter that is not as it must be.
    pub(super) fn validation(message: impl Into<String>, note: impl Into<String>) -> Self {
        Self::new(400, "ValidationError", message, note)
    }

    /// An identity token that is no good.
    pub(super) fn token(message: impl Into<String>, note: impl Into<String>) -> Self {
        Self::new(400, "InvalidIdentityToken", message, note)
    }

    /// Nobody trusts the caller, or the role does not exist.
    pub(super) fn denied(message: impl Into<String>, note: impl Into<String>) -> Self {
        Self::new(403, "AccessDenied", message, note)
    }

    /// A signature that is no good: the first reason is told, all are noted.
    pub(super) fn signature(failures: &[Failure]) -> Self {
        let mut ids: Vec<&str> = failures.iter().map(|failure| failure.check.id()).collect();
        ids.dedup();
        let note = ids.join(", ");
        let Some(first) = failures.first() else {
            return Self::new(403, "SignatureDoesNotMatch", "", note);
        };
        let told = first.message.clone();
        match first.check {
            Check::NoSignature | Check::OtherScheme => {
                Self::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token", note)
            }
            Check::Malformed | Check::Date => Self::new(400, "IncompleteSignature", told, note),
            Check::UnknownKey | Check::SessionToken => {
                Self::new(403, "InvalidClientTokenId", "The security token included in the request is invalid", note)
            }
            Check::KeyExpired => Self::new(403, "ExpiredToken", told, note),
            _ => Self::new(403, "SignatureDoesNotMatch", told, note),
        }
    }

    /// In XML.
    pub(super) fn answer(&self, request_id: &str) -> Answer {
        let error =
            element("Error", [text("Type", "Sender"), text("Code", self.code), text("Message", self.message.as_str())]);
        let root = element("ErrorResponse", [error, text("RequestId", request_id)]);
        Answer::text(self.status, "text/xml", xml::document(&root, Some(NAMESPACE), Declaration::LeftOut))
    }
}
