//! What our own packs said to our mocks, recorded, written and run again.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gauntlet_format::scenario::{HttpBody, each_step};
use gauntlet_format::{Node, Step, StepKind};
use gauntlet_reports::{CaseResult, Event, Verdict};

use super::*;
use crate::runner::{Loaded, RunOptions, ScenarioSet};
use crate::{CancellationToken, Config, Filter, Target};

/// Of the cases of a pack one in so many is taken in a quick test.
const SAMPLE: u32 = 8;

async fn results(set: ScenarioSet, filter: Filter) -> Vec<CaseResult> {
    let mut results = Vec::new();
    let targets = Config::default().targets.into_iter().map(Target::new).map(Arc::new).collect();
    let options = RunOptions { keep_all: true, jobs: 8, ..RunOptions::default() };
    crate::run(Arc::new(set), targets, filter, Arc::new(options), CancellationToken::new(), |event| {
        if let Event::CaseFinished(result) = event {
            results.push(*result);
        }
    })
    .await;
    results
}

/// Why the requests of a scenario do not say all of it, so that a recording of them cannot either.
fn beyond_requests(scenario: &Scenario) -> Option<&'static str> {
    let is_none = |auth: &Node| auth.as_str() == Some("none");
    if scenario.stubs.is_some() {
        return Some("it makes a mock out of nothing");
    }
    if setup(scenario).to_string().contains("${") {
        return Some("its mocks are set up with values of the case");
    }
    // Where a role wants a token of its own provider the writer says so, as the pack does.
    let of_role = auth::of_role(&scenario.target.name);
    if scenario.defaults.auth.as_ref().is_some_and(|auth| !is_none(auth) && Some(auth.to_json()) != of_role) {
        return Some("it makes credentials of its own");
    }
    let why = |step: &Step| match &step.kind {
        StepKind::Control(_) => Some("its mocks are told something on the way"),
        StepKind::Oauth(_) | StepKind::Drive { .. } => Some("it signs in, which is another target's business, too"),
        StepKind::Wait(_) => Some("it waits"),
        StepKind::Http { body: Some(HttpBody::Raw(_)), .. } => Some("it sends bytes that are no request"),
        _ if step.headers.as_ref().is_some_and(|headers| headers.get("authorization").is_some()) => {
            Some("it makes credentials of its own")
        }
        _ if step.auth.as_ref().is_some_and(|auth| !is_none(auth)) => Some("it makes credentials of its own"),
        _ => None,
    };
    let mut found = None;
    each_step(&scenario.steps, &mut |step| found = found.or_else(|| why(step)));
    found
}

/// How the mocks of a scenario are set up, which is no matter of its requests.
fn setup(scenario: &Scenario) -> Value {
    let mut out = Map::new();
    out.extend(scenario.given.as_ref().map(|given| ("given".to_owned(), given.to_json())));
    if !scenario.requires.upstreams.is_empty() {
        let names: Vec<&str> = scenario.requires.upstreams.iter().map(|key| key.name.as_str()).collect();
        out.insert("requires".to_owned(), json!({ "upstreams": names }));
    }
    Value::Object(out)
}

/// What a stdio peer said while nobody asked is, in a recording, what came without a line of the client.
fn unasked(mut entry: Entry) -> Entry {
    if entry.request.method == "listen" {
        entry.transport = Transport::Stdio;
        entry.request.url = format!("stdio:{}", entry.request.url);
        entry.request.method = STDIN.to_owned();
    }
    entry
}

/// Why what a case said does not stand in its transcript.
fn beyond_transcript(recording: &Recording) -> Option<&'static str> {
    // What is secret in a transcript stands in `${…}`, and has no name that a scenario could read.
    let sent = recording.entries.iter().map(|entry| &entry.request);
    let is_hidden = sent.clone().any(|sent| {
        let headers = sent.headers.iter().filter(|(name, _)| !OF_TARGET.contains(&name.as_str()));
        let body = sent.body.text().unwrap_or("${}");
        headers.map(|(_, value)| value.as_str()).chain([sent.url.as_str(), body]).any(|text| text.contains("${"))
    });
    let is_cut = sent.clone().any(|sent| sent.body.left_out > 0);
    match (recording.entries.is_empty(), is_hidden, is_cut) {
        (true, ..) => Some("the target is not asked"),
        (_, true, _) => Some("it sends what the transcript does not show"),
        (.., true) => Some("it sends more than the transcript holds"),
        _ => None,
    }
}

/// Headers in which the target's own credentials are.
const OF_TARGET: [&str; 4] = ["authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"];

/// What became of the cases of a pack.
#[derive(Default)]
struct Trip {
    /// Cases that passed the first time and were written.
    written: usize,
    /// Why others were not written, and how many scenarios or cases that are.
    excluded: BTreeMap<&'static str, usize>,
    /// What did not pass again, with the text.
    problems: Vec<String>,
}

impl Trip {
    fn exclude(&mut self, why: &'static str) {
        *self.excluded.entry(why).or_default() += 1;
    }

    fn told(&self, pack: &str) -> String {
        let mut out = format!("{pack}: {} of {} cases pass again", self.written - self.problems.len(), self.written);
        for (why, count) in &self.excluded {
            let _ = write!(out, "; {count} left out: {why}");
        }
        out
    }
}

/// A share of the cases that does not depend on which others there are.
fn is_sampled(id: &str, sample: u32) -> bool {
    id.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % sample == 0
}

/// Records what the scenarios of a pack say to the targets of their roles, at each version and over each transport; writes each
/// recording as a scenario, and runs all of them. Of the scenarios one in `sample` is taken.
async fn round_trip(pack: &str, sample: u32) -> Trip {
    let mut trip = Trip::default();
    let set = ScenarioSet::embedded();
    let mut told = BTreeMap::new();
    for file in &set.files {
        let Loaded::Scenario(scenario) = set.load(file) else { continue };
        if scenario.pack.as_deref() != Some(pack) || !is_sampled(&scenario.id, sample) {
            continue;
        }
        match beyond_requests(&scenario) {
            Some(why) => trip.exclude(why),
            None => {
                told.insert(scenario.id.clone(), setup(&scenario));
            }
        }
    }
    if told.is_empty() {
        return trip;
    }
    let first =
        results(ScenarioSet::embedded(), Filter { ids: told.keys().cloned().collect(), ..Filter::default() }).await;
    let folder = tempfile::tempdir().unwrap();
    let mut drafts: BTreeMap<(String, String), (String, String)> = BTreeMap::new();
    for result in first.iter().filter(|result| matches!(result.verdict, Verdict::Pass | Verdict::Warn)) {
        let transcript = &result.attempts.last().unwrap().transcript;
        let front: Vec<_> = transcript.iter().filter(|exchange| exchange.hop.to == result.id.target).cloned().collect();
        if front.iter().any(|exchange| exchange.step.is_none() && exchange.failure.is_some()) {
            trip.exclude("its session did not open or close in time");
            continue;
        }
        let mut recording = Recording::of_exchanges(&front, OffsetDateTime::UNIX_EPOCH);
        recording.entries = recording.entries.into_iter().map(unasked).collect();
        if let Some(why) = beyond_transcript(&recording) {
            trip.exclude(why);
            continue;
        }
        let id = format!("again.n{}", drafts.len());
        // The credentials of a transcript are the target's; there are none in it where a scenario is about that.
        let has_credentials = recording.entries.iter().any(|entry| entry.request.header("authorization").is_some());
        let options = Options {
            id: Some(id.clone()),
            target: Some(result.id.target.trim_end_matches("-stdio").to_owned()),
            expect: Expect::Seen,
            auth_of_target: has_credentials,
            source: Some(result.id.to_string()),
            ..Options::default()
        };
        let draft = write(&recording, &options).unwrap_or_else(|e| panic!("{}: {e}", result.id));
        clean(&draft.yaml);
        if !draft.needs.is_empty() {
            trip.exclude("it sends what the transcript does not show");
            continue;
        }
        let mut text = draft.yaml;
        if let Some(setup) = told.get(&result.id.scenario).filter(|setup| **setup != json!({})) {
            text.push_str(&emit::scenario(setup));
        }
        std::fs::write(folder.path().join(format!("{id}.yaml")), &text).unwrap();
        drafts.insert((id, result.id.target.clone()), (result.id.to_string(), text));
    }
    trip.written = drafts.len();
    let again = results(ScenarioSet::at(&[folder.path().to_owned()]).unwrap(), Filter::default()).await;
    let again: BTreeMap<(String, String), &CaseResult> =
        again.iter().map(|result| ((result.id.scenario.clone(), result.id.target.clone()), result)).collect();
    for (key, (case, text)) in &drafts {
        let Some(result) = again.get(key) else {
            trip.problems.push(format!("{case} did not run again\n{text}"));
            continue;
        };
        if matches!(result.verdict, Verdict::Pass | Verdict::Warn) {
            continue;
        }
        let attempt = result.attempts.last();
        let failed = attempt.and_then(|attempt| {
            attempt.checks.iter().find(|check| !matches!(check.verdict, Verdict::Pass | Verdict::Warn))
        });
        let failed = failed.map(|check| {
            let mismatch = check.mismatches.first().map(|m| format!("{}: {}", m.path, m.reason));
            format!("step {} {}: {}", check.step + 1, check.label, mismatch.unwrap_or_default())
        });
        let reason = attempt.and_then(|attempt| attempt.reason.clone());
        trip.problems.push(format!(
            "{case} {:?} {} {}\n{text}",
            result.verdict,
            reason.unwrap_or_default(),
            failed.unwrap_or_default()
        ));
    }
    trip
}

#[expect(clippy::print_stderr, reason = "the figures are what the tests of whole packs are run for")]
async fn passes_again(pack: &str, sample: u32, at_least: usize) {
    let trip = round_trip(pack, sample).await;
    let told = trip.told(pack);
    eprintln!("{told}");
    assert!(trip.problems.is_empty(), "{told}\n\n{}", trip.problems.join("\n\n"));
    assert!(trip.written >= at_least, "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_of_what_packs_say_passes_again() {
    passes_again("mcp", SAMPLE, 40).await;
    passes_again("kiro", 2, 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: `cargo test -p gauntlet --lib round_trip -- --ignored`"]
async fn all_of_what_packs_say_to_servers_passes_again() {
    passes_again("mcp", 1, 1400).await;
    passes_again("kiro", 1, 90).await;
    passes_again("agentcore", 1, 200).await;
    passes_again("aws", 1, 25).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: `cargo test -p gauntlet --lib round_trip -- --ignored`"]
async fn all_of_what_packs_say_to_gateways_passes_again() {
    passes_again("gateway", 1, 50).await;
    passes_again("kiro-gateway", 1, 30).await;
    passes_again("profiles", 1, 300).await;
    passes_again("remote-proxy", 1, 35).await;
}
