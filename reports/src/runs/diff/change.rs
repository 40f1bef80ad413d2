//! What a difference between two runs of a case is called, and what it is worth.

use serde::Serialize;

use super::index::{Entry, Index};
use super::pair::Paired;
use super::{Settings, case_name};
use crate::model::{CaseId, Verdict};

/// What changed. The worst comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It fails, or ends with an error, and did not before.
    NewlyFailing,
    /// It was judged before, and is skipped or untestable now.
    NoLongerJudged,
    /// It passed before, and breaks a SHOULD now.
    NewlyWarning,
    /// It fails as before, or otherwise than before.
    StillFailing,
    /// The verdict is the same, but not what was said.
    Changed,
    /// It takes longer.
    Slower,
    /// It is skipped where it was untestable, or the other way round.
    StillNotJudged,
    /// Only the first run has it.
    Removed,
    /// It failed or warned before, and does not now.
    Fixed,
    /// It was skipped or untestable before, and is judged now.
    NewlyJudged,
    /// Only the second run has it.
    Added,
}

impl Kind {
    /// All of them, the worst first.
    pub const ALL: [Self; 11] = [
        Self::NewlyFailing,
        Self::NoLongerJudged,
        Self::NewlyWarning,
        Self::StillFailing,
        Self::Changed,
        Self::Slower,
        Self::StillNotJudged,
        Self::Removed,
        Self::Fixed,
        Self::NewlyJudged,
        Self::Added,
    ];

    /// What it is called in a heading and in a sentence.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NewlyFailing => "newly failing",
            Self::NoLongerJudged => "no longer judged",
            Self::NewlyWarning => "newly warning",
            Self::StillFailing => "still failing",
            Self::Changed => "changed transcript",
            Self::Slower => "slower",
            Self::StillNotJudged => "still not judged",
            Self::Removed => "removed",
            Self::Fixed => "fixed",
            Self::NewlyJudged => "newly judged",
            Self::Added => "added",
        }
    }
}

/// What a case came to in one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct State {
    /// The target.
    pub target: String,
    /// The verdict.
    pub verdict: Verdict,
    /// It passed only on a retry.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub flaky: bool,
    /// A baseline or a quarantine says that the verdict does not count.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub excused: bool,
    /// Why, unless it passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Milliseconds.
    pub duration_ms: f64,
}

/// One change of one case. A case that is slower and says other things has two.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseChange {
    /// What changed.
    pub kind: Kind,
    /// The case without its target, or a scenario file that cannot run.
    pub case: String,
    /// In the first run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<State>,
    /// In the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<State>,
    /// Of what still fails: whether in the same place and way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_reason: Option<bool>,
    /// The lines of the transcripts that differ, with `-` and `+`, and a few around them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diff: Vec<String>,
    /// A command line that runs the case again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again: Option<String>,
    /// Position of the pair.
    #[serde(skip)]
    pub(super) pair: Option<usize>,
}

impl CaseChange {
    /// Whether this is worse than before; `strict` counts whatever is not better.
    #[must_use]
    pub fn is_worse(&self, strict: bool) -> bool {
        match self.kind {
            _ if self.after.as_ref().is_some_and(|after| after.excused) => false,
            Kind::NewlyFailing => true,
            Kind::StillFailing => strict && self.same_reason == Some(false),
            Kind::NoLongerJudged | Kind::NewlyWarning | Kind::Changed | Kind::Slower | Kind::Removed => strict,
            Kind::StillNotJudged | Kind::Fixed | Kind::NewlyJudged | Kind::Added => false,
        }
    }
}

fn is_failure(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Fail | Verdict::Error)
}

fn is_open(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Skip | Verdict::Untestable)
}

/// What a pair of verdicts means, if anything.
fn of_verdicts(before: Verdict, after: Verdict) -> Option<Kind> {
    Some(match (before, after) {
        (before, after) if is_failure(before) && is_failure(after) => Kind::StillFailing,
        (_, after) if is_failure(after) => Kind::NewlyFailing,
        (before, after) if before == after => return None,
        (before, after) if is_open(before) && is_open(after) => Kind::StillNotJudged,
        (_, after) if is_open(after) => Kind::NoLongerJudged,
        (before, _) if is_open(before) => Kind::NewlyJudged,
        (Verdict::Pass, _) => Kind::NewlyWarning,
        _ => Kind::Fixed,
    })
}

/// Every change, the worst first.
pub(super) fn changes(before: &Index, after: &Index, paired: &Paired, settings: &Settings) -> Vec<CaseChange> {
    let mut out = Vec::new();
    for (at, pair) in paired.pairs.iter().enumerate() {
        let first = pair.before.and_then(|i| before.entries.get(i));
        let second = pair.after.and_then(|i| after.entries.get(i));
        match (first, second) {
            (Some(first), Some(second)) => both(at, first, second, settings, &mut out),
            (Some(first), None) => out.push(change(Kind::Removed, at, Some(first), None)),
            (None, Some(second)) if is_failure(second.verdict) => {
                out.push(change(Kind::NewlyFailing, at, None, Some(second)));
            }
            (None, Some(second)) => out.push(change(Kind::Added, at, None, Some(second))),
            (None, None) => {}
        }
    }
    let file = |kind: Kind, file: &String| CaseChange {
        kind,
        case: file.clone(),
        before: None,
        after: None,
        same_reason: (kind == Kind::StillFailing).then_some(true),
        diff: Vec::new(),
        again: (kind != Kind::Fixed).then(|| format!("gauntlet check {file}")),
        pair: None,
    };
    for broken in &after.broken {
        let kind = if before.broken.contains(broken) { Kind::StillFailing } else { Kind::NewlyFailing };
        out.push(file(kind, broken));
    }
    out.extend(before.broken.iter().filter(|b| !after.broken.contains(b)).map(|b| file(Kind::Fixed, b)));
    out.sort_by_key(|change| change.kind);
    out
}

fn both(at: usize, first: &Entry, second: &Entry, settings: &Settings, out: &mut Vec<CaseChange>) {
    let kind = of_verdicts(first.verdict, second.verdict);
    if let Some(kind) = kind {
        let mut change = change(kind, at, Some(first), Some(second));
        change.same_reason =
            (kind == Kind::StillFailing).then_some(first.verdict == second.verdict && first.cause == second.cause);
        out.push(change);
        return;
    }
    if let (Some(said), Some(says)) = (first.transcript, second.transcript)
        && said != says
    {
        out.push(change(Kind::Changed, at, Some(first), Some(second)));
    }
    let slower = settings.slower;
    let more = second.duration_ms - first.duration_ms;
    if !is_open(second.verdict) && more >= slower.floor_ms && second.duration_ms >= first.duration_ms * slower.ratio {
        out.push(change(Kind::Slower, at, Some(first), Some(second)));
    }
}

fn change(kind: Kind, at: usize, first: Option<&Entry>, second: Option<&Entry>) -> CaseChange {
    let state = |entry: &Entry| State {
        target: entry.id.target.clone(),
        verdict: entry.verdict,
        flaky: entry.flaky,
        excused: entry.excused,
        reason: entry.reason.clone(),
        duration_ms: entry.duration_ms,
    };
    let id: Option<&CaseId> = second.or(first).map(|entry| &entry.id);
    CaseChange {
        kind,
        case: id.map(case_name).unwrap_or_default(),
        before: first.map(state),
        after: second.map(state),
        same_reason: None,
        diff: Vec::new(),
        again: second.and_then(|entry| entry.again.clone()),
        pair: Some(at),
    }
}
