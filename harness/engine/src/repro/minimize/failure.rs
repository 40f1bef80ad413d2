//! What makes a failure the same failure in another scenario.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use gauntlet_format::scenario::SNAPSHOT;
use gauntlet_reports::diff::{Tag, lines};
use gauntlet_reports::volatile::{Normaliser, Rules, unnumbered, without_numbers};
use gauntlet_reports::{Attempt, Body, Check, Exchange, MismatchReport, Verdict, sanitize};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest text that is part of a failure, in characters.
const TEXT: usize = 200;

/// Labels whose values are what they are about.
const TELLING: [&str; 5] = ["status", "outcome", "problem", "method", "mock"];

/// Labels whose reason is all that there is.
const REASONED: [&str; 2] = ["wire", "schema"];

/// A failed check, apart from values that may be others the next time: on which step, where in the exchange and how it differs, and
/// what kind of answer it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Failure {
    /// The step, by its number in the original; none if no step's exchange is judged, but one of the lifecycle's.
    pub(super) step: Option<usize>,
    /// What is checked.
    pub(super) label: String,
    /// Whether a MUST is broken, or a SHOULD.
    pub(super) verdict: Verdict,
    /// Where the first thing is that is wrong, if it was looked for there.
    pub(super) path: String,
    /// What is wrong, the first first.
    marks: Vec<String>,
    answer: Answer,
    /// The known failure that it looks like, if any does.
    known: Option<String>,
    /// Everything that is red in the case.
    red: BTreeSet<(Option<usize>, String)>,
}

/// What kind of answer is judged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    status: Option<u16>,
    code: Option<Value>,
    /// What a refusal says.
    said: Option<String>,
}

impl Failure {
    /// The failure of a check; `steps` are the numbers in the original of the steps that ran.
    pub(super) fn of(attempt: &Attempt, check: &Check, steps: &[usize]) -> Self {
        Self {
            step: step_of(attempt, check, steps),
            label: label(check),
            verdict: check.verdict,
            path: check.mismatches.first().map(|mismatch| mismatch.path.clone()).unwrap_or_default(),
            marks: marks(check),
            answer: check.exchange.and_then(|at| attempt.transcript.get(at)).map(Answer::of).unwrap_or_default(),
            known: attempt.hints.first().map(|hint| hint.id.clone()),
            red: red(attempt, steps),
        }
    }

    /// Whether the try failed in the same way, and in no other way besides; if not, in which.
    pub(super) fn is_shown_by(&self, attempt: &Attempt, steps: &[usize]) -> Result<(), String> {
        self.place(attempt, steps).map(drop)
    }

    /// The step on which the try failed in the same way, as it is numbered in that try, if it belongs to a step.
    pub(super) fn place(&self, attempt: &Attempt, steps: &[usize]) -> Result<Option<usize>, String> {
        let mut found = wrong(attempt).map(|check| (check, Self::of(attempt, check, steps)));
        match found.find(|(_, found)| self.is_same(found)) {
            Some((check, found)) if attempt.verdict == self.verdict => {
                if let Some((_, label)) = found.red.difference(&self.red).next() {
                    return Err(format!("`{label}` fails too, which did not before"));
                }
                let lost = self.known.as_ref().filter(|known| attempt.hints.iter().all(|hint| hint.id != **known));
                lost.map_or_else(
                    || Ok(place_of(attempt, check)),
                    |known| Err(format!("it does not look like {known} any more")),
                )
            }
            _ => Err(told(attempt)),
        }
    }

    fn is_same(&self, found: &Self) -> bool {
        (self.step, &self.label, self.verdict, &self.answer) == (found.step, &found.label, found.verdict, &found.answer)
            && found.marks.iter().all(|mark| self.marks.contains(mark))
            && self.marks.first().is_none_or(|first| found.marks.contains(first))
    }
}

impl Answer {
    /// The message that answers.
    pub(super) fn message(body: &Body) -> Option<&Value> {
        match body {
            Body::Json(value) => Some(value),
            Body::Events(events) => events.iter().rev().map(|event| &event.data).find(|data| data.get("id").is_some()),
            _ => None,
        }
    }

    pub(super) fn of(exchange: &Exchange) -> Self {
        let Some(response) = &exchange.response else { return Self::default() };
        let message = Self::message(&response.body);
        let status = response.status;
        let Some(message) = message else { return Self { status, ..Self::default() } };
        let refused = status.is_some_and(|status| status >= 400);
        let tool_error = message.pointer("/result/isError") == Some(&Value::Bool(true));
        let text = |path: &str| message.pointer(path).and_then(Value::as_str);
        let said = text("/error/message").or_else(|| {
            let of_tool = text("/result/content/0/text").filter(|_| tool_error);
            let of_http = || ["/message", "/error", "/error_description", "/__type"].into_iter().find_map(text);
            of_tool.or_else(|| of_http().filter(|_| refused))
        });
        let code = message.pointer("/error/code").cloned().or_else(|| tool_error.then(|| "isError".into()));
        Self { status, code, said: said.map(normalised) }
    }
}

/// Checks that did not pass.
pub(super) fn wrong(attempt: &Attempt) -> impl Iterator<Item = &Check> {
    attempt.checks.iter().filter(|check| matches!(check.verdict, Verdict::Fail | Verdict::Warn))
}

/// What became of a try, in a few words.
pub(super) fn told(attempt: &Attempt) -> String {
    let worst = wrong(attempt).max_by_key(|check| (check.verdict, std::cmp::Reverse(check.step)));
    let reason = match (worst, &attempt.reason) {
        (Some(check), _) => {
            let why = check.mismatches.first().map_or("", |mismatch| mismatch.reason.as_str());
            format!("{}: {why}", check.label)
        }
        (None, Some(reason)) => reason.clone(),
        (None, None) => return "passes".to_owned(),
    };
    sanitize::line(&reason, TEXT).into_owned()
}

/// What is red in a try: on which step, and which check.
pub(super) fn red(attempt: &Attempt, steps: &[usize]) -> BTreeSet<(Option<usize>, String)> {
    wrong(attempt).map(|check| (step_of(attempt, check, steps), label(check))).collect()
}

/// Of several requests that arrived, which one it was does not matter.
fn label(check: &Check) -> String {
    if check.label.starts_with("requests[") { without_numbers(&check.label) } else { check.label.clone() }
}

/// The step of a check, by its number in the original.
fn step_of(attempt: &Attempt, check: &Check, steps: &[usize]) -> Option<usize> {
    place_of(attempt, check).and_then(|number| steps.get(number).copied())
}

/// The step of a check as it is numbered in the try; of what arrived behind the target, the step that caused it.
fn place_of(attempt: &Attempt, check: &Check) -> Option<usize> {
    let of_scenario = check.place.is_some();
    let exchange = check.exchange.and_then(|at| attempt.transcript.get(at));
    match exchange {
        _ if of_scenario => Some(check.step),
        Some(exchange) => match exchange.cause.and_then(|cause| attempt.transcript.get(cause)) {
            Some(cause) => cause.step,
            None => exchange.step,
        },
        None => Some(check.step),
    }
}

/// What is wrong in a check, one line for each place, the first first.
pub(super) fn marks(check: &Check) -> Vec<String> {
    let mut marks: Vec<String> = Vec::new();
    for mismatch in &check.mismatches {
        if check.label == SNAPSHOT {
            return changed_lines(mismatch);
        }
        let mark = mark(&check.label, mismatch);
        if !marks.contains(&mark) {
            marks.push(mark);
        }
    }
    marks
}

/// The lines that a section of a snapshot lacks, and those that it has too many. Which of several values a placeholder stands for
/// tells of the steps before.
fn changed_lines(mismatch: &MismatchReport) -> Vec<String> {
    let (Some(expected), Some(Value::String(actual))) = (mismatch.expected.as_str(), &mismatch.actual) else {
        return vec![mark(SNAPSHOT, mismatch)];
    };
    let split = |text: &str| unnumbered(text).lines().map(str::to_owned).collect::<Vec<String>>();
    let changed = lines(&split(expected), &split(actual)).into_iter().filter_map(|line| match line.tag {
        Tag::Expected => Some(format!("- {}", line.text().trim_end())),
        Tag::Actual => Some(format!("+ {}", line.text().trim_end())),
        Tag::Same | Tag::Gap => None,
    });
    changed.collect()
}

fn mark(label: &str, mismatch: &MismatchReport) -> String {
    let MismatchReport { path, expected, actual, reason, .. } = mismatch;
    let is_telling = TELLING.contains(&label) || label.starts_with("headers.") || path.ends_with(".code");
    let kind = match actual {
        None if REASONED.contains(&label) => normalised(reason),
        None => "not there".to_owned(),
        Some(Value::String(text)) if is_telling => normalised(text),
        Some(value @ (Value::Null | Value::Bool(_))) => value.to_string(),
        Some(Value::Number(number)) if is_telling => number.to_string(),
        Some(Value::Number(number)) => match number.as_f64().partial_cmp(&expected.as_f64()) {
            Some(Ordering::Less) => "a smaller number",
            Some(Ordering::Greater) if expected.is_number() => "a greater number",
            _ => "another number",
        }
        .to_owned(),
        Some(Value::String(_)) => "another text".to_owned(),
        Some(Value::Array(_)) => "another list".to_owned(),
        Some(Value::Object(_)) => "another object".to_owned(),
    };
    // An expectation that says less can fail in the same place, for another reason.
    format!("{}: {kind} in place of {}", without_numbers(path), normalised(&expected.to_string()))
}

/// A text without what differs from run to run.
pub(super) fn normalised(text: &str) -> String {
    let rules = Rules::builtin();
    let mut text: String = text.chars().take(TEXT).collect();
    Normaliser::new(&rules).line(&mut text);
    without_numbers(&text)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(step: usize, label: &str, path: &str, expected: Value, actual: Value) -> Value {
        json!({
            "step": step, "label": label, "verdict": "fail", "requirements": [], "because": null,
            "mismatches": [{ "path": path, "expected": expected, "actual": actual, "reason": "r", "place": null }],
            "place": { "file": "f", "line": 1, "column": 1, "length": 1, "text": "" }, "exchange": 0,
        })
    }

    fn attempt(checks: Vec<Value>, status: u16, body: Value) -> Attempt {
        serde_json::from_value(json!({
            "verdict": "fail", "reason": null, "place": null, "duration_ms": 1.0,
            "counts": { "must": 1, "must_passed": 0, "should": 0, "should_passed": 0 },
            "checks": checks, "blame": null, "requirements": [], "curl": null,
            "transcript": [{
                "hop": { "from": "client", "to": "t" }, "step": 0, "failure": null, "cause": null, "note": null,
                "started_ms": 0.0, "began_ms": null, "elapsed_ms": 1.0,
                "request": { "method": "POST", "url": "http://x/", "headers": [], "body": "empty" },
                "response": { "status": status, "headers": [], "body": { "json": body } },
            }],
        }))
        .unwrap()
    }

    fn refusal(text: &str) -> Value {
        json!({ "message": text })
    }

    #[test]
    fn the_same_failure_is_known_again_whatever_the_values() {
        let before = attempt(vec![check(4, "result", "result.tools[3].name", json!("a"), json!("b"))], 200, json!({}));
        let failure = Failure::of(&before, &before.checks[0], &[0, 1, 2, 3, 4]);
        assert_eq!(failure.step, Some(4));
        let after = attempt(vec![check(1, "result", "result.tools[0].name", json!("a"), json!("c"))], 200, json!({}));
        assert_eq!(failure.is_shown_by(&after, &[2, 4]), Ok(()));
        // Of another step.
        assert!(failure.is_shown_by(&after, &[2, 3]).is_err());
        let absent = attempt(vec![check(1, "result", "result.tools[0].name", json!("a"), Value::Null)], 200, json!({}));
        assert!(failure.is_shown_by(&absent, &[2, 4]).is_err());
    }

    #[test]
    fn another_refusal_is_another_failure() {
        let status = |told: &str, actual: u16| {
            attempt(vec![check(0, "status", "status", json!(200), json!(actual))], actual, refusal(told))
        };
        let before = status("User is not authorized to make this call.", 403);
        let failure = Failure::of(&before, &before.checks[0], &[0]);
        assert_eq!(failure.is_shown_by(&status("User is not authorized to make this call.", 403), &[0]), Ok(()));
        assert!(
            failure.is_shown_by(&status("The bearer token included in the request is invalid.", 403), &[0]).is_err()
        );
        assert!(failure.is_shown_by(&status("User is not authorized to make this call.", 400), &[0]).is_err());
    }

    #[test]
    fn what_fails_besides_was_not_asked_for() {
        let one = check(0, "status", "status", json!(200), json!(500));
        let before = attempt(vec![one.clone()], 500, json!({}));
        let failure = Failure::of(&before, &before.checks[0], &[0]);
        let after = attempt(vec![one, check(0, "schema", "result", json!("x"), Value::Null)], 500, json!({}));
        assert!(failure.is_shown_by(&after, &[0]).unwrap_err().contains("schema"));
        // The other way round it is less, and fine.
        let failure = Failure::of(&after, &after.checks[0], &[0]);
        assert_eq!(failure.is_shown_by(&before, &[0]), Ok(()));
        let mut warned = after.clone();
        warned.verdict = Verdict::Error;
        assert!(failure.is_shown_by(&warned, &[0]).is_err());
    }

    #[test]
    fn a_snapshot_fails_in_the_same_way_if_the_same_lines_differ() {
        let section = |text: &str| {
            let lines = json!("POST /mcp\nid <uuid:1>\n\nHTTP 200\nok");
            attempt(vec![check(0, SNAPSHOT, SNAPSHOT, lines, json!(text))], 200, json!({}))
        };
        let before = section("POST /mcp\nid <uuid:7>\n\nHTTP 403\nno");
        let failure = Failure::of(&before, &before.checks[0], &[0]);
        assert_eq!(failure.marks, ["- HTTP 200", "- ok", "+ HTTP 403", "+ no"]);
        assert_eq!(failure.is_shown_by(&section("POST /mcp\nid <uuid:2>\n\nHTTP 403\nno"), &[0]), Ok(()));
        for other in ["POST /mcp\nid <uuid:1>\n\nHTTP 500\nno", "POST /mcp\n\nHTTP 403\nno"] {
            assert!(failure.is_shown_by(&section(other), &[0]).is_err(), "{other}");
        }
    }

    #[test]
    fn numbers_are_told_by_their_side() {
        let of = |actual: u64| {
            let attempt = attempt(vec![check(0, "count", "count", json!(1), json!(actual))], 200, json!({}));
            Failure::of(&attempt, &attempt.checks[0], &[0]).marks
        };
        assert_eq!(of(2), of(7));
        assert_ne!(of(2), of(0));
    }
}
