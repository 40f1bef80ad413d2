//! One known failure.

use std::fmt;

use wildmatch::WildMatch;

use crate::model::{CaseId, Check, KnownFailure, Verdict};

/// A failure that is known. Of the members that say which cases it is about, each that is empty or `None` holds for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Scenario id, or a glob.
    pub scenario: String,
    /// Matrix values, `name` and label, that a case must have.
    pub case: Vec<(String, String)>,
    /// Protocol versions.
    pub versions: Vec<String>,
    /// Name of the target.
    pub target: Option<String>,
    /// What the targets are part of.
    pub environment: Option<String>,
    /// How it fails; `None`: a broken MUST or SHOULD, but no error.
    pub verdict: Option<Verdict>,
    /// The checks that fail; empty: whichever.
    pub checks: Vec<CheckName>,
    /// Why.
    pub reason: String,
    /// Where it is tracked.
    pub link: Option<String>,
    /// Who sees to it.
    pub owner: Option<String>,
    /// The last day, as `YYYY-MM-DD`.
    pub expires: Option<String>,
    /// Where it stands; none while it is in no file.
    pub lines: Lines,
}

/// Where an entry stands in its file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lines {
    /// 1-based; 0: in no file.
    pub first: u32,
    /// The last one, itself included; 0: it is not in block style, so that no lines are its own.
    pub last: u32,
    /// Columns before the dash.
    pub indent: u32,
}

/// A check as a baseline names it: `step 2: status`, or `status` for that of any step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CheckName {
    /// 1-based, counted over the whole scenario.
    pub step: Option<usize>,
    /// As reports name it.
    pub label: String,
}

impl CheckName {
    /// The name of a check in a report.
    #[must_use]
    pub fn of(check: &Check) -> Self {
        Self { step: Some(check.step.saturating_add(1)), label: check.label.clone() }
    }

    /// Reads `step 2: status` or `status`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (step, label) = match text.strip_prefix("step ").and_then(|rest| rest.split_once(':')) {
            None => (None, text),
            Some((number, label)) => match number.trim().parse::<usize>() {
                Ok(number) if number > 0 => (Some(number), label),
                _ => return Err(format!("`{number}` is not the number of a step, which are counted from 1")),
            },
        };
        let label = label.trim();
        if label.is_empty() {
            return Err("a check is written as `step 2: status`, or as `status` alone".to_owned());
        }
        Ok(Self { step, label: label.to_owned() })
    }

    /// Whether this is the name of the other, which has a step.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.label == other.label && self.step.is_none_or(|step| other.step == Some(step))
    }
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            Some(step) => write!(f, "step {step}: {}", self.label),
            None => f.write_str(&self.label),
        }
    }
}

impl Entry {
    /// Whether it is about the case, in this environment.
    #[must_use]
    pub fn is_about(&self, id: &CaseId, environment: Option<&str>) -> bool {
        let version = |version: &String| id.version.as_ref() == Some(version);
        self.names_scenario(&id.scenario)
            && self.case.iter().all(|value| id.case.contains(value))
            && (self.versions.is_empty() || self.versions.iter().any(version))
            && self.target.as_ref().is_none_or(|target| *target == id.target)
            && self.environment.as_deref().is_none_or(|wanted| environment == Some(wanted))
    }

    /// Whether it is about the scenario.
    #[must_use]
    pub fn names_scenario(&self, scenario: &str) -> bool {
        if self.is_glob() { WildMatch::new(&self.scenario).matches(scenario) } else { self.scenario == scenario }
    }

    /// Whether several scenarios may be meant.
    #[must_use]
    pub fn is_glob(&self) -> bool {
        self.scenario.contains(['*', '?'])
    }

    /// Whether it names one set of cases that differ in nothing but the version, so that it can be narrowed.
    pub(super) fn is_exact_but_for_versions(&self, id: &CaseId) -> bool {
        !self.is_glob() && self.case.len() == id.case.len() && self.target.is_some() && !self.versions.is_empty()
    }

    /// What reports tell of it.
    pub(super) fn known(&self, file: &str) -> KnownFailure {
        KnownFailure {
            file: file.to_owned(),
            line: self.lines.first,
            reason: self.reason.clone(),
            link: self.link.clone(),
            owner: self.owner.clone(),
            expires: self.expires.clone(),
        }
    }

    /// Whether two entries are about the same cases.
    #[must_use]
    pub fn same_cases(&self, other: &Self) -> bool {
        let sorted = |case: &[(String, String)]| {
            let mut case = case.to_vec();
            case.sort();
            case
        };
        let overlap = self.versions.is_empty() && other.versions.is_empty()
            || self.versions.iter().any(|version| other.versions.contains(version));
        self.scenario == other.scenario
            && sorted(&self.case) == sorted(&other.case)
            && overlap
            && self.target == other.target
            && self.environment == other.environment
    }
}
