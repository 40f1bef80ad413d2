//! A failure that no check tells of: the case ends in an error, because a request comes to no answer.

use std::collections::BTreeSet;
use std::time::Duration;

use gauntlet_reports::{Attempt, Exchange, Verdict};
use serde::{Deserialize, Serialize};

use super::failure::{Answer, normalised, red, told};
use super::lab::Went;
use crate::runner::case::Broken;
use crate::transport::FailureKind;

/// A candidate waits for an answer this many times as long as the slowest one took in the original.
const PATIENCE: f64 = 10.0;

/// A candidate waits at least so long.
const LEAST: Duration = Duration::from_secs(1);

/// Which request comes to no answer, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Silence {
    /// The step that sends it, by its number in the original; none: the handshake, whichever step needs it.
    pub(super) step: Option<usize>,
    /// What becomes of it; none: it is answered, and no session is opened.
    pub(super) kind: Option<FailureKind>,
    /// What is said of it.
    said: String,
    answer: Answer,
    /// Everything that is red in the case.
    red: BTreeSet<(Option<usize>, String)>,
}

impl Silence {
    /// Why the case ended, if the target did not answer. That it was never there, or that the harness could not send, is no failure
    /// of its own. `steps` are the numbers in the original of the steps that ran.
    pub(super) fn of(went: &Went, target: &str, steps: &[usize]) -> Option<Self> {
        let Went { attempt, broken } = went;
        let Broken { kind, step } = (*broken)?;
        let unreached = matches!(kind, Some(FailureKind::Connect | FailureKind::Tls));
        let was_there = || of_target(attempt, target).any(|exchange| exchange.response.is_some());
        if attempt.verdict != Verdict::Error || kind == Some(FailureKind::Unsendable) || unreached && !was_there() {
            return None;
        }
        Some(Self {
            step: step.and_then(|step| steps.get(step).copied()),
            kind,
            said: normalised(attempt.reason.as_deref().unwrap_or_default()),
            answer: of_target(attempt, target).last().map(Answer::of).unwrap_or_default(),
            red: red(attempt, steps),
        })
    }

    /// Whether the try ended in the same way; if not, how.
    pub(super) fn is_shown_by(&self, went: &Went, target: &str, steps: &[usize]) -> Result<(), String> {
        let same = |found: &Self| {
            (self.step, self.kind, &self.said, &self.answer) == (found.step, found.kind, &found.said, &found.answer)
        };
        match Self::of(went, target, steps).filter(same) {
            Some(found) => match found.red.difference(&self.red).next() {
                None => Ok(()),
                Some((_, label)) => Err(format!("`{label}` fails too, which did not before")),
            },
            None => Err(told(&went.attempt)),
        }
    }

    /// How long a candidate waits for an answer where the failure is that none comes.
    pub(super) fn patience(&self, attempt: &Attempt, target: &str) -> Option<Duration> {
        let is_good = |exchange: &&Exchange| exchange.failure.is_none() && exchange.response.is_some();
        let answered = of_target(attempt, target).filter(is_good);
        let slowest = answered.map(|exchange| exchange.elapsed_ms).fold(0.0, f64::max);
        let patience = Duration::try_from_secs_f64(slowest * PATIENCE / 1000.0).unwrap_or(Duration::MAX);
        (self.kind == Some(FailureKind::Timeout)).then(|| patience.max(LEAST))
    }
}

/// The exchanges with the target itself.
fn of_target<'a>(attempt: &'a Attempt, target: &'a str) -> impl Iterator<Item = &'a Exchange> {
    attempt.transcript.iter().filter(move |exchange| exchange.hop.to == target && exchange.hop.from != target)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn went(kind: Option<FailureKind>, step: Option<usize>, reason: &str, answered: bool) -> Went {
        let exchange = |step: usize, response: Value| {
            json!({
                "hop": { "from": "client", "to": "t" }, "step": step, "failure": null, "cause": null, "note": null,
                "started_ms": 0.0, "began_ms": null, "elapsed_ms": 300.0,
                "request": { "method": "POST", "url": "http://x/", "headers": [], "body": "empty" },
                "response": response,
            })
        };
        let good = json!({ "status": 200, "headers": [], "body": { "json": {} } });
        let mut transcript = vec![exchange(1, Value::Null)];
        if answered {
            transcript.insert(0, exchange(0, good));
        }
        let attempt = serde_json::from_value(json!({
            "verdict": "error", "reason": reason, "place": null, "duration_ms": 1.0,
            "counts": { "must": 0, "must_passed": 0, "should": 0, "should_passed": 0 },
            "checks": [], "blame": null, "requirements": [], "curl": null, "transcript": transcript,
        }))
        .unwrap();
        Went { attempt, broken: Some(Broken { kind, step }) }
    }

    #[test]
    fn the_same_silence_is_known_again_whatever_the_numbers() {
        let hang = || Some(FailureKind::Timeout);
        let first = went(hang(), Some(4), "no answer within 15.0 s on port 4711", true);
        let silence = Silence::of(&first, "t", &[0, 1, 2, 3, 4]).unwrap();
        let again = went(hang(), Some(1), "no answer within 1.0 s on port 815", true);
        assert_eq!(silence.is_shown_by(&again, "t", &[2, 4]), Ok(()));
        // Of another step, or in another way.
        assert!(silence.is_shown_by(&again, "t", &[4, 2]).is_err());
        let reset = went(Some(FailureKind::Closed), Some(1), "no answer within 1.0 s on port 815", true);
        assert!(silence.is_shown_by(&reset, "t", &[2, 4]).is_err());
        let other = went(hang(), Some(1), "the body ended early", true);
        assert_eq!(silence.is_shown_by(&other, "t", &[2, 4]), Err("the body ended early".to_owned()));
    }

    #[test]
    fn a_target_that_is_not_there_shows_nothing() {
        let refused = |answered| went(Some(FailureKind::Connect), Some(0), "connection refused", answered);
        assert!(Silence::of(&refused(true), "t", &[0]).is_some());
        assert_eq!(Silence::of(&refused(false), "t", &[0]), None);
        let unsendable = went(Some(FailureKind::Unsendable), Some(0), "no header", true);
        assert_eq!(Silence::of(&unsendable, "t", &[0]), None);
    }

    #[test]
    fn candidates_wait_as_long_as_good_answers_take_and_some_more() {
        let hang = went(Some(FailureKind::Timeout), Some(0), "no answer", true);
        let patience = |went: &Went| Silence::of(went, "t", &[0]).unwrap().patience(&went.attempt, "t");
        assert_eq!(patience(&hang), Some(Duration::from_secs(3)));
        let first = went(Some(FailureKind::Timeout), Some(0), "no answer", false);
        assert_eq!(patience(&first), Some(LEAST));
        assert_eq!(patience(&went(Some(FailureKind::Closed), Some(0), "closed", true)), None);
    }
}
