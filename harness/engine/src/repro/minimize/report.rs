//! What came out, for people and for programs.

use std::fmt::Write as _;
use std::path::PathBuf;

use gauntlet_reports::sanitize;
use serde::Serialize;

/// Version of the format of [`Report`] as JSON.
const FORMAT: &str = "gauntlet-minimize/1";

/// Longest line, in characters.
const LINE: usize = 240;

/// Steps that are told one by one.
const STEPS: usize = 12;

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing more can be left out by itself.
    Minimal,
    /// The requests were used up; what is left may not be the smallest.
    RequestsUsedUp,
    /// Somebody ended it.
    Interrupted,
}

/// What is kept while everything else goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A check fails, on the bad side alone if there are two.
    Failure,
    /// A request comes to no answer, which ends the case.
    Error,
    /// Two targets answer the same step otherwise.
    Difference,
}

/// How many there were, and how many are left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// In the original.
    pub before: usize,
    /// In the result.
    pub after: usize,
}

/// A step that is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptStep {
    /// Its number in the result, from 1.
    pub number: usize,
    /// Its number in the original, from 1.
    pub was: usize,
    /// What it is called.
    pub title: String,
    /// Why it is needed.
    pub why: String,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `gauntlet-minimize/1`
    pub format: &'static str,
    /// The case that was reduced.
    pub case: String,
    /// The target on which it fails.
    pub target: String,
    /// The target on which it does not, if two were compared.
    pub good: Option<String>,
    /// Whether a check fails, or two targets answer otherwise.
    pub kind: Kind,
    /// What is wrong, in one sentence; of the original.
    pub failure: String,
    /// How the search ended.
    pub outcome: Outcome,
    /// Steps.
    pub steps: Change,
    /// Headers that steps and defaults set.
    pub headers: Change,
    /// Values in parameters, bodies and the configuration of mocks.
    pub fields: Change,
    /// Expectations.
    pub checks: Change,
    /// Requests made, those of earlier searches that this one went on from included.
    pub requests: u64,
    /// Requests that there might be.
    pub most_requests: u64,
    /// Candidates that were run.
    pub candidates: usize,
    /// Candidates whose outcome was known from an earlier search.
    pub remembered: usize,
    /// The steps that are left.
    pub kept: Vec<KeptStep>,
    /// The result.
    pub output: PathBuf,
    /// What it is held against, beside it, if it has a snapshot.
    pub snapshot: Option<PathBuf>,
    /// Whether the result failed in the same way when it was run from its file; none: it was not run.
    pub verified: Option<bool>,
    /// Why the result was not run, or what it did instead.
    pub note: Option<String>,
    /// The command that goes on, if there is something left to do.
    pub resume: Option<String>,
}

impl Report {
    pub(super) const FORMAT: &'static str = FORMAT;
}

/// The report for people.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    let line = |text: &str| sanitize::line(text, LINE).into_owned();
    let on = match (&report.good, report.kind) {
        (Some(good), Kind::Failure | Kind::Error) => format!("{} (and not on {})", line(&report.target), line(good)),
        (Some(good), Kind::Difference) => format!("{} beside {}", line(&report.target), line(good)),
        (None, _) => line(&report.target),
    };
    let head = match report.outcome {
        Outcome::Minimal => "Minimized",
        Outcome::RequestsUsedUp => "Minimized as far as the requests went:",
        Outcome::Interrupted => "Interrupted; so far",
    };
    let case = report.case.strip_suffix(&format!(" on {}", report.target)).unwrap_or(&report.case);
    let _ = writeln!(out, "{head} {} on {on}", line(case));
    let kind = match report.kind {
        Kind::Failure => "fails",
        Kind::Error => "ends",
        Kind::Difference => "differs",
    };
    let _ = writeln!(out, "  {kind:<9} {}", line(&report.failure));
    for (name, change) in
        [("steps", report.steps), ("headers", report.headers), ("fields", report.fields), ("checks", report.checks)]
    {
        if change != Change::default() {
            let _ = writeln!(out, "  {name:<9} {} → {}", change.before, change.after);
        }
    }
    let remembered = match report.remembered {
        0 => String::new(),
        n => format!(", {n} known from before"),
    };
    let _ = writeln!(
        out,
        "  requests  {} of {}; {} candidates run{remembered}",
        report.requests, report.most_requests, report.candidates
    );
    out.push_str("  why each step is needed\n");
    let width = report.kept.iter().map(|step| step.title.chars().count()).max().unwrap_or(0).min(40);
    for step in report.kept.iter().take(STEPS) {
        let _ = writeln!(out, "    {:>2}  {:<width$}  {}", step.number, line(&step.title), line(&step.why));
    }
    if report.kept.len() > STEPS {
        let _ = writeln!(out, "    … and {} more", report.kept.len() - STEPS);
    }
    let verified = match report.verified {
        Some(true) if report.kind == Kind::Difference => {
            ", and failed on the one and passed on the other when it was run from there"
        }
        Some(true) => ", and failed in the same way when it was run from there",
        Some(false) => "; RUN FROM THERE IT DID SOMETHING ELSE",
        None => "; it was not run from there",
    };
    let snapshot = report.snapshot.as_ref().map(|path| format!(" with {}", line(&path.display().to_string())));
    let snapshot = snapshot.unwrap_or_default();
    let _ = writeln!(out, "  written   {}{snapshot}{verified}", line(&report.output.display().to_string()));
    if let Some(note) = &report.note {
        let _ = writeln!(out, "  note      {}", line(note));
    }
    if let Some(resume) = &report.resume {
        let _ = writeln!(out, "  go on     {}", sanitize::inline(resume));
    }
    out
}
