//! The shape of JSON values: which members there are and of which types, whatever the values are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::path::{Path, Segment};

/// Members that hold what belongs to the system and not to the protocol: only that they are there is compared.
const OPAQUE: [&str; 9] = [
    "_meta",
    "annotations",
    "arguments",
    "capabilities",
    "inputSchema",
    "outputSchema",
    "properties",
    "serverInfo",
    "structuredContent",
];

/// Depth to which shapes are taken.
const DEEP: usize = 32;

/// Differences of one pair of shapes at most.
const MOST: usize = 200;

/// What the values in one place have in common.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Shape {
    types: BTreeSet<&'static str>,
    /// How many objects there were.
    objects: usize,
    /// Of each member: in how many objects, and its shape.
    members: BTreeMap<String, (usize, Shape)>,
    /// Elements of lists, by their `type` where they name one.
    items: BTreeMap<String, Shape>,
    /// A text that holds JSON.
    inside: Option<Box<Shape>>,
}

/// How two shapes differ in one place.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Difference {
    OnlyLeft(Path),
    OnlyRight(Path),
    Type(Path, String, String),
}

impl Shape {
    pub(super) fn of(value: &Value) -> Self {
        let mut shape = Self::default();
        shape.add(value, 0);
        shape
    }

    fn add(&mut self, value: &Value, depth: usize) {
        self.types.insert(match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        });
        if depth >= DEEP {
            return;
        }
        match value {
            Value::Object(members) => {
                self.objects += 1;
                for (name, member) in members {
                    let (count, shape) = self.members.entry(name.clone()).or_default();
                    *count += 1;
                    // What is not looked into has a type all the same.
                    let member_depth = if OPAQUE.contains(&name.as_str()) { DEEP } else { depth + 1 };
                    shape.add(member, member_depth);
                }
            }
            Value::Array(items) => {
                for item in items {
                    let kind = item.get("type").and_then(Value::as_str).unwrap_or("*");
                    self.items.entry(kind.to_owned()).or_default().add(item, depth + 1);
                }
            }
            Value::String(text) if text.starts_with(['{', '[']) => {
                if let Ok(inside @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text) {
                    self.inside.get_or_insert_default().add(&inside, depth + 1);
                }
            }
            _ => {}
        }
    }

    /// What differs below the path. What only some elements of a list have says nothing.
    pub(super) fn compare(&self, other: &Self, path: &Path, out: &mut Vec<Difference>) {
        if out.len() >= MOST {
            return;
        }
        if self.types != other.types {
            let told = |types: &BTreeSet<&str>| types.iter().copied().collect::<Vec<_>>().join(" or ");
            out.push(Difference::Type(path.clone(), told(&self.types), told(&other.types)));
        }
        if self.objects > 0 && other.objects > 0 {
            for (name, (count, shape)) in &self.members {
                match other.members.get(name) {
                    Some((_, theirs)) => shape.compare(theirs, &path.key(name), out),
                    None if *count == self.objects => out.push(Difference::OnlyLeft(path.key(name))),
                    None => {}
                }
            }
            let gained = other.members.iter().filter(|(name, _)| !self.members.contains_key(*name));
            for (name, _) in gained.filter(|(_, (count, _))| *count == other.objects) {
                out.push(Difference::OnlyRight(path.key(name)));
            }
        }
        for (kind, items) in &self.items {
            if let Some(theirs) = other.items.get(kind) {
                items.compare(theirs, &path.with(Segment::Item(kind.clone())), out);
            }
        }
        if let (Some(inside), Some(theirs)) = (&self.inside, &other.inside) {
            inside.compare(theirs, &path.key("(json)"), out);
        }
    }
}
