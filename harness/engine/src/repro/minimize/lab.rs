//! Where candidates are tried: each is an ordinary scenario that the ordinary runner runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use gauntlet_format::{Diagnostic, Scenario, Severity, Source, lint};
use gauntlet_reports::{Attempt, Event};

use super::ddmin::Halt;
use super::draft::Draft;
use super::goal::Goal;
use super::state::{State, Tried};
use super::{Progress, StateFile};
use crate::CancellationToken;
use crate::runner::case::{self, Case};
use crate::runner::{Filter, RunOptions, cases_of, volatile};
use crate::target::Target;
use crate::target::meter::Meter;

/// A target, and how it is run.
#[derive(Debug, Clone)]
pub(super) struct Side {
    pub(super) target: Arc<Target>,
    pub(super) options: Arc<RunOptions>,
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

    /// What became of a candidate, or of another one with the same steps.
    pub(super) fn outcome_of(&self, draft: &Draft) -> Option<&Tried> {
        self.state.tried.get(&draft.digest()).or_else(|| self.by_steps.get(&draft.steps()))
    }

    /// Keeps requests back for the last run, which shows that the result is right.
    pub(super) fn reserve(&self) {
        self.meter.bound(self.most.saturating_sub(self.state.cost * self.spare));
    }

    async fn outcome(&self, scenario: &Arc<Scenario>, steps: &[usize], goal: &Goal) -> Result<Tried, Halt> {
        let mut last = String::new();
        for _ in 0..self.attempts.max(1) {
            match goal.holds(self, scenario, steps).await? {
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

    /// The first case of the scenario on a side, as it went.
    pub(super) async fn run(&self, side: &Side, scenario: &Arc<Scenario>) -> Result<Option<Attempt>, Halt> {
        let run = async {
            let mut cases = cases_of(scenario, std::slice::from_ref(&side.target), &Filter::default()).await;
            if cases.is_empty() { None } else { attempt(&cases.swap_remove(0), &side.options).await }
        };
        self.bounded(run).await
    }

    /// One case of the original.
    pub(super) async fn run_case(&self, side: &Side, case: &Case) -> Result<Option<Attempt>, Halt> {
        self.bounded(attempt(case, &side.options)).await
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

async fn attempt(case: &Case, options: &RunOptions) -> Option<Attempt> {
    match case::run(case, options).await.event {
        Event::CaseFinished(result) => result.attempts.into_iter().next_back(),
        _ => None,
    }
}

/// What lint finds wrong with a scenario.
pub(super) fn errors(scenario: &Scenario) -> impl Iterator<Item = String> {
    lint::scenario(scenario).into_iter().filter(|found| found.severity == Severity::Error).map(|found| found.message)
}

fn first(found: &[Diagnostic]) -> String {
    found.first().map_or_else(|| "it is no scenario".to_owned(), |first| first.message.clone())
}
