//! Two whole runs: what got worse, what got better, what answers otherwise than before.
//!
//! [`compare`] reads both saved runs at the same time and keeps of a case only what is needed to tell whether it changed; the
//! transcripts of those that did are read again. The result is a [`RunDiff`], which [`text()`] and [`markdown()`] tell to
//! people and `serde` to programs.

mod change;
mod excerpt;
mod index;
mod markdown;
mod pair;
mod text;

use std::collections::HashSet;
use std::path::Path;

use serde::Serialize;

pub use change::{CaseChange, Kind, State};
pub use markdown::markdown;
pub use text::text;

use crate::model::{CaseId, CaseResult, RunInfo};
use crate::saved::ReadError;
use crate::volatile::Rules;
use index::Index;

/// Version of the format of [`RunDiff`] as JSON.
pub const FORMAT: &str = "gauntlet-run-diff/1";

/// A saved run, as one side of a comparison.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// What the user calls it.
    pub name: &'a str,
    /// The file: what a JSON or JSON lines report left.
    pub path: &'a Path,
    /// It was made just now, for this comparison: cases of the other side that it has nothing of were not asked for.
    pub live: bool,
}

impl std::fmt::Debug for Side<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Side").field("name", &self.name).field("path", &self.path).finish_non_exhaustive()
    }
}

/// When a case that conforms on both sides counts as slower.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slower {
    /// So many times the time that it took before, at least.
    pub ratio: f64,
    /// So many milliseconds more, at least: short times vary by themselves.
    pub floor_ms: f64,
}

impl Default for Slower {
    fn default() -> Self {
        Self { ratio: 2.0, floor_ms: 500.0 }
    }
}

/// How to compare.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What of a transcript varies by itself.
    pub rules: Rules,
    /// When a case is slower.
    pub slower: Slower,
    /// Changed transcripts that are shown as a diff; all of them are named.
    pub excerpts: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { rules: Rules::builtin(), slower: Slower::default(), excerpts: 20 }
    }
}

/// Why two runs cannot be compared.
#[derive(Debug)]
pub struct CompareError {
    /// Which file.
    pub name: String,
    /// What is wrong with it.
    pub error: ReadError,
}

impl std::error::Error for CompareError {}

impl std::fmt::Display for CompareError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.error)
    }
}

/// A side, for output.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SideSummary {
    /// What the user calls it.
    pub name: String,
    /// What is known of the run.
    pub run: RunInfo,
    /// Cases that were taken.
    pub cases: usize,
    /// The file goes to the end of its run, and the run was not cut short.
    pub complete: bool,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunDiff {
    /// [`FORMAT`].
    pub format: &'static str,
    /// The first side.
    pub before: SideSummary,
    /// The second.
    pub after: SideSummary,
    /// Cases that both sides have.
    pub compared: usize,
    /// … and of which nothing changed.
    pub same: usize,
    /// … and that have no transcript on a side, so that only verdicts and times could be compared.
    pub without_transcript: usize,
    /// Cases of a saved run that nobody asked the live side for.
    pub left_out: usize,
    /// What changed, the worst first; of one kind in the order of the second side.
    pub changes: Vec<CaseChange>,
}

impl RunDiff {
    /// The changes of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &CaseChange> {
        self.changes.iter().filter(move |change| change.kind == kind)
    }

    /// Whether something is worse than before; `strict` counts whatever is not better.
    #[must_use]
    pub fn is_worse(&self, strict: bool) -> bool {
        self.changes.iter().any(|change| change.is_worse(strict))
    }
}

/// Compares two saved runs. `takes` says which cases.
///
/// # Errors
/// When a file cannot be read, or is no saved run.
pub fn compare(
    before: Side<'_>,
    after: Side<'_>,
    settings: &Settings,
    takes: &(dyn Fn(&CaseResult) -> bool + Sync),
) -> Result<RunDiff, CompareError> {
    let index = |side: Side<'_>| {
        Index::read(side.path, settings, takes).map_err(|error| CompareError { name: side.name.to_owned(), error })
    };
    // Both at a time: reading is most of the work.
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| index(before));
        let second = index(after);
        let lost = || CompareError {
            name: before.name.to_owned(),
            error: ReadError::Io(std::io::Error::other("its reader broke down")),
        };
        (first.join().unwrap_or_else(|_| Err(lost())), second)
    });
    let (first, second) = (first?, second?);
    let paired = pair::pair(&first, &second, before.live || after.live);
    let mut changes = change::changes(&first, &second, &paired, settings);
    let on_both = |change: &&CaseChange| change.before.is_some() && change.after.is_some();
    let changed: HashSet<usize> = changes.iter().filter(on_both).filter_map(|change| change.pair).collect();
    let compared = paired.pairs.iter().filter(|pair| pair.before.is_some() && pair.after.is_some()).count();
    excerpt::add(&mut changes, [before, after], [&first, &second], &paired, settings)?;
    let transcripts = |pair: &pair::Pair| {
        let entries = (pair.before.and_then(|i| first.entries.get(i)), pair.after.and_then(|i| second.entries.get(i)));
        matches!(entries, (Some(a), Some(b)) if a.transcript.is_none() || b.transcript.is_none())
    };
    let without_transcript = paired.pairs.iter().filter(|pair| transcripts(pair)).count();
    let summary = |side: Side<'_>, index: Index| SideSummary {
        name: side.name.to_owned(),
        cases: index.entries.len(),
        complete: index.complete,
        run: index.run,
    };
    Ok(RunDiff {
        format: FORMAT,
        compared,
        same: compared - changed.len(),
        without_transcript,
        left_out: paired.left_out,
        changes,
        before: summary(before, first),
        after: summary(after, second),
    })
}

/// `scenario [a=b]@2025-06-18`: what makes a case the same one on another target.
fn case_name(id: &CaseId) -> String {
    crate::words::case_name(id)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
