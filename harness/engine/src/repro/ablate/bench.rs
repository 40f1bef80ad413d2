//! A case that stands at one of its steps, whose request is sent again and again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gauntlet_format::{Step, StepKind};
use gauntlet_reports::volatile::Rules;
use gauntlet_reports::{Verdict, sanitize};
use tokio_util::sync::CancellationToken;

use super::AblateError;
use super::answer::Answer;
use super::harm;
use super::report::Stopped;
use crate::lifecycle::Spoken;
use crate::runner::RunOptions;
use crate::runner::case::{Case, Stop, World};
use crate::runner::check::Checks;
use crate::runner::step_count;
use crate::transcript::Recorder;
use crate::transcript::learn::learn;
use crate::transcript::secrets::Secrets;
use crate::transport::alteration::{Alteration, Edit};
use crate::transport::{FailureKind, Request};

/// The checks that no line of a scenario asks for.
const SCHEMA: &str = "schema";

/// What a bench is made of.
#[derive(Clone, Copy)]
pub(super) struct Setup<'a> {
    pub case: &'a Case,
    pub options: &'a RunOptions,
    pub secrets: &'a Secrets,
    pub checks: &'a Mutex<Checks>,
    /// Position among the steps of the scenario.
    pub position: usize,
    pub rules: &'a Rules,
    pub cancel: &'a CancellationToken,
    /// Requests at most, those of the steps before and of the lifecycle included.
    pub most: usize,
    /// Alters requests after they were signed.
    pub after_signing: bool,
    /// The request may be sent many times, whatever it does.
    pub may_harm: bool,
}

/// A case at one of its steps.
pub(super) struct Bench<'a> {
    setup: Setup<'a>,
    /// The step, as one request.
    step: Step,
    /// Of the step, as steps are numbered.
    number: usize,
    world: Option<World<'a>>,
    /// Requests of the worlds that have ended.
    spent: usize,
    /// Requests that come before that of the step, as far as is known.
    before: usize,
    /// Everything is new for every request.
    pub fresh: bool,
    /// Where the target was.
    pub endpoint: String,
}

/// What the step gets as it is written.
pub(super) struct Written {
    pub answer: Answer,
    pub request: Arc<Request>,
    /// The step says what it expects.
    pub expects: bool,
}

impl<'a> Bench<'a> {
    /// `None` if there is no such step.
    pub(super) fn new(setup: Setup<'a>) -> Option<Self> {
        let steps = &setup.case.scenario.steps;
        let mut step = steps.get(setup.position)?.clone();
        if let StepKind::Call { cursor_walk, .. } = &mut step.kind {
            *cursor_walk = false;
        }
        let number = steps.iter().take(setup.position).map(step_count).sum();
        let endpoint = setup.case.target.spec.place();
        Some(Self { setup, step, number, world: None, spent: 0, before: 0, fresh: false, endpoint })
    }

    /// Requests so far.
    pub(super) fn requests(&self) -> usize {
        self.spent + self.world.as_ref().map_or(0, |world| world.recorder.len())
    }

    /// Does the case as it is written, up to the step and with it.
    ///
    /// # Errors
    /// When the target does not get so far, or does not answer as the step expects.
    pub(super) async fn as_written(&mut self) -> Result<Written, AblateError> {
        if let Err(stop) = self.begin().await {
            return Err(self.no_baseline(stop));
        }
        let Setup { case, position, may_harm, .. } = self.setup;
        let lost = || AblateError::Unfit("the step is not there".to_owned());
        let step = case.scenario.steps.get(position).ok_or_else(lost)?;
        let world = self.world.as_ref().ok_or_else(lost)?;
        if !may_harm && let Some(reason) = harm::refusal(world, step).await.map_err(|stop| unfit(&stop))? {
            return Err(AblateError::Harm(reason));
        }
        let seen = match world.perform(step, self.number).await {
            Ok(seen) => seen,
            Err(stop) => return Err(self.no_baseline(stop)),
        };
        if let Some(failed) = self.first_failure() {
            return Err(AblateError::Unsuccessful(failed));
        }
        let Some(spoken) = seen.and_then(|view| view.spoken) else {
            return Err(AblateError::Unfit(format!("step {} sends no request", position + 1)));
        };
        let is_walk = matches!(step.kind, StepKind::Call { cursor_walk: true, .. });
        let answer = self.answer(&spoken);
        let mut written = Written { answer, request: spoken.request, expects: !step.expect.is_empty() };
        if is_walk {
            // The last page is none of the request that is sent.
            let Some(world) = self.world.as_ref() else { return Ok(written) };
            let first = world.send_altered(&self.step, self.number, &Arc::default()).await;
            let first = first.map_err(|stop| self.no_baseline(stop))?;
            written.answer = self.answer(&first);
            written.request = first.request;
        }
        Ok(written)
    }

    /// Sends the request with these edits.
    ///
    /// # Errors
    /// When it must not, or cannot.
    pub(super) async fn send(&mut self, edits: Vec<Edit>) -> Result<Answer, Stopped> {
        let cancel = self.setup.cancel;
        if cancel.is_cancelled() {
            return Err(Stopped::Interrupted);
        }
        let before = if self.fresh || self.world.is_none() { self.before } else { 0 };
        if self.requests() + before >= self.setup.most {
            return Err(Stopped::Budget);
        }
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Stopped::Interrupted),
            answer = Box::pin(self.send_now(edits)) => answer,
        }
    }

    /// Waits until the target can be asked again.
    ///
    /// # Errors
    /// When it is ended meanwhile.
    pub(super) async fn pause(&self, pause: Duration) -> Result<(), Stopped> {
        tokio::select! {
            biased;
            () = self.setup.cancel.cancelled() => Err(Stopped::Interrupted),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }

    async fn send_now(&mut self, edits: Vec<Edit>) -> Result<Answer, Stopped> {
        if (self.fresh || self.world.is_none())
            && let Err(stop) = self.begin().await
        {
            return Err(Stopped::Lost(self.told(&stop.reason)));
        }
        let alteration = Arc::new(Alteration { edits, after_signing: self.setup.after_signing });
        let Some(world) = self.world.as_ref() else { return Err(Stopped::Lost("the case has ended".to_owned())) };
        let spoken = match world.send_altered(&self.step, self.number, &alteration).await {
            Ok(spoken) => spoken,
            Err(stop) => return Err(Stopped::Lost(self.told(&stop.reason))),
        };
        let answer = self.answer(&spoken);
        if answer.lost {
            self.end().await;
        }
        Ok(answer)
    }

    /// The answer, once what is secret in it is known.
    fn answer(&self, spoken: &Spoken) -> Answer {
        let failure = spoken.reply.failure.as_ref();
        let lost = failure.is_some_and(|f| matches!(f.kind, FailureKind::Connect | FailureKind::Closed));
        let Some(world) = self.world.as_ref() else { return Answer::nothing() };
        self.learn(world);
        let mut exchanges: Vec<_> = world.recorder.exchange(spoken.number).into_iter().collect();
        // One request says little, many of them say much.
        world.recorder.forget_replies();
        self.setup.secrets.redactor().redact_transcript(&mut exchanges);
        exchanges.pop().map_or_else(Answer::nothing, |exchange| Answer::of(exchange, self.setup.rules, lost))
    }

    fn learn(&self, world: &World<'_>) {
        let Setup { case, secrets, .. } = self.setup;
        world.instance.learn_secrets(secrets);
        secrets.absorb(&case.target.secrets);
        learn(secrets, &case.scenario.sources, &world.recorder, &world.journals());
    }

    /// Starts everything anew and does the steps before.
    async fn begin(&mut self) -> Result<(), Stop> {
        self.end().await;
        let Setup { case, options, secrets, checks, position, .. } = self.setup;
        let fresh = Checks::new(Arc::clone(&options.requirements), case.version, Vec::new(), false);
        *checks.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        let recorder = Arc::new(Recorder::new());
        let bound = case.scenario.timeout.unwrap_or(options.timeout);
        let starting = Box::pin(World::start(case, options, secrets, &recorder, checks));
        let world = case.target.turn().bounded(bound, starting).await;
        let world = world.unwrap_or_else(|| Err(Stop::error("the target did not start in time", None)))?;
        self.endpoint = world.instance.endpoint();
        self.world = Some(world);
        let mut number = 0;
        for step in case.scenario.steps.iter().take(position) {
            if let Some(world) = &self.world {
                world.step(step, number).await?;
            }
            number += step_count(step);
            if let Some(reason) = self.first_failure() {
                return Err(Stop { verdict: Verdict::Fail, ..Stop::error(reason, None) });
            }
        }
        self.before = self.before.max(recorder.len());
        Ok(())
    }

    /// Ends the case in order.
    pub(super) async fn end(&mut self) {
        if let Some(world) = self.world.take() {
            // Who wants it to end does not wait for a target that may be silent.
            world.finish(!self.setup.cancel.is_cancelled()).await;
            self.learn(&world);
            self.spent += world.recorder.len();
        }
    }

    /// What the first check that failed says. A message that is not as the schema wants it may be the very thing that is
    /// looked into.
    fn first_failure(&self) -> Option<String> {
        let checks = self.setup.checks.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = checks.list.iter().find(|check| check.verdict == Verdict::Fail && check.label != SCHEMA)?;
        let why = failed.mismatches.first().map_or("it does not hold", |mismatch| mismatch.reason.as_str());
        let actual = failed.mismatches.first().and_then(|mismatch| mismatch.actual.as_ref());
        let actual = actual.map(|actual| format!(" (it is {actual})")).unwrap_or_default();
        Some(self.told(&format!("step {}, `{}`: {why}{actual}", failed.step + 1, failed.label)))
    }

    /// The text on one line of bounded length, without what is secret.
    fn told(&self, text: &str) -> String {
        if let Some(world) = &self.world {
            self.learn(world);
        }
        sanitize::line(&self.setup.secrets.redactor().redact(text), sanitize::MAX_LINE).into_owned()
    }

    /// Why there is nothing to compare with.
    fn no_baseline(&self, stop: Stop) -> AblateError {
        let recorded = self.world.as_ref().map(|world| world.recorder.since(0));
        let reason = self.told(&stop.reason);
        let unreached = |kind| matches!(kind, FailureKind::Connect | FailureKind::Tls | FailureKind::Timeout);
        match (&recorded, stop.verdict) {
            (_, Verdict::Skip | Verdict::Untestable) => AblateError::Unfit(reason),
            (None, _) => AblateError::Unreachable(reason),
            (Some(recorded), Verdict::Error) => {
                let last = recorded.last().and_then(|last| last.reply.as_ref()?.failure.as_ref());
                match last.is_some_and(|failure| unreached(failure.kind)) {
                    true => AblateError::Unreachable(reason),
                    false => AblateError::Unsuccessful(reason),
                }
            }
            _ => AblateError::Unsuccessful(reason),
        }
    }
}

fn unfit(stop: &Stop) -> AblateError {
    AblateError::Unfit(stop.reason.clone())
}
