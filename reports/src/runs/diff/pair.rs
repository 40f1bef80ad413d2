//! Which case of one run is which of the other.

use std::collections::{HashMap, HashSet, VecDeque};

use super::case_name;
use super::index::Index;
use crate::model::CaseId;

/// A case, by its position on each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) before: Option<usize>,
    pub(super) after: Option<usize>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Paired {
    pub(super) pairs: Vec<Pair>,
    /// Cases of one side whose scenario the other was not asked for.
    pub(super) left_out: usize,
}

/// Pairs cases of the same name, on targets of the same name if there are several. The order is that of the second side; what
/// only the first has comes last.
///
/// With `partial` a scenario that one side knows nothing of was not asked for; without, it was added or removed.
pub(super) fn pair(before: &Index, after: &Index, partial: bool) -> Paired {
    // Several cases have one name where a secret is what tells them apart; they come in the same order each time.
    let mut exact: HashMap<&CaseId, VecDeque<usize>> = HashMap::with_capacity(before.entries.len());
    for (i, entry) in before.entries.iter().enumerate() {
        exact.entry(&entry.id).or_default().push_back(i);
    }
    let mut taken = vec![false; before.entries.len()];
    let mut pairs: Vec<Pair> = Vec::with_capacity(after.entries.len());
    for (i, entry) in after.entries.iter().enumerate() {
        let found = exact.get_mut(&entry.id).and_then(VecDeque::pop_front);
        if let Some(slot) = found.and_then(|at| taken.get_mut(at)) {
            *slot = true;
        }
        pairs.push(Pair { before: found, after: Some(i) });
    }
    // On another target it is the same case if there is just one of it on each side.
    let mut alone: HashMap<String, (Vec<usize>, Vec<usize>)> = HashMap::new();
    for (i, entry) in before.entries.iter().enumerate().filter(|(i, _)| taken.get(*i) == Some(&false)) {
        alone.entry(case_name(&entry.id)).or_default().0.push(i);
    }
    for (at, pair) in pairs.iter().enumerate().filter(|(_, pair)| pair.before.is_none()) {
        if let Some(entry) = pair.after.and_then(|i| after.entries.get(i)) {
            alone.entry(case_name(&entry.id)).or_default().1.push(at);
        }
    }
    for (firsts, seconds) in alone.into_values() {
        if let ([first], [second]) = (firsts.as_slice(), seconds.as_slice())
            && let (Some(slot), Some(pair)) = (taken.get_mut(*first), pairs.get_mut(*second))
        {
            *slot = true;
            pair.before = Some(*first);
        }
    }
    let gone = taken.iter().enumerate().filter(|(_, taken)| !**taken);
    pairs.extend(gone.map(|(i, _)| Pair { before: Some(i), after: None }));
    let mut left_out = 0;
    if partial {
        let scenarios = |index: &Index| index.entries.iter().map(|e| e.id.scenario.clone()).collect::<HashSet<_>>();
        let (known_before, known_after) = (scenarios(before), scenarios(after));
        pairs.retain(|pair| {
            let (side, i, other) = match (pair.before, pair.after) {
                (Some(i), None) => (before, i, &known_after),
                (None, Some(i)) => (after, i, &known_before),
                _ => return true,
            };
            let asked_for = side.entries.get(i).is_none_or(|entry| other.contains(&entry.id.scenario));
            left_out += usize::from(!asked_for);
            asked_for
        });
    }
    Paired { pairs, left_out }
}
