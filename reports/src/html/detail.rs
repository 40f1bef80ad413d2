//! What the page shows of a case when it is opened.

use serde::Serialize;

use super::exchange::{ExchangeView, Size, diff_line, exchanges};
use super::names::Names;
use crate::diff::{self, Half};
use crate::model::{Attempt, CaseResult, Check, CheckCounts, MismatchReport, Place, Verdict};
use crate::sanitize;
use crate::snippet::Line;
use crate::{standing, story};

/// Longest sentence, in characters.
const TEXT: usize = 2000;

/// Longest command line, in bytes; a cut one would repeat something else.
const COMMAND: usize = 32 * 1024;

/// Notes of a try.
const NOTES: usize = 200;

/// Checks of a try that are shown.
const CHECKS: usize = 400;

#[derive(Serialize)]
pub(super) struct Detail {
    endpoint: String,
    place: Spot,
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<String>,
    again: Option<String>,
    attempts: Vec<Try>,
    /// Something is left out for the sake of the page's size.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    brief: bool,
}

#[derive(Serialize)]
struct Try {
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Spot>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    ms: f64,
    counts: CheckCounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    blame: Option<BlameView>,
    /// What is wrong: the checks of one exchange stand together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<Group>,
    /// Checks that are not wrong, where the run kept them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fine: Vec<(Verdict, String, Vec<usize>)>,
    /// How many checks are not shown.
    #[serde(skip_serializing_if = "is_zero")]
    more_checks: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exchanges: Vec<ExchangeView>,
    /// How many exchanges are not shown.
    #[serde(skip_serializing_if = "is_zero")]
    more_exchanges: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    curl: Option<String>,
    /// Known failures that it looks like: id, title, what helps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<[String; 3]>,
}

#[derive(Serialize)]
struct BlameView {
    who: String,
    hop: String,
    reason: String,
    exchange: Option<usize>,
}

/// A place in a scenario file, and its line.
#[derive(Serialize)]
struct Spot {
    at: String,
    line: u32,
    text: String,
    caret: usize,
    length: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<String>,
}

#[derive(Serialize)]
struct Group {
    exchange: Option<usize>,
    checks: Vec<CheckView>,
    /// `request` or `response`: which half the difference is in.
    half: &'static str,
    /// Expected against actual.
    diff: Vec<super::exchange::DiffView>,
}

#[derive(Serialize)]
struct CheckView {
    verdict: Verdict,
    label: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    requirements: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    spots: Vec<Spot>,
    /// Labels without a place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<String>,
    /// How many mismatches are not shown.
    #[serde(skip_serializing_if = "is_zero")]
    more: usize,
}

pub(super) fn detail(result: &CaseResult, names: &mut Names, size: Size) -> Detail {
    Detail {
        endpoint: text(&result.endpoint),
        place: spot(&result.place, Vec::new()),
        standing: result.standing.as_ref().map(standing::sentence),
        again: command(&result.again),
        attempts: result.attempts.iter().map(|attempt| tried(attempt, &result.id.target, names, size)).collect(),
        brief: size == Size::Brief,
    }
}

fn tried(attempt: &Attempt, target: &str, names: &mut Names, size: Size) -> Try {
    let wrong: Vec<&Check> = attempt.checks.iter().filter(|check| story::is_wrong(check)).collect();
    let shown = &wrong[..wrong.len().min(size.checks())];
    let mut groups = Vec::new();
    let mut rest = shown;
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|check| check.exchange == first.exchange).count();
        let (group, after) = rest.split_at(same);
        groups.push(self::group(attempt, target, group, names, size));
        rest = after;
    }
    let fine: Vec<&Check> = attempt.checks.iter().filter(|check| !story::is_wrong(check)).collect();
    let kept = if size == Size::Brief { 0 } else { fine.len().min(CHECKS) };
    let (exchanges, more_exchanges) = exchanges(attempt, size);
    Try {
        verdict: attempt.verdict,
        reason: attempt.reason.as_deref().map(sanitize::block),
        place: attempt.place.as_ref().map(|place| spot(place, Vec::new())),
        notes: attempt.notes.iter().take(NOTES).map(|note| text(note)).collect(),
        ms: attempt.duration_ms,
        counts: attempt.counts,
        blame: attempt.blame.as_ref().map(|blame| BlameView {
            who: text(&blame.who),
            hop: text(&blame.hop.to_string()),
            reason: text(&blame.reason),
            exchange: blame.exchange,
        }),
        more_checks: wrong.len() - shown.len() + fine.len() - kept,
        fine: fine[..kept]
            .iter()
            .map(|check| (check.verdict, text(&check.label), requirements(check, names)))
            .collect(),
        groups,
        exchanges,
        more_exchanges,
        curl: attempt.curl.as_deref().and_then(command),
        hints: attempt.hints.iter().map(|hint| [&hint.id, &hint.title, &hint.remedy].map(|t| text(t))).collect(),
    }
}

fn group(attempt: &Attempt, target: &str, checks: &[&Check], names: &mut Names, size: Size) -> Group {
    let first = checks.first();
    let index = first.and_then(|check| check.exchange).filter(|index| *index < attempt.transcript.len());
    let mismatches: Vec<&MismatchReport> = checks.iter().flat_map(|check| &check.mismatches).collect();
    let mismatches = &mismatches[..mismatches.len().min(size.mismatches())];
    let (half, mut lines) = match index.and_then(|index| attempt.transcript.get(index)) {
        Some(exchange) => {
            let half = Half::of(exchange, mismatches, target);
            let comparison = diff::compare(exchange, half, mismatches);
            let mut lines = diff::lines(&comparison.expected, &comparison.actual);
            lines.extend(comparison.elsewhere.iter().flat_map(|mismatch| diff::of_mismatch(mismatch)));
            (half, lines)
        }
        None => (Half::Response, mismatches.iter().flat_map(|mismatch| diff::of_mismatch(mismatch)).collect()),
    };
    let left_out = lines.len().saturating_sub(size.diff_lines());
    lines.truncate(size.diff_lines());
    let mut diff: Vec<_> = lines.iter().map(|line| diff_line(line, size)).collect();
    if left_out > 0 {
        diff.push(super::exchange::left_out(left_out));
    }
    Group {
        exchange: index,
        checks: checks.iter().map(|check| self::check(check, names, size)).collect(),
        half: match half {
            Half::Request => "request",
            Half::Response => "response",
        },
        diff,
    }
}

fn check(check: &Check, names: &mut Names, size: Size) -> CheckView {
    let (mismatches, more) = check.mismatches.split_at(check.mismatches.len().min(size.mismatches()));
    let mut spots: Vec<(&Place, Vec<String>)> = Vec::new();
    let mut labels = Vec::new();
    if mismatches.is_empty() {
        let label = format!("{} is not as expected", check.label);
        match &check.place {
            Some(place) => spots.push((place, vec![text(&label)])),
            None => labels.push(text(&label)),
        }
    }
    for mismatch in mismatches {
        let label = text(&format!("{}: {}", mismatch.path, mismatch.reason));
        match mismatch.place.as_ref().or(check.place.as_ref()) {
            None => labels.push(label),
            Some(place) => match spots.iter_mut().find(|(other, _)| *other == place) {
                Some((_, labels)) => labels.push(label),
                None => spots.push((place, vec![label])),
            },
        }
    }
    CheckView {
        verdict: check.verdict,
        label: text(&check.label),
        requirements: requirements(check, names),
        because: check.because.as_deref().map(text),
        spots: spots.into_iter().map(|(place, labels)| spot(place, labels)).collect(),
        labels,
        more: more.len(),
    }
}

fn requirements(check: &Check, names: &mut Names) -> Vec<usize> {
    check.requirements.iter().take(CHECKS).map(|requirement| names.requirement(requirement)).collect()
}

fn spot(place: &Place, labels: Vec<String>) -> Spot {
    let Line { text: line, caret, length } = Line::of(place);
    let at = text(&format!("{}:{}:{}", place.file, place.line, place.column));
    Spot { at, line: place.line, text: line, caret, length, labels }
}

fn text(text: &str) -> String {
    sanitize::line(text, TEXT).into_owned()
}

/// A command line to copy: what would do more than be typed is an escape there. None if it is too long.
fn command(command: &str) -> Option<String> {
    (command.len() <= COMMAND).then(|| sanitize::inline(command).into_owned())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}
