//! Several cases at a time; results in the order of the input; memory for what is in flight only.

use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures_util::{FutureExt as _, StreamExt as _};
use gauntlet_format::{Scenario, duration};
use gauntlet_reports::{BrokenFile, CaseId, Event, RunSummary, SummaryBuilder, TargetSummary};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::case::{self, Case, Outcome};
use super::plan::{Loaded, ScenarioSet, cases_of, no_target};
use super::shard::{self, Planned};
use super::{Filter, RunOptions};
use crate::target::Target;
use crate::transcript::millis;

/// Files that one task parses, one after the other: a task for each would wake the scheduler twice as often.
const PARSED_TOGETHER: usize = 8;

/// Such tasks ahead of the cases that run.
const PARSED_AHEAD: usize = 2;

/// Cases that wait for one that runs to end, at most. A task that finds the next one ready goes on with it at once; the
/// scheduler need not wake first.
const READY: usize = 16;

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

/// A case that has ended.
struct Finished {
    index: usize,
    outcome: Outcome,
    /// The case that the same task has begun.
    begun: Option<CaseId>,
}

/// What the tasks that run cases share with the scheduler.
#[derive(Default)]
struct Lanes {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    ready: VecDeque<Box<Case>>,
    /// Tasks that will look for a further case.
    tasks: usize,
}

impl Lanes {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a case over to the tasks, or gives it back when there may be one task more.
    fn offer(&self, case: Box<Case>, jobs: usize) -> Option<Box<Case>> {
        let mut queue = self.queue();
        if queue.tasks < jobs {
            queue.tasks += 1;
            return Some(case);
        }
        queue.ready.push_back(case);
        None
    }

    /// The next case for a task; without one the task ends.
    fn take(&self) -> Option<Box<Case>> {
        let mut queue = self.queue();
        let next = queue.ready.pop_front();
        if next.is_none() {
            queue.tasks -= 1;
        }
        next
    }

    fn clear(&self) {
        self.queue().ready.clear();
    }
}

/// Runs the case, and those that are ready after it.
async fn work(
    mut case: Box<Case>,
    lanes: Arc<Lanes>,
    options: Arc<RunOptions>,
    finished: mpsc::UnboundedSender<Finished>,
) {
    loop {
        let outcome = match AssertUnwindSafe(case::run(&case, &options)).catch_unwind().await {
            Ok(outcome) => outcome,
            Err(_) => case::lost(&case),
        };
        let index = case.index;
        let next = lanes.take();
        let begun = next.as_ref().map(|case| case.id.clone());
        if finished.send(Finished { index, outcome, begun }).is_err() {
            return;
        }
        match next {
            Some(next) => case = next,
            None => return,
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
    mut emit: impl FnMut(Event) + Send,
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
    emit: &mut (dyn FnMut(Event, Vec<super::check::Checked>) + Send),
) -> RunSummary {
    let started = Instant::now();
    let budget = options.budget;
    let spent = async move {
        match budget {
            Some(budget) => tokio::time::sleep(budget).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(spent);
    let over = || Some(format!("the budget of {} is used up", duration::show(budget.unwrap_or_default())));
    let mut summary = SummaryBuilder::default();
    emit(Event::RunStarted(options.info()), Vec::new());
    targets.iter().for_each(|target| target.bound_questions(options.step_timeout));
    let mut source = Source::new(set, targets, filter);
    let mut running: JoinSet<()> = JoinSet::new();
    let lanes = Arc::new(Lanes::default());
    let (finished, mut outcomes) = mpsc::unbounded_channel::<Finished>();
    // Nothing is begun beyond a first failure.
    let ahead = if options.fail_fast { 0 } else { options.jobs.min(READY) };
    let mut handed_out = 0;
    let mut waiting: BTreeMap<usize, Done> = BTreeMap::new();
    // Positions are those of the whole run, also in a shard of it, which has gaps between them.
    let mut next_index = 0;
    let mut order: VecDeque<usize> = VecDeque::new();
    let mut planned = Planned::new(&options);
    let mut interrupted = None;
    let mut exhausted = false;
    loop {
        while !exhausted && interrupted.is_none() && handed_out < options.jobs + ahead && waiting.len() < REORDERED {
            let item = tokio::select! {
                biased;
                () = cancel.cancelled() => { interrupted = Some("interrupted".to_owned()); break }
                () = &mut spent => { interrupted = over(); break }
                item = source.next() => item,
            };
            match item {
                None => exhausted = true,
                Some(Item::Target(target)) => emit(Event::Target(target), Vec::new()),
                // Told by every shard: without the file none of them is what it should be.
                Some(Item::Broken(mut broken)) => {
                    planned.add(&broken.file);
                    broken.index = Some(next_index);
                    order.push_back(next_index);
                    waiting.insert(next_index, Done::Broken(broken));
                    next_index += 1;
                }
                Some(Item::Case(mut case)) => {
                    planned.add(&case.id.to_string());
                    case.index = next_index;
                    next_index += 1;
                    if options.shard.as_ref().is_some_and(|shard| !shard::takes(shard, &case.id)) {
                        continue;
                    }
                    order.push_back(case.index);
                    handed_out += 1;
                    if let Some(case) = lanes.offer(case, options.jobs) {
                        emit(Event::CaseStarted { id: case.id.clone() }, Vec::new());
                        running.spawn(work(case, Arc::clone(&lanes), Arc::clone(&options), finished.clone()));
                    }
                }
            }
        }
        while let Some(done) = order.front().and_then(|first| waiting.remove(first)) {
            order.pop_front();
            let (event, checked) = done.told();
            let bad = match &event {
                Event::CaseFinished(result) => result.is_red(options.strict),
                _ => true,
            };
            summary.event(&event);
            emit(event, checked);
            if bad && options.fail_fast && interrupted.is_none() {
                interrupted = Some("stopped at the first failure".to_owned());
            }
        }
        if interrupted.is_some() || (exhausted && handed_out == 0) {
            break;
        }
        tokio::select! {
            biased;
            () = cancel.cancelled() => interrupted = Some("interrupted".to_owned()),
            () = &mut spent => interrupted = over(),
            Some(ended) = running.join_next() => if let Err(error) = ended {
                // A panic's message may hold what the case was about.
                tracing::error!(panic = error.is_panic(), "a case was lost");
                handed_out -= 1;
                lanes.queue().tasks -= 1;
            },
            Some(done) = outcomes.recv() => {
                handed_out -= 1;
                waiting.insert(done.index, Done::Outcome(Box::new(done.outcome)));
                if let Some(id) = done.begun {
                    emit(Event::CaseStarted { id }, Vec::new());
                }
            }
        }
    }
    lanes.clear();
    // What had finished is told, in order, even when an earlier case had not.
    running.abort_all();
    while running.join_next().await.is_some() {}
    for done in std::mem::take(&mut waiting).into_values() {
        let (event, checked) = done.told();
        summary.event(&event);
        emit(event, checked);
    }
    let plan = (options.shard.is_some() && exhausted && interrupted.is_none()).then(|| planned.plan());
    let summary = RunSummary { plan, ..summary.build(millis(started.elapsed()), interrupted) };
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
        let parsed = futures_util::stream::iter((0..count).step_by(PARSED_TOGETHER))
            .map(move |first| tokio::spawn(load(Arc::clone(&set), first)))
            .buffered(PARSED_AHEAD)
            .flat_map(|loaded| futures_util::stream::iter(loaded.unwrap_or_default()))
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

/// Parses [`PARSED_TOGETHER`] files.
async fn load(set: Arc<ScenarioSet>, first: usize) -> Vec<Loaded> {
    let mut all = Vec::with_capacity(PARSED_TOGETHER);
    for file in set.files.iter().skip(first).take(PARSED_TOGETHER) {
        all.extend(std::panic::catch_unwind(AssertUnwindSafe(|| set.load(file))));
        // Exchanges on the same thread come first.
        tokio::task::yield_now().await;
    }
    all
}

pub(crate) fn broken(path: &std::path::Path, diagnostics: &[gauntlet_format::Diagnostic]) -> BrokenFile {
    let errors = diagnostics.iter().filter(|d| d.severity == gauntlet_format::Severity::Error).count();
    BrokenFile {
        file: path.display().to_string(),
        diagnostics: diagnostics.iter().map(|d| gauntlet_format::render::render(d, false)).collect(),
        errors,
        index: None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const FILES: usize = 60;

    /// Events of as many cases as there are files, all of them untestable for want of a target.
    async fn told(folder: &std::path::Path, jobs: usize) -> (Vec<String>, Vec<String>, RunSummary) {
        let set = Arc::new(ScenarioSet::at(&[folder.to_owned()]).unwrap());
        let options = Arc::new(RunOptions { jobs, ..RunOptions::default() });
        let (mut begun, mut ended) = (Vec::new(), Vec::new());
        let summary = run(set, Vec::new(), Filter::default(), options, CancellationToken::new(), |event| match event {
            Event::CaseStarted { id } => begun.push(id.scenario),
            Event::CaseFinished(result) => {
                assert!(begun.contains(&result.id.scenario), "{} ended before it began", result.id.scenario);
                assert_eq!(result.index, ended.len());
                ended.push(result.id.scenario);
            }
            _ => {}
        })
        .await;
        (begun, ended, summary)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_case_begins_once_and_ends_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let ids: Vec<String> = (0..FILES).map(|i| format!("s{i:02}")).collect();
        for id in &ids {
            let text = format!("id: {id}\ntitle: t\ntarget: nobody\nsteps:\n  - call: ping\n");
            std::fs::write(folder.path().join(format!("{id}.yaml")), text).unwrap();
        }
        for jobs in [1, 3, FILES * 2] {
            let (mut begun, ended, summary) = told(folder.path(), jobs).await;
            if jobs == 1 {
                assert_eq!(begun, ids, "one lane runs in the order of the files");
            }
            begun.sort();
            assert_eq!(begun, ids, "{jobs} jobs");
            assert_eq!(ended, ids, "{jobs} jobs");
            assert_eq!(summary.untestable, u64::try_from(FILES).unwrap());
        }
    }
}
