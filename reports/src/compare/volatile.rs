//! What differs between two runs of the same side, and so says nothing about the other.

use std::collections::HashMap;
use std::mem::discriminant;

use super::change::{Aspect, Change, Kind};
use super::exchange;
use super::path::Segment;
use super::unit::{Key, Unit};

/// Learnt from two runs.
#[derive(Debug, Default)]
pub(super) struct Volatile {
    changes: HashMap<Key, Vec<Change>>,
    spreads: HashMap<Key, f64>,
}

impl Volatile {
    pub(super) fn learn(once: &[Unit], again: &[Unit]) -> Self {
        let again: HashMap<&Key, &Unit> = again.iter().map(|unit| (&unit.key, unit)).collect();
        let mut volatile = Self::default();
        for unit in once {
            let Some(other) = again.get(&unit.key) else { continue };
            // Two ways, so that a stream that was held up the first time only is known, too.
            let mut changes = exchange::compare(&unit.view, &other.view, None);
            let back = exchange::compare(&other.view, &unit.view, None);
            changes.extend(back.into_iter().filter(|change| change.aspect == Aspect::Delivery));
            if !changes.is_empty() {
                volatile.changes.insert(unit.key.clone(), changes);
            }
            if let (Some(first), Some(second)) = (unit.view.spread_ms, other.view.spread_ms) {
                volatile.spreads.insert(unit.key.clone(), first.min(second));
            }
        }
        volatile
    }

    /// Milliseconds over which the stream comes at least.
    pub(super) fn spread_ms(&self, key: &Key) -> Option<f64> {
        self.spreads.get(key).copied()
    }

    /// Whether the side differs from itself in the same place and way.
    pub(super) fn hides(&self, key: &Key, change: &Change) -> bool {
        self.changes.get(key).is_some_and(|seen| seen.iter().any(|seen| explains(seen, change)))
    }
}

fn explains(seen: &Change, change: &Change) -> bool {
    // Where even the kind of answer changes, nothing in it can be compared.
    if matches!(seen.aspect, Aspect::Outcome(..)) {
        return true;
    }
    if discriminant(&seen.aspect) != discriminant(&change.aspect) {
        return false;
    }
    match seen.aspect {
        Aspect::Value => explains_value(seen, change),
        Aspect::Header => seen.path == change.path && (seen.kind == change.kind || seen.kind != Kind::Changed),
        _ => seen.path == change.path,
    }
}

fn explains_value(seen: &Change, change: &Change) -> bool {
    match seen.kind {
        // Another value each time; that there is one can be relied on.
        Kind::Changed => seen.path == change.path && change.kind == Kind::Changed,
        Kind::Reordered => match change.path.0.get(seen.path.0.len()) {
            None => seen.path == change.path && change.kind == Kind::Reordered,
            // Without names, another order looks like other values.
            Some(Segment::Index(_)) => seen.path.covers(&change.path),
            Some(_) => false,
        },
        // Now there, now not. In a list without names, all that come after have other places, too.
        Kind::Lost | Kind::Added | Kind::Renamed { .. } | Kind::Duplicated => match seen.path.0.last() {
            Some(Segment::Index(_)) => seen.path.parent().covers(&change.path),
            _ => seen.path.covers(&change.path),
        },
    }
}
