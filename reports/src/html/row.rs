//! What the page knows of every case from the start: what its list shows and its filters ask for.

use serde::Serialize;
use serde_json::Value;

use super::names::Names;
use crate::model::{Attempt, CaseResult, Check, Verdict};
use crate::sanitize;
use crate::{standing, story, words};

/// Longest id, title or reason, in characters.
const TEXT: usize = 400;

/// Characters of further reasons that are searched.
const SEARCHED: usize = 1500;

/// Tags, matrix values and requirements of one case that are kept.
const MANY: usize = 500;

#[derive(Serialize)]
pub(super) struct Row {
    /// Names that no row before has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<Value>,
    /// The whole id, which is the anchor too.
    id: String,
    scenario: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<usize>,
    target: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pack: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<usize>,
    title: String,
    verdict: Verdict,
    /// What stands in the list: the verdict, `flaky`, or the standing.
    shown: String,
    /// The verdict that it looks like.
    weight: Verdict,
    ms: f64,
    /// Requirements that it touches, each with the worst verdict of its checks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    requirements: Vec<(usize, Verdict)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// Further reasons, for the search.
    #[serde(skip_serializing_if = "String::is_empty")]
    also: String,
}

pub(super) fn row(result: &CaseResult, names: &mut Names) -> Row {
    let text = |text: &str| sanitize::line(text, TEXT).into_owned();
    let last = result.attempts.last();
    for attempt in &result.attempts {
        attempt.checks.iter().flat_map(|check| &check.requirements).for_each(|requirement| {
            names.requirement(requirement);
        });
    }
    let requirements = last.into_iter().flat_map(|attempt| &attempt.requirements).take(MANY);
    let requirements = requirements.map(|(id, verdict)| (names.number("requirement", id), *verdict)).collect();
    let why = why(result);
    let also = last.map(|attempt| also(attempt, why.as_deref())).unwrap_or_default();
    Row {
        requirements,
        version: result.id.version.as_deref().map(|version| names.number("version", version)),
        target: names.number("target", &result.id.target),
        pack: result.pack.as_deref().map(|pack| names.number("pack", pack)),
        tags: result.tags.iter().take(MANY).map(|tag| names.number("tag", tag)).collect(),
        names: names.take_new(),
        id: sanitize::line(&result.id.to_string(), 2 * TEXT).into_owned(),
        scenario: text(&result.id.scenario),
        values: result.id.case.iter().take(MANY).map(|(name, label)| text(&format!("{name}={label}"))).collect(),
        title: text(&result.title),
        verdict: result.verdict,
        shown: standing::head(result).to_lowercase(),
        weight: standing::weight(result),
        ms: result.attempts.iter().map(|attempt| attempt.duration_ms).sum(),
        why,
        also,
    }
}

/// Why the case is not a plain pass.
fn why(result: &CaseResult) -> Option<String> {
    let wrong = |attempt: &&Attempt| attempt.verdict != Verdict::Pass;
    let told = if result.flaky { result.attempts.iter().find(wrong) } else { result.attempts.last().filter(wrong) };
    told.map(story::reason).map(|reason| {
        if result.flaky {
            let tries = words::count(result.attempts.len() as u64, "try", "tries");
            format!("passed after {tries}; before: {reason}")
        } else {
            reason
        }
    })
}

/// Reasons of all that is wrong but what is shown anyway.
fn also(attempt: &Attempt, why: Option<&str>) -> String {
    let mut out = String::new();
    let checks = attempt.checks.iter().filter(|check| story::is_wrong(check));
    let reasons = checks.flat_map(|check: &Check| {
        let labels = std::iter::once(&check.label);
        labels.chain(check.mismatches.iter().flat_map(|mismatch| [&mismatch.path, &mismatch.reason]))
    });
    for reason in reasons.chain(&attempt.notes) {
        if out.len() > SEARCHED {
            break;
        }
        let reason = sanitize::line(reason, TEXT);
        if why != Some(reason.as_ref()) {
            out.push_str(&reason);
            out.push('\n');
        }
    }
    out
}
