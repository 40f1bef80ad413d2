//! The mocks of AWS services, asked as their clients ask them.

mod aws_mcp;
mod config;
mod hostile;
mod sts;
#[path = "../support/mod.rs"]
mod support;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gauntlet_mocks::MockHandle;
use gauntlet_mocks::sigv4::{AccessKey, Signer};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::support::{Probe, Seen, send};

/// A key among the variables of a mock, by its prefix.
pub(crate) fn key(mock: &MockHandle, prefix: &str) -> AccessKey {
    let of = |name: &str| mock.vars()[&format!("{prefix}{name}")].as_str().map(str::to_owned);
    AccessKey {
        session_token: of("session_token"),
        ..AccessKey::new(of("access_key_id").expect("a key"), of("secret_access_key").expect("a secret"), "")
    }
}

/// A request, signed as of so much later.
pub(crate) fn signed(mock: &MockHandle, key: AccessKey, service: &str, probe: Probe, later: Duration) -> Probe {
    let mut headers = HeaderMap::new();
    for (name, value) in &probe.headers {
        headers.insert(name.parse::<http::HeaderName>().expect("a name"), value.parse().expect("a value"));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time") + later;
    let url = format!("{}{}", mock.origin(), probe.path);
    let signer = Signer::new(key, service, "us-east-1");
    signer.sign(probe.method, &url, &mut headers, probe.body.as_bytes(), now).expect("signs");
    headers.iter().fold(probe, |probe, (name, value)| probe.header(name.as_str(), value.to_str().expect("text")))
}

/// A call of a tool under the version without handshake.
pub(crate) fn call(tool: &str, arguments: &Value) -> Probe {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
    Probe::new("POST", "/mcp")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool)
        .json(&json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params }))
}

/// A command of the AWS CLI.
pub(crate) fn command(text: &str) -> Probe {
    call("aws___call_aws", &json!({ "cli_command": text }))
}

/// Sends a call that is signed with a key.
pub(crate) async fn ask(mock: &MockHandle, key: AccessKey, probe: Probe) -> Seen {
    send(mock, &signed(mock, key, "aws-mcp", probe, Duration::ZERO)).await
}

/// What a tool told, as JSON.
pub(crate) fn told(seen: &Seen) -> Value {
    let text = seen.json()["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {}", seen.body))
}

/// The note of the last request.
pub(crate) fn last_note(mock: &MockHandle) -> Option<String> {
    mock.journal().entries().last().and_then(|entry| entry.note.clone())
}
