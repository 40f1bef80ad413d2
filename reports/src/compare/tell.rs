//! A finding in a line.

use serde_json::Value;

use super::Place;
use super::change::{Aspect, Change, Kind, Outcome};
use super::path::{Path, Segment};
use super::rules::Rule;
use crate::sanitize;

/// Names, places or values that are told of one finding.
const TOLD: usize = 3;

/// Characters of a value that are shown.
const VALUE: usize = 48;

/// What the rule saw, and where.
pub(super) fn finding(rule: &Rule, changes: &[(Place, Change)]) -> String {
    let Some((_, first)) = changes.first() else { return rule.about.to_owned() };
    let detail = match (first.aspect, rule.id) {
        (_, "argument-added") => return arguments(changes),
        (_, "item-lost" | "item-renamed" | "item-duplicated" | "item-added") => return items(rule, changes),
        (_, "server-info" | "instructions-extended" | "member-order") => return rule.about.to_owned(),
        (Aspect::Outcome(..), _) => outcomes(changes),
        (Aspect::Status | Aspect::Pages | Aspect::Messages, _) if first.kind != Kind::Reordered => {
            distinct(changes.iter().map(|(_, c)| arrow(c)))
        }
        (Aspect::Delivery, _) => {
            distinct(changes.iter().map(|(_, c)| format!("over {} ms, now {} ms", shown(&c.left), shown(&c.right))))
        }
        (Aspect::Header, _) => distinct(changes.iter().filter_map(|(_, c)| c.path.last().map(str::to_owned))),
        (Aspect::Form(..), _) => distinct(changes.iter().map(|(_, c)| arrow(c))),
        (Aspect::Value, _) => values(changes),
        _ => String::new(),
    };
    let subjects =
        if matches!(first.aspect, Aspect::Header | Aspect::Form(..)) { String::new() } else { subjects(changes) };
    let detail = if detail.is_empty() { detail } else { format!(": {detail}") };
    format!("{}{detail}{subjects}", rule.about)
}

fn shown(value: &Option<Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(value) => sanitize::line(&value.to_string(), VALUE).into_owned(),
    }
}

fn arrow(change: &Change) -> String {
    format!("{} → {}", shown(&change.left), shown(&change.right))
}

/// The first few different texts, and how many there are besides.
fn distinct(texts: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = Vec::new();
    for text in texts {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    let more = all.len().saturating_sub(TOLD);
    let listed = all.iter().take(TOLD).map(|text| sanitize::line(text, 3 * VALUE)).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{listed} and {more} more") } else { listed }
}

/// Names of tools or resources, where there are any.
fn subjects(changes: &[(Place, Change)]) -> String {
    let named = distinct(changes.iter().filter_map(|(place, _)| place.subject.clone()));
    if named.is_empty() { named } else { format!("  ({named})") }
}

/// `+ aws_profile in 5 input schemas`.
fn arguments(changes: &[(Place, Change)]) -> String {
    let mut counted: Vec<(String, Vec<&Path>)> = Vec::new();
    for (_, change) in changes {
        // A schema without properties gets them all at once.
        let names: Vec<String> = match (change.path.last(), &change.right) {
            (Some("properties"), Some(Value::Object(added))) => added.keys().cloned().collect(),
            (name, _) => name.into_iter().map(str::to_owned).collect(),
        };
        for name in names {
            match counted.iter_mut().find(|(known, _)| *known == name) {
                Some((_, places)) if places.contains(&&change.path) => {}
                Some((_, places)) => places.push(&change.path),
                None => counted.push((name, vec![&change.path])),
            }
        }
    }
    let told = counted.iter().map(|(name, places)| {
        let noun = if places.len() == 1 { "input schema" } else { "input schemas" };
        format!("+ {name} in {} {noun}", places.len())
    });
    distinct(told)
}

/// `tools lost: echo, add`.
fn items(rule: &Rule, changes: &[(Place, Change)]) -> String {
    let list = changes.first().and_then(|(_, c)| c.path.parent().last().map(str::to_owned)).unwrap_or_default();
    let names = changes.iter().map(|(_, change)| {
        let name = match change.path.0.last() {
            Some(Segment::Index(n)) => format!("[{n}]"),
            _ => change.path.last().unwrap_or_default().to_owned(),
        };
        match &change.kind {
            Kind::Renamed { to } => format!("{name} → {to}"),
            _ => name,
        }
    });
    format!("{list} {}: {}", rule.about, distinct(names))
}

/// `JSON-RPC error → isError result, its message kept`.
fn outcomes(changes: &[(Place, Change)]) -> String {
    distinct(changes.iter().map(|(_, change)| {
        let Aspect::Outcome(before, after) = change.aspect else { return String::new() };
        let status = |value: &Option<Value>| value.as_ref().and_then(|v| v.get("status")).map(Value::to_string);
        let code = |value: &Option<Value>| value.as_ref().and_then(|v| v.get("code")).map(Value::to_string);
        let name = |outcome: Outcome, value: &Option<Value>| match (outcome, code(value), status(value)) {
            (Outcome::Error, Some(code), _) => format!("{} {code}", outcome.words()),
            (_, _, Some(status)) => format!("{} {status}", outcome.words()),
            _ => outcome.words().to_owned(),
        };
        let message = |value: &Option<Value>| value.as_ref().and_then(said);
        let kept = match (message(&change.left), &change.right) {
            (Some(text), Some(right)) if before.is_failure() && after.is_failure() => {
                let whole = right.to_string();
                let quoted = Value::from(text.as_str()).to_string();
                let is_kept = whole.contains(quoted.trim_matches('"'));
                if is_kept { ", its message kept" } else { ", its message lost" }
            }
            (_, Some(right)) if before.is_failure() && is_empty_result(right) => ", an empty one",
            _ => "",
        };
        format!("{} → {}{kept}", name(before, &change.left), name(after, &change.right))
    }))
}

/// What a failure says to people.
fn said(value: &Value) -> Option<String> {
    let text = value.get("message").or_else(|| value.pointer("/content/0/text")).and_then(Value::as_str)?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// A result that holds nothing.
fn is_empty_result(result: &Value) -> bool {
    let nothing = |value: &Value| match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) | Value::Number(_) => false,
    };
    result.as_object().is_some_and(|members| members.iter().all(|(name, value)| name == "_meta" || nothing(value)))
}

/// The places, alike ones together; where it is the same everywhere, what was and is there.
fn values(changes: &[(Place, Change)]) -> String {
    if let Some((_, first)) = changes.first()
        && changes.iter().all(|(_, change)| change == first)
    {
        let place = generalised(&first.path);
        return match &first.kind {
            Kind::Changed if first.left.is_some() => format!("{place} {}", arrow(first)),
            Kind::Renamed { to } => format!("{place} → {to}"),
            _ => place,
        };
    }
    distinct(changes.iter().map(|(_, change)| match &change.kind {
        Kind::Renamed { to } => format!("{} → {to}", generalised(&change.path)),
        _ => generalised(&change.path),
    }))
}

/// The path, any element of a list for all of them.
fn generalised(path: &Path) -> String {
    let segments = path.0.iter().map(|segment| match segment {
        Segment::Index(_) | Segment::Item(_) => Segment::Item("*".to_owned()),
        key => key.clone(),
    });
    Path(segments.collect()).to_string().replace("[\"*\"]", "[*]")
}
