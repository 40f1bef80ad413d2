//! One case from start to verdict.

mod maintenance;
mod result;
mod world;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gauntlet_format::scenario::SNAPSHOT;
use gauntlet_format::{Scenario, Span, Version};
use gauntlet_mocks::JournalEntry;
use gauntlet_reports::{Attempt, CaseId, Event, Exchange, Verdict};
pub(crate) use result::place;
use result::{repeat_line, report_check, result};
use serde_json::Value;
use time::OffsetDateTime;
pub(crate) use world::World;

use super::blame::{About, Charge, Scene};
use super::check::{Arrival, Checked, Checks, Origin};
use super::{GivenSecrets, RunOptions};
use crate::conformance::{Dialect, Direction, Requirements, Validator, Violation};
use crate::repro::diagnose;
use crate::snapshot::{Bench, Blessing, Taken};
use crate::target::{Target, intercept};
use crate::transcript::learn::learn;
use crate::transcript::secrets::Secrets;
use crate::transcript::{Places, Recorded, Recorder, millis};
use crate::transport::{Content, Failure, FailureKind, content_of, media_type};

/// The longest pause before a further try.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// One scenario with one set of matrix values at one version on one target.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub index: usize,
    pub scenario: Arc<Scenario>,
    pub matrix: Vec<(String, Value)>,
    pub version: Option<Version>,
    pub target: Arc<Target>,
    pub id: CaseId,
    /// A verdict that is certain before anything runs.
    pub foregone: Option<Stop>,
    /// Sections of a snapshot, by the number of their step, that are taken in place of those in its file.
    pub held: Option<Arc<BTreeMap<usize, String>>>,
}

/// Why a case ends early, with a verdict of its own.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    pub verdict: Verdict,
    pub reason: String,
    pub span: Option<Span>,
    /// What the target did not answer, if that is why.
    pub broken: Option<Broken>,
}

/// A request that came to no answer with which the case could go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken {
    /// What became of it; none: it was answered, and no session was opened.
    pub kind: Option<FailureKind>,
    /// The step that sent it, as steps are numbered; none: the lifecycle did.
    pub step: Option<usize>,
}

impl Stop {
    pub(crate) fn error(reason: impl Into<String>, span: Option<Span>) -> Self {
        Self { verdict: Verdict::Error, reason: reason.into(), span, broken: None }
    }

    pub(crate) fn broken(broken: Broken, reason: impl Into<String>, span: Option<Span>) -> Self {
        Self { broken: Some(broken), ..Self::error(reason, span) }
    }

    pub(crate) fn untestable(reason: impl Into<String>, span: Option<Span>) -> Self {
        Self { verdict: Verdict::Untestable, ..Self::error(reason, span) }
    }

    pub(crate) fn skip(reason: impl Into<String>, span: Option<Span>) -> Self {
        Self { verdict: Verdict::Skip, ..Self::error(reason, span) }
    }
}

/// A result, and what the audit needs of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// [`Event::CaseFinished`], redacted.
    pub event: Event,
    /// Every check with its evidence, when everything is kept.
    pub checked: Vec<Checked>,
    /// What ended the last try, if that was an answer that did not come.
    pub broken: Option<Broken>,
}

/// Runs the case, again if it may be and must.
pub(crate) async fn run(case: &Case, options: &RunOptions) -> Outcome {
    let requirements = &options.requirements;
    let secrets = options.secrets.fork();
    // There is one, as a rule.
    let mut attempts = Vec::with_capacity(1);
    let mut endpoint = case.target.spec.place();
    let _room = if case.foregone.is_none() { case.target.admit().await } else { None };
    let mut pause = options.retry_delay;
    let (checked, broken) = loop {
        let began = OffsetDateTime::now_utc();
        let Tried { mut attempt, kept, reached, taken, broken } =
            Box::pin(attempt(case, options, requirements, &secrets)).await;
        if let Some(reached) = reached {
            endpoint = reached;
        }
        let bad = matches!(attempt.verdict, Verdict::Fail | Verdict::Error);
        // While it lasts, another try is worth no more.
        let done = maintenance::excuse(&mut attempt, &case.target.spec, began) || !bad;
        attempts.push(attempt);
        if done || attempts.len() > options.retries as usize {
            if let Some(blessing) = &options.bless {
                bless(blessing, case, attempts.last(), taken);
            }
            break (kept, broken);
        }
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    };
    // What was asked of the target beforehand may have brought secrets up that end up in the reason.
    secrets.absorb(&case.target.secrets);
    let redactor = secrets.redactor();
    let mut event = Event::CaseFinished(Box::new(result(case, endpoint, attempts, &options.given)));
    redactor.redact_event(&mut event);
    if let Event::CaseFinished(result) = &mut event {
        for attempt in &mut result.attempts {
            attempt.curl = repeat_line(attempt, redactor.labels());
            // Of the redacted form, so that a saved run is told the same.
            attempt.hints = diagnose::hints(&options.signatures, attempt);
        }
        // Held against the redacted form, which is what baselines are written from.
        result.standing = super::standing::of(result, options);
    }
    Outcome { event, checked, broken }
}

/// The outcome of a case that the harness itself did not survive: an error, never silence. Nothing of what went on is
/// told, since what is secret in it is no longer known.
pub(crate) fn lost(case: &Case) -> Outcome {
    let reason = Some("the harness failed while it ran this case; this is a bug of Gauntlet".to_owned());
    let attempt = Attempt { reason, ..Attempt::new(Verdict::Error) };
    let result = result(case, String::new(), vec![attempt], &GivenSecrets::default());
    Outcome { event: Event::CaseFinished(Box::new(result)), checked: Vec::new(), broken: None }
}

/// What one try came to.
struct Tried {
    attempt: Attempt,
    kept: Vec<Checked>,
    /// Where the target was reached, if it was.
    reached: Option<String>,
    /// What its snapshot would hold.
    taken: Option<Taken>,
    /// What ended it, if that was an answer that did not come.
    broken: Option<Broken>,
}

/// Nothing is taken over of a case in which anything else is wrong.
fn bless(blessing: &Blessing, case: &Case, last: Option<&Attempt>, taken: Option<Taken>) {
    match (last.map(|attempt| attempt.verdict), taken) {
        (Some(Verdict::Pass | Verdict::Warn), Some(taken)) => blessing.add(case.index, &case.id, taken),
        (Some(Verdict::Fail | Verdict::Error), _) if Bench::of(case).is_some() => blessing.refuse(case.index, &case.id),
        _ => {}
    }
}

async fn attempt(case: &Case, options: &RunOptions, requirements: &Arc<Requirements>, secrets: &Secrets) -> Tried {
    let started = Instant::now();
    let proves = case.scenario.proves.iter().map(|k| k.name.clone()).collect();
    let checks = Mutex::new(Checks::new(Arc::clone(requirements), case.version, proves, options.keep_all));
    let recorder = Arc::new(Recorder::new());
    let bound = case.scenario.timeout.unwrap_or(options.timeout);
    let turn = case.target.turn();
    let asked = turn.asked();
    let mut world = None;
    let stop = match &case.foregone {
        Some(stop) => Some(stop.clone()),
        None => match turn.bounded(bound, Box::pin(World::start(case, options, secrets, &recorder, &checks))).await {
            None => Some(Stop::error("the target did not start in time", None)),
            Some(Err(stop)) => Some(stop),
            Some(Ok(started)) => {
                let running = world.insert(started);
                let spent = recorder.elapsed().saturating_sub(turn.asked().saturating_sub(asked));
                let left = bound.saturating_sub(spent);
                let stop = turn.bounded(left, Box::pin(running.run())).await.unwrap_or_else(|| {
                    Some(Stop::error(format!("the scenario took longer than {:.1} s", bound.as_secs_f64()), None))
                });
                running.finish(stop.is_none()).await;
                stop
            }
        },
    };
    let endpoint = world.as_ref().map(|w| w.instance.endpoint());
    let journals = world.as_ref().map(World::journals).unwrap_or_default();
    if let Some(world) = &world {
        world.instance.learn_secrets(secrets);
    }
    let mut intercepted = match &world {
        Some(world) => world.instance.intercepted().await.unwrap_or_default(),
        None => intercept::Report::default(),
    };
    // Ends mocks and processes before the verdict is told.
    drop(world);
    let mut checks = checks.into_inner().unwrap_or_else(PoisonError::into_inner);
    let sent = recorder.since(0);
    judge_upstreams(&journals, &sent, case.target.spec.is_client(), &mut checks);
    let silent = if case.target.spec.is_client() {
        let spoke = journals.iter().any(|(_, entries)| !entries.is_empty());
        (!spoke).then_some("the client spoke to no mock in the whole case, so that it did nothing wrong shows nothing")
    } else {
        let answered = sent.is_empty() || sent.iter().any(Recorded::is_answered);
        (!answered).then_some(
            "the target answered nothing in the whole case, so that it did nothing wrong shows nothing; let a step have an answer",
        )
    };
    let mut record = Record { case, secrets, recorder: &recorder, journals: &journals, told: None };
    let (taken, stop) = match record.judge_snapshot(options, stop.as_ref(), &mut checks) {
        Ok(taken) => (taken, stop),
        Err(cannot) => (None, Some(cannot)),
    };
    let broken = stop.as_ref().and_then(|stop| stop.broken);
    let (verdict, reason, span) = verdict(&checks, stop, silent);
    let went_wrong = !matches!(verdict, Verdict::Pass | Verdict::Skip | Verdict::Untestable);
    let distrust = intercepted.distrust.take_if(|_| went_wrong);
    let is_set_up = distrust.is_none();
    let (verdict, reason, span) = match distrust {
        // Whatever went wrong, went wrong because the target reached no mock.
        Some(distrust) => (Verdict::Error, Some(distrust), None),
        None => (verdict, reason, span),
    };
    intercepted.absent.take_if(|_| !went_wrong);
    let full = options.keep_all || !matches!(verdict, Verdict::Pass | Verdict::Skip);
    let (transcript, places) = if full { record.into_told() } else { (Vec::new(), Places::default()) };
    let upstreams: Vec<String> = journals.iter().map(|(name, _)| name.clone()).collect();
    let unreached = unreached(&sent, &places);
    let scene =
        Scene { target: &case.target.spec.name, upstreams: &upstreams, transcript: &transcript, unreached: &unreached };
    let charge = charge(verdict, &checks, &sent, &places).filter(|_| is_set_up);
    let blame = charge.and_then(|charge| scene.blame(&charge));
    let attempt = Attempt {
        verdict,
        reason,
        place: span.map(|s| place(&case.scenario, s)),
        notes: intercepted.all().collect(),
        duration_ms: millis(started.elapsed()),
        counts: checks.counts,
        checks: checks.list.iter().map(|c| report_check(c, &case.scenario, requirements, &places)).collect(),
        blame,
        requirements: checks.touched.iter().map(|(id, v)| (id.clone(), *v)).collect(),
        transcript,
        curl: None,
        hints: Vec::new(),
    };
    let kept = if options.keep_all { checks.list } else { Vec::new() };
    let broken = broken.filter(|_| verdict == Verdict::Error && is_set_up);
    Tried { attempt, kept, reached: endpoint, taken, broken }
}

/// What was said in one try. Put together when somebody needs it, and once.
struct Record<'r> {
    case: &'r Case,
    secrets: &'r Secrets,
    recorder: &'r Recorder,
    journals: &'r [(String, Vec<Arc<JournalEntry>>)],
    told: Option<(Vec<Exchange>, Places)>,
}

impl Record<'_> {
    fn told(&mut self) -> &(Vec<Exchange>, Places) {
        let Self { case, secrets, recorder, journals, told } = self;
        told.get_or_insert_with(|| {
            learn(secrets, &case.scenario.sources, recorder, journals);
            recorder.transcript(&case.target.spec.name, journals)
        })
    }

    fn into_told(mut self) -> (Vec<Exchange>, Places) {
        self.told();
        self.told.unwrap_or_default()
    }

    /// Holds a try in which everything else is in order against the snapshot.
    fn judge_snapshot(
        &mut self,
        options: &RunOptions,
        stop: Option<&Stop>,
        checks: &mut Checks,
    ) -> Result<Option<Taken>, Stop> {
        let Some(bench) = Bench::of(self.case).filter(|_| stop.is_none() && checks.verdict() != Verdict::Fail) else {
            return Ok(None);
        };
        let mut transcript = self.told().0.clone();
        self.secrets.absorb(&self.case.target.secrets);
        self.secrets.redactor().redact_transcript(&mut transcript);
        bench.judge(&transcript, options, checks)
    }
}

/// Places of the exchanges for which there was no connection.
fn unreached(sent: &[Recorded], places: &Places) -> Vec<usize> {
    let no_connection = |recorded: &Recorded| {
        let failure = recorded.reply.as_ref().and_then(|reply| reply.failure.as_ref());
        failure.is_some_and(Failure::is_of_connection)
    };
    sent.iter().enumerate().filter(|(_, r)| no_connection(r)).filter_map(|(number, _)| places.of(number)).collect()
}

/// What somebody is to blame for: what the first of the worst checks judges, or else the exchange at which it all ended.
fn charge(verdict: Verdict, checks: &Checks, sent: &[Recorded], places: &Places) -> Option<Charge> {
    if !matches!(verdict, Verdict::Fail | Verdict::Warn | Verdict::Error) {
        return None;
    }
    let worst = checks.verdict();
    if let Some(check) = checks.list.iter().find(|check| check.verdict == worst && worst > Verdict::Untestable) {
        // The difference itself says on which hop it is.
        if check.label == SNAPSHOT {
            return None;
        }
        return match (&check.arrived, check.exchange.and_then(|number| places.of(number))) {
            (Some(arrived), _) if check.label == "count" || arrived.sequence.is_none() => {
                Some(Charge::Number { mock: arrived.mock.to_string() })
            }
            (Some(arrived), _) => places.of_arrived(&arrived.mock, arrived.sequence?).map(Charge::Arrived),
            (None, Some(place)) => Some(Charge::Answer(place, About::of(&check.label))),
            (None, None) => Some(Charge::Outcome),
        };
    }
    let is_whole = |r: &Recorded| r.reply.as_ref().is_some_and(|reply| reply.failure.is_none());
    let last = sent.len().checked_sub(1).filter(|last| !is_whole(&sent[*last]))?;
    places.of(last).map(|place| Charge::Answer(place, About::Form))
}

/// `silent` says why nothing is shown, if the target kept quiet.
fn verdict(checks: &Checks, stop: Option<Stop>, silent: Option<&str>) -> (Verdict, Option<String>, Option<Span>) {
    let judged = checks.verdict();
    match stop {
        // What was already found wrong with the target outweighs that the case could not go on.
        Some(stop) if judged == Verdict::Fail => (Verdict::Fail, Some(stop.reason), stop.span),
        Some(stop) => (stop.verdict, Some(stop.reason), stop.span),
        None if checks.asked == 0 => {
            let reason =
                "no check was evaluated, so nothing is shown; is `expect` meant for another version or transport?";
            (Verdict::Error, Some(reason.to_owned()), None)
        }
        None if judged != Verdict::Fail && silent.is_some() => (Verdict::Error, silent.map(str::to_owned), None),
        None => (judged, None, None),
    }
}

/// What a target says to the systems behind it is held to the envelope too; what a client says, which is all there is of it
/// to judge, to the version that it speaks. A fault that a message of the harness had already, and which the target only
/// passed on, is not the target's.
fn judge_upstreams(
    journals: &[(String, Vec<Arc<JournalEntry>>)],
    sent: &[Recorded],
    is_client: bool,
    checks: &mut Checks,
) {
    let faults_of = |message: &Value, version: Option<Version>| {
        let dialect = Dialect::of(version);
        Validator::for_version(version).check(message, dialect, Direction::ClientToServer, None)
    };
    for (name, entries) in journals {
        let mock: Arc<str> = name.as_str().into();
        for entry in entries {
            let Content::Json(message) = content_of(&entry.body, media_type(&entry.headers)).0 else { continue };
            if message.get("jsonrpc").is_none() {
                continue;
            }
            let arrived = Arrival { mock: Arc::clone(&mock), sequence: Some(entry.sequence) };
            let origin = Origin { arrived: Some(arrived), ..Origin::default() };
            let version = if is_client { version_spoken(entry, &message) } else { None };
            let mut violations = faults_of(&message, version);
            if !violations.is_empty() {
                let bodies = sent.iter().filter_map(|r| serde_json::from_slice(&r.request.body).ok());
                let own: Vec<Violation> = bodies.flat_map(|body| faults_of(&body, version)).collect();
                violations.retain(|violation| !own.contains(violation));
            }
            for violation in &mut violations {
                violation.path = format!("{name}.{}", violation.path);
            }
            checks.violations(&origin, violations);
        }
    }
}

/// The version that a client means: what it asks for in `initialize`, else what the header says.
fn version_spoken(entry: &JournalEntry, message: &Value) -> Option<Version> {
    let asked = message.pointer("/params/protocolVersion").and_then(Value::as_str);
    let asked = asked.filter(|_| message.get("method").and_then(Value::as_str) == Some("initialize"));
    let header = || entry.headers.iter().find(|(name, _)| name == "mcp-protocol-version").map(|(_, v)| v.as_str());
    asked.or_else(header)?.parse().ok()
}
