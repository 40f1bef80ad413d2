//! `gauntlet diff A B`: two runs, saved or made now.

use std::path::{Path, PathBuf};

use gauntlet::Filter;
use gauntlet::config::Config;
use gauntlet_format::duration;
use gauntlet_reports::CaseResult;
use gauntlet_reports::runs::diff::{self as runs, RunDiff, Settings, Side, Slower};
use gauntlet_reports::saved::ReadError;

use super::super::live::{self, Live};
use super::super::{output, selection, volatile};
use crate::args::{DiffArgs, DiffFormat, RunDiffArgs};
use crate::exit::{CommandError, Exit, Outcome};

/// A side as the user named it.
enum Named {
    Saved(PathBuf),
    Target(String),
}

/// A side that can be read.
enum Ready {
    Saved(PathBuf),
    Live(Live),
}

impl Ready {
    fn path(&self) -> &Path {
        match self {
            Self::Saved(path) => path,
            Self::Live(live) => live.path(),
        }
    }
}

pub(super) fn run(mut args: DiffArgs, verbose: bool) -> Outcome {
    let config = selection::configured(&args.selection.config)?;
    if args.selection.what.len() < 2 {
        return Err(CommandError::usage(
            "name two sides: `gauntlet diff A B`, each a saved run, a URL, a target or mock:NAME; scenarios come after them",
        ));
    }
    let names: Vec<String> = args.selection.what.drain(..2).collect();
    let [first, second] = names.as_slice() else { return Err(CommandError::usage("name two sides")) };
    let (before, after) = (named(first, &config)?, named(second, &config)?);
    let settings = settings(&args.runs, &config)?;
    let before = ready(before, &args, &config)?;
    let after = ready(after, &args, &config)?;
    let takes = takes(&args, &config)?;
    let side = |name, ready: &'_ Ready| (name, matches!(ready, Ready::Live(_)));
    let ((before_name, before_live), (after_name, after_live)) = (side(first.as_str(), &before), side(second, &after));
    let diff = runs::compare(
        Side { name: before_name, path: before.path(), live: before_live },
        Side { name: after_name, path: after.path(), live: after_live },
        &settings,
        &takes,
    )
    .map_err(|failed| match failed.error {
        ReadError::Io(_) => CommandError::infrastructure(&failed),
        _ => CommandError::usage(&failed),
    })?;
    if diff.compared == 0 && diff.changes.is_empty() {
        return Err(CommandError::usage("no case was compared: the two sides have none in common that is selected"));
    }
    print(&args, &diff, verbose)?;
    Ok(if diff.is_worse(args.runs.strict) { Exit::DoesNotConform } else { Exit::Conforms })
}

/// What the user means: what looks like a place is one; a target's name goes before a file of that name.
fn named(text: &str, config: &Config) -> Result<Named, CommandError> {
    if text.contains("://") || text.starts_with("mock:") || config.targets.iter().any(|target| target.name == text) {
        return super::side::side(text, text, "a side", config).map(|_| Named::Target(text.to_owned()));
    }
    if Path::new(text).is_file() {
        return Ok(Named::Saved(PathBuf::from(text)));
    }
    if text.contains(['/', '\\']) || text.ends_with(".json") || text.ends_with(".jsonl") {
        return Err(CommandError::usage(format!(
            "cannot read {text}: there is no such file; `gauntlet run --report json=FILE` saves a run"
        )));
    }
    let known: Vec<&str> = config.targets.iter().map(|target| target.name.as_str()).collect();
    let guess = gauntlet_format::diagnostic::did_you_mean(text, known.iter().copied());
    Err(CommandError::usage(format!(
        "`{text}` is neither a saved run nor a URL nor a target; {}",
        guess.unwrap_or_else(|| format!("the targets are {}", known.join(", ")))
    )))
}

fn ready(named: Named, args: &DiffArgs, config: &Config) -> Result<Ready, CommandError> {
    match named {
        Named::Saved(path) => Ok(Ready::Saved(path)),
        Named::Target(target) => {
            let wanted =
                live::Wanted { target: &target, selection: &args.selection, sides: &args.sides, jobs: args.jobs };
            live::run(&wanted, config.clone()).map(Ready::Live)
        }
    }
}

fn settings(args: &RunDiffArgs, config: &Config) -> Result<Settings, CommandError> {
    if !(args.slower_ratio.is_finite() && args.slower_ratio >= 1.0) {
        return Err(CommandError::usage("--slower-ratio is a number from 1: how many times as long"));
    }
    let floor = duration::parse(&args.slower_floor).map_err(CommandError::usage)?;
    let slower = Slower { ratio: args.slower_ratio, floor_ms: floor.as_secs_f64() * 1000.0 };
    Ok(Settings { rules: volatile::rules(&args.volatile, config)?, slower, excerpts: args.diffs })
}

/// Which cases of a saved run are meant.
fn takes(args: &DiffArgs, config: &Config) -> Result<impl Fn(&CaseResult) -> bool + Sync + use<>, CommandError> {
    let (_, filter) = selection::select(&args.selection, config)?;
    let paths: Vec<PathBuf> =
        args.selection.what.iter().filter(|what| selection::is_path(what)).map(PathBuf::from).collect();
    let filter: Filter = filter;
    Ok(move |case: &CaseResult| {
        let file = Path::new(&case.place.file);
        filter.takes_result(case) && (paths.is_empty() || paths.iter().any(|path| file.starts_with(path)))
    })
}

fn print(args: &DiffArgs, diff: &RunDiff, verbose: bool) -> Result<(), CommandError> {
    let file = args.output.as_deref();
    match args.format {
        DiffFormat::Text => output::text(file, |color| runs::text(diff, color, verbose)),
        DiffFormat::Markdown => output::text(file, |_| runs::markdown(diff)),
        DiffFormat::Json => output::json(file, diff),
    }
}
