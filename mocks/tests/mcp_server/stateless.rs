//! 2026-07-28: what every request must carry, and what is refused.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn discover_agrees_with_the_version_error() {
    let wire = wire(json!({})).await;
    let result = wire.modern("server/discover", json!({})).await.result();
    let versions = result["supportedVersions"].clone();
    assert_eq!(versions, json!(["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"]));
    assert!(result["capabilities"]["tools"].is_object());
    assert_eq!(result["cacheScope"], "public");
    let (mut map, mut body) = modern("tools/list", json!({}));
    map.insert("mcp-protocol-version", "2099-01-01".parse().unwrap());
    body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
    let answer = wire.post(map, &body).await;
    assert_eq!((answer.status, answer.error_code()), (400, Some(-32022)));
    assert_eq!(answer.answer()["error"]["data"], json!({ "supported": versions, "requested": "2099-01-01" }));
}

#[tokio::test]
async fn an_unknown_version_in_the_header_alone_is_refused() {
    let wire = wire(json!({})).await;
    let mut map = post_headers();
    map.insert("mcp-protocol-version", "2099-01-01".parse().unwrap());
    let answer = wire.post(map, &request(1, "tools/list", json!({}))).await;
    assert_eq!((answer.status, answer.error_code()), (400, Some(-32022)));
    assert_eq!(answer.answer()["error"]["data"]["requested"], "2099-01-01");
}

#[tokio::test]
async fn metadata_and_headers_are_checked() {
    let wire = wire(json!({})).await;
    let call = json!({ "name": "route", "arguments": { "region": "north", "shard": 7 } });
    let (mut good, body) = modern("tools/call", call);
    good.extend(headers(&[("mcp-param-region", "north"), ("mcp-param-shard", "7")]));
    assert_eq!(wire.post(good.clone(), &body).await.result()["content"][0]["text"], "north/7");
    let drop = |name: &'static str| (name, None);
    for (name, value) in [
        drop("mcp-protocol-version"),
        drop("mcp-method"),
        drop("mcp-name"),
        drop("mcp-param-region"),
        ("mcp-protocol-version", Some("2025-11-25")),
        ("mcp-method", Some("tools/list")),
        ("mcp-method", Some("TOOLS/CALL")),
        ("mcp-name", Some("echo")),
        ("mcp-name", Some("=?base64?%%%?=")),
        ("mcp-param-region", Some("south")),
        ("mcp-param-shard", Some("8")),
    ] {
        let mut map = good.clone();
        let name = HeaderName::from_static(name);
        map.remove(&name);
        if let Some(value) = value {
            map.insert(name.clone(), value.parse().unwrap());
        }
        let answer = wire.post(map, &body).await;
        assert_eq!((answer.status, answer.error_code()), (400, Some(-32020)), "{name}: {value:?} {}", answer.text());
    }
    let mut map = good.clone();
    map.insert("mcp-name", "=?base64?cm91dGU=?=".parse().unwrap());
    assert_eq!(wire.post(map, &body).await.status, 200, "an encoded name is decoded");
    let mut map = good.clone();
    map.insert("mcp-param-shard", "7.0".parse().unwrap());
    assert_eq!(wire.post(map, &body).await.status, 200, "integers are compared as numbers");
    for key in ["protocolVersion", "clientCapabilities"] {
        let mut body = body.clone();
        body["params"]["_meta"].as_object_mut().unwrap().remove(&format!("io.modelcontextprotocol/{key}"));
        let answer = wire.post(good.clone(), &body).await;
        assert_eq!((answer.status, answer.error_code()), (400, Some(-32602)), "{key} {}", answer.text());
    }
    let mut anonymous = body.clone();
    anonymous["params"]["_meta"].as_object_mut().unwrap().remove("io.modelcontextprotocol/clientInfo");
    assert_eq!(wire.post(good.clone(), &anonymous).await.status, 200);
    good.insert("mcp-session-id", "whatever".parse().unwrap());
    let answer = wire.post(good.clone(), &body).await;
    assert_eq!(answer.status, 200, "a session id is ignored");
    assert!(answer.headers.get("mcp-session-id").is_none());
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    good.insert("accept", "text/event-stream".parse().unwrap());
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(wire.send(method, good.clone(), "").await.status, 405);
    }
    assert_eq!(wire.post(good, &json!({ "jsonrpc": "2.0", "id": 1, "result": {} })).await.status, 406);
    let answer = wire.post(modern("x", json!({})).0, &json!({ "jsonrpc": "2.0", "id": 1, "result": {} })).await;
    assert_eq!(answer.status, 400, "responses are not sent");
}

#[tokio::test]
async fn a_server_of_2026_alone_turns_older_clients_away() {
    let wire = wire(json!({ "versions": ["2026-07-28"] })).await;
    let answer = wire.initialize("2025-11-25").await;
    assert_eq!((answer.status, answer.error_code()), (400, Some(-32020)));
    assert!(answer.text().contains("2026-07-28"));
    let (map, body) = modern("initialize", json!({}));
    let answer = wire.post(map, &body).await;
    assert_eq!((answer.status, answer.error_code()), (404, Some(-32601)));
    let answer = wire.post(post_headers(), &request(1, "tools/list", json!({}))).await;
    assert_eq!((answer.status, answer.error_code()), (400, Some(-32020)));
    let accept = headers(&[("accept", "text/event-stream")]);
    assert_eq!(wire.send(Method::GET, accept.clone(), "").await.status, 405);
    assert_eq!(wire.send(Method::DELETE, accept, "").await.status, 405);
    assert!(wire.modern("tools/list", json!({})).await.result()["tools"].is_array());
}

#[tokio::test]
async fn a_server_of_older_versions_alone_does_not_know_2026() {
    let wire = wire(json!({ "versions": ["2025-06-18", "2025-03-26"] })).await;
    assert_eq!(wire.initialize("2025-11-25").await.result()["protocolVersion"], "2025-06-18");
    let answer = wire.modern("tools/list", json!({})).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[tokio::test]
async fn a_request_that_its_client_leaves_is_cancelled() {
    let wire = wire(json!({})).await;
    let (map, body) = modern("tools/call", json!({ "name": "slow", "arguments": { "ms": 60000 } }));
    let call = wire.send_for(Method::POST, map, body.to_string(), Duration::from_secs(3));
    let running = || async {
        let result = wire.modern("resources/read", json!({ "uri": "gauntlet://calls/running" })).await.result();
        result["contents"][0]["text"].as_str().unwrap_or_default().to_owned()
    };
    tokio::select! {
        answer = call => panic!("answered in less than a minute: {}", answer.text()),
        () = async { while running().await != "1" { tokio::time::sleep(Duration::from_millis(10)).await; } } => {}
    }
    // The client has dropped the connection.
    let ended = async {
        while running().await != "0" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(3), ended).await.expect("the call ended with its connection");
}
