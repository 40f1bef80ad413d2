//! The smallest scenario that still fails in the same way: delta debugging over steps, headers and fields.
//!
//! A scenario is a tree (`draft`) that parts are taken out of. Every candidate is an ordinary scenario which the ordinary runner
//! runs (`lab`); it is kept if it fails on the same check in the same way (`failure`), or if two targets still differ as they
//! did. What was tried is never tried again, not even by a later search that goes on from the `state` of an interrupted one.

mod begin;
mod difference;
mod draft;
mod expectation;
mod failure;
mod finish;
mod goal;
mod lab;
mod needs;
mod parts;
mod reference;
mod report;
mod search;
mod silence;
mod state;
mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use gauntlet_format::Scenario;
use gauntlet_format::scenario::SNAPSHOT;

use super::{ddmin, standalone};
use crate::CancellationToken;
use crate::runner::{Filter, RunOptions};
use crate::target::Target;
use crate::target::meter::Meter;
use ddmin::Halt;
use draft::Draft;
use goal::Goal;
use lab::{Lab, Side, Yardstick};
use search::Search;
use state::State;

pub use report::{Change, KeptStep, Kind, Outcome, Report, text};
pub use state::{StateError, StateFile};

/// Requests that a search may take, unless somebody says otherwise.
pub const MOST_REQUESTS: u64 = 300;

/// How to search.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bounds, requirements, secrets. Every candidate is run once, whatever is said of further tries.
    pub run: RunOptions,
    /// Requests at most, those of the lifecycle and of the last run included.
    pub most: u64,
    /// How often the original is run first; it must fail every time.
    pub confirm: u32,
    /// Tries of each candidate, for a failure that does not show every time.
    pub attempts: Option<u32>,
    /// Which check to keep: `STEP.LABEL`, by the number or the name of the step. Default: the first that fails.
    pub check: Option<String>,
    /// Where the result goes.
    pub output: PathBuf,
    /// Where what was tried is kept.
    pub state: Option<StateFile>,
    /// The command, as the head of the result tells it.
    pub command: String,
}

/// Where candidates are run.
#[derive(Debug, Clone)]
pub struct Sides {
    /// The target on which the scenario fails, with the options that it is run with.
    pub bad: Arc<Target>,
    /// The target on which it does not, if two are compared.
    pub good: Option<Arc<Target>>,
}

/// How far a search is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// What is reduced now.
    pub phase: &'static str,
    /// Steps of the smallest scenario so far.
    pub steps: usize,
    /// Requests made.
    pub requests: u64,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum MinimizeError {
    /// There is no such case, or the scenario cannot be read again.
    #[error("{0}")]
    Selection(String),
    /// There is nothing to keep.
    #[error("{0}")]
    NothingFails(String),
    /// It does not fail every time.
    #[error(
        "it failed in the same way in {failed} of {runs} runs, so that a candidate that passes shows nothing; `--attempts N` tries each candidate up to N times"
    )]
    Flaky {
        /// Runs that failed in the same way.
        failed: u32,
        /// Runs.
        runs: u32,
    },
    /// No such check fails.
    #[error("no check `{wanted}` fails; what fails is {}", .known.join(", "))]
    NoSuchCheck {
        /// As it was written.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
    /// What fails cannot be kept in another file.
    #[error("{0}")]
    NotReducible(String),
    /// The target or the harness failed, not a check.
    #[error("{0}")]
    Infrastructure(String),
    /// Not even the original could be run.
    #[error("{most} requests are not enough to run the scenario as it is; give more with --max-requests")]
    TooFewRequests {
        /// The bound.
        most: u64,
    },
    /// Somebody ended it before there was anything.
    #[error("interrupted before the scenario was seen to fail")]
    Interrupted,
    /// The state of an earlier search stands in the way.
    #[error(transparent)]
    State(#[from] StateError),
    /// The result cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// Reduces the scenario, writes the result and runs it once more.
///
/// # Errors
/// When there is no failure to keep, or nothing can be run or written. A search that is cut short is no error: what it found is
/// written, and the report says so.
pub async fn minimize(
    scenario: &Arc<Scenario>,
    filter: &Filter,
    sides: &Sides,
    options: &Options,
    cancel: CancellationToken,
    tell: &mut dyn FnMut(&Progress),
) -> Result<Report, MinimizeError> {
    let original = standalone::standalone(scenario).map_err(MinimizeError::Selection)?;
    let key = key(&original, filter, sides, options);
    let state = State::open(options.state.as_ref(), key)?;
    let meter = Arc::new(Meter::new(state.requests, options.most));
    let run = |defects| RunOptions { keep_all: true, retries: 0, bless: None, defects, ..options.run.clone() };
    let mut lab = Lab {
        sides: vec![Side { target: Arc::clone(&sides.bad), options: Arc::new(run(options.run.defects.clone())) }],
        path: scenario.sources.first().map(|source| source.path.clone()).unwrap_or_default(),
        meter: Arc::clone(&meter),
        most: options.most,
        attempts: options.attempts.unwrap_or(1),
        reference: None,
        held: BTreeMap::new(),
        patience: None,
        known: lab::errors(scenario).collect(),
        spare: 1,
        remembered: state.tried.keys().cloned().collect::<BTreeSet<String>>(),
        state,
        file: options.state.clone(),
        cancel,
        tell,
        progress: Progress::default(),
        by_steps: BTreeMap::new(),
        ran: 0,
        reused: 0,
    };
    // The one on which it works has none of the defects that are switched on.
    lab.sides.extend(
        sides.good.iter().map(|good| Side { target: Arc::clone(good), options: Arc::new(run(BTreeMap::new())) }),
    );
    for side in &lab.sides {
        side.target.rate.count_by(&meter);
    }
    if sides.good.is_none() {
        let role = &scenario.target.name;
        lab.reference = reference::reference(&sides.bad.spec, role, &run(BTreeMap::new()));
    }
    for side in lab.sides.iter().chain(&lab.reference) {
        side.target.bound_questions(side.options.step_timeout);
    }
    let whole = Draft::new(original);
    let mut begun = begin::begin(&mut lab, scenario, &whole, filter, options).await?;
    lab.held.clone_from(&begun.held);
    lab.patience = begun.patience;
    if !begun.has_reference {
        lab.reference = None;
    }
    if matches!(begun.goal, Goal::Difference(_)) {
        // What is expected does not matter, until an expectation is made of what differs.
        lab.known.insert(lab::CHECKS_NOTHING.to_owned());
        lab.spare = 4;
    }
    if lab.patience.is_some() {
        lab.spare = 2;
    }
    let mut base = begin::narrowed(&whole, &begun);
    if begun.goal.label() == SNAPSHOT && sides.good.is_none() {
        base = begin::over(&base, sides.bad.spec.is_stdio());
    }
    lab.reserve();
    let harmless = begin::harmless(&lab, &begun, &base).await;
    let goal = begun.goal.clone();
    let (best, halt) = loop {
        let mut search = Search {
            lab: &mut lab,
            goal: &goal,
            best: base.clone(),
            label: goal.label(),
            alterable: &|tool| harmless.contains(tool),
        };
        let halt = search.run().await.err();
        let best = search.best;
        lab.save();
        match (halt, begun.patience) {
            (Some(Halt::Cancelled), _) | (_, None) => break (best, halt),
            (_, Some(_)) => match slow(&mut lab, &goal, &best).await {
                Ok(false) => break (best, halt),
                Ok(true) => {
                    begun.patience = None;
                    lab.forget_all(&begun);
                }
                Err(stopped) => break (best, Some(stopped)),
            },
        }
    };
    finish::finish(&mut lab, &begun, &whole, &best, halt, options).await
}

/// Whether what got no answer in the time that candidates have gets one in the time that the scenario gives.
async fn slow(lab: &mut Lab<'_>, goal: &Goal, best: &Draft) -> Result<bool, Halt> {
    let Ok(scenario) = lab.parse(&best.text()) else { return Ok(false) };
    lab.meter.bound(lab.most);
    let patience = lab.patience.take();
    let shown = goal.holds(lab, &scenario, &best.steps(), Yardstick::Original).await;
    lab.patience = patience;
    Ok(shown?.is_err())
}

/// What a state must be of to go on from it.
fn key(original: &serde_json::Value, filter: &Filter, sides: &Sides, options: &Options) -> String {
    let targets = (&sides.bad.spec, sides.good.as_ref().map(|good| &good.spec));
    let run = (&options.run.defects, &options.check, options.attempts);
    draft::digest(&format!("{original} {targets:?} {run:?} {:?} {:?}", filter.versions, filter.cases))
}

impl Halt {
    fn before_anything(self, most: u64) -> MinimizeError {
        match self {
            Self::Spent => MinimizeError::TooFewRequests { most },
            Self::Cancelled => MinimizeError::Interrupted,
        }
    }
}
