//! Placeholders in the place of values.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Map, Value};

use super::builtin::{EVENT_ID, HARNESS, KEY, OF_A_KEY, RPC_ID};
use super::{Named, Rules};
use crate::model::{Body, Exchange};

/// Replaces the volatile values of one transcript.
#[derive(Debug)]
pub struct Normaliser<'r> {
    rules: &'r Rules,
    /// Text to placeholder, whichever rule found it.
    texts: HashMap<String, String>,
    /// The same of numbers, which mean something only where they stand.
    numbers: HashMap<(String, String), String>,
    counts: HashMap<String, usize>,
    rpc_id: Option<Named>,
    event_id: Option<Named>,
    key: Option<Named>,
    harness: Option<Named>,
}

impl<'r> Normaliser<'r> {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(rules: &'r Rules) -> Self {
        let held = |name: &str| rules.holds(name).then(|| Named { name: name.to_owned(), identity: true });
        Self {
            rules,
            texts: HashMap::new(),
            numbers: HashMap::new(),
            counts: HashMap::new(),
            rpc_id: held(RPC_ID),
            event_id: held(EVENT_ID),
            key: held(KEY),
            harness: rules.holds(HARNESS).then(|| Named { name: HARNESS.to_owned(), identity: false }),
        }
    }

    /// Replaces the values of an exchange.
    pub fn exchange(&mut self, exchange: &mut Exchange) {
        if self.rules.is_empty() {
            return;
        }
        let Exchange { request, response, failure, note, .. } = exchange;
        self.text(&mut request.url);
        self.headers(&mut request.headers);
        self.body(&mut request.body);
        if let Some(response) = response {
            self.headers(&mut response.headers);
            self.body(&mut response.body);
        }
        failure.iter_mut().chain(note).for_each(|text| self.text(text));
    }

    /// Replaces what patterns find in a text that belongs to no exchange, such as a reason.
    pub fn line(&mut self, text: &mut String) {
        if !self.rules.is_empty() {
            self.text(text);
        }
    }

    /// Replaces the values of a message, or of any other document, that belongs to no exchange.
    pub fn document(&mut self, value: &mut Value) {
        if !self.rules.is_empty() {
            self.message(value);
        }
    }

    fn headers(&mut self, headers: &mut [(String, String)]) {
        for (name, value) in headers {
            let named = match self.rules.headers.get(name.as_str()) {
                Some(named) => Some(named),
                None => self.rules.headers.get(&name.to_ascii_lowercase()),
            };
            match named {
                Some(named) => *value = self.placeholder(named, Cow::Borrowed(value)),
                None => self.text(value),
            }
        }
    }

    fn body(&mut self, body: &mut Body) {
        match body {
            Body::Empty | Body::Binary { .. } => {}
            Body::Text { text, .. } => self.text(text),
            Body::Json(value) => self.message(value),
            Body::Events(events) => {
                for event in events {
                    if let (Some(named), Some(id)) = (self.event_id.clone(), &mut event.id) {
                        *id = self.placeholder(&named, Cow::Borrowed(id));
                    }
                    self.message(&mut event.data);
                }
            }
        }
    }

    /// A JSON-RPC message, several of them, or any other document.
    fn message(&mut self, value: &mut Value) {
        let messages = match &mut *value {
            Value::Array(items) => items.as_mut_slice(),
            one => std::slice::from_mut(one),
        };
        for message in messages {
            if let (Some(named), Some(members)) = (self.rpc_id.clone(), message.as_object_mut())
                && members.contains_key("jsonrpc")
                && let Some(id) = members.get_mut("id")
            {
                self.scalar(&named, id);
            }
            let rules = self.rules;
            for (named, pattern) in rules.paths() {
                self.at(named, pattern.segments(), message);
            }
        }
        self.value(value);
    }

    /// Replaces what stands at the path. `body` is the message itself.
    fn at(&mut self, named: &Named, path: &[Option<String>], value: &mut Value) {
        let path = match path {
            [Some(first), rest @ ..] if first == "body" => rest,
            path => path,
        };
        self.below(named, path, value);
    }

    fn below(&mut self, named: &Named, path: &[Option<String>], value: &mut Value) {
        let [first, rest @ ..] = path else {
            let text = match &*value {
                Value::String(text) => Cow::Borrowed(text.as_str()),
                other => Cow::Owned(other.to_string()),
            };
            *value = Value::String(self.placeholder(named, text));
            return;
        };
        match value {
            Value::Object(members) => match first {
                Some(name) => members.get_mut(name).into_iter().for_each(|member| self.below(named, rest, member)),
                None => members.values_mut().for_each(|member| self.below(named, rest, member)),
            },
            Value::Array(items) => {
                for (i, item) in items.iter_mut().enumerate() {
                    let is_meant = first.as_ref().is_none_or(|wanted| {
                        item.get("name").and_then(Value::as_str) == Some(wanted) || *wanted == i.to_string()
                    });
                    if is_meant {
                        self.below(named, rest, item);
                    }
                }
            }
            _ => {}
        }
    }

    fn value(&mut self, value: &mut Value) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(members) => self.members(members),
        }
    }

    fn members(&mut self, members: &mut Map<String, Value>) {
        let rules = self.rules;
        let key = self.key.clone().filter(|_| members.contains_key("kty"));
        let is_harness = members.get("name").and_then(Value::as_str).is_some_and(|name| name.starts_with("gauntlet"));
        let harness = self.harness.clone().filter(|_| is_harness);
        for (name, member) in members {
            if let Some(named) = harness.as_ref().filter(|_| name == "version") {
                self.scalar(named, member);
                continue;
            }
            if let Some(named) = key.as_ref().filter(|_| OF_A_KEY.contains(&name.as_str())) {
                self.scalar(named, member);
                continue;
            }
            match rules.members.get(name.as_str()) {
                Some(named) if matches!(member, Value::String(_) | Value::Number(_)) => self.scalar(named, member),
                _ => self.value(member),
            }
        }
    }

    fn scalar(&mut self, named: &Named, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.placeholder(named, Cow::Borrowed(text)),
            Value::Number(number) => {
                let key = (named.name.clone(), number.to_string());
                let known = self.numbers.get(&key).cloned().filter(|_| named.identity);
                let placeholder = known.unwrap_or_else(|| {
                    let made = self.next(named);
                    self.numbers.insert(key, made.clone());
                    made
                });
                *value = Value::String(placeholder);
            }
            _ => {}
        }
    }

    /// The placeholder of a value that a rule names.
    fn placeholder(&mut self, named: &Named, text: Cow<'_, str>) -> String {
        if !named.identity {
            return self.next(named);
        }
        // What was replaced already has its placeholder.
        if is_placeholder(&text) {
            return text.into_owned();
        }
        if let Some(known) = self.texts.get(text.as_ref()) {
            return known.clone();
        }
        let made = self.next(named);
        self.texts.insert(text.into_owned(), made.clone());
        made
    }

    fn next(&mut self, named: &Named) -> String {
        if !named.identity {
            return format!("<{}>", named.name);
        }
        let count = self.counts.entry(named.name.clone()).or_default();
        *count += 1;
        format!("<{}:{count}>", named.name)
    }

    /// Replaces what patterns find in the text, or all of it if it is a value that was replaced elsewhere.
    fn text(&mut self, text: &mut String) {
        if let Some(known) = self.texts.get(text.as_str()) {
            text.clone_from(known);
            return;
        }
        let rules = self.rules;
        for (named, regex) in rules.own_texts() {
            let found =
                regex.captures_iter(text).filter_map(|c| c.get(1).or_else(|| c.get(0))).map(|m| (m.range(), named));
            let found: Vec<_> = found.collect();
            self.replace(text, &found);
        }
        if let Some(texts) = &rules.texts
            && texts.regex.is_match(text)
        {
            let mut found = Vec::new();
            for captures in texts.regex.captures_iter(text) {
                let group = texts.groups.iter().find_map(|(i, named)| Some((captures.get(*i)?.range(), named)));
                found.extend(group);
            }
            self.replace(text, &found);
        }
    }

    fn replace(&mut self, text: &mut String, found: &[(std::ops::Range<usize>, &Named)]) {
        if found.is_empty() {
            return;
        }
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (range, named) in found {
            let Some(value) = text.get(range.clone()).filter(|value| !value.is_empty() && range.start >= done) else {
                continue;
            };
            let placeholder = self.placeholder(named, Cow::Borrowed(value));
            out.push_str(text.get(done..range.start).unwrap_or_default());
            out.push_str(&placeholder);
            done = range.end;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        *text = out;
    }
}

/// `<uuid:1>`.
pub(super) fn is_placeholder(text: &str) -> bool {
    let inner = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    inner.and_then(|inner| inner.rsplit_once(':')).is_some_and(|(name, number)| {
        !name.is_empty() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    })
}
