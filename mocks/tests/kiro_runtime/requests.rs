//! Requests as clients of the runtime send them, and its refusals.

use gauntlet_mocks::MockHandle;
use serde_json::{Value, json};

use crate::support::{Probe, Seen, started, var};

pub(crate) const BEARER: &str = r#"{"message":"The bearer token included in the request is invalid.","reason":null}"#;
pub(crate) const FORMED: &str = r#"{"message":"Improperly formed request.","reason":"REQUEST_BODY_INVALID"}"#;
pub(crate) const REQUIRED: &str = r#"{"message":"profileArn is required for this request.","reason":null}"#;
pub(crate) const NOT_AUTHORIZED: &str = r#"{"message":"User is not authorized to make this call.","reason":null}"#;
pub(crate) const RUNTIME_HOST: &str = "runtime.us-east-1.kiro.dev";
pub(crate) const LEGACY_HOST: &str = "q.us-east-1.amazonaws.com";

pub(crate) async fn runtime(config: Value) -> MockHandle {
    started("kiro-runtime", config).await
}

pub(crate) fn call(query: &Value) -> Value {
    json!({ "id": "web_search_tooluse_1", "jsonrpc": "2.0", "method": "tools/call",
        "params": { "name": "web_search", "arguments": { "query": query } } })
}

/// A search as a conforming client sends it.
pub(crate) fn search(mock: &MockHandle) -> Probe {
    search_for(mock, &json!("rust 2026 edition"))
}

pub(crate) fn search_for(mock: &MockHandle, query: &Value) -> Probe {
    with_body(mock, call(query))
}

pub(crate) fn with_body(mock: &MockHandle, mut body: Value) -> Probe {
    if let (Some(envelope), Value::Object(members)) = (mock.envelope(), &mut body) {
        members.extend(envelope.clone());
    }
    let mut probe = Probe::new("POST", "/mcp").json(&body).header("host", RUNTIME_HOST);
    for (name, value) in mock.headers() {
        probe = probe.header(name, value);
    }
    probe.header("authorization", &format!("Bearer {}", mock.bearer().expect("default credentials")))
}

/// The same with another body than the envelope's.
pub(crate) fn with_arn(mock: &MockHandle, arn: &Value) -> Probe {
    let mut body = call(&json!("rust"));
    body["profileArn"] = arn.clone();
    search(mock).json(&body)
}

pub(crate) fn bare(probe: Probe) -> Probe {
    let kept = ["authorization", "content-type", "host"];
    let headers = probe.headers.iter().filter(|(name, _)| kept.contains(&name.as_str())).cloned().collect();
    Probe { headers, ..probe }
}

pub(crate) fn without_arn(mock: &MockHandle) -> Probe {
    search(mock).json(&call(&json!("rust")))
}

pub(crate) fn token(probe: Probe, token: &str) -> Probe {
    probe.header("authorization", &format!("Bearer {token}"))
}

pub(crate) fn assert_refused(seen: &Seen, status: u16, body: &str, what: &str) {
    assert_eq!((seen.status, seen.body.as_str()), (status, body), "{what}");
    assert_eq!(seen.header("content-type"), Some("application/json"), "{what}");
}

pub(crate) fn desktop_refresh(token: &str) -> Probe {
    Probe::new("POST", "/refreshToken").json(&json!({ "refreshToken": token }))
}

pub(crate) fn oidc_refresh(mock: &MockHandle, token: &str) -> Probe {
    Probe::new("POST", "/token").json(&json!({ "grantType": "refresh_token", "clientId": var(mock, "client_id"),
        "clientSecret": var(mock, "client_secret"), "refreshToken": token }))
}

pub(crate) fn profiles(token: &str, host: &str) -> Probe {
    Probe::new("POST", "/")
        .json(&json!({ "maxResults": 10 }))
        .header("x-amz-target", "AmazonCodeWhispererService.ListAvailableProfiles")
        .header("content-type", "application/x-amz-json-1.0")
        .header("authorization", &format!("Bearer {token}"))
        .header("host", host)
}

/// A completion as a conforming client asks for it; `context` holds tools and tool results.
pub(crate) fn completion(mock: &MockHandle, content: &str, context: Value, history: Value) -> Probe {
    let message = json!({ "content": content, "modelId": "claude-sonnet-4.5", "origin": "AI_EDITOR",
        "userInputMessageContext": context });
    let state = json!({ "chatTriggerType": "MANUAL", "conversationId": "0a8a0a40-6dd6-4c1f-9b5e-d7c25ad6f30b",
        "currentMessage": { "userInputMessage": message }, "history": history });
    let body = json!({ "conversationState": state, "profileArn": var(mock, "arn") });
    Probe { path: "/generateAssistantResponse".to_owned(), ..search(mock).json(&body) }
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "AmazonCodeWhispererStreamingService.GenerateAssistantResponse")
}
