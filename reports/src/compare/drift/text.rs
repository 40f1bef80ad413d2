//! Drift for people: by method, a line for each place.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::{DriftFinding, DriftReport, Open, Worth};
use crate::model::Verdict;
use crate::paint::{Paint, Role};
use crate::sanitize::{self, MAX_LINE};
use crate::words;

/// Cases that are named for each kind of reason, unless everything is shown.
const OPEN: usize = 5;

/// Characters of a value that are shown.
const VALUE: usize = 80;

/// The report as text. `whole` names every case.
#[must_use]
pub fn text(report: &DriftReport, color: bool, whole: bool) -> String {
    let paint = Paint { color };
    let mut out = String::with_capacity(1024);
    for (label, side) in [("mock", &report.mock), ("real", &report.real)] {
        let at = sanitize::line(&side.endpoint, MAX_LINE);
        let _ = writeln!(out, "  {label}  {} at {at}", sanitize::line(&side.name, MAX_LINE));
    }
    out.push('\n');
    let mut method = "";
    for finding in &report.findings {
        if finding.method != method {
            method = &finding.method;
            let _ = writeln!(out, "  {}", paint.text(Role::Strong, &sanitize::line(method, MAX_LINE)));
        }
        line(&mut out, finding, paint, whole);
    }
    if report.findings.is_empty() {
        let _ = writeln!(out, "  {}", paint.text(Role::Verdict(Verdict::Pass), "the mock tells the truth"));
    }
    open(&mut out, report, whole);
    let drifts = report.count(Worth::Drift) as u64;
    let role = if drifts == 0 { Role::Verdict(Verdict::Pass) } else { Role::Verdict(Verdict::Fail) };
    let _ = writeln!(
        out,
        "\n  {}, {}; {} of {} exchanges alike in {}",
        paint.text(role, &words::count(drifts, "drift", "drifts")),
        words::count(report.count(Worth::Note) as u64, "note", "notes"),
        report.same,
        report.compared,
        words::count(report.cases as u64, "case", "cases"),
    );
    out
}

fn line(out: &mut String, finding: &DriftFinding, paint: Paint, whole: bool) {
    let class = match finding.worth {
        Worth::Drift => paint.text(Role::Verdict(Verdict::Fail), "DRIFT"),
        Worth::Note => paint.text(Role::Dim, "note "),
    };
    let path = finding.path.to_string();
    let place = sanitize::line(&path, MAX_LINE);
    let shown = |value: &Option<Value>| match value {
        Some(Value::String(text)) => sanitize::line(text, VALUE).into_owned(),
        Some(value) => sanitize::line(&value.to_string(), VALUE).into_owned(),
        None => "nothing".to_owned(),
    };
    let declared = if finding.declared { " (declared)" } else { "" };
    let _ = writeln!(
        out,
        "    {class}  {place}: mock {}, real {}{declared}  {}",
        shown(&finding.mock),
        shown(&finding.real),
        paint.text(
            Role::Dim,
            &format!("({}, {})", finding.rule, words::count(finding.count as u64, "exchange", "exchanges"))
        ),
    );
    let named = if whole { finding.cases.len() } else { 1 };
    for case in finding.cases.iter().take(named) {
        let _ = writeln!(out, "           in {}", sanitize::line(case, MAX_LINE));
    }
}

fn open(out: &mut String, report: &DriftReport, whole: bool) {
    let mut kinds: BTreeMap<Open, Vec<String>> = BTreeMap::new();
    for open in &report.open {
        kinds.entry(open.kind).or_default().push(format!("{}: {}", open.case, open.reason));
    }
    for (kind, cases) in kinds {
        let word = match kind {
            Open::Untestable => "untestable on the real system",
            Open::Skipped => "not applicable to the real system",
            Open::Unreachable => "the real system did not answer",
            Open::Mock => "the mock could not be asked",
        };
        let _ = writeln!(out, "\n  {word}: {}", words::count(cases.len() as u64, "case", "cases"));
        let shown = if whole { cases.len() } else { cases.len().min(OPEN) };
        for case in cases.iter().take(shown) {
            let _ = writeln!(out, "    {}", sanitize::line(case, MAX_LINE));
        }
        if shown < cases.len() {
            let _ = writeln!(out, "    … {} more; `--verbose` names them all", cases.len() - shown);
        }
    }
}
