//! `gauntlet history`

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};

use anstream::println;
use gauntlet_format::diagnostic::did_you_mean;
use gauntlet_format::duration;
use gauntlet_reports::history::{
    Added, By, History, HistoryError, Keep, Layout, Names, Selection, Source, Trends, document, moment, page, table,
};
use gauntlet_reports::sanitize;

use super::selection;
use crate::args::{
    HistoryAction, HistoryAddArgs, HistoryArgs, HistoryBy, HistoryFileArgs, HistoryFormat, HistoryPruneArgs,
    HistoryShowArgs,
};
use crate::exit::{CommandError, Exit, Outcome};
use crate::terminal;

/// Runs that are looked at unless more are wanted.
const RUNS: usize = 100;

/// Bytes of a saved run read at a time.
const BUFFER: usize = 256 * 1024;

pub(crate) fn run(args: &HistoryArgs) -> Outcome {
    match &args.action {
        None => show(&args.show),
        Some(HistoryAction::Add(args)) => add(args),
        Some(HistoryAction::Prune(args)) => prune(args),
    }
}

/// What is tested, as the variables of the CI system say.
pub(super) fn source() -> Source {
    Source::from_variables(|name| std::env::var(name).ok())
}

/// An error about a history, with its exit code.
pub(super) fn refused(path: &Path, error: &HistoryError) -> CommandError {
    let told = format!("the history {}: {}", path.display(), sanitize::block(&error.to_string()));
    match error {
        HistoryError::Locked(_) | HistoryError::Full | HistoryError::Io(_) | HistoryError::Sqlite(_) => {
            CommandError::infrastructure(told)
        }
        _ => CommandError::usage(told),
    }
}

fn file(args: &HistoryFileArgs) -> Result<PathBuf, CommandError> {
    if let Some(path) = &args.history {
        return Ok(path.clone());
    }
    selection::config(args.config.as_deref())?.history.ok_or_else(|| {
        CommandError::usage("which history? Name it with `--history FILE`, or as `history: FILE` in gauntlet.yaml")
    })
}

fn show(args: &HistoryShowArgs) -> Outcome {
    let path = file(&args.file)?;
    let history = History::open_existing(&path).map_err(|e| refused(&path, &e))?;
    let wanted = wanted(args)?;
    let names = history.names().map_err(|e| refused(&path, &e))?;
    known(args, &names)?;
    let trends = history.trends(&wanted).map_err(|e| refused(&path, &e))?;
    let text = match args.format {
        HistoryFormat::Json => serde_json::to_string(&document(&trends)).map_err(std::io::Error::from)? + "\n",
        HistoryFormat::Text => told(args, &trends),
    };
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::Conforms),
        written => written.map(|()| Exit::Conforms).map_err(CommandError::from),
    }
}

fn told(args: &HistoryShowArgs, trends: &Trends) -> String {
    let layout = Layout { color: terminal::color_on_stdout(), all: args.all };
    match args.by {
        None => page(trends, layout),
        Some(HistoryBy::Scenario) => table(trends, By::Scenario, layout),
        Some(HistoryBy::Requirement) => table(trends, By::Requirement, layout),
        Some(HistoryBy::Target) => table(trends, By::Target, layout),
    }
}

fn wanted(args: &HistoryShowArgs) -> Result<Selection, CommandError> {
    let since_ms = args.since.as_deref().map(since).transpose()?;
    if args.last == Some(0) {
        return Err(CommandError::usage("--last must be at least 1"));
    }
    Ok(Selection {
        scenarios: args.what.clone(),
        requirements: args.requirement.clone(),
        targets: args.target.clone(),
        versions: args.mcp_version.clone(),
        environments: args.environment.clone(),
        last: args.last.or(since_ms.is_none().then_some(RUNS)),
        since_ms,
    })
}

/// `2026-11-21`, `2026-11-21T02:00:00Z`, `7d`.
fn since(text: &str) -> Result<i64, CommandError> {
    if let Ok(ago) = duration::parse(text) {
        return Ok(moment::ago(ago));
    }
    moment::parse(text).ok_or_else(|| {
        CommandError::usage(format!(
            "--since: `{text}` is neither a date such as 2026-11-21, nor a time such as 2026-11-21T02:00:00Z, nor a duration such as 7d"
        ))
    })
}

/// A name that is nowhere in the history is a mistake, not an empty selection.
fn known(args: &HistoryShowArgs, names: &Names) -> Result<(), CommandError> {
    let kinds = [
        ("target", &args.target, &names.targets),
        ("version", &args.mcp_version, &names.versions),
        ("environment", &args.environment, &names.environments),
    ];
    for (kind, wanted, known) in kinds {
        for name in wanted {
            if known.contains(name) {
                continue;
            }
            let guess = did_you_mean(name, known.iter().map(String::as_str));
            let known: Vec<_> = known.iter().map(|name| sanitize::inline(name)).collect();
            return Err(CommandError::usage(match guess {
                Some(guess) => format!("the history has no {kind} `{name}`; {}", sanitize::inline(&guess)),
                None if known.is_empty() => format!("the history has no {kind} at all"),
                None => format!("the history has no {kind} `{name}`, only {}", known.join(", ")),
            }));
        }
    }
    Ok(())
}

fn add(args: &HistoryAddArgs) -> Outcome {
    let path = file(&args.file)?;
    // Before the history is made: a mistyped name shall not leave an empty one.
    let open =
        |run: &PathBuf| File::open(run).map_err(|e| CommandError::usage(format!("cannot read {}: {e}", run.display())));
    let runs = args.runs.iter().map(|run| Ok((run.display(), open(run)?))).collect::<Result<Vec<_>, CommandError>>()?;
    let mut history = History::open(&path).map_err(|e| refused(&path, &e))?;
    let source = source();
    for (name, run) in runs {
        let added = history.add(BufReader::with_capacity(BUFFER, run), &source);
        let told = match added {
            Ok(Added::New { run, cases }) => format!("added as #{run}, {}", cases_of(cases)),
            Ok(Added::Completed { run, cases, before }) => {
                format!("#{run} had {before} of its {} and is completed", cases_of(cases))
            }
            Ok(Added::Known { run }) => format!("is #{run} already"),
            Err(HistoryError::Run(error)) => {
                return Err(CommandError::usage(format!("{name}: {}", sanitize::block(&error.to_string()))));
            }
            Err(error) => return Err(refused(&path, &error)),
        };
        println!("{name}: {told}");
    }
    Ok(Exit::Conforms)
}

fn prune(args: &HistoryPruneArgs) -> Outcome {
    let path = file(&args.file)?;
    let keep = match args.keep.parse() {
        Ok(runs) => Keep::Last(runs),
        Err(_) => duration::parse(&args.keep).map(Keep::Within).map_err(|_| {
            let text = &args.keep;
            CommandError::usage(format!("--keep: `{text}` is neither a number of runs nor a duration such as 90d"))
        })?,
    };
    if !path.exists() {
        return Err(refused(&path, &HistoryError::Missing));
    }
    let mut history = History::open(&path).map_err(|e| refused(&path, &e))?;
    let pruned = history.prune(keep).map_err(|e| refused(&path, &e))?;
    println!("{} of {} runs are forgotten", pruned.removed, pruned.removed + pruned.left);
    Ok(Exit::Conforms)
}

fn cases_of(cases: usize) -> String {
    if cases == 1 { "1 case".to_owned() } else { format!("{cases} cases") }
}
