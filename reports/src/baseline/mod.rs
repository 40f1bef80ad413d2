//! Known failures: what a baseline says about a case, and how a baseline follows the runs.
//!
//! An [`Entry`] names a failure: which cases (a scenario, matrix values, versions, a target, an environment), how they fail (a
//! verdict and checks), and why that is so, who sees to it and until when. [`Baseline::standing`] holds the result of a case
//! against it; [`write()`] and [`prune`] bring the file in line with a saved run and leave what people wrote in it alone.
//! Reading the file is the engine's, which knows YAML and places.

mod edit;
mod entry;
mod follow;
mod judge;
mod yaml;

use std::sync::Arc;

pub use entry::{CheckName, Entry, Lines};
pub use follow::{Changed, Defaults, Doubt, add, prune, write};

use crate::model::{CaseResult, Standing};

/// The JSON Schema (2020-12) of the file.
pub const BASELINE_SCHEMA: &str = include_str!("../../schema/baseline-v1.json");

/// The key under which the entries stand.
pub const ENTRIES: &str = "known_failures";

/// The key of a file with cases in quarantine.
pub const QUARANTINE: &str = "quarantine";

/// A baseline, ready to judge with. A quarantine is one too: what it says is about cases, however they fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// The file, as the user would write it.
    pub file: String,
    /// Its whole text.
    pub text: Arc<str>,
    /// In the order of the file.
    pub entries: Vec<Entry>,
    /// The day that `expires` is held against, as `YYYY-MM-DD`.
    pub today: String,
}

impl Baseline {
    /// One without entries, for a file that is not there yet.
    #[must_use]
    pub fn empty(file: String, today: String) -> Self {
        let text =
            format!("# Failures that are known; `gauntlet baseline --help` says how they are kept.\n{ENTRIES}: []\n");
        Self { file, text: Arc::from(text), entries: Vec::new(), today }
    }

    /// What the baseline makes of a result: nothing if it says nothing about the case, or if the case was not judged.
    #[must_use]
    pub fn standing(&self, result: &CaseResult, environment: Option<&str>) -> Option<Standing> {
        judge::standing(self, result, environment)
    }

    /// Whether the last day of an entry is over.
    fn is_past(&self, entry: &Entry) -> bool {
        entry.expires.as_ref().is_some_and(|date| *date < self.today)
    }

    /// What a quarantine makes of a result: it counts neither way, until the date of the entry is past.
    #[must_use]
    pub fn quarantined(&self, result: &CaseResult, environment: Option<&str>) -> Option<Standing> {
        judge::quarantined(self, result, environment)
    }
}
