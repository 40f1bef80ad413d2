//! The AgentCore gateway challenges, describes itself and speaks MCP, and each defect shows.

mod bad_tokens;
mod contradictions;
mod defects;
mod hostile;
mod iam;
mod issuer;
mod jwt;
mod requests;
#[path = "../support/mod.rs"]
mod support;
mod switches;

use requests::*;
use serde_json::json;
use support::{Probe, send, var};

#[tokio::test]
async fn the_unauthorized_are_challenged() {
    let mock = gateway(json!({})).await;
    let origin = mock.origin();
    let metadata = format!("{origin}/.well-known/oauth-protected-resource");
    let detailed =
        format!("Bearer error=\"invalid_token\", scope=\"gateway/invoke\", resource_metadata=\"{metadata}\"");
    let call = modern(&mock, "tools/list", json!({}));

    let missing = send(&mock, &call.clone().without("authorization")).await;
    assert_eq!(missing.status, 401);
    assert_eq!(missing.header("www-authenticate"), Some(detailed.as_str()));
    assert_eq!(missing.body, r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32001,"message":"Missing Bearer token"}}"#);

    let invalid_body = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32001,"message":"Invalid Bearer token"}}"#;
    let signed = "AWS4-HMAC-SHA256 Credential=AKIA/20261120/us-east-1/x/aws4_request";
    for bad in [
        token(call.clone(), var(&mock, "expired_token")),
        token(call.clone(), var(&mock, "unknown_token")),
        call.clone().header("authorization", signed),
    ] {
        let invalid = send(&mock, &bad).await;
        assert_eq!((invalid.status, invalid.body.as_str()), (401, invalid_body));
        assert_eq!(invalid.header("www-authenticate"), Some(detailed.as_str()));
    }

    let unscoped = send(&mock, &token(call.clone(), var(&mock, "unscoped_token"))).await;
    assert_eq!(unscoped.status, 403);
    assert!(unscoped.header("www-authenticate").expect("challenge").contains("error=\"insufficient_scope\""));
    let mut in_query = call.without("authorization");
    in_query.path = format!("/mcp?access_token={}", var(&mock, "token"));
    assert_eq!(send(&mock, &in_query).await.status, 401);

    let plain = gateway(json!({ "allowed_scopes": [] })).await;
    let probe = modern(&plain, "tools/list", json!({})).without("authorization");
    let expected = format!("Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource\"", plain.origin());
    assert_eq!(send(&plain, &probe).await.header("www-authenticate"), Some(expected.as_str()));
}

#[tokio::test]
async fn metadata_stands_at_the_root_and_nothing_else_does() {
    let mock = gateway(json!({ "authorization_servers": ["https://idp.example.org/t"] })).await;
    let origin = mock.origin();
    let document = send(&mock, &Probe::new("GET", "/.well-known/oauth-protected-resource")).await;
    let expected = format!(
        r#"{{"authorization_servers":["https://idp.example.org/t"],"resource":"{origin}/mcp","scopes_supported":["gateway/invoke"]}}"#
    );
    assert_eq!((document.status, document.body), (200, expected));
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server"] {
        let seen = send(&mock, &Probe::new("GET", path)).await;
        assert_eq!((seen.status, seen.body.as_str()), (404, "<UnknownOperationException/>"), "{path}");
    }
    let register = send(&mock, &Probe::new("POST", "/register").text("{}")).await;
    let body = r#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"}}"#;
    assert_eq!((register.status, register.body.as_str()), (404, body));

    let variant = gateway(json!({ "discovery_url_as_server": true, "domains": ["tools.example.org"] })).await;
    let probe = Probe::new("GET", "/.well-known/oauth-protected-resource")
        .header("x-amzn-bedrock-agentcore-gateway-domain", "tools.example.org");
    let document = send(&variant, &probe).await.json();
    assert_eq!(document["resource"], "https://tools.example.org/mcp");
    assert!(document["authorization_servers"][0].as_str().expect("url").ends_with("/openid-configuration"));
    let unknown = probe.header("x-amzn-bedrock-agentcore-gateway-domain", "evil.example");
    assert_eq!(send(&variant, &unknown).await.status, 400);
}

#[tokio::test]
async fn versions_with_a_handshake() {
    let mock = gateway(json!({})).await;
    for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let opened = send(&mock, &initialize(&mock, version)).await;
        assert_eq!(opened.json()["result"]["protocolVersion"], version);
        assert_eq!(opened.header("mcp-session-id"), None);
        let answer = send(&mock, &legacy(&mock, version, "tools/call", echo(" Größe "))).await;
        assert_eq!(answer.json()["result"]["content"][0]["text"], " Größe ");
        let bad = send(&mock, &legacy(&mock, version, "tools/call", json!({ "name": "Demo___echo" }))).await.json();
        match version {
            "2025-11-25" => assert_eq!(bad["result"]["isError"], true),
            _ => assert_eq!(bad["error"]["code"], -32602),
        }
        let unknown = send(&mock, &legacy(&mock, version, "nothing/here", json!({}))).await;
        assert_eq!(error(&unknown), (200, -32601));
        let ping = send(&mock, &legacy(&mock, version, "ping", json!({}))).await;
        assert_eq!(ping.body, r#"{"jsonrpc":"2.0","id":7,"result":{}}"#);
    }
    let offered = send(&mock, &initialize(&mock, "1999-01-01")).await.json();
    assert_eq!(offered["result"]["protocolVersion"], "2025-11-25");
    let banana = send(&mock, &legacy(&mock, "banana", "tools/list", json!({}))).await;
    assert_eq!((banana.status, banana.json()["id"].clone()), (400, json!(7)));
    let headerless = legacy(&mock, "", "tools/list", json!({})).without("mcp-protocol-version");
    assert!(send(&mock, &headerless).await.json()["result"]["tools"].is_array());
    let note = post(&mock, &json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    let note = send(&mock, &note).await;
    assert_eq!((note.status, note.body.as_str()), (202, ""));
    assert_eq!(error(&send(&mock, &post(&mock, &json!({})).text("{")).await), (400, -32700));
    assert_eq!(error(&send(&mock, &post(&mock, &json!({ "id": 1, "method": "ping" }))).await), (400, -32600));
    assert_eq!(
        error(&send(&mock, &post(&mock, &json!({ "jsonrpc": "2.0", "id": null, "method": "x" }))).await),
        (400, -32600)
    );
    for method in ["GET", "DELETE"] {
        let seen = send(&mock, &Probe { method, ..post(&mock, &json!({})) }).await;
        assert_eq!((seen.status, seen.header("allow")), (405, Some("POST")));
    }
}

#[tokio::test]
async fn batches_exist_in_one_version() {
    let mock = gateway(json!({})).await;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 9 } });
    let answers = send(&mock, &post(&mock, &json!([call, note]))).await;
    assert_eq!(answers.body, r#"[{"jsonrpc":"2.0","id":1,"result":{}}]"#);
    assert_eq!(send(&mock, &post(&mock, &json!([note]))).await.status, 202);
    for version in ["2025-06-18", "2025-11-25", MODERN] {
        let refused = post(&mock, &json!([call])).header("mcp-protocol-version", version);
        assert_eq!(send(&mock, &refused).await.status, 400, "{version}");
    }
}

#[tokio::test]
async fn the_version_without_a_handshake() {
    let mock = gateway(json!({})).await;
    let discovered = send(&mock, &modern(&mock, "server/discover", json!({}))).await.json();
    let result = &discovered["result"];
    assert_eq!(result["resultType"], "complete");
    assert_eq!(result["supportedVersions"].as_array().expect("versions").len(), 4);
    assert!(result["ttlMs"].is_u64() && result["cacheScope"] == "private");
    assert!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"].is_string());
    let answer = send(&mock, &modern(&mock, "tools/call", echo("x"))).await.json();
    assert_eq!(answer["result"]["resultType"], "complete");

    let call = || modern(&mock, "tools/call", echo("x"));
    let sentinel = call().header("mcp-name", "=?base64?RGVtb19fX2VjaG8=?=");
    assert_eq!(send(&mock, &sentinel).await.status, 200);
    for (what, probe) in [
        ("no Mcp-Method", call().without("mcp-method")),
        ("other Mcp-Method", call().header("mcp-method", "tools/list")),
        ("no Mcp-Name", call().without("mcp-name")),
        ("other Mcp-Name", call().header("mcp-name", "Demo___add")),
        ("bad sentinel", call().header("mcp-name", "=?base64?%%%?=")),
        ("no version header", call().without("mcp-protocol-version")),
        ("other version header", call().header("mcp-protocol-version", "2025-11-25")),
    ] {
        assert_eq!(error(&send(&mock, &probe).await), (400, -32020), "{what}");
    }
    let versions = |version: &str| json!({ "io.modelcontextprotocol/protocolVersion": version, "io.modelcontextprotocol/clientCapabilities": {} });
    let old = legacy(&mock, "1900-01-01", "tools/list", json!({ "_meta": versions("1900-01-01") }));
    let old = send(&mock, &old).await;
    assert_eq!(error(&old), (400, -32022));
    assert_eq!(old.json()["error"]["data"]["requested"], "1900-01-01");
    assert_eq!(old.json()["error"]["data"]["supported"], result["supportedVersions"]);
    for meta in [json!({}), json!({ "io.modelcontextprotocol/protocolVersion": MODERN })] {
        let probe = legacy(&mock, MODERN, "server/discover", json!({ "_meta": meta }));
        assert_eq!(error(&send(&mock, &probe.header("mcp-method", "server/discover")).await), (400, -32602));
    }
    for method in ["ping", "initialize", "prompts/list", "nothing/here"] {
        assert_eq!(error(&send(&mock, &modern(&mock, method, json!({}))).await), (404, -32601), "{method}");
    }
    let only = gateway(json!({ "supported_versions": [MODERN] })).await;
    let old = send(&only, &initialize(&only, "2025-11-25")).await;
    assert_eq!(error(&old), (400, -32020));
    assert!(old.body.contains(MODERN));
}

#[tokio::test]
async fn tools_are_listed_page_by_page() {
    let mock = gateway(json!({ "semantic_search": true })).await;
    let mut names = Vec::new();
    let mut params = json!({});
    loop {
        let page = send(&mock, &modern(&mock, "tools/list", params.clone())).await.json()["result"].clone();
        for tool in page["tools"].as_array().expect("tools") {
            names.push(tool["name"].as_str().expect("name").to_owned());
        }
        match page.get("nextCursor") {
            Some(cursor) => params = json!({ "cursor": cursor }),
            None => break,
        }
    }
    assert_eq!(names.len(), 10);
    assert_eq!(names.last().map(String::as_str), Some("x_amz_bedrock_agentcore_search"));
    assert!(names[..9].iter().all(|name| name.split("___").count() == 2), "{names:?}");
    for cursor in [json!("not-a-cursor"), json!(7)] {
        let bad = send(&mock, &modern(&mock, "tools/list", json!({ "cursor": cursor }))).await;
        assert_eq!(error(&bad).1, -32602);
    }
    let search = json!({ "name": "x_amz_bedrock_agentcore_search", "arguments": { "query": "numbers" } });
    let found = send(&mock, &modern(&mock, "tools/call", search)).await.json();
    assert!(found["result"]["content"][0]["text"].as_str().expect("text").contains("Demo___add"));
    let unknown = json!({ "name": "Demo__echo", "arguments": {} });
    assert_eq!(error(&send(&mock, &modern(&mock, "tools/call", unknown)).await).1, -32602);
    let fixture = mock.fixtures()["tool"].clone();
    assert_eq!(send(&mock, &modern(&mock, "tools/call", fixture)).await.json()["result"]["isError"], false);
}

#[tokio::test]
async fn sessions_belong_to_one_caller_and_end() {
    let mock = gateway(json!({ "sessions": { "timeout": "900s" } })).await;
    let open = send(&mock, &initialize(&mock, "2025-06-18")).await;
    let id = open.header("mcp-session-id").expect("session").to_owned();
    let list = || legacy(&mock, "2025-06-18", "tools/list", json!({})).header("mcp-session-id", &id);
    assert_eq!(send(&mock, &list()).await.status, 200);
    assert_eq!(send(&mock, &list().without("mcp-session-id")).await.status, 400);
    assert_eq!(send(&mock, &list().header("mcp-session-id", "dead")).await.status, 404);
    assert_eq!(send(&mock, &token(list(), var(&mock, "bob_token"))).await.status, 404);
    assert_eq!(send(&mock, &modern(&mock, "tools/list", json!({}))).await.status, 200);
    let end = Probe { method: "DELETE", ..list() };
    assert_eq!(send(&mock, &end).await.status, 204);
    assert_eq!(send(&mock, &list()).await.status, 404);
    let open = send(&mock, &initialize(&mock, "2025-06-18")).await;
    let id = open.header("mcp-session-id").expect("session").to_owned();
    mock.control(&json!({ "advance": "16m" })).await.expect("advance");
    let late = legacy(&mock, "2025-06-18", "tools/list", json!({})).header("mcp-session-id", &id);
    assert_eq!(send(&mock, &late).await.status, 404);
}

#[tokio::test]
async fn a_shared_session_is_shared() {
    let mock = gateway(json!({ "sessions": {}, "defects": ["session-shared-between-identities"] })).await;
    let open = send(&mock, &initialize(&mock, "2025-06-18")).await;
    let id = open.header("mcp-session-id").expect("session");
    let list = legacy(&mock, "2025-06-18", "tools/list", json!({})).header("mcp-session-id", id);
    assert_eq!(send(&mock, &token(list, var(&mock, "bob_token"))).await.status, 200);
}

#[tokio::test]
async fn sessions_that_should_be_over_are_not() {
    for (defects, expected) in [(json!([]), 404), (json!(["session-never-ends", "session-delete-ignored"]), 200)] {
        let mock = gateway(json!({ "sessions": { "timeout": "15m" }, "defects": defects })).await;
        let session = async || {
            let open = send(&mock, &initialize(&mock, "2025-06-18")).await;
            let id = open.header("mcp-session-id").expect("session").to_owned();
            legacy(&mock, "2025-06-18", "tools/list", json!({})).header("mcp-session-id", &id)
        };
        let deleted = session().await;
        assert_eq!(send(&mock, &Probe { method: "DELETE", ..deleted.clone() }).await.status, 204);
        assert_eq!(send(&mock, &deleted).await.status, expected);
        let old = session().await;
        mock.control(&json!({ "advance": "16m" })).await.expect("advances");
        assert_eq!(send(&mock, &old).await.status, expected);
    }
}
