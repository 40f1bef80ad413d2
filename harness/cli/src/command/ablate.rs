//! `gauntlet ablate`

use std::path::Path;
use std::time::Duration;

use anstream::eprintln;
use gauntlet::config::Config;
use gauntlet::repro::ablate::{self, AblateError, AblateOptions, Ablation, Alter, Stopped};
use gauntlet::{CancellationToken, RunOptions};
use gauntlet_format::duration;
use gauntlet_reports::sanitize;

use super::interrupt::cancel_on_interrupt;
use super::run::defects;
use super::{output, selection, sign_in};
use crate::args::{AblateArgs, AblateFormat, AlterChoice};
use crate::exit::{CommandError, Exit, Outcome};

pub(crate) fn run(args: &AblateArgs) -> Outcome {
    let mut config = selection::configured(&args.config)?;
    let (scenario, mut filter) = selection::one(&args.scenario, args.mcp_version.as_slice(), &args.case, &config)?;
    let options = options(args, &config)?;
    selection::bind(&mut config, args.target.as_slice(), &mut filter)?;
    let patience = sign_in::patience(args.sign_in.sign_in_timeout.as_deref(), false)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let cancel = CancellationToken::new();
    runtime.spawn(cancel_on_interrupt(cancel.clone()));
    let person = |target: &gauntlet::Target| target.attend(sign_in::person(patience, |text| eprintln!("{text}")));
    let ablated = runtime.block_on(ablate::ablate(&scenario, config.targets, &filter, &options, &cancel, person));
    runtime.shutdown_timeout(Duration::from_millis(100));
    let report = ablated.map_err(|error| refused(&error))?;
    let file = match &args.output {
        Some(path) => write(path, &report)?,
        None => None,
    };
    match args.format {
        AblateFormat::Text => output::text(None, |color| ablate::text(&report, color, file.as_deref()))?,
        AblateFormat::Json => output::json(None, &report)?,
    }
    Ok(match &report.stopped {
        Some(Stopped::Interrupted | Stopped::Lost(_)) => Exit::Infrastructure,
        _ if args.output.is_some() && file.is_none() => Exit::DoesNotConform,
        _ => Exit::Conforms,
    })
}

fn options(args: &AblateArgs, config: &Config) -> Result<AblateOptions, CommandError> {
    let step_timeout = args.step_timeout.as_deref().map(duration::parse).transpose().map_err(CommandError::usage)?;
    let mut run = RunOptions::configured(config).map_err(CommandError::usage)?;
    run.defects = defects(&args.defect)?;
    run.step_timeout = step_timeout.unwrap_or(run.step_timeout);
    let alter = args.alter.iter().map(|choice| match choice {
        AlterChoice::Other => Alter::Other,
        AlterChoice::Empty => Alter::Empty,
        AlterChoice::Null => Alter::Null,
        AlterChoice::Type => Alter::Type,
    });
    Ok(AblateOptions {
        step: args.step,
        alter: alter.collect(),
        pairs: args.pairs,
        deep: args.deep,
        fresh: args.fresh,
        after_signing: args.after_signing,
        max_requests: args.max_requests.get(),
        may_harm: args.yes,
        write: args.output.is_some(),
        run,
    })
}

/// Writes the smallest request; gives back where, if there is one.
fn write(path: &Path, report: &Ablation) -> Result<Option<String>, CommandError> {
    let Some(scenario) = report.smallest.as_ref().and_then(|smallest| smallest.scenario.as_ref()) else {
        return Ok(None);
    };
    let unwritable = |e| CommandError::usage(format!("cannot write {}: {e}", path.display()));
    std::fs::write(path, scenario).map_err(unwritable)?;
    Ok(Some(path.display().to_string()))
}

fn refused(error: &AblateError) -> CommandError {
    let said = error.to_string();
    let said = sanitize::block(&said);
    match error {
        AblateError::Unfit(_) | AblateError::Harm(_) => CommandError::usage(said),
        AblateError::Unsuccessful(_) => CommandError::does_not_conform(said),
        AblateError::Unreachable(_) | AblateError::Interrupted => CommandError::infrastructure(said),
    }
}
