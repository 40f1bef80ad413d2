//! The result and event model of Gauntlet, and everything that renders it.
//!
//! The engine emits one ordered stream of [`Event`]s; a [`Reporter`] consumes it. Values arrive structured and already
//! redacted (see [`Redactor`]); no reporter can change a verdict.
//!
//! | reporter | for |
//! | --- | --- |
//! | [`ConsoleReporter`] | people |
//! | [`JsonReporter`] | programs; its format has a [JSON Schema](REPORT_SCHEMA) |
//! | [`JsonLinesReporter`] | programs that follow a run, and whoever wants to know how far a killed one came |
//! | [`JunitReporter`] | CI systems |
//! | [`MarkdownReporter`], [`AnnotationsReporter`] | GitHub's job summary and pull requests |
//! | [`HtmlReporter`] | people, as one page that needs nothing else |
//! | [`OpenMetricsReporter`] | monitoring |
//! | [`BadgeReporter`] | a badge |
//!
//! No reporter keeps results: the memory of a run does not depend on the number of its cases. [`saved`] reads the JSON forms again,
//! [`runs`] makes one run of its shards, [`history`] keeps what many runs tell.

pub mod baseline;
pub mod canonical;
pub mod compare;
pub mod coverage;
pub mod curl;
pub mod diff;
pub mod history;
pub mod model;
pub mod sanitize;

pub mod runs;
pub mod saved;
pub mod volatile;

#[cfg(test)]
mod fixture;
mod html;
mod paint;
mod path;
mod redact;
mod reporters;
mod snippet;
mod standing;
mod story;
mod summary;
mod words;

pub use html::HtmlReporter;
pub use model::*;
pub use redact::{MIN_SECRET_CHARS, Redactor, spellings};
pub use reporters::annotations::AnnotationsReporter;
pub use reporters::badge::BadgeReporter;
pub use reporters::console::{ConsoleReporter, Style, Verbosity};
pub use reporters::json::{JsonReporter, REPORT_SCHEMA, REPORT_VERSION};
pub use reporters::jsonl::{EVENTS_VERSION, JsonLinesReporter};
pub use reporters::junit::JunitReporter;
pub use reporters::markdown::MarkdownReporter;
pub use reporters::openmetrics::OpenMetricsReporter;
pub use summary::{RequirementTally, SummaryBuilder};

/// Consumes the stream of events.
pub trait Reporter: Send {
    /// Takes the next event. Called from one task, in order.
    ///
    /// # Errors
    /// When the output cannot be written.
    fn event(&mut self, event: &Event) -> std::io::Result<()>;
}
