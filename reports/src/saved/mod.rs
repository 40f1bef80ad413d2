//! Reading what a run has left: a JSON report or a stream of events, whole or cut off.
//!
//! Events come one by one, so that a file of any size is read in the memory of its largest case.

mod document;
mod lines;

use std::io::{self, BufRead};

use crate::EVENTS_VERSION;
use crate::REPORT_VERSION;
use crate::model::Event;
use crate::summary::SummaryBuilder;

/// What is told of a run whose file has no end.
const CUT_OFF: &str = "the file ends before the run did";

/// Why a file cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The system could not read it, or whoever takes the events could not go on.
    Io(io::Error),
    /// It is no report, and why.
    Foreign(String),
    /// A later Gauntlet wrote it: the format that it names.
    Newer(String),
    /// It is a report, but not JSON, or not of the format, from a place on.
    Malformed {
        /// 1-based.
        line: usize,
        /// 1-based, in bytes.
        column: usize,
        /// What is wrong there.
        problem: String,
    },
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Foreign(why) => {
                write!(f, "this is not what `--report json=FILE` or `--report jsonl=FILE` writes: {why}")
            }
            Self::Newer(format) => write!(
                f,
                "written by a later Gauntlet, in the format {format}; this one reads {REPORT_VERSION} and {EVENTS_VERSION}"
            ),
            Self::Malformed { line, column, problem } => write!(f, "line {line}, column {column}: {problem}"),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// How much of the run the file had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// The file goes to the end of the run; otherwise the last event was made up from those before it.
    pub complete: bool,
}

/// Hands the events of a saved run to `take`, in the order of the file. The last one is always [`Event::RunFinished`]: of a file
/// that was cut off, as by SIGKILL or a full disk, it has the totals of what is there.
///
/// # Errors
/// When the file is no report, of a later format, or damaged other than at its end; or when `take` fails.
pub fn read(mut from: impl BufRead, take: &mut dyn FnMut(Event) -> io::Result<()>) -> Result<Read, ReadError> {
    let mut totals = SummaryBuilder::default();
    let mut finished = false;
    let mut started = false;
    let mut counted = |event: Event| {
        totals.event(&event);
        started |= matches!(event, Event::RunStarted(_));
        finished |= matches!(event, Event::RunFinished(_));
        take(event)
    };
    if lines::begins(from.fill_buf()?) {
        lines::read(from, &mut counted)?;
    } else {
        document::read(from, &mut counted)?;
    }
    if !started {
        return Err(ReadError::Foreign("it is empty or cut off in its first line".to_owned()));
    }
    if !finished {
        take(Event::RunFinished(totals.build(0.0, Some(CUT_OFF.to_owned()))))?;
    }
    Ok(Read { complete: finished })
}

/// Whether a format can be read here.
fn known(found: &str, ours: &str) -> Result<(), ReadError> {
    if found == ours {
        return Ok(());
    }
    let (family, number) = ours.rsplit_once('/').unwrap_or((ours, ""));
    let later = |n: &str| n.parse::<u32>().ok().zip(number.parse::<u32>().ok()).is_some_and(|(n, ours)| n > ours);
    match found.rsplit_once('/') {
        Some((f, n)) if f == family && later(n) => Err(ReadError::Newer(found.to_owned())),
        _ => Err(ReadError::Foreign(format!("its format is `{found}`"))),
    }
}

/// A mistake of serde_json with its place.
fn malformed(error: &serde_json::Error, line: usize) -> ReadError {
    let text = error.to_string();
    // The place is told in words of our own.
    let problem = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]).to_owned();
    ReadError::Malformed { line: line + error.line(), column: error.column(), problem }
}
