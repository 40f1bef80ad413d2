//! Requests of a client.

use gauntlet_mocks::MockHandle;
use serde_json::{Value, json};

use crate::support::{Probe, Seen, started};

pub(crate) const MODERN: &str = "2026-07-28";

pub(crate) async fn gateway(config: Value) -> MockHandle {
    started("agentcore-gateway", config).await
}

pub(crate) fn post(mock: &MockHandle, body: &Value) -> Probe {
    let probe = Probe::new("POST", "/mcp")
        .json(body)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    match mock.bearer() {
        Some(default) => token(probe, default),
        None => probe,
    }
}

pub(crate) fn token(probe: Probe, token: &str) -> Probe {
    probe.header("authorization", &format!("Bearer {token}"))
}

/// A request under a version with a handshake.
pub(crate) fn legacy(mock: &MockHandle, version: &str, method: &str, params: Value) -> Probe {
    post(mock, &json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }))
        .header("mcp-protocol-version", version)
}

pub(crate) fn initialize(mock: &MockHandle, version: &str) -> Probe {
    let params =
        json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
    post(mock, &json!({ "jsonrpc": "2.0", "id": 7, "method": "initialize", "params": params }))
}

/// A request under the version without one.
pub(crate) fn modern(mock: &MockHandle, method: &str, mut params: Value) -> Probe {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let name = params["name"].as_str().map(str::to_owned);
    let probe = legacy(mock, MODERN, method, params).header("mcp-method", method);
    match name {
        Some(name) => probe.header("mcp-name", &name),
        None => probe,
    }
}

pub(crate) fn echo(text: &str) -> Value {
    json!({ "name": "Demo___echo", "arguments": { "text": text } })
}

pub(crate) fn error(seen: &Seen) -> (u16, i64) {
    (seen.status, seen.json()["error"]["code"].as_i64().unwrap_or_default())
}
