//! Before anything is reduced: which case fails, how, and whether it does every time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gauntlet_format::Scenario;
use gauntlet_format::scenario::SNAPSHOT;
use gauntlet_reports::{Attempt, Check, Verdict, sanitize};
use serde_json::{Map, Value};

use super::difference::{Answered, Seen, differences};
use super::draft::{Draft, Path, Segment, keys};
use super::failure::{Failure, marks, wrong};
use super::goal::Goal;
use super::lab::{Lab, Side, Went, Yardstick};
use super::silence::Silence;
use super::state::Begun;
use super::{MinimizeError, Options};
use crate::runner::case::Case;
use crate::runner::{Filter, cases_of};
use crate::snapshot::Bench;

/// Longest sentence about a failure, in characters.
const SENTENCE: usize = 200;

/// A case that ran.
struct Ran {
    case: Case,
    went: Went,
}

/// What the cases of a scenario came to on the bad side.
#[derive(Default)]
struct Survey {
    /// The first that fails, or one that breaks a SHOULD if none does.
    red: Option<Ran>,
    /// The first that ends because no answer comes.
    silent: Option<Ran>,
    /// Those before it.
    others: Vec<Ran>,
    passed: usize,
    /// Why one was not judged, and whether that is an error.
    reason: Option<(bool, String)>,
}

/// Runs the original until a case of it fails, and that case again; or takes over what an earlier search found.
pub(super) async fn begin(
    lab: &mut Lab<'_>,
    scenario: &Arc<Scenario>,
    whole: &Draft,
    filter: &Filter,
    options: &Options,
) -> Result<Begun, MinimizeError> {
    if let Some(begun) = &lab.state.begun {
        return Ok(begun.clone());
    }
    lab.progress.phase = "the original";
    lab.progress.steps = crate::runner::steps_of(scenario);
    (lab.tell)(&lab.progress);
    let Some(bad) = lab.sides.first().cloned() else {
        return Err(MinimizeError::Selection("there is no target".to_owned()));
    };
    let survey = survey(lab, &bad, scenario, filter).await?;
    let begun = match lab.sides.get(1).cloned() {
        None => failing(lab, &bad, survey, whole, options).await?,
        Some(good) => two_sided(lab, &bad, &good, survey, whole, options).await?,
    };
    lab.state.begun = Some(begun.clone());
    lab.save();
    Ok(begun)
}

/// Runs one case after the other, up to the first that fails.
async fn survey(
    lab: &mut Lab<'_>,
    side: &Side,
    scenario: &Arc<Scenario>,
    filter: &Filter,
) -> Result<Survey, MinimizeError> {
    let before_anything = |halt: super::Halt| halt.before_anything(lab.most);
    let target = std::slice::from_ref(&side.target);
    let filter = Filter { versions: filter.versions.clone(), cases: filter.cases.clone(), ..Filter::default() };
    let cases = lab.bounded(cases_of(scenario, target, &filter)).await.map_err(before_anything)?;
    if cases.is_empty() {
        let name = &side.target.spec.name;
        return Err(MinimizeError::Selection(format!("no case of {} is selected on `{name}`", scenario.id)));
    }
    let mut survey = Survey::default();
    // What does not fail every time may do so in a later round.
    let rounds = if lab.sides.len() > 1 { 1 } else { lab.attempts.max(1) };
    for case in std::iter::repeat_n(cases, rounds as usize).flatten() {
        if survey.red.is_some() {
            break;
        }
        let Some(went) = lab.run_case(side, &case).await.map_err(before_anything)? else { continue };
        let ran = Ran { went, case };
        match ran.went.attempt.verdict {
            Verdict::Fail => return Ok(Survey { red: Some(ran), ..survey }),
            Verdict::Warn if survey.red.is_none() => survey.red = Some(ran),
            Verdict::Pass | Verdict::Warn => {
                survey.passed += 1;
                survey.others.push(ran);
            }
            Verdict::Error if survey.silent.is_none() && silence(&ran, &side.target.spec.name).is_some() => {
                survey.silent = Some(ran);
            }
            verdict => {
                let is_error = verdict == Verdict::Error;
                if survey.reason.as_ref().is_none_or(|(error, _)| is_error && !error) {
                    survey.reason = Some((is_error, ran.went.attempt.reason.clone().unwrap_or_default()));
                }
                survey.others.push(ran);
            }
        }
    }
    Ok(survey)
}

impl Survey {
    /// Why there is no failure to keep.
    fn why_none(&self, name: &str) -> MinimizeError {
        match &self.reason {
            Some((true, reason)) => MinimizeError::Infrastructure(format!(
                "no check fails on `{name}`, but a case ends in an error, and not because the target left a request without an answer: {}",
                sanitize::line(reason, SENTENCE)
            )),
            Some((false, reason)) if self.passed == 0 => MinimizeError::NothingFails(format!(
                "nothing is judged on `{name}`: {}",
                sanitize::line(reason, SENTENCE)
            )),
            _ => MinimizeError::NothingFails(format!("nothing fails on `{name}`: {} cases pass", self.passed)),
        }
    }
}

/// A check that fails on one target, every time.
async fn failing(
    lab: &mut Lab<'_>,
    bad: &Side,
    survey: Survey,
    whole: &Draft,
    options: &Options,
) -> Result<Begun, MinimizeError> {
    let name = &bad.target.spec.name;
    // That a SHOULD is broken is less than that nothing is answered.
    let fails = |ran: &&Ran| ran.went.attempt.verdict == Verdict::Fail || options.check.is_some();
    let ran = survey.red.as_ref().filter(fails).or(survey.silent.as_ref()).or(survey.red.as_ref());
    let Some(ran) = ran else { return Err(survey.why_none(name)) };
    let mut begun = of_case(ran, name, options)?;
    confirm(lab, bad, ran, &begun, options).await?;
    if let Some(reference) = lab.reference.clone() {
        let attempt = elsewhere(lab, &reference, ran, &begun.held, whole).await?;
        begun.has_reference = attempt.is_some_and(|attempt| attempt.verdict == Verdict::Pass);
    }
    Ok(begun)
}

/// A check that fails on the one and passes on the other, or else what they answer otherwise.
async fn two_sided(
    lab: &mut Lab<'_>,
    bad: &Side,
    good: &Side,
    survey: Survey,
    whole: &Draft,
    options: &Options,
) -> Result<Begun, MinimizeError> {
    let (good_name, bad_name) = (&good.target.spec.name, &bad.target.spec.name);
    for ran in survey.red.iter().chain(&survey.silent) {
        let held = held(ran, options).map_err(MinimizeError::NotReducible)?;
        let attempt = elsewhere(lab, good, ran, &held, whole).await?;
        if attempt.is_some_and(|attempt| attempt.verdict == Verdict::Pass) {
            let begun = of_case(ran, bad_name, options)?;
            confirm(lab, bad, ran, &begun, options).await?;
            return Ok(begun);
        }
    }
    let mut known = Vec::new();
    let all = whole.steps();
    for ran in survey.red.iter().chain(&survey.silent).chain(&survey.others) {
        let mut runs = Vec::new();
        for _ in 0..2 {
            runs.extend(elsewhere(lab, good, ran, &BTreeMap::new(), whole).await?);
        }
        let [once, again] = runs.as_slice() else { continue };
        let side = |attempt, target| Answered { attempt, target };
        let (once, again) = (side(once, good_name), side(again, good_name));
        let seen = differences(once, again, side(&ran.went.attempt, bad_name), &all);
        known.extend(seen.iter().map(|seen| format!("`{}`", sanitize::line(&seen.spelled(), SENTENCE))));
        let wanted = |seen: &Seen| options.check.as_ref().is_none_or(|wanted| seen.spelled() == *wanted);
        // What no client can rely on any more says most; among equals the first.
        let Some(seen) = seen.into_iter().filter(wanted).min_by_key(|seen| seen.class) else { continue };
        let told = sanitize::line(&seen.told(good_name, bad_name), SENTENCE).into_owned();
        return Ok(begun(ran, Goal::Difference(seen.difference), told));
    }
    if let Some(wanted) = options.check.clone().filter(|_| !known.is_empty()) {
        return Err(MinimizeError::NoSuchCheck { wanted, known });
    }
    let cases = survey.others.len() + usize::from(survey.red.is_some()) + usize::from(survey.silent.is_some());
    let noun = if cases == 1 { "case" } else { "cases" };
    Err(MinimizeError::NothingFails(format!(
        "`{bad_name}` does nothing otherwise than `{good_name}`: the answers of {cases} {noun} were compared"
    )))
}

/// The same case on another side, run as candidates are.
async fn elsewhere(
    lab: &mut Lab<'_>,
    side: &Side,
    ran: &Ran,
    held: &BTreeMap<usize, String>,
    whole: &Draft,
) -> Result<Option<Attempt>, MinimizeError> {
    lab.held.clone_from(held);
    let version = ran.case.version.map(|version| version.to_string());
    let scenario = lab.parse(&pinned(whole, version.as_deref(), &ran.case.matrix).text());
    let scenario = scenario.map_err(MinimizeError::NotReducible)?;
    let went = lab.run(side, &scenario, &whole.steps(), Yardstick::Original).await;
    Ok(went.map_err(|halt| halt.before_anything(lab.most))?.map(|went| went.attempt))
}

/// What the snapshot of a case holds.
fn held(ran: &Ran, options: &Options) -> Result<BTreeMap<usize, String>, String> {
    Bench::of(&ran.case).map_or_else(|| Ok(BTreeMap::new()), |bench| bench.stored(&options.run))
}

/// Why a case ended, if the target did not answer.
fn silence(ran: &Ran, target: &str) -> Option<Silence> {
    let all: Vec<usize> = (0..crate::runner::steps_of(&ran.case.scenario)).collect();
    Silence::of(&ran.went, target, &all)
}

/// What is wrong with a case: the check that was asked for, an answer that does not come, the first check that fails.
fn of_case(ran: &Ran, target: &str, options: &Options) -> Result<Begun, MinimizeError> {
    let silence = silence(ran, target).filter(|_| options.check.is_none());
    let Some(silence) = silence else { return of_check(ran, options) };
    let reason = ran.went.attempt.reason.as_deref().unwrap_or_default();
    let told = match silence.step {
        Some(step) => format!("step {}: {reason}", step + 1),
        None => reason.to_owned(),
    };
    let told = sanitize::line(&told, SENTENCE).into_owned();
    let patience = silence.patience(&ran.went.attempt, target);
    let ended = silence.step.is_some();
    let held = held(ran, options).map_err(MinimizeError::NotReducible)?;
    Ok(Begun { ended, patience, held, ..begun(ran, Goal::Silence(silence), told) })
}

/// A check that fails in a case.
fn of_check(ran: &Ran, options: &Options) -> Result<Begun, MinimizeError> {
    let scenario = &ran.case.scenario;
    let attempt = &ran.went.attempt;
    let check = choose(attempt, scenario, options.check.as_deref())?;
    let held = held(ran, options).map_err(MinimizeError::NotReducible)?;
    if check.label == SNAPSHOT && !held.contains_key(&check.step) {
        let id = &scenario.id;
        return Err(MinimizeError::NotReducible(format!(
            "step {} has no snapshot to hold it against; `gauntlet run {id} --bless` writes one, from a target that answers as it should",
            check.step + 1
        )));
    }
    let all: Vec<usize> = (0..crate::runner::steps_of(scenario)).collect();
    let failure = Failure::of(attempt, check, &all);
    let is_last = attempt.verdict == Verdict::Fail && check.verdict == Verdict::Fail && check.label != SNAPSHOT;
    let ended = is_last && failure.step.is_some();
    Ok(Begun { ended, held, ..begun(ran, Goal::Failure(failure), sentence(check)) })
}

fn begun(ran: &Ran, goal: Goal, told: String) -> Begun {
    Begun {
        version: ran.case.version.map(|version| version.to_string()),
        matrix: ran.case.matrix.clone(),
        case: sanitize::line(&ran.case.id.to_string(), SENTENCE).into_owned(),
        goal,
        told,
        ended: false,
        has_reference: false,
        held: BTreeMap::new(),
        patience: None,
    }
}

/// The check that was asked for, or the first of the worst.
fn choose<'a>(attempt: &'a Attempt, scenario: &Scenario, wanted: Option<&str>) -> Result<&'a Check, MinimizeError> {
    let names = names(scenario);
    let spelled = |check: &Check| {
        let number = format!("{}.{}", check.step + 1, check.label);
        let name = names.get(check.step).and_then(Option::as_ref).map(|name| format!("{name}.{}", check.label));
        (number, name)
    };
    let found = match wanted {
        Some(wanted) => wrong(attempt).find(|check| {
            let (number, name) = spelled(check);
            number == wanted || name.as_deref() == Some(wanted)
        }),
        None => wrong(attempt).find(|check| check.verdict == attempt.verdict),
    };
    found.ok_or_else(|| MinimizeError::NoSuchCheck {
        wanted: wanted.unwrap_or_default().to_owned(),
        known: wrong(attempt).map(|check| format!("`{}`", sanitize::line(&spelled(check).0, SENTENCE))).collect(),
    })
}

/// Names of the steps, as they are numbered.
fn names(scenario: &Scenario) -> Vec<Option<String>> {
    let mut names = Vec::new();
    gauntlet_format::scenario::each_step(&scenario.steps, &mut |step| names.push(step.name.clone()));
    names
}

/// What a check says, in one sentence.
fn sentence(check: &Check) -> String {
    let why = check.mismatches.first().map_or("is not as expected", |mismatch| mismatch.reason.as_str());
    let why = match marks(check).as_slice() {
        [first, rest @ ..] if check.label == SNAPSHOT => format!("{} lines differ, the first: {first}", rest.len() + 1),
        _ => why.to_owned(),
    };
    sanitize::line(&format!("step {}, {}: {why}", check.step + 1, check.label), SENTENCE).into_owned()
}

/// Runs the case as often as it must have failed.
async fn confirm(
    lab: &mut Lab<'_>,
    bad: &Side,
    ran: &Ran,
    begun: &Begun,
    options: &Options,
) -> Result<(), MinimizeError> {
    let target = &bad.target.spec.name;
    let all: Vec<usize> = (0..crate::runner::steps_of(&ran.case.scenario)).collect();
    let runs = options.confirm.max(options.attempts.unwrap_or(1)).max(1);
    let mut failed = 1;
    for _ in 1..runs {
        let went = lab.run_case(bad, &ran.case).await.map_err(|halt| halt.before_anything(lab.most))?;
        failed += u32::from(went.is_some_and(|went| begun.goal.is_shown_by(&went, target, &all).is_ok()));
    }
    if failed < runs && options.attempts.is_none() {
        return Err(MinimizeError::Flaky { failed, runs });
    }
    Ok(())
}

/// The case alone: its version and its values of the matrix.
fn pinned(whole: &Draft, version: Option<&str>, values: &[(String, Value)]) -> Draft {
    whole.edited(|root| {
        let Some(members) = root.as_object_mut() else { return };
        if let Some(Value::String(id)) = members.get_mut("id") {
            id.push_str(".min");
        }
        if let Some(version) = version {
            set(members, "versions", version);
        }
        if let Some(Value::Object(matrix)) = members.get_mut("matrix") {
            for (name, value) in values {
                matrix.insert(name.clone(), Value::Array(vec![value.clone()]));
            }
        }
    })
}

/// Sets a member of the scenario; the steps stay behind it.
fn set(members: &mut Map<String, Value>, name: &str, value: &str) {
    let steps = members.shift_remove("steps");
    members.insert(name.to_owned(), value.into());
    members.extend(steps.map(|steps| ("steps".to_owned(), steps)));
}

/// The same over one transport alone, as the file of a snapshot is of one.
pub(super) fn over(draft: &Draft, is_stdio: bool) -> Draft {
    draft.edited(|root| {
        let transport = if is_stdio { "stdio" } else { "http" };
        root.as_object_mut().into_iter().for_each(|members| set(members, "transport", transport));
    })
}

/// The same without the steps behind the one that it ended with.
pub(super) fn narrowed(whole: &Draft, begun: &Begun) -> Draft {
    let draft = pinned(whole, begun.version.as_deref(), &begun.matrix);
    let last = begun.goal.step().filter(|_| begun.ended).and_then(|step| match draft.path_of(step)?.get(1) {
        Some(Segment::Index(index)) => Some(*index),
        _ => None,
    });
    let count = draft.root().get("steps").and_then(Value::as_array).map_or(0, Vec::len);
    let behind: Vec<Path> = last
        .map_or(count..count, |last| last + 1..count)
        .map(|index| {
            let mut path = keys(["steps"]);
            path.push(Segment::Index(index));
            path
        })
        .collect();
    draft.without(&behind)
}

/// The tools that are called whose arguments may be others: all of them on a mock and where writing is allowed, else those that
/// declare themselves read-only.
pub(super) async fn harmless(lab: &Lab<'_>, begun: &Begun, draft: &Draft) -> BTreeSet<String> {
    let mut tools = BTreeSet::new();
    named(draft.root(), &mut tools);
    let version = begun.version.as_deref().and_then(|version| version.parse().ok());
    for side in &lab.sides {
        let spec = &side.target.spec;
        if tools.is_empty() || spec.is_mock() || spec.allow.writes {
            continue;
        }
        let details = lab.bounded(side.target.details(version)).await;
        let Ok(Ok(details)) = details else { return BTreeSet::new() };
        tools.retain(|tool| details.is_read_only(tool));
    }
    tools
}

/// Names beside which arguments stand.
fn named(value: &Value, out: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| named(item, out)),
        Value::Object(members) => {
            let name = members.get("arguments").and_then(|_| members.get("name")?.as_str());
            out.extend(name.map(str::to_owned));
            members.values().for_each(|member| named(member, out));
        }
        _ => {}
    }
}
