//! Exchanges to compare.

use serde_json::{Value, json};

use super::super::*;
use crate::fixture;
use crate::model::{Body, Exchange, StreamEvent, WireResponse};

/// A rule, a pair of exchanges to which it applies alone, and a near one to which it does not.
#[derive(Clone, Copy)]
pub(super) struct Case {
    pub(super) rule: &'static str,
    pub(super) fires: fn() -> [Vec<Exchange>; 2],
    pub(super) misses: fn() -> [Vec<Exchange>; 2],
}

pub(super) fn pair(left: Exchange, right: Exchange) -> [Vec<Exchange>; 2] {
    [vec![left], vec![right]]
}

/// The rules that decide on the differences, in order, each once.
pub(super) fn rules([left, right]: [Vec<Exchange>; 2]) -> Vec<&'static str> {
    let report = compared(&left, &[], &right);
    report.findings.iter().map(|finding| finding.rule).collect()
}

pub(super) fn compared(direct: &[Exchange], again: &[Exchange], through: &[Exchange]) -> Report {
    let mut comparison = Comparison::new(Allowances::default());
    comparison.add(&Runs { name: "2025-06-18", direct, again, through });
    report(comparison)
}

pub(super) fn report(comparison: Comparison) -> Report {
    let side = |name: &str| Side { name: name.to_owned(), endpoint: format!("http://{name}/mcp") };
    comparison.finish(side("server"), side("gateway"))
}

/// A request with an answer of this status and body.
pub(super) fn exchange(method: &str, params: Value, status: Option<u16>, body: Body) -> Exchange {
    let media = match body {
        Body::Events(_) => "text/event-stream",
        Body::Text { .. } => "text/plain",
        _ => "application/json",
    };
    let headers = match status {
        Some(_) if body != Body::Empty => vec![("content-type".to_owned(), media.to_owned())],
        _ => Vec::new(),
    };
    let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
    if !method.starts_with("notifications/") {
        message["id"] = 7.into();
    }
    fixture::exchange(message, WireResponse { status, headers, body })
}

pub(super) fn answer(member: &str, value: Value) -> Body {
    let mut message = json!({ "jsonrpc": "2.0", "id": 7 });
    message[member] = value;
    Body::Json(message)
}

/// The answer to a method, as JSON.
pub(super) fn result(method: &str, value: Value) -> Exchange {
    exchange(method, json!({}), Some(200), answer("result", value))
}

pub(super) fn call(value: Value) -> Exchange {
    exchange("tools/call", json!({ "name": "echo" }), Some(200), answer("result", value))
}

pub(super) fn error(value: Value) -> Exchange {
    exchange("tools/call", json!({ "name": "echo" }), Some(200), answer("error", value))
}

/// An answer of this status without a message of JSON-RPC.
pub(super) fn bare(status: u16) -> Exchange {
    let text = Body::Text { text: "no".into(), truncated: 0 };
    exchange("tools/call", json!({ "name": "echo" }), Some(status), text)
}

pub(super) fn silence() -> Exchange {
    let mut silent = call(json!({}));
    silent.response = None;
    silent.failure = Some("no answer within 1.0 s".into());
    silent
}

/// The same text in a result.
pub(super) fn said(text: &str) -> Exchange {
    call(json!({ "content": [{ "type": "text", "text": text }] }))
}

/// A stream of messages with their times, and the answer at the end.
pub(super) fn stream(messages: &[(f64, Value)]) -> Exchange {
    let answer = json!({ "jsonrpc": "2.0", "id": 7, "result": { "content": [] } });
    let last = messages.last().map_or(1.0, |(at, _)| at + 1.0);
    let messages = messages.iter().cloned().chain([(last, answer)]);
    let events = messages.map(|(at_ms, data)| StreamEvent { at_ms, event: None, id: None, data });
    exchange("tools/call", json!({ "name": "echo" }), Some(200), Body::Events(events.collect()))
}

pub(super) fn notice(method: &str, n: u32) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": { "progressToken": "t", "progress": n } })
}

pub(super) fn progress(n: u32) -> Value {
    notice("notifications/progress", n)
}

pub(super) fn with_header(mut exchange: Exchange, name: &str, value: &str) -> Exchange {
    if let Some(response) = &mut exchange.response {
        response.headers.retain(|(n, _)| n != name);
        response.headers.push((name.to_owned(), value.to_owned()));
    }
    exchange
}

pub(super) fn tools(tools: Value) -> Exchange {
    result("tools/list", json!({ "tools": tools }))
}

pub(super) fn tool(name: &str) -> Value {
    let schema =
        json!({ "type": "object", "properties": { "message": { "type": "string" } }, "required": ["message"] });
    json!({ "name": name, "description": format!("does {name}"), "inputSchema": schema })
}

/// A tool whose input schema has further members.
pub(super) fn tool_with(change: impl Fn(&mut Value)) -> Exchange {
    let mut one = tool("echo");
    change(&mut one);
    tools(json!([one]))
}
