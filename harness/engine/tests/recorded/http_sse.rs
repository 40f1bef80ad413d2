//! The transport HTTP+SSE of 2024-11-05: recorded, served, sent once more, and as a scenario.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gauntlet::config::TargetSpec;
use gauntlet::repro::recording::Recording;
use gauntlet::repro::replay::{ReplayError, ReplayOptions, Report, replay, text};
use gauntlet::repro::scenario;
use gauntlet::repro::stub::StubOptions;
use gauntlet::{CancellationToken, Target};
use gauntlet_mocks::stub::{LiveBody, StubAnswer, StubBody, StubLogic, StubRequest};
use gauntlet_mocks::{MockHandle, StartOptions};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::{answer, call, recording_of, serve};

type Sender = mpsc::Sender<(Duration, Bytes)>;

/// A server of its own, which speaks nothing but this transport.
struct Old {
    found: &'static str,
    /// It asks the client before it answers.
    asks: bool,
    streams: Mutex<HashMap<String, Sender>>,
}

fn plain(status: u16, text: &str) -> StubAnswer {
    StubAnswer {
        status,
        headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
        body: StubBody::Bytes(text.to_owned().into()),
        faults: Vec::new(),
        note: None,
    }
}

fn event(message: &Value) -> (Duration, Bytes) {
    (Duration::ZERO, format!("event: message\ndata: {message}\n\n").into())
}

impl StubLogic for Old {
    fn path(&self) -> &str {
        "/sse"
    }

    fn answer(&self, request: &StubRequest) -> StubAnswer {
        let mut streams = self.streams.lock().unwrap();
        if request.method == "GET" && request.path == "/sse" {
            let (sender, receiver) = mpsc::channel(100);
            let query = format!(
                "sessionId=0b1e9d9e-7e3a-4e1c-9d6e-{:012}",
                streams.len() + usize::from(self.found.len() > 10) * 100
            );
            let first = format!("event: endpoint\ndata: /messages/?{query}\n\n");
            sender.try_send((Duration::ZERO, first.into())).unwrap();
            streams.insert(query, sender);
            let headers = vec![("content-type".to_owned(), "text/event-stream".to_owned())];
            return StubAnswer { headers, body: StubBody::Live(LiveBody::new(receiver)), ..plain(200, "") };
        }
        let Some(stream) = request.query.as_ref().and_then(|query| streams.get(query)) else {
            return plain(404, "no such session");
        };
        if request.method != "POST"
            || request.path != "/messages/"
            || request.headers.iter().any(|(n, _)| n == "mcp-session-id")
        {
            return plain(405, "not of this transport");
        }
        let message: Value = serde_json::from_slice(&request.body).unwrap();
        let id = message.get("id").cloned();
        let result = |result: Value| event(&json!({ "jsonrpc": "2.0", "id": id, "result": result }));
        let told = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": "half" } });
        let asked = json!({ "jsonrpc": "2.0", "id": "ask-1", "method": "roots/list" });
        let found = |id: &str| json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [{ "type": "text", "text": self.found }] } });
        let say = match message["method"].as_str() {
            Some("initialize") => vec![result(
                json!({ "protocolVersion": "2024-11-05", "capabilities": {}, "serverInfo": { "name": "old", "version": "1" } }),
            )],
            Some("tools/call") if self.asks => vec![event(&asked)],
            Some("tools/call") => vec![event(&told), event(&found(id.as_ref().unwrap().as_str().unwrap()))],
            // The answer to what was asked.
            None => vec![event(&found("c-1"))],
            Some(_) => Vec::new(),
        };
        say.into_iter().for_each(|piece| stream.try_send(piece).unwrap());
        plain(202, "Accepted")
    }
}

async fn old(found: &'static str, asks: bool) -> MockHandle {
    let logic = Old { found, asks, streams: Mutex::default() };
    gauntlet_mocks::stub::start(Arc::new(logic), StartOptions::default()).await.unwrap()
}

/// A client: what it said, and the messages that it was told.
async fn speak(url: &str, asked: bool) -> Vec<Value> {
    let client = reqwest::Client::new();
    let mut stream = client.get(url).header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let mut text = String::new();
    let mut until = async |part: &str| {
        while !text.contains(part) {
            let chunk = tokio::time::timeout(Duration::from_secs(5), stream.chunk()).await;
            text.push_str(&String::from_utf8_lossy(&chunk.unwrap_or_else(|_| panic!("no {part}")).unwrap().unwrap()));
        }
        text.clone()
    };
    let opened = until("\n\n").await;
    let endpoint = opened.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let endpoint = url::Url::parse(url).unwrap().join(endpoint).unwrap();
    let post = async |message: &Value| {
        let request = client.post(endpoint.clone()).header("content-type", "application/json");
        let said = answer(request.body(message.to_string())).await;
        assert_eq!(said.status, 202, "{message}: {}", said.text());
    };
    let params =
        json!({ "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": { "name": "c", "version": "1" } });
    post(&json!({ "jsonrpc": "2.0", "id": "c-0", "method": "initialize", "params": params })).await;
    until("\"c-0\"").await;
    post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    post(&call("c-1", "search", json!({ "query": "rust" }))).await;
    if asked {
        until("roots/list").await;
        post(&json!({ "jsonrpc": "2.0", "id": "ask-1", "result": { "roots": [] } })).await;
    }
    let all = until("\"c-1\"").await;
    all.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect()
}

async fn recorded(found: &'static str, asks: bool) -> Recording {
    let server = old(found, asks).await;
    speak(server.url(), asks).await;
    // The stream ends with its client.
    for _ in 0..100 {
        if server
            .journal()
            .entries()
            .iter()
            .all(|entry| entry.response.as_ref().is_some_and(|r| r.finished_at.is_some()))
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    recording_of(&server)
}

async fn on(recording: &Recording, url: &str) -> Result<Report, ReplayError> {
    let options = ReplayOptions { writes: true, patience: Duration::from_secs(3), ..ReplayOptions::default() };
    replay(recording.clone(), &Target::new(TargetSpec::url("target", url)), &options, &CancellationToken::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_posted_is_answered_on_the_stream() {
    for asks in [false, true] {
        let recording = recorded("found rust", asks).await;
        let count = recording.entries.len();
        let same = old("found rust", asks).await;
        let report = on(&recording, same.url()).await.unwrap();
        assert_eq!((report.same, report.changed, report.not_sent), (count, 0, 0), "{}", text(&report, false, false));
        let other = old("found nothing", asks).await;
        let report = on(&recording, other.url()).await.unwrap();
        let told = text(&report, false, false);
        assert_eq!((report.same, report.changed), (count - 1, 1), "{told}");
        assert!(told.contains("CHANGED   #4  tools/call search") && told.contains("found nothing"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_does_not_answer_on_the_stream_is_told() {
    let recording = recorded("found rust", false).await;
    // It waits for what nobody says.
    let silent = old("found rust", true).await;
    let report = on(&recording, silent.url()).await.unwrap();
    let told = text(&report, false, false);
    assert!(told.contains("the event stream did not bring the answer"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_of_another_transport_gets_the_messages_at_its_endpoint() {
    let recording = recorded("found rust", false).await;
    let server = gauntlet_mocks::start("mcp-server", StartOptions::default()).await.unwrap();
    let report = on(&recording, server.url()).await.unwrap();
    let told = text(&report, false, false);
    assert!(told.contains("not sent  #1  GET /sse: the target is none of HTTP+SSE"), "{told}");
    assert!(told.contains("#2  initialize") && !told.contains("not sent  #4"), "{told}");
    let sent = format!("{:?}", server.journal().entries());
    assert!(!sent.contains("gauntlet-stream"), "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_server_answers_on_the_stream() {
    let recording = recorded("found rust", false).await;
    let server = serve(recording.clone(), StubOptions::default()).await;
    assert!(server.url().ends_with("/sse"));
    let ids = |told: &[Value]| told.iter().filter_map(|m| m.get("id").cloned()).collect::<Vec<_>>();
    // Each client has a stream of its own.
    let (one, two) = tokio::join!(speak(server.url(), false), speak(server.url(), false));
    for told in [&one, &two] {
        assert_eq!(ids(told), ["c-0", "c-1"]);
        assert_eq!(told.iter().find(|m| m["id"] == "c-1").unwrap()["result"]["content"][0]["text"], "found rust");
        assert!(told.iter().any(|m| m["method"] == "notifications/message"));
    }
    let report = on(&recording, server.url()).await.unwrap();
    assert_eq!(report.same, recording.entries.len(), "{}", text(&report, false, false));
    // What was not asked before is refused where it was posted; a session that nobody was given is none.
    let posted = |path: &str| {
        let request = reqwest::Client::new()
            .post(format!("{}{path}", server.origin()))
            .header("content-type", "application/json");
        answer(request.body(call("c-9", "other", json!({})).to_string()))
    };
    let endpoint = server.journal().entries().iter().find(|e| e.method == "POST").unwrap().target.clone();
    let refused = posted(&endpoint).await;
    assert_eq!(refused.status, 501);
    assert!(refused.text().contains("the nearest is #4 tools/call search"), "{}", refused.text());
    assert_eq!(posted("/messages/?sessionId=other").await.status, 501);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scenario_of_it_has_ordinary_calls() {
    let recording = recorded("found rust", false).await;
    let draft = scenario::write(&recording, &scenario::Options::default()).unwrap();
    assert_eq!(draft.steps, 1, "{}", draft.yaml);
    for part in ["  - call: tools/call\n", "query: rust", "found rust"] {
        assert!(draft.yaml.contains(part), "{part}: {}", draft.yaml);
    }
    for part in ["http:", "sessionId", "gauntlet-stream", "versions:", "lifecycle:", "202"] {
        let steps = draft.yaml.split("steps:").nth(1).unwrap();
        assert!(!steps.contains(part), "{part}: {}", draft.yaml);
    }
    assert!(!draft.yaml.contains("\nversions:") && !draft.yaml.contains("\nlifecycle:"), "{}", draft.yaml);
    assert!(draft.notes.iter().any(|note| note.contains("HTTP+SSE of 2024-11-05")), "{:?}", draft.notes);
}
