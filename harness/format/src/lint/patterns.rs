//! Patterns that no value can match, or that every value does.

use super::Findings;
use crate::matching::{compiled_regex, compiled_schema};
use crate::node::{Node, NodeValue, Span};
use crate::resolve;
use crate::scenario::StepKind;

/// HTTP status codes (RFC 9110 §15).
const STATUS: std::ops::RangeInclusive<f64> = 100.0..=599.0;
const OUTCOMES: &[&str] = &["answered", "silent", "closed", "timeout"];
/// Outcomes of a driven client.
const DRIVEN: &[&str] = &["done", "failed", "timeout"];

pub(super) fn impossible(found: &mut Findings<'_>, span: Span, message: &str, label: &str) {
    found.error("impossible-matcher", span, message.to_owned()).label(label.to_owned());
}

fn vacuous(found: &mut Findings<'_>, span: Span, message: &str) {
    found.error("vacuous-matcher", span, message.to_owned()).label("says nothing");
}

fn has_variables(node: &Node) -> bool {
    let mut any = false;
    resolve::each_string(node, &mut |_, _| any = true);
    any
}

/// The matcher that a node is.
fn matcher(node: &Node) -> Option<(&str, &Node)> {
    match &node.value {
        NodeValue::Object(members) => match members.as_slice() {
            [(key, argument)] if key.name.starts_with('$') => Some((&key.name, argument)),
            _ => None,
        },
        _ => None,
    }
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        NodeValue::Array(items) => items.is_empty(),
        NodeValue::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// Every matcher in a pattern.
pub(super) fn check(node: &Node, found: &mut Findings<'_>) {
    let Some((name, argument)) = matcher(node) else {
        match &node.value {
            NodeValue::Array(items) => items.iter().for_each(|n| check(n, found)),
            NodeValue::Object(members) => members.iter().for_each(|(_, n)| check(n, found)),
            _ => {}
        }
        return;
    };
    match name {
        "$exact" => return,
        "$schema" => {
            if !has_variables(argument)
                && let Err(e) = compiled_schema(&argument.to_json())
            {
                impossible(found, argument.span, &format!("the JSON Schema is invalid: {e}"), "not a JSON Schema");
            }
            return;
        }
        "$regex" => {
            if let Some(text) = argument.as_str() {
                regex(text, argument.span, found);
            }
        }
        "$oneOf" if is_empty(argument) => {
            impossible(found, argument.span, "`$oneOf` has no alternative", "nothing can match");
        }
        "$allOf" if is_empty(argument) => vacuous(found, argument.span, "`$allOf` asks for nothing"),
        "$contains" | "$each" if matches!(matcher(argument), Some(("$absent", _))) => {
            impossible(found, argument.span, "an element cannot be absent", "nothing can match");
        }
        "$each" if matches!(matcher(argument), Some(("$any", _))) => {
            vacuous(found, argument.span, "`$each` asks nothing of the elements");
        }
        "$contains" if argument.as_str() == Some("") => {
            vacuous(found, argument.span, "every string holds the empty text");
        }
        "$not" if matches!(matcher(argument), Some(("$any", _))) => {
            impossible(found, argument.span, "`$not: { $any: true }` never matches", "use `$absent: true`");
        }
        "$not" if matches!(matcher(argument), Some(("$absent", _))) => {
            found
                .warning("double-negative", node.span, "`$not: { $absent: true }` is `$any: true`")
                .label("says it twice");
        }
        "$len" => len(argument, found),
        "$challenge" if is_empty(argument) => {
            vacuous(found, argument.span, "`$challenge` has neither a scheme nor a parameter");
        }
        "$sse" => return events(argument, found),
        _ => {}
    }
    check(argument, found);
}

fn len(argument: &Node, found: &mut Findings<'_>) {
    let good = match &argument.value {
        NodeValue::Number(n) => n.is_u64(),
        NodeValue::String(s) => s.contains("${"),
        NodeValue::Object(_) => matcher(argument).is_some(),
        _ => false,
    };
    if !good {
        impossible(found, argument.span, "no length is equal to this", "expected a whole number from 0, or a matcher");
    }
    match matcher(argument) {
        Some(("$lt", limit)) if limit.to_json().as_f64().is_some_and(|n| n <= 0.0) => {
            impossible(found, limit.span, "no length is less than 0", "nothing can match");
        }
        Some(("$gte", limit)) if limit.to_json().as_f64().is_some_and(|n| n <= 0.0) => {
            vacuous(found, limit.span, "every length is at least 0");
        }
        _ => {}
    }
}

/// Events of a `$sse`.
pub(super) fn events(node: &Node, found: &mut Findings<'_>) {
    let NodeValue::Array(events) = &node.value else { return };
    if events.is_empty() {
        vacuous(found, node.span, "`$sse` asks for no event");
    }
    for event in events {
        if is_empty(event) {
            vacuous(found, event.span, "every event matches this");
        }
        if let NodeValue::Object(members) = &event.value {
            members
                .iter()
                .filter(|(k, _)| !matches!(k.name.as_str(), "within" | "after"))
                .for_each(|(_, n)| check(n, found));
        }
    }
}

/// The scalars that a pattern allows outright: itself, or the alternatives of a `$oneOf`.
fn each_scalar(node: &Node, f: &mut impl FnMut(&Node)) {
    match (&node.value, matcher(node)) {
        (_, Some(("$oneOf" | "$not", argument))) => each_scalar(argument, f),
        (NodeValue::Array(items), _) => items.iter().for_each(|n| each_scalar(n, f)),
        (NodeValue::Object(_), _) => {}
        _ => f(node),
    }
}

pub(super) fn status(node: &Node, found: &mut Findings<'_>) {
    each_scalar(node, &mut |scalar| {
        let good = match &scalar.value {
            NodeValue::Number(n) => n.as_f64().is_some_and(|n| STATUS.contains(&n)),
            NodeValue::String(s) => s.contains("${"),
            _ => false,
        };
        if !good {
            impossible(found, scalar.span, "no response has this status", "expected a number from 100 to 599");
        }
    });
}

/// A regular expression, unless variables complete it.
pub(super) fn regex(text: &str, span: Span, found: &mut Findings<'_>) {
    if !text.contains("${")
        && let Err(e) = compiled_regex(text)
    {
        // The library draws a picture; its last line says what is wrong.
        let last = e.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        impossible(found, span, &format!("the regular expression is invalid: {last}"), "not a regular expression");
    }
}

pub(super) fn outcome(verb: &StepKind, node: &Node, found: &mut Findings<'_>) {
    let known = if matches!(verb, StepKind::Drive { .. }) { DRIVEN } else { OUTCOMES };
    each_scalar(node, &mut |scalar| {
        if !scalar.as_str().is_some_and(|s| known.contains(&s) || s.contains("${")) {
            let known: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
            impossible(
                found,
                scalar.span,
                "there is no such outcome",
                &format!("expected one of {}", known.join(", ")),
            );
        }
    });
}

pub(super) fn headers(node: &Node, found: &mut Findings<'_>) {
    let NodeValue::Object(members) = &node.value else { return };
    for (key, value) in members {
        if key.name.chars().any(char::is_uppercase) {
            let message = format!("`{}` never matches: header names are in lower case", key.name);
            impossible(found, key.span, &message, &format!("write `{}`", key.name.to_lowercase()));
        }
        if let NodeValue::Number(n) = &value.value {
            impossible(found, value.span, "header values are text, not numbers", &format!("write \"{n}\""));
        }
    }
}

/// Patterns in `stubs`.
pub(super) fn stubs(stubs: Option<&Node>, found: &mut Findings<'_>) {
    let Some(Node { value: NodeValue::Array(stubs), .. }) = stubs else { return };
    for pattern in stubs.iter().filter_map(|s| s.get("match")) {
        if let Some(node) = pattern.get("headers") {
            headers(node, found);
        }
        check(pattern, found);
    }
}
