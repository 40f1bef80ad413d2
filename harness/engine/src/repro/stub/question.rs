//! What a request asks for, without what each client says in its own way.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use url::{Url, form_urlencoded};

use super::super::messages::messages;
use super::super::recording::{Entry, Transport};
use crate::transport::{Content, content_of, media_type};

/// A request, as far as it decides the answer.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// HTTP method and path; none where only messages count.
    pub(super) line: Option<String>,
    /// Parameters of the URL.
    pub(super) query: Value,
    /// In lower case, in order.
    pub(super) headers: Vec<(String, String)>,
    /// The body without what is the client's own business.
    pub(super) body: Value,
    /// The JSON-RPC messages in the body, whole.
    pub(super) messages: Vec<Value>,
}

impl Question {
    /// Of a request over HTTP.
    pub(super) fn http(
        method: &str,
        path: &str,
        query: Option<&str>,
        headers: &[(String, String)],
        body: &Bytes,
    ) -> Self {
        let messages = messages(body);
        Self {
            line: Some(format!("{method} {path}")),
            query: parameters(query.unwrap_or_default().as_bytes()),
            headers: headers.to_vec(),
            body: if messages.is_empty() { document(body, headers) } else { views(body, &messages) },
            messages,
        }
    }

    /// Of a line over stdio.
    pub(super) fn line(line: &[u8]) -> Self {
        let messages = messages(line);
        let text = || json!({ "text": String::from_utf8_lossy(line) });
        Self {
            line: None,
            query: Value::Null,
            headers: Vec::new(),
            body: if messages.is_empty() { text() } else { views(line, &messages) },
            messages,
        }
    }

    /// Of what was recorded; none of what the server said unasked.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let sent = &entry.request;
        if entry.transport == Transport::Stdio {
            return (!sent.body.bytes.is_empty()).then(|| Self::line(&sent.body.bytes));
        }
        let url = Url::parse(&sent.url).ok()?;
        Some(Self::http(&sent.method, url.path(), url.query(), &sent.headers, &sent.body.bytes))
    }

    /// The first value of a header (name in lower case).
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The id that an error is to bear: of the only request in it.
    pub(super) fn id(&self) -> Option<&Value> {
        match self.messages.as_slice() {
            [message] if message.get("method").is_some() => message.get("id"),
            _ => None,
        }
    }

    /// Whether nobody waits for an answer: it holds notifications and answers only.
    pub(super) fn wants_no_answer(&self) -> bool {
        let wants = |message: &Value| message.get("method").is_some() && message.get("id").is_some();
        !self.messages.is_empty() && !self.messages.iter().any(wants)
    }

    /// The JSON-RPC method with what it is about, or the request line.
    pub(super) fn label(&self) -> String {
        let [message] = self.messages.as_slice() else { return self.line.clone().unwrap_or_default() };
        let Some(method) = message.get("method").and_then(Value::as_str) else {
            return "the client's answer".to_owned();
        };
        let params = message.get("params");
        match ["name", "uri"].iter().find_map(|name| params?.get(name)?.as_str()) {
            Some(subject) => format!("{method} {subject}"),
            None => method.to_owned(),
        }
    }
}

fn views(body: &[u8], messages: &[Value]) -> Value {
    let is_batch = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    match messages {
        [message] if !is_batch => view(message),
        several => several.iter().map(view).collect(),
    }
}

/// Where a request says which version it speaks (2026-07-28, stateless.meta.client-required-fields).
const VERSION: &str = "/_meta/io.modelcontextprotocol~1protocolVersion";

/// A message without its id, what `_meta` has beside the version, and what a client tells of itself when it opens.
fn view(message: &Value) -> Value {
    let Some(members) = message.as_object() else { return message.clone() };
    if !members.contains_key("method") {
        let kind = if members.contains_key("error") { "error" } else { "result" };
        return json!({ "answer": kind, "to": members.get("id") });
    }
    let mut view = members.clone();
    view.shift_remove("jsonrpc");
    view.shift_remove("id");
    let opens = view.get("method").and_then(Value::as_str) == Some("initialize");
    let version = view.get("params").and_then(|params| params.pointer(VERSION)).cloned();
    if let Some(params) = view.get_mut("params").and_then(Value::as_object_mut) {
        params.shift_remove("_meta");
        if opens {
            params.retain(|name, _| name == "protocolVersion");
        }
    }
    if view.get("params").and_then(Value::as_object).is_some_and(Map::is_empty) {
        view.shift_remove("params");
    }
    view.extend(version.map(|version| ("protocolVersion".to_owned(), version)));
    Value::Object(view)
}

fn document(body: &Bytes, headers: &[(String, String)]) -> Value {
    let media_type = media_type(headers);
    let is_form = media_type.is_some_and(|media| media.trim_start().starts_with("application/x-www-form-urlencoded"));
    if is_form {
        return parameters(body);
    }
    match content_of(body, media_type).0 {
        Content::Empty => Value::Null,
        Content::Json(value) => value,
        Content::Text(text) => json!({ "text": text }),
        _ => json!({ "bytes": body.iter().map(|byte| format!("{byte:02x}")).collect::<String>() }),
    }
}

/// Parameters by name; one that comes several times as a list.
fn parameters(encoded: &[u8]) -> Value {
    let mut all = Map::new();
    for (name, value) in form_urlencoded::parse(encoded) {
        let value = Value::from(value.into_owned());
        match all.get_mut(name.as_ref()) {
            None => {
                all.insert(name.into_owned(), value);
            }
            Some(Value::Array(several)) => several.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
    }
    if all.is_empty() { Value::Null } else { Value::Object(all) }
}
