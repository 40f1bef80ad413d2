//! What of an exchange shows a failure: the values that the signature asks for, as they were seen.

use gauntlet_format::node::{Node, NodeValue};
use gauntlet_format::resolve;
use gauntlet_format::signature::Signature;
use gauntlet_reports::sanitize;
use serde::Serialize;
use serde_json::Value;

use super::exchange::View;
use super::search::Hits;

/// Longest value that is told, in characters.
const LONGEST: usize = 200;

/// Headers and fields that carry credentials: that they are there is told, what they say is not. What a run or a recording
/// left out is gone already; this is for those that were made by others.
const SECRET: [&str; 22] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "x-amz-security-token",
    "code",
    "state",
    "token",
    "code_verifier",
    "client_secret",
    "client_assertion",
    "assertion",
    "access_token",
    "refresh_token",
    "id_token",
    "accessToken",
    "refreshToken",
    "clientSecret",
    "WebIdentityToken",
    "SecretAccessKey",
    "SessionToken",
];

/// One exchange that shows a failure, or the absence of one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// 0-based position; none for what is not there.
    pub exchange: Option<usize>,
    /// Who spoke to whom.
    pub hop: Option<String>,
    /// The request in short: `POST /mcp`.
    pub request: Option<String>,
    /// What was seen; for what is absent, what was looked for.
    pub seen: Vec<Seen>,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seen {
    /// Where: `request.headers.user-agent`.
    pub path: String,
    /// The value, cut short; none if there is none. Of a credential only that it is there.
    pub value: Option<Value>,
}

/// `before` is added to the positions.
pub(super) fn of(signature: &Signature, hits: &Hits, views: &[View], before: usize) -> Vec<Evidence> {
    let sights = signature.recognise.iter().zip(&hits.positions);
    sights
        .map(|(sight, position)| {
            let view = position.and_then(|at| views.get(at));
            let mut seen = Vec::new();
            for (path, pattern) in sight.patterns() {
                let resolved = resolve::resolved(pattern, &hits.bound);
                let pattern = resolved.as_deref().unwrap_or(pattern);
                match view {
                    Some(view) => look(pattern, at_path(view, &path), &path, &mut seen),
                    None => seen.push(Seen { path, value: Some(brief(&pattern.to_json())) }),
                }
            }
            if let Some(view) = view.filter(|_| sight.within.is_some() || sight.after.is_some()) {
                seen.push(Seen { path: "elapsed_ms".to_owned(), value: Some(view.elapsed_ms.round().into()) });
            }
            Evidence {
                exchange: position.map(|at| at + before),
                hop: view.map(|view| clean(&view.hop.to_string())),
                request: view.map(|view| clean(&view.line)),
                seen,
            }
        })
        .collect()
}

fn at_path<'v>(view: &'v View, path: &str) -> Option<&'v Value> {
    match path.split_once('.') {
        Some((half, member)) => view.member(half, member),
        None => view.failure.as_ref(),
    }
}

/// Goes as deep as the pattern names members; what a matcher looks into is told as a whole.
fn look(pattern: &Node, actual: Option<&Value>, path: &str, seen: &mut Vec<Seen>) {
    match &pattern.value {
        NodeValue::Object(members) if !members.iter().any(|(key, _)| key.name.starts_with('$')) => {
            for (key, pattern) in members {
                let path = format!("{path}.{}", key.name);
                let actual = actual.and_then(|value| value.get(&key.name));
                match actual {
                    Some(Value::String(text)) if SECRET.contains(&key.name.as_str()) => {
                        seen.push(Seen { path: clean(&path), value: Some(hidden(text).into()) });
                    }
                    actual => look(pattern, actual, &path, seen),
                }
            }
        }
        _ => seen.push(Seen { path: clean(path), value: actual.map(brief) }),
    }
}

/// Credentials: of a signature what was signed, of others the scheme.
fn hidden(text: &str) -> String {
    let shown = match text.split_once("Signature=") {
        Some((signed, _)) if signed.starts_with("AWS4-HMAC-SHA256") => signed,
        _ => text.split_once(' ').map_or("", |(scheme, _)| scheme),
    };
    if shown.is_empty() { "…".to_owned() } else { format!("{} …", clean(shown.trim_end_matches([' ', ',']))) }
}

/// Cut short, and without what a terminal would obey.
fn brief(value: &Value) -> Value {
    match value {
        Value::String(text) => clean(text).into(),
        Value::Array(_) | Value::Object(_) => {
            let text = value.to_string();
            if text.chars().count() <= LONGEST { value.clone() } else { clean(&text).into() }
        }
        other => other.clone(),
    }
}

fn clean(text: &str) -> String {
    sanitize::line(text, LONGEST).into_owned()
}
