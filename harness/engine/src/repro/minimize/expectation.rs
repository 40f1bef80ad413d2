//! An expectation that says what differs, so that the result is red on the one target and green on the other.

use std::sync::Arc;

use gauntlet_format::Scenario;
use gauntlet_reports::Verdict;
use serde_json::Value;

use super::ddmin::Halt;
use super::difference::{Answered, Difference, differences};
use super::draft::{Draft, Segment, below};
use super::failure::{Failure, wrong};
use super::lab::{Lab, Side, Yardstick};

/// The scenario with the first expectation that holds on the good side and not on the bad one, and the failure that it shows.
///
/// # Errors
/// One sentence, if none does.
pub(super) async fn add(lab: &mut Lab<'_>, best: &Draft, difference: &Difference) -> Result<(Draft, Failure), String> {
    const SPENT: &str = "no request was left to make an expectation of what differs";
    let halted = |halt: Halt| match halt {
        Halt::Spent => SPENT.to_owned(),
        Halt::Cancelled => "interrupted".to_owned(),
    };
    let [bad, good] = lab.sides.as_slice() else { return Err("there is one target only".to_owned()) };
    let (bad, good) = (bad.clone(), good.clone());
    let steps = best.steps();
    let Some(index) = steps.iter().position(|number| *number == difference.step) else {
        return Err("the step is gone".to_owned());
    };
    let scenario = lab.parse(&best.text())?;
    let run = async |side: &Side, scenario: &Arc<Scenario>| {
        let went = lab.run(side, scenario, &steps, Yardstick::Original).await.map_err(halted)?;
        Ok::<_, String>(went.map(|went| went.attempt))
    };
    let (Some(on_bad), Some(on_good)) = (run(&bad, &scenario).await?, run(&good, &scenario).await?) else {
        return Err("no case of it runs".to_owned());
    };
    let side = |attempt, target| Answered { attempt, target };
    let answered = side(&on_good, &good.target.spec.name);
    let seen = differences(answered, answered, side(&on_bad, &bad.target.spec.name), &steps);
    let Some(seen) = seen.into_iter().find(|seen| seen.difference == *difference) else {
        return Err("it did not differ when it was run again".to_owned());
    };
    for expectation in seen.expectations(answered, index) {
        let Some(expecting) = expecting(best, difference.step, expectation) else { continue };
        let Ok(scenario) = lab.parse(&expecting.text()) else { continue };
        let on_good = run(&good, &scenario).await?;
        if on_good.is_none_or(|attempt| attempt.verdict != Verdict::Pass) {
            continue;
        }
        let Some(on_bad) = run(&bad, &scenario).await? else { continue };
        let check = wrong(&on_bad).find(|check| check.verdict == Verdict::Fail && check.step == index);
        if let Some(check) = check.filter(|_| on_bad.verdict == Verdict::Fail) {
            return Ok((expecting, Failure::of(&on_bad, check, &steps)));
        }
    }
    Err("no expectation was found that holds on the one and not on the other; `gauntlet diff` shows what differs"
        .to_owned())
}

fn expecting(draft: &Draft, step: usize, expectation: Value) -> Option<Draft> {
    let path = draft.path_of(step)?;
    let at = below(&path, Segment::Key("expect".to_owned()));
    Some(draft.without([&at]).edited(|root| {
        let step = super::draft::at_mut(root, &path).and_then(Value::as_object_mut);
        step.into_iter().for_each(|step| drop(step.insert("expect".to_owned(), expectation.clone())));
    }))
}
