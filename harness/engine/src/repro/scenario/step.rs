//! What an entry sends, as a step.

use serde_json::{Map, Value, json};
use std::time::Duration;

use gauntlet_format::scenario::Lifecycle;

use super::headers::{Headers, OF_MESSAGE};
use super::plan::Plan;
use super::said::{Said, What, parameters};
use super::text::literal;
use super::together::waited;
use crate::conformance::{Dialect, Direction, Validator};
use crate::lifecycle::ACCEPT;

/// The longest that is waited for a stream, however long it was open.
const LONGEST_LISTEN: Duration = Duration::from_secs(10);

/// How long a process may take at least to answer a line that has no id.
const LEAST_LINGER: Duration = Duration::from_millis(500);

/// The longest that is waited for an answer that did not come: what a step waits by default.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// A step that is being written.
pub(super) struct Drafted {
    /// In the order in which they are written; their texts are as they were recorded.
    pub(super) members: Map<String, Value>,
    pub(super) verb: &'static str,
}

/// Writes steps.
pub(super) struct Steps<'p, 's, 'e> {
    pub(super) plan: &'p Plan<'s, 'e>,
    pub(super) headers: Headers,
    /// Targets for this role put members of their own beside those of JSON-RPC.
    pub(super) is_kiro: bool,
}

impl Steps<'_, '_, '_> {
    pub(super) fn step(&mut self, said: &Said<'_>, client: usize) -> Drafted {
        let mut members = Map::new();
        let at_endpoint = said.is_stdio() || Some(&said.path) == self.plan.endpoint.as_ref();
        let is_post = said.is_stdio() || said.entry.request.method == "POST" && said.query.is_none();
        let verb = match &said.what {
            What::Call(method) if at_endpoint && is_post => {
                members.insert("call".to_owned(), method.as_str().into());
                self.message(said, &mut members);
                "call"
            }
            What::Notify(method) if at_endpoint && is_post => {
                members.insert("notify".to_owned(), method.as_str().into());
                self.message(said, &mut members);
                "notify"
            }
            What::Odd | What::Answer if at_endpoint && is_post => {
                members.insert("send".to_owned(), said.message.clone().unwrap_or_default());
                "send"
            }
            // What is no message at all is sent in the session, too.
            What::Plain if at_endpoint && is_post && !said.is_stdio() && self.is_of_session(said) => {
                members.insert("send".to_owned(), String::from_utf8_lossy(&said.entry.request.body.bytes).into());
                "send"
            }
            _ if said.is_stdio() => {
                members.insert("send".to_owned(), String::from_utf8_lossy(&said.entry.request.body.bytes).into());
                "send"
            }
            _ if at_endpoint && self.is_stream(said) => {
                let limit = (waited(said) + Duration::from_secs(1)).min(LONGEST_LISTEN);
                members.insert("listen".to_owned(), format!("{}ms", limit.as_millis()).into());
                members.insert("count".to_owned(), said.messages.len().into());
                "listen"
            }
            _ => {
                self.http(said, at_endpoint, &mut members);
                "http"
            }
        };
        let sends = sends(verb, &members);
        let (headers, auth) = self.headers.step(said, &sends, verb == "http");
        let mut out = Map::new();
        if client > 0 {
            out.insert("as".to_owned(), format!("client_{}", client + 1).into());
        }
        out.extend(members);
        out.extend(headers.map(|headers| ("headers".to_owned(), headers)));
        out.extend(auth.map(|auth| ("auth".to_owned(), auth)));
        if said.is_stdio() && verb == "send" && !said.messages.is_empty() {
            // Nothing tells which line answers it, so that it takes time to see one.
            let linger = said.entry.elapsed.clamp(LEAST_LINGER, LONGEST_LISTEN);
            out.insert("linger".to_owned(), format!("{}ms", linger.as_millis()).into());
        }
        if matches!(verb, "call" | "notify") && self.is_invalid(said) {
            out.insert("on_purpose".to_owned(), true.into());
        }
        Drafted { members: out, verb }
    }

    fn is_of_session(&self, said: &Said<'_>) -> bool {
        self.plan.lifecycle == Lifecycle::Auto && !said.entry.request.body.bytes.is_empty()
    }

    fn is_stream(&self, said: &Said<'_>) -> bool {
        said.entry.request.method == "GET" && said.query.is_none() && !said.messages.is_empty() && said.is_stream()
    }

    /// Parameters, an id that is not like any other, and what stands beside.
    fn message(&self, said: &Said<'_>, members: &mut Map<String, Value>) {
        let Some(Value::Object(message)) = &said.message else { return };
        if let Some(params) = message.get("params") {
            let mut params = params.clone();
            if self.plan.lifecycle == Lifecycle::Auto {
                without_own_meta(&mut params);
            }
            let is_empty = params.as_object().is_some_and(Map::is_empty);
            // From 2026-07-28 the harness adds parameters by itself; before, none and empty ones are not the same.
            let is_stateless = self.plan.version.is_some_and(|version| !version.is_stateful());
            if !(is_empty && is_stateless && self.plan.lifecycle == Lifecycle::Auto) {
                members.insert("params".to_owned(), params);
            }
        }
        if let Some(id) = message.get("id") {
            if is_unusual(id) {
                members.insert("id".to_owned(), id.clone());
            } else if self.plan.steps.iter().any(|(other, _)| other.cancels() == Some(id)) {
                members.insert("id".to_owned(), own_id(id));
            }
        } else if let Some(id) = said.cancels()
            && !is_unusual(id)
            && self.plan.steps.iter().any(|(other, _)| other.is_request(id))
            && let Some(named) = members.get_mut("params").and_then(|params| params.get_mut("requestId"))
        {
            *named = own_id(id);
        }
        let mut beside: Map<String, Value> = message
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "jsonrpc" | "id" | "method" | "params"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if self.is_kiro && !beside.contains_key(PROFILE) {
            beside.insert(PROFILE.to_owned(), Value::Null);
        }
        if !beside.is_empty() {
            members.insert("envelope".to_owned(), Value::Object(beside));
        }
    }

    /// Whether the message is not as the version wants it, so that the harness would take it for its own mistake.
    fn is_invalid(&self, said: &Said<'_>) -> bool {
        let Some(message) = &said.message else { return false };
        let version = (self.plan.lifecycle != Lifecycle::Bare).then_some(self.plan.version).flatten();
        let mut message = message.clone();
        if self.plan.lifecycle == Lifecycle::Bare
            && let Some(members) = message.as_object_mut()
        {
            members.retain(|name, _| matches!(name.as_str(), "jsonrpc" | "id" | "method" | "params"));
        }
        !Validator::for_version(version).check(&message, Dialect::default(), Direction::ClientToServer, None).is_empty()
    }

    fn http(&self, said: &Said<'_>, at_endpoint: bool, members: &mut Map<String, Value>) {
        let request = &said.entry.request;
        let mut line = request.method.clone();
        let query = said.query.as_deref().map(|query| (query, parameters(query)));
        let is_listed = !matches!(query, Some((_, None)));
        if !at_endpoint || !is_listed {
            line.push(' ');
            line.push_str(&said.path);
        }
        if let Some((raw, None)) = &query {
            line.push('?');
            line.push_str(raw);
        }
        members.insert("http".to_owned(), line.into());
        if let Some((_, Some(pairs))) = query {
            let pairs = pairs.into_iter().map(|(name, value)| (name, Value::from(value)));
            members.insert("query".to_owned(), pairs.collect());
        }
        let bytes = &request.body.bytes;
        if bytes.is_empty() {
            return;
        }
        let media = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
        let text = String::from_utf8_lossy(bytes).into_owned();
        if let Some(message) = &said.message
            && (message.is_object() || message.is_array())
        {
            members.insert("json".to_owned(), message.clone());
        } else if let Some(pairs) =
            media.starts_with("application/x-www-form-urlencoded").then(|| parameters(&text)).flatten()
        {
            members
                .insert("form".to_owned(), pairs.into_iter().map(|(name, value)| (name, Value::from(value))).collect());
        } else {
            members.insert("body".to_owned(), text.into());
        }
    }
}

/// The member that the Kiro runtime wants beside those of JSON-RPC.
const PROFILE: &str = "profileArn";

/// How long an answer is waited for that did not come: as long as it was, within bounds.
pub(super) fn patience(said: &Said<'_>) -> String {
    let waited = said.entry.elapsed.clamp(Duration::from_millis(500), LONGEST_WAIT);
    format!("{}ms", waited.as_millis().div_ceil(100) * 100)
}

/// Whether the harness would not choose such an id for a request.
fn is_unusual(id: &Value) -> bool {
    id.as_u64().is_none_or(|id| id >= 1 << 31)
}

/// The id of a request that another message names: one that the harness does not choose for any other.
fn own_id(id: &Value) -> Value {
    format!("request-{id}").into()
}

/// The headers that a step sends unless it says otherwise.
fn sends(verb: &str, members: &Map<String, Value>) -> Vec<(&'static str, &'static str)> {
    match verb {
        "call" | "notify" | "send" => OF_MESSAGE.to_vec(),
        "listen" => vec![("accept", "text/event-stream")],
        _ if members.contains_key("json") => vec![("accept", ACCEPT), ("content-type", "application/json")],
        _ if members.contains_key("form") => {
            vec![("accept", "*/*"), ("content-type", "application/x-www-form-urlencoded")]
        }
        _ => vec![("accept", "*/*")],
    }
}

/// Takes away what the harness adds to `_meta` itself.
fn without_own_meta(params: &mut Value) {
    let Some(params) = params.as_object_mut() else { return };
    if let Some(Value::Object(meta)) = params.get_mut("_meta") {
        meta.retain(|name, value| match name.strip_prefix("io.modelcontextprotocol/") {
            Some("protocolVersion" | "clientInfo") => false,
            // The harness declares none but those that the scenario answers.
            Some("clientCapabilities") => value.as_object().is_some_and(|capabilities| !capabilities.is_empty()),
            _ => true,
        });
        if meta.is_empty() {
            params.shift_remove("_meta");
        }
    }
}

/// How the client answered the server's own requests while a call was open, as `replies` of that call.
pub(super) fn replies(call: &Said<'_>, answers: &[&Said<'_>]) -> Option<Value> {
    let mut replies = Map::new();
    for request in call.messages.iter().filter(|message| message.get("method").is_some()) {
        let (Some(method), Some(id)) = (request.get("method").and_then(Value::as_str), request.get("id")) else {
            continue;
        };
        let given = answers.iter().filter_map(|said| said.message.as_ref()).find(|answer| answer.get("id") == Some(id));
        let reply = given.and_then(|answer| {
            let (name, value) = ["result", "error"].iter().find_map(|name| Some((*name, answer.get(*name)?)))?;
            Some(json!({ name: value }))
        });
        replies.extend(reply.map(|reply| (method.to_owned(), reply)));
    }
    (!replies.is_empty()).then_some(Value::Object(replies))
}

/// Whether the answer of a client is one to a request of the server that came while the call was open.
pub(super) fn is_answered_by(call: &Said<'_>, answer: &Said<'_>) -> bool {
    let id = answer.message.as_ref().and_then(|message| message.get("id"));
    matches!(call.what, What::Call(_))
        && call
            .messages
            .iter()
            .any(|message| message.get("method").is_some() && message.get("id") == id && id.is_some())
}

/// Makes every text of a value stand for itself.
pub(super) fn literally(value: &mut Value) {
    match value {
        Value::String(text) => *text = literal(text),
        Value::Array(items) => items.iter_mut().for_each(literally),
        Value::Object(members) => members.values_mut().for_each(literally),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
