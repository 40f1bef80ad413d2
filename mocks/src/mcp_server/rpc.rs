//! JSON-RPC messages as they come in, before any lenient parsing.

use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};

/// The input is not JSON.
pub(crate) const PARSE_ERROR: i64 = -32700;
/// The JSON is no message.
pub(crate) const INVALID_REQUEST: i64 = -32600;
/// There is no such method.
pub(crate) const METHOD_NOT_FOUND: i64 = -32601;
/// The parameters do not fit.
pub(crate) const INVALID_PARAMS: i64 = -32602;
/// The server failed.
pub(crate) const INTERNAL_ERROR: i64 = -32603;
/// A header is missing or differs from the body (2026-07-28).
pub(crate) const HEADER_MISMATCH: i64 = -32020;
/// The version is not spoken here (2026-07-28).
pub(crate) const UNSUPPORTED_VERSION: i64 = -32022;

/// Where 2026-07-28 keeps the version of a request.
pub(crate) const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// What came in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Request { id: Value, method: String },
    Notification { method: String },
    Response,
    Batch,
}

/// Why a message is refused.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) code: i64,
    pub(crate) message: String,
    pub(crate) id: Option<Value>,
    pub(crate) data: Option<Box<Value>>,
}

impl Refusal {
    pub(crate) fn new(code: i64, message: impl Into<String>, id: Option<Value>) -> Self {
        Self { code, message: message.into(), id, data: None }
    }

    /// With `error.data`.
    pub(crate) fn with_data(mut self, data: Value) -> Self {
        self.data = Some(Box::new(data));
        self
    }

    /// As a JSON-RPC error. Without a readable id the member is left out from 2025-11-25 on, before that it is null, as
    /// JSON-RPC 2.0 section 5 has it.
    pub(crate) fn to_json(&self, version: &str) -> Value {
        let mut error = json!({ "jsonrpc": "2.0" });
        match &self.id {
            Some(id) => error["id"] = id.clone(),
            None if version < ProtocolVersion::V_2025_11_25.as_str() => error["id"] = Value::Null,
            None => {}
        }
        error["error"] = json!({ "code": self.code, "message": self.message });
        if let Some(data) = &self.data {
            error["error"]["data"] = Value::clone(data);
        }
        error
    }
}

/// Reads the bytes of one message.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(bytes).map_err(|e| Refusal::new(PARSE_ERROR, format!("Parse error: {e}"), None))
}

/// Says what a message is.
///
/// # Errors
///
/// The JSON is not a message.
pub(crate) fn classify(message: &Value) -> Result<Kind, Refusal> {
    if let Value::Array(members) = message {
        if members.is_empty() {
            return Err(Refusal::new(INVALID_REQUEST, "Invalid Request: an empty batch", None));
        }
        return Ok(Kind::Batch);
    }
    let readable = message.get("id").filter(|id| id.is_string() || id.is_i64() || id.is_u64()).cloned();
    let refuse = |what: &str| Err(Refusal::new(INVALID_REQUEST, format!("Invalid Request: {what}"), readable.clone()));
    let Some(object) = message.as_object() else {
        return refuse("not an object");
    };
    if object.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return refuse("jsonrpc is not \"2.0\"");
    }
    let Some(method) = object.get("method") else {
        return match (readable.is_some(), object.contains_key("result"), object.contains_key("error")) {
            (true, true, false) | (_, false, true) => Ok(Kind::Response),
            _ => refuse("neither a method nor a response"),
        };
    };
    let Some(method) = method.as_str() else {
        return refuse("the method is not a string");
    };
    if object.get("params").is_some_and(|params| !params.is_object()) {
        return Err(Refusal::new(INVALID_PARAMS, "Invalid params: not an object", readable));
    }
    // The SDK takes the parameters of a list for absent when they do not fit.
    let cursor = object.get("params").and_then(|params| params.get("cursor"));
    if method.ends_with("/list") && cursor.is_some_and(|cursor| !cursor.is_string()) {
        return Err(Refusal::new(INVALID_PARAMS, "Invalid params: the cursor is not a string", readable));
    }
    match (object.get("id"), &readable) {
        (None, _) => Ok(Kind::Notification { method: method.to_owned() }),
        (Some(_), Some(id)) => Ok(Kind::Request { id: id.clone(), method: method.to_owned() }),
        (Some(_), None) => refuse("the id is neither a string nor an integer"),
    }
}

/// Puts the members in that a request of 2026-07-28 must have.
pub(crate) fn complete_meta(message: &mut Value, version: &str) {
    let Some(object) = message.as_object_mut() else {
        return;
    };
    let params = object.entry("params").or_insert_with(|| json!({}));
    let Some(meta) = params.as_object_mut().map(|params| params.entry("_meta").or_insert_with(|| json!({}))) else {
        return;
    };
    if let Some(meta) = meta.as_object_mut() {
        meta.entry(META_VERSION).or_insert_with(|| json!(version));
        meta.entry("io.modelcontextprotocol/clientCapabilities").or_insert_with(|| json!({}));
    }
}

/// The version that a message states for itself.
pub(crate) fn stated_version(message: &Value) -> Option<&str> {
    message.get("params")?.get("_meta")?.get(META_VERSION)?.as_str()
}
