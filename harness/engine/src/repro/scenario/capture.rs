//! Values that an answer gave and a later request uses.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use gauntlet_format::lint::ROOTS;
use serde_json::{Map, Value, json};

use super::said::Said;
use super::text::{composed, literal, secret};

/// Characters of a value from which it is told from others.
const LEAST: usize = 6;

/// Characters from which a value is found inside other texts.
const LEAST_INSIDE: usize = 8;

/// The longest value that is captured, in bytes.
const LONGEST: usize = 8 << 10;

/// Values of one answer that are looked at.
const MOST: usize = 20_000;

/// Of these, values of a document in a text.
const MOST_INSIDE: usize = 50;

/// Members that say what something is, not which one.
const WORDS: [&str; 22] = [
    "jsonrpc",
    "method",
    "name",
    "title",
    "description",
    "type",
    "mimeType",
    "role",
    "protocolVersion",
    "version",
    "level",
    "logger",
    "status",
    "format",
    "pattern",
    "token_type",
    "scope",
    "error",
    "error_description",
    "message",
    "resultType",
    "instructions",
];

/// What can be captured of the answers so far.
#[derive(Default)]
pub(super) struct Captures {
    /// Value to where it was last given.
    given: HashMap<String, Given>,
    /// What the client said before anybody gave it.
    said: HashSet<String>,
    /// Names that are taken.
    names: HashSet<String>,
    /// By step: name to where it is.
    pub(super) taken: HashMap<usize, Vec<(String, Value)>>,
    /// By step: which branches of steps that are done at the same time it is in.
    pub(super) branches: Vec<Vec<(usize, usize)>>,
    /// The step whose request it is.
    pub(super) at: usize,
}

#[derive(Clone)]
struct Given {
    step: usize,
    from: Value,
    named: String,
    /// The name, once somebody uses it.
    variable: Option<String>,
    is_number: bool,
}

impl Captures {
    /// Puts variables in the place of what earlier answers gave, and escapes the rest.
    pub(super) fn put(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Number(number) => {
                if let Some(name) = self.whole(&number.to_string(), true) {
                    *value = format!("${{{name}}}").into();
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.put(item)),
            Value::Object(members) => members.values_mut().for_each(|member| self.put(member)),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn whole(&mut self, text: &str, is_number: bool) -> Option<String> {
        self.given.get(text).filter(|given| given.is_number == is_number)?;
        self.name(text)
    }

    fn text(&mut self, text: &str) -> String {
        if let Some(name) = self.whole(text, false) {
            return format!("${{{name}}}");
        }
        let mut parts: Vec<(Range<usize>, String)> = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let Some((range, value)) = self.next_word(text, at) else { break };
            if let Some(name) = self.name(&value) {
                parts.push((range.clone(), name));
            }
            at = range.end;
        }
        composed(text, &parts)
    }

    /// The next part of a text that an answer gave: a placeholder of a secret, or a word between signs.
    fn next_word(&self, text: &str, from: usize) -> Option<(Range<usize>, String)> {
        let mut at = from;
        while at < text.len() {
            if let Some((_, length)) = secret(&text[at..]) {
                let placeholder = &text[at..at + length];
                if self.given.contains_key(placeholder) {
                    return Some((at..at + length, placeholder.to_owned()));
                }
                at += length;
                continue;
            }
            let rest = &text[at..];
            let length = rest.find(|c: char| !is_of_word(c)).unwrap_or(rest.len());
            if length >= LEAST_INSIDE && self.given.contains_key(&rest[..length]) {
                return Some((at..at + length, rest[..length].to_owned()));
            }
            at += if length == 0 { rest.chars().next().map_or(1, char::len_utf8) } else { length };
        }
        None
    }

    /// The variable of a value that was given.
    fn name(&mut self, value: &str) -> Option<String> {
        let given = self.given.get(value).filter(|given| self.sees(self.at, given.step))?;
        if let Some(name) = &given.variable {
            return Some(name.clone());
        }
        let name = self.free(&given.named.clone());
        let given = self.given.get_mut(value)?;
        given.variable = Some(name.clone());
        let (step, from) = (given.step, given.from.clone());
        self.taken.entry(step).or_default().push((name.clone(), from));
        Some(name)
    }

    fn free(&mut self, named: &str) -> String {
        let base = snake(named);
        let base = if base.is_empty() || ROOTS.contains(&base.as_str()) { format!("{base}_value") } else { base };
        let free = std::iter::once(base.clone())
            .chain((2..).map(|n| format!("{base}_{n}")))
            .find(|name| !self.names.contains(name))
            .unwrap_or(base);
        self.names.insert(free.clone());
        free
    }

    /// A variable whose value this is, if it was captured before this step.
    pub(super) fn known(&self, value: &str, step: usize) -> Option<&str> {
        let is_known = |given: &&Given| given.step < step && self.sees(step, given.step) && !given.is_number;
        self.given.get(value).filter(is_known)?.variable.as_deref()
    }

    /// Whether a step may use what the answer to another gave: they are not done at the same time.
    fn sees(&self, step: usize, given: usize) -> bool {
        let of = |step: usize| self.branches.get(step).map(Vec::as_slice).unwrap_or_default();
        of(step).iter().zip(of(given)).find(|(own, other)| own != other).is_none_or(|(own, other)| own.0 != other.0)
    }

    /// Remembers what a request says of itself.
    pub(super) fn said(&mut self, said: &Said<'_>) {
        let mut note = |text: &str| {
            if text.len() <= LONGEST && !self.given.contains_key(text) && secret(text).is_none() {
                self.said.insert(text.to_owned());
                self.said.extend(text.split(|c| !is_of_word(c)).filter(|w| w.len() >= LEAST_INSIDE).map(str::to_owned));
            }
        };
        if let Some(message) = &said.message {
            each_leaf(message, &mut String::new(), &mut |_, _, leaf| match leaf {
                Value::String(text) => note(text),
                Value::Number(number) => note(&number.to_string()),
                _ => {}
            });
        } else if let Some(text) = said.entry.request.body.text() {
            note(text);
        }
        note(&said.path);
        said.query.iter().for_each(|query| note(query));
        said.entry.request.headers.iter().for_each(|(_, value)| note(value));
    }

    /// Remembers what the answer to a step gives.
    pub(super) fn answered(&mut self, step: usize, said: &Said<'_>, harness_opens: bool) {
        let Some(response) = &said.entry.response else { return };
        for (name, value) in &response.headers {
            match name.as_str() {
                "mcp-session-id" if !harness_opens => {
                    self.give(step, value, format!("$.headers['{name}']").into(), "session_id", false);
                }
                "location" => self.location(step, value),
                "set-cookie" => {
                    self.cookie(step, value, response.headers.iter().filter(|(n, _)| n == name).count() == 1);
                }
                "etag" | "x-request-token" => self.give(step, value, format!("$.headers.{name}").into(), name, false),
                _ => {}
            }
        }
        let (root, document) = match (said.result(), &said.json) {
            (Some(result), _) => ("$.result", Some(result)),
            (None, Some(json)) => ("$.body", Some(json)),
            (None, None) => ("$.body", None),
        };
        match document {
            Some(document) => self.document(step, root, document),
            None => self.markup(step, response.body.text().unwrap_or_default()),
        }
    }

    fn document(&mut self, step: usize, root: &str, document: &Value) {
        let mut found: Vec<(String, String, Value)> = Vec::new();
        each_leaf(document, &mut root.to_owned(), &mut |path, name, leaf| {
            if found.len() < MOST && !WORDS.contains(&name) && !path.contains("Schema") {
                found.push((path.to_owned(), name.to_owned(), leaf.clone()));
            }
        });
        for (path, name, leaf) in found {
            match leaf {
                Value::String(text) => {
                    self.give(step, &text, path.as_str().into(), &name, false);
                    self.inside(step, &path, &text);
                }
                Value::Number(number) if number.to_string().len() >= LEAST => {
                    self.give(step, &number.to_string(), path.into(), &name, true);
                }
                _ => {}
            }
        }
    }

    /// JSON in a text: its members by a regular expression.
    fn inside(&mut self, step: usize, path: &str, text: &str) {
        let Some(document) =
            text.trim_start().starts_with('{').then(|| serde_json::from_str::<Value>(text).ok()).flatten()
        else {
            return;
        };
        let mut found: Vec<(String, String)> = Vec::new();
        each_leaf(&document, &mut String::new(), &mut |_, name, leaf| {
            if let Value::String(value) = leaf
                && found.len() < MOST_INSIDE
                && !WORDS.contains(&name)
            {
                found.push((name.to_owned(), value.clone()));
            }
        });
        for (name, value) in found {
            let key = regex::escape(&serde_json::Value::from(name.as_str()).to_string());
            // The first member of that name must be this one.
            let regex = format!("{key}\\s*:\\s*\"([^\"]+)\"");
            let first =
                regex::Regex::new(&regex).ok().and_then(|r| Some(r.captures(text)?.get(1)?.as_str().to_owned()));
            if first.as_deref() == Some(value.as_str()) {
                self.give(step, &value, json!({ "from": path, "regex": regex }), &name, false);
            }
        }
    }

    fn location(&mut self, step: usize, value: &str) {
        let query = value.split_once(['?', '#']).map_or("", |(_, query)| query);
        for part in query.split(['&', '#']) {
            let Some((name, value)) = part.split_once('=') else { continue };
            // What is encoded there is not the value that the client sends.
            if value.contains(['%', '+']) {
                continue;
            }
            let regex = format!("[?&#]{}=([^&#]+)", regex::escape(name));
            self.give(step, value, json!({ "from": "$.headers.location", "regex": regex }), name, false);
        }
    }

    fn cookie(&mut self, step: usize, value: &str, is_only: bool) {
        let Some((name, rest)) = value.split_once('=').filter(|_| is_only) else { return };
        let value = rest.split(';').next().unwrap_or_default();
        let from = json!({ "from": "$.headers['set-cookie']", "regex": format!("{}=([^;]+)", regex::escape(name)) });
        self.give(step, value, from, name, false);
    }

    /// Hidden fields of a form.
    fn markup(&mut self, step: usize, text: &str) {
        for tag in text.split("<input").skip(1).take(50) {
            let tag = tag.split('>').next().unwrap_or_default();
            let attribute = |name: &str| {
                let rest = tag.split_once(&format!("{name}=\""))?.1;
                Some(rest.split('"').next().unwrap_or_default())
            };
            if let (Some(name), Some(value)) = (attribute(" name"), attribute(" value")) {
                let order = if tag.find(" name=") < tag.find(" value=") {
                    format!("name=\"{}\"[^>]* value=\"([^\"]+)\"", regex::escape(name))
                } else {
                    format!("value=\"([^\"]+)\"[^>]* name=\"{}\"", regex::escape(name))
                };
                self.give(step, value, json!({ "from": "$.body", "regex": order }), name, false);
            }
        }
    }

    fn give(&mut self, step: usize, value: &str, from: Value, named: &str, is_number: bool) {
        let is_secret = secret(value).is_some_and(|(_, length)| length == value.len());
        let is_good = is_secret || tells(value, is_number) && !self.said.contains(value);
        if !is_good || value.len() > LONGEST {
            return;
        }
        if let Some(known) = self.given.get(value)
            && (known.step == step || known.variable.is_some())
        {
            return;
        }
        self.given.insert(value.to_owned(), Given { step, from, named: named.to_owned(), variable: None, is_number });
    }
}

/// Whether a value says which one something is: no word, no small number.
fn tells(value: &str, is_number: bool) -> bool {
    if is_number {
        return value.len() >= LEAST && !value.contains(['.', 'e', '-']);
    }
    if value.len() < LEAST || value.contains(char::is_whitespace) {
        return false;
    }
    let has_digit = value.bytes().any(|b| b.is_ascii_digit());
    let is_address = value.contains("://");
    let is_media = value
        .split_once('/')
        .is_some_and(|(kind, _)| matches!(kind, "text" | "application" | "image" | "audio" | "font"));
    (has_digit || is_address || value.len() >= 20) && !is_media && !is_date(value) && !is_version(value)
}

fn is_date(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.len() >= 10 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-' && bytes[7] == b'-'
}

fn is_version(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'v')
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '~')
}

/// Calls `f` with the path, the name and the value of each text and number.
pub(super) fn each_leaf(value: &Value, path: &mut String, f: &mut dyn FnMut(&str, &str, &Value)) {
    fn go(value: &Value, path: &mut String, name: &str, f: &mut dyn FnMut(&str, &str, &Value)) {
        let length = path.len();
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    if is_plain(name) {
                        path.push('.');
                        path.push_str(name);
                    } else if !name.contains(['\'', '\\']) && !name.contains(char::is_control) {
                        path.push_str(&format!("['{name}']"));
                    } else {
                        continue;
                    }
                    go(member, path, name, f);
                    path.truncate(length);
                }
            }
            Value::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    path.push_str(&format!("[{i}]"));
                    go(item, path, name, f);
                    path.truncate(length);
                }
            }
            Value::String(_) | Value::Number(_) => f(path, name, value),
            Value::Null | Value::Bool(_) => {}
        }
    }
    go(value, path, "", f);
}

fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// `nextCursor` gives `next_cursor`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().take(40) {
        if c.is_ascii_uppercase() && out.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()) {
            out.push('_');
        }
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    }
    let out = out.trim_matches('_').to_owned();
    if out.starts_with(|c: char| c.is_ascii_digit()) { format!("v_{out}") } else { out }
}

/// The captures of a step, as the format has them.
pub(super) fn member(taken: Option<&Vec<(String, Value)>>) -> Option<Value> {
    let taken = taken.filter(|taken| !taken.is_empty())?;
    let mut members = Map::new();
    for (name, from) in taken {
        let from = match from {
            Value::String(path) => Value::from(literal(path)),
            other => other.clone(),
        };
        members.insert(name.clone(), from);
    }
    Some(Value::Object(members))
}
