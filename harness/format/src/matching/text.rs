//! `$regex`, `$json`.

use serde_json::Value;

use super::{At, Mismatch, brief, compiled_regex, go, type_of};

/// The string of a value, or a mismatch.
pub(super) fn string_of<'v>(at: &At<'_>, actual: &'v Value, out: &mut Vec<Mismatch>) -> Option<&'v str> {
    let text = actual.as_str();
    if text.is_none() {
        at.fail(Some(actual), format!("expected a string, found {} {}", type_of(actual), brief(actual)), out);
    }
    text
}

pub(super) fn regex(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    let Some(pattern) = at.argument.as_str() else {
        return at.fail(Some(actual), "the regular expression is not a string", out);
    };
    let Some(text) = string_of(at, actual, out) else { return };
    match compiled_regex(pattern) {
        Ok(regex) if regex.is_match(text) => {}
        Ok(_) => at.fail(Some(actual), format!("{} has no match of /{pattern}/", brief(actual)), out),
        Err(e) => at.fail(Some(actual), format!("the regular expression is invalid: {e}"), out),
    }
}

pub(super) fn json(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    let Some(text) = string_of(at, actual, out) else { return };
    match serde_json::from_str::<Value>(text) {
        Ok(inner) => go(at.argument, Some(&inner), &at.path.member("$json"), out),
        Err(e) => at.fail(Some(actual), format!("the string does not hold JSON: {e}"), out),
    }
}
