//! `gauntlet run`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anstream::eprintln;
use gauntlet::config::Config;
use gauntlet::runner::shard;
use gauntlet::{CancellationToken, RunOptions};
use gauntlet_format::duration;
use gauntlet_reports::{Event, RunSummary, Shard, Verbosity, Verdict};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::{JoinError, block_in_place};

use super::bundle::{Prepared, prepare};
use super::interrupt::cancel_on_interrupt;
use super::reporting::Reporters;
use super::{bless, preflight, selection, sign_in};
use crate::args::{FlakyWorth, OutputArgs, PreflightChoice, RunArgs, RunningArgs};
use crate::exit::{CommandError, Exit, Outcome};
use crate::terminal;

pub(crate) fn run(args: RunArgs) -> Outcome {
    let Prepared { mut config, set, filter, defects: of_bundle, snapshots } = prepare(&args.selection, &args.target)?;
    let mut options = options(&args.running, &config)?;
    options.keep_all = args.output.keep_all;
    options.environment.clone_from(&args.output.environment);
    options.defects = of_bundle;
    for (mock, ids) in defects(&args.defect)? {
        options.defects.entry(mock).or_default().extend(ids);
    }
    if args.bless.is_some() && snapshots.is_some() {
        return Err(CommandError::usage("nothing in a bundle is written; bless the scenario that it was made of"));
    }
    options.snapshots = snapshots;
    options.bless = args.bless.map(|choice| bless::blessing(choice, &set)).transpose()?;
    let blessing = options.bless.clone();
    options.shard = args.shard.as_deref().map(shard).transpose()?;
    [options.baseline, options.quarantine] = super::baseline::excused(&args, &set, &config)?;
    let strict = options.strict;
    let history = args.output.history.clone().or_else(|| config.history.clone()).filter(|_| !args.output.no_history);
    let flaky_fails =
        args.running.flaky.map_or(config.run.flaky_fails.unwrap_or(false), |worth| worth == FlakyWorth::Fail);
    let mut reporters = Reporters::new(&args.output.report, history.as_deref(), verbosity(&args.output))?;
    let patience = sign_in::patience(args.running.sign_in.sign_in_timeout.as_deref(), false)?;
    bound(&mut config, &args.running)?;
    let targets = selection::targets(&config);
    let files = u64::try_from(set.files.len()).unwrap_or(0);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let cancel = CancellationToken::new();
    runtime.spawn(cancel_on_interrupt(cancel.clone()));
    let mut progress = Progress::new(files);
    for target in &targets {
        target.attend(sign_in::person(patience, progress.aside()));
    }
    let set = Arc::new(set);
    if args.running.preflight != PreflightChoice::Never {
        let missing = preflight::missing(&runtime, &set, &targets, &filter, options.step_timeout, &cancel);
        if !missing.is_empty() {
            return preflight::report(reporters, &missing, options.info());
        }
    }
    if args.running.preflight == PreflightChoice::Only {
        return Ok(Exit::Conforms);
    }
    // On a worker, beside the cases: a thread of its own would have to be woken for each of them.
    let running = runtime.spawn(async move {
        let mut tally = Tally::default();
        let tell = |event: Event| {
            tally.event(&event);
            progress.around(&event, || reporters.event(&event));
        };
        let summary = gauntlet::run(set, targets, filter, Arc::new(options), cancel, tell).await;
        (summary, tally, reporters)
    });
    let (summary, tally, reporters) = match runtime.block_on(running).map_err(JoinError::try_into_panic) {
        Ok(done) => done,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(lost)) => return Err(CommandError::infrastructure(lost)),
    };
    // Children and mocks are ended with their cases; nothing else is worth waiting for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    let told = reporters.finish();
    // A shard may have nothing to do; the run as a whole may not.
    let selected = summary.plan.as_ref().map_or(summary.cases(), |plan| plan.results);
    if selected == 0 && summary.broken == 0 && summary.interrupted.is_none() {
        return Err(CommandError::usage(
            "no case was selected, so nothing would be shown; `gauntlet list` shows what there is",
        ));
    }
    let exit = exit(&summary, &tally, Demands { strict, flaky_fails });
    let exit = match blessing.map(|blessing| bless::bless(&blessing)).transpose()? {
        Some(blessed) if exit == Exit::Conforms => blessed,
        _ => exit,
    };
    // What could not be written takes nothing away from what was found.
    match told {
        Err(error) if exit == Exit::Conforms => Err(error),
        Err(error) => {
            error.report();
            Ok(exit)
        }
        Ok(()) => Ok(exit),
    }
}

/// What the command line says about every target that is not a mock.
fn bound(config: &mut Config, args: &RunningArgs) -> Result<(), CommandError> {
    if args.rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
        return Err(CommandError::usage("--rate is a number of requests per second, more than 0"));
    }
    if args.concurrency == Some(0) {
        return Err(CommandError::usage("--concurrency must be at least 1"));
    }
    for target in config.targets.iter_mut().filter(|target| !target.is_mock()) {
        target.rate = args.rate.or(target.rate);
        target.concurrency = args.concurrency.or(target.concurrency);
    }
    Ok(())
}

/// What makes a run red besides what is broken.
pub(super) struct Demands {
    /// A broken SHOULD.
    pub(super) strict: bool,
    /// A case that passed only on a further try.
    pub(super) flaky_fails: bool,
}

/// What the run says to its caller.
pub(super) fn exit(summary: &RunSummary, tally: &Tally, demands: Demands) -> Exit {
    if summary.broken > 0 {
        return Exit::Usage;
    }
    let failed = summary.failures() > 0 || (demands.strict && summary.warnings() > 0);
    if failed || summary.fixed + summary.expired > 0 {
        return Exit::DoesNotConform;
    }
    if summary.errors() > 0 {
        return if tally.reached { Exit::DoesNotConform } else { Exit::Infrastructure };
    }
    // What was cut short, or judged nothing, shows nothing; of a shard only the merged run can say so.
    let judged = summary.pass + summary.warn + summary.excused.fail;
    if summary.interrupted.is_some() || (judged == 0 && summary.plan.is_none()) {
        return Exit::Infrastructure;
    }
    if demands.flaky_fails && summary.flaky > 0 { Exit::DoesNotConform } else { Exit::Conforms }
}

/// What the summary does not say.
#[derive(Default)]
pub(super) struct Tally {
    /// At least one case got so far that a check was evaluated.
    reached: bool,
}

impl Tally {
    pub(super) fn event(&mut self, event: &Event) {
        if let Event::CaseFinished(result) = event {
            self.reached |= result.attempts.iter().any(|a| a.counts.total() > 0) && result.verdict != Verdict::Error;
        }
    }
}

pub(super) fn options(args: &RunningArgs, config: &Config) -> Result<RunOptions, CommandError> {
    let parse = |text: &Option<String>| text.as_deref().map(duration::parse).transpose().map_err(CommandError::usage);
    let mut options = RunOptions::configured(config).map_err(CommandError::usage)?;
    options.jobs = args.jobs.unwrap_or(options.jobs);
    if options.jobs == 0 {
        return Err(CommandError::usage("--jobs must be at least 1"));
    }
    options.timeout = parse(&args.timeout)?.unwrap_or(options.timeout);
    options.step_timeout = parse(&args.step_timeout)?.unwrap_or(options.step_timeout);
    options.retries = args.retries.or(config.run.retries).unwrap_or(0);
    options.retry_delay = parse(&args.retry_delay)?.or(config.run.retry_delay).unwrap_or_default();
    options.budget = parse(&args.budget)?.or(config.run.budget);
    options.fail_fast = args.fail_fast;
    options.strict = args.strict;
    Ok(options)
}

pub(super) fn defects(wanted: &[String]) -> Result<BTreeMap<String, Vec<String>>, CommandError> {
    let mut defects: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for text in wanted {
        let (mock, id) = match text.split_once(':') {
            Some((mock, id)) => (Some(mock), id),
            None => (None, text.as_str()),
        };
        let owners: Vec<&str> = gauntlet_mocks::all()
            .into_iter()
            .filter(|info| mock.is_none_or(|m| m == info.name) && info.defects.iter().any(|d| d.id == id))
            .map(|info| info.name)
            .collect();
        match owners.as_slice() {
            [owner] => defects.entry((*owner).to_owned()).or_default().push(id.to_owned()),
            [] => {
                return Err(CommandError::usage(format!(
                    "no mock has the defect `{text}`; `gauntlet mock --list` shows them"
                )));
            }
            several => {
                return Err(CommandError::usage(format!(
                    "the defect `{id}` is one of several mocks ({}); write MOCK:{id}",
                    several.join(", ")
                )));
            }
        }
    }
    Ok(defects)
}

fn shard(text: &str) -> Result<Shard, CommandError> {
    shard::parse(text, &|name| std::env::var(name).ok()).map_err(CommandError::usage)
}

fn verbosity(args: &OutputArgs) -> Verbosity {
    match (args.all, args.quiet) {
        (true, _) => Verbosity::Verbose,
        (_, true) => Verbosity::Quiet,
        _ => Verbosity::Normal,
    }
}

/// A bar on a terminal, nothing elsewhere; steps aside while something is printed.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn new(files: u64) -> Self {
        if !terminal::shows_progress() {
            return Self { bar: ProgressBar::hidden() };
        }
        let bar = ProgressBar::with_draw_target(Some(files), ProgressDrawTarget::stderr_with_hz(10));
        if let Ok(style) = ProgressStyle::with_template("   Running  [{bar:14}] {pos} cases, {elapsed}  {wide_msg}") {
            bar.set_style(style.progress_chars("##-"));
        }
        Self { bar }
    }

    /// Shows a line on standard error without the bar in its way.
    pub(super) fn aside(&self) -> impl Fn(&str) + Send + Sync + 'static {
        let bar = self.bar.clone();
        move |text| bar.suspend(|| eprintln!("{text}"))
    }

    pub(super) fn around(&mut self, event: &Event, write: impl FnOnce()) {
        if self.bar.is_hidden() {
            return write();
        }
        // A terminal that is not read from holds up no case.
        block_in_place(|| self.draw(event, write));
    }

    fn draw(&mut self, event: &Event, write: impl FnOnce()) {
        match event {
            Event::CaseStarted { id } => {
                self.bar.set_message(id.to_string());
                self.bar.inc_length(1);
                write();
            }
            Event::CaseFinished(_) => {
                self.bar.inc(1);
                self.bar.suspend(write);
            }
            Event::RunFinished(_) => {
                self.bar.finish_and_clear();
                write();
            }
            _ => self.bar.suspend(write),
        }
    }
}
