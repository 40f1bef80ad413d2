//! Shows that checks can fail: the packs are run against every defect of every mock.
//!
//! A check that no defect turns red is held against altered answers instead: its own pattern against the value it saw,
//! with one thing changed at a time. A check that survives that too shows nothing.

mod mutation;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gauntlet_reports::{Check, Event, Verdict};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::config::TargetSpec;
use crate::runner::check::Checked;
use crate::runner::{Filter, RunOptions, ScenarioSet};
use crate::target::Target;

/// A check of the packs, by its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct CheckId {
    /// Scenario id.
    pub scenario: String,
    /// Line in its file; 0 for the automatic ones.
    pub line: u32,
    /// What is checked.
    pub label: String,
}

impl std::fmt::Display for CheckId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line == 0 {
            write!(f, "{} ({})", self.scenario, self.label)
        } else {
            write!(f, "{}:{} {}", self.scenario, self.line, self.label)
        }
    }
}

/// One defect and what caught it.
#[derive(Debug, Clone, Serialize)]
pub struct DefectRow {
    /// The mock.
    pub mock: String,
    /// The defect.
    pub defect: String,
    /// Checks that turned red.
    pub caught_by: Vec<CheckId>,
    /// Cases that could not be judged any more: noticed, but not by a check.
    pub errors: usize,
}

/// The kill table.
#[derive(Debug, Clone, Serialize)]
pub struct AuditReport {
    /// Every defect, by mock.
    pub defects: Vec<DefectRow>,
    /// Every check of the packs.
    pub checks: usize,
    /// Checks that caught no defect but can fail: an altered answer turns them red.
    pub by_alteration_only: Vec<CheckId>,
    /// Checks that nothing turned red.
    pub never_red: Vec<CheckId>,
    /// Cases that did not pass without any defect; the table is worth little then.
    pub not_green: Vec<String>,
}

impl AuditReport {
    /// Defects that no check caught.
    pub fn uncaught(&self) -> impl Iterator<Item = &DefectRow> {
        self.defects.iter().filter(|row| row.caught_by.is_empty())
    }

    /// For each defect the scenario with the fewest caught defects among those that caught it: the most specific one.
    #[must_use]
    pub fn hints(&self) -> Hints {
        let mut breadth: BTreeMap<&str, usize> = BTreeMap::new();
        for check in self.defects.iter().flat_map(|row| &row.caught_by) {
            *breadth.entry(&check.scenario).or_default() += 1;
        }
        let mut hints = Hints::new();
        for row in &self.defects {
            let best = row.caught_by.iter().map(|c| c.scenario.as_str()).min_by_key(|s| (breadth.get(s), *s));
            if let Some(scenario) = best {
                hints.entry(row.mock.clone()).or_default().insert(row.defect.clone(), scenario.to_owned());
            }
        }
        hints
    }

    /// Whether every defect is caught, every check can fail, and all is green without defects.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.uncaught().next().is_none() && self.never_red.is_empty() && self.not_green.is_empty()
    }
}

/// What an audit looks at.
#[derive(Debug, Clone, Default)]
pub struct AuditOptions {
    /// How each run behaves.
    pub run: RunOptions,
    /// Only the defects of these mocks; empty for all.
    pub mocks: Vec<String>,
    /// Leave a defect as soon as one check has caught it. The table then names one check for each defect, and more
    /// checks are shown by altered answers only.
    pub quick: bool,
    /// Where a quick audit looks first: mock → defect → the scenario that caught it before.
    pub hints: Hints,
}

/// Mock → defect → scenario id.
pub type Hints = BTreeMap<String, BTreeMap<String, String>>;

/// Runs the packs without defects, then once for each defect of each mock that fills a role. `progress` gets each defect
/// before its run. Cancelling ends the audit with what it has.
pub async fn audit(
    set: &Arc<ScenarioSet>,
    targets: &[TargetSpec],
    filter: &Filter,
    options: &AuditOptions,
    cancel: &CancellationToken,
    progress: &mut (dyn FnMut(&str, &str) + Send),
) -> AuditReport {
    let plain = RunOptions { keep_all: true, ..options.run.clone() };
    let baseline = observe(set, targets, filter, plain, cancel, None).await;
    let mut killed: BTreeSet<CheckId> = BTreeSet::new();
    let mut rows = Vec::new();
    let wanted = |name: &str| options.mocks.is_empty() || options.mocks.iter().any(|m| m == name);
    let present = |name: &str| targets.iter().any(|t| t.mocks().any(|mock| mock == name));
    for info in gauntlet_mocks::all().into_iter().filter(|info| wanted(info.name) && present(info.name)) {
        let of_mock: Vec<TargetSpec> =
            targets.iter().filter(|t| t.mocks().any(|mock| mock == info.name)).cloned().collect();
        let mut narrowed = filter.clone();
        narrowed.targets = of_mock.iter().map(|t| t.name.clone()).collect();
        narrowed.roles = of_mock.iter().flat_map(|t| t.roles.iter().cloned()).collect();
        for defect in info.defects {
            if cancel.is_cancelled() {
                break;
            }
            progress(info.name, defect.id);
            let with_defect = RunOptions {
                keep_all: false,
                defects: BTreeMap::from([(info.name.to_owned(), vec![defect.id.to_owned()])]),
                ..options.run.clone()
            };
            let known = options.quick.then_some(&baseline.red);
            let hint = options.hints.get(info.name).and_then(|of| of.get(defect.id)).filter(|_| options.quick);
            let mut seen = Observed::default();
            if let Some(scenario) = hint {
                let one = Filter { ids: vec![scenario.clone()], ..narrowed.clone() };
                seen = observe(set, &of_mock, &one, with_defect.clone(), cancel, known).await;
            }
            let mut caught_by = confirm(set, &of_mock, &narrowed, &with_defect, cancel, &baseline, &seen).await;
            if caught_by.is_empty() {
                seen = observe(set, &of_mock, &narrowed, with_defect.clone(), cancel, known).await;
                caught_by = confirm(set, &of_mock, &narrowed, &with_defect, cancel, &baseline, &seen).await;
            }
            killed.extend(caught_by.iter().cloned());
            rows.push(DefectRow {
                mock: info.name.to_owned(),
                defect: defect.id.to_owned(),
                caught_by,
                errors: seen.errors,
            });
        }
    }
    // The automatic checks belong to no scenario; the defects that they catch show what they are worth.
    let unkilled: Vec<&CheckId> = baseline.checks.keys().filter(|c| c.line > 0 && !killed.contains(*c)).collect();
    let (by_alteration_only, never_red) =
        unkilled.into_iter().cloned().partition(|check| baseline.checks.get(check).is_some_and(|alterable| *alterable));
    AuditReport {
        defects: rows,
        checks: baseline.checks.keys().filter(|c| c.line > 0).count(),
        by_alteration_only,
        never_red,
        not_green: baseline.not_green,
    }
}

/// The checks that the defect turned red, and turns red again: a case that depends on the machine's mood catches nothing.
async fn confirm(
    set: &Arc<ScenarioSet>,
    targets: &[TargetSpec],
    filter: &Filter,
    options: &RunOptions,
    cancel: &CancellationToken,
    baseline: &Observed,
    seen: &Observed,
) -> Vec<CheckId> {
    let fresh: BTreeSet<&CheckId> = seen.red.difference(&baseline.red).collect();
    if fresh.is_empty() {
        return Vec::new();
    }
    let scenarios: BTreeSet<&str> = fresh.iter().map(|check| check.scenario.as_str()).collect();
    let ids = scenarios.into_iter().map(str::to_owned).collect();
    let again = observe(set, targets, &Filter { ids, ..filter.clone() }, options.clone(), cancel, None).await;
    fresh.into_iter().filter(|check| again.red.contains(*check)).cloned().collect()
}

/// What one run showed.
#[derive(Debug, Default)]
struct Observed {
    /// Each check, and whether an altered value turns it red.
    checks: BTreeMap<CheckId, bool>,
    red: BTreeSet<CheckId>,
    errors: usize,
    not_green: Vec<String>,
}

/// Runs once. With `known`, ends as soon as a check is red that is not one of these.
async fn observe(
    set: &Arc<ScenarioSet>,
    targets: &[TargetSpec],
    filter: &Filter,
    options: RunOptions,
    cancel: &CancellationToken,
    known: Option<&BTreeSet<CheckId>>,
) -> Observed {
    let enough = cancel.child_token();
    let targets = targets.iter().cloned().map(Target::new).map(Arc::new).collect();
    let mut observed = Observed::default();
    let mut take = |event: Event, checked: Vec<Checked>| match event {
        Event::CaseFinished(result) => {
            if matches!(result.verdict, Verdict::Fail | Verdict::Warn | Verdict::Error) {
                observed.not_green.push(result.id.to_string());
            }
            observed.errors += usize::from(result.verdict == Verdict::Error);
            let Some(attempt) = result.attempts.last() else { return };
            for (index, check) in attempt.checks.iter().enumerate() {
                let id = check_id(&result.id.scenario, check);
                if matches!(check.verdict, Verdict::Fail | Verdict::Warn) {
                    if known.is_some_and(|known| !known.contains(&id)) {
                        enough.cancel();
                    }
                    observed.red.insert(id.clone());
                }
                let alterable = || checked.get(index).and_then(|c| c.evidence.as_ref()).is_some_and(mutation::can_fail);
                let known = observed.checks.entry(id).or_insert(false);
                *known = *known || alterable();
            }
        }
        Event::Broken(broken) => observed.not_green.push(broken.file),
        _ => {}
    };
    crate::runner::run_with(Arc::clone(set), targets, filter.clone(), Arc::new(options), enough.clone(), &mut take)
        .await;
    observed
}

fn check_id(scenario: &str, check: &Check) -> CheckId {
    CheckId {
        scenario: scenario.to_owned(),
        line: check.place.as_ref().map_or(0, |p| p.line),
        label: check.label.clone(),
    }
}
