//! What an exchange came to: its answer, what came beside it, how and when.

use serde_json::{Map, Value, json};

use super::change::{Form, Outcome};
use crate::model::{Body, Exchange, StreamEvent};

/// A request or a notification of the server.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) method: String,
    /// Without its id, which is the sender's own business.
    pub(super) value: Value,
}

/// An exchange, or the pages of one list as if they had come at once.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) outcome: Outcome,
    pub(super) status: Option<u16>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) form: Form,
    /// The JSON-RPC answer without its id.
    pub(super) answer: Option<Value>,
    /// The answer has the id of its request.
    pub(super) id_echoed: bool,
    /// What came beside the answer, in order.
    pub(super) messages: Vec<Message>,
    /// Methods of the messages, and `answer`, in order of arrival.
    pub(super) sequence: Vec<String>,
    /// What is no JSON-RPC message.
    pub(super) document: Option<Value>,
    /// `event` fields, and whether there is an `id`, of the events that have data.
    pub(super) fields: Vec<(String, bool)>,
    /// Milliseconds from the first message to the last, if there are several.
    pub(super) spread_ms: Option<f64>,
    /// Exchanges that it is made of.
    pub(super) pages: usize,
}

impl View {
    pub(super) fn of(exchange: &Exchange) -> Self {
        let own = Own::of(&exchange.request.url);
        let id = request_member(exchange, "id");
        let response = exchange.response.as_ref();
        let body = response.map_or(&Body::Empty, |response| &response.body);
        let mut view = Self {
            outcome: Outcome::Nothing,
            status: response.and_then(|r| r.status),
            headers: response.map(|r| own.headers(&r.headers)).unwrap_or_default(),
            form: form(body),
            answer: None,
            id_echoed: true,
            messages: Vec::new(),
            sequence: Vec::new(),
            document: None,
            fields: Vec::new(),
            spread_ms: None,
            pages: 1,
        };
        let mut times = Vec::new();
        let candidates = messages_of(body);
        let has_its_id = |message: &Value| id.is_some() && message.get("id") == id;
        let answer = candidates.iter().position(|(message, _)| is_answer(message) && has_its_id(message));
        let answer = answer.or_else(|| {
            view.id_echoed = false;
            candidates.iter().position(|(message, _)| id.is_some() && is_answer(message))
        });
        view.id_echoed |= answer.is_none();
        for (i, (message, at)) in candidates.iter().enumerate() {
            let mut value = own.value(message);
            if Some(i) != answer && message.get("method").is_none_or(|m| !m.is_string()) {
                continue;
            }
            if let Some(members) = value.as_object_mut() {
                members.shift_remove("id");
            }
            times.extend(*at);
            if Some(i) == answer {
                view.sequence.push("answer".to_owned());
                view.answer = Some(value);
            } else if let Some(method) = message.get("method").and_then(Value::as_str) {
                view.sequence.push(method.to_owned());
                view.messages.push(Message { method: method.to_owned(), value });
            }
        }
        if view.sequence.is_empty() {
            view.document = document(body).map(|document| own.value(&document));
        }
        if let Body::Events(events) = body {
            let told = || events.iter().filter(|event| !is_empty(event));
            view.fields = told()
                .map(|event| (event.event.clone().unwrap_or_else(|| "message".to_owned()), event.id.is_some()))
                .collect();
            if view.sequence.is_empty() {
                times = told().map(|event| event.at_ms).collect();
            }
        }
        if let ([first, _, ..], Some(last)) = (times.as_slice(), times.last()) {
            view.spread_ms = Some(last - first);
        }
        view.outcome = view.came_to(id.is_some(), exchange);
        view
    }

    fn came_to(&self, is_request: bool, exchange: &Exchange) -> Outcome {
        if let Some(answer) = &self.answer {
            let is_tool_error = answer.pointer("/result/isError") == Some(&Value::Bool(true));
            return match (answer.get("error"), is_tool_error) {
                (Some(_), _) => Outcome::Error,
                (None, true) => Outcome::ToolError,
                (None, false) => Outcome::Result,
            };
        }
        match self.status {
            Some(400..) => Outcome::Refusal,
            Some(300..400) => Outcome::Redirect,
            _ if exchange.failure.is_some() => Outcome::Nothing,
            Some(_) if is_request && self.document.is_none() => Outcome::Nothing,
            Some(_) => Outcome::Accepted,
            // A notification over stdio has no answer.
            None if !is_request => Outcome::Accepted,
            None => Outcome::Nothing,
        }
    }

    /// Where the list goes on.
    pub(super) fn next_cursor(&self) -> Option<&Value> {
        self.answer.as_ref()?.pointer("/result/nextCursor").filter(|cursor| !cursor.is_null())
    }

    /// Adds the next page of the same list: its items, as if they had come at once.
    pub(super) fn join(&mut self, next: Self) {
        self.pages += next.pages;
        self.id_echoed &= next.id_echoed;
        self.messages.extend(next.messages);
        let result = |answer: &mut Option<Value>| -> Map<String, Value> {
            answer.as_mut().and_then(|a| a.get_mut("result")?.as_object_mut().map(std::mem::take)).unwrap_or_default()
        };
        let mut next_answer = next.answer;
        let (mut joined, mut more) = (result(&mut self.answer), result(&mut next_answer));
        joined.shift_remove("nextCursor");
        let cursor = more.shift_remove("nextCursor");
        for (name, value) in more {
            match (joined.get_mut(&name), value) {
                (Some(Value::Array(items)), Value::Array(further)) => items.extend(further),
                (Some(_), _) => {}
                (None, value) => {
                    joined.insert(name, value);
                }
            }
        }
        joined.extend(cursor.map(|cursor| ("nextCursor".to_owned(), cursor)));
        if let Some(answer) = self.answer.as_mut().and_then(Value::as_object_mut) {
            answer.insert("result".to_owned(), Value::Object(joined));
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// A member of the JSON-RPC request that was sent.
pub(super) fn request_member<'a>(exchange: &'a Exchange, name: &str) -> Option<&'a Value> {
    match &exchange.request.body {
        // The client's answer to a request of the server has an id, too.
        Body::Json(Value::Object(message)) if message.contains_key("method") => message.get(name),
        _ => None,
    }
}

fn form(body: &Body) -> Form {
    match body {
        Body::Empty => Form::Empty,
        Body::Json(_) => Form::Json,
        Body::Events(events) if events.iter().filter(|event| !is_empty(event)).count() <= 1 => Form::StreamOfOne,
        Body::Events(_) => Form::Stream,
        Body::Text { .. } | Body::Binary { .. } => Form::Other,
    }
}

/// An event that only says how to resume.
fn is_empty(event: &StreamEvent) -> bool {
    matches!(&event.data, Value::String(text) if text.is_empty())
}

fn is_answer(message: &Value) -> bool {
    message.get("method").is_none() && (message.get("result").is_some() || message.get("error").is_some())
}

/// The JSON objects in the body, with their times of arrival where they are told.
fn messages_of(body: &Body) -> Vec<(&Value, Option<f64>)> {
    match body {
        Body::Json(value) if value.is_object() => vec![(value, None)],
        Body::Events(events) => events
            .iter()
            .flat_map(|event| {
                let items = match &event.data {
                    Value::Array(items) => items.as_slice(),
                    value => std::slice::from_ref(value),
                };
                items.iter().filter(|item| item.is_object()).map(|item| (item, Some(event.at_ms)))
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// A body that holds no JSON-RPC message.
fn document(body: &Body) -> Option<Value> {
    match body {
        Body::Empty => None,
        Body::Json(value) => Some(value.clone()),
        Body::Text { text, truncated } => Some(match truncated {
            0 => Value::from(text.as_str()),
            more => json!({ "text": text, "bytesLeftOut": more }),
        }),
        Body::Binary { length } => Some(json!({ "bytes": length })),
        Body::Events(events) if events.is_empty() => None,
        Body::Events(events) => {
            Some(events.iter().map(|event| json!({ "event": event.event, "data": event.data })).collect())
        }
    }
}

/// The address of the side itself, which differs by its nature.
struct Own {
    /// Scheme, host and port.
    origin: Option<String>,
    /// Host and port, if it has a port; a bare name may mean something else.
    host: Option<String>,
}

impl Own {
    fn of(url: &str) -> Self {
        let Some((scheme, rest)) = url.split_once("://") else { return Self { origin: None, host: None } };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        Self {
            origin: (!host.is_empty()).then(|| format!("{scheme}://{host}")),
            host: has_port.then(|| host.to_owned()),
        }
    }

    fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (address, by) in [(&self.origin, "${target.origin}"), (&self.host, "${target.host}")] {
            let Some(address) = address.as_ref().filter(|address| text.contains(address.as_str())) else { continue };
            let mut out = String::with_capacity(text.len());
            let mut rest = text.as_str();
            while let Some(at) = rest.find(address.as_str()) {
                let after = &rest[at + address.len()..];
                // `example.com` is not meant in `example.com.evil`, nor port 80 in 8080.
                let ends = !after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '-'));
                out.push_str(&rest[..at]);
                out.push_str(if ends { by } else { address });
                rest = after;
            }
            out.push_str(rest);
            text = out;
        }
        text
    }

    fn headers(&self, headers: &[(String, String)]) -> Vec<(String, String)> {
        headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), self.text(value))).collect()
    }

    fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(members) => {
                members.iter().map(|(name, member)| (name.clone(), self.value(member))).collect::<Map<_, _>>().into()
            }
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_address_is_taken_for_any_address() {
        let own = Own::of("http://127.0.0.1:80/mcp?x=1");
        assert_eq!(
            own.text("http://127.0.0.1:80/a, 127.0.0.1:80 and http://127.0.0.1:8080/ and http://other/"),
            "${target.origin}/a, ${target.host} and http://127.0.0.1:8080/ and http://other/"
        );
        let own = Own::of("https://user@gateway.example.com/mcp");
        assert_eq!(
            own.text("see https://gateway.example.com/x or gateway.example.com, not https://gateway.example.com.evil/"),
            "see ${target.origin}/x or gateway.example.com, not https://gateway.example.com.evil/"
        );
        assert_eq!(Own::of("mock mcp-server").text("mock mcp-server"), "mock mcp-server");
    }
}
