//! Values that a server made up: where a recorded request repeats one, the live one takes its place.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use gauntlet_reports::volatile::{Normaliser, Rules};
use serde_json::Value;

use super::super::placeholder;

/// Shortest value, in bytes, that is recognised wherever it stands; a shorter one is a word.
const LEAST: usize = 6;

/// Shortest value that is recognised inside of a longer text.
const LEAST_INSIDE: usize = 12;

/// Values that are carried at most.
const MOST: usize = 10_000;

/// How deep answers are searched.
const DEEPEST: usize = 64;

/// Members whose values name something that the server made, whatever they look like.
const HANDLES: [&str; 5] = ["id", "token", "cursor", "handle", "key"];

/// What was recorded, and what there is in its place now.
#[derive(Debug)]
pub(super) struct Carried {
    texts: HashMap<String, String>,
    /// Numbers mean something only where they stand: by the member's name.
    numbers: HashMap<(String, String), Value>,
    cursors: HashMap<String, Value>,
    /// What the recorded client said before any answer had it.
    own: HashSet<String>,
    rules: Rules,
}

impl Carried {
    pub(super) fn new() -> Self {
        Self {
            texts: HashMap::new(),
            numbers: HashMap::new(),
            cursors: HashMap::new(),
            own: HashSet::new(),
            rules: Rules::builtin(),
        }
    }

    /// Takes down what the recorded client says by itself.
    pub(super) fn said(&mut self, request: &Value) {
        match request {
            Value::String(text) if !self.texts.contains_key(text) => {
                self.own.insert(text.clone());
            }
            Value::Array(items) => items.iter().for_each(|item| self.said(item)),
            Value::Object(members) => members.values().for_each(|member| self.said(member)),
            _ => {}
        }
    }

    /// A recorded value, and the live one in the same place.
    pub(super) fn pair(&mut self, recorded: &str, live: &str) {
        if recorded != live && !recorded.is_empty() && self.texts.len() < MOST {
            self.texts.insert(recorded.to_owned(), live.to_owned());
        }
    }

    /// Learns from an answer, recorded and live.
    pub(super) fn learn(&mut self, recorded: &Value, live: &Value) {
        self.walk("", recorded, live, 0);
    }

    fn walk(&mut self, name: &str, recorded: &Value, live: &Value, depth: usize) {
        if depth > DEEPEST || recorded == live {
            return;
        }
        match (recorded, live) {
            (Value::Object(recorded), Value::Object(live)) => {
                for (name, value) in recorded {
                    if let Some(other) = live.get(name) {
                        self.walk(name, value, other, depth + 1);
                    }
                }
            }
            (Value::Array(recorded), Value::Array(live)) => {
                for (value, other) in recorded.iter().zip(live) {
                    self.walk(name, value, other, depth + 1);
                }
            }
            (Value::String(was), _) if name == "nextCursor" => {
                self.cursors.insert(was.clone(), live.clone());
            }
            (Value::String(was), Value::String(is)) => {
                // A document in a text: tools answer so.
                if let (Ok(was), Ok(is)) = (serde_json::from_str::<Value>(was), serde_json::from_str::<Value>(is))
                    && (was.is_object() || was.is_array())
                {
                    self.walk("", &was, &is, depth + 1);
                } else if !self.own.contains(was) && (is_handle(name) || self.is_made_up(was)) && was.len() >= LEAST {
                    self.pair(was, is);
                }
            }
            (Value::Number(was), Value::Number(_)) if is_handle(name) && self.numbers.len() < MOST => {
                self.numbers.insert((name.to_owned(), was.to_string()), live.clone());
            }
            _ => {}
        }
    }

    /// Whether the whole value is one that differs from run to run, or stands for a secret.
    fn is_made_up(&self, text: &str) -> bool {
        let mut value = Value::from(text);
        Normaliser::new(&self.rules).document(&mut value);
        let replaced = value.as_str().is_some_and(|it| it != text && it.starts_with('<') && it.ends_with('>'));
        replaced || is_placeholder(text)
    }

    /// A text of a request with the live values; a text inside of which one stands, too.
    pub(super) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if let Some(live) = self.texts.get(text) {
            return Cow::Owned(live.clone());
        }
        let mut text = Cow::Borrowed(text);
        for (recorded, live) in &self.texts {
            let long_enough = recorded.len() >= LEAST_INSIDE || is_placeholder(recorded);
            if long_enough && text.len() > recorded.len() && text.contains(recorded.as_str()) {
                text = Cow::Owned(text.replace(recorded.as_str(), live));
            }
        }
        text
    }

    /// A body of a request with the live values; whether anything changed.
    pub(super) fn document(&self, value: &mut Value) -> bool {
        self.member("", value)
    }

    fn member(&self, name: &str, value: &mut Value) -> bool {
        let found = match &*value {
            Value::String(text) if name == "cursor" => self.cursors.get(text).cloned(),
            Value::Number(number) => self.numbers.get(&(name.to_owned(), number.to_string())).cloned(),
            _ => None,
        };
        if let Some(found) = found {
            *value = found;
            return true;
        }
        match value {
            Value::String(text) => match self.text(text) {
                Cow::Owned(changed) => {
                    *text = changed;
                    true
                }
                Cow::Borrowed(_) => false,
            },
            // All of them, also behind one that changes.
            Value::Array(items) => {
                items.iter_mut().filter_map(|item| self.member(name, item).then_some(())).count() > 0
            }
            Value::Object(members) => {
                members.iter_mut().filter_map(|(name, member)| self.member(name, member).then_some(())).count() > 0
            }
            _ => false,
        }
    }
}

/// Whether the whole text stands for a secret.
fn is_placeholder(text: &str) -> bool {
    placeholder::cut(text).is_some_and(|(before, _, behind)| before.is_empty() && behind.is_empty())
}

/// Whether a member of this name holds a handle of something: `taskId`, `session_id`, `nextToken`.
fn is_handle(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    HANDLES.iter().any(|handle| name.ends_with(handle))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_server_made_up_is_carried() {
        let mut carried = Carried::new();
        carried.said(&json!({ "orderKey": "mine-000" }));
        carried.learn(
            &json!({ "taskId": "abc-123", "nextCursor": "2", "id": 7, "text": "{\"jobId\":\"j-00001\"}",
                "at": "0b1e9d9e-7e3a-4e1c-9d6e-000000000001", "orderKey": "mine-000", "title": "first title" }),
            &json!({ "taskId": "xyz-789", "nextCursor": "b", "id": 9, "text": "{\"jobId\":\"j-00002\"}",
                "at": "0b1e9d9e-7e3a-4e1c-9d6e-000000000002", "orderKey": "yours-00", "title": "other title" }),
        );
        let mut request = json!({
            "cursor": "2", "task": "abc-123", "id": 7, "count": 7, "job": "j-00001", "page": "2",
            "uri": "thing://0b1e9d9e-7e3a-4e1c-9d6e-000000000001/x", "orderKey": "mine-000", "title": "first title",
        });
        assert!(carried.document(&mut request));
        let live = json!({
            "cursor": "b", "task": "xyz-789", "id": 9, "count": 7, "job": "j-00002", "page": "2",
            "uri": "thing://0b1e9d9e-7e3a-4e1c-9d6e-000000000002/x", "orderKey": "mine-000", "title": "first title",
        });
        assert_eq!(request, live);
        assert!(!carried.document(&mut json!({ "q": "abc" })));
    }

    #[test]
    fn a_secret_of_an_answer_is_carried() {
        let mut carried = Carried::new();
        carried.learn(&json!({ "access_token": "${secret:access-token}" }), &json!({ "access_token": "t-live" }));
        assert_eq!(carried.text("Bearer ${secret:access-token}"), "Bearer t-live");
    }
}
