//! What a candidate must do to be the same.

use std::sync::Arc;

use gauntlet_format::Scenario;
use gauntlet_reports::Verdict;
use serde::{Deserialize, Serialize};

use super::ddmin::Halt;
use super::difference::{Answered, Difference, differences};
use super::failure::{Failure, told};
use super::lab::Lab;

/// What is kept while everything else goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Goal {
    /// A check fails on the first side; with two sides, the second passes.
    Failure(Failure),
    /// Two sides answer otherwise, whatever is expected.
    Difference(Difference),
}

impl Goal {
    /// The step that it is about, by its number in the original.
    pub(super) fn step(&self) -> Option<usize> {
        match self {
            Self::Failure(failure) => failure.step,
            Self::Difference(difference) => Some(difference.step),
        }
    }

    /// The label of the check that it is about.
    pub(super) fn label(&self) -> &str {
        match self {
            Self::Failure(failure) => &failure.label,
            Self::Difference(_) => "",
        }
    }

    /// Runs the scenario, and says what else happened if it is not that.
    pub(super) async fn holds(
        &self,
        lab: &Lab<'_>,
        scenario: &Arc<Scenario>,
        steps: &[usize],
    ) -> Result<Result<(), String>, Halt> {
        const NO_CASE: &str = "no case of it runs on the target";
        let Some((bad, good)) = lab.sides.split_first() else { return Ok(Err(NO_CASE.to_owned())) };
        let Some(attempt) = lab.run(bad, scenario).await? else { return Ok(Err(NO_CASE.to_owned())) };
        if let Self::Failure(failure) = self
            && let Err(otherwise) = failure.is_shown_by(&attempt, steps)
        {
            return Ok(Err(otherwise));
        }
        for side in good.iter().chain(&lab.reference) {
            let Some(other) = lab.run(side, scenario).await? else { return Ok(Err(NO_CASE.to_owned())) };
            match self {
                Self::Failure(_) if other.verdict != Verdict::Pass => {
                    return Ok(Err(format!("it does not pass on `{}`: {}", side.target.spec.name, told(&other))));
                }
                Self::Failure(_) => {}
                Self::Difference(difference) => {
                    let good = Answered { attempt: &other, target: &side.target.spec.name };
                    let bad = Answered { attempt: &attempt, target: &bad.target.spec.name };
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
