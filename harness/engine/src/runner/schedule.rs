//! Several cases at a time; results in the order of the input; memory for what is in flight only.

use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use futures_util::{FutureExt as _, StreamExt as _};
use gauntlet_format::Scenario;
use gauntlet_reports::{BrokenFile, Event, RunSummary, SummaryBuilder, TargetSummary, Verdict};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::case::{self, Case, Outcome};
use super::plan::{Loaded, ScenarioSet, cases_of, no_target};
use super::{Filter, RunOptions};
use crate::target::Target;
use crate::transcript::millis;

/// Files that are parsed ahead of the cases that run.
const PARSED_AHEAD: usize = 16;

/// Results that may wait for an earlier one. A slow case holds back no other until so many have piled up.
const REORDERED: usize = 4096;

/// Something in input order.
enum Item {
    Case(Box<Case>),
    Broken(BrokenFile),
    Target(TargetSummary),
}

enum Done {
    Outcome(Box<Outcome>),
    Broken(BrokenFile),
}

impl Done {
    /// The event, and the evidence beside it.
    fn told(self) -> (Event, Vec<super::check::Checked>) {
        match self {
            Self::Broken(broken) => (Event::Broken(broken), Vec::new()),
            Self::Outcome(outcome) => (outcome.event, outcome.checked),
        }
    }
}

/// Runs everything that the filter selects and hands each event to `emit`, in order. Gives back the totals.
///
/// Cancelling the token ends the run early: what has not finished is not reported, and the summary says so.
pub async fn run(
    set: Arc<ScenarioSet>,
    targets: Vec<Arc<Target>>,
    filter: Filter,
    options: Arc<RunOptions>,
    cancel: CancellationToken,
    mut emit: impl FnMut(Event),
) -> RunSummary {
    run_with(set, targets, filter, options, cancel, &mut |event, _| emit(event)).await
}

/// As [`run`], with the evidence of each case beside its result.
pub(crate) async fn run_with(
    set: Arc<ScenarioSet>,
    targets: Vec<Arc<Target>>,
    filter: Filter,
    options: Arc<RunOptions>,
    cancel: CancellationToken,
    emit: &mut dyn FnMut(Event, Vec<super::check::Checked>),
) -> RunSummary {
    let started = Instant::now();
    let mut summary = SummaryBuilder::default();
    emit(
        Event::RunStarted {
            gauntlet: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: OffsetDateTime::from(SystemTime::now()).format(&Rfc3339).unwrap_or_default(),
            cases: None,
        },
        Vec::new(),
    );
    targets.iter().for_each(|target| target.bound_questions(options.step_timeout));
    let mut source = Source::new(set, targets, filter);
    let mut running: JoinSet<(usize, Outcome)> = JoinSet::new();
    let mut waiting: BTreeMap<usize, Done> = BTreeMap::new();
    let (mut next_index, mut next_out) = (0, 0);
    let mut interrupted = None;
    let mut exhausted = false;
    loop {
        while !exhausted && interrupted.is_none() && running.len() < options.jobs && waiting.len() < REORDERED {
            let item = tokio::select! {
                biased;
                () = cancel.cancelled() => { interrupted = Some("interrupted".to_owned()); break }
                item = source.next() => item,
            };
            match item {
                None => exhausted = true,
                Some(Item::Target(target)) => emit(Event::Target(target), Vec::new()),
                Some(Item::Broken(broken)) => {
                    waiting.insert(next_index, Done::Broken(broken));
                    next_index += 1;
                }
                Some(Item::Case(mut case)) => {
                    case.index = next_index;
                    next_index += 1;
                    emit(Event::CaseStarted { id: case.id.clone() }, Vec::new());
                    let options = Arc::clone(&options);
                    running.spawn(async move {
                        let outcome = match AssertUnwindSafe(case::run(&case, &options)).catch_unwind().await {
                            Ok(outcome) => outcome,
                            Err(_) => case::lost(&case),
                        };
                        (case.index, outcome)
                    });
                }
            }
        }
        while let Some(done) = waiting.remove(&next_out) {
            next_out += 1;
            let (event, checked) = done.told();
            let bad = match &event {
                Event::CaseFinished(result) => {
                    matches!(result.verdict, Verdict::Fail | Verdict::Error)
                        || (options.strict && result.verdict == Verdict::Warn)
                }
                _ => true,
            };
            summary.event(&event);
            emit(event, checked);
            if bad && options.fail_fast && interrupted.is_none() {
                interrupted = Some("stopped at the first failure".to_owned());
            }
        }
        if interrupted.is_some() || (exhausted && running.is_empty()) {
            break;
        }
        tokio::select! {
            biased;
            () = cancel.cancelled() => interrupted = Some("interrupted".to_owned()),
            joined = running.join_next(), if !running.is_empty() => match joined {
                Some(Ok((index, outcome))) => {
                    waiting.insert(index, Done::Outcome(Box::new(outcome)));
                }
                Some(Err(error)) => tracing::error!("a case was lost: {error}"),
                None => {}
            },
        }
    }
    // What had finished is told, in order, even when an earlier case had not.
    running.abort_all();
    while running.join_next().await.is_some() {}
    for done in std::mem::take(&mut waiting).into_values() {
        let (event, checked) = done.told();
        summary.event(&event);
        emit(event, checked);
    }
    let summary = summary.build(millis(started.elapsed()), interrupted);
    emit(Event::RunFinished(summary.clone()), Vec::new());
    summary
}

/// Parses files ahead, in order, and expands them to cases.
struct Source {
    parsed: futures_util::stream::BoxStream<'static, Loaded>,
    ready: VecDeque<Item>,
    targets: Vec<Arc<Target>>,
    announced: Vec<String>,
    filter: Filter,
}

impl Source {
    fn new(set: Arc<ScenarioSet>, targets: Vec<Arc<Target>>, filter: Filter) -> Self {
        let count = set.files.len();
        let parsed = futures_util::stream::iter(0..count)
            .map(move |i| {
                let set = Arc::clone(&set);
                tokio::spawn(async move { set.load(&set.files[i]) })
            })
            .buffered(PARSED_AHEAD)
            .filter_map(async |loaded| loaded.ok())
            .boxed();
        Self { parsed, ready: VecDeque::new(), targets, announced: Vec::new(), filter }
    }

    async fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            match self.parsed.next().await? {
                Loaded::Broken { path, diagnostics } => {
                    // A selection by id cannot know whether a file that does not parse was meant; it is told all the same.
                    return Some(Item::Broken(broken(&path, &diagnostics)));
                }
                Loaded::Scenario(scenario) if self.filter.takes(&scenario) => self.expand(&scenario).await,
                Loaded::Scenario(_) => {}
            }
        }
    }

    async fn expand(&mut self, scenario: &Arc<Scenario>) {
        let role = &scenario.target.name;
        let filling: Vec<Arc<Target>> = self.targets.iter().filter(|t| t.spec.fills(role)).cloned().collect();
        if filling.is_empty() {
            let known: Vec<String> = self.targets.iter().map(|t| t.spec.name.clone()).collect();
            self.ready.push_back(Item::Case(Box::new(no_target(scenario, &known))));
            return;
        }
        for target in &filling {
            if !self.announced.contains(&target.spec.name) {
                self.announced.push(target.spec.name.clone());
                let versions = match target.versions().await {
                    Ok(versions) => versions.iter().map(ToString::to_string).collect(),
                    Err(_) => Vec::new(),
                };
                let summary =
                    TargetSummary { name: target.spec.name.clone(), kind: target.spec.kind().to_owned(), versions };
                self.ready.push_back(Item::Target(summary));
            }
        }
        let cases = cases_of(scenario, &filling, &self.filter).await;
        self.ready.extend(cases.into_iter().map(|case| Item::Case(Box::new(case))));
    }
}

pub(crate) fn broken(path: &std::path::Path, diagnostics: &[gauntlet_format::Diagnostic]) -> BrokenFile {
    let errors = diagnostics.iter().filter(|d| d.severity == gauntlet_format::Severity::Error).count();
    BrokenFile {
        file: path.display().to_string(),
        diagnostics: diagnostics.iter().map(|d| gauntlet_format::render::render(d, false)).collect(),
        errors,
    }
}
