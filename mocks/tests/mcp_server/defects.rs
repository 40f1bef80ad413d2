//! Every defect shows on the wire, and does not show without being asked for.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use gauntlet_mocks::info;
use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::{Value, json};

use crate::stdio::Pipe;
use crate::support::*;

const A_WHILE: Duration = Duration::from_millis(400);

/// A request of 2026-07-28 with one header taken away or changed: is it served?
async fn served_with(wire: &Wire, name: &'static str, value: Option<&str>) -> bool {
    let (mut map, body) = modern("tools/call", json!({ "name": "route", "arguments": { "region": "north" } }));
    map.extend(headers(&[("mcp-param-region", "north")]));
    map.remove(name);
    if let Some(value) = value {
        map.insert(HeaderName::from_static(name), value.parse().unwrap());
    }
    wire.post(map, &body).await.result()["content"][0]["text"] == "north"
}

async fn echo(wire: &Wire, version: &str) -> Answer {
    wire.any(version, "tools/call", json!({ "name": "echo", "arguments": { "message": "grüß" } })).await
}

async fn progress(wire: &Wire) -> Vec<Value> {
    let params = json!({ "name": "progress", "arguments": { "steps": 3 }, "_meta": { "progressToken": "mine" } });
    wire.any("2025-06-18", "tools/call", params).await.messages()
}

/// The names of all pages, at most ten of them.
async fn walk(wire: &Wire) -> Vec<String> {
    let mut cursor = json!({});
    let mut names = Vec::new();
    for _ in 0..10 {
        let result = wire.any("2025-06-18", "tools/list", cursor).await.result();
        names.extend(result["tools"].as_array().into_iter().flatten().map(|t| t["name"].to_string()));
        match result.get("nextCursor") {
            Some(next) => cursor = json!({ "cursor": next }),
            None => return names,
        }
    }
    names.push("endless".to_owned());
    names
}

async fn get(wire: &Wire, session: &Session, last: Option<&str>) -> Answer {
    let mut map = session.headers();
    map.insert("accept", "text/event-stream".parse().unwrap());
    if let Some(last) = last {
        map.insert("last-event-id", last.parse().unwrap());
    }
    wire.send_for(Method::GET, map, "", A_WHILE).await
}

async fn levels(wire: &Wire, meta: Value) -> usize {
    wire.modern("tools/call", json!({ "name": "log", "_meta": meta })).await.messages().len() - 1
}

/// Whether the defect shows over HTTP.
async fn shows(wire: &Wire, id: &str) -> bool {
    let old = "2025-06-18";
    match id {
        "jsonrpc-missing" => echo(wire, old).await.answer().get("jsonrpc").is_none(),
        "id-not-echoed" => echo(wire, old).await.answer()["id"] != 7,
        "id-as-string" => echo(wire, old).await.answer()["id"] == "7",
        "result-and-error" => echo(wire, old).await.answer().get("error").is_some(),
        "error-code-as-string" => wire.any(old, "no/such", json!({})).await.answer()["error"]["code"].is_string(),
        "notification-with-id" => progress(wire).await[0].get("id").is_some(),
        "message-invalid-utf8" => String::from_utf8(echo(wire, old).await.body).is_err(),
        "parse-error-wrong-code" => wire.send(Method::POST, post_headers(), "{").await.error_code() != Some(-32700),
        "parse-error-200-empty" => {
            let answer = wire.send(Method::POST, post_headers(), "{").await;
            answer.status == 200 && answer.body.is_empty()
        }
        "invalid-request-wrong-code" => {
            wire.send(Method::POST, post_headers(), "{}").await.error_code() != Some(-32600)
        }
        "unknown-method-wrong-code" => wire.any(old, "no/such", json!({})).await.error_code() == Some(-32603),
        "unknown-method-as-result" => wire.any(old, "no/such", json!({})).await.answer().get("result").is_some(),
        "invalid-params-wrong-code" => {
            wire.any(old, "tools/call", json!({ "name": "no-such" })).await.error_code() == Some(-32603)
        }
        "version-not-echoed" => wire.initialize(old).await.result()["protocolVersion"] != old,
        "version-alternative-as-error" => wire.initialize("1999-01-01").await.error_code().is_some(),
        "version-echoed-blindly" => wire.initialize("1999-01-01").await.result()["protocolVersion"] == "1999-01-01",
        "version-alternative-oldest" => wire.initialize("1999-01-01").await.result()["protocolVersion"] == "2025-03-26",
        "version-header-demanded" => {
            let mut map = wire.open(old).await.headers();
            map.remove("mcp-protocol-version");
            wire.post(map, &request(1, "ping", json!({}))).await.status == 400
        }
        "tools-list-invalid-schema" => {
            wire.any(old, "tools/list", json!({})).await.result()["tools"][0]["inputSchema"]["required"].is_string()
        }
        "structured-text-missing" => echo(wire, old).await.result()["content"].as_array().map(Vec::len) == Some(1),
        "media-not-base64" => {
            let result = wire.any(old, "tools/call", json!({ "name": "media" })).await.result();
            result["content"][0]["data"] == "a transparent pixel"
        }
        "cache-scope-varies" => {
            let first = wire.modern("tools/list", json!({})).await.result();
            let second = wire.modern("tools/list", json!({ "cursor": first["nextCursor"] })).await.result();
            second["tools"].is_array() && first["cacheScope"] != second["cacheScope"]
        }
        "client-info-demanded" => {
            let (map, mut body) = modern("tools/list", json!({}));
            body["params"]["_meta"].as_object_mut().unwrap().remove("io.modelcontextprotocol/clientInfo");
            wire.post(map, &body).await.error_code() == Some(-32602)
        }
        "client-capabilities-ignored" => {
            let ask = json!({ "name": "ask", "arguments": { "what": "roots" } });
            wire.modern("tools/call", ask).await.result()["resultType"] == "input_required"
        }
        "request-state-unchecked" => {
            let capabilities = json!({ "io.modelcontextprotocol/clientCapabilities": { "roots": {} } });
            let answers = json!({ "answer": { "roots": [] } });
            let ask = json!({ "name": "ask", "arguments": { "what": "roots" }, "requestState": "invented",
                "inputResponses": answers, "_meta": capabilities });
            wire.modern("tools/call", ask).await.result()["content"].is_array()
        }
        "initialize-result-without-serverinfo" => wire.initialize(old).await.result().get("serverInfo").is_none(),
        "initialize-without-capabilities" => wire.initialize(old).await.result().get("capabilities").is_none(),
        "tools-capability-missing" => {
            let discovered = wire.modern("server/discover", json!({})).await.result();
            let agreed = wire.initialize(old).await.result();
            [discovered, agreed].iter().all(|r| r["capabilities"].get("tools").is_none())
        }
        "ping-unanswered" => wire.any(old, "ping", json!({})).await.messages().is_empty(),
        "ping-with-content" => wire.any(old, "ping", json!({})).await.result() != json!({}),
        "origin-not-checked" => {
            let mut map = wire.open(old).await.headers();
            map.insert("origin", "https://evil.example".parse().unwrap());
            wire.post(map, &request(1, "ping", json!({}))).await.status != 403
        }
        "origin-demanded" => wire.modern("tools/list", json!({})).await.status == 403,
        "content-type-wrong" => {
            let answer = wire.modern("no/such", json!({})).await;
            answer.content_type() == "text/plain"
        }
        "notification-200-with-body" => {
            let session = wire.open(old).await;
            let answer = wire.notify(&session, "notifications/roots/list_changed").await;
            answer.status == 200 && !answer.body.is_empty()
        }
        "unknown-notification-refused" => {
            let session = wire.open(old).await;
            wire.notify(&session, "notifications/other").await.status == 400
        }
        "get-answers-json" => get(wire, &wire.open(old).await, None).await.content_type() == "application/json",
        "session-id-missing" => wire.open(old).await.id.is_none(),
        "session-id-not-ascii" => {
            let session = wire.open(old).await;
            let foreign = session.id.as_ref().is_some_and(|id| !id.as_bytes().is_ascii());
            assert_eq!(wire.call(&session, "ping", json!({})).await.status, 200, "the id works all the same");
            foreign
        }
        "session-id-predictable" => wire.open(old).await.id.is_some_and(|id| id.len() < 16),
        "session-not-checked" => {
            let without = Session { id: None, ..wire.open(old).await };
            wire.call(&without, "tools/list", json!({})).await.status == 200
        }
        "dead-session-200" => {
            let session = wire.open(old).await;
            wire.send(Method::DELETE, session.headers(), "").await;
            wire.call(&session, "tools/list", json!({})).await.status == 200
        }
        "session-delete-ignored" => {
            let session = wire.open(old).await;
            assert_eq!(wire.send(Method::DELETE, session.headers(), "").await.status, 202);
            wire.call(&session, "tools/list", json!({})).await.status == 200
        }
        "protocol-version-header-ignored" => {
            let mut map = wire.open(old).await.headers();
            map.insert("mcp-protocol-version", "1999-01-01".parse().unwrap());
            wire.post(map, &request(1, "ping", json!({}))).await.status == 200
        }
        "batch-refused" => {
            let map = wire.open("2025-03-26").await.headers();
            wire.post(map, &json!([request(1, "ping", json!({}))])).await.status == 400
        }
        "batch-answer-missing" => {
            let map = wire.open("2025-03-26").await.headers();
            let batch = json!([request(1, "ping", json!({})), request(2, "ping", json!({}))]);
            wire.post(map, &batch).await.messages().len() == 1
        }
        "batch-still-served" => {
            let map = wire.open(old).await.headers();
            wire.post(map, &json!([request(1, "ping", json!({}))])).await.status == 200
        }
        "sse-without-data" => echo(wire, old).await.events().iter().all(|e| e.data.is_none()),
        "sse-event-not-terminated" => !echo(wire, old).await.body.ends_with(b"\n\n"),
        "sse-stream-left-open" => {
            let session = wire.open(MODERN).await;
            drop(session);
            let (map, body) = modern("tools/list", json!({}));
            let answer = wire.begin(Method::POST, map, body.to_string()).await.hear(1, A_WHILE).await;
            !answer.messages().is_empty() && !answer.complete
        }
        "sse-closed-before-answer" => {
            let answer = echo(wire, old).await;
            answer.complete && answer.messages().is_empty()
        }
        "sse-event-id-repeated" => {
            let params = json!({ "name": "progress", "_meta": { "progressToken": 1 } });
            let events = wire.any(old, "tools/call", params).await.events();
            events[0].id == events[1].id
        }
        "sse-priming-missing" => echo(wire, "2025-11-25").await.events()[0].data.as_deref() != Some(""),
        "accel-buffering-missing" => echo(wire, MODERN).await.header("x-accel-buffering").is_none(),
        "response-on-wrong-stream" => {
            let session = wire.open(old).await;
            let answer = wire.call(&session, "ping", json!({})).await;
            answer.messages().is_empty() && get(wire, &session, None).await.answer()["id"] == 7
        }
        "notification-broadcast" => {
            let session = wire.open(old).await;
            let params = json!({ "name": "progress", "arguments": { "steps": 3 }, "_meta": { "progressToken": 1 } });
            assert_eq!(wire.call(&session, "tools/call", params).await.messages().len(), 4);
            get(wire, &session, None).await.messages().len() == 3
        }
        "resume-foreign-stream" => {
            let session = wire.open(old).await;
            wire.call(&session, "ping", json!({})).await;
            let last = wire.call(&session, "ping", json!({})).await.events().pop().and_then(|e| e.id).unwrap();
            !get(wire, &session, Some(&last)).await.messages().is_empty()
        }
        "tools-list-without-input-schema" => {
            wire.any(old, "tools/list", json!({})).await.result()["tools"][0].get("inputSchema").is_none()
        }
        "tools-list-drops-last-page" => !walk(wire).await.contains(&"\"write_note\"".to_owned()),
        "tools-list-cursor-loops" => walk(wire).await.contains(&"endless".to_owned()),
        "tools-list-duplicates" => {
            let names = walk(wire).await;
            let mut unique = names.clone();
            unique.dedup();
            unique.len() < names.len()
        }
        "tools-order-unstable" => {
            let first = wire.any(old, "tools/list", json!({})).await.result();
            wire.any(old, "tools/list", json!({})).await.result() != first
        }
        "invalid-cursor-accepted" => {
            wire.any(old, "tools/list", json!({ "cursor": "nonsense" })).await.result()["tools"].is_array()
        }
        "unknown-tool-as-success" => {
            wire.any(old, "tools/call", json!({ "name": "no-such" })).await.error_code().is_none()
        }
        "bad-arguments-accepted" => {
            let bad = json!({ "name": "add", "arguments": { "a": "x" } });
            wire.any(old, "tools/call", bad).await.answer().get("result").is_some()
        }
        "tool-error-as-protocol-error" => {
            wire.any(old, "tools/call", json!({ "name": "fail" })).await.error_code().is_some()
        }
        "tool-error-as-success" => {
            wire.any(old, "tools/call", json!({ "name": "fail" })).await.result().get("isError").is_none()
        }
        "content-missing" => echo(wire, old).await.result().get("content").is_none(),
        "text-altered" => echo(wire, old).await.result()["content"][0]["text"] == "gr??",
        "structured-content-missing" => echo(wire, old).await.result().get("structuredContent").is_none(),
        "structured-content-wrong" => {
            echo(wire, old).await.result()["structuredContent"] != json!({ "message": "grüß" })
        }
        "resource-not-found-empty" => {
            let read = wire.modern("resources/read", json!({ "uri": "gauntlet://nowhere" })).await;
            read.result()["contents"] == json!([])
        }
        "resource-not-found-wrong-code" => {
            let read = wire.modern("resources/read", json!({ "uri": "gauntlet://nowhere" })).await;
            read.error_code() == Some(-32603)
        }
        "prompt-argument-not-required" => {
            wire.any(old, "prompts/get", json!({ "name": "greet" })).await.result()["messages"].is_array()
        }
        "progress-decreasing" => {
            let messages = progress(wire).await;
            messages[0]["params"]["progress"].as_f64() > messages[1]["params"]["progress"].as_f64()
        }
        "progress-wrong-token" => progress(wire).await[0]["params"]["progressToken"] != "mine",
        "progress-after-response" => progress(wire).await.last().unwrap().get("method").is_some(),
        "log-without-optin" => levels(wire, json!({})).await > 0,
        "log-level-ignored" => levels(wire, json!({ "io.modelcontextprotocol/logLevel": "error" })).await > 1,
        "discover-missing" => wire.modern("server/discover", json!({})).await.error_code() == Some(-32601),
        "discover-without-versions" => {
            wire.modern("server/discover", json!({})).await.result().get("supportedVersions").is_none()
        }
        "result-type-missing" => echo(wire, MODERN).await.result().get("resultType").is_none(),
        "cache-hints-missing" => {
            let result = wire.modern("tools/list", json!({})).await.result();
            result["tools"].is_array() && result.get("ttlMs").is_none() && result.get("cacheScope").is_none()
        }
        "server-info-missing" => {
            let result = echo(wire, MODERN).await.result();
            result.pointer("/_meta/io.modelcontextprotocol~1serverInfo").is_none()
        }
        "stateless-mints-session" => echo(wire, MODERN).await.headers.contains_key("mcp-session-id"),
        "stateless-server-request" => {
            let capabilities = json!({ "io.modelcontextprotocol/clientCapabilities": { "roots": {} } });
            let ask = json!({ "name": "ask", "arguments": { "what": "roots" }, "_meta": capabilities });
            wire.modern("tools/call", ask).await.messages()[0]["method"] == "roots/list"
        }
        "meta-not-required" => {
            let (map, mut body) = modern("tools/list", json!({}));
            body["params"]["_meta"] = json!({});
            wire.post(map, &body).await.result()["tools"].is_array()
        }
        "header-mismatch-accepted" => served_with(wire, "mcp-protocol-version", Some("2025-11-25")).await,
        "version-header-not-required" => served_with(wire, "mcp-protocol-version", None).await,
        "mcp-method-header-ignored" => {
            served_with(wire, "mcp-method", None).await && served_with(wire, "mcp-method", Some("tools/list")).await
        }
        "mcp-name-header-ignored" => {
            served_with(wire, "mcp-name", None).await && served_with(wire, "mcp-name", Some("echo")).await
        }
        "mcp-name-base64-not-decoded" => !served_with(wire, "mcp-name", Some("=?base64?cm91dGU=?=")).await,
        "mcp-param-header-ignored" => {
            served_with(wire, "mcp-param-region", None).await
                && served_with(wire, "mcp-param-region", Some("south")).await
        }
        "header-error-wrong-code" => {
            let (mut map, body) = modern("tools/list", json!({}));
            map.remove("mcp-method");
            wire.post(map, &body).await.error_code() == Some(-32600)
        }
        "unsupported-version-accepted" | "unsupported-version-without-data" => {
            let (mut map, mut body) = modern("tools/list", json!({}));
            map.insert("mcp-protocol-version", "2099-01-01".parse().unwrap());
            body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
            let answer = wire.post(map, &body).await;
            let refused = answer.error_code() == Some(-32022);
            if id == "unsupported-version-accepted" {
                answer.result()["tools"].is_array()
            } else {
                refused && answer.answer()["error"].get("data").is_none()
            }
        }
        "unknown-method-200" => {
            let answer = wire.modern("no/such", json!({})).await;
            answer.status == 200 && answer.error_code() == Some(-32601)
        }
        "get-not-405" => {
            let map = headers(&[("accept", "text/event-stream"), ("mcp-protocol-version", MODERN)]);
            wire.send_for(Method::GET, map, "", A_WHILE).await.status == 200
        }
        other => panic!("no probe for the defect {other}"),
    }
}

/// Whether a defect that lives on stdio shows there.
async fn shows_on_stdio(config: Value, id: &str) -> Option<bool> {
    let mut pipe = Pipe::new(config);
    let probe = match id {
        "stdout-noise" => {
            pipe.send(&request(1, "ping", json!({})).to_string()).await;
            serde_json::from_slice::<Value>(&pipe.line().await.unwrap()).is_err()
        }
        "stdio-embedded-newline" => {
            pipe.open("2025-06-18").await;
            pipe.send(&request(1, "tools/call", json!({ "name": "fail" })).to_string()).await;
            serde_json::from_slice::<Value>(&pipe.line().await.unwrap()).is_err()
        }
        "parse-error-200-empty" => {
            pipe.send("{").await;
            pipe.line().await.is_none()
        }
        "parse-error-wrong-code" => {
            pipe.send("{").await;
            pipe.message().await["error"]["code"] != -32700
        }
        "ping-unanswered" => {
            pipe.open("2025-06-18").await;
            pipe.send(&request(1, "ping", json!({})).to_string()).await;
            pipe.line().await.is_none()
        }
        "id-not-echoed" => pipe.open("2025-06-18").await["id"] != 0,
        "message-invalid-utf8" => {
            pipe.open("2025-06-18").await;
            pipe.send(&request(1, "tools/call", json!({ "name": "fail" })).to_string()).await;
            String::from_utf8(pipe.line().await.unwrap()).is_err()
        }
        "batch-refused" | "batch-answer-missing" => {
            pipe.open("2025-03-26").await;
            let batch = json!([request(1, "ping", json!({})), request(2, "ping", json!({}))]);
            pipe.exchange(&batch).await.as_array().map(Vec::len) != Some(2)
        }
        "meta-not-required" => {
            let answer = pipe.exchange(&request(1, "tools/list", json!({}))).await;
            answer["result"]["tools"].is_array()
        }
        "unsupported-version-accepted" => {
            let (_, mut list) = modern("tools/list", json!({}));
            list["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
            pipe.exchange(&list).await["result"]["tools"].is_array()
        }
        "progress-wrong-token" => {
            pipe.open("2025-06-18").await;
            let params = json!({ "name": "progress", "_meta": { "progressToken": "mine" } });
            pipe.exchange(&request(1, "tools/call", params)).await["params"]["progressToken"] != "mine"
        }
        _ => return None,
    };
    Some(probe)
}

#[tokio::test]
async fn every_defect_shows_and_only_when_asked_for() {
    let defects = info("mcp-server").expect("a mock").defects;
    assert!(defects.len() >= 80);
    stream::iter(defects).for_each_concurrent(16, |defect| demonstrate(defect.id)).await;
}

async fn demonstrate(id: &str) {
    let clean = shows_on_stdio(json!({}), id).await;
    assert_ne!(clean, Some(true), "{id} shows on stdio without being asked for");
    let asked = shows_on_stdio(json!({ "defects": [id] }), id).await;
    assert_ne!(asked, Some(false), "{id} does not show on stdio");
    if id.starts_with("std") {
        assert!(asked.is_some(), "{id} has a probe");
        return;
    }
    assert!(!shows(&wire(json!({})).await, id).await, "{id} shows without being asked for");
    assert!(shows(&wire(json!({ "defects": [id] })).await, id).await, "{id} does not show");
}

#[tokio::test]
async fn a_running_server_is_told_its_defects_and_settings() {
    let mut wire = wire(json!({})).await;
    let session = wire.open("2025-06-18").await;
    wire.mock.control(&json!({ "defects": ["ping-with-content"] })).await.unwrap();
    assert!(wire.call(&session, "ping", json!({})).await.error_code().is_some());
    wire.mock.control(&json!({ "defects": [], "set": { "page_size": 2 } })).await.unwrap();
    assert_eq!(wire.call(&session, "ping", json!({})).await.result(), json!({}));
    let tools = wire.call(&session, "tools/list", json!({})).await.result();
    assert_eq!(tools["tools"].as_array().map(Vec::len), Some(2), "the session goes on with the new setting");
    wire.mock.control(&json!({ "restart": true })).await.unwrap();
    // A restart ends the connections too, a moment later.
    tokio::time::sleep(Duration::from_millis(50)).await;
    wire.http = reqwest::Client::new();
    assert_eq!(wire.call(&session, "ping", json!({})).await.status, 404, "sessions do not outlive a restart");
    let session = wire.open("2025-06-18").await;
    assert_eq!(wire.call(&session, "ping", json!({})).await.status, 200);
    for wrong in
        [json!({ "defects": ["no-such"] }), json!({ "set": { "pagesize": 2 } }), json!({ "set": { "path": "/x" } })]
    {
        assert!(wire.mock.control(&wrong).await.is_err(), "{wrong}");
    }
}
