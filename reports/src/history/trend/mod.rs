//! What many runs tell together.

mod build;
mod group;
mod read;
mod series;

pub use group::{Cell, Counts, Group, Percentiles};
pub use series::{Flakes, Point, Series, Since, Slower, StandingKind, State};

use wildmatch::WildMatch;

use super::{History, HistoryError};
use crate::model::CaseId;

/// Which part of a history. Kinds narrow each other; several values of one kind widen it.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Globs on scenario ids.
    pub scenarios: Vec<String>,
    /// Globs on requirement ids: cases that touched one.
    pub requirements: Vec<String>,
    /// Names of targets.
    pub targets: Vec<String>,
    /// Protocol versions.
    pub versions: Vec<String>,
    /// Runs of these environments.
    pub environments: Vec<String>,
    /// So many runs at most, the latest of those that have something of the selection.
    pub last: Option<usize>,
    /// Runs that began then or later, in milliseconds since 1970.
    pub since_ms: Option<i64>,
}

/// What a selection of runs tells. Where something is told for each run, it is in the order of `runs`.
#[derive(Debug, Clone, Default)]
pub struct Trends {
    /// The oldest first.
    pub runs: Vec<RunPoint>,
    /// One for each case and environment, in the order of scenario, matrix, version, target.
    pub series: Vec<Series>,
    /// What failed, as [`Point::failure`] names it.
    pub failures: Vec<Failure>,
    /// By scenario id.
    pub scenarios: Vec<Group>,
    /// By target and environment.
    pub targets: Vec<Group>,
    /// By requirement id; counted are the cases that touched it.
    pub requirements: Vec<Group>,
}

/// One run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunPoint {
    /// Its number in the history; never given twice.
    pub number: i64,
    /// RFC 3339.
    pub started_at: String,
    /// Milliseconds since 1970.
    pub started_ms: i64,
    /// Version of Gauntlet.
    pub gauntlet: String,
    /// What the targets are part of.
    pub environment: Option<String>,
    /// Which part of a run that is spread over several machines: `2/8`.
    pub shard: Option<String>,
    /// Commit, where CI told it.
    pub commit: Option<String>,
    /// Branch, where CI told it.
    pub branch: Option<String>,
    /// Its end is known. It was killed otherwise, or still goes on.
    pub finished: bool,
    /// Why it was cut short.
    pub interrupted: Option<String>,
    /// Milliseconds.
    pub duration_ms: f64,
    /// Scenario files that could not run.
    pub broken: u64,
    /// Its cases, as far as they are selected.
    pub counts: Counts,
}

/// What failed in a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Equal for the same failure, whatever the values.
    pub signature: String,
    /// For people; text of the target may be in it.
    pub told: String,
}

impl Selection {
    /// Whether the requirement is one of the selected.
    fn takes_requirement(&self, id: &str) -> bool {
        self.requirements.is_empty() || self.requirements.iter().any(|glob| WildMatch::new(glob).matches(id))
    }
}

impl Trends {
    /// What became of a case in an environment.
    #[must_use]
    pub fn of(&self, id: &CaseId, environment: Option<&str>) -> Option<&Series> {
        let at = self.series.partition_point(|series| series.key() < series::key(id, environment));
        self.series.get(at).filter(|series| series.id == *id && series.environment.as_deref() == environment)
    }
}

impl History {
    /// Reads what the selected runs tell. The memory that it takes grows with the number of their results, some 60 bytes each.
    ///
    /// # Errors
    /// When the file is damaged, or locked for too long.
    pub fn trends(&self, selection: &Selection) -> Result<Trends, HistoryError> {
        self.waited(read::read(&self.db, selection))
    }
}
