//! A recording, sent once more.

use std::sync::Arc;
use std::time::Duration;

use gauntlet::config::{Endpoint, TargetSpec};
use gauntlet::repro::recording::{Entry, Payload, Recording};
use gauntlet::repro::replay::{Outcome, ReplayError, ReplayOptions, Report, replay, text};
use gauntlet::repro::stub::StubOptions;
use gauntlet::runner::GivenSecrets;
use gauntlet::{CancellationToken, Filter, RunOptions, ScenarioSet, Target};
use gauntlet_format::Version;
use gauntlet_mocks::{MockHandle, StartOptions};
use serde_json::{Value, json};

use crate::common::run_set;
use crate::support::{call, entry, line, post, recording_of, result, serve, through_a_file};

const JSON: &str = "application/json";
const BOTH: (&str, &str) = ("accept", "application/json, text/event-stream");

fn spec(config: Value, stdio: bool) -> TargetSpec {
    let Value::Object(config) = config else { panic!("a configuration is an object") };
    TargetSpec::new("mcp-server", Endpoint::Mock { mock: "mcp-server".to_owned(), config, stdio })
}

/// Speaks to a server as a client does, with every page of the tools.
async fn conversation() -> Recording {
    let options = StartOptions { config: json!({ "page_size": 3 }), ..StartOptions::default() };
    let server = gauntlet_mocks::start("mcp-server", options).await.unwrap();
    let params =
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "c", "version": "1" } });
    let opening = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
    let opened = post(server.url(), &opening, &[BOTH]).await;
    let session = opened.headers["mcp-session-id"].to_str().unwrap().to_owned();
    let headers = [BOTH, ("mcp-session-id", session.as_str()), ("mcp-protocol-version", "2025-11-25")];
    let say = async |message: Value| post(server.url(), &message, &headers).await;
    say(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    let mut cursor = Value::Null;
    for id in 1..=3 {
        let params = if cursor.is_null() { json!({}) } else { json!({ "cursor": cursor }) };
        let page = say(json!({ "jsonrpc": "2.0", "id": id, "method": "tools/list", "params": params })).await;
        cursor = answer_in(&page)["result"]["nextCursor"].clone();
    }
    say(call("echo-1", "echo", json!({ "message": "héllo" }))).await;
    say(call("nobody", "no-such-tool", json!({}))).await;
    recording_of(&server)
}

fn answer_in(answer: &crate::support::Answer) -> Value {
    let text = answer.text();
    let data = text.lines().filter_map(|line| line.strip_prefix("data:")).rfind(|data| data.contains("\"jsonrpc\""));
    serde_json::from_str(data.unwrap_or(&text)).unwrap_or_default()
}

async fn on(recording: &Recording, spec: TargetSpec, options: ReplayOptions) -> Result<Report, ReplayError> {
    replay(recording.clone(), &Target::new(spec), &options, &CancellationToken::new()).await
}

fn changed(report: &Report) -> Vec<&str> {
    let changed = report.exchanges.iter().filter(|played| matches!(played.outcome, Outcome::Changed { .. }));
    changed.map(|played| played.label.as_str()).collect()
}

fn not_sent(report: &Report) -> Vec<(usize, &str)> {
    let left = report.exchanges.iter().filter_map(|played| match &played.outcome {
        Outcome::NotSent { reason } => Some((played.number, reason.as_str())),
        _ => None,
    });
    left.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_server_answers_the_same() {
    let recording = conversation().await;
    let report = on(&recording, spec(json!({ "page_size": 3 }), false), ReplayOptions::default()).await.unwrap();
    assert_eq!((report.same, report.changed, report.not_sent), (7, 0, 0), "{}", text(&report, false, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defect_shows_where_it_is_and_nowhere_else() {
    let recording = conversation().await;
    let config = |defect: &str| json!({ "page_size": 3, "defects": [defect] });
    for (defect, label) in [("text-altered", "tools/call echo"), ("unknown-tool-as-success", "tools/call no-such-tool")]
    {
        let report = on(&recording, spec(config(defect), false), ReplayOptions::default()).await.unwrap();
        assert_eq!(changed(&report), [label], "{defect}: {}", text(&report, false, false));
    }
    let report = on(&recording, spec(json!({ "page_size": 4 }), false), ReplayOptions::default()).await.unwrap();
    let lists = changed(&report);
    assert!(!lists.is_empty() && lists.iter().all(|label| *label == "tools/list"), "{}", text(&report, false, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_the_same_over_every_transport() {
    let recording = conversation().await;
    let report = on(&recording, spec(json!({ "page_size": 3 }), true), ReplayOptions::default()).await.unwrap();
    assert_eq!((report.same, report.changed), (7, 0), "{}", text(&report, false, false));
    let config = json!({ "page_size": 3, "defects": ["text-altered"] });
    let report = on(&recording, spec(config, true), ReplayOptions::default()).await.unwrap();
    assert_eq!(changed(&report), ["tools/call echo"], "{}", text(&report, false, false));
    // What was said over stdio, to a server over HTTP.
    let lines: Vec<Entry> = recording.entries.iter().enumerate().map(|(at, entry)| over_stdio(at, entry)).collect();
    let report =
        on(&through_a_file(lines), spec(json!({ "page_size": 3 }), false), ReplayOptions::default()).await.unwrap();
    assert_eq!((report.same, report.changed), (7, 0), "{}", text(&report, false, false));
}

fn over_stdio(at: usize, entry: &Entry) -> Entry {
    let response = entry.response.as_ref().unwrap();
    let text = response.body.text().unwrap();
    let mut answers: Vec<String> = response.events().into_iter().map(|event| event.event.data).collect();
    answers.retain(|data| !data.is_empty());
    if answers.is_empty() && !text.is_empty() && !response.is_event_stream() {
        answers.push(text.to_owned());
    }
    let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
    line(at as u64, entry.request.body.text().unwrap(), &answers)
}

#[tokio::test(flavor = "multi_thread")]
async fn picked_requests_come_with_what_opens_their_session() {
    let recording = conversation().await;
    let options =
        |requests: &str| ReplayOptions { requests: Some(requests.parse().unwrap()), ..ReplayOptions::default() };
    let report = on(&recording, spec(json!({ "page_size": 3 }), false), options("6-")).await.unwrap();
    let numbers: Vec<usize> = report.exchanges.iter().map(|played| played.number).collect();
    assert_eq!(
        (numbers, report.same, report.not_selected),
        (vec![1, 2, 6, 7], 4, 3),
        "{}",
        text(&report, false, false)
    );
    let error = on(&recording, spec(json!({}), false), options("8")).await.unwrap_err();
    assert!(matches!(&error, ReplayError::Selection(why) if why.contains("the recording has 7")), "{error}");
    let options = ReplayOptions { session: Some("nobody".to_owned()), ..ReplayOptions::default() };
    let error = on(&recording, spec(json!({}), false), options).await.unwrap_err();
    assert!(matches!(&error, ReplayError::Selection(why) if why.contains("no session `nobody`")), "{error}");
    let options = ReplayOptions { session: Some("1".to_owned()), ..ReplayOptions::default() };
    assert_eq!(on(&recording, spec(json!({ "page_size": 3 }), false), options).await.unwrap().same, 7);
}

/// A server that answers as recorded.
async fn recorded(entries: Vec<Entry>) -> MockHandle {
    serve(through_a_file(entries), StubOptions::default()).await
}

fn simple(id: u8, name: &str) -> Entry {
    entry(id.into(), &call(id, name, json!({})), &result(id, json!({ "content": [] })), JSON)
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_a_recording_stay_where_they_are() {
    let mut one = simple(1, "look");
    for (name, value) in
        [("authorization", "Bearer canary-1"), ("cookie", "sid=canary-2"), ("x-api-key", "${secret:key}")]
    {
        one.request.headers.push((name.to_owned(), value.to_owned()));
    }
    let mut elsewhere = simple(2, "look");
    elsewhere.request.url = "https://idp.example/token?code=canary-3".to_owned();
    let mut needs =
        entry(3, &call(3, "look", json!({ "pin": "${secret:pin}" })), &result(3, json!({ "content": [] })), JSON);
    needs.request.url = "https://recorded.example/mcp?v=1".to_owned();
    let entries = vec![one, elsewhere, needs, simple(4, "other")];
    let server = recorded(entries.clone()).await;
    let spec =
        TargetSpec { auth: Some(json!({ "bearer": "own-token-000" })), ..TargetSpec::url("target", server.url()) };
    let options = ReplayOptions { writes: true, ..ReplayOptions::default() };
    let report = on(&through_a_file(entries.clone()), spec.clone(), options.clone()).await.unwrap();
    assert_eq!((report.same, report.changed), (2, 0), "{}", text(&report, false, false));
    let left = not_sent(&report);
    assert_eq!(left[0], (2, "it went to another server than https://recorded.example"));
    assert!(left[1].0 == 3 && left[1].1.contains("`--secret pin`"), "{left:?}");
    let arrived = server.journal().entries();
    let sent = format!("{arrived:?}");
    assert!(!sent.contains("canary") && sent.contains("Bearer own-token-000"), "{sent}");
    // What the user gives is sent, and never shown.
    let folder = tempfile::tempdir().unwrap();
    let words = [("pin", "canary-pin"), ("key", "canary-key")].map(|(name, value)| {
        let path = folder.path().join(name);
        std::fs::write(&path, value).unwrap();
        format!("{name}=file:{}", path.display())
    });
    let options = ReplayOptions { given: GivenSecrets::read(&words).unwrap(), ..options };
    let report = on(&through_a_file(entries), spec, options).await.unwrap();
    assert_eq!((report.same, report.not_sent), (3, 1), "{}", text(&report, false, false));
    let sent = format!("{:?}", server.journal().entries());
    assert!(sent.contains("canary-pin") && sent.contains("canary-key"));
    let told = format!("{}{}", text(&report, false, true), serde_json::to_string(&report).unwrap());
    assert!(!told.contains("canary") && !told.contains("own-token"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_that_may_change_something_are_not_called() {
    let options = StartOptions::default();
    let server = gauntlet_mocks::start("mcp-server", options).await.unwrap();
    let mut entries = vec![simple(1, "echo"), simple(2, "no-such-tool")];
    let mut put = simple(3, "x");
    put.request.body = Payload::whole("{\"a\":1}");
    entries.push(put);
    let recording = through_a_file(entries);
    let target = TargetSpec::url("target", server.url());
    let error = on(
        &recording,
        target.clone(),
        ReplayOptions { requests: Some("2-3".parse().unwrap()), ..ReplayOptions::default() },
    );
    let error = error.await.unwrap_err();
    assert!(
        matches!(&error, ReplayError::NothingToSend(why) if why.contains("`no-such-tool` does not declare itself read-only")),
        "{error}"
    );
    let called = |tool: &str| {
        let tool = format!("\"{tool}\"");
        server.journal().entries().iter().filter(|e| String::from_utf8_lossy(&e.body).contains(&tool)).count()
    };
    assert_eq!(called("no-such-tool"), 0);
    let options = ReplayOptions { writes: true, requests: Some("2".parse().unwrap()), ..ReplayOptions::default() };
    on(&recording, target, options).await.unwrap();
    assert_eq!(called("no-such-tool"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_does_not_list_its_tools_says_nothing_of_them() {
    let server = recorded(vec![simple(1, "look")]).await;
    let recording = through_a_file(vec![simple(1, "look")]);
    let error = on(&recording, TargetSpec::url("target", server.url()), ReplayOptions::default()).await.unwrap_err();
    let why = "whether the tool `look` is read-only cannot be found out (tools/list: HTTP 501); `--yes` calls it";
    assert_eq!(error, ReplayError::NothingToSend(why.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_may_ask_in_between() {
    let server = gauntlet_mocks::start("mcp-server", StartOptions::default()).await.unwrap();
    let target = TargetSpec {
        fixtures: server.fixtures().clone(),
        versions: Some(vec![Version::V2025_11_25]),
        ..TargetSpec::url("mcp-server", server.url())
    };
    let filter = Filter { ids: vec!["mcp.server-requests.sampling".to_owned()], ..Filter::default() };
    let (_, summary) = run_set(Arc::new(ScenarioSet::embedded()), vec![target], filter, RunOptions::default()).await;
    assert_eq!((summary.pass, summary.cases()), (1, 1), "{summary:#?}");
    let recording = recording_of(&server);
    let answers = recording.entries.iter().filter(|entry| entry.label().starts_with("answer of the client"));
    assert_eq!(answers.count(), 1);
    let report = on(&recording, spec(json!({}), false), ReplayOptions::default()).await.unwrap();
    assert_eq!((report.changed, report.not_sent), (0, 0), "{}", text(&report, false, false));
    // A server that does not ask gets no answer.
    let config = json!({ "without_tools": ["ask"] });
    let options = ReplayOptions { patience: Duration::from_millis(300), ..ReplayOptions::default() };
    let report = on(&recording, spec(config, false), options).await.unwrap();
    let left = not_sent(&report);
    assert!(left.len() == 1 && left[0].1 == "the target did not ask `sampling/createMessage`", "{left:?}");
}

#[tokio::test]
async fn nobody_there_is_told_at_once() {
    let recording = through_a_file(vec![simple(1, "look")]);
    let options = ReplayOptions { writes: true, ..ReplayOptions::default() };
    let error = on(&recording, TargetSpec::url("target", "http://127.0.0.1:1/mcp"), options).await.unwrap_err();
    assert!(matches!(&error, ReplayError::Unreachable(why) if why.contains("127.0.0.1:1")), "{error}");
    let error =
        on(&Recording::default(), TargetSpec::url("target", "http://127.0.0.1:1/mcp"), ReplayOptions::default()).await;
    assert!(matches!(error, Err(ReplayError::NothingToSend(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_broke_off_is_compared_too() {
    let mut cut = simple(1, "look");
    let response = cut.response.as_mut().unwrap();
    response.headers[0].1 = "text/event-stream".to_owned();
    response.body =
        Payload::whole("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n");
    cut.failure = Some("reset".to_owned());
    let whole = simple(1, "look");
    // Of what was not kept nobody can say whether it is the same.
    let mut partial = simple(1, "look");
    partial.response.as_mut().unwrap().body = Payload { bytes: "{".into(), left_out: 100 };
    let options = ReplayOptions { writes: true, ..ReplayOptions::default() };
    for (before, now, expected) in [(&cut, &cut, 0), (&cut, &whole, 1), (&whole, &cut, 1), (&partial, &whole, 0)] {
        let server = recorded(vec![now.clone()]).await;
        let recording = through_a_file(vec![before.clone()]);
        let report = on(&recording, TargetSpec::url("target", server.url()), options.clone()).await.unwrap();
        assert_eq!(report.changed, expected, "{}", text(&report, false, false));
    }
}
