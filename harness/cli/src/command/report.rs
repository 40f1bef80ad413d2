//! `gauntlet report`

use std::fs::File;
use std::io::{BufReader, ErrorKind};

use anstream::eprintln;
use gauntlet_reports::Verbosity;
use gauntlet_reports::history::History;
use gauntlet_reports::saved::{self, ReadError};

use super::reporting::Beside;
use super::{coverage, history, reporting, selection};
use crate::args::{ReportArgs, ReportFormat};
use crate::exit::{CommandError, Exit, Outcome};

/// Bytes read at a time.
const BUFFER: usize = 256 * 1024;

pub(crate) fn run(args: &ReportArgs) -> Outcome {
    let path = args.run.display();
    let file = File::open(&args.run).map_err(|e| CommandError::usage(format!("cannot read {path}: {e}")))?;
    if args.history.is_some() && args.format != ReportFormat::Html {
        return Err(CommandError::usage("trends are part of the page only; write `--format html` beside `--history`"));
    }
    if args.coverage && args.format != ReportFormat::Html {
        return Err(CommandError::usage(
            "coverage is part of the page only; write `--format html` beside `--coverage`",
        ));
    }
    let coverage = if args.coverage {
        let config = selection::config(None)?;
        Some(coverage::matrix(&config, &[], None)?)
    } else {
        None
    };
    let beside = Beside { history: args.history.as_deref(), coverage };
    if let Some(history) = &args.history {
        History::open_existing(history).map_err(|e| history::refused(history, &e))?;
    }
    let mut reporter = match (&args.output, args.format) {
        (None, ReportFormat::Console) if args.all => reporting::to_stdout(Verbosity::Verbose),
        (None, ReportFormat::Console) => reporting::to_stdout(Verbosity::Normal),
        (output, format) => reporting::create(format, output.as_deref().unwrap_or("-"), beside)?,
    };
    let read = saved::read(BufReader::with_capacity(BUFFER, file), &mut |event| reporter.event(&event));
    match read {
        Ok(read) => {
            if !read.complete {
                eprintln!("{path} ends before its run did; what had finished is told");
            }
            Ok(Exit::Conforms)
        }
        // Whoever reads has seen enough.
        Err(ReadError::Io(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Conforms),
        Err(ReadError::Io(error)) => Err(CommandError::infrastructure(format!("while {path} was rendered: {error}"))),
        Err(error) => Err(CommandError::usage(format!("{path}: {error}"))),
    }
}
