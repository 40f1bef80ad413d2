//! `gauntlet diff --direct X --through Y`: what a gateway changes.

use std::num::NonZeroUsize;
use std::sync::Arc;

use anstream::eprintln;
use gauntlet::config::Config;
use gauntlet::diff::{self, DiffOptions, Sides};
use gauntlet_format::diagnostic::did_you_mean;
use gauntlet_reports::compare::{self, Allowances, Class, NotKnown, Report};

use super::super::interrupt::until_interrupted;
use super::super::{output, selection, sides, sign_in};
use super::refused;
use super::side::side;
use crate::args::{DiffArgs, DiffFormat};
use crate::exit::{CommandError, Exit, Outcome};

pub(super) fn run(args: &DiffArgs, direct: &str, through: &str, verbose: bool) -> Outcome {
    if args.runs.volatile.exact || !args.runs.volatile.no_rule.is_empty() {
        return Err(CommandError::usage(
            "--exact and --no-rule are for two runs; what varies behind a gateway is seen by asking the direct side twice",
        ));
    }
    let config = selection::configured(&args.selection.config)?;
    let options = options(args, &config)?;
    let direct = side(direct, "direct", "--direct", &config)?;
    let through = side(through, "through", "--through", &config)?;
    let patience = sign_in::patience(args.sides.sign_in.sign_in_timeout.as_deref(), false)?;
    let sides = Sides::new(direct, through, &options);
    for target in [&sides.direct, &sides.through] {
        target.attend(sign_in::person(patience, |text| eprintln!("{text}")));
    }
    let selected = is_selected(args).then(|| selection::select(&args.selection, &config)).transpose()?;
    let report = until_interrupted(async {
        match selected {
            Some((set, filter)) => diff::scenarios(&sides, Arc::new(set), filter, &options).await,
            None => diff::tour(&sides, &options).await,
        }
    })?;
    let report = report.or_else(|error| Err(refused(&error)?))?;
    print(args, &report, verbose)?;
    Ok(if report.count(Class::Breaking) > 0 { Exit::DoesNotConform } else { Exit::Conforms })
}

/// Whether scenarios are named; without any the tour is taken.
fn is_selected(args: &DiffArgs) -> bool {
    let selection = &args.selection;
    let named = [&selection.what, &selection.tag, &selection.pack, &selection.requirement, &selection.case];
    named.iter().any(|list| !list.is_empty())
}

fn options(args: &DiffArgs, config: &Config) -> Result<DiffOptions, CommandError> {
    let mut run = sides::options(&args.sides, args.jobs.or(Some(NonZeroUsize::MIN)), config)?;
    // Both sides are made with them, so that the tour, which is no run, has them too.
    let defects = std::mem::take(&mut run.defects);
    let mut options = DiffOptions { defects, run, ..DiffOptions::default() };
    for version in &args.selection.mcp_version {
        options.versions.push(version.parse().map_err(CommandError::usage)?);
    }
    for allowed in &args.allow {
        allow(&mut options.allowances, allowed)?;
    }
    Ok(options)
}

/// A rule, or a path.
fn allow(allowances: &mut Allowances, text: &str) -> Result<(), CommandError> {
    let added = match text.contains(['.', '[']) {
        true => allowances.allow_path(text),
        false => allowances.allow_rule(text),
    };
    added.map_err(|unknown| match &unknown {
        NotKnown::Rule(id) => {
            let guess = did_you_mean(id, compare::RULES.iter().map(|rule| rule.id));
            CommandError::usage(guess.map_or_else(
                || format!("--allow: {unknown}, and a path has dots"),
                |guess| format!("--allow: there is no rule `{id}`; {guess}"),
            ))
        }
        NotKnown::Path(_) => CommandError::usage(format!("--allow: {unknown}")),
    })
}

fn print(args: &DiffArgs, report: &Report, verbose: bool) -> Result<(), CommandError> {
    let file = args.output.as_deref();
    match args.format {
        DiffFormat::Text => output::text(file, |color| compare::text(report, color, verbose)),
        DiffFormat::Markdown => Err(CommandError::usage(
            "`--format markdown` is for two runs; with --direct and --through the formats are text and json",
        )),
        DiffFormat::Json => output::json(file, report),
    }
}
