//! Strict classification of a JSON value as a JSON-RPC message, before any schema is asked.
//!
//! The published schemas of the protocol are lenient where it matters most: a request with a null id passes as a
//! notification, and so does a notification with an id; a response may hold a result beside an error. What a message
//! *is* is therefore decided here, by hand.

use gauntlet_format::Version;
use serde_json::Value;

use super::envelope::{EnvelopeError, EnvelopeFault, show};

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

fn asks<'a>(method: &'a Value, id: Option<&'a Value>, params: Option<&'a Value>) -> Result<Message<'a>, EnvelopeFault> {
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
