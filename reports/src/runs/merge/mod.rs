//! The shards of a run made one run again: the same events in the same order as if it had never been parted.
//!
//! Every file is read twice. The first time shows whether the files belong together and what is missing, before anything is
//! written; the second time results are merged by position, with a few of each file in memory.

mod problem;
mod streams;
mod survey;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

pub use problem::{Gap, MergeError};

use self::streams::Streams;
use self::survey::Part;
use crate::model::{Event, RunInfo, RunSummary, TargetSummary};
use crate::summary::SummaryBuilder;

/// Files that are merged at most: each is open, and read by a thread of its own.
pub const MAX_PARTS: usize = 1024;

/// Shards that belong together.
#[derive(Debug)]
pub struct Merge {
    parts: Vec<Part>,
    run: RunInfo,
    targets: Vec<TargetSummary>,
    gaps: Vec<Gap>,
}

impl Merge {
    /// Reads what the files hold, JSON reports or streams of events in any mixture. A whole run alone is accepted too, and
    /// comes out as a merged one does.
    ///
    /// # Errors
    /// When a file cannot be read, or the files are not the shards of one run. What is missing from a run is no error: see
    /// [`Self::gaps`].
    pub fn survey(paths: &[PathBuf]) -> Result<Self, MergeError> {
        survey::survey(paths)
    }

    /// What the merged run will lack.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// The files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.parts.iter().map(|part| part.path.as_path())
    }

    /// Hands the events of the whole run to `take`: the beginning, the targets, the results in the order of the input, each
    /// file that is broken once, and the end. Beginnings of cases, which have no order, are left out. The run begins with the
    /// first shard and is as long as the longest.
    ///
    /// # Errors
    /// When a file cannot be read, or has changed since the survey, or when `take` fails.
    pub fn events(&self, take: &mut dyn FnMut(Event) -> io::Result<()>) -> Result<RunSummary, MergeError> {
        let mut totals = SummaryBuilder::default();
        let mut tell = |event: Event| {
            totals.event(&event);
            take(event).map_err(MergeError::Output)
        };
        tell(Event::RunStarted(self.run.clone()))?;
        self.targets.iter().try_for_each(|target| tell(Event::Target(target.clone())))?;
        let mut broken: HashSet<String> = HashSet::new();
        let mut next = 0;
        std::thread::scope(|scope| {
            let mut streams = Streams::open(&self.parts, scope)?;
            while let Some(mut event) = streams.next()? {
                match &mut event {
                    Event::Broken(file) if !broken.insert(file.file.clone()) => continue,
                    Event::Broken(file) => number(file.index.as_mut(), &mut next),
                    // Where shards had different plans two results can have one position.
                    Event::CaseFinished(result) => number(Some(&mut result.index), &mut next),
                    _ => {}
                }
                tell(event)?;
            }
            Ok::<(), MergeError>(())
        })?;
        let duration = self.parts.iter().map(|part| part.summary.duration_ms).fold(0.0, f64::max);
        let summary = totals.build(duration, self.interrupted());
        take(Event::RunFinished(summary.clone())).map_err(MergeError::Output)?;
        Ok(summary)
    }

    /// What is missing, and which shards were cut short.
    fn interrupted(&self) -> Option<String> {
        let gaps = self.gaps.iter().map(ToString::to_string);
        let cut = self.parts.iter().filter(|part| part.complete).filter_map(|part| {
            let why = part.summary.interrupted.as_ref()?;
            Some(part.shard.as_ref().map_or_else(|| why.clone(), |shard| format!("shard {shard}: {why}")))
        });
        let all: Vec<String> = gaps.chain(cut).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

/// Moves a position that is taken.
fn number(index: Option<&mut usize>, next: &mut usize) {
    if let Some(index) = index {
        *index = (*index).max(*next);
        *next = index.saturating_add(1);
    }
}
