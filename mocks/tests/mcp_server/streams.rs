//! Sessions, event streams, resumption, batches and the server's own requests over Streamable HTTP.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::*;

const A_WHILE: Duration = Duration::from_millis(300);

fn get_headers(session: &Session) -> reqwest::header::HeaderMap {
    let mut map = session.headers();
    map.insert("accept", "text/event-stream".parse().unwrap());
    map.remove("content-type");
    map
}

#[tokio::test]
async fn sessions_are_demanded_checked_and_ended() {
    let wire = wire(json!({})).await;
    for version in STATEFUL {
        let session = wire.open(version).await;
        let without = Session { id: None, ..session.clone() };
        assert_eq!(wire.call(&without, "tools/list", json!({})).await.status, 400, "{version}");
        let foreign = Session { id: Some("nobody".parse().unwrap()), ..session.clone() };
        assert_eq!(wire.call(&foreign, "tools/list", json!({})).await.status, 404, "{version}");
        assert_eq!(wire.send(Method::DELETE, foreign.headers(), "").await.status, 404, "{version}");
        assert_eq!(wire.send(Method::DELETE, without.headers(), "").await.status, 400, "{version}");
        assert_eq!(wire.call(&session, "ping", json!({})).await.status, 200, "{version}");
        assert!((200..300).contains(&wire.send(Method::DELETE, session.headers(), "").await.status));
        assert_eq!(wire.call(&session, "ping", json!({})).await.status, 404, "{version}");
        assert_eq!(wire.send(Method::GET, get_headers(&session), "").await.status, 404, "{version}");
    }
}

#[tokio::test]
async fn bad_headers_of_stateful_versions_are_refused() {
    let wire = wire(json!({})).await;
    let session = wire.open("2025-06-18").await;
    for bad in ["2099-01-01", "nonsense", "2024-11-05"] {
        let mut map = session.headers();
        map.insert("mcp-protocol-version", bad.parse().unwrap());
        let answer = wire.post(map.clone(), &request(1, "ping", json!({}))).await;
        assert_eq!(answer.status, 400, "{bad}");
        let answer = wire.post(map, &json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        assert_eq!(answer.status, 400, "{bad}");
    }
    for (name, bad, status) in [
        ("origin", "https://evil.example", 403),
        ("origin", "null", 403),
        ("host", "evil.example", 403),
        ("accept", "text/html", 406),
        ("content-type", "text/plain", 415),
    ] {
        let mut map = session.headers();
        map.insert(reqwest::header::HeaderName::from_static(name), bad.parse().unwrap());
        assert_eq!(wire.post(map.clone(), &request(1, "ping", json!({}))).await.status, status, "{name}: {bad}");
        // What the SDK objects to goes before what is wrong with the body.
        assert_eq!(wire.send(Method::POST, map, "nonsense").await.status, status, "{name}: {bad}");
    }
    let mut map = session.headers();
    map.insert("origin", "http://localhost:8080".parse().unwrap());
    assert_eq!(wire.post(map, &request(1, "ping", json!({}))).await.status, 200);
    let answer = wire.notify(&session, "notifications/gauntlet/unknown").await;
    assert_eq!((answer.status, answer.body.len()), (202, 0));
    for method in [Method::PUT, Method::PATCH] {
        assert_eq!(wire.send(method, session.headers(), "{}").await.status, 405);
    }
}

#[tokio::test]
async fn progress_and_logs_travel_on_the_stream_of_their_request() {
    let wire = wire(json!({})).await;
    for version in STATEFUL.into_iter().chain([MODERN]) {
        let params = json!({ "name": "progress", "arguments": { "steps": 3 }, "_meta": { "progressToken": "t-1" } });
        let answer = wire.any(version, "tools/call", params).await;
        let messages = answer.messages();
        assert_eq!(messages.len(), 4, "{version} {}", answer.text());
        for (index, message) in messages[..3].iter().enumerate() {
            assert_eq!(message["params"]["progressToken"], "t-1");
            assert_eq!(message["params"]["progress"].as_f64(), Some(index as f64 + 1.0));
        }
        assert!(answer.complete && messages[3].get("result").is_some());
        let answer = wire.any(version, "tools/call", json!({ "name": "progress" })).await;
        assert_eq!(answer.messages().len(), 1, "no token, no progress");

        let opt_in = json!({ "name": "log", "_meta": { "io.modelcontextprotocol/logLevel": "info" } });
        let answer = wire.any(version, "tools/call", opt_in).await;
        let levels: Vec<_> =
            answer.messages().iter().filter_map(|m| m["params"]["level"].as_str().map(str::to_owned)).collect();
        assert_eq!(levels, ["info", "warning", "error"], "{version} {}", answer.text());
    }
    assert_eq!(wire.modern("tools/call", json!({ "name": "log" })).await.messages().len(), 1, "not asked for");
    let bad = json!({ "name": "log", "_meta": { "io.modelcontextprotocol/logLevel": "loud" } });
    assert_eq!(wire.modern("tools/call", bad).await.error_code(), Some(-32602));
    let session = wire.open("2025-06-18").await;
    wire.call(&session, "logging/setLevel", json!({ "level": "error" })).await;
    let answer = wire.call(&session, "tools/call", json!({ "name": "log" })).await;
    assert_eq!(answer.messages().len(), 2);
    let answer = wire.call(&session, "logging/setLevel", json!({ "level": "loud" })).await;
    assert_eq!(answer.error_code(), Some(-32602));
}

#[tokio::test]
async fn the_newest_stateful_version_primes_and_all_resume() {
    let wire = wire(json!({})).await;
    for version in STATEFUL {
        let session = wire.open(version).await;
        let params = json!({ "name": "progress", "arguments": { "steps": 3 }, "_meta": { "progressToken": 1 } });
        let events = wire.call(&session, "tools/call", params).await.events();
        let other = wire.call(&session, "ping", json!({})).await.events();
        let primed = version == "2025-11-25";
        assert_eq!(events[0].data.as_deref() == Some("") && events[0].retry.is_some(), primed, "{version}");
        let ids: Vec<_> = events.iter().chain(&other).map(|e| e.id.clone().expect("an id")).collect();
        let mut unique = ids.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), ids.len(), "{ids:?}");

        let mut map = get_headers(&session);
        map.insert("last-event-id", ids[1].parse().unwrap());
        let resumed = wire.send(Method::GET, map, "").await;
        assert!(resumed.complete, "the stream had ended");
        assert_eq!(resumed.events(), events[2..], "{version}");
    }
}

#[tokio::test]
async fn a_lost_connection_is_no_cancellation_before_2026() {
    let wire = wire(json!({})).await;
    let session = wire.open("2025-11-25").await;
    let params = json!({ "name": "slow", "arguments": { "ms": 400 } });
    let mut cut = wire.begin(Method::POST, session.headers(), request(5, "tools/call", params).to_string()).await;
    cut.read(IN_TIME, |answer| !answer.events().is_empty()).await;
    let first = cut.answer.events()[0].id.clone().unwrap();
    assert!(!cut.answer.complete);
    drop(cut);
    let mut map = get_headers(&session);
    map.insert("last-event-id", first.parse().unwrap());
    let resumed = wire.send(Method::GET, map, "").await;
    assert_eq!(resumed.answer()["id"], 5);
}

#[tokio::test]
async fn a_cancelled_request_is_not_answered() {
    let wire = wire(json!({})).await;
    let session = wire.open("2025-06-18").await;
    let slow = wire.call(&session, "tools/call", json!({ "name": "slow", "arguments": { "ms": 3000 } }));
    let cancel = async {
        while !wire.mock.journal().entries().iter().any(|entry| entry.body.windows(4).any(|word| word == b"slow")) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(A_WHILE).await;
        let body = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 7 } });
        wire.post(session.headers(), &body).await
    };
    let (answer, cancelled) = tokio::join!(slow, cancel);
    assert_eq!(cancelled.status, 202);
    assert!(answer.complete && answer.messages().is_empty(), "{}", answer.text());
}

#[tokio::test]
async fn subscribed_resources_are_announced_on_the_get_stream() {
    let wire = wire(json!({})).await;
    let session = wire.open("2025-06-18").await;
    wire.call(&session, "resources/subscribe", json!({ "uri": "gauntlet://notes/latest" })).await;
    let listening = wire.begin(Method::GET, get_headers(&session), "").await;
    let wrote =
        wire.call(&session, "tools/call", json!({ "name": "write_note", "arguments": { "message": "hi" } })).await;
    let heard = listening.hear(1, A_WHILE).await;
    assert_eq!(wrote.messages().len(), 1, "{}", wrote.text());
    let messages = heard.messages();
    assert_eq!(messages.len(), 1, "{}", heard.text());
    assert_eq!(messages[0]["method"], "notifications/resources/updated");
    assert_eq!(messages[0]["params"]["uri"], "gauntlet://notes/latest");
    let note = wire.any("2025-03-26", "resources/read", json!({ "uri": "gauntlet://notes/latest" })).await;
    assert_eq!(note.result()["contents"][0]["text"], "hi");
    wire.call(&session, "resources/unsubscribe", json!({ "uri": "gauntlet://notes/latest" })).await;
    wire.call(&session, "tools/call", json!({ "name": "write_note", "arguments": { "message": "ho" } })).await;
    let heard = wire.send_for(Method::GET, get_headers(&session), "", A_WHILE).await;
    assert!(heard.messages().is_empty(), "{}", heard.text());
}

#[tokio::test]
async fn listening_follows_2026() {
    let wire = wire(json!({})).await;
    let filter =
        json!({ "notifications": { "resourceSubscriptions": ["gauntlet://notes/latest"], "toolsListChanged": true } });
    let (map, body) = modern("subscriptions/listen", filter);
    let listening = wire.begin(Method::POST, map, body.to_string()).await;
    wire.modern("tools/call", json!({ "name": "write_note", "arguments": { "message": "hi" } })).await;
    let heard = listening.hear(2, A_WHILE).await;
    let messages = heard.messages();
    assert_eq!(messages.len(), 2, "{}", heard.text());
    assert_eq!(messages[0]["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(messages[0]["params"]["notifications"], json!({ "resourceSubscriptions": ["gauntlet://notes/latest"] }));
    assert_eq!(messages[1]["method"], "notifications/resources/updated");
    for message in &messages {
        assert_eq!(message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);
    }
}

#[tokio::test]
async fn the_server_asks_on_the_stream_of_the_call() {
    let wire = wire(json!({})).await;
    for (what, reply, said) in [
        ("elicitation", json!({ "action": "accept", "content": { "name": "Ada" } }), "name: Ada"),
        ("elicitation", json!({ "action": "decline" }), "no name: decline"),
        ("roots", json!({ "roots": [{ "uri": "file:///tmp" }] }), "roots: file:///tmp"),
        (
            "sampling",
            json!({ "role": "assistant", "content": { "type": "text", "text": "hello" }, "model": "m" }),
            "sampled: hello",
        ),
    ] {
        let session = wire.open("2025-11-25").await;
        let body = request(9, "tools/call", json!({ "name": "ask", "arguments": { "what": what } }));
        let sent = wire.http.post(wire.mock.url()).headers(session.headers()).body(body.to_string()).send();
        let mut response = sent.await.unwrap();
        let mut text = String::new();
        let mut replied = false;
        while let Some(bytes) = response.chunk().await.unwrap() {
            text.push_str(std::str::from_utf8(&bytes).unwrap());
            let messages = text
                .lines()
                .filter_map(|l| l.strip_prefix("data: "))
                .filter_map(|d| serde_json::from_str::<Value>(d).ok());
            let Some(question) = messages.into_iter().find(|m| m.get("method").is_some()) else { continue };
            if !replied {
                replied = true;
                let reply = json!({ "jsonrpc": "2.0", "id": question["id"], "result": reply });
                let accepted = wire.post(session.headers(), &reply).await;
                assert_eq!((accepted.status, accepted.body.len()), (202, 0));
            }
        }
        assert!(text.contains(said), "{what}: {text}");
    }
}

#[tokio::test]
async fn input_is_required_in_2026() {
    let wire = wire(json!({})).await;
    let call = json!({ "name": "ask", "arguments": { "what": "elicitation" } });
    let undeclared = wire.modern("tools/call", call.clone()).await;
    assert_eq!((undeclared.status, undeclared.error_code()), (400, Some(-32021)));
    let mut call = call;
    call["_meta"] = json!({ "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} } });
    let first = wire.modern("tools/call", call.clone()).await.result();
    assert_eq!(first["resultType"], "input_required");
    assert_eq!(first["inputRequests"]["answer"]["method"], "elicitation/create");
    assert!(first.get("ttlMs").is_none());
    call["inputResponses"] = json!({ "answer": { "action": "accept", "content": { "name": "Ada" } }, "unasked": {} });
    call["requestState"] = first["requestState"].clone();
    let second = wire.modern("tools/call", call.clone()).await.result();
    assert_eq!(second["content"][0]["text"], "name: Ada");
    let mut again = call.clone();
    again["inputResponses"] = json!({});
    assert_eq!(wire.modern("tools/call", again).await.result()["resultType"], "input_required");
    call["requestState"] = json!("forged");
    assert_eq!(wire.modern("tools/call", call).await.error_code(), Some(-32602));
}

#[tokio::test]
async fn batches_are_served_in_their_version_alone() {
    for json_response in [false, true] {
        let wire = wire(json!({ "json_response": json_response })).await;
        let batch = json!([
            request(1, "ping", json!({})),
            { "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 99 } },
            request(2, "tools/list", json!({})),
            request(3, "no/such", json!({})),
            request(4, "initialize", json!({})),
            { "jsonrpc": "1.0", "id": 5 },
        ]);
        let session = wire.open("2025-03-26").await;
        let answer = wire.post(session.headers(), &batch).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let messages = match answer.messages().as_slice() {
            [Value::Array(all)] => all.clone(),
            all => all.to_vec(),
        };
        let mut ids: Vec<_> = messages.iter().filter_map(|m| m["id"].as_i64()).collect();
        ids.sort_unstable();
        assert_eq!(ids, [1, 2, 3, 4, 5], "{}", answer.text());
        let quiet = json!([{ "jsonrpc": "2.0", "method": "notifications/initialized" }]);
        let answer = wire.post(session.headers(), &quiet).await;
        assert_eq!((answer.status, answer.body.len()), (202, 0));
        for version in ["2025-06-18", "2025-11-25"] {
            let answer = wire.post(wire.open(version).await.headers(), &batch).await;
            assert_eq!((answer.status, answer.error_code()), (400, Some(-32600)), "{version}");
        }
        let answer = wire.post(modern("ping", json!({})).0, &batch).await;
        assert_eq!((answer.status, answer.error_code()), (400, Some(-32600)));
    }
}

#[tokio::test]
async fn json_is_answered_when_configured() {
    let wire = wire(json!({ "json_response": true })).await;
    for version in STATEFUL.into_iter().chain([MODERN]) {
        let answer = wire.any(version, "tools/list", json!({})).await;
        assert_eq!(answer.content_type(), "application/json", "{version}");
        assert!(answer.result()["tools"].is_array());
        let params = json!({ "name": "progress", "_meta": { "progressToken": 1 } });
        let answer = wire.any(version, "tools/call", params).await;
        assert_eq!(answer.content_type(), "text/event-stream", "{version}");
        assert_eq!(answer.messages().len(), 4, "{version} {}", answer.text());
    }
}

#[tokio::test]
async fn without_sessions_there_are_none() {
    let wire = wire(json!({ "sessions": false })).await;
    for version in STATEFUL {
        let answer = wire.initialize(version).await;
        assert_eq!(answer.result()["protocolVersion"], version);
        assert!(answer.headers.get("mcp-session-id").is_none());
        let session = Session { version: version.to_owned(), id: None };
        assert!(wire.call(&session, "tools/list", json!({})).await.result()["tools"].is_array());
        assert_eq!(wire.send(Method::GET, get_headers(&session), "").await.status, 405);
        assert_eq!(wire.send(Method::DELETE, session.headers(), "").await.status, 405);
    }
}
