//! What a candidate must do to be the same.

use std::sync::Arc;

use gauntlet_format::Scenario;
use gauntlet_reports::Verdict;
use serde::{Deserialize, Serialize};

use super::ddmin::Halt;
use super::difference::{Answered, Difference, differences};
use super::failure::{Failure, told};
use super::lab::{Lab, Went, Yardstick};
use super::silence::Silence;

const NO_CASE: &str = "no case of it runs on the target";

/// What is kept while everything else goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Goal {
    /// A check fails on the first side; with two sides, the second passes.
    Failure(Failure),
    /// A request comes to no answer, which ends the case on the first side; with two sides, the second passes.
    Silence(Silence),
    /// Two sides answer otherwise, whatever is expected.
    Difference(Difference),
}

impl Goal {
    /// The step that it is about, by its number in the original.
    pub(super) fn step(&self) -> Option<usize> {
        match self {
            Self::Failure(failure) => failure.step,
            Self::Silence(silence) => silence.step,
            Self::Difference(difference) => Some(difference.step),
        }
    }

    /// The label of the check that it is about.
    pub(super) fn label(&self) -> &str {
        match self {
            Self::Failure(failure) => &failure.label,
            Self::Silence(_) | Self::Difference(_) => "",
        }
    }

    /// Where in the answer it is, as patterns have it.
    pub(super) fn path(&self) -> &str {
        match self {
            Self::Failure(failure) => &failure.path,
            Self::Silence(_) | Self::Difference(_) => "",
        }
    }

    /// Whether a run on the first side shows it, as far as one side can; if not, what happened. `steps` are the numbers in the
    /// original of the steps that ran.
    pub(super) fn is_shown_by(&self, went: &Went, target: &str, steps: &[usize]) -> Result<(), String> {
        match self {
            Self::Failure(failure) => failure.is_shown_by(&went.attempt, steps),
            Self::Silence(silence) => silence.is_shown_by(went, target, steps),
            Self::Difference(_) => Ok(()),
        }
    }

    /// Runs the scenario on the first side; the step, by its place in this scenario, that shows it, or what happened instead.
    pub(super) async fn place(
        &self,
        lab: &Lab<'_>,
        scenario: &Arc<Scenario>,
        steps: &[usize],
    ) -> Result<Result<Option<usize>, String>, Halt> {
        let Some(bad) = lab.sides.first() else { return Ok(Err(NO_CASE.to_owned())) };
        let went = lab.run(bad, scenario, steps, Yardstick::Original).await?;
        let Some(went) = went else { return Ok(Err(NO_CASE.to_owned())) };
        Ok(match self {
            Self::Failure(failure) => failure.place(&went.attempt, steps),
            Self::Silence(silence) => {
                let shown = silence.is_shown_by(&went, &bad.target.spec.name, steps);
                shown.map(|()| went.broken.and_then(|broken| broken.step))
            }
            Self::Difference(_) => Ok(None),
        })
    }

    /// Runs the scenario, and says what else happened if it is not that.
    pub(super) async fn holds(
        &self,
        lab: &Lab<'_>,
        scenario: &Arc<Scenario>,
        steps: &[usize],
        yardstick: Yardstick,
    ) -> Result<Result<(), String>, Halt> {
        let Some((bad, good)) = lab.sides.split_first() else { return Ok(Err(NO_CASE.to_owned())) };
        let went = lab.run(bad, scenario, steps, yardstick).await?;
        let Some(went) = went else { return Ok(Err(NO_CASE.to_owned())) };
        if let Err(otherwise) = self.is_shown_by(&went, &bad.target.spec.name, steps) {
            return Ok(Err(otherwise));
        }
        for side in good.iter().chain(&lab.reference) {
            let other = lab.run(side, scenario, steps, yardstick).await?;
            let Some(Went { attempt: other, .. }) = other else { return Ok(Err(NO_CASE.to_owned())) };
            match self {
                Self::Failure(_) | Self::Silence(_) if other.verdict != Verdict::Pass => {
                    return Ok(Err(format!("it does not pass on `{}`: {}", side.target.spec.name, told(&other))));
                }
                Self::Failure(_) | Self::Silence(_) => {}
                Self::Difference(difference) => {
                    let good = Answered { attempt: &other, target: &side.target.spec.name };
                    let bad = Answered { attempt: &went.attempt, target: &bad.target.spec.name };
                    let mut seen = differences(good, good, bad, steps).into_iter();
                    if !seen.any(|seen| seen.difference == *difference) {
                        return Ok(Err("both answer alike there".to_owned()));
                    }
                }
            }
        }
        Ok(Ok(()))
    }
}
