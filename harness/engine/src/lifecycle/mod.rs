//! How each protocol version opens, speaks and closes, so that scenarios need not know.

mod headers;
mod session;

pub(crate) use headers::{HeaderChanges, name_header_value};
pub(crate) use session::{Call, DEFAULT_CLIENT, Link, Resend, Session, SessionSpec, SignIn, Spoken};

use gauntlet_format::Version;
use serde_json::{Map, Value, json};

/// Media types a client of Streamable HTTP accepts (`http.client.accept-both`).
pub(crate) const ACCEPT: &str = "application/json, text/event-stream";

/// `clientInfo` of the harness.
pub(crate) fn client_info() -> Value {
    json!({ "name": "gauntlet", "version": env!("CARGO_PKG_VERSION") })
}

/// `User-Agent` of the harness.
pub(crate) fn user_agent() -> &'static str {
    concat!("gauntlet/", env!("CARGO_PKG_VERSION"))
}

/// Parameters of `initialize` (lifecycle.initialize.request-fields).
pub(crate) fn initialize_params(version: Version, capabilities: &Value) -> Value {
    json!({ "protocolVersion": version.as_str(), "capabilities": capabilities, "clientInfo": client_info() })
}

/// Adds what 2026-07-28 demands in `_meta` of every request (stateless.meta.client-required-fields); members that the
/// scenario wrote stay.
pub(crate) fn add_stateless_meta(params: &mut Map<String, Value>, version: Version, capabilities: &Value) {
    let meta = params.entry("_meta").or_insert_with(|| json!({}));
    if let Some(meta) = meta.as_object_mut() {
        let mut add = |name: &str, value: Value| {
            meta.entry(format!("io.modelcontextprotocol/{name}")).or_insert(value);
        };
        add("protocolVersion", version.as_str().into());
        add("clientInfo", client_info());
        add("clientCapabilities", capabilities.clone());
    }
}

/// The method's parameter that `Mcp-Name` repeats (headers.mcp-name.client).
pub(crate) fn named_parameter(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        _ => None,
    }
}

/// Client capabilities that a set of answers to server requests amounts to.
pub(crate) fn capabilities_of<'a>(answered: impl Iterator<Item = &'a str>) -> Value {
    let mut capabilities = Map::new();
    for method in answered {
        let name = match method {
            "sampling/createMessage" => "sampling",
            "roots/list" => "roots",
            "elicitation/create" => "elicitation",
            _ => continue,
        };
        capabilities.insert(name.to_owned(), json!({}));
    }
    Value::Object(capabilities)
}
