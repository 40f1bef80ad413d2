//! The order in which parts are tried without: the big ones first, since every request that is saved is saved in all later tries.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde_json::Value;

use super::ddmin::{Halt, ddmin};
use super::draft::{Draft, Path, Segment, at_mut, below, keys};
use super::goal::Goal;
use super::lab::Lab;
use super::needs::{closed, needs};
use super::parts::{self, DEEPEST, Kept};

/// A search on its way.
pub(super) struct Search<'s, 't> {
    pub(super) lab: &'s mut Lab<'t>,
    pub(super) goal: &'s Goal,
    /// The smallest scenario so far.
    pub(super) best: Draft,
    /// The label of the check that stays.
    pub(super) label: &'s str,
    /// Tools whose arguments may be others.
    pub(super) alterable: &'s dyn Fn(&str) -> bool,
}

impl Search<'_, '_> {
    /// Reduces until nothing more can go, or an end is put to it.
    pub(super) async fn run(&mut self) -> Result<(), Halt> {
        loop {
            let before = self.best.digest();
            self.phase("steps");
            self.steps().await?;
            self.parts(parts::nested(&self.best, self.kept())).await?;
            self.rewrites().await?;
            self.phase("surroundings");
            self.parts(parts::surroundings(&self.best, self.kept())).await?;
            self.phase("headers and fields");
            self.parts(parts::members(&self.best, self.kept())).await?;
            for depth in 1..=DEEPEST {
                let deeper = parts::documents(&self.best, depth, self.kept());
                if deeper.is_empty() {
                    break;
                }
                self.parts(deeper).await?;
            }
            if self.best.digest() == before {
                return Ok(());
            }
        }
    }

    pub(super) fn kept(&self) -> Kept<'_> {
        Kept { step: self.goal.step(), label: self.label, path: self.goal.path(), alterable: self.alterable }
    }

    fn phase(&mut self, name: &'static str) {
        self.lab.progress.phase = name;
        self.lab.progress.steps = self.best.steps().len();
        (self.lab.tell)(&self.lab.progress);
    }

    /// Top-level steps: the failing one with what it needs, then with the likeliest few of the others, then with those that a run
    /// shows to be needed, or else with ever more of them.
    async fn steps(&mut self) -> Result<(), Halt> {
        let whole = self.best.clone();
        let root = whole.root();
        let list: &[Value] = root.get("steps").and_then(Value::as_array).map_or(&[], Vec::as_slice);
        let count = list.len();
        let needs = needs(root);
        let anchor = self.goal.step().and_then(|step| match whole.path_of(step)?.get(1) {
            Some(Segment::Index(index)) => Some(*index),
            _ => None,
        });
        let required = closed(&needs, anchor);
        let others = by_likelihood(list, anchor, &required);
        let with = |chosen: &[usize]| -> Draft {
            let stays = closed(&needs, required.iter().chain(chosen).copied());
            let goes: Vec<Path> = (0..count).filter(|index| !stays.contains(index)).map(step_at).collect();
            whole.without(&goes)
        };
        let mut found = self.likely(&others, with).await?;
        if let (None, Some(anchor)) = (&found, anchor) {
            let traced = self.traced(&needs, anchor, &required).await?;
            let is_left = |traced: &BTreeSet<usize>| {
                others.iter().map(|(index, _)| *index).filter(|i| traced.contains(i)).collect()
            };
            found = traced.as_ref().map(is_left);
        }
        let is_found = found.is_some();
        let left: Vec<usize> = found.unwrap_or_else(|| others.iter().map(|(index, _)| *index).collect());
        let of = |kept: &[usize]| -> Vec<usize> { kept.iter().filter_map(|index| left.get(*index).copied()).collect() };
        let (lab, goal) = (&mut *self.lab, self.goal);
        let test = async |kept: &[usize]| lab.is_same(&with(&of(kept)), goal).await;
        let reduced = ddmin(left.len(), !is_found, test).await;
        self.best = with(&of(&reduced.kept));
        reduced.halt.map_or(Ok(()), Err)
    }

    /// Of the steps with their weights the first few, if these are enough. More of them are tried only if they stand out.
    async fn likely(
        &mut self,
        others: &[(usize, u8)],
        with: impl Fn(&[usize]) -> Draft,
    ) -> Result<Option<Vec<usize>>, Halt> {
        let least = others.last().map_or(0, |(_, weight)| *weight);
        for size in [0, 1, 3, 9] {
            let stand_out = size <= 1 || others.get(size - 1).is_some_and(|(_, weight)| *weight > least);
            if size > others.len() || !stand_out {
                break;
            }
            let chosen: Vec<usize> = others.iter().take(size).map(|(index, _)| *index).collect();
            let draft = with(&chosen);
            if self.lab.is_same(&draft, self.goal).await? {
                self.best = draft;
                return Ok(Some(chosen));
            }
        }
        Ok(None)
    }

    /// Parts that go by themselves.
    async fn parts(&mut self, parts: Vec<Path>) -> Result<(), Halt> {
        let best = &self.best;
        let without = |kept: &[usize]| -> Draft {
            let kept: BTreeSet<usize> = kept.iter().copied().collect();
            best.without(parts.iter().enumerate().filter(|(index, _)| !kept.contains(index)).map(|(_, part)| part))
        };
        let (lab, goal) = (&mut *self.lab, self.goal);
        let hopeless = parts.len() > 1 && parts::are_alone(best, &parts);
        let reduced = ddmin(parts.len(), false, async |kept: &[usize]| {
            if kept.is_empty() && hopeless { Ok(false) } else { lab.is_same(&without(kept), goal).await }
        })
        .await;
        let best = without(&reduced.kept);
        self.best = best;
        reduced.halt.map_or(Ok(()), Err)
    }

    /// What can be said more simply.
    async fn rewrites(&mut self) -> Result<(), Halt> {
        if let Some(simpler) = matrix_as_vars(&self.best) {
            self.take(simpler).await?;
        }
        for (number, _) in self.best.paths() {
            let Some(path) = self.best.path_of(number) else { continue };
            let step = self.best.get(&path);
            let holds = |verb: &str| step.and_then(|step| step.get(verb)?.as_array()).map(Vec::len);
            let (rounds, side_by_side) = (holds("repeat").is_some(), holds("parallel") == Some(1));
            if !rounds && !side_by_side {
                continue;
            }
            if self.take(inlined(&self.best, &path)).await? || !rounds {
                continue;
            }
            let mut times = self.best.get(&path).and_then(|step| step.get("times")?.as_u64()).unwrap_or(1);
            while times > 1 && self.take(repeated(&self.best, &path, times / 2)).await? {
                times /= 2;
            }
        }
        for (_, path) in self.best.paths() {
            let at = below(&path, Segment::Key("expect".to_owned()));
            if self.best.get(&at).and_then(Value::as_array).is_some_and(|blocks| blocks.len() == 1) {
                let simpler = self.best.edited(|root| {
                    if let Some(blocks) = at_mut(root, &at)
                        && let Some(block) = blocks.as_array_mut().and_then(|blocks| blocks.pop())
                    {
                        *blocks = block;
                    }
                });
                self.take(simpler).await?;
            }
        }
        Ok(())
    }

    async fn take(&mut self, simpler: Draft) -> Result<bool, Halt> {
        let same = self.lab.is_same(&simpler, self.goal).await?;
        if same {
            self.best = simpler;
        }
        Ok(same)
    }
}

/// Where a step of the top level stands.
pub(super) fn step_at(index: usize) -> Path {
    below(&keys(["steps"]), Segment::Index(index))
}

/// The steps that are not required, those first that are the likeliest to have to do with the one that fails: steps that change
/// something, of the same client and method, about the same things, near it; each with what speaks for it.
fn by_likelihood(steps: &[Value], anchor: Option<usize>, required: &BTreeSet<usize>) -> Vec<(usize, u8)> {
    let failing = anchor.and_then(|index| steps.get(index));
    let mut words = BTreeSet::new();
    failing.into_iter().for_each(|step| texts(step, &mut words));
    let weight = |step: &Value| {
        let mut own = BTreeSet::new();
        texts(step, &mut own);
        let alike = |name: &str| failing.is_some_and(|failing| failing.get(name) == step.get(name));
        let subject = own.intersection(&words).next().is_some();
        let method = alike("call") && alike("http");
        2 * changes(step) + u8::from(alike("as")) + 2 * u8::from(subject) + 3 * u8::from(method)
    };
    let others = steps.iter().enumerate().filter(|(index, _)| !required.contains(index));
    let mut others: Vec<(usize, u8)> = others.map(|(index, step)| (index, weight(step))).collect();
    others.sort_by_key(|(index, weight)| (Reverse(*weight), anchor.unwrap_or(0).abs_diff(*index)));
    others
}

/// How likely it is that a step changes something: 0 for what only looks.
fn changes(step: &Value) -> u8 {
    let text = |name: &str| step.get(name).and_then(Value::as_str);
    if let Some(method) = text("call") {
        return match method {
            "tools/call" => 1,
            "ping" | "tools/list" | "prompts/list" | "resources/list" | "resources/read" | "prompts/get" => 0,
            "resources/templates/list" | "completion/complete" => 0,
            _ => 2,
        };
    }
    if let Some(request) = text("http") {
        return u8::from(!["GET", "HEAD", "OPTIONS"].iter().any(|safe| request.starts_with(safe))) * 2;
    }
    u8::from(!["received", "wait", "listen", "discover"].iter().any(|verb| step.get(verb).is_some())) * 2
}

/// The longer texts in a step, by which things are named.
fn texts<'v>(value: &'v Value, out: &mut BTreeSet<&'v str>) {
    /// Shorter ones are the same by chance.
    const LONG: usize = 4;
    match value {
        Value::String(text) if text.len() >= LONG => drop(out.insert(text)),
        Value::Array(items) => items.iter().for_each(|item| texts(item, out)),
        Value::Object(members) => {
            let named = members.iter().filter(|(name, _)| !matches!(name.as_str(), "call" | "http" | "as" | "expect"));
            named.for_each(|(_, member)| texts(member, out));
        }
        _ => {}
    }
}

/// A matrix of one case, as variables. Values that hold variables are read when they are needed, and stay.
fn matrix_as_vars(draft: &Draft) -> Option<Draft> {
    let matrix = draft.root().get("matrix")?.as_object()?;
    let mut vars = Vec::new();
    for (name, values) in matrix {
        let [value] = values.as_array()?.as_slice() else { return None };
        if value.to_string().contains("${") {
            return None;
        }
        vars.push((name.clone(), value.clone()));
    }
    Some(draft.edited(|root| {
        let Some(members) = root.as_object_mut() else { return };
        members.shift_remove("matrix");
        let steps = members.shift_remove("steps");
        let all = members.entry("vars").or_insert_with(|| Value::Object(serde_json::Map::new()));
        if let Value::Object(all) = all {
            all.extend(vars);
        }
        members.extend(steps.map(|steps| ("steps".to_owned(), steps)));
    }))
}

/// The steps inside a step in its place.
fn inlined(draft: &Draft, path: &[Segment]) -> Draft {
    draft.edited(|root| {
        let Some((Segment::Index(index), above)) = path.split_last() else { return };
        let Some(list) = at_mut(root, above).and_then(Value::as_array_mut).filter(|list| *index < list.len()) else {
            return;
        };
        let mut step = list.remove(*index);
        let inner = ["repeat", "parallel"].into_iter().find_map(|verb| step.get_mut(verb).map(Value::take));
        let inner = inner.and_then(|inner| inner.as_array().cloned()).unwrap_or_default();
        list.splice(*index..*index, inner);
    })
}

fn repeated(draft: &Draft, path: &[Segment], times: u64) -> Draft {
    draft.edited(|root| {
        if let Some(step) = at_mut(root, path).and_then(Value::as_object_mut) {
            step.insert("times".to_owned(), times.into());
        }
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_likeliest_steps_come_first() {
        let steps = [
            json!({ "call": "tools/list" }),
            json!({ "control": { "mock": "target" } }),
            json!({ "call": "tools/call", "params": { "name": "echo", "arguments": { "id": "order-7" } } }),
            json!({ "as": "bob", "call": "tools/call", "params": { "name": "echo" } }),
            json!({ "call": "ping" }),
            json!({ "call": "tools/call", "params": { "name": "read", "arguments": { "id": "order-7" } } }),
        ];
        let others = by_likelihood(&steps, Some(5), &BTreeSet::from([5]));
        assert_eq!(others.into_iter().map(|(index, _)| index).collect::<Vec<_>>(), [2, 3, 1, 4, 0]);
    }

    #[test]
    fn one_case_of_a_matrix_is_variables() {
        let draft = Draft::new(json!({ "matrix": { "a": [1] }, "vars": { "b": 2 }, "steps": [] }));
        let simpler = matrix_as_vars(&draft).unwrap();
        assert_eq!(simpler.scenario(), json!({ "vars": { "b": 2, "a": 1 }, "steps": [] }));
        for other in [json!({ "a": [1, 2] }), json!({ "a": ["${captured}"] })] {
            assert_eq!(matrix_as_vars(&Draft::new(json!({ "matrix": other, "steps": [] }))), None);
        }
    }

    #[test]
    fn steps_inside_a_step_take_its_place() {
        let draft = Draft::new(json!({ "steps": [
            { "call": "a" }, { "repeat": [{ "call": "b" }, { "call": "c" }], "times": 4 }, { "call": "d" },
        ] }));
        let path = draft.path_of(1).unwrap();
        assert_eq!(inlined(&draft, &path).steps(), [0, 2, 3, 4]);
        assert_eq!(repeated(&draft, &path, 2).scenario()["steps"][1]["times"], 2);
    }
}
