//! Mocked MCP systems for Gauntlet, each with a journal, configuration and defects.
//!
//! Every mock is reached through a [`front`]: an accept loop that records each request and answer in the [`Journal`] and
//! can misbehave on the wire. Behind it stands the system itself: a wiremock server where an answer is one document, an
//! axum service where it streams.

pub mod journal;

pub use journal::{Journal, JournalEntry};
