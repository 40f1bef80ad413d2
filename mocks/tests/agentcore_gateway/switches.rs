//! What the gateway can be told to do differently, as clients have met it.

use std::time::Duration;

use gauntlet_mocks::MockHandle;
use serde_json::{Value, json};

use crate::issuer::*;
use crate::requests::*;
use crate::support::{Probe, Seen, send, var};

const METADATA: &str = "/.well-known/oauth-protected-resource";

fn list(mock: &MockHandle) -> Probe {
    modern(mock, "tools/list", json!({}))
}

fn call(mock: &MockHandle, tool: &str) -> Probe {
    modern(mock, "tools/call", json!({ "name": tool, "arguments": { "text": "x" } }))
}

async fn metadata(mock: &MockHandle) -> Seen {
    send(mock, &Probe::new("GET", METADATA)).await
}

fn note(mock: &MockHandle) -> Option<String> {
    mock.journal().entries().last().expect("a request").note.clone()
}

/// The challenge of an answer, with the origin left out.
fn challenge(mock: &MockHandle, seen: &Seen) -> Option<String> {
    seen.header("www-authenticate").map(|challenge| challenge.replace(mock.origin(), ""))
}

#[tokio::test]
async fn forms_of_the_challenge() {
    let scope = "error=\"invalid_token\", scope=\"gateway/invoke\"";
    let address = format!("resource_metadata=\"{METADATA}\"");
    let nowhere = "resource_metadata=\"/.well-known/no-such-resource\"";
    for (form, expected) in [
        ("auto", Some(format!("Bearer {scope}, {address}"))),
        ("plain", Some(format!("Bearer {address}"))),
        ("detailed", Some(format!("Bearer {scope}, {address}"))),
        ("without-metadata", Some(format!("Bearer {scope}"))),
        ("metadata-not-found", Some(format!("Bearer {scope}, {nowhere}"))),
        ("none", None),
    ] {
        let mock = gateway(json!({ "challenge": form })).await;
        let seen = send(&mock, &list(&mock).without("authorization")).await;
        assert_eq!((seen.status, challenge(&mock, &seen)), (401, expected), "{form}");
    }
    let mock = gateway(json!({ "challenge": "without-metadata", "allowed_scopes": [] })).await;
    let seen = send(&mock, &list(&mock).without("authorization")).await;
    assert_eq!(challenge(&mock, &seen).as_deref(), Some("Bearer error=\"invalid_token\""));
    assert_eq!(send(&mock, &Probe::new("GET", "/.well-known/no-such-resource")).await.status, 404);
}

#[tokio::test]
async fn scopes_are_advertised_where_and_as_configured() {
    for (config, in_challenge, in_metadata) in [
        (json!({}), Some("gateway/invoke"), json!(["gateway/invoke"])),
        (json!({ "scopes_in": "challenge" }), Some("gateway/invoke"), Value::Null),
        (json!({ "scopes_in": "metadata" }), None, json!(["gateway/invoke"])),
        (json!({ "scopes_in": "nowhere" }), None, Value::Null),
        (json!({ "metadata_scopes": [] }), Some("gateway/invoke"), json!([])),
        (json!({ "metadata_scopes": ["openid", "b"], "challenge_scopes": ["a"] }), Some("a"), json!(["openid", "b"])),
        (
            json!({ "advertised_scope_mapping": { "gateway/invoke": "api://gateway/invoke" } }),
            Some("api://gateway/invoke"),
            json!(["api://gateway/invoke"]),
        ),
        (
            json!({ "defects": ["offline-access-in-scopes"] }),
            Some("gateway/invoke offline_access"),
            json!(["gateway/invoke", "offline_access"]),
        ),
    ] {
        let mock = gateway(config.clone()).await;
        let seen = send(&mock, &list(&mock).without("authorization")).await;
        let challenge = challenge(&mock, &seen).expect("a challenge");
        let named = challenge.split_once("scope=\"").and_then(|(_, rest)| rest.split_once('"'));
        assert_eq!(named.map(|(scopes, _)| scopes), in_challenge, "{config}");
        assert_eq!(metadata(&mock).await.json()["scopes_supported"], in_metadata, "{config}");
    }
}

#[tokio::test]
async fn forms_of_the_metadata() {
    for (form, status, resource) in [
        ("served", 200, Some("ORIGIN/mcp")),
        ("missing", 404, None),
        ("error", 500, None),
        ("needs-token", 401, None),
        ("no-servers", 200, Some("ORIGIN/mcp")),
        ("foreign-resource", 200, Some("https://another-gateway.example.com/mcp")),
        ("sibling-resource", 200, Some("ORIGIN/mcp-other")),
        ("deeper-resource", 200, Some("ORIGIN/mcp/deeper")),
        ("origin-resource", 200, Some("ORIGIN")),
        ("path-form", 404, None),
        ("huge", 200, Some("ORIGIN/mcp")),
    ] {
        let mock = gateway(json!({ "resource_metadata": form })).await;
        let seen = metadata(&mock).await;
        assert_eq!(seen.status, status, "{form}");
        if let Some(resource) = resource {
            let document = seen.json();
            assert_eq!(document["resource"], resource.replace("ORIGIN", mock.origin()), "{form}");
            assert_eq!(document.get("authorization_servers").is_none(), form == "no-servers", "{form}");
            assert_eq!(seen.body.len() > 8 << 20, form == "huge", "{form}");
        }
    }
    let mock = gateway(json!({ "resource_metadata": "path-form" })).await;
    let seen = send(&mock, &Probe::new("GET", &format!("{METADATA}/mcp"))).await;
    assert_eq!((seen.status, &seen.json()["resource"]), (200, &json!(mock.url())));
    let seen = send(&mock, &list(&mock).without("authorization")).await;
    let named = challenge(&mock, &seen).expect("a challenge");
    assert!(named.ends_with(&format!("resource_metadata=\"{METADATA}/mcp\"")), "{named}");
    let mock = gateway(json!({ "resource_metadata": "not-json" })).await;
    assert!(metadata(&mock).await.header("content-type").is_some_and(|kind| kind == "text/html"));
    let mock = gateway(json!({ "resource_metadata": "slow" })).await;
    assert!(tokio::time::timeout(Duration::from_millis(500), metadata(&mock)).await.is_err());
    assert_eq!(send(&mock, &list(&mock)).await.status, 200, "only the metadata is slow");
}

#[tokio::test]
async fn entries_for_the_authorization_server() {
    let issuer = Issuer::start(&[&RSA]).await;
    let url = issuer.url();
    for (config, expected) in [
        (json!({}), url.clone()),
        (json!({ "trailing_slash_on_server": true }), format!("{url}/")),
        (json!({ "discovery_url_as_server": true }), issuer.discovery_url()),
        (json!({ "authorization_servers": ["https://i.example"] }), "https://i.example".to_owned()),
    ] {
        let mock = issuer.gateway(&config).await;
        assert_eq!(metadata(&mock).await.json()["authorization_servers"], json!([expected]), "{config}");
    }
}

#[tokio::test]
async fn tokens_that_are_not_wanted_any_more() {
    let issuer = Issuer::start(&[&RSA]).await;
    let good = || RSA.sign(&issuer.claims(&json!({ "jti": uuid::Uuid::new_v4().to_string() })));
    let (first, second) = (good(), good());
    for defects in [json!([]), json!(["revoked-accepted"])] {
        let accepted = defects != json!([]);
        let mock = issuer.gateway(&json!({ "defects": defects })).await;
        let status = async |bearer: &str| send(&mock, &token(list(&mock), bearer)).await.status;
        let refused = if accepted { 200 } else { 401 };
        assert_eq!(status(&first).await, 200);
        mock.control(&json!({ "set": { "revoked": [first] } })).await.expect("revokes");
        assert!(mock.secrets().contains(&first));
        assert_eq!((status(&first).await, status(&second).await), (refused, 200));
        assert_eq!(note(&mock), None);
        mock.control(&json!({ "set": { "revoked": [], "reject_seen": true } })).await.expect("rejects");
        assert_eq!((status(&second).await, status(&first).await), (refused, refused));
        assert_eq!(note(&mock).as_deref(), (!accepted).then_some("revoked"));
        let third = good();
        assert_eq!((status(&third).await, status(&third).await), (200, 200));
        mock.control(&json!({ "set": { "reject_seen": true } })).await.expect("rejects again");
        assert_eq!((status(&third).await, status(&good()).await), (refused, 200));
        mock.control(&json!({ "set": { "reject_seen": false } })).await.expect("forgives");
        assert_eq!(status(&third).await, 200);
        mock.control(&json!({ "set": { "reject_tokens": true } })).await.expect("rejects all");
        assert_eq!((status(&third).await, status(&good()).await), (401, 401));
    }
    let mock = gateway(json!({})).await;
    assert_eq!(send(&mock, &list(&mock)).await.status, 200);
    mock.control(&json!({ "set": { "reject_seen": true } })).await.expect("rejects");
    assert_eq!(send(&mock, &list(&mock)).await.status, 401);
    assert_eq!(send(&mock, &token(list(&mock), var(&mock, "bob_token"))).await.status, 200);
}

#[tokio::test]
async fn a_token_that_was_good_once() {
    for (defects, expected) in [(json!([]), 401), (json!(["validated-once"]), 200)] {
        let mock = gateway(json!({ "defects": defects })).await;
        assert_eq!(send(&mock, &list(&mock)).await.status, 200);
        mock.control(&json!({ "advance": "2h" })).await.expect("advances");
        assert_eq!(send(&mock, &list(&mock)).await.status, expected);
        let unseen = token(list(&mock), var(&mock, "bob_token"));
        assert_eq!(send(&mock, &unseen).await.status, 401);
    }
}

#[tokio::test]
async fn a_session_is_no_token() {
    for (defects, expected) in [(json!([]), 401), (json!(["session-instead-of-token"]), 200)] {
        let mock = gateway(json!({ "sessions": {}, "defects": defects })).await;
        let open = send(&mock, &initialize(&mock, "2025-06-18")).await;
        let id = open.header("mcp-session-id").expect("session");
        let list = legacy(&mock, "2025-06-18", "tools/list", json!({})).header("mcp-session-id", id);
        assert_eq!(send(&mock, &list.clone().without("authorization")).await.status, expected);
        assert_eq!(send(&mock, &token(list, "fake")).await.status, expected);
    }
}

#[tokio::test]
async fn public_methods_need_no_token() {
    let mock = gateway(json!({ "public_methods": ["initialize"], "sessions": {} })).await;
    for probe in [
        initialize(&mock, "2025-06-18").without("authorization"),
        token(initialize(&mock, "2025-06-18"), var(&mock, "expired_token")),
    ] {
        let open = send(&mock, &probe).await;
        assert_eq!(open.status, 200);
        let id = open.header("mcp-session-id").expect("session");
        let list = legacy(&mock, "2025-06-18", "tools/list", json!({})).header("mcp-session-id", id);
        assert_eq!(send(&mock, &list).await.status, 200, "a session opened by nobody is good for everybody");
        assert_eq!(send(&mock, &list.without("authorization")).await.status, 401);
    }
    let batch = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "initialize" },
        { "jsonrpc": "2.0", "id": 2, "method": "tools/list" },
    ]);
    for body in [batch, json!([]), json!(7)] {
        assert_eq!(send(&mock, &post(&mock, &body).without("authorization")).await.status, 401, "{body}");
    }
    let get = Probe { method: "GET", ..Probe::new("GET", "/mcp") };
    assert_eq!(send(&mock, &get).await.status, 401);
}

#[tokio::test]
async fn scopes_of_methods_and_tools() {
    let issuer = Issuer::start(&[&RSA]).await;
    let required = json!({
        "tools/call": ["call"], "Demo___echo": ["echo", "call"], "Demo___add": ["add"], "tools/list": ["list"],
    });
    let mock = issuer
        .gateway(&json!({ "required_scopes": required, "scope_implies": { "everything": ["call", "echo", "add"] } }))
        .await;
    let of = |scope: &str| RSA.sign(&issuer.claims(&json!({ "scope": format!("gateway/invoke {scope}") })));
    let address = format!("resource_metadata=\"{METADATA}\"");
    for (scope, tool, needed) in [
        ("", "Demo___echo", Some("call echo")),
        ("echo", "Demo___echo", Some("call echo")),
        ("call", "Demo___add", Some("call add")),
        ("call add", "Demo___echo", Some("call echo")),
        ("echo call", "Demo___echo", None),
        ("everything", "Demo___add", None),
        ("call", "Demo___whoami", None),
    ] {
        let seen = send(&mock, &token(call(&mock, tool), &of(scope))).await;
        let expected =
            needed.map(|needed| format!("Bearer error=\"insufficient_scope\", scope=\"{needed}\", {address}"));
        assert_eq!(challenge(&mock, &seen), expected, "{scope} {tool}");
        assert_eq!(seen.status, if needed.is_some() { 403 } else { 200 }, "{scope} {tool}");
        assert_eq!(note(&mock).as_deref(), needed.map(|_| "missing-scope"));
        if needed.is_some() {
            let body = json!({ "code": -32001, "message": "Insufficient scope" });
            assert_eq!(seen.json()["error"], body);
        }
    }
    // A tool of another method is no tool.
    let seen = send(&mock, &token(modern(&mock, "tools/list", json!({ "name": "Demo___echo" })), &of("list"))).await;
    assert_eq!(seen.status, 200);
    mock.control(&json!({ "set": { "scopes_never_suffice": true } })).await.expect("sets");
    assert_eq!(send(&mock, &token(call(&mock, "Demo___echo"), &of("echo call"))).await.status, 403);
}

#[tokio::test]
async fn answers_to_a_missing_scope() {
    let insufficient = "Bearer error=\"insufficient_scope\"";
    let metadata = format!("resource_metadata=\"{METADATA}\"");
    let whole = format!("{insufficient}, scope=\"gateway/invoke\", {metadata}");
    for (config, status, expected, message) in [
        (json!({}), 403, Some(whole.clone()), "Insufficient scope"),
        (
            json!({ "insufficient_scope": "forbidden-without-scope" }),
            403,
            Some(format!("{insufficient}, {metadata}")),
            "Insufficient scope",
        ),
        (json!({ "insufficient_scope": "unauthorized" }), 401, Some(whole.clone()), "Insufficient scope"),
        (
            json!({ "insufficient_scope": "invalid-token" }),
            401,
            Some(whole.replace("insufficient_scope", "invalid_token")),
            "Invalid Bearer token",
        ),
        (json!({ "challenge": "none" }), 403, None, "Insufficient scope"),
        (json!({ "defects": ["403-without-challenge"] }), 403, None, "Insufficient scope"),
        (json!({ "defects": ["insufficient-scope-as-401"] }), 401, Some(whole), "Insufficient scope"),
    ] {
        let mock = gateway(config.clone()).await;
        let seen = send(&mock, &token(list(&mock), var(&mock, "unscoped_token"))).await;
        assert_eq!((seen.status, challenge(&mock, &seen)), (status, expected), "{config}");
        assert_eq!(seen.json()["error"]["message"], message, "{config}");
        assert_eq!(note(&mock).as_deref(), Some("missing-scope"), "{config}");
    }
}

#[tokio::test]
async fn answers_as_streams() {
    let mock = gateway(json!({ "answers": "sse", "sessions": {} })).await;
    let seen = send(&mock, &list(&mock)).await;
    assert_eq!((seen.status, seen.header("content-type")), (200, Some("text/event-stream")));
    let data = seen.body.strip_prefix("event: message\ndata: ").and_then(|rest| rest.strip_suffix("\n\n"));
    let message: Value = serde_json::from_str(data.expect("one event")).expect("JSON");
    assert!(message["result"]["tools"].is_array());
    let open = send(&mock, &initialize(&mock, "2025-11-25")).await;
    assert!(open.header("mcp-session-id").is_some() && open.body.starts_with("event: message\n"));
    let refused = send(&mock, &list(&mock).without("authorization")).await;
    assert_eq!((refused.status, refused.header("content-type")), (401, Some("application/json")));
    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled" });
    assert_eq!(send(&mock, &post(&mock, &notification)).await.status, 400, "no session");
    assert_eq!(send(&mock, &Probe { method: "GET", ..list(&mock) }).await.status, 405);
}

#[tokio::test]
async fn callers_are_sent_elsewhere() {
    let elsewhere = wiremock::MockServer::start().await;
    let mock = gateway(json!({ "redirect_to": format!("{}/mcp", elsewhere.uri()) })).await;
    assert_eq!(send(&mock, &list(&mock).without("authorization")).await.status, 401);
    let url = mock.url().to_owned();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let credentials = format!("Bearer {}", var(&mock, "token"));
    let seen = client.post(url).header("authorization", credentials).body("{}").send().await.expect("an answer");
    assert_eq!(seen.status(), 307);
    assert_eq!(seen.headers()["location"], format!("{}/mcp", elsewhere.uri()));
}

#[tokio::test]
async fn credentials_stand_in_one_header() {
    let issuer = Issuer::start(&[&RSA]).await;
    let mock = issuer.gateway(&json!({})).await;
    let good = issuer.token();
    let bare = list(&mock);
    let twice = |first: &str, second: &str| {
        let mut probe = bare.clone();
        probe.headers.extend([first, second].map(|value| ("authorization".to_owned(), value.to_owned())));
        probe
    };
    let bearer = format!("Bearer {good}");
    for (probe, message, reason) in [
        (twice(&bearer, "Bearer second"), "Invalid Bearer token", "malformed"),
        (twice(&bearer, &bearer), "Invalid Bearer token", "malformed"),
        (twice("", &bearer), "Invalid Bearer token", "malformed"),
        (bare.clone(), "Missing Bearer token", "no-header"),
        (bare.clone().header("authorization", ""), "Missing Bearer token", "no-header"),
        (bare.clone().header("authorization", "Bearer"), "Missing Bearer token", "no-header"),
        (bare.clone().header("authorization", "Bearer  "), "Missing Bearer token", "no-header"),
        (bare.clone().header("authorization", &good), "Invalid Bearer token", "not-bearer"),
        (bare.clone().header("authorization", &format!("Basic {good}")), "Invalid Bearer token", "not-bearer"),
        (bare.clone().header("authorization", &format!("Bearer {good} {good}")), "Invalid Bearer token", "malformed"),
        (bare.clone().header("x-api-key", &good), "Missing Bearer token", "no-header"),
        (bare.clone().header("cookie", &format!("access_token={good}")), "Missing Bearer token", "no-header"),
        (Probe { path: format!("/mcp?access_token={good}"), ..bare.clone() }, "Missing Bearer token", "no-header"),
    ] {
        let seen = send(&mock, &probe).await;
        assert_eq!((seen.status, &seen.json()["error"]["message"]), (401, &json!(message)), "{probe:?}");
        assert_eq!(note(&mock).as_deref(), Some(reason), "{probe:?}");
    }
    for (defect, probe) in [
        ("token-in-query-accepted", Probe { path: format!("/mcp?access_token={good}"), ..bare.clone() }),
        ("token-in-other-header-accepted", bare.clone().header("x-api-key", &good)),
        ("first-of-two-headers-counts", twice(&bearer, "Bearer second")),
    ] {
        let wrong = issuer.gateway(&json!({ "defects": [defect] })).await;
        assert_eq!(send(&wrong, &probe).await.status, 200, "{defect}");
    }
}
