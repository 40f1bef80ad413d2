//! Entries as YAML text.

use std::fmt::Write as _;

use super::entry::Entry;
use crate::words;

/// The lines of an entry, its dash after `indent` columns.
pub(super) fn entry(entry: &Entry, indent: u32) -> String {
    let mut members: Vec<(&str, String)> = vec![("scenario", scalar(&entry.scenario))];
    if !entry.case.is_empty() {
        let values: Vec<String> =
            entry.case.iter().map(|(name, label)| format!("{}: {}", scalar(name), scalar(label))).collect();
        members.push(("case", format!("{{ {} }}", values.join(", "))));
    }
    match entry.versions.as_slice() {
        [] => {}
        [version] => members.push(("version", scalar(version))),
        versions => members.push(("version", list(versions.iter().map(String::as_str)))),
    }
    let optional = |value: &Option<String>| value.as_deref().map(scalar);
    let mut push = |name, value: Option<String>| members.extend(value.map(|value| (name, value)));
    push("target", optional(&entry.target));
    push("environment", optional(&entry.environment));
    push("verdict", entry.verdict.map(|verdict| words::verdict_lower(verdict).to_owned()));
    let checks: Vec<String> = entry.checks.iter().map(ToString::to_string).collect();
    push("checks", (!checks.is_empty()).then(|| list(checks.iter().map(String::as_str))));
    push("reason", Some(scalar(&entry.reason)));
    push("link", optional(&entry.link));
    push("owner", optional(&entry.owner));
    push("expires", optional(&entry.expires));
    let mut out = String::new();
    let blank = " ".repeat(usize::try_from(indent).unwrap_or(0));
    for (i, (name, value)) in members.into_iter().enumerate() {
        let _ = writeln!(out, "{blank}{} {name}: {value}", if i == 0 { "-" } else { " " });
    }
    out
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", items.map(scalar).collect::<Vec<_>>().join(", "))
}

/// Plain where YAML 1.2 and 1.1 both read it as this string, also between brackets; else quoted as in JSON, which is YAML.
fn scalar(text: &str) -> String {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./ ()".contains(c);
    let word = text.to_ascii_lowercase();
    let special = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"].contains(&word.as_str());
    let date = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let url =
        text.starts_with("https://") && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:~%?=&".contains(c));
    if (begins && !special && text.chars().all(plain) && !text.ends_with(' ')) || date || url {
        text.to_owned()
    } else {
        // Never fails for a string. What YAML does not take as it is beside what JSON does not:
        let quoted = serde_json::to_string(text).unwrap_or_default();
        let mut out = String::with_capacity(quoted.len());
        for c in quoted.chars() {
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            } else {
                out.push(c);
            }
        }
        out
    }
}
