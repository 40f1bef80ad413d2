//! What our own packs said to our mocks, recorded, written and run again.

use std::path::PathBuf;

use gauntlet_format::scenario::StepKind;
use gauntlet_format::{Step, Version};
use gauntlet_reports::{Body, CaseResult, Event, Exchange, Verdict};

use super::*;
use crate::config::TargetSpec;
use crate::repro::recording::Arrival;
use crate::runner::{Loaded, RunOptions, ScenarioSet};
use crate::{CancellationToken, Filter, Target};

async fn results(set: ScenarioSet, filter: Filter, mock: &str) -> Vec<CaseResult> {
    let mut results = Vec::new();
    let targets = vec![Arc::new(Target::new(TargetSpec::mock(mock)))];
    let options = RunOptions { keep_all: true, jobs: 8, ..RunOptions::default() };
    crate::run(Arc::new(set), targets, filter, Arc::new(options), CancellationToken::new(), |event| {
        if let Event::CaseFinished(result) = event {
            results.push(*result);
        }
    })
    .await;
    results
}

/// Whether the scenario says all that it does by itself: no mock is set up or told anything for it.
fn is_told_by_its_requests(scenario: &Scenario) -> bool {
    let is_plain = |step: &Step| {
        matches!(step.kind, StepKind::Call { .. } | StepKind::Notify { .. } | StepKind::Close | StepKind::Send(_))
            || matches!(&step.kind, StepKind::Http { body, .. } if !matches!(body, Some(gauntlet_format::scenario::HttpBody::Raw(_))))
    };
    scenario.given.is_none() && scenario.stubs.is_none() && scenario.steps.iter().all(is_plain)
}

/// What went between the clients and the target, as a recorder would have it.
fn recorded(result: &CaseResult) -> Option<Recording> {
    let transcript = &result.attempts.first()?.transcript;
    let entries = transcript.iter().filter(|exchange| exchange.hop.to == result.id.target).map(entry);
    Some(Recording { creator: None, entries: entries.collect() })
}

/// Whether the target makes the credentials of all requests: a transcript shows no others.
fn has_credentials_of_target(recording: &Recording) -> bool {
    let mut credentials = recording.entries.iter().map(|entry| entry.request.header("authorization"));
    let first = credentials.next();
    first.is_some_and(|first| {
        first.is_none_or(|value| value.starts_with("Bearer ${")) && credentials.all(|other| other == first)
    })
}

fn entry(exchange: &Exchange) -> Entry {
    let bytes = |body: &Body| match body {
        Body::Json(value) => value.to_string(),
        Body::Text { text, .. } => text.clone(),
        Body::Events(events) => events
            .iter()
            .map(|event| {
                let id = event.id.as_ref().map(|id| format!("id: {id}\n")).unwrap_or_default();
                let data = event.data.as_str().map_or_else(|| event.data.to_string(), str::to_owned);
                format!("event: {}\n{id}data: {data}\n\n", event.event.as_deref().unwrap_or("message"))
            })
            .collect(),
        Body::Empty | Body::Binary { .. } => String::new(),
    };
    let time = |ms: f64| Duration::from_secs_f64(ms.max(0.0) / 1000.0);
    Entry {
        transport: Transport::Http,
        session: None,
        behind: None,
        started_at: OffsetDateTime::UNIX_EPOCH + time(exchange.started_ms),
        began: None,
        elapsed: time(exchange.elapsed_ms),
        request: Sent {
            method: exchange.request.method.clone(),
            url: exchange.request.url.clone(),
            http_version: None,
            headers: exchange.request.headers.clone(),
            body: Payload::whole(Bytes::from(bytes(&exchange.request.body))),
        },
        response: exchange.response.as_ref().map(|response| Received {
            status: response.status,
            http_version: None,
            headers: response.headers.clone(),
            body: Payload::whole(Bytes::from(bytes(&response.body))),
            arrivals: Vec::<Arrival>::new(),
        }),
        failure: exchange.failure.clone(),
    }
}

/// Records what the scenarios of a pack say at a version, writes each recording as a scenario, runs all of them, and gives what
/// did not pass; and how many there were.
async fn round_trip(pack: &str, mock: &str, version: Option<Version>) -> (Vec<String>, usize) {
    let set = ScenarioSet::embedded();
    let plain: Vec<String> = set
        .files
        .iter()
        .filter_map(|file| match set.load(file) {
            Loaded::Scenario(scenario) if is_told_by_its_requests(&scenario) => Some(scenario.id.clone()),
            _ => None,
        })
        .collect();
    let filter = Filter {
        ids: plain,
        packs: vec![pack.to_owned()],
        versions: version.into_iter().collect(),
        ..Filter::default()
    };
    let first = results(ScenarioSet::embedded(), filter, mock).await;
    let folder = tempfile::tempdir().unwrap();
    let mut drafts: Vec<(PathBuf, String)> = Vec::new();
    for (number, result) in first.iter().filter(|result| result.verdict == Verdict::Pass).enumerate() {
        let Some(recording) = recorded(result).filter(has_credentials_of_target) else { continue };
        let options = Options {
            id: Some(format!("again.n{number}")),
            target: Some(mock.to_owned()),
            expect: Expect::Seen,
            auth_of_target: true,
            source: Some(result.id.to_string()),
            ..Options::default()
        };
        let draft = write(&recording, &options).unwrap_or_else(|e| panic!("{}: {e}", result.id));
        clean(&draft.yaml);
        if !draft.needs.is_empty() {
            continue;
        }
        let path = folder.path().join(format!("{number}.yaml"));
        std::fs::write(&path, &draft.yaml).unwrap();
        drafts.push((path, draft.yaml));
    }
    let set = ScenarioSet::at(&[folder.path().to_owned()]).unwrap();
    assert_eq!(set.files.len(), drafts.len());
    let again = results(set, Filter::default(), mock).await;
    let problems =
        again.iter().filter(|result| !matches!(result.verdict, Verdict::Pass | Verdict::Warn)).map(|result| {
            let attempt = result.attempts.first();
            let failed = attempt.and_then(|attempt| attempt.checks.iter().find(|check| check.verdict != Verdict::Pass));
            let text = drafts
                .iter()
                .find(|(path, _)| path.display().to_string() == result.place.file)
                .map(|(_, text)| text.as_str());
            format!(
                "{} {:?} {:?} {:#?}\n{}",
                result.id,
                result.verdict,
                attempt.and_then(|a| a.reason.as_deref()),
                failed,
                text.unwrap_or_default()
            )
        });
    let problems: Vec<String> = problems.collect();
    (problems, again.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_packs_said_to_a_server_passes_again() {
    let (problems, cases) = round_trip("mcp", "mcp-server", Some(Version::V2025_06_18)).await;
    assert!(problems.is_empty(), "{} of {cases}:\n{}", problems.len(), problems.join("\n\n"));
    assert!(cases > 60, "{cases}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_packs_said_to_the_kiro_runtime_passes_again() {
    let (problems, cases) = round_trip("kiro", "kiro-runtime", None).await;
    assert!(problems.is_empty(), "{} of {cases}:\n{}", problems.len(), problems.join("\n\n"));
    assert!(cases > 20, "{cases}");
}
