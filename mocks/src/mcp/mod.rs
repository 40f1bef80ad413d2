//! MCP over HTTP as mocks speak it that are not the SDK: messages, errors, and what 2026-07-28 asks of a request.

mod schema;
mod spoken;
mod stateless;

use serde_json::{Map, Value, json};

pub(crate) use self::schema::misfit;
pub(crate) use self::spoken::{AnswerForm, SpokenVersions};
pub(crate) use self::stateless::{META_SERVER_INFO, Stateless, Unchecked, put_cache_hints};
use crate::answer::Answer;

/// The version without handshake and sessions.
pub(crate) const MODERN: &str = "2026-07-28";

/// Versions that these mocks speak, oldest first.
pub(crate) const VERSIONS: &[&str] = &["2025-03-26", "2025-06-18", "2025-11-25", MODERN];

/// Assumed when a client does not say.
pub(crate) const ASSUMED: &str = "2025-03-26";

/// The only version with batches.
pub(crate) const BATCHES: &str = "2025-03-26";

/// From here on, arguments that do not fit are a failed result in place of a protocol error.
pub(crate) const ARGUMENT_ERRORS_AS_RESULTS: &str = "2025-11-25";

pub(crate) const SESSION_HEADER: &str = "mcp-session-id";

pub(crate) const PARSE_ERROR: i64 = -32700;
pub(crate) const INVALID_REQUEST: i64 = -32600;
pub(crate) const METHOD_NOT_FOUND: i64 = -32601;
pub(crate) const INVALID_PARAMS: i64 = -32602;

pub(crate) const VERSION_HEADER: &str = "mcp-protocol-version";
pub(crate) const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// A JSON-RPC message from a client, classified.
pub(crate) enum Message {
    /// A request.
    Call {
        id: Value,
        method: String,
        params: Option<Map<String, Value>>,
    },
    Notification,
    /// The answer to a request of ours, of which there are none.
    Response,
    /// None of these: the id as far as it can be read, and why.
    Invalid(Option<Value>, &'static str),
}

impl Message {
    pub(crate) fn classify(value: &Value) -> Self {
        let Value::Object(members) = value else {
            return Self::Invalid(None, "a message is an object");
        };
        let id = members.get("id");
        let readable = id.filter(|id| id.is_string() || id.is_i64() || id.is_u64()).cloned();
        if members.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
            return Self::Invalid(readable, "jsonrpc must be \"2.0\"");
        }
        let method = match members.get("method") {
            Some(Value::String(method)) => method.clone(),
            Some(_) => return Self::Invalid(readable, "method must be a string"),
            None if members.contains_key("result") || members.contains_key("error") => {
                return Self::Response;
            }
            None => return Self::Invalid(readable, "method is missing"),
        };
        let params = match members.get("params") {
            None => None,
            Some(Value::Object(params)) => Some(params.clone()),
            Some(_) => return Self::Invalid(readable, "params must be an object"),
        };
        match (id, readable) {
            (None, _) => Self::Notification,
            (Some(_), Some(id)) => Self::Call { id, method, params },
            (Some(_), None) => Self::Invalid(None, "id must be a string or an integer"),
        }
    }
}

/// The initialize request of a client, as far as it has to be understood.
pub(crate) fn initialize_version(params: &Map<String, Value>) -> Result<&str, &'static str> {
    let named = params.get("protocolVersion").and_then(Value::as_str);
    let has_client =
        params.get("clientInfo").is_some_and(|client| client["name"].is_string() && client["version"].is_string());
    match (named, has_client, params.get("capabilities")) {
        (Some(named), true, Some(Value::Object(_))) => Ok(named),
        _ => Err("initialize needs protocolVersion, capabilities and clientInfo with name and version"),
    }
}

/// Whether a request is one of the version without handshake, for a server that speaks it beside these `legacy` versions. A client opens
/// as its version asks: the new one by a header or metadata that names it, the old ones by a handshake.
pub(crate) fn is_modern(header: Option<&str>, body: &Value, legacy: &[&str]) -> bool {
    match meta_version(body) {
        Some(version) => header != Some(version) || !legacy.contains(&version),
        None => header == Some(MODERN),
    }
}

/// A header value for a message: short and without control characters.
pub(crate) fn printable(value: &str) -> String {
    value.chars().filter(|character| !character.is_control()).take(64).collect()
}

/// The version in `params._meta`.
fn meta_version(body: &Value) -> Option<&str> {
    body.get("params")?.get("_meta")?.get(META_VERSION)?.as_str()
}

/// A JSON-RPC error; without an id if there is none.
pub(crate) fn error_answer(status: u16, id: Option<&Value>, code: i64, message: &str) -> Answer {
    error_with_data(status, id, code, message, None)
}

/// A JSON-RPC error with `data`.
pub(crate) fn error_with_data(
    status: u16,
    id: Option<&Value>,
    code: i64,
    message: &str,
    data: Option<Value>,
) -> Answer {
    let mut error = json!({ "code": code, "message": message });
    if let Some(data) = data {
        error["data"] = data;
    }
    let mut body = Map::from_iter([("jsonrpc".to_owned(), json!("2.0"))]);
    if let Some(id) = id {
        body.insert("id".to_owned(), id.clone());
    }
    body.insert("error".to_owned(), error);
    Answer::json(status, &Value::Object(body))
}

/// 202 without a body.
pub(crate) fn accepted() -> Answer {
    Answer::text(202, "application/json", String::new())
}
