//! The result and event model of Gauntlet, and everything that renders it.
//!
//! The engine emits one ordered stream of [`Event`]s; a [`Reporter`] consumes it. Values arrive structured and already
//! redacted (see [`Redactor`]); no reporter can change a verdict.
//!
//! | reporter | for |
//! | --- | --- |
//! | [`ConsoleReporter`] | people |
//! | [`JsonReporter`] | programs; its format has a [JSON Schema](REPORT_SCHEMA) |
//! | [`JunitReporter`] | CI systems |
//!
//! No reporter keeps results: the memory of a run does not depend on the number of its cases.

pub mod canonical;
pub mod curl;
pub mod diff;
pub mod model;
pub mod sanitize;

mod console;
mod json;
mod junit;
mod paint;
mod redact;
mod snippet;
mod story;
mod summary;
mod words;

pub use console::{ConsoleReporter, Style, Verbosity};
pub use json::{JsonReporter, REPORT_SCHEMA, REPORT_VERSION};
pub use junit::JunitReporter;
pub use model::*;
pub use redact::{MIN_SECRET_CHARS, Redactor};
pub use summary::{RequirementTally, SummaryBuilder};

/// Consumes the stream of events.
pub trait Reporter: Send {
    /// Takes the next event. Called from one task, in order.
    ///
    /// # Errors
    /// When the output cannot be written.
    fn event(&mut self, event: &Event) -> std::io::Result<()>;
}
