//! An ablation for people.

use std::fmt::Write as _;

use gauntlet_reports::sanitize;

use super::report::{Ablation, Finding, Smallest, Worth};

/// Width of the column that says what a line is about.
const LABEL: usize = 15;

/// Longest name of a part that widens its column.
const NAME: usize = 32;

/// Parts that are named in one line.
const NAMED: usize = 24;

/// The ablation as text, in colours or not. `file` is where its scenario is.
#[must_use]
pub fn text(report: &Ablation, color: bool, file: Option<&str>) -> String {
    let bold = |text: &str| if color { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() };
    let mut out = String::new();
    let head = format!("{}, step {}: {}", report.case, report.step, report.title);
    line(&mut out, "", &format!("{} → {}", bold(&sanitize::inline(&head)), report.answer));
    line(&mut out, "", &sanitize::inline(&report.endpoint));
    findings(&mut out, "load-bearing", &report.of(Worth::LoadBearing).collect::<Vec<_>>());
    findings(&mut out, "changes answer", &report.of(Worth::ChangesAnswer).collect::<Vec<_>>());
    let idle: Vec<&str> =
        report.of(Worth::NoEffect).filter_map(|finding| finding.parts.first().map(String::as_str)).collect();
    if !idle.is_empty() {
        row(&mut out, "no effect", &names(&idle));
    }
    let altered: Vec<&Finding> = report.altered.iter().filter(|finding| finding.effect != Worth::NoEffect).collect();
    findings(&mut out, "altered", &altered);
    let accepted: Vec<String> = report.altered.iter().filter(|f| f.effect == Worth::NoEffect).map(subject).collect();
    if !accepted.is_empty() {
        row(&mut out, "no effect", &names(&accepted.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    findings(&mut out, "pairs", &report.pairs.iter().collect::<Vec<_>>());
    not_tried(&mut out, report);
    if let Some(smallest) = &report.smallest {
        smallest_lines(&mut out, report, smallest, file);
    }
    for note in
        report.stopped.iter().map(|stopped| format!("ended early: {stopped}")).chain(report.notes.iter().cloned())
    {
        line(&mut out, "", &sanitize::inline(&note));
    }
    line(&mut out, "", &tried(report));
    out
}

/// What there would be besides.
fn not_tried(out: &mut String, report: &Ablation) {
    let mut rows = Vec::new();
    if !report.not_tried.is_empty() {
        let asked: Vec<&str> = report.not_tried.iter().map(String::as_str).collect();
        rows.push(format!("{}: what is asked (--deep)", names(&asked)));
    }
    if report.pairs_tried.is_none() && report.of(Worth::NoEffect).count() > 1 {
        rows.push("pairs: where either of two is enough, neither shows alone (--pairs)".to_owned());
    }
    for (n, text) in rows.iter().enumerate() {
        row(out, if n == 0 { "not tried" } else { "" }, text);
    }
}

/// How much was tried.
fn tried(report: &Ablation) -> String {
    let mut words = vec![format!("{} requests of at most {}", report.requests, report.max_requests)];
    if report.fresh {
        words.push("everything anew for each".to_owned());
    }
    words.extend(report.pairs_tried.map(|tried| format!("{tried} pairs left out")));
    words.join(" · ")
}

fn smallest_lines(out: &mut String, report: &Ablation, smallest: &Smallest, file: Option<&str>) {
    let count = |n: usize, one: &str, many: &str| match n {
        0 => None,
        1 => Some(format!("1 {one}")),
        n => Some(format!("{n} {many}")),
    };
    let counts = [
        count(smallest.headers, "header", "headers"),
        count(smallest.parameters, "query parameter", "query parameters"),
        count(smallest.fields, "body field", "body fields"),
    ];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    let what = if report.answer.is_success() { "that still succeeds" } else { "with the same answer" };
    let kind = if smallest.minimal { "smallest request" } else { "smallest request so far" };
    let file = file.map(|file| format!("   (written to {file})")).unwrap_or_default();
    line(out, "", &format!("{kind} {what}: {}{file}", counts.join(", ")));
    if !smallest.needed_together.is_empty() {
        let needed: Vec<&str> = smallest.needed_together.iter().map(String::as_str).collect();
        let stays = if needed.len() == 1 { "stays" } else { "stay" };
        line(out, "", &format!("  {} {stays} in it: without all that has no effect alone it fails", names(&needed)));
    }
}

/// What a finding is about.
fn subject(finding: &Finding) -> String {
    let parts = finding.parts.join(" + ");
    match finding.alter {
        Some(alter) => format!("{parts} = {alter}"),
        None => parts,
    }
}

fn findings(out: &mut String, label: &str, findings: &[&Finding]) {
    let subjects: Vec<String> = findings.iter().map(|f| sanitize::inline(&subject(f)).into_owned()).collect();
    let width = subjects.iter().map(|subject| subject.chars().count()).filter(|n| *n <= NAME).max().unwrap_or(0);
    for (n, (finding, subject)) in findings.iter().zip(&subjects).enumerate() {
        let said = match (finding.effect, finding.differences.as_slice()) {
            (Worth::ChangesAnswer, [first, rest @ ..]) => {
                let more = if rest.is_empty() { String::new() } else { format!(" (and {} more)", rest.len()) };
                format!("{first}{more}")
            }
            _ => finding.answer.to_string(),
        };
        row(out, if n == 0 { label } else { "" }, &format!("{subject:<width$}  → {said}"));
    }
}

fn names(names: &[&str]) -> String {
    let mut shown: Vec<String> = names.iter().take(NAMED).map(|name| sanitize::inline(name).into_owned()).collect();
    if names.len() > NAMED {
        shown.push(format!("… ({} in all)", names.len()));
    }
    shown.join(" · ")
}

fn row(out: &mut String, label: &str, text: &str) {
    line(out, &format!("{label:<LABEL$} "), text);
}

fn line(out: &mut String, label: &str, text: &str) {
    // Writing to a text cannot fail.
    let _ = writeln!(out, "  {label}{text}");
}
