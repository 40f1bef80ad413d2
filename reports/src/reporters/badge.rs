//! A conformance badge, as shields.io reads it from an endpoint.

use std::io::{self, Write};

use serde::Serialize;

use crate::Reporter;
use crate::model::{Event, RunSummary};
use crate::words;

/// Writes the document of <https://shields.io/badges/endpoint-badge> when the run is over.
#[derive(Debug)]
pub struct BadgeReporter<W: Write> {
    out: W,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Badge {
    schema_version: u8,
    label: &'static str,
    message: String,
    color: &'static str,
    is_error: bool,
}

impl<W: Write> BadgeReporter<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }
}

fn badge(summary: &RunSummary) -> Badge {
    let RunSummary { broken, checks, known, fixed, expired, .. } = summary;
    let (fail, error, warn) = (summary.failures(), summary.errors(), summary.warnings());
    let stale = fixed + expired;
    let judged = checks.must > 0;
    let (message, color) = match () {
        () if *broken > 0 => ("scenario file with an error".to_owned(), "lightgrey"),
        () if summary.interrupted.is_some() => ("interrupted".to_owned(), "lightgrey"),
        () if !judged => ("nothing judged".to_owned(), "lightgrey"),
        () if fail > 0 => (format!("{fail} of {} cases fail", summary.cases()), "red"),
        () if error > 0 => (format!("{error} of {} cases in error", summary.cases()), "orange"),
        () if stale > 0 => {
            (format!("{} in the baseline", words::count(stale, "stale entry", "stale entries")), "orange")
        }
        () if *known > 0 => (format!("MUST {}/{}, {known} known", checks.must_passed, checks.must), "yellow"),
        () if warn > 0 => (format!("MUST {}/{}, {warn} warnings", checks.must_passed, checks.must), "yellow"),
        () => (format!("{}/{} requirements", summary.requirements_proved, summary.requirements_touched), "brightgreen"),
    };
    Badge { schema_version: 1, label: "MCP conformance", message, color, is_error: color != "brightgreen" }
}

impl<W: Write + Send> Reporter for BadgeReporter<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        if let Event::RunFinished(summary) = event {
            serde_json::to_writer(&mut self.out, &badge(summary))?;
            self.out.write_all(b"\n")?;
            self.out.flush()?;
        }
        Ok(())
    }
}
