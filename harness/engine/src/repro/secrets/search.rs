//! Known values, looked for wherever they stand, and texts without them.

use std::ops::Range;

use gauntlet_reports::Redactor;

use super::{Kind, names, shapes};
use crate::repro::recording::Arrival;
use crate::transcript::secrets::token_parts;

/// Bytes of all values that are looked for; each takes some hundred times as much memory in its spellings.
const BUDGET: usize = 128 << 10;

/// Of these, what signatures may take: there is another one in each request.
const OF_SIGNATURES: usize = 16 << 10;

/// Bytes of values that one search is made for: the more, the fewer times a text is gone through, and the more memory is taken at a time.
const GROUP: usize = 16 << 10;

/// The longest value that is looked for.
const LONGEST: usize = 32 << 10;

/// Characters from which a line of a value of several lines is a secret alone.
const LINE: usize = 16;

/// A place in a text, and what comes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) with: String,
}

/// Looks for values.
///
/// A search is made for many values at once, and one cannot be added to it. So there are several, each for at least twice as many bytes as the
/// next one, and what is added is put together with the last ones as long as that does not hold: each value goes into a few searches before
/// it is in one that stays, however many come one by one.
#[derive(Default)]
pub(super) struct Search {
    groups: Vec<Group>,
    /// Added since something was looked for.
    fresh: Vec<Value>,
    bytes: usize,
    signatures: usize,
}

/// A number and a value.
type Value = (String, String);

/// Values that are looked for together.
struct Group {
    values: Vec<Value>,
    bytes: usize,
    redactor: Redactor,
}

impl Search {
    /// Adds a value, which is found under this number from now on. Not added, and so `false`, is what is likely to mean
    /// something else elsewhere, and what there is no room for.
    pub(super) fn add(&mut self, number: usize, value: &str, kind: Kind) -> bool {
        if value.len() > LONGEST || !shapes::reappears(value, kind != Kind::Cookie) {
            return false;
        }
        // Lines come from where they are written one by one, such as the data of an event. Of a signed token its claims
        // and its signature are secrets of their own.
        let lines = value.contains('\n').then(|| value.lines().map(str::trim).filter(|line| is_key_line(line)));
        let parts = token_parts(value).into_iter().flatten().filter(|part| shapes::reappears(part, true));
        let all: Vec<&str> = std::iter::once(value).chain(lines.into_iter().flatten()).chain(parts).collect();
        let bytes: usize = all.iter().map(|value| value.len()).sum();
        if self.bytes + bytes > BUDGET || kind == Kind::Signature && self.signatures + bytes > OF_SIGNATURES {
            return false;
        }
        self.bytes += bytes;
        if kind == Kind::Signature {
            self.signatures += bytes;
        }
        self.fresh.extend(all.into_iter().map(|value| (number.to_string(), value.to_owned())));
        true
    }

    /// Makes searches for what was added.
    fn settle(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        let mut values = std::mem::take(&mut self.fresh);
        let mut bytes: usize = values.iter().map(|(_, value)| value.len()).sum();
        while let Some(last) = self.groups.pop_if(|last| last.bytes < 2 * bytes && last.bytes + bytes <= GROUP) {
            bytes += last.bytes;
            values.splice(0..0, last.values);
        }
        let redactor = Redactor::new(values.iter().cloned());
        self.groups.push(Group { values, bytes, redactor });
    }

    /// Values that were added since something was looked for.
    pub(super) fn fresh(&self) -> impl Iterator<Item = &str> {
        self.fresh.iter().map(|(_, value)| value.as_str())
    }

    /// Where known values are, and their numbers, in order and without overlaps; none in what already stands for a secret.
    pub(super) fn find(&mut self, text: &str, is_cut: bool) -> Vec<(Range<usize>, Option<usize>)> {
        self.settle();
        let mut hits: Vec<(Range<usize>, Option<usize>)> = Vec::new();
        for group in &self.groups {
            let found = group.redactor.find_each(text, is_cut);
            hits.extend(found.into_iter().map(|(range, label)| (range, label.parse().ok())));
        }
        if hits.is_empty() {
            return hits;
        }
        let standing: Vec<Range<usize>> = text
            .match_indices(names::PREFIX)
            .filter_map(|(at, _)| names::placeholder(&text[at..]).map(|(_, length)| at..at + length))
            .collect();
        hits.retain(|(hit, _)| {
            !standing.iter().any(|placeholder| placeholder.start <= hit.start && hit.end <= placeholder.end)
        });
        hits.sort_by_key(|(range, number)| (range.start, std::cmp::Reverse(range.end), *number));
        let mut merged: Vec<(Range<usize>, Option<usize>)> = Vec::with_capacity(hits.len());
        for (range, number) in hits {
            match merged.last_mut() {
                Some((last, _)) if range.start < last.end => last.end = last.end.max(range.end),
                _ => merged.push((range, number)),
            }
        }
        merged
    }
}

/// A line of a key, not the words around it.
fn is_key_line(line: &str) -> bool {
    line.len() >= LINE && !line.starts_with("-----") && shapes::reappears(line, true)
}

/// The text after the edits, which are in order.
pub(super) fn applied(text: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for edit in edits.iter().filter(|edit| !edit.range.is_empty()) {
        if edit.range.start < done {
            continue;
        }
        out.push_str(text.get(done..edit.range.start).unwrap_or_default());
        out.push_str(&edit.with);
        done = edit.range.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// Moves what is known of the arrival of a body's parts to where they are after the edits. What came in the midst of a secret
/// came with its end.
pub(super) fn moved(arrivals: &mut [Arrival], edits: &[Edit]) {
    for arrival in arrivals {
        let mut length = arrival.length;
        for Edit { range, with } in edits {
            if range.start >= arrival.length {
                break;
            }
            // Counted from what has been written before the edit.
            let before = arrival.length.min(range.end) - range.start;
            length = length.saturating_sub(before) + with.len();
        }
        arrival.length = length;
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
