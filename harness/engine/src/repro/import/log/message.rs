//! JSON-RPC messages, alone or inside other documents.

use std::sync::LazyLock;

use bytes::Bytes;
use regex::Regex;
use serde_json::{Map, Value};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// What kind of message it is. Ids are kept as their JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Request { method: String, id: String },
    Notification { method: String },
    Response { id: String },
}

/// A message in a document.
pub(super) struct Found {
    pub(super) bytes: Bytes,
    pub(super) kind: Kind,
    /// Words that stand beside it in the document.
    pub(super) beside: String,
    /// The time that stands beside it.
    pub(super) at: Option<OffsetDateTime>,
}

/// How deep a message may stand in other documents.
const DEPTH: usize = 6;

/// Finds the messages in a document; `spelled` is the document as it stands in the log.
pub(super) fn find(value: &Value, spelled: Option<&str>, found: &mut Vec<Found>) {
    within(value, spelled, "", None, DEPTH, found);
}

fn within(
    value: &Value,
    spelled: Option<&str>,
    beside: &str,
    at: Option<OffsetDateTime>,
    depth: usize,
    found: &mut Vec<Found>,
) {
    match value {
        Value::Object(members) => {
            if let Some(kind) = kind(members) {
                let bytes = match spelled {
                    Some(text) if !text.contains('\n') => Bytes::copy_from_slice(text.as_bytes()),
                    _ => Bytes::from(value.to_string()),
                };
                found.push(Found { bytes, kind, beside: beside.to_owned(), at });
                return;
            }
            let Some(depth) = depth.checked_sub(1) else { return };
            let beside = format!("{beside} {}", words(members));
            let at = members.iter().find_map(|(name, value)| stamp(name, value)).or(at);
            for (name, value) in members {
                // The name of the member says something as well: `{"sent": {…}}`.
                within(value, None, &format!("{beside} {name}: "), at, depth, found);
            }
        }
        Value::Array(items) => {
            let Some(depth) = depth.checked_sub(1) else { return };
            items.iter().for_each(|item| within(item, None, beside, at, depth, found));
        }
        Value::String(text) if text.contains("\"jsonrpc\"") || text.trim_start().starts_with('{') => {
            let Some(depth) = depth.checked_sub(1) else { return };
            let begin = text.find('{').unwrap_or(0);
            let mut values = serde_json::Deserializer::from_str(&text[begin..]).into_iter::<Value>();
            if let Some(Ok(inner)) = values.next() {
                let end = begin + values.byte_offset();
                within(&inner, Some(&text[begin..end]), &format!("{beside} {}", &text[..begin]), at, depth, found);
            }
        }
        _ => {}
    }
}

/// What kind of message the object is, if it is one. Logs leave `jsonrpc` out at times.
fn kind(members: &Map<String, Value>) -> Option<Kind> {
    let is_marked = members.get("jsonrpc").is_some_and(|version| version == "2.0");
    let id = members.get("id").map(Value::to_string);
    if let Some(method) = members.get("method").and_then(Value::as_str) {
        let is_only = members.keys().all(|name| matches!(name.as_str(), "jsonrpc" | "id" | "method" | "params"));
        if !(is_marked || is_only && is_method(method)) {
            return None;
        }
        let method = method.to_owned();
        return Some(match id {
            Some(id) => Kind::Request { method, id },
            None => Kind::Notification { method },
        });
    }
    let is_answer = members.contains_key("result") || members.contains_key("error");
    let is_only = members.keys().all(|name| matches!(name.as_str(), "jsonrpc" | "id" | "result" | "error"));
    (is_answer && (is_marked || is_only && id.is_some()))
        .then(|| Kind::Response { id: id.unwrap_or_else(|| "null".to_owned()) })
}

/// A method as MCP names them: `tools/call`, and those without a slash.
fn is_method(method: &str) -> bool {
    matches!(method, "initialize" | "ping")
        || method.split_once('/').is_some_and(|(first, rest)| {
            let is_word = |text: &str| {
                !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_' || b == b'/')
            };
            first.starts_with(|c: char| c.is_ascii_lowercase()) && is_word(first) && is_word(rest)
        })
}

/// Short texts in a document, which may say where a message went.
fn words(members: &Map<String, Value>) -> String {
    let mut words = String::new();
    for (name, value) in members {
        if let Some(text) = value.as_str().filter(|text| text.len() <= 80) {
            words.push_str(&format!("{name}={text} "));
        }
    }
    words
}

/// Whether a text that is no message looks as if it held one.
pub(super) fn is_like_one(text: &str) -> bool {
    text.contains("jsonrpc")
}

/// Brackets of JSON, strings aside, counted as the text comes.
#[derive(Default)]
pub(super) struct Brackets {
    depth: usize,
    is_string: bool,
    is_escaped: bool,
    /// As many were closed as opened.
    pub(super) are_closed: bool,
}

impl Brackets {
    pub(super) fn feed(&mut self, text: &str) {
        for byte in text.bytes() {
            if self.is_string {
                self.is_string = self.is_escaped || byte != b'"';
                self.is_escaped = byte == b'\\' && !self.is_escaped;
                continue;
            }
            match byte {
                b'"' => self.is_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.are_closed |= self.depth == 0;
                }
                _ => {}
            }
        }
        // A line break in a string is no JSON, so the string is a text that was cut.
        self.is_string = false;
    }
}

/// A time in a member of a document that is called as times are.
fn stamp(name: &str, value: &Value) -> Option<OffsetDateTime> {
    if !matches!(
        name.to_ascii_lowercase().as_str(),
        "ts" | "time" | "timestamp" | "@timestamp" | "date" | "datetime" | "at"
    ) {
        return None;
    }
    match value {
        Value::String(text) => time(text),
        Value::Number(number) => {
            let number = number.as_f64()?;
            // Seconds, milliseconds or nanoseconds of the years 2001 to 2100.
            let seconds = [1.0, 1e3, 1e6, 1e9].iter().map(|unit| number / unit).find(|s| (1e9..4.2e9).contains(s))?;
            OffsetDateTime::UNIX_EPOCH.checked_add(Duration::seconds_f64(seconds))
        }
        _ => None,
    }
}

/// The first time in a text: date and time of ISO 8601, or with a space and a comma between them. Without a zone it is UTC.
pub(super) fn time(text: &str) -> Option<OffsetDateTime> {
    static TIME: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(?:[.,](\d{1,9}))?\s?(Z|[+-]\d{2}:?\d{2})?").ok()
    });
    let text = text.get(..400).unwrap_or(text);
    let found = TIME.as_ref()?.captures(text)?;
    let fraction = found.get(3).map_or(String::new(), |part| format!(".{}", part.as_str()));
    let zone = found.get(4).map_or("Z", |part| part.as_str());
    let zone = if zone.len() == 5 { format!("{}:{}", &zone[..3], &zone[3..]) } else { zone.to_owned() };
    OffsetDateTime::parse(&format!("{}T{}{fraction}{zone}", &found[1], &found[2]), &Rfc3339).ok()
}
