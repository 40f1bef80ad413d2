//! Where candidates are tried: each is an ordinary scenario that the ordinary runner runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gauntlet_format::{Diagnostic, Scenario, Severity, Source, Step, StepKind, lint};
use gauntlet_reports::{Attempt, Event};

use super::ddmin::Halt;
use super::draft::Draft;
use super::goal::Goal;
use super::state::{Begun, State, Tried};
use super::{Progress, StateFile};
use crate::CancellationToken;
use crate::runner::case::{self, Broken, Case};
use crate::runner::{Filter, RunOptions, cases_of, volatile};
use crate::target::Target;
use crate::target::meter::Meter;

/// A target, and how it is run.
#[derive(Debug, Clone)]
pub(super) struct Side {
    pub(super) target: Arc<Target>,
    pub(super) options: Arc<RunOptions>,
}

/// How a case went.
#[derive(Debug, Clone)]
pub(super) struct Went {
    pub(super) attempt: Attempt,
    /// What ended it, if that was an answer that did not come.
    pub(super) broken: Option<Broken>,
}

/// Tries candidates, each one once.
pub(super) struct Lab<'t> {
    /// The one on which it fails, then the one on which it does not.
    pub(super) sides: Vec<Side>,
    /// The mock on which the scenario must pass, if it does as it is.
    pub(super) reference: Option<Side>,
    /// Path of the original, so that what stands beside it is found.
    pub(super) path: PathBuf,
    pub(super) meter: Arc<Meter>,
    /// Requests that all of it may take.
    pub(super) most: u64,
    /// Tries of a candidate at most; the first that fails in the same way counts.
    pub(super) attempts: u32,
    /// What the snapshot of the original holds, by the number of the step.
    pub(super) held: BTreeMap<usize, String>,
    /// How long a candidate waits for an answer on the side on which it fails, where the failure is that none comes.
    pub(super) patience: Option<Duration>,
    /// What is wrong with the original already.
    pub(super) known: BTreeSet<String>,
    /// Runs that are kept back for after the search, each as long as that of the smallest scenario.
    pub(super) spare: u64,
    pub(super) state: State,
    pub(super) file: Option<StateFile>,
    pub(super) cancel: CancellationToken,
    pub(super) tell: &'t mut dyn FnMut(&Progress),
    pub(super) progress: Progress,
    /// What became of the steps that were tried, whatever else was in them.
    pub(super) by_steps: BTreeMap<Vec<usize>, Tried>,
    /// Candidates that were run.
    pub(super) ran: usize,
    /// Candidates whose outcome was known from an earlier search.
    pub(super) remembered: BTreeSet<String>,
    pub(super) reused: usize,
}

impl Lab<'_> {
    /// Whether the candidate does the same.
    pub(super) async fn is_same(&mut self, draft: &Draft, goal: &Goal) -> Result<bool, Halt> {
        let digest = draft.digest();
        if let Some(tried) = self.state.tried.get(&digest) {
            let same = *tried == Tried::Same;
            self.by_steps.insert(draft.steps(), tried.clone());
            self.reused += usize::from(self.remembered.remove(&digest));
            if same {
                self.state.best = Some(draft.scenario());
            }
            return Ok(same);
        }
        let before = self.meter.made();
        let tried = match self.parse(&draft.text()) {
            Err(reason) => Tried::Invalid(reason),
            Ok(scenario) => self.outcome(&scenario, &draft.steps(), goal).await?,
        };
        let same = tried == Tried::Same;
        self.ran += usize::from(!matches!(tried, Tried::Invalid(_)));
        self.by_steps.insert(draft.steps(), tried.clone());
        self.state.tried.insert(digest, tried);
        if same {
            self.state.best = Some(draft.scenario());
            self.state.cost = self.meter.made() - before;
            self.reserve();
        }
        self.save();
        self.progress.requests = self.meter.made();
        if same {
            self.progress.steps = draft.steps().len();
        }
        (self.tell)(&self.progress);
        Ok(same)
    }

    /// Runs a candidate that has several copies of the step that fails; gives back which of them was the first to do so.
    pub(super) async fn first_to_fail(
        &mut self,
        draft: &Draft,
        goal: &Goal,
        number: usize,
    ) -> Result<Option<usize>, Halt> {
        let digest = draft.digest();
        if let Some(tried) = self.state.tried.get(&digest) {
            let at = if let Tried::At(at) = tried { Some(*at) } else { None };
            self.reused += usize::from(self.remembered.remove(&digest));
            return Ok(at);
        }
        let steps = draft.steps();
        let tried = match self.parse(&draft.text()) {
            Err(reason) => Tried::Invalid(reason),
            Ok(scenario) => {
                self.ran += 1;
                match goal.place(self, &scenario, &steps).await? {
                    Ok(Some(place)) if steps.get(place) == Some(&number) => {
                        Tried::At(steps.iter().take(place).filter(|step| **step == number).count())
                    }
                    Ok(_) => Tried::Otherwise("another step fails".to_owned()),
                    Err(otherwise) => Tried::Otherwise(otherwise),
                }
            }
        };
        let at = if let Tried::At(at) = &tried { Some(*at) } else { None };
        self.state.tried.insert(digest, tried);
        self.save();
        self.progress.requests = self.meter.made();
        (self.tell)(&self.progress);
        Ok(at)
    }

    /// What became of a candidate, or of another one with the same steps.
    pub(super) fn outcome_of(&self, draft: &Draft) -> Option<&Tried> {
        self.state.tried.get(&draft.digest()).or_else(|| self.by_steps.get(&draft.steps()))
    }

    /// Keeps requests back for the last run, which shows that the result is right.
    pub(super) fn reserve(&self) {
        self.meter.bound(self.most.saturating_sub(self.state.cost * self.spare));
    }

    /// Begins anew, with the time that the scenario gives for an answer: what was found out with less is worth nothing.
    pub(super) fn forget_all(&mut self, begun: &Begun) {
        self.patience = begun.patience;
        self.state.begun = Some(begun.clone());
        self.state.tried.clear();
        self.state.best = None;
        self.by_steps.clear();
        self.remembered.clear();
        self.spare = 1;
        self.reserve();
        self.save();
    }

    async fn outcome(&self, scenario: &Arc<Scenario>, steps: &[usize], goal: &Goal) -> Result<Tried, Halt> {
        let mut last = String::new();
        for _ in 0..self.attempts.max(1) {
            match goal.holds(self, scenario, steps, Yardstick::Original).await? {
                Ok(()) => return Ok(Tried::Same),
                Err(otherwise) => last = otherwise,
            }
        }
        Ok(Tried::Otherwise(last))
    }

    /// The scenario in a text, or the first thing that is wrong with it and was not with the original.
    pub(super) fn parse(&self, text: &str) -> Result<Arc<Scenario>, String> {
        let source = Arc::new(Source { path: self.path.clone(), text: text.into() });
        let scenario = Scenario::parse(source, None).map_err(|found| first(&found))?;
        if let Some(problem) = volatile::problem(&scenario) {
            return Err(problem.message);
        }
        let wrong = errors(&scenario).find(|message| !self.known.contains(message));
        match wrong {
            Some(message) => Err(message),
            None => Ok(Arc::new(scenario)),
        }
    }

    /// The first case of the scenario on a side, as it went. `steps` are the numbers in the original of its steps.
    pub(super) async fn run(
        &self,
        side: &Side,
        scenario: &Arc<Scenario>,
        steps: &[usize],
        yardstick: Yardstick,
    ) -> Result<Option<Went>, Halt> {
        let is_bad = self.sides.first().is_some_and(|bad| Arc::ptr_eq(&bad.target, &side.target));
        let (scenario, options) = match self.patience.filter(|_| is_bad) {
            Some(patience) => hastened(scenario, &side.options, patience),
            None => (Arc::clone(scenario), Arc::clone(&side.options)),
        };
        let held = (yardstick == Yardstick::Original && !self.held.is_empty()).then(|| Arc::new(self.held_of(steps)));
        let run = async {
            let mut cases = cases_of(&scenario, std::slice::from_ref(&side.target), &Filter::default()).await;
            if cases.is_empty() {
                return None;
            }
            let case = Case { held, ..cases.swap_remove(0) };
            went(&case, &options).await
        };
        self.bounded(run).await
    }

    /// What the snapshot of the original holds of these steps, by their place.
    pub(super) fn held_of(&self, steps: &[usize]) -> BTreeMap<usize, String> {
        let held = |(place, number)| Some((place, self.held.get(number)?.clone()));
        steps.iter().enumerate().filter_map(held).collect()
    }

    /// One case of the original.
    pub(super) async fn run_case(&self, side: &Side, case: &Case) -> Result<Option<Went>, Halt> {
        self.bounded(went(case, &side.options)).await
    }

    /// Ends what takes more requests than there may be, or what nobody waits for any more.
    pub(super) async fn bounded<T>(&self, work: impl Future<Output = T>) -> Result<T, Halt> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Halt::Cancelled),
            () = self.meter.spent() => Err(Halt::Spent),
            done = work => Ok(done),
        }
    }

    /// Keeps what is known. A search whose state cannot be kept goes on all the same.
    pub(super) fn save(&mut self) {
        self.state.requests = self.meter.made();
        if let Some(file) = &self.file
            && let Err(error) = self.state.save(&file.path)
        {
            tracing::error!(path = %file.path.display(), %error, "the state of the search cannot be kept");
            self.file = None;
        }
    }
}

/// What lint says of a scenario without expectations.
pub(super) const CHECKS_NOTHING: &str = "the scenario checks nothing";

/// What a scenario is held against, if it has a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Yardstick {
    /// What the snapshot of the original holds of the steps that are left.
    Original,
    /// The file beside it.
    File,
}

async fn went(case: &Case, options: &RunOptions) -> Option<Went> {
    let outcome = case::run(case, options).await;
    let Event::CaseFinished(result) = outcome.event else { return None };
    let attempt = result.attempts.into_iter().next_back()?;
    Some(Went { attempt, broken: outcome.broken })
}

/// The scenario and the options with no step that waits longer.
fn hastened(
    scenario: &Arc<Scenario>,
    options: &Arc<RunOptions>,
    patience: Duration,
) -> (Arc<Scenario>, Arc<RunOptions>) {
    fn hasten(steps: &mut [Step], patience: Duration) {
        for step in steps {
            step.timeout = step.timeout.map(|bound| bound.min(patience));
            if let StepKind::Parallel(inner) | StepKind::Repeat { steps: inner, .. } = &mut step.kind {
                hasten(inner, patience);
            }
        }
    }
    let mut scenario = Scenario::clone(scenario);
    scenario.step_timeout = scenario.step_timeout.map(|bound| bound.min(patience));
    hasten(&mut scenario.steps, patience);
    let step_timeout = options.step_timeout.min(patience);
    (Arc::new(scenario), Arc::new(RunOptions { step_timeout, ..RunOptions::clone(options) }))
}

/// What lint finds wrong with a scenario.
pub(super) fn errors(scenario: &Scenario) -> impl Iterator<Item = String> {
    lint::scenario(scenario).into_iter().filter(|found| found.severity == Severity::Error).map(|found| found.message)
}

fn first(found: &[Diagnostic]) -> String {
    found.first().map_or_else(|| "it is no scenario".to_owned(), |first| first.message.clone())
}
