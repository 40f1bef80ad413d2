//! An exchange as signatures see it. The members are those that `expect` and `received` have.

use std::borrow::Cow;
use std::collections::BTreeSet;

use gauntlet_format::signature::Side;
use gauntlet_format::sse::{SseEvent, SseParser};
use gauntlet_reports::{Body, Exchange, Hop, StreamEvent, WireResponse};
use serde_json::{Map, Value, json};

use crate::runner::view::{header_object, path_and_query};
use crate::transport::{is_answer_to, media_type};

/// What is known of one exchange.
#[derive(Debug)]
pub(super) struct View {
    pub hop: Hop,
    pub line: String,
    /// `{ request, response }`.
    pub whole: Value,
    pub failure: Option<Value>,
    pub elapsed_ms: f64,
    /// `None`: nothing tells the sides apart.
    pub side: Option<Side>,
    /// Position, among those that are looked at, of the exchange during which this one took place.
    pub cause: Option<usize>,
}

impl View {
    /// A member of the request or of the response.
    pub(super) fn member(&self, half: &str, name: &str) -> Option<&Value> {
        self.whole.get(half)?.get(name)
    }

    pub(super) fn has_response(&self) -> bool {
        self.whole.get("response").is_some()
    }
}

/// Of exchanges that stand behind `before` others, from whose first their `cause` is counted.
pub(super) fn views(exchanges: &[Exchange], before: usize) -> Vec<View> {
    let asked: BTreeSet<&str> = exchanges.iter().map(|exchange| exchange.hop.to.as_str()).collect();
    let is_behind = |exchange: &Exchange| exchange.cause.is_some() || asked.contains(exchange.hop.from.as_str());
    let two_sided = exchanges.iter().any(is_behind) && !exchanges.iter().all(is_behind);
    let side = |exchange: &Exchange| if is_behind(exchange) { Side::Behind } else { Side::Front };
    let cause = |exchange: &Exchange| exchange.cause.and_then(|at| at.checked_sub(before));
    exchanges.iter().map(|one| view(one, two_sided.then(|| side(one)), cause(one))).collect()
}

fn view(exchange: &Exchange, side: Option<Side>, cause: Option<usize>) -> View {
    let request = request(exchange);
    let mut whole = Map::new();
    if let Some(response) = response(exchange, request.get("body").and_then(|body| body.get("id"))) {
        whole.insert("response".to_owned(), response);
    }
    whole.insert("request".to_owned(), request);
    View {
        hop: exchange.hop.clone(),
        line: format!("{} {}", exchange.request.method, exchange.request.url),
        whole: Value::Object(whole),
        failure: exchange.failure.clone().map(Value::String),
        elapsed_ms: exchange.elapsed_ms,
        side,
        cause,
    }
}

fn request(exchange: &Exchange) -> Value {
    let sent = &exchange.request;
    let mut members = Map::new();
    members.insert("method".to_owned(), sent.method.as_str().into());
    if let Some(body) = plain(&sent.body) {
        members.insert("body".to_owned(), body);
    }
    if matches!(sent.method.as_str(), "stdin" | "listen") {
        return Value::Object(members);
    }
    let (path, query) = path_and_query(&sent.url);
    members.insert("path".to_owned(), path.into());
    members.insert("query".to_owned(), query);
    if let Some(host) = host(exchange) {
        members.insert("host".to_owned(), host.into());
    }
    let media = media_type(&sent.headers).unwrap_or_default();
    if media.trim_start().starts_with("application/x-www-form-urlencoded")
        && let Body::Text { text, .. } = &sent.body
    {
        let fields: Vec<(String, String)> =
            url::form_urlencoded::parse(text.as_bytes()).map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
        members.insert("form".to_owned(), header_object(&fields));
    }
    members.insert("headers".to_owned(), header_object(&sent.headers));
    Value::Object(members)
}

/// As the request says it: a client may reach one address and ask for another host.
fn host(exchange: &Exchange) -> Option<String> {
    let header = exchange.request.headers.iter().find(|(name, _)| name == "host").map(|(_, value)| value.clone());
    let of_url = || {
        let url = url::Url::parse(&exchange.request.url).ok()?;
        let host = url.host_str()?.to_owned();
        Some(url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}")))
    };
    header.or_else(of_url)
}

fn response(exchange: &Exchange, id: Option<&Value>) -> Option<Value> {
    let got = exchange.response.as_ref()?;
    let mut members = Map::new();
    if let Some(status) = got.status {
        members.insert("status".to_owned(), status.into());
        members.insert("headers".to_owned(), header_object(&got.headers));
    }
    let body = streamed(got).map_or(Cow::Borrowed(&got.body), Cow::Owned);
    let messages = messages(&body);
    let is_answer = |m: &&Value| m.get("method").is_none() && (m.get("result").is_some() || m.get("error").is_some());
    let own = messages.iter().find(|m| id.is_some_and(|id| is_answer_to(m, id)));
    if let Some(answer) = own.or_else(|| messages.iter().find(is_answer)) {
        for name in ["result", "error"] {
            if let Some(value) = answer.get(name) {
                members.insert(name.to_owned(), value.clone());
            }
        }
        members.insert("answer".to_owned(), answer.clone());
    }
    if let Body::Events(events) = body.as_ref() {
        members.insert("$sse".to_owned(), Value::Array(events.iter().map(event).collect()));
    } else if let Some(body) = plain(&body) {
        members.insert("body".to_owned(), body);
    }
    members.insert("messages".to_owned(), Value::Array(messages));
    Some(Value::Object(members))
}

/// The events of a stream that was taken down as a text, as mocks do. When they came is not known.
fn streamed(got: &WireResponse) -> Option<Body> {
    let Body::Text { text, .. } = &got.body else { return None };
    media_type(&got.headers).filter(|media| media.trim_start().starts_with("text/event-stream"))?;
    let event = |e: SseEvent| {
        let data = serde_json::from_str(&e.data).unwrap_or_else(|_| e.data.into());
        StreamEvent { at_ms: 0.0, event: Some(e.event), id: e.id, data }
    };
    Some(Body::Events(SseParser::new().push(text.as_bytes()).into_iter().map(event).collect()))
}

fn messages(body: &Body) -> Vec<Value> {
    match body {
        Body::Json(Value::Array(batch)) => batch.clone(),
        Body::Json(message) => vec![message.clone()],
        Body::Events(events) => events.iter().map(|e| &e.data).filter(|data| data.is_object()).cloned().collect(),
        _ => Vec::new(),
    }
}

/// `data` is a text, as `$sse` takes it.
fn event(event: &StreamEvent) -> Value {
    let data = match &event.data {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    json!({ "event": event.event, "id": event.id, "at": event.at_ms, "data": data })
}

fn plain(body: &Body) -> Option<Value> {
    match body {
        Body::Empty => Some("".into()),
        Body::Json(value) => Some(value.clone()),
        Body::Text { text, .. } => Some(text.as_str().into()),
        Body::Binary { length } => Some(format!("[{length} bytes that are not UTF-8]").into()),
        Body::Events(_) => None,
    }
}
