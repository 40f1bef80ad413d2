//! The stream of events for programs that follow a run, and the file that survives its death.

use std::io::{self, Write};

use serde::Serialize;

use crate::Reporter;
use crate::model::Event;

/// Name and version of the format, the `schema` member of the first line. Members and events may be added within a version.
pub const EVENTS_VERSION: &str = "gauntlet-events/1";

/// Writes each event as one line of JSON, at once and whole, so that a run which is killed leaves everything that had finished:
///
/// ```json
/// {"schema":"gauntlet-events/1","type":"run_started",…}
/// {"type":"case_finished",…}
/// {"type":"run_finished",…}
/// ```
#[derive(Debug)]
pub struct JsonLinesReporter<W: Write> {
    out: W,
    line: Vec<u8>,
    begun: bool,
}

#[derive(Serialize)]
struct First<'a> {
    schema: &'a str,
    #[serde(flatten)]
    event: &'a Event,
}

impl<W: Write> JsonLinesReporter<W> {
    /// Writes to `out`, one call for each line.
    pub fn new(out: W) -> Self {
        Self { out, line: Vec::new(), begun: false }
    }
}

impl<W: Write + Send> Reporter for JsonLinesReporter<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.line.clear();
        if self.begun {
            serde_json::to_writer(&mut self.line, event)?;
        } else {
            self.begun = true;
            serde_json::to_writer(&mut self.line, &First { schema: EVENTS_VERSION, event })?;
        }
        self.line.push(b'\n');
        self.out.write_all(&self.line)?;
        self.out.flush()
    }
}
