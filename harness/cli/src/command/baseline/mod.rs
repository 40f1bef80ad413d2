//! `gauntlet baseline`

mod official;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anstream::eprintln;
use gauntlet::ScenarioSet;
use gauntlet::baseline::{self, BaselineFile, Form, Names};
use gauntlet::config::Config;
use gauntlet_format::Diagnostic;
use gauntlet_reports::baseline::{Baseline, Changed, Defaults, prune, write};
use gauntlet_reports::{CaseResult, Event, Standing, sanitize, saved};

use super::{check, selection};
use crate::args::{BaselineArgs, BaselineCommand, FileArgs, RunArgs, WordsArgs};
use crate::exit::{CommandError, Exit, Outcome};

/// The baseline where nobody names one.
const DEFAULT: &str = "baseline.yaml";

pub(crate) fn run(args: &BaselineArgs) -> Outcome {
    match &args.command {
        BaselineCommand::Write { run, file, words, dry_run } => bring_in(run, file, words, *dry_run),
        BaselineCommand::Check { run, file } => look_over(run.as_deref(), file),
        BaselineCommand::Prune { run, file, dry_run } => take_out(run, file, *dry_run),
        BaselineCommand::Import(args) => official::import(args),
        BaselineCommand::Compare(args) => official::compare(args),
    }
}

/// The known failures of a run and its quarantine: those of the file that is named, else of the one that the configuration names.
pub(super) fn excused(
    args: &RunArgs,
    set: &ScenarioSet,
    config: &Config,
) -> Result<[Option<Arc<Baseline>>; 2], CommandError> {
    let known = args.baseline.as_deref().or(config.baseline.as_deref());
    let quarantine = args.quarantine.as_deref().or(config.quarantine.as_deref()).filter(|_| !args.no_quarantine);
    if known.is_none() && quarantine.is_none() {
        return Ok([None, None]);
    }
    let names = Names::of(&[set, &selection::scenarios(&[], config)?], config);
    let load = |path: Option<&Path>, form| {
        path.map(|path| baseline::load(path, form, &names).map_err(|problems| refused(path, &problems))).transpose()
    };
    Ok([load(known, Form::BASELINE)?, load(quarantine, Form::QUARANTINE)?])
}

/// Shows what is wrong, and sums it up.
fn refused(path: &Path, problems: &[Diagnostic]) -> CommandError {
    if let Err(error) = check::show(problems) {
        return error.into();
    }
    let errors = problems.len();
    CommandError::usage(format!(
        "{} has {errors} error{}",
        path.display(),
        if errors == 1 { "" } else { "s; nothing was done with it" }
    ))
}

/// A baseline with what belongs to it.
struct Place {
    path: PathBuf,
    config: Config,
}

impl Place {
    fn of(args: &FileArgs) -> Result<Self, CommandError> {
        let config = selection::config(args.config.as_deref())?;
        let path = args.file.clone().or_else(|| config.baseline.clone()).unwrap_or_else(|| PathBuf::from(DEFAULT));
        Ok(Self { path, config })
    }

    fn read(&self) -> Result<BaselineFile, CommandError> {
        baseline::read(&self.path, Form::BASELINE).map_err(|problems| refused(&self.path, &problems))
    }

    /// The baseline, or one without entries if there is none yet.
    fn read_or_new(&self) -> Result<Baseline, CommandError> {
        match std::fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Baseline::empty(self.path.display().to_string(), baseline::today()))
            }
            Ok(metadata) if !metadata.is_file() && !metadata.is_symlink() => {
                Ok(Baseline::empty(self.path.display().to_string(), baseline::today()))
            }
            _ => Ok(self.read()?.baseline),
        }
    }

    fn scenarios(&self) -> Result<ScenarioSet, CommandError> {
        selection::scenarios(&[], &self.config)
    }

    /// Shows the change and makes it.
    fn change(&self, before: &Baseline, change: &Changed, dry_run: bool) -> Outcome {
        let mut out = std::io::stdout().lock();
        if !change.is_none() {
            writeln!(out, "{}", sanitize::block(&change.diff(before)).trim_end())?;
        }
        for doubt in &change.doubts {
            eprintln!("{}:{}: {}", self.path.display(), doubt.line, sanitize::inline(&doubt.what));
        }
        let told = [(change.added, "new"), (change.narrowed, "narrowed"), (change.removed, "taken out")];
        let told: Vec<String> = told.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        let path = self.path.display();
        if told.is_empty() {
            writeln!(out, "{path} stays as it is")?;
        } else if dry_run {
            writeln!(out, "{path} would change: {}", told.join(", "))?;
        } else {
            baseline::save(&self.path, change, before.entries.len()).map_err(CommandError::infrastructure)?;
            writeln!(out, "{path}: {}", told.join(", "))?;
        }
        Ok(Exit::Conforms)
    }
}

/// What new entries say, checked.
fn defaults(words: &WordsArgs) -> Result<Defaults, CommandError> {
    if let Some(date) = &words.expires {
        // As it would be read from the file.
        let text = format!("known_failures:\n  - {{ scenario: x, reason: x, expires: {date:?} }}\n");
        BaselineFile::parse(Path::new("--expires"), &text).map_err(|_| {
            CommandError::usage(format!("--expires {date}: write a date of the calendar as YYYY-MM-DD"))
        })?;
    }
    Ok(Defaults {
        reason: words.reason.clone(),
        link: words.link.clone(),
        owner: words.owner.clone(),
        expires: words.expires.clone(),
        strict: words.strict,
    })
}

fn bring_in(run: &Path, file: &FileArgs, words: &WordsArgs, dry_run: bool) -> Outcome {
    let place = Place::of(file)?;
    let defaults = defaults(words)?;
    let before = place.read_or_new()?;
    let run = SavedRun::read(run)?;
    let change = write(&before, &run.results, run.environment.as_deref(), &|_| Some(defaults.clone()));
    place.change(&before, &change, dry_run)
}

fn look_over(run: Option<&Path>, file: &FileArgs) -> Outcome {
    let place = Place::of(file)?;
    let read = place.read()?;
    let names = Names::of(&[&place.scenarios()?], &place.config);
    let mut wrong: Vec<Diagnostic> = names.unknown(&read).into_iter().map(|(_, problem)| problem).collect();
    wrong.extend(read.duplicates());
    let mut stale = read.expired();
    if let Some(run) = run {
        let run = SavedRun::read(run)?;
        for result in &run.results {
            let (code, line, what) = match read.baseline.standing(result, run.environment.as_deref()) {
                Some(Standing::Fixed(known)) => ("fixed-entry", known.line, "passes now".to_owned()),
                Some(Standing::Changed { known, difference }) => ("changed-entry", known.line, difference),
                _ => continue,
            };
            stale.extend(read.at(line, code, format!("{}: {what}", result.id)));
        }
    }
    check::show(&wrong)?;
    check::show(&stale)?;
    let entries = read.baseline.entries.len();
    writeln!(
        std::io::stdout(),
        "{}: {entries} {}, {} wrong, {} stale",
        place.path.display(),
        if entries == 1 { "entry" } else { "entries" },
        wrong.len(),
        stale.len()
    )?;
    Ok(match (wrong.is_empty(), stale.is_empty()) {
        (false, _) => Exit::Usage,
        (true, false) => Exit::DoesNotConform,
        (true, true) => Exit::Conforms,
    })
}

fn take_out(run: &Path, file: &FileArgs, dry_run: bool) -> Outcome {
    let place = Place::of(file)?;
    let read = place.read()?;
    let run = SavedRun::read(run)?;
    let names = Names::of(&[&place.scenarios()?], &place.config);
    let unknown: BTreeSet<u32> = names.unknown(&read).into_iter().map(|(line, _)| line).collect();
    let change = prune(&read.baseline, &run.results, run.environment.as_deref(), &unknown);
    place.change(&read.baseline, &change, dry_run)
}

/// What a baseline needs of a saved run.
struct SavedRun {
    environment: Option<String>,
    results: Vec<CaseResult>,
}

impl SavedRun {
    /// Reads a saved run, without its transcripts.
    fn read(path: &Path) -> Result<Self, CommandError> {
        let shown = path.display();
        let from: Box<dyn BufRead> = if path == Path::new("-") {
            Box::new(std::io::stdin().lock())
        } else {
            let file = File::open(path).map_err(|e| CommandError::usage(format!("cannot read {shown}: {e}")))?;
            Box::new(BufReader::with_capacity(256 * 1024, file))
        };
        let mut run = Self { environment: None, results: Vec::new() };
        let read = saved::read(from, &mut |event| {
            match event {
                Event::RunStarted(info) => run.environment = info.environment,
                Event::CaseFinished(mut result) => {
                    result.attempts.iter_mut().for_each(|attempt| attempt.transcript = Vec::new());
                    run.results.push(*result);
                }
                _ => {}
            }
            Ok(())
        });
        let read = read.map_err(|error| CommandError::usage(format!("{shown}: {error}")))?;
        if !read.complete {
            eprintln!("{shown} ends before its run did; what had finished counts, and nothing is said of the rest");
        }
        Ok(run)
    }
}
