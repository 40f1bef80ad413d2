//! Entries of a recording, read as what they mean.

use serde_json::Value;
use url::{Position, Url, form_urlencoded};

use crate::repro::record::{CLIENT_ENDED, RECORDING_ENDED};
use crate::repro::recording::{Entry, Transport};
use crate::transport::media_type;

/// What a request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// A JSON-RPC request.
    Call(String),
    /// A JSON-RPC notification.
    Notify(String),
    /// The client's answer to a request of the server.
    Answer,
    /// JSON that is a message only nearly, or several.
    Odd,
    /// Anything else.
    Plain,
}

/// An entry, read.
#[derive(Debug)]
pub(super) struct Said<'e> {
    pub(super) entry: &'e Entry,
    /// Its place in the recording, from 1.
    pub(super) number: usize,
    /// Scheme, host and port; over stdio the program.
    pub(super) origin: String,
    /// Path without the query.
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) what: What,
    /// The JSON in the request.
    pub(super) message: Option<Value>,
    /// Every JSON-RPC message that came back.
    pub(super) messages: Vec<Value>,
    /// The answer among them.
    pub(super) answer: Option<Value>,
    /// The body that came back, if it is JSON and no stream.
    pub(super) json: Option<Value>,
}

impl<'e> Said<'e> {
    pub(super) fn of(entry: &'e Entry, number: usize) -> Self {
        let sent = &entry.request;
        let message = if sent.body.bytes.is_empty() { None } else { sent.body.json() };
        let what = message.as_ref().map_or(What::Plain, what);
        let (origin, path, query) = match entry.transport {
            Transport::Stdio => (sent.url.clone(), String::new(), None),
            Transport::Http => place(&sent.url),
        };
        let mut json = None;
        let mut messages = Vec::new();
        if let Some(response) = &entry.response {
            let mut add = |value: Value| match value {
                Value::Array(items) => messages.extend(items.into_iter().filter(is_rpc)),
                one if is_rpc(&one) => messages.push(one),
                _ => {}
            };
            if entry.transport == Transport::Stdio {
                let lines = response.lines().into_iter().filter_map(|(_, line)| serde_json::from_slice(line).ok());
                lines.for_each(add);
            } else if response.is_event_stream() {
                let events = response.events().into_iter().filter_map(|e| serde_json::from_str(&e.event.data).ok());
                events.for_each(add);
            } else if let Some(value) = response.body.json() {
                add(value.clone());
                json = Some(value);
            }
        }
        let id = message.as_ref().filter(|_| matches!(what, What::Call(_))).and_then(|m| m.get("id"));
        let answer = id.and_then(|id| {
            let own = messages.iter().find(|m| m.get("method").is_none() && m.get("id") == Some(id));
            own.or_else(|| messages.iter().find(|m| m.get("error").is_some() && m.get("id").is_none_or(Value::is_null)))
        });
        let answer = answer.cloned();
        Self { entry, number, origin, path, query, what, message, messages, answer, json }
    }

    /// The method of a request or a notification.
    pub(super) fn method(&self) -> Option<&str> {
        match &self.what {
            What::Call(method) | What::Notify(method) => Some(method),
            _ => None,
        }
    }

    pub(super) fn is_call(&self, wanted: &str) -> bool {
        matches!(&self.what, What::Call(method) if method == wanted)
    }

    /// The id of the request that the message cancels.
    pub(super) fn cancels(&self) -> Option<&Value> {
        let is_it = matches!(&self.what, What::Notify(method) if method == "notifications/cancelled");
        self.message.as_ref().filter(|_| is_it)?.get("params")?.get("requestId")
    }

    /// Whether it is the request with the id.
    pub(super) fn is_request(&self, id: &Value) -> bool {
        matches!(self.what, What::Call(_)) && self.message.as_ref().and_then(|message| message.get("id")) == Some(id)
    }

    pub(super) fn is_stdio(&self) -> bool {
        self.entry.transport == Transport::Stdio
    }

    /// Whether it is a stream of what the server says unasked.
    pub(super) fn is_stream(&self) -> bool {
        (self.entry.request.method == "GET" || self.is_call(LISTEN))
            && self.entry.response.as_ref().is_some_and(crate::repro::recording::Received::is_event_stream)
    }

    /// Whether it is such a stream, and the server opened it.
    fn is_open_stream(&self) -> bool {
        self.is_stream() && self.status().is_some_and(|status| status < 300)
    }

    /// Whether it asks an OAuth server for a token.
    pub(super) fn asks_for_token(&self) -> bool {
        let body = self.entry.request.body.text().unwrap_or_default();
        self.entry.request.method == "POST"
            && parameters(body).is_some_and(|all| all.iter().any(|(n, _)| n == "grant_type"))
    }

    pub(super) fn status(&self) -> Option<u16> {
        self.entry.response.as_ref().and_then(|response| response.status)
    }

    pub(super) fn result(&self) -> Option<&Value> {
        self.answer.as_ref()?.get("result").filter(|result| !result.is_null())
    }

    pub(super) fn error(&self) -> Option<&Value> {
        // Some systems put a null beside the result.
        self.answer.as_ref()?.get("error").filter(|error| !error.is_null())
    }

    /// The first value of a header of the response.
    pub(super) fn answered_header(&self, name: &str) -> Option<&str> {
        self.entry.response.as_ref()?.header(name)
    }

    /// Media type of the answer without its parameters.
    pub(super) fn media(&self) -> Option<String> {
        let media = media_type(&self.entry.response.as_ref()?.headers)?;
        Some(media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// The name of the tool that is called, or of whatever else the request is about.
    pub(super) fn subject(&self) -> Option<&str> {
        let params = self.message.as_ref()?.get("params")?;
        params.get("name").or_else(|| params.get("uri"))?.as_str()
    }

    /// In a few words, for people: `tools/call echo`, `POST /token`.
    pub(super) fn told(&self) -> String {
        match (self.method(), self.subject()) {
            (Some(method), Some(subject)) => format!("{method} {subject}"),
            (Some(method), None) => method.to_owned(),
            (None, _) if self.is_stdio() => "a line".to_owned(),
            (None, _) => format!("{} {}", self.entry.request.method, self.path),
        }
    }

    /// Whether it is a message of a model in which a tool that the server runs failed: those come with status 200
    /// (<https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/web-search-tool>).
    pub(super) fn has_tool_error(&self) -> bool {
        let blocks = self.json.as_ref().and_then(|json| json.get("content")).and_then(Value::as_array);
        let kind = |block: &Value| block.get("content")?.get("type")?.as_str().map(|kind| kind.ends_with(TOOL_ERROR));
        blocks.is_some_and(|blocks| blocks.iter().any(|block| kind(block) == Some(true)))
    }

    /// Whether nothing is known of the answer: the request stands alone in what was pasted.
    pub(super) fn is_unknown(&self) -> bool {
        !self.is_stdio() && self.entry.response.is_none() && self.entry.failure.is_none()
    }

    /// What the answer was if it is a bad one, in a few words; nothing if it is good.
    pub(super) fn failure(&self) -> Option<String> {
        let entry = self.entry;
        // A client goes away when it has what it wants, and from a stream at any time.
        let is_over = match entry.failure.as_deref() {
            Some(CLIENT_ENDED | RECORDING_ENDED) => self.answer.is_some() || self.is_open_stream(),
            Some(failure) => is_late(failure) && self.is_open_stream(),
            None => false,
        };
        if let Some(failure) = entry.failure.as_ref().filter(|_| !is_over) {
            return Some(format!("no whole answer ({failure})"));
        }
        if let Some(error) = self.error() {
            let code = error.get("code").map(|code| format!(" {code}")).unwrap_or_default();
            return Some(with_reason(&format!("JSON-RPC error{code}"), reason(error)));
        }
        if let Some(status) = self.status().filter(|status| *status >= 400) {
            return Some(with_reason(&format!("HTTP {status}"), self.json.as_ref().and_then(reason)));
        }
        if let Some(result) = self.result().filter(|result| result.get("isError") == Some(&Value::Bool(true))) {
            let said = result.pointer("/content/0/text").and_then(Value::as_str);
            return Some(with_reason("`isError`", said));
        }
        if self.has_tool_error() {
            return Some("the error of a tool".to_owned());
        }
        let is_unanswered = matches!(self.what, What::Call(_)) && self.answer.is_none() && !self.is_stream();
        is_unanswered.then(|| "no answer".to_owned())
    }
}

/// Whether a failure says that there was no answer in time.
pub(super) fn is_late(failure: &str) -> bool {
    let failure = failure.to_ascii_lowercase();
    ["timeout", "timed out", "in time", "within", "deadline"].iter().any(|word| failure.contains(word))
}

/// What an error says of itself: its message, or the code of OAuth.
fn reason(error: &Value) -> Option<&str> {
    ["message", "error_description", "error", "detail", "title"].iter().find_map(|name| error.get(name)?.as_str())
}

/// Characters of a reason that are told.
const REASON: usize = 60;

fn with_reason(what: &str, reason: Option<&str>) -> String {
    let line = reason.and_then(|reason| reason.lines().next()).map(str::trim).filter(|line| !line.is_empty());
    match line {
        None => what.to_owned(),
        Some(line) if line.chars().count() > REASON => {
            format!("{what} ({} …)", line.chars().take(REASON).collect::<String>().trim_end())
        }
        Some(line) => format!("{what} ({})", line.trim_end_matches('.')),
    }
}

/// The call whose answer is a stream that stays open, from 2026-07-28.
const LISTEN: &str = "subscriptions/listen";

/// How the types of such errors end.
pub(super) const TOOL_ERROR: &str = "_tool_result_error";

fn what(message: &Value) -> What {
    let is_rpc = message.get("jsonrpc").and_then(Value::as_str) == Some("2.0");
    let method = message.get("method").and_then(Value::as_str);
    let has_good_id = message.get("id").is_some_and(|id| id.is_string() || id.is_number());
    let has_good_params = message.get("params").is_none_or(|params| params.is_object() || params.is_array());
    match (is_rpc, method, message.get("id")) {
        (true, Some(method), Some(_)) if has_good_params && has_good_id => What::Call(method.to_owned()),
        (true, Some(method), None) if has_good_params => What::Notify(method.to_owned()),
        (true, None, Some(_)) if message.get("result").is_some() || message.get("error").is_some() => What::Answer,
        (false, None, _) if !message.as_array().is_some_and(|items| items.iter().any(is_message)) => What::Plain,
        (false, Some(_), _) if message.get("params").is_none() && message.get("id").is_none() => What::Plain,
        _ => What::Odd,
    }
}

fn is_message(value: &Value) -> bool {
    value.get("jsonrpc").is_some()
}

fn is_rpc(value: &Value) -> bool {
    value.get("jsonrpc").is_some()
        || value.get("id").is_some() && (value.get("result").is_some() || value.get("error").is_some())
}

/// Origin, path and query of a URL, the latter two as they stand.
fn place(text: &str) -> (String, String, Option<String>) {
    let head = text.split('#').next().unwrap_or_default();
    let origin = Url::parse(head).map_or_else(
        |_| String::new(),
        |url| {
            let host = &url[Position::BeforeHost..Position::AfterPort];
            format!("{}://{host}", url.scheme())
        },
    );
    let rest = head.split_once("://").map_or(head, |(_, rest)| rest);
    let tail = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
    let (path, query) = tail.split_once('?').map_or((tail, None), |(path, query)| (path, Some(query.to_owned())));
    let path = if path.is_empty() { "/" } else { path };
    (origin, path.to_owned(), query.filter(|query| !query.is_empty()))
}

/// Parameters as a mapping, if none comes twice and each has a value.
pub(super) fn parameters(text: &str) -> Option<Vec<(String, String)>> {
    let mut out: Vec<(String, String)> = Vec::new();
    for part in text.split('&') {
        let (name, value) = form_urlencoded::parse(part.as_bytes()).next()?;
        if !part.contains('=') || out.iter().any(|(known, _)| *known == name) {
            return None;
        }
        out.push((name.into_owned(), value.into_owned()));
    }
    Some(out)
}
