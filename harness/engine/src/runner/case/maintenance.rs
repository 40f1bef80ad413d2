//! What goes wrong while a target is in maintenance is nobody's failure.

use gauntlet_reports::{Attempt, Verdict};
use time::OffsetDateTime;

use crate::config::{Maintenance, TargetSpec};

/// Makes an error of what went wrong with a target in maintenance, and says whether it did. `began` is when the try began.
pub(super) fn excuse(attempt: &mut Attempt, spec: &TargetSpec, began: OffsetDateTime) -> bool {
    if spec.maintenance.is_empty() || !matches!(attempt.verdict, Verdict::Fail | Verdict::Warn | Verdict::Error) {
        return false;
    }
    let ended = OffsetDateTime::now_utc();
    let Some(window) = spec.maintenance.iter().find(|window| holds(window, attempt, &spec.name, began, ended)) else {
        return false;
    };
    let told = format!("the target is in maintenance ({window})");
    attempt.reason = Some(match attempt.reason.take() {
        Some(reason) => format!("{told}; what went wrong: {reason}"),
        None => told,
    });
    attempt.verdict = Verdict::Error;
    // It says nothing about what the checks prove.
    attempt.counts.must = attempt.counts.must_passed;
    attempt.counts.should = attempt.counts.should_passed;
    for (_, verdict) in &mut attempt.requirements {
        if matches!(verdict, Verdict::Fail | Verdict::Warn) {
            *verdict = Verdict::Error;
        }
    }
    true
}

fn holds(window: &Maintenance, attempt: &Attempt, target: &str, began: OffsetDateTime, ended: OffsetDateTime) -> bool {
    let answers = attempt.transcript.iter().filter(|exchange| exchange.hop.to == target);
    window.until(began, ended).is_some()
        || answers.filter_map(|exchange| exchange.response.as_ref()).any(|answer| window.is_said_by(answer))
}
