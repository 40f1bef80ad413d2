//! An exchange as text that reads like the wire and diffs well.
//!
//! ```text
//! POST /mcp
//! content-type: application/json
//! {"jsonrpc":"2.0","id":1,"method":"tools/list"}
//!
//! HTTP 200
//! content-type: text/event-stream
//! event: message
//! data: {"jsonrpc":"2.0","id":1,"result":{"tools":[]}}
//! ```
//!
//! The rules: the request line has no origin (the hop says who answers, and ports of mocks change with every run); header
//! names are in lower case and sorted, repeated headers stay in their order; JSON members stay in the order of the wire;
//! JSON that fits into [`WIDTH`] characters is one line, otherwise one member a line, where arrays and objects that hold
//! only a few scalars stay whole. Arrival times are left out.

use serde_json::Value;

use crate::model::{Body, Exchange, StreamEvent, WireRequest, WireResponse};
use crate::volatile::is_volatile_header;

/// JSON up to this length, in bytes, stays on one line.
pub const WIDTH: usize = 100;

/// A nested array or object of scalars up to this length stays on one line.
const NESTED_WIDTH: usize = 72;

/// What is written for the value of a header that differs from run to run.
pub const VOLATILE: &str = "(volatile)";

/// What happens to headers whose values differ from run to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volatile {
    /// Values stay: somebody looks at this one run.
    Keep,
    /// Values become [`VOLATILE`]: two runs are compared.
    Mask,
}

/// Whether JSON is kept on one line. To diff two texts both must be laid out alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// On one line.
    OneLine,
    /// One member a line.
    Broken,
}

impl Layout {
    /// One line if the body fits into [`WIDTH`].
    #[must_use]
    pub fn of(body: &Body) -> Self {
        match body {
            Body::Json(value) if fits(value, WIDTH) => Self::OneLine,
            Body::Events(events) if events.iter().all(|event| fits(&event.data, WIDTH)) => Self::OneLine,
            Body::Empty | Body::Text { .. } | Body::Binary { .. } => Self::OneLine,
            Body::Json(_) | Body::Events(_) => Self::Broken,
        }
    }

    /// The layout that suits both.
    #[must_use]
    pub fn both(self, other: Self) -> Self {
        if self == Self::OneLine { other } else { self }
    }
}

/// The whole exchange, ending in a line break.
#[must_use]
pub fn exchange(exchange: &Exchange, volatile: Volatile) -> String {
    let mut lines = request(&exchange.request, volatile);
    lines.push(String::new());
    match &exchange.response {
        Some(answer) => lines.extend(response(answer, volatile)),
        None if exchange.failure.is_none() => lines.push("(no answer)".to_owned()),
        None => {}
    }
    if let Some(failure) = &exchange.failure {
        lines.push(format!("({failure})"));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The lines of a request.
#[must_use]
pub fn request(request: &WireRequest, volatile: Volatile) -> Vec<String> {
    let mut lines = vec![request_line(request)];
    headers(&request.headers, volatile, &mut lines);
    body(&request.body, Layout::of(&request.body), &mut lines);
    lines
}

/// The lines of a response.
#[must_use]
pub fn response(response: &WireResponse, volatile: Volatile) -> Vec<String> {
    let mut lines: Vec<String> = status_line(response).into_iter().collect();
    headers(&response.headers, volatile, &mut lines);
    body(&response.body, Layout::of(&response.body), &mut lines);
    lines
}

/// `POST /mcp`.
#[must_use]
pub fn request_line(request: &WireRequest) -> String {
    format!("{} {}", request.method, path_of(&request.url))
}

/// `HTTP 200`; none for stdio.
#[must_use]
pub fn status_line(response: &WireResponse) -> Option<String> {
    response.status.map(|status| format!("HTTP {status}"))
}

/// Path and query of an absolute HTTP URL; anything else stays whole.
fn path_of(url: &str) -> &str {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let Some(rest) = rest else { return url };
    match rest.find(['/', '?']) {
        Some(at) => &rest[at..],
        None => "/",
    }
}

/// Appends the lines of the headers.
pub fn headers(headers: &[(String, String)], volatile: Volatile, out: &mut Vec<String>) {
    let mut sorted: Vec<(String, &str)> =
        headers.iter().map(|(name, value)| (name.to_lowercase(), value.as_str())).collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, value) in sorted {
        let masked = volatile == Volatile::Mask && is_volatile_header(&name);
        out.push(format!("{name}: {}", if masked { VOLATILE } else { value }));
    }
}

/// Appends the lines of the body.
pub fn body(body: &Body, layout: Layout, out: &mut Vec<String>) {
    match body {
        Body::Empty => {}
        Body::Json(value) => json(value, layout, out),
        Body::Text { text, truncated } => {
            out.extend(text.lines().map(str::to_owned));
            if *truncated > 0 {
                let noun = if *truncated == 1 { "byte" } else { "bytes" };
                out.push(format!("… +{truncated} {noun}"));
            }
        }
        Body::Events(events) => {
            for event in events {
                stream_event(event, layout, out);
            }
        }
        Body::Binary { length } => {
            let noun = if *length == 1 { "byte" } else { "bytes" };
            out.push(format!("({length} {noun}, not UTF-8)"));
        }
    }
}

fn stream_event(event: &StreamEvent, layout: Layout, out: &mut Vec<String>) {
    if let Some(name) = &event.event {
        out.push(format!("event: {name}"));
    }
    if let Some(id) = &event.id {
        out.push(format!("id: {id}"));
    }
    match &event.data {
        Value::String(text) => {
            out.extend(text.split('\n').map(|line| format!("data: {line}")));
        }
        value => {
            let from = out.len();
            json(value, layout, out);
            for line in &mut out[from..] {
                line.insert_str(0, "data: ");
            }
        }
    }
}

/// Appends the lines of a JSON value.
pub fn json(value: &Value, layout: Layout, out: &mut Vec<String>) {
    match layout {
        Layout::OneLine => out.push(value.to_string()),
        Layout::Broken => broken(value, 0, String::new(), "", out),
    }
}

fn broken(value: &Value, depth: usize, head: String, tail: &str, out: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    if depth > 0 && is_flat(value) || is_scalar(value) || is_empty(value) {
        out.push(format!("{indent}{head}{value}{tail}"));
        return;
    }
    match value {
        Value::Object(members) => {
            out.push(format!("{indent}{head}{{"));
            for (i, (name, member)) in members.iter().enumerate() {
                let head = format!("{}: ", Value::from(name.as_str()));
                let tail = if i + 1 < members.len() { "," } else { "" };
                broken(member, depth + 1, head, tail, out);
            }
            out.push(format!("{indent}}}{tail}"));
        }
        Value::Array(items) => {
            out.push(format!("{indent}{head}["));
            for (i, item) in items.iter().enumerate() {
                let tail = if i + 1 < items.len() { "," } else { "" };
                broken(item, depth + 1, String::new(), tail, out);
            }
            out.push(format!("{indent}]{tail}"));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Holds only scalars, and fits.
fn is_flat(value: &Value) -> bool {
    let scalars = match value {
        Value::Object(members) => members.values().all(is_scalar),
        Value::Array(items) => items.iter().all(is_scalar),
        _ => true,
    };
    scalars && fits(value, NESTED_WIDTH)
}

/// Whether the value in compact form has at most so many bytes; large values are not written out to find out.
fn fits(value: &Value, width: usize) -> bool {
    struct Budget(usize);
    impl std::io::Write for Budget {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::WriteZero)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    serde_json::to_writer(Budget(width), value).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Hop;

    fn sample() -> Exchange {
        Exchange {
            hop: Hop { from: "client".into(), to: "server".into() },
            step: Some(0),
            request: WireRequest {
                method: "POST".into(),
                url: "http://127.0.0.1:41873/mcp?x=1".into(),
                headers: vec![
                    ("X-B".into(), "2".into()),
                    ("accept".into(), "one".into()),
                    ("accept".into(), "another".into()),
                ],
                body: Body::Json(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})),
            },
            response: Some(WireResponse {
                status: Some(200),
                headers: vec![
                    ("date".into(), "Sat, 21 Nov 2026 00:00:00 GMT".into()),
                    ("content-type".into(), "text/event-stream".into()),
                ],
                body: Body::Events(vec![
                    StreamEvent {
                        at_ms: 1.0,
                        event: Some("message".into()),
                        id: Some("7".into()),
                        data: json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": []}}),
                    },
                    StreamEvent { at_ms: 2.0, event: None, id: None, data: json!("two\nlines") },
                ]),
            }),
            failure: None,
            cause: None,
            note: None,
            started_ms: 0.0,
            began_ms: None,
            elapsed_ms: 2.0,
        }
    }

    #[test]
    fn reads_like_the_wire() {
        assert_eq!(
            exchange(&sample(), Volatile::Mask),
            "POST /mcp?x=1\n\
             accept: one\n\
             accept: another\n\
             x-b: 2\n\
             {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n\
             \n\
             HTTP 200\n\
             content-type: text/event-stream\n\
             date: (volatile)\n\
             event: message\n\
             id: 7\n\
             data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[]}}\n\
             data: two\n\
             data: lines\n"
        );
        let kept = exchange(&sample(), Volatile::Keep);
        assert!(kept.contains("date: Sat, 21 Nov 2026"), "{kept}");
    }

    #[test]
    fn says_why_there_is_no_answer() {
        let mut cut = sample();
        cut.response = None;
        assert!(exchange(&cut, Volatile::Keep).ends_with("\n\n(no answer)\n"));
        cut.failure = Some("connection reset".into());
        assert!(exchange(&cut, Volatile::Keep).ends_with("\n\n(connection reset)\n"));
    }

    #[test]
    fn long_json_has_one_member_a_line() {
        let value = json!({
            "id": 1,
            "result": {"tools": [{"name": "a", "annotations": {"readOnlyHint": true}, "tags": []}]},
            "text": "x".repeat(90),
        });
        let mut lines = Vec::new();
        body(&Body::Json(value.clone()), Layout::of(&Body::Json(value)), &mut lines);
        let x = "x".repeat(90);
        assert_eq!(
            lines.join("\n"),
            format!(
                r#"{{
  "id": 1,
  "result": {{
    "tools": [
      {{
        "name": "a",
        "annotations": {{"readOnlyHint":true}},
        "tags": []
      }}
    ]
  }},
  "text": "{x}"
}}"#
            )
        );
    }

    #[test]
    fn other_bodies() {
        let lines = |b: Body| {
            let mut out = Vec::new();
            body(&b, Layout::of(&b), &mut out);
            out
        };
        assert_eq!(lines(Body::Text { text: "a\r\nb".into(), truncated: 1 }), ["a", "b", "… +1 byte"]);
        assert_eq!(lines(Body::Binary { length: 20 }), ["(20 bytes, not UTF-8)"]);
        assert!(lines(Body::Empty).is_empty());
    }
}
