//! From events to what is kept of them.

use std::fmt::Write as _;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::StandingKind;
use super::ci::Source;
use crate::model::{Attempt, CaseId, CaseResult, Check, RunInfo, RunSummary, Verdict};
use crate::sanitize::cut;
use crate::volatile::without_numbers;

/// Characters kept of what is told of a failure.
const TOLD: usize = 300;

/// Failed checks that make up a signature.
const CHECKS: usize = 8;

/// A run, before anything is known of its results.
#[derive(Debug, Clone)]
pub(super) struct RunRow {
    pub(super) info: RunInfo,
    pub(super) started_ms: i64,
    pub(super) source: Source,
}

/// How a run ended.
#[derive(Debug, Clone, Default)]
pub(super) struct End {
    pub(super) duration_ms: f64,
    pub(super) broken: u64,
    pub(super) interrupted: Option<String>,
}

/// What failed in a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FailureRow {
    /// The same for the same failure in another run, whatever the values.
    pub(super) signature: String,
    /// For people.
    pub(super) told: String,
}

/// A case.
#[derive(Debug, Clone)]
pub(super) struct ResultRow {
    pub(super) id: CaseId,
    pub(super) pack: Option<String>,
    pub(super) verdict: Verdict,
    pub(super) flaky: bool,
    pub(super) standing: StandingKind,
    pub(super) attempts: usize,
    pub(super) duration_us: i64,
    pub(super) failure: Option<FailureRow>,
    /// `[["requirement", "verdict"], …]`; none where nothing is touched.
    pub(super) proof: Option<String>,
}

impl RunRow {
    pub(super) fn new(info: &RunInfo, source: &Source) -> Self {
        let started_ms = OffsetDateTime::parse(&info.started_at, &Rfc3339).map_or(0, milliseconds);
        Self { info: info.clone(), started_ms, source: source.clone() }
    }

    /// `2/8`.
    pub(super) fn shard(&self) -> Option<String> {
        self.info.shard.as_ref().map(|shard| format!("{}/{}", shard.index, shard.of))
    }

    /// What no other run has: two that begin in the same nanosecond are parts of one, or of several environments.
    pub(super) fn key(&self) -> String {
        let RunInfo { started_at, environment, .. } = &self.info;
        let shard = self.shard().unwrap_or_default();
        format!("{started_at}|{shard}|{}", environment.as_deref().unwrap_or_default())
    }
}

impl From<&RunSummary> for End {
    fn from(summary: &RunSummary) -> Self {
        Self {
            duration_ms: summary.duration_ms,
            broken: summary.broken,
            interrupted: summary.interrupted.as_deref().map(|why| cut(why, TOLD).into_owned()),
        }
    }
}

impl From<&CaseResult> for ResultRow {
    fn from(result: &CaseResult) -> Self {
        let last = result.attempts.last();
        let flaky = result.flaky && result.verdict == Verdict::Pass;
        // Of a flaky pass the failure is worth keeping, and it is in the try before.
        let telling = if flaky { result.attempts.iter().rev().nth(1) } else { last };
        Self {
            id: result.id.clone(),
            pack: result.pack.clone(),
            verdict: result.verdict,
            flaky,
            standing: StandingKind::from(result.standing.as_ref()),
            attempts: result.attempts.len(),
            duration_us: microseconds(last.map_or(0.0, |attempt| attempt.duration_ms)),
            failure: telling.and_then(failure),
            proof: last.and_then(proof),
        }
    }
}

fn failure(attempt: &Attempt) -> Option<FailureRow> {
    if attempt.verdict == Verdict::Pass {
        return None;
    }
    let failed = || attempt.checks.iter().filter(|check| check.verdict >= Verdict::Warn);
    let Some(first) = failed().next() else {
        let reason = attempt.reason.as_deref()?;
        return Some(FailureRow {
            signature: without_numbers(&cut(reason, TOLD)),
            told: cut(reason, TOLD).into_owned(),
        });
    };
    let mut signature = String::new();
    for check in failed().take(CHECKS) {
        let path = check.mismatches.first().map_or("", |mismatch| mismatch.path.as_str());
        let _ = write!(signature, "{} {} {};", check.step, check.label, without_numbers(&cut(path, TOLD)));
    }
    Some(FailureRow { signature, told: told(first) })
}

fn told(check: &Check) -> String {
    let why = check.mismatches.first().map_or("is not as expected", |mismatch| mismatch.reason.as_str());
    cut(&format!("step {}, {}: {why}", check.step + 1, check.label), TOLD).into_owned()
}

fn proof(attempt: &Attempt) -> Option<String> {
    let mut proved: Vec<&(String, Verdict)> = attempt.requirements.iter().collect();
    proved.sort();
    if proved.is_empty() { None } else { serde_json::to_string(&proved).ok() }
}

/// Since 1970.
pub(super) fn milliseconds(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(0)
}

#[expect(clippy::cast_possible_truncation, reason = "bounded before")]
fn microseconds(ms: f64) -> i64 {
    // A year; what is not a number is 0.
    (ms * 1000.0).clamp(0.0, 3.2e13) as i64
}

/// How verdicts are kept: 0 is the best.
pub(super) const VERDICTS: [Verdict; 6] =
    [Verdict::Pass, Verdict::Skip, Verdict::Untestable, Verdict::Warn, Verdict::Fail, Verdict::Error];

pub(super) fn number_of(verdict: Verdict) -> i64 {
    VERDICTS.iter().position(|v| *v == verdict).and_then(|at| i64::try_from(at).ok()).unwrap_or(0)
}
