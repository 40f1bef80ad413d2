//! What came of a replay.

use std::fmt::Write as _;

use gauntlet_reports::sanitize;
use serde::Serialize;

/// Version of the format of [`Report`] as JSON.
pub const FORMAT: &str = "gauntlet-replay/1";

/// Longest label and reason in text, in characters.
const SHOWN: usize = 200;

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The answer is as recorded.
    Same,
    /// It is not.
    Changed {
        /// Lines with `-` for what was recorded and `+` for what came now, and a few around them.
        diff: Vec<String>,
    },
    /// The recording has the request alone, so that there is nothing to compare with.
    Unrecorded {
        /// The lines of the live answer.
        answer: Vec<String>,
    },
    /// It was not sent.
    NotSent {
        /// Why.
        reason: String,
    },
}

/// What an exchange came to, on one side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Came {
    /// HTTP status; none over stdio, and without an answer.
    pub status: Option<u16>,
    /// Milliseconds until the answer was complete.
    pub elapsed_ms: f64,
    /// Why there is no whole answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A recorded request and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Played {
    /// Its number in the recording, from 1.
    pub number: usize,
    /// `tools/call web_search`, `GET /mcp`.
    pub label: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// As recorded.
    pub recorded: Came,
    /// As it is now; none if it was not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<Came>,
}

/// The whole replay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: &'static str,
    /// Name of the target.
    pub target: String,
    /// Its URL or command.
    pub endpoint: String,
    /// Requests whose answers are as recorded.
    pub same: usize,
    /// … and those whose are not.
    pub changed: usize,
    /// Requests whose answers the recording does not have.
    pub unrecorded: usize,
    /// Requests that were not sent, but for those that were not selected.
    pub not_sent: usize,
    /// Requests that were not selected; they are not listed.
    pub not_selected: usize,
    /// It was ended before all were answered: how many were not; they are not listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<usize>,
    /// What was done to the requests as a whole, one sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// In the order of the recording.
    pub exchanges: Vec<Played>,
}

/// The report for people: what differs in full, the rest in a line each; `verbose` with times.
#[must_use]
pub fn text(report: &Report, color: bool, verbose: bool) -> String {
    let paint = |code: &str, text: &str| if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() };
    let mut out = String::new();
    let width = report.exchanges.last().map_or(1, |last| last.number.to_string().len());
    for played in &report.exchanges {
        let (word, code) = match &played.outcome {
            Outcome::Same => ("same    ", "32"),
            Outcome::Changed { .. } => ("CHANGED ", "1;31"),
            Outcome::Unrecorded { .. } => ("answered", "36"),
            Outcome::NotSent { .. } => ("not sent", "33"),
        };
        let label = sanitize::line(&played.label, SHOWN);
        let _ = write!(out, "{}  #{:<width$}  {label}", paint(code, word), played.number);
        match (&played.outcome, &played.live) {
            (Outcome::NotSent { reason }, _) => {
                let _ = write!(out, ": {}", sanitize::line(reason, SHOWN));
            }
            (_, Some(live)) if verbose => {
                let _ = write!(out, "  {:.0} ms, recorded {:.0} ms", live.elapsed_ms, played.recorded.elapsed_ms);
            }
            _ => {}
        }
        out.push('\n');
        let lines = match &played.outcome {
            Outcome::Changed { diff } => diff.as_slice(),
            Outcome::Unrecorded { answer } => answer.as_slice(),
            Outcome::Same | Outcome::NotSent { .. } => &[],
        };
        for line in lines {
            let code = match line.as_bytes().first() {
                Some(b'-') => "31",
                Some(b'+') => "32",
                _ => "2",
            };
            let _ = writeln!(out, "    {}", paint(code, &sanitize::inline(line)));
        }
    }
    for note in &report.notes {
        let _ = writeln!(out, "note: {}", sanitize::line(note, SHOWN));
    }
    let Report { same, changed, unrecorded, not_sent, .. } = report;
    let unrecorded =
        if *unrecorded > 0 { format!("{unrecorded} answered for the first time, ") } else { String::new() };
    let (target, endpoint) = (sanitize::line(&report.target, SHOWN), sanitize::line(&report.endpoint, SHOWN));
    let _ =
        writeln!(out, "\n{same} same, {changed} changed, {unrecorded}{not_sent} not sent, on {target} at {endpoint}");
    if let Some(left) = report.interrupted {
        let _ = writeln!(out, "interrupted; not answered any more: {left}");
    }
    out
}
