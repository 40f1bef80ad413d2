//! The result and event model of Gauntlet, and everything that renders it.
//!
//! The engine emits one ordered stream of [`Event`]s; a [`Reporter`] consumes it. Values arrive structured and already
//! redacted; no reporter can change a verdict.

pub mod model;

pub use model::*;

/// Consumes the stream of events.
pub trait Reporter: Send {
    /// Takes the next event. Called from one task, in order.
    ///
    /// # Errors
    /// When the output cannot be written.
    fn event(&mut self, event: &Event) -> std::io::Result<()>;
}
