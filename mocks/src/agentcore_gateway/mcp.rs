//! The MCP endpoint: which message is it, and under which version is it served.

use std::time::Duration;

use serde_json::{Map, Value, json};
use wiremock::Request;

use super::auth::Identity;
use super::config::MODERN;
use super::defects::GatewayDefect;
use super::legacy::SESSION_HEADER;
use super::state::State;
use crate::answer::{Answer, header};

pub(super) const PARSE_ERROR: i64 = -32700;
pub(super) const INVALID_REQUEST: i64 = -32600;
pub(super) const METHOD_NOT_FOUND: i64 = -32601;
pub(super) const INVALID_PARAMS: i64 = -32602;

pub(super) const VERSION_HEADER: &str = "mcp-protocol-version";
pub(super) const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";

/// A JSON-RPC message from a client, classified.
pub(super) enum Message {
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
    pub(super) fn classify(value: &Value) -> Self {
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

impl State {
    /// Answers a POST to the endpoint from a caller who was let in.
    pub(super) fn post(&mut self, request: &Request, caller: &Identity, now: Duration) -> Answer {
        let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
            return error_answer(400, None, PARSE_ERROR, "Parse error");
        };
        let version = header(request, VERSION_HEADER).map(str::trim);
        if let Value::Array(batch) = &body {
            return self.batch(batch, request, caller, now);
        }
        let message = Message::classify(&body);
        match self.is_modern(version, meta_version(&body)) {
            true => self.modern(message, request, caller),
            false => self.legacy(message, request, caller, now),
        }
    }

    /// A client opens as its version asks: the new one by a header or metadata that names it, the old ones by a handshake.
    fn is_modern(&self, header: Option<&str>, meta: Option<&str>) -> bool {
        let legacy = self.settled.legacy_versions();
        if !self.settled.speaks_modern() || legacy.is_empty() {
            return legacy.is_empty();
        }
        match meta {
            Some(version) => header != Some(version) || !legacy.contains(&version),
            None => header == Some(MODERN),
        }
    }

    /// An answer with a result.
    pub(super) fn result_answer(&self, id: &Value, result: Value) -> Answer {
        let body = json!({ "jsonrpc": "2.0", "id": self.answer_id(id), "result": result });
        let answer = Answer::json(200, &body);
        match self.shows(GatewayDefect::SessionUninvited) {
            true => answer.with_header(SESSION_HEADER, uuid::Uuid::new_v4().to_string()),
            false => answer,
        }
    }

    fn answer_id(&self, id: &Value) -> Value {
        match self.shows(GatewayDefect::IdNotEchoed) {
            true => Value::from("gateway-generated-id"),
            false => id.clone(),
        }
    }
}

/// The version in `params._meta`.
fn meta_version(body: &Value) -> Option<&str> {
    body.get("params")?.get("_meta")?.get(META_VERSION)?.as_str()
}

/// A JSON-RPC error; without an id if there is none.
pub(super) fn error_answer(status: u16, id: Option<&Value>, code: i64, message: &str) -> Answer {
    error_with_data(status, id, code, message, None)
}

/// A JSON-RPC error with `data`.
pub(super) fn error_with_data(
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
pub(super) fn accepted() -> Answer {
    Answer::text(202, "application/json", String::new())
}
