//! What the answer to one request depends on: its headers, query parameters and JSON fields are left out, one at a time.
//!
//! The case runs as it is written up to a step. Then that step's request is sent again and again, each time without one of
//! its parts, and every answer is compared with that to the whole request. What is altered is the request as it goes over the
//! wire, with all that the lifecycle, the target's entry and its credentials add. A signature is made over the altered
//! request, so that what is seen is what the service makes of it and not that the signature is broken;
//! [`AblateOptions::after_signing`] is the other way round.

mod answer;
mod bench;
mod harm;
mod parts;
mod report;
mod search;
mod text;
mod written;

use std::sync::{Arc, Mutex};

use gauntlet_format::{Scenario, StepKind};
use gauntlet_reports::Verdict;
use gauntlet_reports::volatile::Rules;
use tokio_util::sync::CancellationToken;

pub use answer::{Difference, Told};
pub use parts::{Alter, Part};
pub use report::{Ablation, FORMAT, Finding, Smallest, Stopped, Worth};
pub use text::text;

use crate::config::TargetSpec;
use crate::runner::case::Case;
use crate::runner::check::Checks;
use crate::runner::volatile;
use crate::runner::{Filter, RunOptions, cases_of};
use crate::target::Target;
use bench::{Bench, Setup};
use search::Search;

/// How to ablate.
#[derive(Debug, Clone)]
pub struct AblateOptions {
    /// Number of the step, from 1; `None`: the only one that sends a request.
    pub step: Option<usize>,
    /// What else is done to each part than leave it out.
    pub alter: Vec<Alter>,
    /// Leaves out each two of the parts that have no effect alone.
    pub pairs: bool,
    /// Leaves out what a JSON-RPC message asks for, too, level by level: `method`, `params`, the arguments of a tool.
    pub deep: bool,
    /// A target, a session and all steps before anew for every request.
    pub fresh: bool,
    /// Alters requests when they are signed already.
    pub after_signing: bool,
    /// Requests at most. Default 200.
    pub max_requests: usize,
    /// The request may be sent many times to a target that is not ours, whatever it does there.
    pub may_harm: bool,
    /// Writes the smallest request as a scenario.
    pub write: bool,
    /// Bounds, requirements, defects.
    pub run: RunOptions,
}

impl Default for AblateOptions {
    fn default() -> Self {
        Self {
            step: None,
            alter: Vec::new(),
            pairs: false,
            deep: false,
            fresh: false,
            after_signing: false,
            max_requests: 200,
            may_harm: false,
            write: false,
            run: RunOptions::default(),
        }
    }
}

/// Why nothing was found out.
#[derive(Debug, thiserror::Error)]
pub enum AblateError {
    /// The scenario, the case or the step cannot be used.
    #[error("{0}")]
    Unfit(String),
    /// It may do harm.
    #[error("the request is sent many times, and {0}; if that is all right on this target, say so with --yes")]
    Harm(String),
    /// The unaltered request does not get what the step expects.
    #[error("the unaltered request does not succeed, so there is nothing to compare with: {0}")]
    Unsuccessful(String),
    /// The target cannot be reached.
    #[error("{0}")]
    Unreachable(String),
    /// It was ended before anything was found out.
    #[error("interrupted before anything was found out")]
    Interrupted,
}

/// Finds out what the answer to a request depends on. `person` is told of the target before it is used.
///
/// # Errors
/// When there is no such request, it must not be sent, or the unaltered one does not succeed.
pub async fn ablate(
    scenario: &Arc<Scenario>,
    targets: Vec<TargetSpec>,
    filter: &Filter,
    options: &AblateOptions,
    cancel: &CancellationToken,
    person: impl Fn(&Target),
) -> Result<Ablation, AblateError> {
    let position = position(scenario, options.step)?;
    let (case, others) = case(scenario, targets, filter, options, &person).await?;
    if let Some(stop) = &case.foregone {
        return Err(match stop.verdict {
            Verdict::Error => AblateError::Unreachable(stop.reason.clone()),
            _ => AblateError::Unfit(stop.reason.clone()),
        });
    }
    let secrets = options.run.secrets.fork();
    let rules = rules(scenario, &options.run);
    let checks = Mutex::new(Checks::new(Arc::clone(&options.run.requirements), case.version, Vec::new(), false));
    let setup = Setup {
        case: &case,
        options: &options.run,
        secrets: &secrets,
        checks: &checks,
        position,
        rules: &rules,
        cancel,
        most: options.max_requests,
        after_signing: options.after_signing,
        may_harm: options.may_harm,
    };
    let _room = case.target.admit().await;
    let no_step = || AblateError::Unfit("there is no such step".to_owned());
    let mut bench = Bench::new(setup).ok_or_else(no_step)?;
    let mut report = Ablation {
        format: FORMAT,
        case: case.id.to_string(),
        step: position + 1,
        title: scenario.steps.get(position).map(gauntlet_format::Step::title).unwrap_or_default(),
        target: case.target.spec.name.clone(),
        endpoint: String::new(),
        answer: Told::default(),
        fresh: options.fresh,
        after_signing: options.after_signing,
        parts: Vec::new(),
        altered: Vec::new(),
        pairs: Vec::new(),
        pairs_tried: None,
        not_tried: Vec::new(),
        smallest: None,
        requests: 0,
        max_requests: options.max_requests,
        stopped: None,
        notes: others,
    };
    let smallest = {
        let written = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(AblateError::Interrupted),
            written = Box::pin(bench.as_written()) => written?,
        };
        report.endpoint = secrets.redactor().redact(&bench.endpoint);
        report.answer = written.answer.told.clone();
        if !written.expects && !report.answer.is_success() {
            return Err(AblateError::Unsuccessful(format!("it gets {}, and the step expects nothing", report.answer)));
        }
        bench.fresh = options.fresh;
        let search = Box::pin(Search::begin(&mut bench, options, &mut report, written)).await?;
        Box::pin(search.run()).await
    };
    bench.end().await;
    report.requests = bench.requests();
    drop(bench);
    if let (true, Some(smallest), false) = (options.write, smallest, cancel.is_cancelled()) {
        Box::pin(write(&mut report, &case, position, &smallest.left_out, options)).await;
    }
    Ok(report)
}

/// Writes the smallest request as a scenario and runs it once.
async fn write(report: &mut Ablation, case: &Case, position: usize, left_out: &[Part], options: &AblateOptions) {
    let (text, stay) = match written::scenario(case, position, left_out, &report.answer) {
        Ok(written) => written,
        Err(reason) => return report.notes.push(format!("the smallest request cannot be written: {reason}")),
    };
    if !stay.is_empty() {
        let stay: Vec<String> = stay.iter().map(ToString::to_string).collect();
        report.notes.push(format!("in the scenario {} stays: a step cannot leave it out", stay.join(", ")));
    }
    let run = RunOptions { keep_all: true, ..options.run.clone() };
    match written::passes(&text, case, &run).await {
        Ok(requests) => {
            report.requests += requests;
            if let Some(smallest) = &mut report.smallest {
                smallest.scenario = Some(text);
            }
        }
        Err(reason) => report.notes.push(format!("the smallest request does not pass as a scenario: {reason}")),
    }
}

/// Where the step is.
fn position(scenario: &Scenario, wanted: Option<usize>) -> Result<usize, AblateError> {
    let sends = |kind: &StepKind| {
        let is_bytes = matches!(kind, StepKind::Http { body: Some(gauntlet_format::scenario::HttpBody::Raw(_)), .. });
        matches!(kind, StepKind::Call { .. } | StepKind::Http { .. } | StepKind::Send(_)) && !is_bytes
    };
    let all: Vec<usize> = scenario.steps.iter().enumerate().filter(|(_, s)| sends(&s.kind)).map(|(n, _)| n).collect();
    let listed = || {
        let steps = all.iter().filter_map(|n| Some(format!("{} ({})", n + 1, scenario.steps.get(*n)?.title())));
        match all.is_empty() {
            true => "none of its steps sends a request that can be altered: a `call`, an `http` or a `send`".to_owned(),
            false => format!("steps whose request can be altered: {}", steps.collect::<Vec<_>>().join(", ")),
        }
    };
    let unfit = |message: String| Err(AblateError::Unfit(message));
    match (wanted, all.as_slice()) {
        (None, [one]) => Ok(*one),
        (None, []) => unfit(format!("`{}`: {}", scenario.id, listed())),
        (None, _) => unfit(format!("`{}` has several requests; name one with --step; {}", scenario.id, listed())),
        (Some(wanted), _) => match wanted.checked_sub(1).and_then(|n| Some((n, scenario.steps.get(n)?))) {
            Some((n, step)) if sends(&step.kind) => Ok(n),
            Some((_, step)) => {
                unfit(format!("step {wanted} of `{}` is a `{}`; {}", scenario.id, step.kind.verb(), listed()))
            }
            None => {
                let steps = scenario.steps.len();
                let noun = if steps == 1 { "step" } else { "steps" };
                unfit(format!(
                    "`{}` has {steps} {noun}, counted from 1, and no step {wanted}; {}",
                    scenario.id,
                    listed()
                ))
            }
        },
    }
}

/// The case that is taken, and a note about those that are not.
async fn case(
    scenario: &Arc<Scenario>,
    targets: Vec<TargetSpec>,
    filter: &Filter,
    options: &AblateOptions,
    person: &impl Fn(&Target),
) -> Result<(Case, Vec<String>), AblateError> {
    let role = &scenario.target.name;
    let wanted = |spec: &TargetSpec| filter.targets.is_empty() || filter.targets.contains(&spec.name);
    let filling = targets.into_iter().filter(|spec| spec.fills(role) && wanted(spec));
    let filling: Vec<Arc<Target>> = filling
        .map(|mut spec| {
            spec.allow.writes |= options.may_harm;
            let target = Target::new(spec);
            target.bound_questions(options.run.step_timeout);
            person(&target);
            Arc::new(target)
        })
        .collect();
    if filling.is_empty() {
        let message = format!("no target fills the role `{role}` of `{}`; name one with --target", scenario.id);
        return Err(AblateError::Unfit(message));
    }
    let cases = cases_of(scenario, &filling, filter).await;
    let others = cases.len().saturating_sub(1);
    // What runs, before what does not; the newest version; else the first one.
    let rank = |case: &Case| (case.foregone.is_none(), case.version);
    let best = cases.iter().map(rank).max();
    let Some(case) = cases.into_iter().find(|case| Some(rank(case)) == best) else {
        return Err(AblateError::Unfit(format!(
            "no case of `{}` is selected; `gauntlet list` shows them",
            scenario.id
        )));
    };
    if case.target.spec.is_client() {
        return Err(AblateError::Unfit(format!("`{}` is a client, which answers nothing", case.target.spec.name)));
    }
    let noun = if others == 1 { "case" } else { "cases" };
    let note = format!("the scenario has {others} more {noun}; --case, --mcp-version and --target choose another one");
    Ok((case, if others == 0 { Vec::new() } else { vec![note] }))
}

/// Which values of answers are not compared.
fn rules(scenario: &Scenario, options: &RunOptions) -> Rules {
    let rules = Rules::builtin().with_those_usable(&options.volatile);
    match volatile::spec(scenario) {
        Some(own) => rules.with_those_usable(&own),
        None => rules,
    }
}
