//! Strict classification of a JSON value as a JSON-RPC message, before any schema is asked.
//!
//! The published schemas of the protocol are lenient where it matters most: a request with a null id passes as a
//! notification, and so does a notification with an id; a response may hold a result beside an error. What a message
//! *is* is therefore decided here, by hand.

use gauntlet_format::Version;
use serde_json::Value;

use super::Direction;

/// A message that is well formed as JSON-RPC. It borrows from the value it was made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Message<'a> {
    /// It asks for an answer.
    Request {
        /// A string or an integer.
        id: &'a Value,
        /// The method.
        method: &'a str,
        /// An object, if there is one.
        params: Option<&'a Value>,
    },
    /// It asks for none.
    Notification {
        /// The method.
        method: &'a str,
        /// An object, if there is one.
        params: Option<&'a Value>,
    },
    /// A successful answer.
    Response {
        /// A string or an integer.
        id: &'a Value,
        /// An object.
        result: &'a Value,
    },
    /// An unsuccessful answer.
    Error {
        /// `None` if it is missing or null, as in answers to requests whose id could not be read. The protocol's
        /// schemas allow only the first (and up to 2025-06-18 neither), JSON-RPC 2.0 section 5 only the second, so
        /// both are accepted in every version.
        id: Option<&'a Value>,
        /// The error code.
        code: i64,
        /// The error message.
        message: &'a str,
        /// More about it.
        data: Option<&'a Value>,
    },
    /// Several messages in an array, none of them a batch. They exist in 2025-03-26 only.
    Batch(Vec<Message<'a>>),
}

impl<'a> Message<'a> {
    /// The method of a request or a notification.
    #[must_use]
    pub fn method(&self) -> Option<&'a str> {
        match self {
            Self::Request { method, .. } | Self::Notification { method, .. } => Some(method),
            _ => None,
        }
    }

    /// The id of a request, or of an answer that has one.
    #[must_use]
    pub fn id(&self) -> Option<&'a Value> {
        match self {
            Self::Request { id, .. } | Self::Response { id, .. } => Some(id),
            Self::Error { id, .. } => *id,
            Self::Notification { .. } | Self::Batch(_) => None,
        }
    }

    /// Whether it answers a request.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Response { .. } | Self::Error { .. })
    }
}

/// What to make of messages that are written differently from the book: the version in force, and known habits of
/// systems that would otherwise be refused at every step. The default allows none, and batches everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dialect {
    /// The protocol version; decides whether an array is a batch. `None`: it is.
    pub version: Option<Version>,
    /// `"error": null` beside a result, and `"result": null` beside an error, count as absent.
    pub null_error_beside_result: bool,
    /// The string `"null"`, or an empty one, as the id of an error counts as absent.
    pub string_null_id: bool,
}

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

/// Classifies a value strictly, by no version in particular.
///
/// # Errors
/// The first fault of the envelope.
pub fn classify(value: &Value) -> Result<Message<'_>, EnvelopeError> {
    Dialect::default().classify(value)
}

impl Dialect {
    /// The strict dialect of a version.
    #[must_use]
    pub fn of(version: Option<Version>) -> Self {
        Self { version, ..Self::default() }
    }

    /// Classifies a value as received.
    ///
    /// # Errors
    /// The first fault of the envelope.
    pub fn classify<'a>(&self, value: &'a Value) -> Result<Message<'a>, EnvelopeError> {
        let Value::Array(items) = value else {
            return self.single(value).map_err(|fault| EnvelopeError { index: None, fault });
        };
        let whole = |fault| EnvelopeError { index: None, fault };
        if let Some(version) = self.version.filter(|v| *v != Version::V2025_03_26) {
            return Err(whole(EnvelopeFault::BatchNotAllowed(version)));
        }
        if items.is_empty() {
            return Err(whole(EnvelopeFault::EmptyBatch));
        }
        let messages = items
            .iter()
            .enumerate()
            .map(|(i, item)| {
                match item {
                    Value::Array(_) => Err(EnvelopeFault::NestedBatch),
                    _ => self.single(item),
                }
                .map_err(|fault| EnvelopeError { index: Some(i), fault })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let answers = messages.iter().filter(|m| m.is_answer()).count();
        if answers != 0 && answers != messages.len() {
            return Err(whole(EnvelopeFault::MixedBatch));
        }
        Ok(Message::Batch(messages))
    }

    fn single<'a>(&self, value: &'a Value) -> Result<Message<'a>, EnvelopeFault> {
        let Value::Object(members) = value else {
            return Err(EnvelopeFault::NotAnObject(show(value)));
        };
        match members.get("jsonrpc") {
            Some(Value::String(v)) if v == "2.0" => {}
            Some(other) => return Err(EnvelopeFault::VersionWrong(show(other))),
            None => return Err(EnvelopeFault::VersionMissing),
        }
        let id = members.get("id");
        let mut result = members.get("result");
        let mut error = members.get("error");
        if self.null_error_beside_result {
            match (result, error) {
                (Some(r), Some(Value::Null)) if !r.is_null() => error = None,
                (Some(Value::Null), Some(e)) if !e.is_null() => result = None,
                _ => {}
            }
        }
        match (members.get("method"), result, error) {
            (Some(_), Some(_), _) => Err(EnvelopeFault::MethodInAnswer("result")),
            (Some(_), _, Some(_)) => Err(EnvelopeFault::MethodInAnswer("error")),
            (Some(method), None, None) => asks(method, id, members.get("params")),
            (None, Some(_), Some(_)) => Err(EnvelopeFault::ResultBesideError),
            (None, Some(result), None) => succeeds(id, result),
            (None, None, Some(error)) => self.fails(id, error),
            (None, None, None) => Err(EnvelopeFault::Shapeless),
        }
    }

    fn fails<'a>(&self, id: Option<&'a Value>, error: &'a Value) -> Result<Message<'a>, EnvelopeFault> {
        let id = match id {
            None | Some(Value::Null) => None,
            Some(Value::String(s)) if self.string_null_id && (s == "null" || s.is_empty()) => None,
            Some(id) if is_id(id) => Some(id),
            Some(other) => return Err(EnvelopeFault::ResponseIdType(show(other))),
        };
        let Value::Object(members) = error else {
            return Err(EnvelopeFault::ErrorType(show(error)));
        };
        let code = members.get("code");
        let Some(code) = code.and_then(integer) else {
            return Err(EnvelopeFault::ErrorCode(code.map(show)));
        };
        let message = members.get("message");
        let Some(message) = message.and_then(Value::as_str) else {
            return Err(EnvelopeFault::ErrorMessage(message.map(show)));
        };
        Ok(Message::Error { id, code, message, data: members.get("data") })
    }
}

fn asks<'a>(
    method: &'a Value,
    id: Option<&'a Value>,
    params: Option<&'a Value>,
) -> Result<Message<'a>, EnvelopeFault> {
    let Value::String(method) = method else {
        return Err(EnvelopeFault::MethodType(show(method)));
    };
    let notification = method.starts_with("notifications/");
    let message = match id {
        None if super::methods::is_request(method) => return Err(EnvelopeFault::RequestIdMissing(method.clone())),
        None => Message::Notification { method, params },
        Some(_) if notification => return Err(EnvelopeFault::NotificationId(method.clone())),
        Some(Value::Null) => return Err(EnvelopeFault::RequestIdNull),
        Some(id) if is_id(id) => Message::Request { id, method, params },
        Some(other) => return Err(EnvelopeFault::RequestIdType(show(other))),
    };
    match params {
        None | Some(Value::Object(_)) => Ok(message),
        Some(other) => Err(EnvelopeFault::ParamsType(show(other))),
    }
}

fn succeeds<'a>(id: Option<&'a Value>, result: &'a Value) -> Result<Message<'a>, EnvelopeFault> {
    match id {
        None => Err(EnvelopeFault::ResponseIdMissing),
        Some(id) if !is_id(id) => Err(EnvelopeFault::ResponseIdType(show(id))),
        Some(_) if !result.is_object() => Err(EnvelopeFault::ResultType(show(result))),
        Some(id) => Ok(Message::Response { id, result }),
    }
}

fn is_id(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        // JSON has one kind of number: 1.0 is the integer 1.
        Value::Number(n) => n.is_i64() || n.is_u64() || n.as_f64().is_some_and(|f| f.fract() == 0.0),
        _ => false,
    }
}

fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let f = value.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15)?;
        // Whole and far inside the range, so nothing is lost.
        #[allow(clippy::cast_possible_truncation)]
        Some(f as i64)
    })
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
