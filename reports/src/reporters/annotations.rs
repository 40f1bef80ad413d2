//! Annotations of a GitHub Actions run: each failure at its line of the scenario, in the pull request's diff.

use std::io::{self, Write};

use crate::Reporter;
use crate::model::{BrokenFile, CaseResult, Event, Place, Standing, Verdict};
use crate::sanitize;
use crate::story;
use crate::{standing, words};

/// Longest message, in characters.
const MESSAGE: usize = 2000;

/// Writes workflow commands (`::error file=…,line=…::…`): a failure and an error are errors, a broken SHOULD is a warning, a case
/// that passed only on a retry is a notice. Of what is known or in quarantine nothing is said; a pass that the baseline says is a
/// failure is an error, and so is an expired entry.
///
/// GitHub shows the first ten of each kind for a step, and the rest in the log.
#[derive(Debug)]
pub struct AnnotationsReporter<W: Write> {
    out: W,
}

impl<W: Write> AnnotationsReporter<W> {
    /// Writes to `out`, which must reach the log of the step.
    pub fn new(out: W) -> Self {
        Self { out }
    }

    fn case(&mut self, result: &CaseResult) -> io::Result<()> {
        let excused = result.standing.as_ref().is_some_and(Standing::excuses);
        let red = result.standing.as_ref().is_some_and(Standing::is_red);
        let kind = match result.verdict {
            _ if excused => return Ok(()),
            _ if red => "error",
            Verdict::Fail | Verdict::Error => "error",
            Verdict::Warn => "warning",
            Verdict::Pass if result.flaky => "notice",
            Verdict::Pass | Verdict::Skip | Verdict::Untestable => return Ok(()),
        };
        let told = result.attempts.iter().rev().find(|attempt| attempt.verdict != Verdict::Pass);
        let broken = told.and_then(|attempt| attempt.checks.iter().find(|check| check.verdict == attempt.verdict));
        let place = broken
            .and_then(|check| check.mismatches.iter().find_map(|m| m.place.as_ref()).or(check.place.as_ref()))
            .or_else(|| told.and_then(|attempt| attempt.place.as_ref()))
            .unwrap_or(&result.place);
        let mut message = match &result.standing {
            Some(standing) => standing::sentence(standing),
            None => told.map_or_else(|| "passed only on a retry".to_owned(), story::reason),
        };
        if let Some(requirement) = broken.and_then(|check| check.requirements.first()) {
            let level = words::level(requirement.level);
            let text = format!("{level} {}: {}", requirement.id, requirement.statement);
            message.push_str(&format!("\n{}", sanitize::inline(&text)));
        }
        if let Some(hint) = told.and_then(|attempt| attempt.hints.first()) {
            let text = format!("{}: {}; {}", hint.id, hint.title, hint.remedy);
            message.push_str(&format!("\nhint: {}", sanitize::inline(&text)));
        }
        message.push_str(&format!("\nagain: {}", sanitize::inline(&result.again)));
        let title =
            format!("{} {}", if red { standing::head(result) } else { words::verdict(result.verdict) }, result.id);
        self.write(kind, place, &title, &message)
    }

    fn broken(&mut self, file: &BrokenFile) -> io::Result<()> {
        let place = Place { file: file.file.clone(), line: 1, column: 1, length: 1, text: String::new() };
        self.write("error", &place, "scenario file with an error", &file.diagnostics)
    }

    fn write(&mut self, kind: &str, place: &Place, title: &str, message: &str) -> io::Result<()> {
        let line = format!(
            "::{kind} file={},line={},col={},endColumn={},title={}::{}\n",
            property(&place.file),
            place.line,
            place.column,
            place.column.saturating_add(place.length),
            property(title),
            data(&sanitize::block(&sanitize::cut(message, MESSAGE))),
        );
        self.out.write_all(line.as_bytes())
    }
}

/// A message is data: the three characters that end it or begin an escape are written as such.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property ends at a comma or colon too.
fn property(text: &str) -> String {
    data(&sanitize::line(text, MESSAGE)).replace(':', "%3A").replace(',', "%2C")
}

impl<W: Write + Send> Reporter for AnnotationsReporter<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::CaseFinished(result) => self.case(result),
            Event::Broken(file) => self.broken(file),
            Event::RunFinished(_) => self.out.flush(),
            Event::RunStarted(_) | Event::Target(_) | Event::CaseStarted { .. } => Ok(()),
        }
    }
}
