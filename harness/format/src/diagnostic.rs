//! Messages about a place in a file.

use std::sync::Arc;

use crate::node::{Source, Span};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth mending; the scenario runs.
    Warning,
    /// The scenario cannot run.
    Error,
}

/// One message about one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable code, e.g. `unknown-key`.
    pub code: &'static str,
    /// What happened, one line.
    pub message: String,
    /// The file.
    pub source: Arc<Source>,
    /// The place in it.
    pub span: Span,
    /// What stands under the caret: what was expected.
    pub label: String,
    /// What to do: "did you mean …".
    pub help: Option<String>,
}
