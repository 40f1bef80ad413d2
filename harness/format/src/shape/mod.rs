//! The shape of the format: one table of every object, its keys, their kinds and their meaning.
//!
//! `validate` holds files against it and [`json_schema`] prints it for editors, so the two cannot drift apart.

mod schema;
mod tables;
mod validate;

pub use schema::{json_schema, signatures_schema};
pub use tables::{EXPECT, MATCHERS, PACK, SCENARIO, SIGNATURES, VERBS};
pub(crate) use validate::{validate, within};

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Any JSON value.
    Any,
    /// A string, with variables where the format has them.
    Text,
    /// A string that names something: letters, digits, `.`, `-`, `_`.
    Id,
    /// The same without `.`: a variable or client.
    Name,
    /// `true` or `false`.
    Bool,
    /// `true`: the key says it all.
    True,
    /// A whole number from 0.
    Count,
    /// A number.
    Number,
    /// `500ms`, `2s`, `1m`.
    Duration,
    /// One of these strings.
    Word(&'static [&'static str]),
    /// A version window, or a list of them.
    Versions,
    /// `METHOD` or `METHOD /path`.
    RequestLine,
    /// A JSONPath that starts with `$`.
    JsonPath,
    /// A list.
    List(&'static Kind),
    /// A list with at least one element.
    NonEmpty(&'static Kind),
    /// A mapping from any name.
    Map(&'static Kind),
    /// A mapping from variable names.
    Names(&'static Kind),
    /// A mapping with known keys.
    Object(&'static Shape),
    /// The first of these whose JSON type fits.
    Either(&'static [Kind]),
    /// What `Kind` says, or a string that is nothing but a variable.
    Variable(&'static Kind),
    /// A pattern: plain data in which matchers may stand.
    Pattern,
    /// A step.
    Step,
}

/// A key of an object.
#[derive(Debug)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// It must be there.
    pub required: bool,
    /// One line for editors and messages.
    pub doc: &'static str,
}

/// An object with known keys.
#[derive(Debug)]
pub struct Shape {
    /// What it is, for messages: "scenario", "fault".
    pub name: &'static str,
    /// Its keys.
    pub fields: &'static [Field],
    /// What other keys may hold; `None`: there are no others.
    pub rest: Option<Kind>,
}

/// A verb of a step, or a matcher: a key that decides what its siblings may be.
#[derive(Debug)]
pub struct Verb {
    /// The key.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Keys that only this verb has.
    pub fields: &'static [Field],
    /// Members of the exchange that `expect` may name.
    pub expects: &'static [&'static str],
    /// One line for editors and messages.
    pub doc: &'static str,
}

impl Shape {
    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.name == name)
    }
}

/// The verb of this name.
#[must_use]
pub fn verb(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|v| v.name == name)
}

/// The matcher of this name, `$` included.
#[must_use]
pub fn matcher(name: &str) -> Option<&'static Field> {
    MATCHERS.iter().find(|m| m.name == name)
}

#[cfg(test)]
mod tests;
