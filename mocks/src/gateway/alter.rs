//! What defects do to messages on the way.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::State;
use super::defects::GatewayDefect;
use crate::mcp::ASSUMED;

/// Members of `_meta` that MCP itself defines begin so, or are these.
const OWN_META: &str = "io.modelcontextprotocol/";
const OWN_MEMBERS: [&str; 1] = ["progressToken"];

/// JSON-RPC's internal error.
const INTERNAL_ERROR: i64 = -32603;

/// Whether some defect changes answers.
pub(super) fn changes_answers(state: &State) -> bool {
    use GatewayDefect as D;
    let altering = [
        D::ResultTruncated,
        D::StructuredDropped,
        D::ToolsReordered,
        D::ToolErrorRaised,
        D::ErrorReplaced,
        D::SchemasFlattened,
        D::ResultMetaDropped,
        D::CapabilitiesDropped,
        D::VersionLowered,
        D::NotificationsDropped,
        D::ServerRequestsDropped,
    ];
    altering.into_iter().any(|defect| state.shows(defect))
}

/// The request as the server gets it.
pub(super) fn request(state: &State, message: &mut Value) {
    let Some(params) = message.get_mut("params") else { return };
    if state.shows(GatewayDefect::ArgumentsAltered)
        && let Some(arguments) = params.get_mut("arguments")
    {
        numbers_to_text(arguments);
    }
    if state.shows(GatewayDefect::MetaDropped)
        && let Some(Value::Object(meta)) = params.get_mut("_meta")
    {
        meta.retain(|name, _| name.starts_with(OWN_META) || OWN_MEMBERS.contains(&name.as_str()));
    }
}

fn numbers_to_text(value: &mut Value) {
    match value {
        Value::Number(number) => *value = number.to_string().into(),
        Value::Array(items) => items.iter_mut().for_each(numbers_to_text),
        Value::Object(members) => members.values_mut().for_each(numbers_to_text),
        _ => {}
    }
}

/// Whether a message from the server reaches the client.
pub(super) fn passes(state: &State, message: &Value) -> bool {
    match (message.get("method"), message.get("id")) {
        (Some(_), None) => !state.shows(GatewayDefect::NotificationsDropped),
        (Some(_), Some(_)) => !state.shows(GatewayDefect::ServerRequestsDropped),
        _ => true,
    }
}

/// A message from the server as the client gets it.
pub(super) fn answer(state: &State, message: &mut Value) {
    if state.shows(GatewayDefect::ToolErrorRaised)
        && message.pointer("/result/isError") == Some(&json!(true))
        && let Value::Object(members) = message
    {
        members.shift_remove("result");
        members.insert("error".to_owned(), json!({ "code": INTERNAL_ERROR, "message": "the tool failed" }));
    }
    if let Some(error) = message.get_mut("error").filter(|_| state.shows(GatewayDefect::ErrorReplaced)) {
        *error = json!({ "code": INTERNAL_ERROR, "message": "Internal error" });
    }
    let Some(Value::Object(result)) = message.get_mut("result") else { return };
    let is_tool_result = result.contains_key("content");
    if is_tool_result {
        if let Some(Value::Array(blocks)) =
            result.get_mut("content").filter(|_| state.shows(GatewayDefect::ResultTruncated))
        {
            blocks.truncate(1);
        }
        if state.shows(GatewayDefect::StructuredDropped) {
            result.shift_remove("structuredContent");
        }
    }
    if let Some(Value::Array(tools)) = result.get_mut("tools") {
        if state.shows(GatewayDefect::ToolsReordered) {
            tools.sort_by_cached_key(|tool| std::cmp::Reverse(tool.get("name").map(Value::to_string)));
        }
        if state.shows(GatewayDefect::SchemasFlattened) {
            tools.iter_mut().for_each(|tool| tool["inputSchema"] = json!({ "type": "object" }));
        }
    }
    if state.shows(GatewayDefect::ResultMetaDropped) {
        result.shift_remove("_meta");
    }
    if let Some(Value::Object(capabilities)) =
        result.get_mut("capabilities").filter(|_| state.shows(GatewayDefect::CapabilitiesDropped))
    {
        capabilities.retain(|name, _| name == "tools");
    }
    if let Some(version) = result.get_mut("protocolVersion").filter(|_| state.shows(GatewayDefect::VersionLowered)) {
        *version = ASSUMED.into();
    }
}

/// Status and headers of an answer as the client gets them.
pub(super) fn head(state: &State, status: StatusCode, mut headers: HeaderMap) -> (StatusCode, HeaderMap) {
    let flattened = !status.is_success() && state.shows(GatewayDefect::StatusFlattened);
    let status = if flattened { StatusCode::BAD_GATEWAY } else { status };
    if state.shows(GatewayDefect::HeadersDropped) {
        for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE, header::ALLOW, header::LOCATION] {
            headers.remove(name);
        }
    }
    if state.shows(GatewayDefect::MediaTypeLost) && headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    }
    (status, headers)
}

/// A result without content, for a request with this id.
pub(super) fn empty_result(id: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [], "isError": false } })
}
