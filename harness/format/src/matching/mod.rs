//! Patterns and mismatches.
//!
//! A pattern is plain data in which matchers may stand: objects match as subsets, arrays whole and in order, scalars
//! exactly, and an object whose only key is the name of a matcher asks that matcher.

mod cache;
pub mod challenge;
mod collection;
mod jwt;
mod logic;
mod number;
mod path;
mod schema;
mod stream;
mod text;
mod url;

use serde_json::Value;

use crate::node::{Node, NodeValue, Span};
use path::Path;

pub(crate) use cache::{compiled_regex, compiled_schema};

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
///
/// Every member of an object that fails is reported. An object with one key that starts with `$` but names no matcher is
/// plain data here: it may come from a captured value. In files [`shape`](crate::shape) refuses it.
#[must_use]
pub fn matches(pattern: &Node, actual: Option<&Value>, path: &str) -> Vec<Mismatch> {
    let mut out = Vec::new();
    go(pattern, actual, &Path::Root(path), &mut out);
    out
}

/// The argument of a matcher at work.
struct At<'a> {
    /// The whole matcher.
    pattern: &'a Node,
    /// What stands behind its `$` key.
    argument: &'a Node,
    path: &'a Path<'a>,
}

impl At<'_> {
    fn fail(&self, actual: Option<&Value>, reason: impl Into<String>, out: &mut Vec<Mismatch>) {
        fail(self.pattern, actual, self.path, reason, out);
    }
}

fn fail(pattern: &Node, actual: Option<&Value>, path: &Path<'_>, reason: impl Into<String>, out: &mut Vec<Mismatch>) {
    out.push(Mismatch {
        path: path.to_string(),
        expected: pattern.to_json(),
        actual: actual.cloned(),
        reason: reason.into(),
        span: pattern.span,
    });
}

/// The matcher that an object is, with its argument.
fn matcher_of(members: &[(crate::node::Key, Node)]) -> Option<(&str, &Node)> {
    match members {
        [(key, argument)] if key.name.starts_with('$') => Some((key.name.as_str(), argument)),
        _ => None,
    }
}

fn is_match(pattern: &Node, actual: Option<&Value>) -> bool {
    let mut out = Vec::new();
    go(pattern, actual, &Path::Root(""), &mut out);
    out.is_empty()
}

fn go(pattern: &Node, actual: Option<&Value>, path: &Path<'_>, out: &mut Vec<Mismatch>) {
    if let NodeValue::Object(members) = &pattern.value
        && let Some((name, argument)) = matcher_of(members)
        && matcher(name, &At { pattern, argument, path }, actual, out)
    {
        return;
    }
    let Some(value) = actual else {
        return fail(pattern, None, path, "is missing", out);
    };
    match (&pattern.value, value) {
        (NodeValue::Object(members), Value::Object(map)) => {
            for (key, expected) in members {
                go(expected, map.get(&key.name), &path.member(&key.name), out);
            }
        }
        (NodeValue::Array(items), Value::Array(values)) => array(pattern, items, values, value, path, out),
        _ => scalar(pattern, value, path, out),
    }
}

fn array(pattern: &Node, items: &[Node], values: &[Value], value: &Value, path: &Path<'_>, out: &mut Vec<Mismatch>) {
    for (at, (expected, actual)) in items.iter().zip(values).enumerate() {
        go(expected, Some(actual), &path.index(at), out);
    }
    if values.len() < items.len() {
        for (at, expected) in items.iter().enumerate().skip(values.len()) {
            // `$absent` may stand at the end of an array.
            go(expected, None, &path.index(at), out);
        }
    } else if values.len() > items.len() {
        let reason = format!("has {}, expected {}", elements(values.len()), items.len());
        fail(pattern, Some(value), path, reason, out);
    }
}

fn elements(n: usize) -> String {
    if n == 1 { "1 element".to_owned() } else { format!("{n} elements") }
}

fn scalar(pattern: &Node, value: &Value, path: &Path<'_>, out: &mut Vec<Mismatch>) {
    let equal = match (&pattern.value, value) {
        (NodeValue::Null, Value::Null) => true,
        (NodeValue::Bool(a), Value::Bool(b)) => a == b,
        (NodeValue::String(a), Value::String(b)) => a == b,
        (NodeValue::Number(a), Value::Number(b)) => number::equal(a, b),
        _ => false,
    };
    if equal {
        return;
    }
    let (expected, found) = (type_of_node(&pattern.value), type_of(value));
    let reason = if expected == found {
        format!("expected {}, found {}", brief(&pattern.to_json()), brief(value))
    } else {
        format!("expected {expected} {}, found {found} {}", brief(&pattern.to_json()), brief(value))
    };
    fail(pattern, Some(value), path, reason, out);
}

/// Asks a matcher; `false`: there is none of this name.
fn matcher(name: &str, at: &At<'_>, actual: Option<&Value>, out: &mut Vec<Mismatch>) -> bool {
    match name {
        "$absent" => {
            if actual.is_some() {
                at.fail(actual, "is there, expected it to be absent", out);
            }
            return true;
        }
        "$allOf" => {
            logic::all_of(at, actual, out);
            return true;
        }
        "$oneOf" => {
            logic::one_of(at, actual, out);
            return true;
        }
        _ => {}
    }
    let judge: fn(&At<'_>, &Value, &mut Vec<Mismatch>) = match name {
        "$any" => |_, _, _| {},
        "$not" => logic::not,
        "$type" => logic::of_type,
        "$exact" => logic::exact,
        "$regex" => text::regex,
        "$contains" => collection::contains,
        "$json" => text::json,
        "$len" => collection::len,
        "$unordered" => collection::unordered,
        "$inOrder" => collection::in_order,
        "$unique" => collection::unique,
        "$each" => collection::each,
        "$gt" => number::gt,
        "$gte" => number::gte,
        "$lt" => number::lt,
        "$lte" => number::lte,
        "$schema" => schema::schema,
        "$url" => url::url,
        "$arn" => url::arn,
        "$sse" => stream::sse,
        "$jwt" => jwt::jwt,
        "$challenge" => challenge::challenge,
        _ => return false,
    };
    match actual {
        Some(value) => judge(at, value, out),
        None => at.fail(None, "is missing", out),
    }
    true
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn type_of_node(value: &NodeValue) -> &'static str {
    match value {
        NodeValue::Null => "null",
        NodeValue::Bool(_) => "boolean",
        NodeValue::Number(_) => "number",
        NodeValue::String(_) => "string",
        NodeValue::Array(_) => "array",
        NodeValue::Object(_) => "object",
    }
}

/// A value in a sentence: JSON, cut short.
#[must_use]
pub fn brief(value: &Value) -> String {
    const LONGEST: usize = 80;
    match value {
        Value::Array(items) if items.is_empty() => "[]".to_owned(),
        Value::Array(items) => format!("[…] of {}", elements(items.len())),
        Value::Object(_) => "{…}".to_owned(),
        other => {
            let text = other.to_string();
            if text.chars().count() <= LONGEST { text } else { text.chars().take(LONGEST).chain(['…']).collect() }
        }
    }
}

/// Equality of JSON values: `1` and `1.0` are one number, order of members does not count.
#[must_use]
pub fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => number::equal(a, b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, v)| b.get(k).is_some_and(|w| equal(v, w)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests;
