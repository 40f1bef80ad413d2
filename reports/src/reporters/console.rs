//! The report for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use crate::Reporter;
use crate::model::{Attempt, BrokenFile, CaseResult, Event, RunSummary, Standing, TargetSummary, Verdict};
use crate::paint::{Paint, Role};
use crate::sanitize::{self, MAX_LINE};
use crate::story::{self, Telling};
use crate::{standing, words};

/// Failures that are repeated under the summary.
const REPEATED: usize = 200;

/// Distinct reasons that are told apart.
const REASONS: usize = 50;

/// Longest single reason that stands in the first line of the summary, in characters.
const SHORT_REASON: usize = 60;

/// How much is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// One line for each case that does not conform, and the summary.
    Quiet,
    /// A block for each case that does not conform; skipped and untestable cases are counted by reason.
    #[default]
    Normal,
    /// A line for every case; blocks show every exchange and leave nothing out.
    Verbose,
}

/// How the report looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Colours, by ANSI escape sequences.
    pub color: bool,
    /// How much is said.
    pub verbosity: Verbosity,
}

/// Writes a run as text. What it keeps is bounded, whatever the number of cases.
///
/// Each event is written with one call, so that the output can be shared with a progress bar.
#[derive(Debug)]
pub struct ConsoleReporter<W: Write> {
    out: W,
    style: Style,
    /// Targets that have not been written yet.
    targets: Vec<TargetSummary>,
    repeated: Vec<String>,
    not_repeated: u64,
    skips: BTreeMap<String, u64>,
    untestables: BTreeMap<String, u64>,
    /// Of cases that passed, of which nothing else is told.
    notes: BTreeMap<String, u64>,
}

impl<W: Write> ConsoleReporter<W> {
    /// Writes to `out`, unbuffered.
    pub fn new(out: W, style: Style) -> Self {
        Self {
            out,
            style,
            targets: Vec::new(),
            repeated: Vec::new(),
            not_repeated: 0,
            skips: BTreeMap::new(),
            untestables: BTreeMap::new(),
            notes: BTreeMap::new(),
        }
    }

    /// The writer.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn paint(&self) -> Paint {
        Paint { color: self.style.color }
    }

    fn flush_targets(&mut self, text: &mut String) {
        if self.targets.is_empty() {
            return;
        }
        let label = self.paint().text(Role::Strong, label_of(self.targets.len()));
        let targets: Vec<String> = self.targets.drain(..).map(|target| describe(&target)).collect();
        let _ = writeln!(text, "{label}  {}", targets.join(" · "));
    }

    fn case(&mut self, result: &CaseResult, text: &mut String) {
        let last = result.attempts.last();
        match result.verdict {
            Verdict::Skip => tally(&mut self.skips, last),
            Verdict::Untestable => tally(&mut self.untestables, last),
            Verdict::Pass => {
                last.into_iter().flat_map(|attempt| &attempt.notes).for_each(|n| count(&mut self.notes, n));
            }
            Verdict::Warn | Verdict::Fail | Verdict::Error => {}
        }
        let excused = result.standing.as_ref().is_some_and(Standing::excuses);
        let bad = matches!(result.verdict, Verdict::Fail | Verdict::Warn | Verdict::Error) && !excused;
        let red = result.standing.as_ref().is_some_and(Standing::is_red);
        let named = bad || red || (result.flaky && !excused);
        if named {
            self.repeat(result);
        }
        let verbose = self.style.verbosity == Verbosity::Verbose;
        if bad && self.style.verbosity != Verbosity::Quiet {
            let telling = Telling { paint: self.paint(), whole: verbose };
            text.push_str(&story::tell(result, telling));
            text.push('\n');
        } else if named || verbose {
            self.line(result, text);
        }
    }

    /// `      PASS  scenario [a=b]@2025-06-18 on target   0.004s`
    fn line(&self, result: &CaseResult, text: &mut String) {
        self.column(result, text);
        let duration: f64 = result.attempts.iter().map(|attempt| attempt.duration_ms).sum();
        let name = sanitize::line(&result.id.to_string(), MAX_LINE).into_owned();
        let _ = write!(text, "{name:<60}  {}", words::seconds(duration));
        if let Some(why) = why(result) {
            let _ = write!(text, "  {why}");
        }
        text.push('\n');
    }

    fn column(&self, result: &CaseResult, text: &mut String) {
        let word = standing::head(result);
        let role = Role::Verdict(standing::weight(result));
        let _ = write!(text, "{:>1$}", "", 10_usize.saturating_sub(word.len()));
        self.paint().push(text, role, word);
        text.push_str("  ");
    }

    fn repeat(&mut self, result: &CaseResult) {
        if self.repeated.len() == REPEATED {
            self.not_repeated += 1;
            return;
        }
        let mut text = String::new();
        self.column(result, &mut text);
        let name = sanitize::line(&result.id.to_string(), MAX_LINE).into_owned();
        self.paint().push(&mut text, Role::Strong, &name);
        if let Some(why) = why(result) {
            let _ = write!(text, ": {why}");
        }
        self.repeated.push(text);
    }

    fn broken(&self, file: &BrokenFile, text: &mut String) {
        text.push_str("    ");
        self.paint().push(text, Role::Verdict(Verdict::Error), "BROKEN");
        let errors = words::count(file.errors as u64, "error", "errors");
        let name = sanitize::line(&file.file, MAX_LINE);
        let _ = writeln!(text, "  {name}: {errors}, its scenario did not run");
        if self.style.verbosity != Verbosity::Quiet {
            for line in sanitize::block(&file.diagnostics).lines() {
                let _ = writeln!(text, "  {line}");
            }
            text.push('\n');
        }
    }

    fn summary(&mut self, summary: &RunSummary, text: &mut String) {
        let paint = self.paint();
        let indent = " ".repeat(12);
        text.push_str("   ");
        let worst = if summary.errors() + summary.broken > 0 {
            Verdict::Error
        } else if summary.failures() + summary.fixed + summary.expired > 0 {
            Verdict::Fail
        } else {
            Verdict::Pass
        };
        paint.push(text, Role::Verdict(worst), "Summary");
        let cases = words::count(summary.cases(), "case", "cases");
        let _ = write!(text, "  [{:.2}s] {cases}", summary.duration_ms / 1000.0);
        for (i, part) in self.verdicts(summary).iter().enumerate() {
            let _ = write!(text, "{}{part}", if i == 0 { ": " } else { ", " });
        }
        text.push('\n');

        let checks = &summary.checks;
        if checks.total() == 0 {
            let _ = writeln!(text, "{indent}no check was evaluated");
        } else {
            let _ = writeln!(
                text,
                "{indent}MUST {}/{}   SHOULD {}/{}   requirements {} proved of {} touched",
                checks.must_passed,
                checks.must,
                checks.should_passed,
                checks.should,
                summary.requirements_proved,
                summary.requirements_touched
            );
        }
        for (word, reasons) in [("untestable", &self.untestables), ("skip", &self.skips)] {
            if inline_reason(reasons).is_none() {
                reason_lines(text, &indent, word, reasons);
            }
        }
        reason_lines(text, &indent, "noted", &self.notes);
        if let Some(line) = expected(summary) {
            let _ = writeln!(text, "{indent}{line}");
        }
        if summary.broken > 0 {
            let files = words::count(summary.broken, "scenario file", "scenario files");
            let _ = writeln!(text, "{indent}{files} could not run");
        }
        if let Some(why) = &summary.interrupted {
            let why = sanitize::line(why, MAX_LINE);
            let _ = writeln!(text, "{indent}cut short: {why}; cases that never ran are not counted");
        }
        for line in &self.repeated {
            let _ = writeln!(text, "{line}");
        }
        if self.not_repeated > 0 {
            let _ = writeln!(text, "{indent}… and {} more above", self.not_repeated);
        }
    }

    /// `110 pass`, `1 skip (no resources capability)`; verdicts that no case has are left out.
    fn verdicts(&self, summary: &RunSummary) -> Vec<String> {
        let mut parts = Vec::new();
        let mut add = |n: u64, word: &str, verdict: Verdict, note: Option<String>| {
            if n > 0 {
                let mut part = self.paint().text(Role::Verdict(verdict), &format!("{n} {word}"));
                if let Some(note) = note {
                    let _ = write!(part, " ({note})");
                }
                parts.push(part);
            }
        };
        let flaky = (summary.flaky > 0).then(|| format!("{} flaky", summary.flaky));
        add(summary.pass, "pass", Verdict::Pass, flaky);
        add(summary.fail, "fail", Verdict::Fail, None);
        add(summary.error, words::plural(summary.error, "error", "errors"), Verdict::Error, None);
        add(summary.warn, words::plural(summary.warn, "warning", "warnings"), Verdict::Warn, None);
        let untestable = inline_reason(&self.untestables);
        add(summary.untestable, "untestable", Verdict::Untestable, untestable);
        add(summary.skip, "skip", Verdict::Skip, inline_reason(&self.skips));
        parts
    }
}

impl<W: Write + Send> Reporter for ConsoleReporter<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let mut text = String::new();
        match event {
            Event::RunStarted(_) => {}
            Event::Target(target) => self.targets.push(target.clone()),
            Event::CaseStarted { .. } => self.flush_targets(&mut text),
            Event::Broken(file) => {
                self.flush_targets(&mut text);
                self.broken(file, &mut text);
            }
            Event::CaseFinished(result) => {
                self.flush_targets(&mut text);
                self.case(result, &mut text);
            }
            Event::RunFinished(summary) => {
                self.flush_targets(&mut text);
                self.summary(summary, &mut text);
            }
        }
        if !text.is_empty() {
            self.out.write_all(text.as_bytes())?;
        }
        if matches!(event, Event::RunFinished(_)) {
            self.out.flush()?;
        }
        Ok(())
    }
}

fn label_of(targets: usize) -> &'static str {
    if targets == 1 { "    Target" } else { "   Targets" }
}

/// `mcp-server (mock, 5 versions)`.
fn describe(target: &TargetSummary) -> String {
    let name = sanitize::line(&target.name, MAX_LINE);
    let kind = sanitize::line(&target.kind, MAX_LINE);
    match target.versions.as_slice() {
        [] => format!("{name} ({kind})"),
        [version] => format!("{name} ({kind}, {})", sanitize::line(version, MAX_LINE)),
        versions => format!("{name} ({kind}, {} versions)", versions.len()),
    }
}

/// `baseline   3 known, 1 fixed, 1 expired, 2 quarantined`; nothing where there is none of them.
fn expected(summary: &RunSummary) -> Option<String> {
    let RunSummary { known, fixed, expired, quarantined, .. } = summary;
    let told = [(known, "known"), (fixed, "fixed"), (expired, "expired"), (quarantined, "quarantined")];
    let told: Vec<String> = told.iter().filter(|(n, _)| **n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if told.is_empty() {
        return None;
    }
    let excused = summary.known + summary.quarantined;
    let uncounted = match excused {
        0 => String::new(),
        1 => "; 1 case does not count".to_owned(),
        n => format!("; {n} cases do not count"),
    };
    Some(format!("expected   {}{uncounted}", told.join(", ")))
}

/// Why a case has its verdict; `None` for a plain pass.
fn why(result: &CaseResult) -> Option<String> {
    if let Some(standing) = &result.standing {
        return Some(standing::sentence(standing));
    }
    let last = result.attempts.last()?;
    if result.flaky {
        let tries = result.attempts.len();
        let first = result.attempts.iter().find(|attempt| attempt.verdict != Verdict::Pass)?;
        return Some(format!("passed on try {tries}; before: {}", story::reason(first)));
    }
    (result.verdict != Verdict::Pass).then(|| story::reason(last))
}

fn tally(reasons: &mut BTreeMap<String, u64>, attempt: Option<&Attempt>) {
    let reason = attempt.and_then(|attempt| attempt.reason.as_deref()).unwrap_or("no reason given");
    count(reasons, reason);
}

fn count(reasons: &mut BTreeMap<String, u64>, reason: &str) {
    let reason = sanitize::line(reason, MAX_LINE).into_owned();
    if reasons.len() < REASONS || reasons.contains_key(&reason) {
        *reasons.entry(reason).or_default() += 1;
    } else {
        *reasons.entry("other reasons".to_owned()).or_default() += 1;
    }
}

/// The reason, if there is but one and it is short.
fn inline_reason(reasons: &BTreeMap<String, u64>) -> Option<String> {
    match reasons.iter().next() {
        Some((reason, _)) if reasons.len() == 1 && reason.chars().count() <= SHORT_REASON => Some(reason.clone()),
        _ => None,
    }
}

fn reason_lines(text: &mut String, indent: &str, word: &str, reasons: &BTreeMap<String, u64>) {
    let mut sorted: Vec<(&String, &u64)> = reasons.iter().collect();
    sorted.sort_by_key(|(reason, n)| (std::cmp::Reverse(**n), reason.as_str()));
    for (i, (reason, n)) in sorted.into_iter().enumerate() {
        let word = if i == 0 { word } else { "" };
        let _ = writeln!(text, "{indent}{word:<10} {n:>4}  {reason}");
    }
}
