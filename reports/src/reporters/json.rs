//! The report for programs.

use std::io::{self, BufWriter, Write};

use serde::Serialize;

use crate::Reporter;
use crate::model::{BrokenFile, CaseResult, Event, RunSummary, TargetSummary};
use crate::summary::SummaryBuilder;

/// Name and version of the format, the `schema` member of a report. Members may be added within a version.
pub const REPORT_VERSION: &str = "gauntlet-report/1";

/// The JSON Schema (2020-12) of the format.
pub const REPORT_SCHEMA: &str = include_str!("../../schema/report-v1.json");

/// Size of the buffer, in bytes.
const BUFFER: usize = 64 * 1024;

/// Writes a run as one JSON document, one result a line:
///
/// ```json
/// {"schema":"gauntlet-report/1","run":{…},"results":[
/// {"type":"case",…},
/// {"type":"broken",…}
/// ],"targets":[…],"summary":{…}}
/// ```
///
/// Results are written as they come and not kept. The document is closed by [`Event::RunFinished`], or else when the
/// reporter is dropped, so that it is whole however the run ends.
#[derive(Debug)]
pub struct JsonReporter<W: Write> {
    out: Option<BufWriter<W>>,
    state: State,
    targets: Vec<TargetSummary>,
    /// In case the run ends without a summary.
    totals: SummaryBuilder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Nothing,
    Open { results: bool },
    Closed,
}

/// An element of `results`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Entry<'a> {
    Case(&'a CaseResult),
    Broken(&'a BrokenFile),
}

impl<W: Write> JsonReporter<W> {
    /// Writes to `out`, through a buffer.
    pub fn new(out: W) -> Self {
        Self {
            out: Some(BufWriter::with_capacity(BUFFER, out)),
            state: State::Nothing,
            targets: Vec::new(),
            totals: SummaryBuilder::default(),
        }
    }

    /// Closes the document, if no [`Event::RunFinished`] has, and gives the writer back.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.close(None)?;
        match self.out.take() {
            Some(out) => out.into_inner().map_err(io::IntoInnerError::into_error),
            None => Err(io::Error::other("the report has no output")),
        }
    }

    fn entry(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        let Some(out) = &mut self.out else {
            return Ok(());
        };
        match &mut self.state {
            State::Open { results } => {
                out.write_all(if *results { b",\n" } else { b"\n" })?;
                *results = true;
            }
            State::Nothing | State::Closed => return Ok(()),
        }
        serde_json::to_writer(&mut *out, entry)?;
        // At once, so that a run which is killed leaves what had finished.
        out.flush()
    }

    fn close(&mut self, summary: Option<&RunSummary>) -> io::Result<()> {
        let (Some(out), State::Open { .. }) = (&mut self.out, self.state) else {
            return Ok(());
        };
        // Set first: an output that fails once is not tried again on drop.
        self.state = State::Closed;
        out.write_all(b"\n],\"targets\":")?;
        serde_json::to_writer(&mut *out, &self.targets)?;
        out.write_all(b",\"summary\":")?;
        match summary {
            Some(summary) => serde_json::to_writer(&mut *out, summary)?,
            None => {
                let why = "the report ended before the run did".to_owned();
                serde_json::to_writer(&mut *out, &self.totals.build(0.0, Some(why)))?;
            }
        }
        out.write_all(b"}\n")?;
        out.flush()
    }
}

impl<W: Write + Send> Reporter for JsonReporter<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.totals.event(event);
        match event {
            Event::RunStarted(run) => {
                let (Some(out), State::Nothing) = (&mut self.out, self.state) else {
                    return Ok(());
                };
                self.state = State::Open { results: false };
                write!(out, "{{\"schema\":\"{REPORT_VERSION}\",\"run\":")?;
                serde_json::to_writer(&mut *out, run)?;
                out.write_all(b",\"results\":[")
            }
            Event::Target(target) => {
                self.targets.push(target.clone());
                Ok(())
            }
            Event::Broken(file) => self.entry(&Entry::Broken(file)),
            Event::CaseStarted { .. } => Ok(()),
            Event::CaseFinished(result) => self.entry(&Entry::Case(result)),
            Event::RunFinished(summary) => self.close(Some(summary)),
        }
    }
}

impl<W: Write> Drop for JsonReporter<W> {
    fn drop(&mut self) {
        // Nobody is left to hear of an error.
        let _ = self.close(None);
    }
}
