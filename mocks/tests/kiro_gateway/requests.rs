//! Requests as clients of the gateway send them, and a gateway in front of a runtime.

use gauntlet_mocks::MockHandle;
use serde_json::{Value, json};

use crate::support::{Probe, Seen, send, started, var};

/// A gateway and the runtime behind it.
pub(crate) struct Pair {
    pub(crate) runtime: MockHandle,
    pub(crate) gateway: MockHandle,
}

/// What arrived at the runtime: path and status of the answer.
pub(crate) type Arrived = (String, u16);

impl Pair {
    /// The gateway has the credentials of the runtime's default account.
    pub(crate) async fn start(runtime: Value, gateway: Value) -> Self {
        let runtime = started("kiro-runtime", runtime).await;
        let mut config = json!({
            "upstreams": { "runtime": runtime.origin() },
            "credentials": runtime.vars()["credentials"],
        });
        if let (Value::Object(config), Value::Object(more)) = (&mut config, gateway) {
            config.extend(more);
        }
        let gateway = started("kiro-gateway", config).await;
        Self { runtime, gateway }
    }

    pub(crate) async fn send(&self, probe: &Probe) -> Seen {
        send(&self.gateway, probe).await
    }

    /// Sends the body with the key of a client.
    pub(crate) async fn ask(&self, body: &Value) -> Seen {
        self.send(&self.messages(body)).await
    }

    pub(crate) fn messages(&self, body: &Value) -> Probe {
        Probe::new("POST", "/v1/messages")
            .header("content-type", "application/json")
            .header("x-api-key", var(&self.gateway, "api_key"))
            .json(body)
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        let entries = self.runtime.journal().entries();
        entries.iter().map(|e| (e.target.clone(), e.response.as_ref().map_or(0, |r| r.status))).collect()
    }

    /// Bodies of what arrived at this path.
    pub(crate) fn bodies(&self, path: &str) -> Vec<Value> {
        let entries = self.runtime.journal().entries();
        let at_path = entries.iter().filter(|entry| entry.target == path);
        at_path.map(|entry| serde_json::from_slice(&entry.body).expect("JSON")).collect()
    }

    /// Values of a header of what arrived at `/mcp`.
    pub(crate) fn search_header(&self, name: &str) -> Vec<Option<String>> {
        let entries = self.runtime.journal().entries();
        let searches = entries.iter().filter(|entry| entry.target == "/mcp");
        searches.map(|entry| entry.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())).collect()
    }
}

/// A coding client's side query.
pub(crate) fn side_query(query: &str, stream: bool) -> Value {
    json!({
        "model": "claude-sonnet-4.5",
        "max_tokens": 1024,
        "stream": stream,
        "system": [{ "type": "text", "text": "You are an assistant for performing a web search tool use" }],
        "messages": [{ "role": "user", "content": [
            { "type": "text", "text": "<system-reminder>Be brief.</system-reminder>" },
            { "type": "text", "text": format!("Perform a web search for the query: {query}") },
        ] }],
        "tools": [{ "type": "web_search_20250305", "name": "web_search", "max_uses": 8 }],
        "tool_choice": { "type": "tool", "name": "web_search" },
    })
}

/// A turn of the model, with the search tool declared or not, and a function of the client.
pub(crate) fn turn(content: &str, declared: bool, stream: bool) -> Value {
    let function = json!({ "name": "read_file", "description": "Reads a file.",
        "input_schema": { "type": "object", "properties": { "path": { "type": "string" } } } });
    let search = json!({ "type": "web_search_20250305", "name": "web_search" });
    json!({
        "model": "claude-sonnet-4.5",
        "max_tokens": 1024,
        "stream": stream,
        "messages": [{ "role": "user", "content": content }],
        "tools": if declared { vec![search, function] } else { vec![function] },
    })
}

/// Names and data of the events of a stream.
pub(crate) fn events(seen: &Seen) -> Vec<(String, Value)> {
    let event = |text: &str| {
        let (name, data) = text.split_once('\n').expect("two lines");
        let name = name.strip_prefix("event: ").expect("a name").to_owned();
        (name, serde_json::from_str(data.strip_prefix("data: ").expect("data")).expect("JSON"))
    };
    seen.body.split("\n\n").filter(|text| !text.is_empty()).map(event).collect()
}

/// The error code in the place of results.
pub(crate) fn error_code(seen: &Seen) -> String {
    let message = seen.json();
    let blocks = message["content"].as_array().expect("content").clone();
    let block = blocks.iter().find(|block| block["type"] == "web_search_tool_result").expect("a result block");
    assert_eq!(block["content"]["type"], "web_search_tool_result_error", "{block}");
    block["content"]["error_code"].as_str().expect("a code").to_owned()
}
