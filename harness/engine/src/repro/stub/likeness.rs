//! Whether two questions are the same, and where they differ.

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use gauntlet_reports::sanitize;
use serde_json::Value;

use super::super::placeholder;

/// Characters of a value that are shown.
const SHOWN: usize = 80;

/// How deep values are compared; what is deeper is compared as a whole.
const DEEPEST: usize = 64;

/// One place where they differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// `arguments.query`.
    pub(super) path: String,
    pub(super) recorded: Option<String>,
    pub(super) asked: Option<String>,
}

impl fmt::Display for Difference {
    /// ``arguments.query: `rust` recorded, `go` asked``
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.as_ref().map_or_else(|| "nothing".to_owned(), |v| format!("`{v}`"));
        write!(f, "{}: {} recorded, {} asked", self.path, shown(&self.recorded), shown(&self.asked))
    }
}

/// Whether what is asked is what was recorded. A secret in the recording stands for any text.
pub(super) fn same(recorded: &Value, asked: &Value) -> bool {
    match (recorded, asked) {
        (Value::String(recorded), Value::String(asked)) => placeholder::same_but(recorded, asked),
        (Value::Array(recorded), Value::Array(asked)) => {
            recorded.len() == asked.len() && recorded.iter().zip(asked).all(|(recorded, asked)| same(recorded, asked))
        }
        (Value::Object(recorded), Value::Object(asked)) => {
            recorded.len() == asked.len()
                && recorded.iter().all(|(name, value)| asked.get(name).is_some_and(|other| same(value, other)))
        }
        _ => recorded == asked,
    }
}

/// Whether somewhere in it a secret was replaced.
pub(super) fn has_secret(value: &Value) -> bool {
    match value {
        Value::String(text) => placeholder::is_in(text),
        Value::Array(items) => items.iter().any(has_secret),
        Value::Object(members) => members.values().any(has_secret),
        _ => false,
    }
}

/// Every difference, up to `most`.
pub(super) fn differences(path: &str, recorded: &Value, asked: &Value, most: usize, out: &mut Vec<Difference>) {
    compare(path, Some(recorded), Some(asked), 0, most, out);
}

fn compare(
    path: &str,
    recorded: Option<&Value>,
    asked: Option<&Value>,
    depth: usize,
    most: usize,
    out: &mut Vec<Difference>,
) {
    if out.len() >= most {
        return;
    }
    match (recorded, asked) {
        (Some(recorded), Some(asked)) if same(recorded, asked) => {}
        (Some(Value::Object(recorded)), Some(Value::Object(asked))) if depth < DEEPEST => {
            let added = asked.keys().filter(|name| !recorded.contains_key(*name));
            for name in recorded.keys().chain(added) {
                compare(&member(path, name), recorded.get(name), asked.get(name), depth + 1, most, out);
            }
        }
        (Some(Value::Array(recorded)), Some(Value::Array(asked))) if depth < DEEPEST => {
            for at in 0..recorded.len().max(asked.len()) {
                compare(&format!("{path}[{at}]"), recorded.get(at), asked.get(at), depth + 1, most, out);
            }
        }
        (recorded, asked) => out.push(Difference {
            path: if path.is_empty() { "body".to_owned() } else { path.to_owned() },
            recorded: recorded.map(shown),
            asked: asked.map(shown),
        }),
    }
}

/// The name of a member behind its path; that parameters are parameters need not be said.
fn member(path: &str, name: &str) -> String {
    match path {
        "" | "params" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

pub(super) fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    sanitize::cut(&sanitize::inline(&text), SHOWN).into_owned()
}

/// A number that is the same for values that are, whatever the order of their members.
pub(super) fn digest(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    feed(value, &mut hasher);
    hasher.finish()
}

fn feed(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Null => 0_u8.hash(hasher),
        Value::Bool(truth) => (1_u8, truth).hash(hasher),
        Value::Number(number) => (2_u8, number).hash(hasher),
        Value::String(text) => (3_u8, text).hash(hasher),
        Value::Array(items) => {
            (4_u8, items.len()).hash(hasher);
            items.iter().for_each(|item| feed(item, hasher));
        }
        Value::Object(members) => {
            (5_u8, members.len()).hash(hasher);
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_unstable();
            for name in names {
                name.hash(hasher);
                if let Some(member) = members.get(name) {
                    feed(member, hasher);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_have_paths_and_both_values() {
        let recorded =
            json!({ "method": "tools/call", "params": { "name": "s", "arguments": { "query": "rust", "n": [1, 2] } } });
        let asked = json!({ "method": "tools/call", "params": { "name": "s", "arguments": { "query": "go", "n": [1], "x": null } }, "profileArn": "a" });
        let mut found = Vec::new();
        differences("", &recorded, &asked, 10, &mut found);
        let told: Vec<String> = found.iter().map(Difference::to_string).collect();
        assert_eq!(
            told,
            [
                "arguments.query: `rust` recorded, `go` asked",
                "arguments.n[1]: `2` recorded, nothing asked",
                "arguments.x: nothing recorded, `null` asked",
                "profileArn: nothing recorded, `a` asked",
            ]
        );
        found.clear();
        differences("", &recorded, &asked, 2, &mut found);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn the_order_of_members_does_not_count() {
        assert_eq!(digest(&json!({ "a": 1, "b": [2, "x"] })), digest(&json!({ "b": [2, "x"], "a": 1 })));
        assert_ne!(digest(&json!({ "a": 1 })), digest(&json!({ "a": "1" })));
        assert_ne!(digest(&json!([[1], 2])), digest(&json!([[1, 2]])));
    }
}
