//! A recording as a server.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gauntlet::config::{Endpoint, RecordedSource, TargetSpec, UpstreamSpec};
use gauntlet::repro::recording::{Entry, Payload, Recording};
use gauntlet::repro::stub::{RecordedServer, StubOptions};
use gauntlet::repro::{Pace, har};
use gauntlet::{Filter, RunOptions, ScenarioSet};
use gauntlet_mocks::StartOptions;
use gauntlet_reports::{Verbosity, Verdict};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use crate::common::{console, run_one, run_set};
use crate::support::{answer, call, entry, line, post, recording_of, result, serve, through_a_file};

const JSON: &str = "application/json";
const STREAM: &str = "text/event-stream";

async fn mock(name: &str, config: Value) -> gauntlet_mocks::MockHandle {
    gauntlet_mocks::start(name, StartOptions { config, ..StartOptions::default() }).await.unwrap()
}

fn search(id: u8, query: &str) -> Entry {
    entry(id.into(), &call(id, "web_search", json!({ "query": query })), &result(id, json!({ "found": query })), JSON)
}

/// Cases that pass, by scenario and version.
async fn passing(url: &str, ids: &[&str]) -> BTreeMap<String, Verdict> {
    let set = Arc::new(ScenarioSet::embedded());
    let filter = Filter { ids: ids.iter().map(|id| (*id).to_owned()).collect(), ..Filter::default() };
    let (events, _) = run_set(set, vec![TargetSpec::url("mcp-server", url)], filter, RunOptions::default()).await;
    let results = events.into_iter().filter_map(|event| match event {
        gauntlet_reports::Event::CaseFinished(result) => Some((result.id.to_string(), result.verdict)),
        _ => None,
    });
    results.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn scenarios_run_on_a_recording_as_on_what_was_recorded() {
    let server = mock("mcp-server", json!({ "page_size": 4 })).await;
    let ids = ["mcp.tools.list.*", "mcp.pagination.*"];
    let real = passing(server.url(), &ids).await;
    assert!(real.values().filter(|verdict| **verdict == Verdict::Pass).count() > 20, "{real:#?}");
    let recorded = serve(recording_of(&server), StubOptions::default()).await;
    drop(server);
    let again = passing(recorded.url(), &ids).await;
    let other: Vec<_> = real.iter().filter(|(id, verdict)| again.get(*id) != Some(verdict)).collect();
    let journal = recorded.journal().entries();
    let refused: Vec<_> = journal
        .iter()
        .filter(|e| e.response.as_ref().is_some_and(|r| r.status == 501))
        .map(|e| String::from_utf8_lossy(&e.response.as_ref().unwrap().body).into_owned())
        .collect();
    assert!(other.is_empty(), "{other:#?}\n{refused:#?}");
}

#[tokio::test]
async fn what_is_not_recorded_is_told_with_what_is_nearest() {
    let server = serve(through_a_file(vec![search(1, "rust"), search(2, "mcp")]), StubOptions::default()).await;
    let said = post(server.url(), &call("a", "web_search", json!({ "query": "go" })), &[]).await;
    assert_eq!((said.status, &said.json()["id"]), (501, &json!("a")));
    let error = &said.json()["error"];
    assert_eq!(error["data"]["nearest"], "#1 tools/call web_search");
    assert_eq!(error["data"]["differs"], json!(["arguments.query: `rust` recorded, `go` asked"]));
    assert!(error["message"].as_str().unwrap().contains("gauntlet record"), "{error}");
    // Nothing that could be an id: problem details.
    let said = answer(reqwest::Client::new().put(format!("{}/other?x=1", server.origin())).body("text")).await;
    assert_eq!((said.status, said.headers["content-type"].to_str().unwrap()), (501, "application/problem+json"));
    let problem = said.json();
    assert_eq!((&problem["status"], &problem["title"]), (&json!(501), &json!("Not recorded")));
    assert_eq!(problem["differs"][0], "request line: `POST /mcp` recorded, `PUT /other` asked");
    // Nobody waits for an answer to a notification.
    let said = post(server.url(), &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled" }), &[]).await;
    assert_eq!((said.status, said.body.len()), (202, 0));
    let said = answer(reqwest::Client::new().get(server.url())).await;
    assert_eq!(said.status, 405);
}

#[tokio::test]
async fn arguments_count_and_what_is_the_clients_own_does_not() {
    let mut recorded = call(1, "pay", json!({ "a": 1, "b": { "c": [1, 2] }, "at": "2026-01-01T00:00:00Z" }));
    recorded["profileArn"] = "arn:one".into();
    recorded["params"]["_meta"] = json!({ "progressToken": "recorded-token" });
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"recorded-token","progress":1}}"#;
    let stream = format!("id: 7\ndata: {progress}\n\ndata: {}\n\n", result(1, json!({ "ok": true })));
    let server = serve(through_a_file(vec![entry(1, &recorded, &stream, STREAM)]), StubOptions::default()).await;
    let ask = |at: &str, arn: &str| {
        let mut asked = call("x", "pay", json!({ "b": { "c": [1, 2] }, "at": at, "a": 1 }));
        asked["profileArn"] = arn.into();
        asked["params"]["_meta"] = json!({ "progressToken": 5, "other": 1 });
        asked
    };
    // Another order of members, another id and token; then another time, which varies from run to run.
    for at in ["2026-01-01T00:00:00Z", "2026-02-02T02:02:02Z"] {
        let said = post(server.url(), &ask(at, "arn:one"), &[("mcp-protocol-version", "x")]).await;
        assert_eq!(said.status, 200, "{said:?}");
        let text = said.text();
        assert!(text.starts_with("id: 7\ndata: ") && text.contains(r#""progressToken":5"#), "{text}");
        assert!(text.contains(r#"{"jsonrpc":"2.0","id":"x","result":{"ok":true}}"#), "{text}");
    }
    let said = post(server.url(), &ask("2026-01-01T00:00:00Z", "arn:two"), &[]).await;
    assert_eq!(said.json()["error"]["data"]["differs"], json!(["profileArn: `arn:one` recorded, `arn:two` asked"]));
    let notes: Vec<_> = server.journal().entries().iter().map(|entry| entry.note.clone().unwrap()).collect();
    assert_eq!(notes, ["recorded as #1", "recorded as #1, but for values that differ from run to run", "not recorded"]);
}

#[tokio::test]
async fn headers_count_where_the_user_says_so() {
    let mut one = search(1, "rust");
    one.request.headers.push(("x-tenant".to_owned(), "a".to_owned()));
    one.request.headers.push(("authorization".to_owned(), "Bearer ${secret:token}".to_owned()));
    let strict_headers = vec!["x-tenant".to_owned(), "authorization".to_owned()];
    let server = serve(through_a_file(vec![one]), StubOptions { strict_headers, ..StubOptions::default() }).await;
    let ask = call(1, "web_search", json!({ "query": "rust" }));
    let said = post(server.url(), &ask, &[("x-tenant", "a"), ("authorization", "Bearer anything")]).await;
    assert_eq!(said.status, 200);
    let said = post(server.url(), &ask, &[("x-tenant", "b"), ("authorization", "Basic canary")]).await;
    assert_eq!(said.status, 501);
    assert!(said.text().contains("headers.x-tenant: `a` recorded, `another value` asked"), "{}", said.text());
    assert!(!said.text().contains("canary"), "{}", said.text());
}

#[tokio::test]
async fn a_secret_of_the_recording_stands_for_any_value() {
    let recorded = call(1, "login", json!({ "user": "me", "password": "${secret:password}" }));
    let server =
        serve(through_a_file(vec![entry(1, &recorded, &result(1, json!({})), JSON)]), StubOptions::default()).await;
    let ask = |user: &str| call(1, "login", json!({ "user": user, "password": "canary" }));
    assert_eq!(post(server.url(), &ask("me"), &[]).await.status, 200);
    let said = post(server.url(), &ask("you"), &[]).await;
    assert_eq!(said.status, 501);
    assert!(!said.text().contains("canary"), "{}", said.text());
}

fn opening(second: u64, session: &str) -> Entry {
    let request =
        json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": { "protocolVersion": "2025-06-18" } });
    let mut entry = entry(second, &request, &result(0, json!({ "of": session })), JSON);
    entry.response.as_mut().unwrap().headers.push(("mcp-session-id".to_owned(), session.to_owned()));
    entry
}

fn counted(second: u64, session: &str, count: u64) -> Entry {
    let mut entry = entry(second, &call(1, "count", json!({})), &result(1, json!({ "count": count })), JSON);
    entry.request.headers.push(("mcp-session-id".to_owned(), session.to_owned()));
    entry
}

#[tokio::test]
async fn each_session_has_the_recorded_answers_in_their_order() {
    let entries = vec![
        opening(1, "a"),
        counted(2, "a", 1),
        opening(3, "b"),
        counted(4, "b", 10),
        counted(5, "a", 2),
        counted(6, "b", 11),
    ];
    let recording = through_a_file(entries);
    let server = serve(recording.clone(), StubOptions::default()).await;
    let open = async |url: &str| {
        let request = json!({ "jsonrpc": "2.0", "id": "me", "method": "initialize",
            "params": { "protocolVersion": "2025-06-18", "clientInfo": { "name": "another" } } });
        let said = post(url, &request, &[]).await;
        (said.headers["mcp-session-id"].to_str().unwrap().to_owned(), said.json()["result"]["of"].clone())
    };
    let count = async |url: &str, session: &str| {
        let said = post(url, &call(1, "count", json!({})), &[("mcp-session-id", session)]).await;
        said.json()["result"]["count"].clone()
    };
    let url = server.url();
    let (first, second, third) = (open(url).await, open(url).await, open(url).await);
    assert_eq!((&first.1, &second.1, &third.1), (&json!("a"), &json!("b"), &json!("b")));
    assert_eq!((first.0.as_str(), second.0.as_str()), ("a", "b"));
    assert_ne!(third.0, second.0);
    let mut counts = Vec::new();
    for session in [&first.0, &second.0, &first.0, &third.0, &first.0, &second.0] {
        counts.push(count(url, session).await);
    }
    assert_eq!(counts, [1, 10, 2, 10, 2, 11]);
    let said = post(url, &call(1, "count", json!({})), &[("mcp-session-id", "nobody")]).await;
    assert_eq!(said.status, 404);
    // With `wrap` the first answer comes again after the last.
    let server = serve(recording, StubOptions { wrap: true, ..StubOptions::default() }).await;
    let (session, _) = open(server.url()).await;
    let mut counts = Vec::new();
    for _ in 0..3 {
        counts.push(count(server.url(), &session).await);
    }
    assert_eq!(counts, [1, 2, 1]);
}

#[tokio::test]
async fn what_broke_breaks_again() {
    let mut cut = search(1, "cut");
    let response = cut.response.as_mut().unwrap();
    response.body = Payload::whole("data: {\"half\":".to_owned());
    response.headers[0].1 = STREAM.to_owned();
    response.headers.push(("content-length".to_owned(), "4000".to_owned()));
    cut.failure = Some("the peer closed the connection".to_owned());
    let mut gone = search(2, "gone");
    (gone.response, gone.failure) = (None, Some("connection reset".to_owned()));
    let mut partial = search(3, "partial");
    partial.response.as_mut().unwrap().body.left_out = 100;
    let server = serve(through_a_file(vec![cut, gone, partial]), StubOptions::default()).await;
    let ask = |query: &str| {
        let body = call(1, "web_search", json!({ "query": query })).to_string();
        reqwest::Client::new().post(server.url()).header("content-type", JSON).body(body).send()
    };
    let mut response = ask("cut").await.unwrap();
    assert_eq!(response.chunk().await.unwrap().as_deref(), Some(&b"data: {\"half\":"[..]));
    assert!(response.chunk().await.is_err());
    assert!(ask("gone").await.is_err());
    let said = ask("partial").await.unwrap();
    assert_eq!(said.status().as_u16(), 501);
    assert!(said.text().await.unwrap().contains("is not whole"));
}

#[tokio::test]
async fn addresses_of_the_recorded_server_lead_here() {
    let mut refused = search(1, "rust");
    let response = refused.response.as_mut().unwrap();
    response.status = Some(401);
    response.headers.push((
        "www-authenticate".to_owned(),
        "Bearer resource_metadata=\"https://recorded.example/.well-known/x\"".to_owned(),
    ));
    let server = serve(through_a_file(vec![refused]), StubOptions::default()).await;
    let ask = call(1, "web_search", json!({ "query": "rust" }));
    let challenge = |answer: &crate::support::Answer| answer.headers["www-authenticate"].to_str().unwrap().to_owned();
    let here = format!("Bearer resource_metadata=\"{}/.well-known/x\"", server.origin());
    assert_eq!(challenge(&post(server.url(), &ask, &[]).await), here);
    // A client that believes itself at the recorded address is left in its belief.
    let told = challenge(&post(server.url(), &ask, &[("host", "recorded.example")]).await);
    assert!(told.contains("https://recorded.example/"), "{told}");
}

#[tokio::test]
async fn pauses_are_made_again_where_they_are_wanted() {
    let mut slow = entry(1, &call(1, "s", json!({})), "data: 1\n\ndata: 2\n\n", STREAM);
    let at =
        |millis: u64, length: usize| gauntlet::repro::recording::Arrival { at: Duration::from_millis(millis), length };
    slow.began = Some(Duration::from_millis(60));
    slow.response.as_mut().unwrap().arrivals = vec![at(60, 9), at(180, 18)];
    let recording = through_a_file(vec![slow]);
    for (pace, least) in [(Pace::Recorded, 180), (Pace::Asap, 0)] {
        let server = serve(recording.clone(), StubOptions { pace, ..StubOptions::default() }).await;
        let began = Instant::now();
        let said = post(server.url(), &call(1, "s", json!({})), &[]).await;
        assert_eq!(said.text(), "data: 1\n\ndata: 2\n\n");
        assert!(began.elapsed() >= Duration::from_millis(least), "{pace:?}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn transports_do_not_matter_to_messages() {
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let log = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}"#;
    let pong = result(1, json!({}));
    let both = call(1, "both", json!({})).to_string();
    let over_stdio = through_a_file(vec![
        line(1, ping, &[&pong]),
        line(2, &both, &[log, &pong]),
        line(3, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, &[]),
    ]);
    let server = serve(over_stdio.clone(), StubOptions::default()).await;
    assert!(server.url().ends_with("/mcp"));
    let said = post(server.url(), &json!({ "jsonrpc": "2.0", "id": 9, "method": "ping" }), &[]).await;
    assert_eq!((said.status, said.json()), (200, json!({ "jsonrpc": "2.0", "id": 9, "result": {} })));
    let said = post(server.url(), &call(9, "both", json!({})), &[]).await;
    assert_eq!(
        said.text(),
        format!("event: message\ndata: {log}\n\nevent: message\ndata: {}\n\n", result(9, json!({})))
    );
    let said = post(server.url(), &json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }), &[]).await;
    assert_eq!(said.status, 202);

    // What the server said unasked comes where it came.
    let mut entries = over_stdio.entries;
    for (second, at) in [(0, 0), (1, 2)] {
        let mut unasked = line(second, "", &[log]);
        unasked.started_at += Duration::from_millis(500);
        entries.insert(at, unasked);
    }
    let asked = [json!({ "jsonrpc": "2.0", "id": 9, "method": "ping" }), call(9, "both", json!({}))];
    let lines = stdio_lines(through_a_file(entries), &asked).await;
    assert_eq!(lines[..3], [log.to_owned(), result(9, json!({})), log.to_owned()]);
    assert_eq!(lines.len(), 5, "{lines:#?}");

    let stream = format!("data: {log}\n\ndata: {}\n\n", result(1, json!({ "found": 1 })));
    let over_http = vec![search(1, "rust"), entry(2, &call(1, "both", json!({})), &stream, STREAM)];
    let lines = stdio_lines(
        through_a_file(over_http),
        &[
            call("a", "web_search", json!({ "query": "rust" })),
            call("b", "both", json!({})),
            json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
            call("c", "web_search", json!({ "query": "go" })),
        ],
    )
    .await;
    assert_eq!(
        lines[..3],
        [result("a", json!({ "found": "rust" })), log.to_owned(), result("b", json!({ "found": 1 }))]
    );
    let refusal: Value = serde_json::from_str(&lines[3]).unwrap();
    assert_eq!(
        (&refusal["id"], &refusal["error"]["data"]["nearest"]),
        (&json!("c"), &json!("#1 tools/call web_search"))
    );
    assert_eq!(lines.len(), 4);
}

/// What a recording answers to lines.
async fn stdio_lines(recording: Recording, asked: &[Value]) -> Vec<String> {
    let (near, far) = tokio::io::duplex(1 << 16);
    let server = RecordedServer::new(recording, StubOptions::default());
    let (far_reader, far_writer) = tokio::io::split(far);
    let serving = tokio::spawn(async move { server.serve_stdio(far_reader, far_writer).await });
    let (reader, mut writer) = tokio::io::split(near);
    for message in asked {
        writer.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }
    writer.shutdown().await.unwrap();
    serving.await.unwrap().unwrap();
    let mut lines = BufReader::new(reader).lines();
    let mut out = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        out.push(line);
    }
    out
}

#[tokio::test]
async fn nothing_in_a_file_breaks_the_server() {
    let mut odd = search(1, "rust");
    let response = odd.response.as_mut().unwrap();
    response.status = Some(99);
    let mut strange = search(2, "go");
    strange.response.as_mut().unwrap().headers.extend([
        (":status".to_owned(), "200".to_owned()),
        ("x bad".to_owned(), "1".to_owned()),
        ("x-bad".to_owned(), "a\r\nset-cookie: b".to_owned()),
        ("transfer-encoding".to_owned(), "chunked".to_owned()),
        ("content-length".to_owned(), "3".to_owned()),
    ]);
    let mut nowhere = search(3, "x");
    nowhere.request.url = "not a url".to_owned();
    let server = serve(Recording { creator: None, entries: vec![odd, strange, nowhere] }, StubOptions::default()).await;
    let ask = |query: &str| call(1, "web_search", json!({ "query": query }));
    let broken = reqwest::Client::new().post(server.url()).body(ask("rust").to_string()).send().await;
    assert!(broken.is_err(), "{broken:?}");
    let said = post(server.url(), &ask("go"), &[]).await;
    assert_eq!((said.status, &said.json()["result"]), (200, &json!({ "found": "go" })));
    assert!(said.headers.get("set-cookie").is_none() && said.headers.get("x-bad").is_none());
    assert_eq!(RecordedServer::new(Recording::default(), StubOptions::default()).questions(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_works_in_front_of_a_recorded_runtime() {
    let search = json!({
        "model": "claude-haiku-4.5", "max_tokens": 1024,
        "system": [{ "type": "text", "text": "You are an assistant for performing a web search tool use" }],
        "messages": [{ "role": "user", "content": "Perform a web search for the query: rust" }],
        "tools": [{ "type": "web_search_20250305", "name": "web_search", "max_uses": 8 }],
        "tool_choice": { "type": "tool", "name": "web_search" },
    });
    let through = async |runtime: &gauntlet_mocks::MockHandle, query: &str| {
        let gateway = mock("kiro-gateway", json!({ "upstreams": { "runtime": runtime.origin() } })).await;
        let text = search.to_string().replace("query: rust", &format!("query: {query}"));
        let key = gateway.vars()["api_key"].as_str().unwrap().to_owned();
        let request = reqwest::Client::new().post(format!("{}/v1/messages", gateway.origin())).header("x-api-key", key);
        let said = answer(request.header("content-type", JSON).body(text)).await;
        let content = said.json()["content"].as_array().unwrap().clone();
        content.into_iter().find(|block| block["type"] == "web_search_tool_result").unwrap()["content"].clone()
    };
    let runtime = mock("kiro-runtime", json!({})).await;
    let found = through(&runtime, "rust").await;
    assert_eq!(found[0]["type"], "web_search_result", "{found}");
    let recording = recording_of(&runtime);
    let recorded = serve(recording.clone(), StubOptions::default()).await;
    drop(runtime);
    assert_eq!(through(&recorded, "rust").await, found);
    // Behind a target of a run it is an upstream like any mock.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runtime.har");
    let mut writer = har::Writer::create(&path).unwrap();
    recording.entries.iter().for_each(|entry| writer.add(entry).unwrap());
    let scenario = format!(
        "id: recorded.gateway\ntitle: The gateway finds what was recorded\ntarget: kiro-gateway\nsteps:\n  - http: POST /v1/messages\n    headers: {{ x-api-key: \"${{target.api_key}}\" }}\n    json: {search}\n    expect: {{ status: 200, body: {{ content: {{ $contains: {{ type: web_search_tool_result, content: {found} }} }} }} }}\n  - received: runtime\n    count: 1\n"
    );
    let config = json!({ "upstreams": { "runtime": "${upstreams.runtime.url}" } });
    let upstream = |recorded: &std::path::Path| UpstreamSpec {
        mock: "recorded".to_owned(),
        recorded: Some(RecordedSource::File(recorded.to_owned())),
        config: serde_json::Map::new(),
        on_demand: false,
        intercept: Vec::new(),
    };
    let mut target = TargetSpec::mock("kiro-gateway");
    target.endpoint =
        Endpoint::Mock { mock: "kiro-gateway".to_owned(), config: config.as_object().unwrap().clone(), stdio: false };
    target.upstreams = BTreeMap::from([("runtime".to_owned(), upstream(&path))]);
    let events = run_one(target.clone(), &scenario).await.unwrap();
    let told = console(&events, Verbosity::Normal);
    assert!(told.contains("1 case: 1 pass"), "{told}");
    target.upstreams = BTreeMap::from([("runtime".to_owned(), upstream(&folder.path().join("gone.har")))]);
    let told = console(&run_one(target, &scenario).await.unwrap(), Verbosity::Normal);
    assert!(told.contains("no recording to serve") && told.contains("gone.har"), "{told}");
    // The gateway tells a failure to whoever asks for something else.
    assert_ne!(through(&recorded, "go").await, found);
    let last = recorded.journal().entries().pop().unwrap();
    let refusal: Value = serde_json::from_slice(&last.response.as_ref().unwrap().body).unwrap();
    assert_eq!(refusal["error"]["data"]["differs"], json!(["arguments.query: `rust` recorded, `go` asked"]));
}
