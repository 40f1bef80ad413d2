//! `gauntlet drift`

use std::sync::Arc;

use anstream::eprintln;
use gauntlet::diff;
use gauntlet_reports::compare::drift::{self, Drift, DriftReport, Worth};

use super::diff::refused;
use super::interrupt::until_interrupted;
use super::{output, selection, sides, sign_in};
use crate::args::{DriftArgs, DriftFormat};
use crate::exit::{CommandError, Exit, Outcome};

pub(crate) fn run(args: &DriftArgs, verbose: bool) -> Outcome {
    let mut config = selection::configured(&args.selection.config)?;
    let (set, mut filter) = selection::select(&args.selection, &config)?;
    let mut collected = Drift::new();
    for allowed in &args.allow {
        collected.allow(allowed).map_err(|problem| CommandError::usage(format!("--allow: {problem}")))?;
    }
    let options = sides::options(&args.sides, args.jobs, &config)?;
    selection::bind(&mut config, std::slice::from_ref(&args.target), &mut filter)?;
    let name = filter.targets.pop().unwrap_or_default();
    let Some(real) = config.targets.iter().find(|target| target.name == name).cloned() else {
        return Err(CommandError::usage(format!("no target is named `{name}`")));
    };
    if real.is_client() {
        return Err(CommandError::usage(format!("`{name}` is a client, which answers nothing")));
    }
    let patience = sign_in::patience(args.sides.sign_in.sign_in_timeout.as_deref(), false)?;
    let person = |target: &gauntlet::Target| target.attend(sign_in::person(patience, |text| eprintln!("{text}")));
    let report = until_interrupted(diff::drift(Arc::new(set), real, filter, &options, collected, person))?;
    let report = report.or_else(|error| Err(refused(&error)?))?;
    print(args, &report, verbose)?;
    Ok(if report.count(Worth::Drift) > 0 { Exit::DoesNotConform } else { Exit::Conforms })
}

fn print(args: &DriftArgs, report: &DriftReport, verbose: bool) -> Result<(), CommandError> {
    let file = args.output.as_deref();
    match args.format {
        DriftFormat::Text => output::text(file, |color| drift::text(report, color, verbose)),
        DriftFormat::Json => output::json(file, report),
    }
}
