//! One request and its answer.

use std::time::Instant;

use bytes::Bytes;

/// One request that arrived at a mock, and its answer.
#[derive(Debug, Clone)]
pub struct JournalEntry {
    /// Position in the journal, from 0; never reused.
    pub sequence: u64,
    /// Number of the connection that carried it, from 0.
    pub connection: u64,
    /// When its head had arrived.
    pub at: Instant,
    /// HTTP method.
    pub method: String,
    /// Path and query as received.
    pub target: String,
    /// Names in lower case, in order of arrival; repeated headers one by one, where the first of them stood.
    pub headers: Vec<(String, String)>,
    /// The body, cut at the journal's limit.
    pub body: Bytes,
    /// Bytes of the body beyond the limit.
    pub body_truncated: usize,
    /// The answer, as far as it was sent; none if there was none.
    pub response: Option<JournalResponse>,
    /// What the mock thought of the request where the answer does not say it, such as which check a token failed.
    pub note: Option<String>,
}

/// A note of a backend, in the extensions of the response.
#[derive(Debug, Clone)]
pub(crate) struct JournalNote(pub(crate) String);

/// What the mock answered.
#[derive(Debug, Clone)]
pub struct JournalResponse {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as far as it was sent, cut at the journal's limit.
    pub body: Bytes,
    /// Bytes of the body beyond the limit.
    pub body_truncated: usize,
    /// When the answer began.
    pub began_at: Instant,
    /// When the last byte was handed to the connection; none while it is being sent.
    pub finished_at: Option<Instant>,
    /// The whole body went out: neither a fault nor the client ended it early.
    pub complete: bool,
    /// The mock ended it early, by a fault or because it broke.
    pub broke_off: bool,
}

impl JournalEntry {
    /// An entry of which nothing is known yet.
    #[must_use]
    pub fn blank(sequence: u64) -> Self {
        Self {
            sequence,
            connection: 0,
            at: Instant::now(),
            method: String::new(),
            target: String::new(),
            headers: Vec::new(),
            body: Bytes::new(),
            body_truncated: 0,
            response: None,
            note: None,
        }
    }

    /// An entry from the head of a request.
    pub(crate) fn from_head(connection: u64, head: &http::request::Parts) -> Self {
        Self {
            connection,
            method: head.method.to_string(),
            target: head.uri.to_string(),
            headers: header_list(&head.headers),
            ..Self::blank(0)
        }
    }
}

/// Headers as text; bytes that are not UTF-8 are replaced.
pub(crate) fn header_list(headers: &http::HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}
