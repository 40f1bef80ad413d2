//! Hidden set-up steps, of which nothing says that the failing one needs them.
//!
//! Taking steps out by trial costs a whole run for each answer. In one run the failing step can be sent many times over, after more and
//! more of the steps before it: the first time that it fails tells which step was the last that is needed. A run for each step
//! that is needed finds them all.

use std::collections::BTreeSet;

use gauntlet_format::scenario::SNAPSHOT;
use serde_json::Value;

use super::ddmin::Halt;
use super::draft::{Draft, Path};
use super::goal::Goal;
use super::needs::{closed, names_others};
use super::parts::is_alterable;
use super::search::{Search, step_at};

/// Steps that are looked for one after the other at most; for more of them other ways are no worse.
const MOST: usize = 8;

/// Of fewer steps each is soon tried by itself.
const FEW: usize = 6;

/// Verbs of steps that can be done again and again.
const AGAIN: [&str; 7] = ["call", "http", "notify", "send", "wait", "parallel", "repeat"];

impl Search<'_, '_> {
    /// Steps that are enough beside the required ones, at the top level. None if the failing step cannot be sent several times, or
    /// does not fail then as it does in the end.
    pub(super) async fn traced(
        &mut self,
        needs: &[BTreeSet<usize>],
        anchor: usize,
        required: &BTreeSet<usize>,
    ) -> Result<Option<BTreeSet<usize>>, Halt> {
        let Some(number) = self.goal.step().filter(|_| self.may_repeat(required)) else { return Ok(None) };
        let count = self.best.root().get("steps").and_then(Value::as_array).map_or(0, Vec::len);
        if count.saturating_sub(required.len()) < FEW {
            return Ok(None);
        }
        let (mut kept, mut end) = (required.clone(), anchor);
        for _ in 0..MOST {
            let Some(trace) = Trace::of(&self.best, &kept, end) else { return Ok(None) };
            let first = self.lab.first_to_fail(&trace.draft, self.goal, number).await?;
            let Some(block) = first.and_then(|first| trace.blocks.get(first)) else { return Ok(None) };
            end = block.first().copied().unwrap_or_default();
            kept.extend(closed(needs, block.iter().copied()));
            let goes: Vec<Path> = (0..count).filter(|index| !kept.contains(index)).map(step_at).collect();
            if self.lab.is_same(&self.best.without(&goes), self.goal).await? {
                return Ok(Some(kept));
            }
        }
        Ok(None)
    }

    /// Whether the steps can be done several times in a run, and do no harm then.
    fn may_repeat(&self, steps: &BTreeSet<usize>) -> bool {
        let ends_there = match self.goal {
            Goal::Failure(failure) => failure.label != SNAPSHOT,
            Goal::Silence(_) => true,
            Goal::Difference(_) => false,
        };
        let list = self.best.root().get("steps").and_then(Value::as_array);
        let mut steps = steps.iter().map(|index| list.and_then(|list| list.get(*index)).unwrap_or(&Value::Null));
        ends_there
            && steps.all(|step| {
                AGAIN.iter().any(|verb| step.get(verb).is_some())
                    && !names_others(step)
                    && is_alterable(step, self.kept())
            })
    }
}

/// A scenario in which what fails comes again and again.
struct Trace {
    draft: Draft,
    /// The steps that come newly before each time.
    blocks: Vec<Vec<usize>>,
}

impl Trace {
    /// The steps before `end`, and after every few of them all those of `kept` that are still to come. None if nothing is
    /// left to be looked at. The more there is to come, the more are taken at once.
    fn of(draft: &Draft, kept: &BTreeSet<usize>, end: usize) -> Option<Self> {
        let list = draft.root().get("steps")?.as_array()?;
        let others: Vec<usize> = (0..end).filter(|index| !kept.contains(index)).collect();
        let size = kept.range(others.first()?..).count().max(1);
        let (mut steps, mut next) = (Vec::new(), 0);
        let blocks: Vec<Vec<usize>> = others.chunks(size).map(<[usize]>::to_vec).collect();
        for block in &blocks {
            let behind = block.last()? + 1;
            steps.extend(list.get(next..behind)?.iter().cloned());
            steps.extend(kept.range(behind..).filter_map(|index| list.get(*index)).map(unnamed));
            next = behind;
        }
        let draft = draft.edited(|root| {
            if let Some(all) = root.get_mut("steps") {
                *all = Value::Array(steps);
            }
        });
        Some(Self { draft, blocks })
    }
}

/// A copy of a step: there can be one of each name.
fn unnamed(step: &Value) -> Value {
    let mut copy = step.clone();
    copy.as_object_mut().into_iter().for_each(|members| drop(members.shift_remove("name")));
    copy
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn draft() -> Draft {
        let step = |index: usize| json!({ "name": format!("s{index}"), "call": "ping" });
        Draft::new(json!({ "steps": (0..6).map(step).collect::<Vec<_>>() }))
    }

    #[test]
    fn what_fails_comes_after_every_step() {
        let trace = Trace::of(&draft(), &BTreeSet::from([5]), 5).unwrap();
        assert_eq!(trace.draft.steps(), [0, 5, 1, 5, 2, 5, 3, 5, 4, 5]);
        assert_eq!(trace.blocks, [[0], [1], [2], [3], [4]]);
        // No name comes twice.
        assert_eq!(trace.draft.scenario().to_string().matches("\"s5\"").count(), 0);
    }

    #[test]
    fn what_is_kept_comes_in_its_place_and_then_no_more() {
        let trace = Trace::of(&draft(), &BTreeSet::from([1, 4, 5]), 4).unwrap();
        assert_eq!(trace.draft.steps(), [0, 1, 2, 3, 4, 5]);
        assert_eq!(trace.blocks, [vec![0, 2, 3]]);
        let trace = Trace::of(&draft(), &BTreeSet::from([3, 5]), 3).unwrap();
        assert_eq!(trace.draft.steps(), [0, 1, 3, 5, 2, 3, 5]);
        assert_eq!(trace.blocks, [vec![0, 1], vec![2]]);
        assert!(Trace::of(&draft(), &BTreeSet::from([0, 5]), 1).is_none());
    }
}
