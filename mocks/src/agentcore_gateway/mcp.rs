//! The MCP endpoint: which message is it, and under which version is it served.

use std::time::Duration;

use serde_json::{Value, json};
use wiremock::Request;

use super::auth::Identity;
use super::defects::GatewayDefect;
use super::state::State;
use crate::answer::{Answer, header};
use crate::mcp::{self, MODERN, Message, PARSE_ERROR, SESSION_HEADER, VERSION_HEADER, error_answer};

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
        match self.is_modern(version, &body) {
            true => self.modern(message, request, caller),
            false => self.legacy(message, request, caller, now),
        }
    }

    fn is_modern(&self, header: Option<&str>, body: &Value) -> bool {
        let legacy = self.settled.config.supported_versions.with_handshake();
        if !self.settled.config.supported_versions.speaks(MODERN) || legacy.is_empty() {
            return legacy.is_empty();
        }
        mcp::is_modern(header, body, &legacy)
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
