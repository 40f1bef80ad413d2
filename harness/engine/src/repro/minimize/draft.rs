//! A scenario as a tree that parts are taken out of.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// The member of a step that says which one of the original it is. No step of the format has it.
const MARK: &str = "#";

/// Members that are as good as not there when they are empty.
const EMPTY: [&str; 8] = ["expect", "capture", "headers", "vars", "defaults", "given", "requires", "matrix"];

/// One step of a path into the tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Segment {
    /// A member of a mapping.
    Key(String),
    /// An element of a list.
    Index(usize),
}

/// From the top down to a part.
pub(super) type Path = Vec<Segment>;

/// The path and one step more.
pub(super) fn below(path: &[Segment], segment: Segment) -> Path {
    let mut path = path.to_vec();
    path.push(segment);
    path
}

/// A path of members.
pub(super) fn keys<const N: usize>(names: [&str; N]) -> Path {
    names.into_iter().map(|name| Segment::Key(name.to_owned())).collect()
}

/// A scenario whose steps bear the numbers that they had in the original, so that they are the same ones when others are gone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    root: Value,
}

impl Draft {
    /// Numbers the steps, those inside others included, in the order of the file: as the runner does.
    pub(super) fn new(mut root: Value) -> Self {
        fn mark(steps: Option<&mut Value>, next: &mut usize) {
            for step in steps.and_then(Value::as_array_mut).into_iter().flatten() {
                let Some(step) = step.as_object_mut() else { continue };
                step.insert(MARK.to_owned(), (*next).into());
                *next += 1;
                for inner in ["parallel", "repeat"] {
                    mark(step.get_mut(inner), next);
                }
            }
        }
        mark(root.get_mut("steps"), &mut 0);
        Self { root }
    }

    /// The tree, marks included.
    pub(super) fn root(&self) -> &Value {
        &self.root
    }

    /// The same with another tree.
    pub(super) fn edited(&self, edit: impl FnOnce(&mut Value)) -> Self {
        let mut draft = self.clone();
        edit(&mut draft.root);
        draft
    }

    /// The scenario without marks.
    pub(super) fn scenario(&self) -> Value {
        fn strip(value: &mut Value) {
            match value {
                Value::Array(items) => items.iter_mut().for_each(strip),
                Value::Object(members) => {
                    members.shift_remove(MARK);
                    for inner in ["parallel", "repeat"] {
                        members.get_mut(inner).into_iter().for_each(strip);
                    }
                }
                _ => {}
            }
        }
        let mut root = self.root.clone();
        root.get_mut("steps").into_iter().for_each(strip);
        root
    }

    /// The text of a scenario file. YAML holds JSON.
    pub(super) fn text(&self) -> String {
        self.scenario().to_string()
    }

    /// The same for the same scenario, and for no other.
    pub(super) fn digest(&self) -> String {
        digest(&self.text())
    }

    /// The numbers of the steps in the original, in order.
    pub(super) fn steps(&self) -> Vec<usize> {
        self.paths().into_iter().map(|(number, _)| number).collect()
    }

    /// Where a step of the original stands.
    pub(super) fn path_of(&self, step: usize) -> Option<Path> {
        self.paths().into_iter().find(|(number, _)| *number == step).map(|(_, path)| path)
    }

    /// Every step with its number in the original, in order.
    pub(super) fn paths(&self) -> Vec<(usize, Path)> {
        fn collect(list: Option<&Value>, at: &[Segment], out: &mut Vec<(usize, Path)>) {
            for (index, step) in list.and_then(Value::as_array).into_iter().flatten().enumerate() {
                let path = below(at, Segment::Index(index));
                if let Some(number) = number_of(step) {
                    out.push((number, path.clone()));
                }
                for inner in ["parallel", "repeat"] {
                    collect(step.get(inner), &below(&path, Segment::Key(inner.to_owned())), out);
                }
            }
        }
        let mut out = Vec::new();
        collect(self.root.get("steps"), &keys(["steps"]), &mut out);
        out
    }

    /// What stands at a place.
    pub(super) fn get(&self, path: &[Segment]) -> Option<&Value> {
        path.iter().try_fold(&self.root, |value, segment| match segment {
            Segment::Key(name) => value.get(name),
            Segment::Index(index) => value.get(*index),
        })
    }

    /// The scenario without the parts.
    pub(super) fn without<'p>(&self, parts: impl IntoIterator<Item = &'p Path>) -> Self {
        let mut parts: Vec<&Path> = parts.into_iter().collect();
        // From the end, so that the places of those before stay.
        parts.sort_unstable_by(|a, b| b.cmp(a));
        let mut draft = self.clone();
        for part in parts {
            remove(&mut draft.root, part);
        }
        draft
    }
}

/// The number that a step has in the original.
pub(super) fn number_of(step: &Value) -> Option<usize> {
    step.get(MARK)?.as_u64().and_then(|number| usize::try_from(number).ok())
}

/// The members of a step, without its mark.
pub(super) fn members_of(step: &Value) -> impl Iterator<Item = (&String, &Value)> {
    step.as_object().into_iter().flatten().filter(|(name, _)| *name != MARK)
}

/// SHA-256 in hexadecimal.
pub(super) fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// What stands at a place, to be altered.
pub(super) fn at_mut<'v>(root: &'v mut Value, path: &[Segment]) -> Option<&'v mut Value> {
    path.iter().try_fold(root, |value, segment| match segment {
        Segment::Key(name) => value.get_mut(name),
        Segment::Index(index) => value.get_mut(*index),
    })
}

/// Takes a part out, and with it the mapping around it if that says nothing any more.
fn remove(value: &mut Value, path: &[Segment]) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        match (first, value) {
            (Segment::Key(name), Value::Object(members)) => drop(members.shift_remove(name)),
            (Segment::Index(index), Value::Array(items)) if *index < items.len() => drop(items.remove(*index)),
            _ => {}
        }
        return;
    }
    let inner = match first {
        Segment::Key(name) => value.get_mut(name),
        Segment::Index(index) => value.get_mut(*index),
    };
    let Some(inner) = inner else { return };
    remove(inner, rest);
    let is_empty = inner.as_object().is_some_and(Map::is_empty) || inner.as_array().is_some_and(Vec::is_empty);
    if let (Segment::Key(name), Value::Object(members), true) = (first, value, is_empty)
        && EMPTY.contains(&name.as_str())
    {
        members.shift_remove(name);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn draft() -> Draft {
        Draft::new(json!({ "id": "a", "steps": [
            { "call": "x", "params": { "parallel": [{ "#": 7 }] } },
            { "parallel": [{ "call": "y" }, { "repeat": [{ "call": "z", "headers": { "a": "1" } }], "times": 2 }] },
            { "call": "w" },
        ] }))
    }

    #[test]
    fn steps_are_numbered_as_they_run() {
        assert_eq!(draft().steps(), [0, 1, 2, 3, 4, 5]);
        let at = draft().path_of(4).unwrap_or_default();
        assert_eq!(draft().get(&at).and_then(|step| step["call"].as_str()), Some("z"));
    }

    #[test]
    fn what_is_sent_is_not_mistaken_for_steps() {
        let told = draft().scenario();
        assert_eq!(told["steps"][0]["params"]["parallel"][0]["#"], 7);
        assert!(told["steps"][0].get("#").is_none() && told["steps"][1]["parallel"][1]["repeat"][0].get("#").is_none());
    }

    #[test]
    fn parts_go_together_and_leave_nothing_empty_behind() {
        let draft = draft();
        let header = below(
            &below(&draft.path_of(4).unwrap_or_default(), Segment::Key("headers".into())),
            Segment::Key("a".into()),
        );
        let parts = [draft.path_of(0).unwrap_or_default(), draft.path_of(2).unwrap_or_default(), header];
        let left = draft.without(&parts);
        assert_eq!(left.steps(), [1, 3, 4, 5]);
        assert_eq!(left.scenario()["steps"][0]["parallel"][0]["repeat"][0], json!({ "call": "z" }));
        assert_ne!(left.digest(), draft.digest());
    }
}
