//! Shows that checks can fail: the packs are run against every defect of every mock.
//!
//! A check that no defect turns red is held against altered answers instead: its own pattern against the value it saw,
//! with one thing changed at a time. A check that survives that too shows nothing.

mod mutation;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use gauntlet_mocks::MockInfo;
use gauntlet_reports::{Check, Event, Verdict};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::config::TargetSpec;
use crate::conformance::Proofs;
use crate::runner::check::Checked;
use crate::runner::{Filter, RunOptions, ScenarioSet};
use crate::target::Target;

/// Defects that a quick audit looks for at the same time.
const QUICK_SEARCHES: usize = 6;

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
    /// Requirements that the red checks prove, and the protocol version of the case.
    #[serde(skip)]
    pub refuted: BTreeSet<Proved>,
}

/// A requirement that a check proves, and the protocol version of its case.
type Proved = (String, Option<String>);

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
    /// Requirements with a check that an altered answer turns red.
    #[serde(skip)]
    pub alterable: BTreeSet<Proved>,
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

    /// What the audit knows now of the requirements, over what was known before.
    #[must_use]
    pub fn proofs(&self, before: &Proofs) -> Proofs {
        let name = |row: &DefectRow| format!("{}:{}", row.mock, row.defect);
        let mut proofs = before.clone();
        self.defects.iter().for_each(|row| proofs.forget_defect(&name(row)));
        let mut found = Proofs::default();
        for row in &self.defects {
            row.refuted.iter().for_each(|(id, version)| found.add_defect(id, &name(row), version.as_deref()));
        }
        self.alterable.iter().for_each(|(id, version)| found.add_altered(id, version.as_deref()));
        proofs.extend(&found);
        proofs
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
    let wanted = |name: &str| options.mocks.is_empty() || options.mocks.iter().any(|m| m == name);
    let infos = gauntlet_mocks::all().into_iter().filter(|info| wanted(info.name));
    let scopes: Vec<Scope> = infos.filter_map(|info| Scope::of(info, targets, filter)).collect();
    let defects = scopes.iter().flat_map(|scope| scope.mock.defects.iter().map(move |defect| (scope, defect.id)));
    let search = Search { set, options, cancel, baseline: &baseline };
    let searches = defects.map(|(scope, defect)| {
        progress(scope.mock.name, defect);
        search.defect(scope, defect)
    });
    // A quick search is mostly waiting for one scenario; a whole one uses all there is by itself.
    let at_a_time = if options.quick { QUICK_SEARCHES } else { 1 };
    let rows: Vec<DefectRow> =
        stream::iter(searches).buffered(at_a_time).filter_map(std::future::ready).collect().await;
    let killed: BTreeSet<&CheckId> = rows.iter().flat_map(|row| &row.caught_by).collect();
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
        alterable: baseline.alterable,
    }
}

/// Where the defects of one mock can show.
struct Scope {
    mock: &'static MockInfo,
    targets: Vec<TargetSpec>,
    filter: Filter,
}

impl Scope {
    /// The targets that the mock takes part in; none if there are none.
    fn of(mock: &'static MockInfo, targets: &[TargetSpec], filter: &Filter) -> Option<Self> {
        let targets: Vec<TargetSpec> =
            targets.iter().filter(|target| target.mocks().any(|name| name == mock.name)).cloned().collect();
        let mut filter = filter.clone();
        filter.targets = targets.iter().map(|target| target.name.clone()).collect();
        filter.roles = targets.iter().flat_map(|target| target.roles.iter().cloned()).collect();
        (!targets.is_empty()).then_some(Self { mock, targets, filter })
    }

    fn of_scenarios(&self, ids: Vec<String>) -> Filter {
        Filter { ids, ..self.filter.clone() }
    }
}

/// The search for checks that catch defects.
struct Search<'a> {
    set: &'a Arc<ScenarioSet>,
    options: &'a AuditOptions,
    cancel: &'a CancellationToken,
    baseline: &'a Observed,
}

impl Search<'_> {
    /// What catches a defect; nothing is known of it when the audit is cancelled before.
    async fn defect(&self, scope: &Scope, defect: &str) -> Option<DefectRow> {
        if self.cancel.is_cancelled() {
            return None;
        }
        let run = RunOptions {
            keep_all: false,
            defects: BTreeMap::from([(scope.mock.name.to_owned(), vec![defect.to_owned()])]),
            ..self.options.run.clone()
        };
        let known = self.options.quick.then_some(&self.baseline.red);
        let hint = self.options.hints.get(scope.mock.name).and_then(|of| of.get(defect)).filter(|_| self.options.quick);
        let mut seen = Observed::default();
        if let Some(scenario) = hint {
            let one = scope.of_scenarios(vec![scenario.clone()]);
            seen = observe(self.set, &scope.targets, &one, run.clone(), self.cancel, known).await;
        }
        let (mut caught_by, mut refuted) = self.confirm(scope, &run, &seen).await;
        if caught_by.is_empty() {
            seen = observe(self.set, &scope.targets, &scope.filter, run.clone(), self.cancel, known).await;
            (caught_by, refuted) = self.confirm(scope, &run, &seen).await;
        }
        let (mock, defect) = (scope.mock.name.to_owned(), defect.to_owned());
        Some(DefectRow { mock, defect, caught_by, errors: seen.errors, refuted })
    }

    /// The checks that the defect turned red, and turns red again: a case that depends on the machine's mood catches nothing.
    /// With them, what is proved by any check of these scenarios that was red then.
    async fn confirm(&self, scope: &Scope, run: &RunOptions, seen: &Observed) -> (Vec<CheckId>, BTreeSet<Proved>) {
        let fresh: BTreeSet<&CheckId> =
            seen.red.keys().filter(|check| !self.baseline.red.contains_key(*check)).collect();
        if fresh.is_empty() {
            return (Vec::new(), BTreeSet::new());
        }
        let scenarios: BTreeSet<&str> = fresh.iter().map(|check| check.scenario.as_str()).collect();
        let again = scope.of_scenarios(scenarios.into_iter().map(str::to_owned).collect());
        let again = observe(self.set, &scope.targets, &again, run.clone(), self.cancel, None).await;
        let caught_by: Vec<CheckId> =
            fresh.into_iter().filter(|check| again.red.contains_key(*check)).cloned().collect();
        if caught_by.is_empty() {
            return (caught_by, BTreeSet::new());
        }
        let new = again.red.into_iter().filter(|(check, _)| !self.baseline.red.contains_key(check));
        (caught_by, new.flat_map(|(_, proved)| proved).collect())
    }
}

/// What one run showed.
#[derive(Debug, Default)]
struct Observed {
    /// Each check, and whether an altered value turns it red.
    checks: BTreeMap<CheckId, bool>,
    /// Each red check, and what it proves.
    red: BTreeMap<CheckId, BTreeSet<Proved>>,
    /// What is proved by checks that an altered value turns red.
    alterable: BTreeSet<Proved>,
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
    known: Option<&BTreeMap<CheckId, BTreeSet<Proved>>>,
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
                let proved = check.requirements.iter().map(|r| (r.id.clone(), result.id.version.clone()));
                if matches!(check.verdict, Verdict::Fail | Verdict::Warn) {
                    if known.is_some_and(|known| !known.contains_key(&id)) {
                        enough.cancel();
                    }
                    observed.red.entry(id.clone()).or_default().extend(proved.clone());
                }
                let evidence = checked.get(index).and_then(|c| c.evidence.as_ref());
                let proves_anew = proved.clone().any(|proved| !observed.alterable.contains(&proved));
                let can_fail = observed.checks.entry(id).or_insert(false);
                if (!*can_fail || proves_anew) && evidence.is_some_and(mutation::can_fail) {
                    *can_fail = true;
                    observed.alterable.extend(proved);
                }
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
