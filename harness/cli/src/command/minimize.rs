//! `gauntlet minimize`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anstream::eprintln;
use gauntlet::config::{Config, TargetSpec};
use gauntlet::repro::minimize::{self, MinimizeError, Options, Outcome as Ended, Progress, Report, Sides, StateFile};
use gauntlet::{CancellationToken, Filter, RunOptions, Target};
use gauntlet_format::duration;
use gauntlet_reports::sanitize;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::interrupt::cancel_on_interrupt;
use super::run::defects;
use super::{output, selection, sign_in};
use crate::args::{MinimizeArgs, MinimizeFormat};
use crate::exit::{CommandError, Exit, Outcome};
use crate::terminal;

pub(crate) fn run(args: &MinimizeArgs) -> Outcome {
    let config = selection::configured(&args.config)?;
    let (scenario, filter) = selection::one(&args.scenario, &args.mcp_version, &args.case, &config)?;
    let role = &scenario.target.name;
    let sides = match (&args.good, &args.bad) {
        (Some(good), Some(bad)) => {
            let (mut good, mut bad) = (named(good, role, "--good", &config)?, named(bad, role, "--bad", &config)?);
            if good.name == bad.name {
                // Each hop has a name of its own.
                good.name.push_str(" (good)");
                bad.name.push_str(" (bad)");
            }
            Sides { bad: Arc::new(Target::new(bad)), good: Some(Arc::new(Target::new(good))) }
        }
        _ => Sides { bad: Arc::new(Target::new(single(args.target.as_deref(), role, &config)?)), good: None },
    };
    let options = options(args, &scenario.id, &config)?;
    let patience = sign_in::patience(args.sign_in.sign_in_timeout.as_deref(), false)?;
    let bar = bar(args.max_requests.get());
    for target in sides.good.iter().chain([&sides.bad]) {
        let bar = bar.clone();
        target.attend(sign_in::person(patience, move |text| bar.suspend(|| eprintln!("{text}"))));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let cancel = CancellationToken::new();
    runtime.spawn(cancel_on_interrupt(cancel.clone()));
    let mut tell = |progress: &Progress| show(&bar, progress);
    let found = runtime.block_on(minimize::minimize(&scenario, &filter, &sides, &options, cancel, &mut tell));
    bar.finish_and_clear();
    // Programs are ended with their cases; nothing else is worth waiting for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    let report = found.map_err(|error| refused(&error))?;
    match args.format {
        MinimizeFormat::Text => output::text(None, |_| minimize::text(&report))?,
        MinimizeFormat::Json => output::json(None, &report)?,
    }
    Ok(exit(&report))
}

fn exit(report: &Report) -> Exit {
    match (report.outcome, report.verified) {
        (Ended::Interrupted, _) => Exit::Infrastructure,
        (_, Some(false)) => Exit::DoesNotConform,
        _ => Exit::Conforms,
    }
}

/// The target as `gauntlet run --target` finds it, or the one that fills the role.
fn single(wanted: Option<&str>, role: &str, config: &Config) -> Result<TargetSpec, CommandError> {
    if let Some(wanted) = wanted {
        return named(wanted, role, "--target", config);
    }
    let filling: Vec<&TargetSpec> = config.filling(role).collect();
    // The mock of a role may be there over stdio too, by another name.
    let namesake =
        filling.iter().find(|spec| spec.name == role).or_else(|| filling.first().filter(|_| filling.len() == 1));
    match (namesake, filling.as_slice()) {
        (Some(one), _) => Ok((*one).clone()),
        (None, []) => Err(CommandError::usage(format!("no target fills the role `{role}`; name one with --target"))),
        (None, several) => {
            let names: Vec<&str> = several.iter().map(|spec| spec.name.as_str()).collect();
            Err(CommandError::usage(format!(
                "several targets fill the role `{role}` ({}); name one with --target",
                names.join(", ")
            )))
        }
    }
}

/// A target that takes the role of the scenario, whatever its own is.
fn named(wanted: &str, role: &str, said: &str, config: &Config) -> Result<TargetSpec, CommandError> {
    let (mut config, mut filter) = (config.clone(), Filter::default());
    let is_spelled = selection::role_and_target(wanted).0.is_some();
    let is_url = wanted.starts_with("http://") || wanted.starts_with("https://");
    let wanted = if is_spelled || !is_url { wanted.to_owned() } else { format!("{role}={wanted}") };
    selection::bind(&mut config, &[wanted], &mut filter)?;
    let name = filter.targets.pop().unwrap_or_default();
    let Some(spec) = config.targets.iter().find(|target| target.name == name) else {
        return Err(CommandError::usage(format!("{said}: no target is named `{name}`")));
    };
    Ok(TargetSpec { roles: vec![role.to_owned()], ..spec.clone() })
}

fn options(args: &MinimizeArgs, id: &str, config: &Config) -> Result<Options, CommandError> {
    let parse = |text: &Option<String>| text.as_deref().map(duration::parse).transpose().map_err(CommandError::usage);
    let mut run = RunOptions::configured(config).map_err(CommandError::usage)?;
    run.defects = defects(&args.defect)?;
    run.timeout = parse(&args.timeout)?.unwrap_or(run.timeout);
    run.step_timeout = parse(&args.step_timeout)?.unwrap_or(run.step_timeout);
    let output = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{id}.min.yaml")));
    let state = StateFile { path: beside(&output), resume: args.resume };
    Ok(Options {
        run,
        most: args.max_requests.get(),
        confirm: args.confirm.get(),
        attempts: args.attempts.map(std::num::NonZeroU32::get),
        check: args.check.clone(),
        output,
        state: Some(state),
        command: command(args),
    })
}

/// What was tried is kept beside the result: `a.yaml` has `a.yaml.state.json`.
fn beside(output: &Path) -> PathBuf {
    let mut name = output.file_name().unwrap_or_default().to_owned();
    name.push(".state.json");
    output.with_file_name(name)
}

/// The command as the head of the result tells it. Of a URL what may be secret is left out.
fn command(args: &MinimizeArgs) -> String {
    let mut words = vec!["gauntlet minimize".to_owned(), args.scenario.clone()];
    let targets = [("--target", &args.target), ("--good", &args.good), ("--bad", &args.bad)];
    for (option, target) in targets {
        words.extend(target.as_deref().map(|target| format!("{option} {}", without_secrets(target))));
    }
    words.extend(args.defect.iter().map(|defect| format!("--defect {defect}")));
    words.extend(args.check.iter().map(|check| format!("--check {check}")));
    words.join(" ")
}

fn without_secrets(target: &str) -> String {
    let (role, place) = selection::role_and_target(target);
    let role = role.map(|role| format!("{role}=")).unwrap_or_default();
    match url::Url::parse(place) {
        Ok(mut url) if url.has_host() => {
            // Neither can be refused where there is a host.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            format!("{role}{url}")
        }
        _ => target.to_owned(),
    }
}

/// A bar on a terminal, nothing elsewhere.
fn bar(most: u64) -> ProgressBar {
    if !terminal::shows_progress() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(most), ProgressDrawTarget::stderr_with_hz(10));
    if let Ok(style) =
        ProgressStyle::with_template("Minimizing  [{bar:14}] {pos} of {len} requests, {elapsed}  {wide_msg}")
    {
        bar.set_style(style.progress_chars("##-"));
    }
    bar
}

fn show(bar: &ProgressBar, progress: &Progress) {
    bar.set_position(progress.requests);
    let noun = if progress.steps == 1 { "step" } else { "steps" };
    bar.set_message(format!("{} {noun} left, now {}", progress.steps, progress.phase));
}

fn refused(error: &MinimizeError) -> CommandError {
    let said = sanitize::block(&error.to_string());
    match error {
        MinimizeError::Selection(_)
        | MinimizeError::NoSuchCheck { .. }
        | MinimizeError::NotReducible(_)
        | MinimizeError::TooFewRequests { .. }
        | MinimizeError::State(_) => CommandError::usage(said),
        MinimizeError::NothingFails(_) | MinimizeError::Flaky { .. } => CommandError::does_not_conform(said),
        MinimizeError::Infrastructure(_) | MinimizeError::Interrupted | MinimizeError::Write { .. } => {
            CommandError::infrastructure(said)
        }
    }
}
