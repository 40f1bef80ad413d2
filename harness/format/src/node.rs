//! The spanned tree.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Number, Value};

/// A file that scenarios were read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// As the user would write it (relative paths stay relative).
    pub path: PathBuf,
    /// The whole text.
    pub text: Arc<str>,
}

/// A place in one of a scenario's sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Index into [`Scenario::sources`](crate::Scenario::sources): 0 is the scenario file, 1 its `pack.yaml`.
    pub source: u16,
    /// 1-based line.
    pub line: u32,
    /// 1-based column, in characters.
    pub column: u32,
    /// Byte range in the source text.
    pub start: u32,
    /// End of the byte range, exclusive.
    pub end: u32,
}

/// A mapping key and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: NodeValue,
    /// Where it stands.
    pub span: Span,
}

/// The JSON data model, with spanned members. Order is kept.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeValue {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(String),
    /// A sequence.
    Array(Vec<Node>),
    /// A mapping.
    Object(Vec<(Key, Node)>),
}

impl Node {
    /// A member of a mapping.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Node> {
        match &self.value {
            NodeValue::Object(members) => members.iter().find(|(k, _)| k.name == name).map(|(_, n)| n),
            _ => None,
        }
    }

    /// The string, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            NodeValue::String(s) => Some(s),
            _ => None,
        }
    }

    /// The value without places.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.value {
            NodeValue::Null => Value::Null,
            NodeValue::Bool(b) => Value::Bool(*b),
            NodeValue::Number(n) => Value::Number(n.clone()),
            NodeValue::String(s) => Value::String(s.clone()),
            NodeValue::Array(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            NodeValue::Object(members) => {
                Value::Object(members.iter().map(|(k, n)| (k.name.clone(), n.to_json())).collect())
            }
        }
    }

    /// A tree in which every value has the same place: for values that come from elsewhere (captures, variables).
    #[must_use]
    pub fn from_json(value: &Value, span: Span) -> Self {
        let value = match value {
            Value::Null => NodeValue::Null,
            Value::Bool(b) => NodeValue::Bool(*b),
            Value::Number(n) => NodeValue::Number(n.clone()),
            Value::String(s) => NodeValue::String(s.clone()),
            Value::Array(items) => NodeValue::Array(items.iter().map(|v| Self::from_json(v, span)).collect()),
            Value::Object(members) => NodeValue::Object(
                members.iter().map(|(k, v)| (Key { name: k.clone(), span }, Self::from_json(v, span))).collect(),
            ),
        };
        Self { value, span }
    }
}
