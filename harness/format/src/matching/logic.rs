//! `$not`, `$oneOf`, `$allOf`, `$type`, `$exact`.

use serde_json::Value;

use super::{At, Mismatch, brief, equal, go, is_match, type_of};
use crate::node::{Node, NodeValue};

pub(super) fn not(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    if is_match(at.argument, Some(actual)) {
        at.fail(Some(actual), format!("{} matches what it must not", brief(actual)), out);
    }
}

fn choices<'a>(at: &At<'a>) -> &'a [Node] {
    match &at.argument.value {
        NodeValue::Array(items) => items,
        _ => std::slice::from_ref(at.argument),
    }
}

pub(super) fn one_of(at: &At<'_>, actual: Option<&Value>, out: &mut Vec<Mismatch>) {
    let choices = choices(at);
    if choices.iter().any(|c| is_match(c, actual)) {
        return;
    }
    let found = actual.map_or_else(|| "is missing".to_owned(), |v| format!("{} matches none of", brief(v)));
    let reason = match actual {
        Some(_) => format!("{found} the {} alternatives", choices.len()),
        None => found,
    };
    at.fail(actual, reason, out);
}

pub(super) fn all_of(at: &At<'_>, actual: Option<&Value>, out: &mut Vec<Mismatch>) {
    for each in choices(at) {
        go(each, actual, at.path, out);
    }
}

pub(super) fn of_type(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    let wanted: Vec<&str> = choices(at).iter().filter_map(Node::as_str).collect();
    let good = |name: &str| match (name, actual) {
        // As in JSON Schema: 1.0 is an integer.
        ("integer", Value::Number(n)) => n.is_i64() || n.is_u64() || n.as_f64().is_some_and(|f| f.fract() == 0.0),
        (name, value) => type_of(value) == name,
    };
    if !wanted.iter().any(|name| good(name)) {
        let reason = format!("expected {}, found {} {}", wanted.join(" or "), type_of(actual), brief(actual));
        at.fail(Some(actual), reason, out);
    }
}

pub(super) fn exact(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    let expected = at.argument.to_json();
    if equal(&expected, actual) {
        return;
    }
    let reason = match (&expected, actual) {
        (Value::Object(a), Value::Object(b)) => match b.keys().find(|k| !a.contains_key(*k)) {
            Some(extra) => format!("has a member more than expected: `{extra}`"),
            None => "is not exactly the expected object".to_owned(),
        },
        _ => format!("expected exactly {}, found {}", brief(&expected), brief(actual)),
    };
    at.fail(Some(actual), reason, out);
}
