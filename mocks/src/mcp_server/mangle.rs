//! Defects that show in the messages themselves, whatever carries them.

use serde_json::{Value, json};

use super::defects::Defect;
use super::live::Live;
use super::rpc::{
    HEADER_MISMATCH, INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, UNSUPPORTED_VERSION,
};

/// A request that is being answered.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) method: String,
    pub(super) params: Value,
    /// The version in force.
    pub(super) version: String,
}

impl Exchange {
    /// Of a message that is known to be a request.
    pub(super) fn new(method: String, message: &Value, version: String) -> Self {
        let params = message.get("params").cloned().unwrap_or_default();
        Self { method, params, version }
    }

    /// The progress token that the request gave.
    pub(super) fn progress_token(&self) -> Option<&Value> {
        self.params.get("_meta")?.get("progressToken")
    }

    fn tool(&self) -> &str {
        if self.method != "tools/call" {
            return "";
        }
        self.params.get("name").and_then(Value::as_str).unwrap_or_default()
    }
}

/// Turns the messages of one exchange into what is sent instead.
#[derive(Debug)]
pub(super) struct Mangler {
    live: Live,
    exchange: Exchange,
    last_progress: Option<Value>,
}

/// Whether the message answers a request.
pub(super) fn is_answer(message: &Value) -> bool {
    message.get("method").is_none()
}

impl Mangler {
    pub(super) fn new(live: Live, exchange: Exchange) -> Self {
        Self { live, exchange, last_progress: None }
    }

    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    fn shows(&self, defect: Defect) -> bool {
        self.live.shows(defect)
    }

    /// What is sent instead of the message: any number of messages, as bytes.
    pub(super) fn outgoing(&mut self, mut message: Value) -> Vec<Vec<u8>> {
        if !self.live.any_defect() {
            return vec![bytes(&message)];
        }
        if !is_answer(&message) {
            self.notification(&mut message);
            return vec![bytes(&message)];
        }
        if self.exchange.method == "ping" && self.shows(Defect::PingUnanswered) {
            return Vec::new();
        }
        self.method(&mut message);
        self.error(&mut message);
        self.modern(&mut message);
        self.envelope(&mut message);
        let mut sent = vec![self.altered_text(&message)];
        if self.shows(Defect::ProgressAfterResponse)
            && let Some(mut progress) = self.last_progress.take()
        {
            if let Some(value) = progress.pointer("/params/progress").and_then(Value::as_f64) {
                progress["params"]["progress"] = json!(value + 1.0);
            }
            sent.push(bytes(&progress));
        }
        sent
    }

    fn notification(&mut self, message: &mut Value) {
        let method = message.get("method").and_then(Value::as_str).unwrap_or_default();
        let is_progress = method == "notifications/progress";
        if is_progress && self.shows(Defect::ProgressDecreasing) {
            let step = message.pointer("/params/progress").and_then(Value::as_f64).unwrap_or_default();
            let total = message.pointer("/params/total").and_then(Value::as_f64).unwrap_or_default();
            message["params"]["progress"] = json!(total - step);
        }
        if is_progress && self.shows(Defect::ProgressWrongToken) {
            message["params"]["progressToken"] = json!("a-token-nobody-gave");
        }
        if message.get("id").is_none() && self.shows(Defect::NotificationWithId) {
            message["id"] = json!(4711);
        }
        if is_progress {
            self.last_progress = Some(message.clone());
        }
    }

    fn method(&self, message: &mut Value) {
        match self.exchange.method.as_str() {
            "initialize" => self.initialize(message),
            "ping" if self.shows(Defect::PingWithContent) => {
                replace(message, "error", json!({ "code": INTERNAL_ERROR, "message": "no pong" }));
            }
            "server/discover" => {
                if self.shows(Defect::DiscoverMissing) {
                    let error = json!({ "code": METHOD_NOT_FOUND, "message": "Method not found: server/discover" });
                    replace(message, "error", error);
                }
                if self.shows(Defect::DiscoverWithoutVersions) {
                    drop_member(message, "/result", "supportedVersions");
                }
                if self.shows(Defect::ToolsCapabilityMissing) {
                    drop_member(message, "/result/capabilities", "tools");
                }
            }
            "tools/list" if self.shows(Defect::ToolsListWithoutInputSchema) => {
                for tool in message.pointer_mut("/result/tools").and_then(Value::as_array_mut).into_iter().flatten() {
                    tool.as_object_mut().map(|tool| tool.remove("inputSchema"));
                }
            }
            "tools/list" if self.shows(Defect::ToolsListInvalidSchema) => {
                for tool in message.pointer_mut("/result/tools").and_then(Value::as_array_mut).into_iter().flatten() {
                    tool["inputSchema"]["required"] = json!("everything");
                }
            }
            "tools/list" if self.shows(Defect::CacheScopeVaries) && self.exchange.params.get("cursor").is_some() => {
                if let Some(scope) = message.pointer_mut("/result/cacheScope") {
                    *scope = json!("private");
                }
            }
            "tools/call" => self.call(message),
            "resources/read" if message.get("error").is_some() => {
                if self.shows(Defect::ResourceNotFoundEmpty) {
                    let mut result = json!({ "contents": [] });
                    if self.exchange.version.as_str() >= "2026-07-28" {
                        result["resultType"] = json!("complete");
                        result["ttlMs"] = json!(0);
                        result["cacheScope"] = json!("private");
                    }
                    replace(message, "result", result);
                } else if self.shows(Defect::ResourceNotFoundWrongCode) {
                    message["error"]["code"] = json!(INTERNAL_ERROR);
                }
            }
            "prompts/get" if self.shows(Defect::PromptArgumentNotRequired) && message.get("error").is_some() => {
                let mut result =
                    json!({ "messages": [{ "role": "user", "content": { "type": "text", "text": "Greet  ." } }] });
                if self.exchange.version.as_str() >= "2026-07-28" {
                    result["resultType"] = json!("complete");
                }
                replace(message, "result", result);
            }
            _ => {}
        }
    }

    fn initialize(&self, message: &mut Value) {
        let asked = self.exchange.params.get("protocolVersion").cloned().unwrap_or_default();
        let given = message.pointer("/result/protocolVersion").cloned().unwrap_or_default();
        if self.shows(Defect::VersionNotEchoed) && asked == given {
            let other = if given == "2025-06-18" { "2025-03-26" } else { "2025-06-18" };
            message["result"]["protocolVersion"] = json!(other);
        }
        if self.shows(Defect::VersionAlternativeAsError) && asked != given {
            let error = json!({ "code": INVALID_PARAMS, "message": "Unsupported protocol version" });
            replace(message, "error", error);
        }
        if self.shows(Defect::VersionAlternativeOldest) && asked != given && message.get("result").is_some() {
            message["result"]["protocolVersion"] = json!("2025-03-26");
        }
        if self.shows(Defect::VersionEchoedBlindly) && message.get("result").is_some() {
            message["result"]["protocolVersion"] = asked;
        }
        if self.shows(Defect::InitializeWithoutServerInfo) {
            drop_member(message, "/result", "serverInfo");
        }
        if self.shows(Defect::InitializeWithoutCapabilities) {
            drop_member(message, "/result", "capabilities");
        }
        if self.shows(Defect::ToolsCapabilityMissing) {
            drop_member(message, "/result/capabilities", "tools");
        }
    }

    fn call(&self, message: &mut Value) {
        let failed = message.pointer("/result/isError") == Some(&Value::Bool(true));
        if failed && self.shows(Defect::ToolErrorAsProtocolError) {
            let text = message.pointer("/result/content/0/text").cloned().unwrap_or_default();
            replace(message, "error", json!({ "code": INTERNAL_ERROR, "message": text }));
        }
        if failed && self.shows(Defect::ToolErrorAsSuccess) {
            drop_member(message, "/result", "isError");
        }
        if self.shows(Defect::StructuredContentMissing) {
            drop_member(message, "/result", "structuredContent");
        }
        if self.shows(Defect::StructuredContentWrong) && message.pointer("/result/structuredContent").is_some() {
            message["result"]["structuredContent"] = json!({ "unexpected": true });
        }
        if self.shows(Defect::ContentMissing) {
            drop_member(message, "/result", "content");
        }
        let input_required = message.pointer("/result/resultType").is_some_and(|t| t == "input_required");
        if self.shows(Defect::StatelessServerRequest) && input_required {
            let mut request = message.pointer("/result/inputRequests/answer").cloned().unwrap_or_default();
            request["jsonrpc"] = json!("2.0");
            request["id"] = json!("server-1");
            *message = request;
        }
    }

    fn error(&self, message: &mut Value) {
        let Some(code) = message.pointer("/error/code").and_then(Value::as_i64) else {
            return;
        };
        let wrong = match code {
            METHOD_NOT_FOUND => {
                if self.shows(Defect::UnknownMethodAsResult) {
                    let modern = self.exchange.version.as_str() >= "2026-07-28";
                    replace(message, "result", if modern { json!({ "resultType": "complete" }) } else { json!({}) });
                    return;
                }
                self.shows(Defect::UnknownMethodWrongCode).then_some(INTERNAL_ERROR)
            }
            INVALID_PARAMS => self.shows(Defect::InvalidParamsWrongCode).then_some(INTERNAL_ERROR),
            HEADER_MISMATCH => self.shows(Defect::HeaderErrorWrongCode).then_some(INVALID_REQUEST),
            UNSUPPORTED_VERSION => {
                if self.shows(Defect::UnsupportedVersionWithoutData) {
                    drop_member(message, "/error", "data");
                }
                None
            }
            _ => None,
        };
        if let Some(code) = wrong {
            message["error"]["code"] = json!(code);
        }
        if self.shows(Defect::ErrorCodeAsString) {
            message["error"]["code"] = json!(message["error"]["code"].to_string());
        }
    }

    fn modern(&self, message: &mut Value) {
        let unnamed = self.exchange.params.pointer("/_meta/io.modelcontextprotocol~1clientInfo").is_none();
        if self.shows(Defect::ClientInfoDemanded) && unnamed && self.exchange.version.as_str() >= "2026-07-28" {
            replace(message, "error", json!({ "code": INVALID_PARAMS, "message": "clientInfo is missing" }));
        }
        if self.shows(Defect::ResultTypeMissing) {
            drop_member(message, "/result", "resultType");
        }
        if self.shows(Defect::CacheHintsMissing) {
            drop_member(message, "/result", "ttlMs");
            drop_member(message, "/result", "cacheScope");
        }
        if self.shows(Defect::ServerInfoMissing) {
            drop_member(message, "/result/_meta", "io.modelcontextprotocol/serverInfo");
        }
    }

    fn envelope(&self, message: &mut Value) {
        if self.shows(Defect::IdNotEchoed) && message.get("id").is_some() {
            message["id"] = match &message["id"] {
                Value::Number(n) => json!(n.as_i64().unwrap_or_default().saturating_add(1000)),
                id => json!(format!("not-{}", id.as_str().unwrap_or_default())),
            };
        }
        if self.shows(Defect::IdAsString) && message.get("id").is_some_and(Value::is_number) {
            message["id"] = json!(message["id"].to_string());
        }
        if self.shows(Defect::ResultAndError) {
            if message.get("result").is_some() {
                message["error"] = json!({ "code": INTERNAL_ERROR, "message": "and an error" });
            } else if message.get("error").is_some() {
                message["result"] = json!({});
            }
        }
        if self.shows(Defect::JsonrpcMissing) {
            drop_member(message, "", "jsonrpc");
        }
    }

    /// The bytes of an answer, after what happens to its text.
    fn altered_text(&self, message: &Value) -> Vec<u8> {
        if self.exchange.tool().is_empty() || message.get("result").is_none() {
            return bytes(message);
        }
        if self.shows(Defect::TextAltered) {
            return message.to_string().chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' }).collect();
        }
        if self.shows(Defect::MessageInvalidUtf8) {
            let mut text = bytes(message);
            let place = text.windows(8).position(|w| w == b"\"text\":\"").map_or(text.len(), |at| at + 8);
            text.insert(place, 0xFF);
            return text;
        }
        if self.shows(Defect::StdioEmbeddedNewline) {
            return serde_json::to_vec_pretty(message).unwrap_or_default();
        }
        bytes(message)
    }
}

fn bytes(message: &Value) -> Vec<u8> {
    message.to_string().into_bytes()
}

/// Puts a result in place of an error, or the other way round.
fn replace(message: &mut Value, member: &str, value: Value) {
    if let Some(object) = message.as_object_mut() {
        object.shift_remove("result");
        object.shift_remove("error");
        object.insert(member.to_owned(), value);
    }
}

fn drop_member(message: &mut Value, pointer: &str, member: &str) {
    if let Some(object) = message.pointer_mut(pointer).and_then(Value::as_object_mut) {
        object.shift_remove(member);
    }
}
