//! Which steps cannot do without which.

use std::collections::{BTreeMap, BTreeSet};

use gauntlet_format::resolve::{Piece, pieces};
use serde_json::Value;

/// For each of the steps the others that it takes something from: what they captured, or what they sent and were answered.
pub(super) fn needs(scenario: &Value) -> Vec<BTreeSet<usize>> {
    let steps: &[Value] = scenario.get("steps").and_then(Value::as_array).map_or(&[], Vec::as_slice);
    let shared = Shared::of(scenario);
    let makes: Vec<Makes> = steps.iter().map(Makes::of).collect();
    let wants = |step: &Value| {
        let mut wanted = Wanted::default();
        wanted.read(step);
        shared.extend(&mut wanted);
        wanted
    };
    let of = |(at, step): (usize, &Value)| {
        let wanted = wants(step);
        let before = |does: &dyn Fn(&Makes) -> bool| makes.get(..at).and_then(|earlier| earlier.iter().rposition(does));
        let captured = wanted.variables.iter().filter_map(|name| before(&|makes| makes.captures.contains(name)));
        let named = wanted.steps.iter().filter_map(|name| before(&|makes| makes.names.contains(name)));
        captured.chain(named).collect()
    };
    steps.iter().enumerate().map(of).collect()
}

/// Whether the step speaks of others by their names.
pub(super) fn names_others(step: &Value) -> bool {
    let mut wanted = Wanted::default();
    wanted.read(step);
    !wanted.steps.is_empty()
}

/// The steps and everything that they need, and so on.
pub(super) fn closed(needs: &[BTreeSet<usize>], steps: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    let mut open: Vec<usize> = steps.into_iter().collect();
    while let Some(step) = open.pop() {
        if all.insert(step) {
            open.extend(needs.get(step).into_iter().flatten());
        }
    }
    all
}

/// What a step leaves for later ones, the steps inside it included.
#[derive(Debug, Default)]
struct Makes {
    captures: BTreeSet<String>,
    names: BTreeSet<String>,
}

impl Makes {
    fn of(step: &Value) -> Self {
        let mut makes = Self::default();
        makes.read(step);
        makes
    }

    fn read(&mut self, step: &Value) {
        let captures = step.get("capture").and_then(Value::as_object).into_iter().flatten();
        self.captures.extend(captures.map(|(name, _)| name.clone()));
        self.names.extend(step.get("name").and_then(Value::as_str).map(str::to_owned));
        for inner in ["parallel", "repeat"] {
            step.get(inner).and_then(Value::as_array).into_iter().flatten().for_each(|step| self.read(step));
        }
    }
}

/// What a part of a scenario reads.
#[derive(Debug, Default)]
struct Wanted {
    variables: BTreeSet<String>,
    steps: BTreeSet<String>,
}

impl Wanted {
    fn read(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter().for_each(|item| self.read(item)),
            Value::Object(members) => {
                // `compare: { with: STEP }`.
                if let Some(step) = members.get("compare").and_then(|compare| compare.get("with")?.as_str()) {
                    self.steps.insert(step.to_owned());
                }
                members.values().for_each(|member| self.read(member));
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        for piece in pieces(text) {
            let Piece::Variable(name) = piece else { continue };
            let name = name.strip_prefix("secret:").unwrap_or(name);
            let path = ["sent.", "answered."].iter().find_map(|root| name.strip_prefix(root));
            match path {
                // A name may have dots; every beginning of the path may be one.
                Some(path) => self.steps.extend(path.match_indices('.').map(|(at, _)| path[..at].to_owned())),
                None => {
                    let name = name.strip_prefix("vars.").unwrap_or(name);
                    self.variables.extend(name.split(['.', '[']).next().map(str::to_owned));
                }
            }
        }
    }
}

/// What several steps read by way of the scenario.
struct Shared {
    /// What the defaults read.
    defaults: Wanted,
    /// What the values of `vars` and `matrix` read.
    named: BTreeMap<String, Wanted>,
}

impl Shared {
    fn of(scenario: &Value) -> Self {
        let read = |value: &Value| {
            let mut wanted = Wanted::default();
            wanted.read(value);
            wanted
        };
        let lists = ["vars", "matrix"].into_iter().filter_map(|name| scenario.get(name)?.as_object());
        Self {
            defaults: scenario.get("defaults").map(read).unwrap_or_default(),
            named: lists.flatten().map(|(name, value)| (name.clone(), read(value))).collect(),
        }
    }

    fn extend(&self, wanted: &mut Wanted) {
        wanted.variables.extend(self.defaults.variables.iter().cloned());
        wanted.steps.extend(self.defaults.steps.iter().cloned());
        let by_name: Vec<&Wanted> = wanted.variables.iter().filter_map(|name| self.named.get(name)).collect();
        for more in by_name {
            wanted.steps.extend(more.steps.iter().cloned());
            wanted.variables.extend(more.variables.iter().cloned());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_needs_who_captured_what_it_reads() {
        let scenario = json!({
            "matrix": { "case": [{ "token": "${minted}" }] },
            "steps": [
                { "call": "a", "capture": { "x": "$.a", "minted": "$.b" } },
                { "parallel": [{ "call": "b", "capture": { "x": "$.a" } }] },
                { "call": "c", "params": { "list": ["is ${x.deep[0]}"] } },
                { "name": "the.question", "call": "d" },
                { "received": "up", "where": { "body": "${sent.the.question.body.id}" } },
                { "received": "up", "expect": [{ "compare": { "with": "the.question" } }] },
                { "call": "e", "auth": { "bearer": "${secret:case.token}" } },
                { "call": "f", "params": { "y": "${never} ${version}" } },
            ],
        });
        let found: Vec<Vec<usize>> = needs(&scenario).into_iter().map(|set| set.into_iter().collect()).collect();
        assert_eq!(found, [vec![], vec![], vec![1], vec![], vec![3], vec![3], vec![0], vec![]]);
        let scenario = json!({ "steps": [{ "capture": { "a": "$" } }, { "h": "${a}", "capture": { "b": "$" } }, { "h": "${b}" }] });
        assert_eq!(closed(&needs(&scenario), [2]).into_iter().collect::<Vec<_>>(), [0, 1, 2]);
    }
}
