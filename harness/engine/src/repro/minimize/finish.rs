//! After the search: the result is written, run once more, and told.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gauntlet_format::{Scenario, Source, emit};
use gauntlet_reports::sanitize;
use serde_json::Value;

use super::ddmin::Halt;
use super::draft::{Draft, members_of};
use super::goal::Goal;
use super::lab::{Lab, Yardstick};
use super::needs::{closed, needs};
use super::report::{Change, KeptStep, Kind, Outcome, Report};
use super::state::{Begun, Tried};
use super::{MinimizeError, Options, expectation};
use crate::beside;
use crate::runner::{Filter, Loaded, ScenarioSet, cases_of};
use crate::snapshot::Bench;

/// Longest line of the head of a result, in characters.
const LINE: usize = 240;

/// What the user should know where there is nothing to hold a result against.
const UNSURE: &str = "no mock passes the scenario as it is, so nothing shows that what is left still expects what is right: read it first";

/// Writes the result, runs it and makes the report.
pub(super) async fn finish(
    lab: &mut Lab<'_>,
    begun: &Begun,
    whole: &Draft,
    best: &Draft,
    halt: Option<Halt>,
    options: &Options,
) -> Result<Report, MinimizeError> {
    let outcome = match halt {
        None => Outcome::Minimal,
        Some(Halt::Spent) => Outcome::RequestsUsedUp,
        Some(Halt::Cancelled) => Outcome::Interrupted,
    };
    let steps = Change { before: whole.steps().len(), after: best.steps().len() };
    lab.meter.bound(lab.most);
    let (best, goal, note) = match &begun.goal {
        Goal::Difference(difference) if outcome != Outcome::Interrupted => {
            match expectation::add(lab, best, difference).await {
                Ok((expecting, failure)) => (expecting, Goal::Failure(failure), None),
                Err(reason) => (best.clone(), begun.goal.clone(), Some(reason)),
            }
        }
        goal => (best.clone(), goal.clone(), None),
    };
    let best = &best;
    let text = head(lab, begun, steps, outcome, options) + &emit::scenario(&best.scenario());
    let write = |error| MinimizeError::Write { path: options.output.clone(), error };
    beside::write(&options.output, &text).map_err(write)?;
    let snapshot = snapshot(lab, best, &text, &options.output).await?;
    let unsure = lab.sides.len() == 1 && lab.reference.is_none();
    let (verified, note) = match (outcome, note) {
        (Outcome::Interrupted, _) => (None, None),
        (_, Some(note)) => (None, Some(note)),
        (_, None) => {
            lab.progress.phase = "the result";
            (lab.tell)(&lab.progress);
            verify(lab, &goal, best, &options.output).await
        }
    };
    let note = note.or_else(|| unsure.then(|| UNSURE.to_owned()));
    lab.save();
    let resume = (outcome != Outcome::Minimal && lab.file.is_some()).then(|| {
        let more = if outcome == Outcome::RequestsUsedUp { " with a greater --max-requests" } else { "" };
        format!("the same command with --resume{more}")
    });
    if let (Outcome::Minimal, Some(file)) = (outcome, &lab.file)
        && let Err(error) = std::fs::remove_file(&file.path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::error!(path = %file.path.display(), %error, "the state of the search cannot be removed");
    }
    let name = |index: usize| lab.sides.get(index).map(|side| side.target.spec.name.clone());
    let (before, after) = (Size::of(whole), Size::of(best));
    let change = |of: fn(&Size) -> usize| Change { before: of(&before), after: of(&after) };
    Ok(Report {
        format: Report::FORMAT,
        case: begun.case.clone(),
        target: name(0).unwrap_or_default(),
        good: name(1),
        kind: match begun.goal {
            Goal::Failure(_) => Kind::Failure,
            Goal::Silence(_) => Kind::Error,
            Goal::Difference(_) => Kind::Difference,
        },
        failure: begun.told.clone(),
        outcome,
        steps,
        headers: change(|size| size.headers),
        fields: change(|size| size.fields),
        checks: change(|size| size.checks),
        requests: lab.meter.made(),
        most_requests: lab.most,
        candidates: lab.ran,
        remembered: lab.reused,
        kept: kept(lab, begun, best),
        output: options.output.clone(),
        snapshot,
        verified,
        note,
        resume,
    })
}

/// The comment above the result: from what, how, and what fails.
fn head(lab: &Lab<'_>, begun: &Begun, steps: Change, outcome: Outcome, options: &Options) -> String {
    let redactor = options.run.secrets.redactor();
    let from = lab.path.display().to_string();
    let done = if outcome == Outcome::Minimal { "" } else { ", not to the end" };
    let unit = if steps.before == 1 { "step" } else { "steps" };
    let lines = [
        format!("{} of {from}, minimized{done}: {} {unit} → {}", begun.case, steps.before, steps.after),
        format!("by `{}`", options.command),
        match begun.goal {
            Goal::Failure(_) => format!("What fails, in the original: {}", begun.told),
            Goal::Silence(_) => format!("How it ends, in the original: {}", begun.told),
            Goal::Difference(_) => format!("What differs, in the original: {}", begun.told),
        },
    ];
    lines.iter().map(|line| format!("# {}\n", sanitize::line(&redactor.redact(line), LINE))).collect()
}

/// Writes what the result is held against, if it has a snapshot: of the original's what is left.
async fn snapshot(lab: &Lab<'_>, best: &Draft, text: &str, output: &Path) -> Result<Option<PathBuf>, MinimizeError> {
    let Some(bad) = lab.sides.first().filter(|_| !lab.held.is_empty()) else { return Ok(None) };
    let source = Arc::new(Source { path: output.to_owned(), text: text.into() });
    let Ok(scenario) = Scenario::parse(source, None).map(Arc::new) else { return Ok(None) };
    let cases = cases_of(&scenario, std::slice::from_ref(&bad.target), &Filter::default()).await;
    let Some(bench) = cases.first().and_then(Bench::of) else { return Ok(None) };
    bench.write(&lab.held_of(&best.steps())).map_err(MinimizeError::NotReducible)
}

/// Runs the result from its file.
async fn verify(lab: &mut Lab<'_>, goal: &Goal, best: &Draft, path: &Path) -> (Option<bool>, Option<String>) {
    let scenario = match load(path) {
        Ok(scenario) => scenario,
        Err(reason) => return (Some(false), Some(reason)),
    };
    let steps = best.steps();
    let mut last = String::new();
    for _ in 0..lab.attempts.max(1) {
        match goal.holds(lab, &scenario, &steps, Yardstick::File).await {
            Ok(Ok(())) => {
                let note = scenario
                    .pack
                    .as_ref()
                    .map(|pack| format!("it lies below the pack.yaml of `{pack}`, whose defaults it has already"));
                return (Some(true), note);
            }
            Ok(Err(otherwise)) => last = otherwise,
            Err(Halt::Spent) => return (None, Some("no request was left for it".to_owned())),
            Err(Halt::Cancelled) => return (None, Some("interrupted".to_owned())),
        }
    }
    (Some(false), Some(last))
}

fn load(path: &Path) -> Result<Arc<Scenario>, String> {
    let set = ScenarioSet::at(&[path.to_owned()]).map_err(|e| e.to_string())?;
    let Some(file) = set.files.first() else { return Err("the file is gone".to_owned()) };
    match set.load(file) {
        Loaded::Scenario(scenario) => Ok(scenario),
        Loaded::Broken { diagnostics, .. } => {
            Err(diagnostics.first().map_or_else(|| "it is no scenario".to_owned(), |first| first.message.clone()))
        }
    }
}

/// Why each step is needed.
fn kept(lab: &Lab<'_>, begun: &Begun, best: &Draft) -> Vec<KeptStep> {
    let whole = best.scenario();
    let needs = needs(&whole);
    let top: Vec<_> = best.paths().into_iter().filter(|(_, path)| path.len() == 2).collect();
    let place = |number: usize| top.iter().position(|(other, _)| *other == number);
    let anchor = begun.goal.step();
    best.paths()
        .into_iter()
        .enumerate()
        .map(|(index, (number, path))| {
            let users = place(number).map(|own| {
                let uses = |at: &usize| *at != own && closed(&needs, [*at]).contains(&own);
                (0..top.len()).filter(uses).map(|at| at + 1).collect::<BTreeSet<usize>>()
            });
            let holds_anchor = anchor.and_then(|anchor| best.path_of(anchor)).is_some_and(|at| at.starts_with(&path));
            let why = match users {
                _ if anchor == Some(number) => match begun.goal {
                    Goal::Failure(_) => "it fails".to_owned(),
                    Goal::Silence(_) => "it gets no answer".to_owned(),
                    Goal::Difference(_) => "its answers differ".to_owned(),
                },
                _ if holds_anchor => "that step is in it".to_owned(),
                Some(users) if !users.is_empty() => {
                    let users: Vec<String> = users.iter().map(ToString::to_string).collect();
                    let noun = if users.len() == 1 { "step" } else { "steps" };
                    format!("{noun} {} needs what it sent or captured", users.join(", "))
                }
                _ => match lab.outcome_of(&best.without([&path])) {
                    Some(Tried::Otherwise(otherwise)) => format!("without it: {otherwise}"),
                    Some(Tried::Invalid(reason)) => format!("without it the scenario is wrong: {reason}"),
                    Some(Tried::Same | Tried::At(_)) | None => "it was not tried without it".to_owned(),
                },
            };
            let title = best.get(&path).map(title).unwrap_or_default();
            KeptStep { number: index + 1, was: number + 1, title, why }
        })
        .collect()
}

/// What a step is called: its name, or else its verb and what that does.
fn title(step: &Value) -> String {
    if let Some(name) = step.get("name").and_then(Value::as_str) {
        return name.to_owned();
    }
    let verb = members_of(step).find(|(name, _)| gauntlet_format::shape::verb(name).is_some());
    let subject =
        step.pointer("/params/name").and_then(Value::as_str).map(|name| format!(" {name}")).unwrap_or_default();
    match verb {
        Some((verb, Value::String(what))) => format!("{verb} {what}{subject}"),
        Some((verb, _)) => verb.clone(),
        None => String::new(),
    }
}

/// How much there is in a scenario.
#[derive(Debug, Default)]
struct Size {
    headers: usize,
    fields: usize,
    checks: usize,
}

impl Size {
    fn of(draft: &Draft) -> Self {
        let mut size = Self::default();
        let root = draft.root();
        size.headers += count(root.pointer("/defaults/headers"));
        for name in ["given", "stubs"] {
            size.fields += root.get(name).map_or(0, leaves);
        }
        for (_, path) in draft.paths() {
            let Some(step) = draft.get(&path) else { continue };
            size.headers += count(step.get("headers"));
            let documents = ["params", "query", "json", "form", "envelope", "body"];
            size.fields += documents.iter().filter_map(|name| step.get(name)).map(leaves).sum::<usize>();
            let blocks = match step.get("expect") {
                Some(Value::Array(blocks)) => blocks.iter().collect(),
                Some(block) => vec![block],
                None => Vec::new(),
            };
            size.checks += blocks.into_iter().map(checks).sum::<usize>();
            size.checks += usize::from(step.get("received").is_some() && step.get("count").is_some());
        }
        size
    }
}

fn count(mapping: Option<&Value>) -> usize {
    mapping.and_then(Value::as_object).map_or(0, serde_json::Map::len)
}

/// Values that hold no others.
fn leaves(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(leaves).sum(),
        Value::Object(members) => members.values().map(leaves).sum(),
        _ => 1,
    }
}

/// Each member of a block is a check, and each header.
fn checks(block: &Value) -> usize {
    let Some(members) = block.as_object() else { return 1 };
    let members = members.iter().filter(|(name, _)| !matches!(name.as_str(), "proves" | "because" | "versions"));
    members.map(|(name, value)| if name == "headers" { count(Some(value)) } else { 1 }).sum()
}
