//! A baseline that follows the runs.

use std::collections::{BTreeMap, BTreeSet};

use super::edit::{self, Edit};
use super::entry::{CheckName, Entry, Lines};
use super::{Baseline, judge};
use crate::model::{CaseId, CaseResult, Standing, Verdict};
use crate::{sanitize, story};

/// Longest reason that is made up from a failure, in characters.
const REASON: usize = 160;

/// What new entries say.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// Why; without it, what the failure itself says.
    pub reason: Option<String>,
    /// Where it is tracked.
    pub link: Option<String>,
    /// Who sees to it.
    pub owner: Option<String>,
    /// The last day, as `YYYY-MM-DD`.
    pub expires: Option<String>,
    /// A broken SHOULD is a failure too.
    pub strict: bool,
}

/// A baseline after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The whole text.
    pub text: String,
    /// New entries.
    pub added: usize,
    /// Entries that name fewer versions.
    pub narrowed: usize,
    /// Entries that are gone.
    pub removed: usize,
    /// What is left for people.
    pub doubts: Vec<Doubt>,
}

impl Changed {
    /// Whether the file stays as it is.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.added + self.narrowed + self.removed == 0
    }

    /// What changes, as a unified diff.
    #[must_use]
    pub fn diff(&self, baseline: &Baseline) -> String {
        let diff = similar::TextDiff::from_lines(&*baseline.text, &self.text);
        diff.unified_diff().context_radius(2).header(&baseline.file, &baseline.file).to_string()
    }
}

/// Something about an entry that only people can decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// 1-based line of the entry.
    pub line: u32,
    /// In one sentence.
    pub what: String,
}

/// Brings the failures of a run into the baseline. Failures that it knows keep their entry as it is; one that is different now
/// gets an entry of its own with the words of the old one. What a new one says is asked of `words`; `None`: it is left out.
#[must_use]
pub fn write(
    baseline: &Baseline,
    run: &[CaseResult],
    environment: Option<&str>,
    words: &dyn Fn(&CaseResult) -> Option<Defaults>,
) -> Changed {
    let mut fresh: Vec<Entry> = Vec::new();
    let mut gone: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    let mut doubts = Vec::new();
    for result in run {
        let Some(defaults) = words(result).filter(|words| fails(result, words.strict)) else { continue };
        match judge::standing(baseline, result, environment) {
            Some(Standing::Known(_)) => {}
            Some(Standing::Expired(known)) => doubts.push(Doubt {
                line: known.line,
                what: format!("expired on {}; decide on a new date", known.expires.unwrap_or_default()),
            }),
            Some(Standing::Changed { .. }) => {
                let about = baseline.entries.iter().enumerate().find(|(_, e)| e.is_about(&result.id, environment));
                let Some((number, old)) = about else { continue };
                if let (true, Some(version)) = (old.is_exact_but_for_versions(&result.id), &result.id.version) {
                    gone.entry(number).or_default().insert(version.clone());
                }
                let words = Defaults {
                    reason: Some(old.reason.clone()),
                    link: old.link.clone(),
                    owner: old.owner.clone(),
                    expires: old.expires.clone(),
                    strict: defaults.strict,
                };
                join(&mut fresh, entry(result, environment, &words));
            }
            _ => join(&mut fresh, entry(result, environment, &defaults)),
        }
    }
    doubts.sort_by_key(|doubt| doubt.line);
    doubts.dedup();
    finish(baseline, &gone, fresh, doubts)
}

/// Adds entries about scenarios of which the baseline says nothing yet.
#[must_use]
pub fn add(baseline: &Baseline, entries: Vec<Entry>) -> Changed {
    let is_new = |new: &Entry| !baseline.entries.iter().any(|old| old.names_scenario(&new.scenario));
    finish(baseline, &BTreeMap::new(), entries.into_iter().filter(is_new).collect(), Vec::new())
}

/// Takes what a run shows to be fixed out of the baseline, and the entries that `unknown` says name nothing.
#[must_use]
pub fn prune(baseline: &Baseline, run: &[CaseResult], environment: Option<&str>, unknown: &BTreeSet<u32>) -> Changed {
    let mut gone: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    let mut doubts = Vec::new();
    for (number, entry) in baseline.entries.iter().enumerate() {
        if unknown.contains(&entry.lines.first) {
            gone.insert(number, entry.versions.iter().cloned().collect());
            continue;
        }
        let about: Vec<&CaseResult> = run.iter().filter(|result| entry.is_about(&result.id, environment)).collect();
        let fixed: Vec<&&CaseResult> = about.iter().filter(|r| r.verdict == Verdict::Pass && !r.flaky).collect();
        let failing = about.iter().filter(|result| fails(result, true)).count();
        if fixed.is_empty() {
            continue;
        }
        let passed: BTreeSet<String> = fixed.iter().filter_map(|result| result.id.version.clone()).collect();
        let fails_at = |version: &String| {
            about.iter().any(|result| fails(result, true) && result.id.version.as_ref() == Some(version))
        };
        let exact = fixed.first().is_some_and(|result| entry.is_exact_but_for_versions(&result.id));
        if failing == 0 && (!exact || entry.versions.iter().all(|version| passed.contains(version))) {
            gone.insert(number, entry.versions.iter().cloned().collect());
        } else if exact && passed.iter().all(|version| !fails_at(version)) {
            gone.insert(number, passed);
        } else {
            let what = format!(
                "is about {} cases of the run, of which {} pass and {failing} fail; narrow it by hand",
                about.len(),
                fixed.len()
            );
            doubts.push(Doubt { line: entry.lines.first, what });
        }
    }
    finish(baseline, &gone, Vec::new(), doubts)
}

/// `gone` has the versions that an entry loses; without any left it goes whole.
fn finish(
    baseline: &Baseline,
    gone: &BTreeMap<usize, BTreeSet<String>>,
    fresh: Vec<Entry>,
    mut doubts: Vec<Doubt>,
) -> Changed {
    let (mut narrowed, mut removed) = (0, 0);
    let mut edits = Vec::new();
    for (number, versions) in gone {
        let Some(old) = baseline.entries.get(*number) else { continue };
        if old.lines.last == 0 {
            let what = "does not stand on lines of its own; change it by hand".to_owned();
            doubts.push(Doubt { line: old.lines.first, what });
            continue;
        }
        let left: Vec<String> = old.versions.iter().filter(|version| !versions.contains(*version)).cloned().collect();
        if left.is_empty() {
            removed += 1;
            edits.push(Edit::Remove(old.lines));
        } else {
            narrowed += 1;
            edits.push(Edit::Replace(old.lines, Box::new(Entry { versions: left, ..old.clone() })));
        }
    }
    let added = fresh.len();
    edits.extend(fresh.into_iter().map(|entry| Edit::Append(Box::new(entry))));
    let text = if edits.is_empty() {
        baseline.text.to_string()
    } else {
        edit::apply(&baseline.text, &baseline.entries, &edits)
    };
    Changed { text, added, narrowed, removed, doubts }
}

fn fails(result: &CaseResult, strict: bool) -> bool {
    match result.verdict {
        Verdict::Fail | Verdict::Error => true,
        Verdict::Warn => strict,
        Verdict::Pass | Verdict::Skip | Verdict::Untestable => false,
    }
}

fn entry(result: &CaseResult, environment: Option<&str>, words: &Defaults) -> Entry {
    let CaseId { scenario, case, version, target } = &result.id;
    let said = || result.attempts.last().map(story::reason).unwrap_or_default();
    let checks: Vec<CheckName> = judge::failing(result).into_iter().collect();
    Entry {
        scenario: scenario.clone(),
        case: case.clone(),
        versions: version.iter().cloned().collect(),
        target: Some(target.clone()),
        environment: environment.map(str::to_owned),
        verdict: Some(result.verdict),
        checks,
        reason: words.reason.clone().unwrap_or_else(|| sanitize::cut(&said(), REASON).into_owned()),
        link: words.link.clone(),
        owner: words.owner.clone(),
        expires: words.expires.clone(),
        lines: Lines::default(),
    }
}

/// Entries that differ in nothing but the version, and what the failure says, are one.
fn join(all: &mut Vec<Entry>, new: Entry) {
    let same = |old: &&mut Entry| {
        let key = |e: &Entry| (e.scenario.clone(), e.case.clone(), e.target.clone(), e.verdict, e.checks.clone());
        let words = |e: &Entry| (e.link.clone(), e.owner.clone(), e.expires.clone());
        key(old) == key(&new) && words(old) == words(&new) && !old.versions.is_empty() && !new.versions.is_empty()
    };
    // Those of one case stand side by side in a run, but for other values of its matrix.
    match all.iter_mut().rev().take(JOINED).find(same) {
        Some(old) => old.versions.extend(new.versions),
        None => all.push(new),
    }
}

/// Entries back to which one is looked for to join: values of a matrix times targets, seldom more.
const JOINED: usize = 512;
