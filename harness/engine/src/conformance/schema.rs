//! The project's own JSON Schemas, and how one text serves every version.
//!
//! `schemas/` has one file for each area of the protocol: an object of named definitions in JSON Schema draft 7, which refer
//! to each other as `#/$defs/Name` across files (and, in that draft, hold nothing else beside a `$ref`). Two keywords are
//! ours:
//!
//! * `$in` names the editions in which the object that holds it exists: `2025-06-18..`, `..2025-11-25`, both ends
//!   inclusive, several separated by blanks, with `bare` for messages that belong to no version. Elsewhere the object
//!   is left out, be it a member or an element. `{ "$in": …, "$value": … }` stands for a value that is no object.
//! * `$requirement` names the requirement that faults at or below this place break; the innermost counts.
//!
//! So a constraint stands in one place with its window beside it, rather than in five copies.

use std::collections::HashSet;
use std::sync::OnceLock;

use gauntlet_format::{Version, VersionWindow};
use serde_json::{Map, Value, json};

const AREAS: [&str; 7] = [
    include_str!("schemas/common.json"),
    include_str!("schemas/envelope.json"),
    include_str!("schemas/lifecycle.json"),
    include_str!("schemas/utilities.json"),
    include_str!("schemas/content.json"),
    include_str!("schemas/tools.json"),
    include_str!("schemas/client.json"),
];

/// What schemas are made for: a version, or messages that belong to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edition(pub(super) Option<Version>);

impl Edition {
    pub(super) const COUNT: usize = Version::ALL.len() + 1;

    pub(super) const fn index(self) -> usize {
        match self.0 {
            Some(version) => version as usize,
            None => Version::ALL.len(),
        }
    }

    fn is_in(self, window: &str) -> Result<bool, String> {
        for part in window.split_ascii_whitespace() {
            let hit = match (part, self.0) {
                ("bare", version) => version.is_none(),
                (_, None) => false,
                (part, Some(version)) => part.parse::<VersionWindow>().map_err(|e| e.to_string())?.contains(version),
            };
            if hit {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Every definition of every area.
fn areas() -> Result<&'static Map<String, Value>, String> {
    static ALL: OnceLock<Result<Map<String, Value>, String>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut all = Map::new();
        for text in AREAS {
            let area: Map<String, Value> = serde_json::from_str(text).map_err(|e| e.to_string())?;
            for (name, definition) in area {
                if all.insert(name.clone(), definition).is_some() {
                    return Err(format!("`{name}` is defined twice"));
                }
            }
        }
        Ok(all)
    })
    .as_ref()
    .map_err(Clone::clone)
}

/// A definition with everything that it refers to, as one schema for one edition.
pub(super) fn bundle(name: &str, edition: Edition) -> Result<Value, String> {
    let areas = areas()?;
    let mut definitions = Map::new();
    let mut seen = HashSet::from([name.to_owned()]);
    let mut open = vec![name.to_owned()];
    while let Some(name) = open.pop() {
        let text = areas.get(&name).ok_or_else(|| format!("`{name}` is not defined"))?;
        let projected = project(text, edition)?.ok_or_else(|| format!("`{name}` does not exist in this version"))?;
        references(&projected, &mut |to| {
            if seen.insert(to.to_owned()) {
                open.push(to.to_owned());
            }
        });
        definitions.insert(name, projected);
    }
    Ok(json!({ "$ref": format!("{PREFIX}{name}"), "$defs": definitions }))
}

const PREFIX: &str = "#/$defs/";

/// What is left of a schema in an edition; `None`: nothing.
fn project(value: &Value, edition: Edition) -> Result<Option<Value>, String> {
    match value {
        Value::Object(members) => {
            if let Some(window) = members.get("$in") {
                let window = window.as_str().ok_or("`$in` is not a string")?;
                if !edition.is_in(window)? {
                    return Ok(None);
                }
            }
            if let Some(value) = members.get("$value") {
                return project(value, edition);
            }
            let mut left = Map::new();
            for (name, member) in members.iter().filter(|(name, _)| *name != "$in") {
                if let Some(member) = project(member, edition)? {
                    left.insert(name.clone(), member);
                }
            }
            Ok(Some(Value::Object(left)))
        }
        Value::Array(items) => {
            let left = items.iter().filter_map(|item| project(item, edition).transpose());
            let left = left.collect::<Result<Vec<_>, _>>()?;
            // An `allOf` of nothing is no schema; a list that loses everything goes as a whole.
            Ok((items.is_empty() || !left.is_empty()).then_some(Value::Array(left)))
        }
        other => Ok(Some(other.clone())),
    }
}

fn references(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str().and_then(|to| to.strip_prefix(PREFIX)) {
                    Some(to) if name == "$ref" => found(to),
                    _ => references(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// The innermost `$requirement` on the way that a validator took to a fault: a JSON Pointer that passes through `$ref`.
pub(super) fn requirement(schema: &'static Value, evaluation_path: &str) -> Option<&'static str> {
    let mut at = schema;
    let mut innermost = None;
    for token in evaluation_path.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        at = match at {
            Value::Array(items) => items.get(token.parse::<usize>().ok()?)?,
            _ => at.get(&token)?,
        };
        while token == "$ref" && at.is_string() {
            at = schema.pointer(at.as_str()?.strip_prefix('#')?)?;
        }
        if let Some(id) = at.get("$requirement").and_then(Value::as_str) {
            innermost = Some(id);
        }
    }
    innermost
}

/// Appends a JSON Pointer to a path as people write it: `result.tools[0].name`.
pub(super) fn push_pointer(path: &mut String, pointer: &str) {
    for token in pointer.split('/').skip(1) {
        if !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit()) {
            path.push('[');
            path.push_str(token);
            path.push(']');
        } else {
            push_member(path, &token.replace("~1", "/").replace("~0", "~"));
        }
    }
}

/// Appends a member name, quoted if it is not a plain word.
pub(super) fn push_member(path: &mut String, name: &str) {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'$');
    if !name.is_empty() && name.bytes().all(plain) {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
    } else {
        path.push('[');
        path.push_str(&Value::String(name.to_owned()).to_string());
        path.push(']');
    }
}
