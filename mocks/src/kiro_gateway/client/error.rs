//! Errors as the Messages API words them.

use http::{HeaderName, HeaderValue, Response};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::front::Body;
use crate::journal::JournalNote;

/// An error status, or an `error` event where the stream has begun.
#[derive(Debug, Clone)]
pub(in super::super) struct ApiError {
    status: u16,
    kind: &'static str,
    message: String,
    headers: Vec<(&'static str, String)>,
    /// The body stands inside `detail`.
    wrapped: bool,
    note: Option<String>,
}

impl ApiError {
    pub(in super::super) fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), headers: Vec::new(), wrapped: false, note: None }
    }

    /// A request that cannot be understood.
    pub(in super::super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", message)
    }

    pub(in super::super) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// For the journal.
    pub(in super::super) fn with_note(mut self, note: &str) -> Self {
        self.note = Some(note.to_owned());
        self
    }

    pub(in super::super) fn wrapped(mut self) -> Self {
        self.wrapped = true;
        self
    }

    pub(in super::super) fn with_message(mut self, message: &str) -> Self {
        message.clone_into(&mut self.message);
        self
    }

    /// The document.
    pub(in super::super) fn document(&self) -> Value {
        let error = json!({ "type": "error", "error": { "type": self.kind, "message": self.message } });
        if self.wrapped { json!({ "detail": error }) } else { error }
    }

    /// The answer.
    pub(in super::super) fn into_response(self) -> Response<Body> {
        let mut response = json_response(self.status, &self.document());
        for (name, value) in self.headers {
            // What the upstream sent may not be fit for a header of ours.
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        if let Some(note) = self.note {
            response.extensions_mut().insert(JournalNote(note));
        }
        response
    }
}

/// What a web framework says when the program in it falls over.
pub(in super::super) fn bare_500() -> Response<Body> {
    Answer::text(500, "text/plain; charset=utf-8", "Internal Server Error".to_owned()).into_response()
}

/// A JSON document as an answer.
pub(in super::super) fn json_response(status: u16, document: &Value) -> Response<Body> {
    Answer::json(status, document).into_response()
}
