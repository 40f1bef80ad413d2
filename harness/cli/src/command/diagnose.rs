//! `gauntlet diagnose`

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anstream::eprintln;
use gauntlet::repro::diagnose::{self, Diagnosis, Document, Match, Signatures};
use gauntlet::repro::har;
use gauntlet::runner::any_glob;
use gauntlet_reports::saved::{self, ReadError};
use gauntlet_reports::{CaseResult, Event, Verdict, sanitize};

use super::{output, recording, selection};
use crate::args::{DiagnoseArgs, DiagnoseFormat};
use crate::exit::{CommandError, Exit, Outcome};

/// Longest name of a case, in characters.
const NAME: usize = 300;

pub(crate) fn run(args: &DiagnoseArgs) -> Outcome {
    let config = selection::config(args.config.as_deref())?;
    let signatures = config.all_signatures().map_err(CommandError::usage)?;
    let mut told = Told { format: args.format, ..Told::default() };
    let is_bad = |result: &CaseResult| matches!(result.verdict, Verdict::Fail | Verdict::Warn | Verdict::Error);
    let takes = |result: &CaseResult| {
        (args.all || is_bad(result)) && any_glob(&args.case, std::iter::once(result.id.scenario.as_str()))
    };
    if !args.behind.is_empty() {
        both_sides_of(args, &signatures, &mut told)?;
    } else if let Some(why) = run_of(&args.file, &signatures, &takes, &mut told)? {
        recording_of(&args.file, &signatures, &why, &mut told)?;
    }
    let found = told.recognised > 0;
    let file = args.output.as_deref();
    match args.format {
        DiagnoseFormat::Json => output::json(file, &Document::new(told.diagnoses))?,
        DiagnoseFormat::Text => output::text(file, |_| told.summary())?,
    }
    Ok(if found { Exit::Conforms } else { Exit::DoesNotConform })
}

/// What is to be shown of the cases so far. Only one form is kept.
#[derive(Default)]
struct Told {
    format: DiagnoseFormat,
    text: String,
    diagnoses: Vec<Diagnosis>,
    looked_at: u64,
    recognised: u64,
    without_transcript: u64,
    is_recording: bool,
}

impl Told {
    fn add(&mut self, case: Option<&CaseResult>, matches: &[Match<'_>]) {
        self.looked_at += 1;
        self.recognised += u64::from(!matches.is_empty());
        match self.format {
            DiagnoseFormat::Json => self.diagnoses.push(Diagnosis {
                case: case.map(|case| case.id.to_string()),
                verdict: case.map(|case| case.verdict),
                matches: matches.iter().map(Into::into).collect(),
            }),
            DiagnoseFormat::Text => {
                match case {
                    Some(case) => {
                        let name = case.id.to_string();
                        let verdict = format!("{:?}", case.verdict).to_uppercase();
                        let _ = writeln!(self.text, "{verdict} {}", sanitize::line(&name, NAME));
                    }
                    None => self.text.push_str("RECORDING\n"),
                }
                matches.iter().for_each(|found| self.text.push_str(&diagnose::tell(found)));
                if matches.is_empty() {
                    self.text.push_str("  no known failure\n");
                }
                self.text.push('\n');
            }
        }
    }

    fn summary(mut self) -> String {
        let Self { looked_at, recognised, without_transcript, .. } = self;
        let _ = match (self.is_recording, looked_at) {
            (true, _) => Ok(()),
            (false, 1) => writeln!(self.text, "{recognised} of 1 case looks like known failures"),
            (false, _) => writeln!(self.text, "{recognised} of {looked_at} cases look like known failures"),
        };
        if without_transcript > 0 {
            let _ = writeln!(self.text, "{without_transcript} without exchanges, so nothing is recognised in them");
        }
        self.text
    }
}

fn open(path: &Path) -> Result<File, CommandError> {
    File::open(path).map_err(|e| CommandError::usage(format!("cannot read {}: {e}", path.display())))
}

/// A recording; `why` it is no saved run. Secrets are taken out first, so that no evidence holds one.
fn recording_of(path: &Path, signatures: &Signatures, why: &str, told: &mut Told) -> Result<(), CommandError> {
    let shown = path.display();
    let file = open(path)?;
    let (matches, info) = diagnose::of_recording(file, signatures).map_err(|error| match error {
        har::Error::Io(error) => CommandError::infrastructure(format!("while {shown} was read: {error}")),
        har::Error::Foreign(_) => {
            CommandError::usage(format!("{shown}: {}; and {why}", sanitize::block(&error.to_string())))
        }
        error => CommandError::usage(format!("{shown}: {}", sanitize::block(&error.to_string()))),
    })?;
    say_state(path, &info);
    told.is_recording = true;
    told.add(None, &matches);
    Ok(())
}

/// A recording in front of a target, and those behind it.
fn both_sides_of(args: &DiagnoseArgs, signatures: &Signatures, told: &mut Told) -> Result<(), CommandError> {
    let shown = args.file.display();
    let (mut recording, info) = har::hold(open(&args.file)?, &har::Limits::default())
        .map_err(|error| CommandError::usage(format!("{shown}: {}", sanitize::block(&error.to_string()))))?;
    say_state(&args.file, &info);
    for note in recording::add_behind(&mut recording, &args.behind)? {
        eprintln!("{}", sanitize::block(&note.to_string()));
    }
    told.is_recording = true;
    told.add(None, &diagnose::of_held(recording, signatures));
    Ok(())
}

/// What there is not of a file.
fn say_state(path: &Path, info: &har::Info) {
    let shown = path.display();
    for note in info.notes(&shown.to_string()) {
        eprintln!("{}", sanitize::block(&note));
    }
    if info.is_cut {
        eprintln!("{shown} ends in the middle; its first {} entries are whole and are looked at", info.entries);
    }
}

/// Cases of a saved run; if the file is none, why.
fn run_of(
    path: &Path,
    signatures: &Signatures,
    takes: &dyn Fn(&CaseResult) -> bool,
    told: &mut Told,
) -> Result<Option<String>, CommandError> {
    let shown = path.display();
    let read = saved::read(BufReader::new(open(path)?), &mut |event| {
        if let Event::CaseFinished(result) = event
            && takes(&result)
        {
            let transcript = result.attempts.last().map(|attempt| attempt.transcript.as_slice()).unwrap_or_default();
            told.without_transcript += u64::from(transcript.is_empty());
            let matches = diagnose::diagnose(signatures, transcript);
            told.add(Some(&result), &matches);
        }
        Ok(())
    });
    match read {
        Ok(read) => {
            if !read.complete {
                eprintln!("{shown} ends before its run did; what had finished is looked at");
            }
            Ok(None)
        }
        Err(ReadError::Foreign(why)) => Ok(Some(format!("no saved run: {why}"))),
        Err(ReadError::Io(error)) => Err(CommandError::infrastructure(format!("while {shown} was read: {error}"))),
        Err(error) => Err(CommandError::usage(format!("{shown}: {error}"))),
    }
}
