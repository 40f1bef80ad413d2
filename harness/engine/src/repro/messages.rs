//! The JSON-RPC messages of a recording.

use serde_json::Value;

use super::recording::{Entry, Received, Sent, Transport};

/// The messages of a body, a batch as its members; none if it holds anything else.
pub(crate) fn messages(body: &[u8]) -> Vec<Value> {
    match serde_json::from_slice(body) {
        Ok(Value::Array(items)) if !items.is_empty() && items.iter().all(is_message) => items,
        Ok(message) if is_message(&message) => vec![message],
        _ => Vec::new(),
    }
}

/// Whether it is a JSON-RPC message, if perhaps one that forgets to say so.
pub(crate) fn is_message(value: &Value) -> bool {
    let asks = value.get("method").is_some_and(Value::is_string);
    let answers = value.get("result").is_some() || value.get("error").is_some();
    let marked = value.get("jsonrpc").is_some();
    marked && (asks || answers) || asks && (value.get("params").is_some() || value.get("id").is_some())
}

impl Sent {
    /// The JSON-RPC messages in it.
    pub(crate) fn messages(&self) -> Vec<Value> {
        if self.body.left_out > 0 { Vec::new() } else { messages(&self.body.bytes) }
    }
}

impl Received {
    /// The JSON-RPC messages in it, in order of arrival.
    pub(crate) fn messages(&self, transport: Transport) -> Vec<Value> {
        if transport == Transport::Stdio {
            return self.lines().into_iter().flat_map(|(_, line)| messages(line)).collect();
        }
        if self.is_event_stream() {
            return self.events().into_iter().flat_map(|event| messages(event.event.data.as_bytes())).collect();
        }
        messages(&self.body.bytes)
    }
}

impl Entry {
    /// What was asked, in a few words: `tools/call web_search`, `GET /mcp`.
    #[must_use]
    pub fn label(&self) -> String {
        let of_message = |message: &Value| match message.get("method").and_then(Value::as_str) {
            Some(method) => {
                let params = message.get("params");
                let subject = ["name", "uri"].iter().find_map(|name| params?.get(name)?.as_str());
                subject.map_or_else(|| method.to_owned(), |subject| format!("{method} {subject}"))
            }
            None => format!("answer of the client to {}", message.get("id").unwrap_or(&Value::Null)),
        };
        let messages = self.request.messages();
        match messages.as_slice() {
            [] if self.transport == Transport::Stdio && self.request.body.bytes.is_empty() => {
                "what the server says first".to_owned()
            }
            [] if self.transport == Transport::Stdio => "a line that is no message".to_owned(),
            [] => format!("{} {}", self.request.method, path_of(&self.request.url)),
            [message] => of_message(message),
            [first, rest @ ..] => format!("batch of {} and {} more", of_message(first), rest.len()),
        }
    }
}

/// Path of an absolute URL, without its query; anything else as it is.
fn path_of(url: &str) -> &str {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((_, rest)) = url.split_once("://") else { return url };
    rest.find('/').map_or("/", |at| &rest[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_from_other_documents() {
        let count = |text: &str| messages(text.as_bytes()).len();
        assert_eq!(count(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#), 1);
        assert_eq!(count(r#"{"id":1,"method":"tools/call","params":{}}"#), 1);
        assert_eq!(count(r#"[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","id":1,"result":{}}]"#), 2);
        assert_eq!(count(r#"{"model":"auto","messages":[]}"#), 0);
        assert_eq!(count(r#"{"method":"GET"}"#), 0);
        assert_eq!(count("[]"), 0);
        assert_eq!(count("{"), 0);
    }

    #[test]
    fn a_label_has_no_query() {
        assert_eq!(path_of("https://a.example/mcp?token=x"), "/mcp");
        assert_eq!(path_of("https://a.example"), "/");
    }
}
