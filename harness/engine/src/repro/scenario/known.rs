//! Known failures in a recording, and what a scenario of it expects because of them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use gauntlet_format::Node;
use gauntlet_format::resolve::{Piece, pieces};
use gauntlet_format::signature::Mended;
use serde_json::{Map, Value};

use super::Expect;
use super::plan::Plan;
use super::said::Said;
use super::step::literally;
use super::text::literal;

/// A known failure that an entry of a recording shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The position of the entry in [`Recording::entries`](crate::repro::recording::Recording::entries).
    pub entry: usize,
    /// The id of the signature.
    pub id: String,
    /// Whether other causes are rare at least; what is not sure is told and changes nothing.
    pub is_sure: bool,
    /// Positions of the other entries in front of the target that it was recognised by: what was answered there is part of it.
    pub beside: Vec<usize>,
    /// What is right there, if the signature says it.
    pub right: Option<Right>,
}

/// What is right where a failure shows, as parts of a scenario.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Right {
    /// The role whose mocks `given` and the steps speak of. `None`: any.
    pub role: Option<String>,
    /// Configuration of mocks.
    pub given: Option<Value>,
    /// Steps before.
    pub steps: Vec<Value>,
    /// What must be true of the answer. Without it that is as ever.
    pub expect: Option<Value>,
    /// Steps `received` right after.
    pub received: Vec<Value>,
}

impl Right {
    /// What a signature says, with what it captured in the place of its variables. Texts of a recording stand for themselves there.
    #[must_use]
    pub fn of(mended: &Mended, role: Option<String>, captured: &dyn Fn(&str) -> Option<Value>) -> Self {
        let fill = |node: &Node| filled(node.to_json(), captured);
        Self {
            role,
            given: mended.given.as_ref().map(fill),
            steps: mended.steps.iter().map(fill).collect(),
            expect: mended.expect.as_ref().map(fill),
            received: mended.received.iter().map(fill).collect(),
        }
    }

    /// The systems behind the target that its steps name.
    fn upstreams(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().chain(&self.received).filter_map(upstream)
    }

    /// Whether it speaks of mocks that only the target of one role has.
    fn is_of_role(&self) -> bool {
        self.role.is_some() && (self.given.is_some() || self.upstreams().next().is_some())
    }

    /// What of it any target can be asked.
    fn of_any_role(&self) -> Option<Self> {
        let plain = |steps: &[Value]| steps.iter().filter(|step| upstream(step).is_none()).cloned().collect::<Vec<_>>();
        let (steps, received) = (plain(&self.steps), plain(&self.received));
        let right = Self { role: None, given: None, steps, received, expect: self.expect.clone() };
        (right.expect.is_some() || !right.received.is_empty()).then_some(right)
    }
}

/// The system behind the target that a step speaks of.
fn upstream(step: &Value) -> Option<&str> {
    let name = step.get("received").or_else(|| step.get("control")?.get("mock"))?.as_str()?;
    (!matches!(name, "target" | "upstreams")).then_some(name)
}

fn filled(value: Value, captured: &dyn Fn(&str) -> Option<Value>) -> Value {
    match value {
        Value::String(text) => filled_text(&text, captured),
        Value::Array(items) => items.into_iter().map(|item| filled(item, captured)).collect(),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, filled(value, captured))).collect())
        }
        scalar => scalar,
    }
}

fn filled_text(text: &str, captured: &dyn Fn(&str) -> Option<Value>) -> Value {
    let parts: Vec<Piece<'_>> = pieces(text).collect();
    if let [Piece::Variable(name)] = parts.as_slice()
        && let Some(mut value) = captured(name)
    {
        literally(&mut value);
        return value;
    }
    // What stands for itself, up to the next variable that the scenario has.
    let (mut out, mut plain) = (String::new(), String::new());
    for part in parts {
        match part {
            Piece::Text(text) | Piece::Open(text) => plain.push_str(text),
            Piece::Variable(name) => match captured(name) {
                Some(Value::String(text)) => plain.push_str(&text),
                Some(other) => plain.push_str(&other.to_string()),
                None => {
                    out.push_str(&literal(&std::mem::take(&mut plain)));
                    out.push_str("${");
                    out.push_str(name);
                    out.push('}');
                }
            },
        }
    }
    out.push_str(&literal(&plain));
    out.into()
}

/// Which known failure decides what is expected of which step.
pub(super) struct Marks<'k> {
    all: &'k [Known],
    /// Number of the request → what is right there.
    decides: BTreeMap<usize, (&'k Known, Cow<'k, Right>)>,
    /// Position in the recording → number of the request.
    numbers: BTreeMap<usize, usize>,
}

impl<'k> Marks<'k> {
    /// `order` has the positions of the entries in the order in which they are numbered, from 1.
    pub(super) fn of(known: &'k [Known], expect: Expect, order: &[usize]) -> Self {
        let all = if matches!(expect, Expect::Auto | Expect::Fixed) { known } else { &[] };
        let numbers: BTreeMap<usize, usize> = order.iter().enumerate().map(|(at, entry)| (*entry, at + 1)).collect();
        let mut decides = BTreeMap::new();
        for known in all.iter().filter(|known| known.is_sure) {
            if let (Some(right), Some(number)) = (&known.right, numbers.get(&known.entry)) {
                decides.entry(*number).or_insert((known, Cow::Borrowed(right)));
            }
        }
        Self { all, decides, numbers }
    }

    /// What is right of the answer to a request.
    pub(super) fn right(&self, said: &Said<'_>) -> Option<&Right> {
        self.decides.get(&said.number).map(|(_, right)| right.as_ref())
    }

    /// The failure that a request shows, if what is right there is known.
    pub(super) fn known(&self, said: &Said<'_>) -> Option<&'k Known> {
        self.decides.get(&said.number).map(|(known, _)| *known)
    }

    /// Whether the answer to a request is part of a failure that shows at another.
    pub(super) fn is_beside(&self, said: &Said<'_>) -> bool {
        let is_it = |entry: &usize| self.numbers.get(entry) == Some(&said.number);
        self.decides.values().any(|(known, _)| known.beside.iter().any(is_it))
    }

    /// Forgets what is about requests that are no steps.
    pub(super) fn keep(&mut self, plan: &Plan<'_, '_>) {
        let steps: BTreeSet<usize> = plan.steps.iter().map(|(said, _)| said.number).collect();
        self.decides.retain(|number, _| steps.contains(number));
    }

    /// The role whose mocks show the failures, where they show behind the target.
    pub(super) fn role(&self) -> Option<&str> {
        self.decides.values().find(|(_, right)| right.is_of_role())?.1.role.as_deref()
    }

    /// Forgets what targets of another role than this cannot be asked.
    pub(super) fn settle(&mut self, role: &str) {
        self.decides.retain(|_, (_, right)| {
            if !right.is_of_role() || right.role.as_deref() == Some(role) {
                return true;
            }
            match right.of_any_role() {
                Some(rest) => {
                    *right = Cow::Owned(rest);
                    true
                }
                None => false,
            }
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.decides.is_empty()
    }

    /// `given` of the scenario. Where two say different things the first one wins.
    pub(super) fn given(&self) -> Option<Value> {
        let mut all = self.decides.values().filter_map(|(_, right)| right.given.clone());
        let mut given = all.next()?;
        all.for_each(|more| merge(&mut given, more));
        Some(given)
    }

    /// The systems behind the target that it takes.
    pub(super) fn upstreams(&self) -> BTreeSet<&str> {
        self.decides.values().flat_map(|(_, right)| right.upstreams()).collect()
    }

    /// The systems behind the target that `given` and `control` bring into the state in which the failures show.
    pub(super) fn set_up(&self) -> BTreeSet<String> {
        let controlled = |right: &Right| -> Vec<String> {
            let controls = right.steps.iter().filter(|step| step.get("control").is_some());
            controls.filter_map(upstream).map(str::to_owned).collect()
        };
        let given = |right: &Right| -> Vec<String> {
            right.given.iter().filter_map(Value::as_object).flat_map(|given| given.keys().cloned()).collect()
        };
        self.decides.values().flat_map(|(_, right)| controlled(right).into_iter().chain(given(right))).collect()
    }

    /// What is said of the failures; `steps` has the step of each request.
    pub(super) fn notes(&self, steps: &BTreeMap<usize, usize>) -> Vec<String> {
        let mut told: Vec<(&str, &str, Vec<usize>)> = Vec::new();
        let mut notes = Vec::new();
        for known in self.all {
            let Some(number) = self.numbers.get(&known.entry) else { continue };
            let Some(step) = steps.get(number) else {
                let looks = if known.is_sure { "looks like" } else { "may be" };
                let id = &known.id;
                notes.push(format!(
                    "request {number} of the recording {looks} {id} (gauntlet explain {id}), and is no step of the scenario"
                ));
                continue;
            };
            let decides = self.decides.get(number).is_some_and(|(other, _)| other.id == known.id);
            let what = if !known.is_sure {
                "may be"
            } else if decides {
                "looks like+"
            } else {
                "looks like"
            };
            match told.iter_mut().find(|(id, other, _)| *id == known.id && *other == what) {
                Some((_, _, list)) => list.push(*step),
                None => told.push((&known.id, what, vec![*step])),
            }
        }
        for (id, what, list) in told {
            let numbers = list.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
            let (steps, is_one) = if list.len() == 1 { ("step", true) } else { ("steps", false) };
            let looks = match (what, is_one) {
                ("may be", _) => "may be",
                (_, true) => "looks like",
                (_, false) => "look like",
            };
            let right = match (what, is_one) {
                ("looks like+", true) => ": it expects what is right",
                ("looks like+", false) => ": they expect what is right",
                _ => "",
            };
            notes.push(format!("{steps} {numbers} {looks} {id} (gauntlet explain {id}){right}"));
        }
        notes
    }
}

/// The value with what the target of a run has in the place of the recorded origin and its host.
pub(super) fn at_target(value: Value, origin: &str) -> Value {
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    match value {
        Value::String(text) if !host.is_empty() && text.contains(host) => {
            let text = replaced(&text, origin, "${target.origin}");
            replaced(&text, host, "${target.host}").into()
        }
        Value::Array(items) => items.into_iter().map(|item| at_target(item, origin)).collect(),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, at_target(value, origin))).collect())
        }
        other => other,
    }
}

/// Replaces a text where it is no part of a longer name.
fn replaced(text: &str, from: &str, to: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(from) {
        let (before, after) = (&rest[..at], &rest[at + from.len()..]);
        out.push_str(before);
        let is_whole = !before.ends_with(is_part) && !after.starts_with(is_part);
        out.push_str(if is_whole { to } else { from });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Adds what is not there yet.
fn merge(into: &mut Value, more: Value) {
    let (Value::Object(into), Value::Object(more)) = (into, more) else { return };
    for (name, value) in more {
        match into.get_mut(&name) {
            Some(known) => merge(known, value),
            None => drop(into.insert(name, value)),
        }
    }
}

/// What of an expectation there is over stdio.
pub(super) fn over_stdio(expect: Value) -> Option<Value> {
    let Value::Object(mut members) = expect else { return Some(expect) };
    members.retain(|name, _| !matches!(name.as_str(), "status" | "headers" | "body" | "$sse"));
    Some(members).filter(|members: &Map<String, Value>| !members.is_empty()).map(Value::Object)
}
