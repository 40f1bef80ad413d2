//! `$sse`: events in order, others may stand between.

use serde_json::{Value, json};

use super::{At, Mismatch, Path, brief, go};
use crate::duration;
use crate::node::{Node, NodeValue};
use crate::sse::SseParser;

/// Most names of events in a message.
const MOST_NAMES: usize = 8;

/// The events of a stream as the matcher sees them.
fn events_of(text: &str) -> Vec<Value> {
    let mut parser = SseParser::new();
    parser
        .push(text.as_bytes())
        .into_iter()
        .map(|e| json!({ "event": e.event, "id": e.id, "data": e.data, "retry": e.retry }))
        .collect()
}

fn event(pattern: &Node, actual: &Value, path: &Path<'_>, out: &mut Vec<Mismatch>) {
    let NodeValue::Object(members) = &pattern.value else {
        return go(pattern, Some(actual), path, out);
    };
    for (key, expected) in members {
        let member = path.member(&key.name);
        match key.name.as_str() {
            "within" | "after" => arrival(&key.name, expected, actual, &member, out),
            "data" => data(expected, actual.get("data"), &member, out),
            // Absent and empty are the same on the wire.
            name => go(expected, actual.get(name).filter(|v| !v.is_null()), &member, out),
        }
    }
}

/// A string or a matcher is held against the text, anything else against the JSON in it.
fn data(pattern: &Node, actual: Option<&Value>, path: &Path<'_>, out: &mut Vec<Mismatch>) {
    let structured = match &pattern.value {
        NodeValue::String(_) => false,
        NodeValue::Object(members) => super::matcher_of(members).is_none(),
        _ => true,
    };
    match actual {
        Some(Value::String(text)) if structured => match serde_json::from_str::<Value>(text) {
            Ok(inner) => go(pattern, Some(&inner), path, out),
            Err(e) => super::fail(pattern, actual, path, format!("the data is not JSON: {e}"), out),
        },
        _ => go(pattern, actual, path, out),
    }
}

fn arrival(name: &str, limit: &Node, actual: &Value, path: &Path<'_>, out: &mut Vec<Mismatch>) {
    let Some(limit_ms) = limit.as_str().and_then(|s| duration::parse(s).ok()).map(|d| d.as_secs_f64() * 1e3) else {
        return super::fail(limit, Some(actual), path, "the bound is not a duration", out);
    };
    let Some(at) = actual.get("at").and_then(Value::as_f64) else {
        return super::fail(limit, None, path, "the time of arrival is not known here", out);
    };
    let good = if name == "within" { at <= limit_ms } else { at >= limit_ms };
    if !good {
        let words = if name == "within" { "within" } else { "no sooner than" };
        let text = limit.as_str().unwrap_or_default();
        super::fail(limit, actual.get("at"), path, format!("expected {words} {text}, came after {at:.0}ms"), out);
    }
}

pub(super) fn sse(at: &At<'_>, actual: &Value, out: &mut Vec<Mismatch>) {
    let parsed;
    let events: &[Value] = match actual {
        Value::Array(events) => events,
        Value::String(text) => {
            parsed = events_of(text);
            &parsed
        }
        other => return at.fail(Some(actual), format!("{} is not an event stream", brief(other)), out),
    };
    let patterns = match &at.argument.value {
        NodeValue::Array(patterns) => patterns.as_slice(),
        _ => std::slice::from_ref(at.argument),
    };
    let base = at.path.member("$sse");
    let mut next = 0;
    for (number, pattern) in patterns.iter().enumerate() {
        // Taking the first event that matches is enough: it leaves the most for those that follow.
        let mut nearest: Option<(usize, Vec<Mismatch>)> = None;
        let mut found = None;
        for (index, candidate) in events.iter().enumerate().skip(next) {
            let mut problems = Vec::new();
            event(pattern, candidate, &base.index(index), &mut problems);
            if problems.is_empty() {
                found = Some(index);
                break;
            }
            // An event of the wanted type says more than any other, and one that is only late says most.
            let weight = |m: &Mismatch| match m.path.rsplit('.').next() {
                Some("event") => 10_000,
                Some("within" | "after") => 1,
                _ => 100,
            };
            let rank = |problems: &[Mismatch]| problems.iter().map(weight).sum::<usize>();
            if nearest.as_ref().is_none_or(|(_, best)| rank(&problems) < rank(best)) {
                nearest = Some((index, problems));
            }
        }
        if let Some(index) = found {
            next = index + 1;
            continue;
        }
        let wanted = number + 1;
        let mut reason = format!("event {wanted} of {} did not come", patterns.len());
        if next > 0 {
            reason.push_str(&format!(" after event #{}", next - 1));
        }
        reason.push_str(&match nearest {
            Some((index, problems)) => {
                let first = &problems[0];
                let member = first.path.rsplit_once("].").map_or("", |(_, m)| m);
                let member = if member.is_empty() { String::new() } else { format!("`{member}` ") };
                format!("; nearest is event #{index}: {member}{}{}", first.reason, names(&events[next..]))
            }
            None => "; no event is left".to_owned(),
        });
        // Later events cannot be told apart from this one's absence.
        return super::fail(pattern, Some(actual), &base, reason, out);
    }
}

fn names(events: &[Value]) -> String {
    let mut names: Vec<&str> =
        events.iter().take(MOST_NAMES).map(|e| e.get("event").and_then(Value::as_str).unwrap_or("message")).collect();
    if events.len() > MOST_NAMES {
        names.push("…");
    }
    format!(" (left: {})", names.join(", "))
}
