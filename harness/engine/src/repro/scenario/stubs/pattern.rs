//! What a stub asks of a request.

use gauntlet_reports::volatile::Normaliser;
use serde_json::{Map, Value, json};

use super::super::said::{Said, What, parameters};
use super::super::text::{holds_secret, literal};
use super::{CONTENT, RULES, literal_of};

/// Values of one request that a stub asks for, and that are looked at for it.
const MOST_VALUES: usize = 20;
const MOST_LOOKS: usize = 2000;

/// Values of the client's request among which these are looked for, and bytes of their texts.
const MOST_KNOWN: usize = 1000;
const MOST_KNOWN_BYTES: usize = 1 << 20;

/// Bytes from which a text that stands in another one is no chance.
const WORD: usize = 4;

/// Characters of a text up to which a stub asks for it.
const LONGEST: usize = 200;

/// A request behind the target.
pub(super) struct Asked<'a, 'e> {
    pub(super) said: &'a Said<'e>,
    /// What the client asked meanwhile.
    pub(super) cause: Option<&'a Said<'e>>,
}

impl Asked<'_, '_> {
    /// What a stub asks for: what the request is about, and of its values those that the client had sent. What the target adds or
    /// alters may be the bug. With `whole` all arguments as they were, and no others.
    pub(super) fn pattern(&self, whole: bool) -> Value {
        let said = self.said;
        let mut pattern = Map::new();
        if let (What::Call(method), Some(message)) = (&said.what, &said.message) {
            let mut params = Map::new();
            let subject = CONTENT.iter().find(|(known, _)| known == method).map_or("name", |(_, subject)| subject);
            for (name, value) in message.get("params").and_then(Value::as_object).into_iter().flatten() {
                let part = match name.as_str() {
                    "_meta" => None,
                    name if name == subject => plain(value),
                    _ if whole => plain(value).map(|value| json!({ "$exact": value })),
                    _ => self.common(value),
                };
                params.extend(part.map(|part| (name.clone(), part)));
            }
            let mut body = Map::from_iter([("method".to_owned(), Value::from(method.as_str()))]);
            if !params.is_empty() {
                body.insert("params".to_owned(), params.into());
            }
            pattern.insert("body".to_owned(), body.into());
            return pattern.into();
        }
        pattern.insert("method".to_owned(), said.entry.request.method.as_str().into());
        pattern.insert("path".to_owned(), literal(&said.path).into());
        let query = said.query.as_deref().and_then(parameters).unwrap_or_default();
        let query: Value =
            query.into_iter().map(|(name, value)| (name, Value::from(value))).collect::<Map<_, _>>().into();
        for (name, value) in [("query", Some(&query)), ("body", said.message.as_ref())] {
            pattern.extend(value.and_then(|value| self.common(value)).map(|part| (name.to_owned(), part)));
        }
        pattern.into()
    }

    /// The part of a value that the client sent too, in whatever place; all of it where no client is known.
    fn common(&self, value: &Value) -> Option<Value> {
        let mut known: Vec<Value> = Vec::new();
        if let Some(cause) = self.cause {
            let query = cause.query.as_deref().and_then(parameters).unwrap_or_default();
            known.extend(query.into_iter().map(|(_, value)| value.into()));
            let mut room = MOST_KNOWN_BYTES;
            cause.message.iter().for_each(|message| leaves(message, &mut known, &mut room));
        }
        let mut normal = value.clone();
        Normaliser::new(&RULES).document(&mut normal);
        let is_known = |leaf: &Value| self.cause.is_none() || known.iter().any(|known| holds(known, leaf));
        part(value, &normal, &is_known, &mut Room { values: MOST_VALUES, looks: MOST_LOOKS })
    }
}

/// How much of a request is looked at yet.
struct Room {
    values: usize,
    looks: usize,
}

/// What of a value is known, is the same each time and is short.
fn part(value: &Value, normal: &Value, is_known: &dyn Fn(&Value) -> bool, left: &mut Room) -> Option<Value> {
    match value {
        Value::Object(members) => {
            // A matcher begins with `$`, and so does no other member.
            if members.keys().any(|name| name.starts_with('$')) {
                return None;
            }
            let part = |(name, member): (&String, &Value)| {
                Some((name.clone(), part(member, normal.get(name)?, is_known, left)?))
            };
            let kept: Map<String, Value> = members.iter().filter_map(part).collect();
            (!kept.is_empty()).then(|| kept.into())
        }
        // Lists match as a whole.
        Value::Array(items) => {
            let all: Option<Vec<Value>> = items
                .iter()
                .enumerate()
                .map(|(at, item)| {
                    let found = part(item, normal.get(at)?, is_known, left)?;
                    (!item.is_object() || found.as_object().map(Map::len) == item.as_object().map(Map::len))
                        .then_some(found)
                })
                .collect();
            all.filter(|all| !all.is_empty()).map(Value::Array)
        }
        leaf => {
            let is_short = leaf.as_str().is_none_or(|text| text.chars().count() <= LONGEST && !holds_secret(text));
            if left.values == 0 || left.looks == 0 {
                return None;
            }
            left.looks -= 1;
            if !is_short || normal != leaf || !is_known(leaf) {
                return None;
            }
            left.values -= 1;
            Some(literal_of(leaf.clone()))
        }
    }
}

/// A value as it stands, if it is the same each time.
fn plain(value: &Value) -> Option<Value> {
    let mut normal = value.clone();
    Normaliser::new(&RULES).document(&mut normal);
    (normal == *value && !holds_secret(&value.to_string())).then(|| literal_of(value.clone()))
}

fn leaves(value: &Value, into: &mut Vec<Value>, room: &mut usize) {
    match value {
        Value::Object(members) => members.values().for_each(|member| leaves(member, into, room)),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, into, room)),
        leaf => {
            let left = room.checked_sub(leaf.as_str().map_or(0, str::len));
            if let (Some(left), true) = (left, into.len() < MOST_KNOWN) {
                *room = left;
                into.push(leaf.clone());
            }
        }
    }
}

/// Whether a value that the client sent is the other one, or a text that holds it.
fn holds(known: &Value, leaf: &Value) -> bool {
    match (known, leaf) {
        (Value::String(known), Value::String(leaf)) => known == leaf || leaf.len() >= WORD && known.contains(leaf),
        (known, leaf) => known == leaf,
    }
}
