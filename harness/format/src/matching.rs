//! Patterns and mismatches.

use serde_json::Value;

use crate::node::{Node, Span};

/// One place where a value is not as expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// Path into the value: `body.tools[2].name`.
    pub path: String,
    /// The expectation, as JSON in scenario spelling.
    pub expected: Value,
    /// The actual value; `None` if there is none.
    pub actual: Option<Value>,
    /// One sentence: what is wrong.
    pub reason: String,
    /// Where the expectation stands.
    pub span: Span,
}

/// Matches a value (`None`: absent) with a resolved pattern. Empty means it matches.
#[must_use]
pub fn matches(_pattern: &Node, _actual: Option<&Value>, _path: &str) -> Vec<Mismatch> {
    Vec::new()
}
