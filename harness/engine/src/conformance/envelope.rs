//! The ways in which a value fails to be a message.

use gauntlet_format::Version;
use serde_json::Value;

use super::Direction;

/// Why a value is not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{fault}", self.place())]
pub struct EnvelopeError {
    /// Position in a batch; `None` for a message of its own.
    pub index: Option<usize>,
    /// What is wrong.
    pub fault: EnvelopeFault,
}

impl EnvelopeError {
    /// The member at fault, from the root of what was received: `[2].error.code`. Empty: the message as a whole.
    #[must_use]
    pub fn path(&self) -> String {
        let member = self.fault.member();
        match self.index {
            None => member.to_owned(),
            Some(i) if member.is_empty() => format!("[{i}]"),
            Some(i) => format!("[{i}].{member}"),
        }
    }

    /// The requirement that the sender broke.
    #[must_use]
    pub fn requirement(&self, direction: Direction) -> &'static str {
        self.fault.requirement(direction)
    }

    fn place(&self) -> String {
        self.index.map_or_else(String::new, |i| format!("message {i} of the batch: "))
    }
}

/// The ways in which a value fails to be a message. Values are shown as JSON, shortened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeFault {
    /// A string, a number, a boolean or null.
    #[error("a message is a JSON object; this is {0}")]
    NotAnObject(String),
    /// An array, and the version has no batches.
    #[error("a message is a JSON object; this is an array, and version {0} has no batches")]
    BatchNotAllowed(Version),
    /// `[]`
    #[error("a batch has at least one message; this one is empty")]
    EmptyBatch,
    /// An array in a batch.
    #[error("a batch does not hold another batch")]
    NestedBatch,
    /// Answers beside requests or notifications.
    #[error("a batch holds either requests and notifications or answers; this one holds both")]
    MixedBatch,
    /// No `jsonrpc`.
    #[error("`jsonrpc` is missing; it is \"2.0\"")]
    VersionMissing,
    /// Another `jsonrpc`.
    #[error("`jsonrpc` is \"2.0\"; this is {0}")]
    VersionWrong(String),
    /// Nothing tells what it is.
    #[error("neither `method`, `result` nor `error`: not a request, a notification or an answer")]
    Shapeless,
    /// `method` beside `result` or `error`.
    #[error("`method` beside `{0}`: either a request or an answer, not both")]
    MethodInAnswer(&'static str),
    /// `method` is no string.
    #[error("`method` is a string; this is {0}")]
    MethodType(String),
    /// `params` is no object.
    #[error("`params` is an object; this is {0}")]
    ParamsType(String),
    /// A request with `"id": null`.
    #[error("the id of a request is a string or an integer, never null")]
    RequestIdNull,
    /// A request whose id is a boolean, an array, an object, or a number with a fraction.
    #[error("the id of a request is a string or an integer; this is {0}")]
    RequestIdType(String),
    /// A request method without an id.
    #[error("`{0}` is a request and needs an id")]
    RequestIdMissing(String),
    /// `notifications/…` with an id.
    #[error("`{0}` is a notification and has no id")]
    NotificationId(String),
    /// Both.
    #[error("`result` beside `error`: an answer has one of them")]
    ResultBesideError,
    /// `result` is no object.
    #[error("`result` is an object; this is {0}")]
    ResultType(String),
    /// A result without an id.
    #[error("a result has the id of the request it answers; `id` is missing")]
    ResponseIdMissing,
    /// An answer whose id is not a string or an integer.
    #[error("the id of an answer is a string or an integer; this is {0}")]
    ResponseIdType(String),
    /// `error` is no object.
    #[error("`error` is an object with `code` and `message`; this is {0}")]
    ErrorType(String),
    /// `error.code` is missing or no integer.
    #[error("`error.code` is an integer; {}", absent_or(.0))]
    ErrorCode(Option<String>),
    /// `error.message` is missing or no string.
    #[error("`error.message` is a string; {}", absent_or(.0))]
    ErrorMessage(Option<String>),
}

fn absent_or(actual: &Option<String>) -> String {
    actual.as_ref().map_or_else(|| "it is missing".to_owned(), |v| format!("this is {v}"))
}

impl EnvelopeFault {
    fn member(&self) -> &'static str {
        match self {
            Self::NotAnObject(_)
            | Self::BatchNotAllowed(_)
            | Self::EmptyBatch
            | Self::NestedBatch
            | Self::MixedBatch
            | Self::ResultBesideError
            | Self::Shapeless => "",
            Self::VersionMissing | Self::VersionWrong(_) => "jsonrpc",
            Self::MethodInAnswer(_) | Self::MethodType(_) => "method",
            Self::ParamsType(_) => "params",
            Self::RequestIdNull
            | Self::RequestIdType(_)
            | Self::RequestIdMissing(_)
            | Self::NotificationId(_)
            | Self::ResponseIdMissing
            | Self::ResponseIdType(_) => "id",
            Self::ResultType(_) => "result",
            Self::ErrorType(_) => "error",
            Self::ErrorCode(_) => "error.code",
            Self::ErrorMessage(_) => "error.message",
        }
    }

    fn requirement(&self, direction: Direction) -> &'static str {
        use Direction::{ClientToServer, ServerToClient};
        match (self, direction) {
            (Self::BatchNotAllowed(version), ClientToServer) if *version >= Version::V2025_06_18 => {
                "batch.removed.client"
            }
            (Self::RequestIdNull, ClientToServer) => "base.client.request-id-not-null",
            (Self::RequestIdType(_) | Self::RequestIdMissing(_), ClientToServer) => "base.client.request-id-type",
            (Self::NotificationId(_), ClientToServer) => "base.notification.no-id.client",
            (Self::NotificationId(_), ServerToClient) => "base.notification.no-id.server",
            (Self::ResultBesideError, ServerToClient) => "base.response.result-xor-error",
            (Self::ResponseIdMissing | Self::ResponseIdType(_), ServerToClient) => "base.response.id-echo",
            (Self::ErrorType(_) | Self::ErrorCode(_) | Self::ErrorMessage(_), ServerToClient) => {
                "base.error.code-integer"
            }
            (Self::ResultBesideError | Self::ResponseIdMissing | Self::ResponseIdType(_), ClientToServer) => {
                "base.response.client-id-echo"
            }
            (_, ClientToServer) => "base.client.envelope",
            (_, ServerToClient) => "base.server.envelope",
        }
    }
}

/// A value for a sentence: kind and, if it is short, the JSON itself.
pub(super) fn show(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(b) => format!("the boolean {b}"),
        Value::Number(n) => format!("the number {n}"),
        Value::String(s) if s.chars().count() <= 60 => format!("the string {}", Value::String(s.clone())),
        Value::String(_) => "a long string".to_owned(),
        Value::Array(items) if items.is_empty() => "an empty array".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
