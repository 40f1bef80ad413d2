//! Signatures and matches for people.

use std::fmt::Write as _;

use gauntlet_format::signature::{Mended, Reproduce, Signature};
use gauntlet_format::{Node, emit};
use gauntlet_reports::sanitize;
use serde_json::Value;

use super::{Evidence, Match};

/// A match with its evidence, indented by two.
#[must_use]
pub fn tell(found: &Match<'_>) -> String {
    let mut out = String::new();
    let signature = found.signature;
    let _ = writeln!(out, "  {}  {}", signature.id.name, signature.title);
    for evidence in &found.evidence {
        push_evidence(&mut out, evidence);
    }
    push_advice(&mut out, signature);
    out
}

/// What is known of a failure.
#[must_use]
pub fn explain(signature: &Signature) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "signature {}", signature.id.name);
    let _ = writeln!(out, "  {}", signature.title);
    let place = format!("{}:{}", signature.source.path.display(), signature.id.span.line);
    let _ = writeln!(out, "    file     {place}");
    let _ = writeln!(out, "    systems  {}", signature.systems.join(", "));
    push_advice(&mut out, signature);
    if let Some(mended) = &signature.mended {
        push_lines(&mut out, "right", &emit::scenario(&parts(mended)));
    }
    out
}

/// What is right, as the signature's file has it.
fn parts(mended: &Mended) -> Value {
    let list = |nodes: &[Node]| (!nodes.is_empty()).then(|| nodes.iter().map(Node::to_json).collect());
    let members = [
        ("given", mended.given.as_ref().map(Node::to_json)),
        ("steps", list(&mended.steps)),
        ("expect", mended.expect.as_ref().map(Node::to_json)),
        ("received", list(&mended.received)),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn push_evidence(out: &mut String, evidence: &Evidence) {
    match (evidence.exchange, &evidence.hop, &evidence.request) {
        (Some(at), Some(hop), Some(request)) => {
            let _ = writeln!(out, "    exchange {}  {hop}  {request}", at + 1);
        }
        _ => {
            let _ = writeln!(out, "    nowhere there");
        }
    }
    let width = evidence.seen.iter().map(|seen| seen.path.chars().count()).max().unwrap_or_default();
    for seen in &evidence.seen {
        let value = match &seen.value {
            Some(Value::String(text)) => format!("\"{text}\""),
            Some(other) => other.to_string(),
            None => "absent".to_owned(),
        };
        let _ = writeln!(out, "      {:<width$}  {}", seen.path, sanitize::inline(&value));
    }
}

fn push_lines(out: &mut String, label: &str, text: &str) {
    let mut lines = text.trim().lines();
    let _ = writeln!(out, "    {label:<8} {}", lines.next().unwrap_or_default());
    lines.for_each(|line| {
        let _ = writeln!(out, "    {:<8} {line}", "");
    });
}

fn push_advice(out: &mut String, signature: &Signature) {
    let mut line = |label: &str, text: &str| push_lines(out, label, text);
    line("match", signature.confidence.as_str());
    line("cause", &signature.cause);
    for remedy in &signature.remedies {
        line("remedy", &format!("{}: {}", remedy.who, remedy.action));
    }
    if let Some(source) = &signature.known_from {
        line("source", source);
    }
    if let Some(link) = &signature.link {
        line("link", link);
    }
    match (&signature.reproduce, signature.command()) {
        (_, Some(command)) => line("again", &command),
        (Reproduce::None(why), _) => line("again", &format!("no scenario shows it: {why}")),
        (Reproduce::Scenario { .. }, None) => {}
    }
}
