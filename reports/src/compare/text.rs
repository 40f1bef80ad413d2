//! A report for people: a line for each finding, grouped by method.

use std::fmt::Write as _;

use super::rules::Class;
use super::{Evidence, Finding, Report};
use crate::canonical::{self, Layout, Volatile};
use crate::diff::{self, Tag};
use crate::model::{Body, Exchange, Verdict};
use crate::paint::{Paint, Role};
use crate::sanitize::{self, MAX_LINE};

/// Width of the column of methods, and of that of texts, in characters, at most.
const COLUMNS: [usize; 2] = [26, 74];

/// Lines of a diff that are shown.
const DIFF_LINES: usize = 80;

/// Runs that are named.
const RUNS: usize = 5;

/// What is left open that is told.
const OPEN: usize = 10;

/// The report as text. `verbose` shows both exchanges under each finding.
#[must_use]
pub fn text(report: &Report, color: bool, verbose: bool) -> String {
    let paint = Paint { color };
    let mut out = String::with_capacity(1024);
    for (name, side) in [("direct", &report.direct), ("through", &report.through)] {
        let at = sanitize::line(&side.endpoint, MAX_LINE);
        let _ = writeln!(out, "  {name:<8} {} at {at}", sanitize::line(&side.name, MAX_LINE));
    }
    out.push('\n');
    let texts: Vec<String> = report.findings.iter().map(|finding| told(finding, report.runs.len())).collect();
    let widest = |width: usize, lengths: &mut dyn Iterator<Item = usize>| {
        lengths.filter(|length| *length <= width).max().unwrap_or(0)
    };
    let [wide, wider] = COLUMNS;
    let widths = [
        widest(wide, &mut report.findings.iter().map(|finding| finding.method.chars().count())),
        widest(wider, &mut texts.iter().map(|text| text.chars().count())),
    ];
    let mut method = "";
    for (finding, text) in report.findings.iter().zip(&texts) {
        let shown = if method == finding.method { "" } else { &finding.method };
        method = &finding.method;
        line(&mut out, [shown, text], widths, finding, paint);
        if verbose && let Some(evidence) = &finding.evidence {
            exchanges(&mut out, evidence, paint);
        }
    }
    if report.findings.is_empty() {
        let _ = writeln!(out, "  {}", paint.text(Role::Verdict(Verdict::Pass), "no difference"));
    }
    for (i, open) in report.uncompared.iter().enumerate() {
        if i == 0 {
            out.push('\n');
        }
        if i == OPEN {
            let _ = writeln!(out, "  not compared: {} more", report.uncompared.len() - OPEN);
            break;
        }
        let run = sanitize::line(&open.run, MAX_LINE);
        let _ = writeln!(out, "  not compared: {run}: {}", sanitize::line(&open.reason, MAX_LINE));
    }
    out.push('\n');
    summary(&mut out, report, paint);
    out
}

/// The text of a finding, with the runs in which it was seen if not in all.
fn told(finding: &Finding, runs: usize) -> String {
    let mut text = sanitize::line(&finding.text, MAX_LINE).into_owned();
    if finding.declared {
        text.push_str(" (declared)");
    }
    if finding.runs.len() < runs {
        let more = finding.runs.len().saturating_sub(2);
        let named: Vec<_> = finding.runs.iter().take(2).map(|run| sanitize::line(run, MAX_LINE)).collect();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = write!(text, " [{}{more}]", named.join(", "));
    }
    text
}

fn line(out: &mut String, [method, text]: [&str; 2], [wide, wider]: [usize; 2], finding: &Finding, paint: Paint) {
    let method = paint.text(Role::Strong, &format!("{:<wide$}", sanitize::line(method, MAX_LINE)));
    let class = match (finding.class, finding.requirement) {
        (Class::Breaking, Some(id)) => {
            format!("{}  {id}", paint.text(Role::Verdict(Verdict::Fail), "BREAKING"))
        }
        (Class::Breaking, None) => paint.text(Role::Verdict(Verdict::Fail), "BREAKING"),
        (Class::Allowed, _) => paint.text(Role::Dim, "allowed"),
        (Class::Expected, _) => paint.text(Role::Dim, "expected of a proxy"),
    };
    let rule = paint.text(Role::Dim, &format!("({})", finding.rule));
    let _ = writeln!(out, "  {method} {text:<wider$}  {class}  {rule}");
}

fn summary(out: &mut String, report: &Report, paint: Paint) {
    let breaking = report.count(Class::Breaking);
    let role = if breaking == 0 { Role::Verdict(Verdict::Pass) } else { Role::Verdict(Verdict::Fail) };
    let _ = write!(
        out,
        "  {}, {} allowed, {} expected; {} of {} exchanges the same",
        paint.text(role, &format!("{breaking} breaking")),
        report.count(Class::Allowed),
        report.count(Class::Expected),
        report.same,
        report.compared
    );
    if report.varying > 0 {
        let noun = if report.varying == 1 { "difference" } else { "differences" };
        let _ = write!(out, "; {} {noun} that the direct side has with itself left out", report.varying);
    }
    out.push('\n');
    if report.runs.len() > RUNS {
        let _ = writeln!(out, "  compared in {} cases", report.runs.len());
    } else if !report.runs.is_empty() {
        let runs: Vec<_> = report.runs.iter().map(|run| sanitize::line(run, MAX_LINE)).collect();
        let _ = writeln!(out, "  compared at {}", runs.join(", "));
    }
}

/// Both exchanges as one diff: the request once, the responses line by line.
fn exchanges(out: &mut String, evidence: &Evidence, paint: Paint) {
    let pages = evidence.direct.len().max(evidence.through.len());
    for page in 0..pages {
        let (direct, through) = (evidence.direct.get(page), evidence.through.get(page));
        if let Some(exchange) = direct.or(through) {
            for line in canonical::request(&exchange.request, Volatile::Mask) {
                let _ = writeln!(out, "      {}", sanitize::line(&line, MAX_LINE));
            }
        }
        let layout = [direct, through].into_iter().flatten().map(layout).fold(Layout::OneLine, Layout::both);
        let (before, after) = (response(direct, layout), response(through, layout));
        for (i, line) in diff::lines(&before, &after).into_iter().enumerate() {
            if i == DIFF_LINES {
                let _ = writeln!(out, "      {}", paint.text(Role::Dim, "…"));
                break;
            }
            let (sign, role) = match line.tag {
                Tag::Same => (' ', Role::Plain),
                Tag::Expected => ('-', Role::Expected),
                Tag::Actual => ('+', Role::Actual),
                Tag::Gap => ('~', Role::Dim),
            };
            let text = sanitize::line(&line.text(), MAX_LINE).into_owned();
            let _ = writeln!(out, "    {}", paint.text(role, &format!("{sign} {text}")));
        }
    }
}

fn layout(exchange: &Exchange) -> Layout {
    Layout::of(exchange.response.as_ref().map_or(&Body::Empty, |response| &response.body))
}

fn response(exchange: Option<&Exchange>, layout: Layout) -> Vec<String> {
    let mut lines = Vec::new();
    let Some(exchange) = exchange else { return lines };
    if let Some(response) = &exchange.response {
        lines.extend(canonical::status_line(response));
        canonical::headers(&response.headers, Volatile::Mask, &mut lines);
        canonical::body(&response.body, layout, &mut lines);
    }
    lines.extend(exchange.failure.as_ref().map(|failure| format!("({failure})")));
    lines
}
