//! What a mock got and what it answered.

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
    /// Names in lower case, in order of arrival, repeated headers one by one.
    pub headers: Vec<(String, String)>,
    /// The body, cut at the journal's limit.
    pub body: Bytes,
    /// Bytes of the body beyond the limit.
    pub body_truncated: usize,
    /// The answer, as far as it was sent.
    pub response: Option<JournalResponse>,
}

/// What the mock answered.
#[derive(Debug, Clone)]
pub struct JournalResponse {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as far as it was sent, cut at the journal's limit.
    pub body: Bytes,
    /// When the last byte was handed to the connection; none while it is being sent.
    pub finished_at: Option<Instant>,
}

/// A bounded record of what a mock got.
#[derive(Debug, Default)]
pub struct Journal {}
