//! What signatures say is right stands in the scenario that is made of a recording which shows them.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use gauntlet::Filter;
use gauntlet::repro::diagnose::{Signatures, known};
use gauntlet::repro::recording::{Recording, Transport};
use gauntlet::repro::scenario::{Draft, Known, Options, write};
use gauntlet::repro::secrets;
use gauntlet_format::signature::{Defect, Reproduce, Signature};
use gauntlet_format::{Scenario, Source, lint, yaml};
use gauntlet_reports::{CaseResult, Verdict};
use serde_json::Value;
use time::OffsetDateTime;
use url::Url;

use super::{AT_A_TIME, run, scenarios, transcript};

/// A recording that shows a signature, as a scenario.
struct Made {
    known: Known,
    draft: Draft,
    origin: String,
}

/// The first case of the scenario that reproduces it, recorded.
async fn recorded(signature: &Signature, signatures: &Signatures) -> Result<Made, String> {
    let Reproduce::Scenario { scenario, defect } = &signature.reproduce else { return Err("nothing shows it".into()) };
    let all = scenarios();
    let file = all.get(&scenario.name).ok_or("there is no such scenario")?;
    let mut made = Err("it is not recognised in a recording, or not by a step".to_owned());
    run(file, Filter::default(), defect.as_ref(), |result| {
        if made.is_err()
            && let Some(outcome) = make(signature, signatures, result)
        {
            made = outcome;
        }
        made.is_ok()
    })
    .await;
    made
}

fn make(signature: &Signature, signatures: &Signatures, result: &CaseResult) -> Option<Result<Made, String>> {
    let mut recording = Recording::of_exchanges(transcript(result), OffsetDateTime::UNIX_EPOCH);
    let is_it = |known: &Known| known.id == signature.id.name;
    let first = known(&recording, signatures, &secrets::Options::default()).into_iter().find(is_it)?;
    // What comes after it is of no use here.
    let shown = &recording.entries[first.entry];
    let end = shown.started_at + shown.elapsed;
    recording.entries.retain(|entry| entry.started_at <= end);
    let all = known(&recording, signatures, &secrets::Options::default());
    // Where several look the same somebody says that it is this one.
    let said = |known: Known| Known { is_sure: true, ..known };
    let mut shown: Vec<Known> = all.into_iter().filter(is_it).map(said).collect();
    let first = shown.first()?.clone();
    let entry = &recording.entries[first.entry];
    let origin = match entry.transport {
        Transport::Stdio => entry.request.url.clone(),
        Transport::Http => Url::parse(&entry.request.url).ok()?.origin().ascii_serialization(),
    };
    let role = result.id.target.trim_end_matches("-stdio");
    let asked = recording.entries.iter().find(|entry| entry.behind.is_none()).map(|entry| &entry.request.url);
    let asked = asked.and_then(|url| Some(Url::parse(url).ok()?.origin().ascii_serialization()));
    // A sign-in goes to several systems; what shows at the provider is about that.
    let other =
        first.right.as_ref().and_then(|right| right.role.as_deref()).filter(|_| asked.as_ref() != Some(&origin));
    if other.is_some() {
        recording.entries.retain(|entry| entry.behind.is_none());
        let all = known(&recording, signatures, &secrets::Options::default());
        shown = all.into_iter().filter(is_it).map(said).collect();
    }
    let options = Options {
        id: Some(format!("recorded.{}", signature.id.name)),
        target: Some(other.unwrap_or(role).to_owned()),
        origin: Some(origin.clone()),
        // What was sent without credentials is sent so again.
        auth_of_target: recording.entries.iter().any(|entry| entry.request.header("authorization").is_some()),
        // Another signature may be the better one for the same step.
        known: shown,
        ..Options::default()
    };
    Some(match write(&recording, &options) {
        Ok(draft) => Ok(Made { known: first, draft, origin }),
        Err(error) => Err(error.to_string()),
    })
}

/// Steps, those inside others too.
fn flatten(steps: &Value, into: &mut Vec<Value>) {
    for step in steps.as_array().into_iter().flatten() {
        flatten(&step["parallel"], into);
        into.push(step.clone());
    }
}

/// What of what is right is not in the scenario.
fn missing(signature: &Signature, made: &Made) -> Vec<String> {
    let mut missing = Vec::new();
    let source = Arc::new(Source { path: PathBuf::from("recorded.yaml"), text: made.draft.yaml.as_str().into() });
    match Scenario::parse(Arc::clone(&source), None) {
        Ok(scenario) => missing.extend(lint::scenario(&scenario).iter().map(ToString::to_string)),
        Err(problems) => missing.extend(problems.iter().map(ToString::to_string)),
    }
    let Ok(scenario) = yaml::parse(&source, 0).map(|node| node.to_json()) else { return missing };
    let id = &signature.id.name;
    let is_noted = |note: &String| note.contains(&format!("{id} (gauntlet explain {id}): "));
    if !made.draft.notes.iter().any(is_noted) {
        missing.push(format!("no note: {:?}", made.draft.notes));
    }
    let Some(right) = &made.known.right else { return vec!["nothing is right".to_owned()] };
    let mut steps = Vec::new();
    flatten(&scenario["steps"], &mut steps);
    // What is the recorded host's in the one is the target's in the other.
    let host = made.origin.split_once("://").map_or("", |(_, host)| host);
    let recorded =
        |own: &Value| own.to_string().replace("${target.origin}", &made.origin).replace("${target.host}", host);
    let is_same = |right: &Value, own: &Value| recorded(right) == recorded(own);
    if let Some(expect) = &right.expect {
        let has = steps.iter().any(|step| step.get("expect").is_some_and(|own| is_same(expect, own)));
        if !has {
            missing.push(format!("`expect`: {expect}"));
        }
    }
    for step in right.steps.iter().chain(&right.received) {
        if !steps.iter().any(|own| is_same(step, own)) {
            missing.push(format!("the step {step}"));
        }
    }
    if let Some(given) = right.given.as_ref().filter(|given| scenario.get("given") != Some(given)) {
        missing.push(format!("`given`: {given}"));
    }
    missing
}

fn with_mended(signatures: &Signatures) -> Vec<&Signature> {
    signatures.iter().filter(|signature| signature.mended.is_some()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_right_stands_in_the_scenario_of_a_recording() {
    let signatures = Signatures::builtin();
    let all = with_mended(&signatures);
    assert!(all.len() > 50, "only {} signatures say what is right", all.len());
    let made = all.into_iter().map(async |signature| {
        let missing = match recorded(signature, &signatures).await {
            Ok(made) => missing(signature, &made),
            Err(why) => vec![why],
        };
        (!missing.is_empty()).then(|| format!("{}: {}", signature.id.name, missing.join("; ")))
    });
    let wrong: Vec<String> =
        stream::iter(made).buffer_unordered(AT_A_TIME).filter_map(std::future::ready).collect().await;
    assert!(wrong.is_empty(), "{} of them\n{}", wrong.len(), wrong.join("\n"));
}

/// How the scenario ends, and why it does not pass.
async fn verdicts(text: &str, defect: Option<&Defect>) -> Vec<(Verdict, String)> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("recorded.yaml");
    std::fs::write(&file, text).expect("a file");
    let mut verdicts = Vec::new();
    run(&file, Filter::default(), defect, |result| {
        let attempt = result.attempts.last();
        let reason = attempt.and_then(|attempt| attempt.reason.clone()).unwrap_or_default();
        let failed =
            attempt.into_iter().flat_map(|attempt| &attempt.checks).find(|check| check.verdict > Verdict::Pass);
        let failed = failed.map(|check| format!("{check:?}")).unwrap_or_default();
        verdicts.push((result.verdict, format!("{} {reason} {failed}", result.id)));
        false
    })
    .await;
    verdicts
}

/// Scenarios that the mocks cannot be asked as they were recorded, and why.
const NOT_AGAIN: [(&str, &str); 12] = [
    ("profiles.argument-collision", "no stub of a recording lists the tool whose argument collides"),
    ("profiles.neighbour-fails", "the call that fails beside the other is expected to succeed, too"),
    ("oauth.missing-scope-not-named", TOKEN),
    ("oauth.missing-scope-as-401", TOKEN),
    ("oauth.refused-with-200", TOKEN),
    ("oauth.token-error-as-200", CLIENT),
    ("oauth.expires-in-as-text", CLIENT),
    ("oauth.token-not-json", CLIENT),
    ("oauth.token-type-missing", CLIENT),
    ("oauth.no-signing-keys", CLIENT),
    ("mcp.wrong-media-type", "the mock answers so only where it is configured to answer without streams"),
    ("mcp.cursor-loops", "the mock was configured to have other tools"),
];
const TOKEN: &str = "the token that was refused is a secret of the recording, and the target has a good one";
const CLIENT: &str = "what the client proves itself with is a secret of the recording";

/// Runs what is made of each recording, with the defect and without.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs three scenarios for each of the signatures"]
async fn the_scenario_is_red_with_the_defect_and_green_without() {
    let signatures = Signatures::builtin();
    let is_again = |signature: &&Signature| !NOT_AGAIN.iter().any(|(id, _)| *id == signature.id.name);
    let proofs = signatures.iter().filter(is_again).map(async |signature| {
        let id = &signature.id.name;
        let Reproduce::Scenario { defect: Some(defect), .. } = &signature.reproduce else { return None };
        let made = match recorded(signature, &signatures).await {
            Ok(made) => made,
            Err(why) => return Some(format!("{id}: {why}")),
        };
        let red = verdicts(&made.draft.yaml, Some(defect)).await;
        let green = verdicts(&made.draft.yaml, None).await;
        let is_red = red.iter().any(|(verdict, _)| *verdict == Verdict::Fail);
        let is_fine = |verdict: &Verdict| matches!(verdict, Verdict::Pass | Verdict::Warn | Verdict::Skip);
        let is_green =
            green.iter().all(|(verdict, _)| is_fine(verdict)) && green.iter().any(|(v, _)| *v != Verdict::Skip);
        let text = &made.draft.yaml;
        (!is_red || !is_green).then(|| format!("{id}: red: {is_red} {red:?}\n  green: {is_green} {green:?}\n{text}"))
    });
    let wrong: Vec<String> = stream::iter(proofs).buffer_unordered(4).filter_map(std::future::ready).collect().await;
    assert!(wrong.is_empty(), "{} of them\n{}", wrong.len(), wrong.join("\n"));
}
