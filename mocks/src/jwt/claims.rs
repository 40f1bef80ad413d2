//! Reading claims.

use std::time::Duration;

use serde_json::{Map, Value};

/// A claim that is a text.
pub(crate) fn text<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c str> {
    claims.get(name).and_then(Value::as_str)
}

/// A claim that may be a text or a list of texts.
pub(crate) fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    value.as_str().into_iter().chain(list.iter().filter_map(Value::as_str))
}

/// Whether a token is not over; `now` is since the Unix epoch. One that does not say when it ends would never end.
pub(crate) fn is_alive(claims: &Map<String, Value>, now: Duration) -> bool {
    claims.get("exp").and_then(Value::as_f64).is_some_and(|end| now.as_secs_f64() < end)
}

/// Whether the time of a token has come; `now` is since the Unix epoch.
pub(crate) fn is_begun(claims: &Map<String, Value>, now: Duration) -> bool {
    claims.get("nbf").is_none_or(|start| start.as_f64().is_some_and(|start| start <= now.as_secs_f64()))
}
