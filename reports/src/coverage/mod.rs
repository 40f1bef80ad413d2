//! Which requirement is proved by what, version by version, and what has shown that the proof can fail.

mod text;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::model::{CaseResult, Level, Verdict};

pub use text::{CoverageStyle, write_coverage};

/// Name and version of the JSON form, its `schema` member. Members are only added within a version.
pub const COVERAGE_VERSION: &str = "gauntlet-coverage/1";

/// The matrix: requirement × version × scenario × defect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// [`COVERAGE_VERSION`].
    pub schema: String,
    /// Protocol versions, oldest first: the columns.
    pub versions: Vec<String>,
    /// One row each.
    pub requirements: Vec<CoveredRequirement>,
}

/// A requirement and what stands for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CoveredRequirement {
    /// Stable id.
    pub id: String,
    /// How binding.
    pub level: Level,
    /// The party judged: `server`, `client`, `authorization-server`, `proxy`.
    pub subject: String,
    /// Grouping, such as `tools`.
    pub theme: String,
    /// The rule in one sentence.
    pub statement: String,
    /// Link to the normative text, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Why it cannot be tested, if that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untestable: Option<String>,
    /// One for each version it holds in; a single one without a version for behaviour of a vendor.
    pub cells: Vec<CoverageCell>,
}

/// What a requirement comes to at one version. Later is worse, but for the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CoverageState {
    /// A scenario proves it, and a defect has turned one of its checks red.
    Proved,
    /// A scenario proves it; no defect has shown that its checks can fail.
    NeverShownToFail,
    /// No scenario proves it.
    NotCovered,
    /// It cannot be tested; the reason says why.
    NotTestable,
}

/// A requirement at one version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CoverageCell {
    /// The version; none for behaviour of a vendor, which depends on none.
    pub version: Option<String>,
    /// What it comes to.
    pub state: CoverageState,
    /// Ids of the scenarios that prove it.
    pub scenarios: Vec<String>,
    /// `MOCK:DEFECT` of the defects that turned one of its checks red.
    pub defects: Vec<String>,
    /// Whether no defect, but an altered answer, turned one of its checks red.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub altered: bool,
    /// The worst verdict of its checks in the run that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

impl CoverageState {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 4] = [Self::Proved, Self::NeverShownToFail, Self::NotCovered, Self::NotTestable];

    /// In a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::NeverShownToFail => "proved but never shown to fail",
            Self::NotCovered => "not covered",
            Self::NotTestable => "not testable",
        }
    }

    /// One character; colour only repeats it.
    #[must_use]
    pub const fn sign(self) -> char {
        match self {
            Self::Proved => '●',
            Self::NeverShownToFail => '◐',
            Self::NotCovered => '○',
            Self::NotTestable => '–',
        }
    }
}

/// Adds what a case says about requirements, at the protocol version of the case: the last try counts.
pub fn gather(worst: &mut HashMap<(String, Option<String>), Verdict>, result: &CaseResult) {
    for (id, verdict) in result.attempts.last().iter().flat_map(|attempt| &attempt.requirements) {
        let known = worst.entry((id.clone(), result.id.version.clone())).or_insert(*verdict);
        *known = (*known).max(*verdict);
    }
}

impl Coverage {
    /// Puts the verdicts of a run beside the cells: by requirement and the protocol version of the case. What has no version
    /// says something about every one.
    pub fn judge(&mut self, verdicts: &HashMap<(String, Option<String>), Verdict>) {
        for requirement in &mut self.requirements {
            for cell in &mut requirement.cells {
                let exact = verdicts.get(&(requirement.id.clone(), cell.version.clone()));
                let any = verdicts.get(&(requirement.id.clone(), None));
                cell.verdict = if cell.version.is_some() {
                    exact.into_iter().chain(any).max().copied()
                } else {
                    let of_all = verdicts.iter().filter(|((id, _), _)| *id == requirement.id);
                    of_all.map(|(_, verdict)| *verdict).max()
                };
            }
        }
    }

    /// Leaves these versions only. What depends on no version stays.
    pub fn keep_versions(&mut self, versions: &[String]) {
        self.versions.retain(|version| versions.contains(version));
        for requirement in &mut self.requirements {
            requirement.cells.retain(|cell| cell.version.as_ref().is_none_or(|version| versions.contains(version)));
        }
        self.requirements.retain(|requirement| !requirement.cells.is_empty());
    }
}

impl CoveredRequirement {
    /// The state of the requirement as a whole: the worst of its cells that can be tested.
    #[must_use]
    pub fn state(&self) -> CoverageState {
        let testable = self.cells.iter().map(|cell| cell.state).filter(|state| *state != CoverageState::NotTestable);
        testable.max().unwrap_or(CoverageState::NotTestable)
    }

    /// Every scenario that proves it at some version, each once, sorted.
    #[must_use]
    pub fn scenarios(&self) -> Vec<&str> {
        distinct(self.cells.iter().flat_map(|cell| &cell.scenarios))
    }

    /// Every defect that turned one of its checks red at some version, each once, sorted.
    #[must_use]
    pub fn defects(&self) -> Vec<&str> {
        distinct(self.cells.iter().flat_map(|cell| &cell.defects))
    }
}

fn distinct<'a>(all: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut names: Vec<&str> = all.map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Requirements by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CoverageCounts {
    counts: [u64; CoverageState::ALL.len()],
}

impl CoverageCounts {
    /// Counts these.
    pub fn of<'a>(requirements: impl IntoIterator<Item = &'a CoveredRequirement>) -> Self {
        let mut all = Self::default();
        for requirement in requirements {
            all.counts[requirement.state() as usize] += 1;
        }
        all
    }

    /// How many have this state.
    #[must_use]
    pub fn get(&self, state: CoverageState) -> u64 {
        self.counts[state as usize]
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Proved ones in percent of those that can be tested, rounded down; 100 if none can.
    #[must_use]
    pub fn percent(&self) -> u64 {
        let testable = self.total() - self.get(CoverageState::NotTestable);
        (self.get(CoverageState::Proved) * 100).checked_div(testable).unwrap_or(100)
    }
}

#[cfg(test)]
mod tests;
