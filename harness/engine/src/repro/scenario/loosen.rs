//! What was seen, as patterns that another run matches: what is another each time is loosened.

use std::sync::LazyLock;

use gauntlet_reports::volatile::{Normaliser, Rules};
use regex::Regex;
use serde_json::{Map, Value, json};

use super::capture::Captures;
use super::text::{holds_secret, literal};
use crate::repro::recording::{Entry, Recording};
use gauntlet_reports::Body;

/// Characters of a text up to which it is expected as it was.
const SHORT: usize = 100;

/// Characters of a longer text that are expected.
const HEAD: usize = 60;

/// Elements of a list up to which each is expected.
const FEW: usize = 3;

/// Members and elements of one answer that are expected.
const MOST: usize = 30;

/// Levels that are expected.
const DEEPEST: usize = 7;

/// Members that hold what is another each time, or that say nothing.
const CHANGING: [&str; 14] = [
    "expires_in",
    "expiresIn",
    "expires_at",
    "expiresAt",
    "exp",
    "iat",
    "nbf",
    "auth_time",
    "ttl",
    "duration",
    "uptime",
    "elapsed",
    "size",
    "etag",
];

/// Members that are left out: they are another's business, or long.
const LEFT_OUT: [&str; 6] = ["_meta", "inputSchema", "outputSchema", "annotations", "icons", "instructions"];

static RULES: LazyLock<Rules> = LazyLock::new(Rules::builtin);

/// A day, with or without a time.
static DAY: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}").ok());

/// Loosens the answers of one recording.
pub(super) struct Loosener<'c> {
    normaliser: Normaliser<'static>,
    captures: &'c Captures,
    /// The recorded origin, with what a scenario has in its place.
    origin: String,
    left: usize,
    /// The step whose answer it is.
    pub(super) at: usize,
}

impl<'c> Loosener<'c> {
    pub(super) fn new(captures: &'c Captures, origin: &str) -> Self {
        Self { normaliser: Normaliser::new(&RULES), captures, origin: origin.to_owned(), left: MOST, at: 0 }
    }

    /// The documents of an answer after the rules of volatile values: the body, or the data of each event.
    pub(super) fn normal(&mut self, entry: &Entry) -> Vec<Value> {
        let recording = Recording { creator: None, entries: vec![entry.clone()] };
        let Some(mut exchange) = recording.exchanges().into_iter().next() else { return Vec::new() };
        self.normaliser.exchange(&mut exchange);
        match exchange.response.map(|response| response.body) {
            Some(Body::Json(value)) => vec![value],
            Some(Body::Events(events)) => events.into_iter().map(|event| event.data).collect(),
            _ => Vec::new(),
        }
    }

    /// A pattern for a document of an answer. `normal` is the same after the rules of volatile values.
    pub(super) fn pattern(&mut self, seen: &Value, normal: Option<&Value>) -> Value {
        self.left = MOST;
        self.value(seen, normal, "", 0)
    }

    fn value(&mut self, seen: &Value, normal: Option<&Value>, name: &str, depth: usize) -> Value {
        let is_volatile = normal.is_some_and(|normal| normal != seen) || CHANGING.contains(&name);
        match seen {
            Value::Null | Value::Bool(_) => seen.clone(),
            Value::Number(number) => {
                let is_whole = number.is_i64() || number.is_u64();
                let is_time = number.as_u64().is_some_and(|n| n > 1_000_000_000);
                match (is_whole, is_volatile || is_time) {
                    (true, false) => seen.clone(),
                    (true, true) => json!({ "$type": "integer" }),
                    (false, _) => json!({ "$type": "number" }),
                }
            }
            Value::String(text) => self.text(text, is_volatile, normal.and_then(Value::as_str)),
            Value::Array(items) => self.array(items, normal, depth),
            Value::Object(members) => self.object(members, normal, depth),
        }
    }

    fn array(&mut self, items: &[Value], normal: Option<&Value>, depth: usize) -> Value {
        let Some(first) = items.first() else { return json!([]) };
        if depth >= DEEPEST || self.left == 0 {
            return json!({ "$type": "array" });
        }
        let normal = |i: usize| normal.and_then(|normal| normal.get(i));
        if items.len() > FEW {
            let first = self.value(first, normal(0), "", depth + 1);
            // What says nothing about an element says that there is one.
            return match first {
                Value::Object(members) if members.is_empty() => json!({ "$len": { "$gt": 0 } }),
                first => json!({ "$contains": first }),
            };
        }
        items.iter().enumerate().map(|(i, item)| self.value(item, normal(i), "", depth + 1)).collect()
    }

    fn object(&mut self, members: &Map<String, Value>, normal: Option<&Value>, depth: usize) -> Value {
        // A matcher begins with `$`, and so does no other member.
        if depth >= DEEPEST || self.left == 0 || members.keys().any(|name| name.starts_with('$')) {
            return json!({ "$type": "object" });
        }
        let mut out = Map::new();
        for (name, member) in members {
            if self.left == 0 {
                break;
            }
            if LEFT_OUT.contains(&name.as_str()) {
                continue;
            }
            self.left -= 1;
            out.insert(name.clone(), self.value(member, normal.and_then(|n| n.get(name)), name, depth + 1));
        }
        if out.is_empty() { json!({ "$type": "object" }) } else { Value::Object(out) }
    }

    /// A text: as it was, its beginning, or only that it is one.
    pub(super) fn text(&self, text: &str, is_volatile: bool, normal: Option<&str>) -> Value {
        if let Some(name) = self.captures.known(text, self.at) {
            return format!("${{{name}}}").into();
        }
        if holds_secret(text) {
            return json!({ "$type": "string" });
        }
        if !self.origin.is_empty() && text.starts_with(&self.origin) {
            let rest = &text[self.origin.len()..];
            if rest.is_empty() || rest.starts_with('/') && !is_random(rest) && !is_volatile_beside_port(rest, normal) {
                return format!("${{target.origin}}{}", literal(rest)).into();
            }
        }
        if is_volatile || DAY.as_ref().is_some_and(|day| day.is_match(text)) || is_random(text) {
            return beginning(text, normal);
        }
        if text.chars().count() <= SHORT {
            return literal(text).into();
        }
        contains(text)
    }
}

/// Whether there is more that changes than the port in front.
fn is_volatile_beside_port(rest: &str, normal: Option<&str>) -> bool {
    normal.is_some_and(|normal| !normal.ends_with(rest))
}

/// Of a text in which something changes what comes before that, if it says anything.
fn beginning(text: &str, normal: Option<&str>) -> Value {
    let stable = normal.map_or(0, |normal| {
        let same = text.char_indices().zip(normal.chars()).take_while(|((_, a), b)| a == b).last();
        same.map_or(0, |((at, c), _)| at + c.len_utf8())
    });
    let head = &text[..stable];
    let day = DAY.as_ref().and_then(|day| day.find(head)).map_or(head.len(), |found| found.start());
    let head = head[..day].trim_end();
    let is_worth_it = head.chars().count() >= 10 && head.contains(' ') && !is_random(head);
    if is_worth_it { contains(head) } else { json!({ "$type": "string" }) }
}

/// The beginning of a long text, up to the end of a word.
fn contains(text: &str) -> Value {
    let line = text.trim_start().lines().next().unwrap_or_default();
    let head = match line.char_indices().nth(HEAD) {
        Some((end, _)) => line[..end].rfind(' ').map_or(&line[..end], |space| &line[..space]),
        None => line,
    };
    if head.trim().is_empty() { json!({ "$type": "string" }) } else { json!({ "$contains": literal(head.trim_end()) }) }
}

/// Whether a part of the text was made up: it is long, and has letters and digits in no order.
fn is_random(text: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '=')))
        .filter(|word| word.len() >= 16)
        .any(|word| {
            let digits = word.bytes().filter(u8::is_ascii_digit).count();
            let upper = word.bytes().filter(u8::is_ascii_uppercase).count();
            let lower = word.bytes().filter(u8::is_ascii_lowercase).count();
            digits >= 3 && upper + lower >= 3 || word.len() >= 32 && upper >= 4 && lower >= 4
        })
}
