//! What is told of a case.

use gauntlet_format::{Scenario, Span};
use gauntlet_reports::{Attempt, CaseResult, Check, MismatchReport, Place, RequirementRef, Verdict, curl};

use super::super::check::Checked;
use super::super::{GivenSecrets, report_level, volatile};
use crate::config::Endpoint;
use crate::conformance::Requirements;
use crate::transcript::Places;

use super::Case;

pub(super) fn result(case: &Case, endpoint: String, attempts: Vec<Attempt>, given: &GivenSecrets) -> CaseResult {
    let verdict = attempts.last().map_or(Verdict::Error, |a| a.verdict);
    CaseResult {
        index: case.index,
        id: case.id.clone(),
        title: case.scenario.title.clone(),
        pack: case.scenario.pack.clone(),
        tags: case.scenario.tags.clone(),
        place: place(&case.scenario, case.scenario.id_span),
        endpoint,
        verdict,
        flaky: attempts.len() > 1 && !matches!(verdict, Verdict::Fail | Verdict::Error),
        standing: None,
        attempts,
        again: again(case, given),
        volatile: volatile::spec(&case.scenario),
    }
}

/// A command line that repeats the request which the first check that did not pass judges.
pub(super) fn repeat_line(attempt: &Attempt, labels: &[String]) -> Option<String> {
    let failed = attempt.checks.iter().find(|c| c.verdict != Verdict::Pass)?;
    let exchange = attempt.transcript.get(failed.exchange?)?;
    exchange.request.url.starts_with("http").then(|| curl::command(&exchange.request, labels)).flatten()
}

/// A word for a POSIX shell.
fn quote(word: &str) -> String {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=@".contains(c));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn again(case: &Case, given: &GivenSecrets) -> String {
    let mut line = format!("gauntlet run {}", case.id.scenario);
    for (name, label) in &case.id.case {
        line.push_str(&format!(" --case {}", quote(&format!("{name}={label}"))));
    }
    if let Some(version) = &case.id.version {
        line.push_str(&format!(" --mcp-version {version}"));
    }
    let spec = &case.target.spec;
    match &spec.endpoint {
        // Named after its role alone, as `--target URL` does; the name would mean the embedded mock.
        Endpoint::Url(url) if spec.roles == [spec.name.as_str()] && spec.auth.is_none() && !url.contains("${") => {
            let role = if spec.name == "mcp-server" { String::new() } else { format!("{}=", spec.name) };
            line.push_str(&format!(" --target {}", quote(&format!("{role}{url}"))));
        }
        _ => line.push_str(&format!(" --target {}", quote(&spec.name))),
    }
    for key in &case.scenario.secrets {
        line.push_str(&format!(" --secret {}", quote(given.word(&key.name))));
    }
    line
}

/// A place in one of the scenario's sources, with its line.
pub(crate) fn place(scenario: &Scenario, span: Span) -> Place {
    let Some(source) = scenario.sources.get(usize::from(span.source)) else {
        return Place { file: String::new(), line: 0, column: 0, length: 0, text: String::new() };
    };
    let start = usize::try_from(span.start).unwrap_or(0);
    let end = usize::try_from(span.end).unwrap_or(0);
    let text =
        usize::try_from(span.line).ok().and_then(|n| source.text.lines().nth(n.saturating_sub(1))).unwrap_or_default();
    let first_line = source.text.get(start..end).and_then(|t| t.lines().next()).unwrap_or_default();
    Place {
        file: source.path.display().to_string(),
        line: span.line,
        column: span.column,
        length: u32::try_from(first_line.trim_end().chars().count().max(1)).unwrap_or(1),
        text: text.to_owned(),
    }
}

pub(super) fn report_check(
    checked: &Checked,
    scenario: &Scenario,
    requirements: &Requirements,
    places: &Places,
) -> Check {
    let mismatch = |m: &gauntlet_format::Mismatch| MismatchReport {
        path: m.path.clone(),
        expected: m.expected.clone(),
        actual: m.actual.clone(),
        reason: m.reason.clone(),
        place: (m.span != Span::default()).then(|| place(scenario, m.span)),
    };
    Check {
        step: checked.step,
        label: checked.label.clone(),
        verdict: checked.verdict,
        requirements: checked
            .requirements
            .iter()
            .filter_map(|id| requirements.get(id))
            .map(|r| RequirementRef {
                id: r.id.to_string(),
                level: report_level(r.level),
                statement: r.statement.to_string(),
                link: r.link(),
            })
            .collect(),
        because: checked.because.clone(),
        mismatches: checked.mismatches.iter().map(mismatch).collect(),
        place: checked.span.map(|s| place(scenario, s)),
        exchange: match &checked.arrived {
            Some(arrived) => arrived.sequence.and_then(|sequence| places.of_arrived(&arrived.mock, sequence)),
            None => checked.exchange.and_then(|number| places.of(number)),
        },
    }
}
