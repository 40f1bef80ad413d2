//! What a client meets over Streamable HTTP.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::*;

#[tokio::test]
async fn initialize_echoes_each_version_and_offers_the_newest_for_others() {
    let wire = wire(json!({})).await;
    for version in STATEFUL {
        let answer = wire.initialize(version).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.result()["protocolVersion"], version);
        assert_eq!(answer.result()["serverInfo"]["name"], "gauntlet-mcp-server");
        let id = answer.headers.get("mcp-session-id").expect("a session id");
        assert!(id.as_bytes().iter().all(|b| (0x21..=0x7E).contains(b)));
        assert_eq!(answer.events()[0].data.as_deref() == Some(""), version == "2025-11-25", "{}", answer.text());
    }
    for version in ["2024-11-05", "1999-01-01", MODERN] {
        assert_eq!(wire.initialize(version).await.result()["protocolVersion"], "2025-11-25", "{version}");
    }
}

#[tokio::test]
async fn every_version_lists_and_calls_tools() {
    let wire = wire(json!({})).await;
    for version in STATEFUL.into_iter().chain([MODERN]) {
        let mut cursor = Value::Null;
        let mut names = Vec::new();
        loop {
            let params = if cursor.is_null() { json!({}) } else { json!({ "cursor": cursor }) };
            let result = wire.any(version, "tools/list", params).await.result();
            names.extend(result["tools"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap().to_owned()));
            assert_eq!(result.get("ttlMs").is_some(), version == MODERN);
            cursor = result.get("nextCursor").cloned().unwrap_or_default();
            if cursor.is_null() {
                break;
            }
        }
        let all = [
            "add",
            "ask",
            "echo",
            "fail",
            "log",
            "media",
            "mirror",
            "progress",
            "route",
            "slow",
            "whoami",
            "write_note",
        ];
        assert_eq!(names, all, "{version}");
        let result = wire
            .any(version, "tools/call", json!({ "name": "echo", "arguments": { "message": "grüß" } }))
            .await
            .result();
        assert_eq!(result["content"][0]["text"], "grüß");
        assert_eq!(result.get("structuredContent").is_some(), version >= "2025-06-18", "{version}");
        assert_eq!(result.get("resultType").is_some(), version == MODERN, "{version}");
        let named = result.pointer("/_meta/io.modelcontextprotocol~1serverInfo/name");
        assert_eq!(named.is_some(), version == MODERN, "{version}");
    }
}

#[tokio::test]
async fn errors_have_their_codes() {
    let wire = wire(json!({})).await;
    for version in STATEFUL.into_iter().chain([MODERN]) {
        let answer = wire.any(version, "gauntlet/unknown", json!({})).await;
        assert_eq!(answer.error_code(), Some(-32601), "{version} {}", answer.text());
        assert_eq!(answer.status, if version == MODERN { 404 } else { 200 });
        let answer = wire.any(version, "tools/call", json!({ "name": "no-such-tool", "arguments": {} })).await;
        assert_eq!(answer.error_code(), Some(-32602), "{version}");
        let answer = wire.any(version, "tools/call", json!({ "arguments": {} })).await;
        assert_eq!(answer.error_code(), Some(-32602), "{version} {}", answer.text());
        let answer = wire.any(version, "tools/list", json!({ "cursor": "nonsense" })).await;
        assert_eq!(answer.error_code(), Some(-32602), "{version}");
        let answer = wire.any(version, "tools/call", json!({ "name": "add", "arguments": { "a": "x" } })).await;
        if version >= "2025-11-25" {
            assert_eq!(answer.result()["isError"], true, "{version}");
        } else {
            assert_eq!(answer.error_code(), Some(-32602), "{version}");
        }
        let answer = wire.any(version, "resources/read", json!({ "uri": "gauntlet://nowhere" })).await;
        assert_eq!(answer.error_code(), Some(if version == MODERN { -32602 } else { -32002 }), "{version}");
        let answer = wire.any(version, "prompts/get", json!({ "name": "greet" })).await;
        assert_eq!(answer.error_code(), Some(-32602), "{version}");
        for method in ["ping", "logging/setLevel", "resources/subscribe"] {
            let params = json!({ "level": "info", "uri": "gauntlet://greeting" });
            let answer = wire.any(version, method, params).await;
            if version == MODERN {
                assert_eq!((answer.status, answer.error_code()), (404, Some(-32601)), "{method}");
            } else {
                assert_eq!(answer.result(), json!({}), "{version} {method} {}", answer.text());
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_message_is_refused_with_the_reason() {
    let wire = wire(json!({})).await;
    for version in STATEFUL.into_iter().chain([MODERN]) {
        let headers =
            if version == MODERN { modern("tools/list", json!({})).0 } else { wire.open(version).await.headers() };
        let refused = [
            (r#"{"jsonrpc":"2.0","id":1,"#, -32700, Value::Null),
            ("\u{feff}nonsense", -32700, Value::Null),
            (r#"{"id":3,"method":"ping"}"#, -32600, json!(3)),
            (r#"{"jsonrpc":"1.0","id":3,"method":"ping"}"#, -32600, json!(3)),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600, Value::Null),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600, Value::Null),
            (r#"{"jsonrpc":"2.0","id":"a"}"#, -32600, json!("a")),
            ("[]", -32600, Value::Null),
            ("17", -32600, Value::Null),
            (r#"{"jsonrpc":"2.0","id":4,"method":"tools/list","params":[]}"#, -32602, json!(4)),
        ];
        for (body, code, id) in refused {
            let answer = wire.send(Method::POST, headers.clone(), body).await;
            assert_eq!((answer.status, answer.error_code()), (400, Some(code)), "{version} {body} {}", answer.text());
            assert_eq!(answer.content_type(), "application/json");
            assert_eq!(answer.answer().get("id").cloned().unwrap_or_default(), id, "{version} {body}");
            assert_eq!(
                answer.answer().get("id").is_some(),
                !id.is_null() || version < "2025-11-25",
                "{version} {body}"
            );
        }
        let mut bytes = br#"{"jsonrpc":"2.0","id":1,"method":"ping","x":"?"}"#.to_vec();
        let place = bytes.len() - 3;
        bytes[place] = 0xFF;
        let answer = wire.send(Method::POST, headers, bytes).await;
        assert_eq!((answer.status, answer.error_code()), (400, Some(-32700)));
    }
}
