//! `stubs:`: a mock out of nothing, or answers in place of an upstream's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gauntlet_format::resolve::{Lookup, resolve};
use gauntlet_format::{Node, NodeValue, duration, matching};
use gauntlet_mocks::faults::Fault;
use gauntlet_mocks::stub::{Overlay, StubAnswer, StubBody, StubLogic, StubRequest};
use serde_json::{Map, Value, json};

use super::vars::inside;
use super::view::header_object;
use crate::transport::{content_of, media_type};

/// Stubs of a scenario that answer in the same place, tried in order.
#[derive(Debug, Clone)]
pub(crate) struct Stubs {
    entries: Arc<Vec<Stub>>,
}

/// All stubs of a scenario.
#[derive(Debug, Default)]
pub(crate) struct AllStubs {
    /// The mock that they are themselves.
    pub own: Option<Stubs>,
    /// Those in the place of an upstream, by its name.
    pub at: BTreeMap<String, Stubs>,
}

#[derive(Debug)]
struct Stub {
    /// Position in the scenario.
    number: usize,
    pattern: Option<Node>,
    respond: Node,
    faults: Vec<Fault>,
    times: Option<u64>,
    used: AtomicU64,
}

impl AllStubs {
    /// From the scenario's list, its own variables resolved; `${request.…}` stays.
    ///
    /// # Errors
    /// One sentence naming the stub that is wrong.
    pub(crate) fn from_node(node: &Node) -> Result<Self, String> {
        let NodeValue::Array(items) = &node.value else { return Err("`stubs` is a list".to_owned()) };
        let mut places: BTreeMap<Option<String>, Vec<Stub>> = BTreeMap::new();
        for (number, item) in items.iter().enumerate() {
            let respond = item.get("respond").ok_or_else(|| format!("stub {number} has no `respond`"))?;
            let faults = item.get("faults").map_or(Ok(Vec::new()), |n| {
                serde_json::from_value(n.to_json()).map_err(|e| format!("stub {number}: faults: {e}"))
            })?;
            let place = item.get("at").and_then(Node::as_str).map(str::to_owned);
            places.entry(place).or_default().push(Stub {
                number,
                pattern: item.get("match").cloned(),
                respond: respond.clone(),
                faults,
                times: item.get("times").and_then(|n| n.to_json().as_u64()),
                used: AtomicU64::new(0),
            });
        }
        let mut all = Self::default();
        for (place, entries) in places {
            let stubs = Stubs { entries: Arc::new(entries) };
            match place {
                Some(name) => drop(all.at.insert(name, stubs)),
                None => all.own = Some(stubs),
            }
        }
        // What makes a mock stays one, also when nothing is left of it.
        if items.is_empty() {
            all.own = Some(Stubs { entries: Arc::default() });
        }
        Ok(all)
    }
}

impl Stubs {
    /// The answer of the first stub that matches, and its number; none if there is none.
    fn answer_of(&self, view: &Value) -> Option<(usize, StubAnswer)> {
        let matching = self.entries.iter().find(|stub| {
            let fits = stub.pattern.as_ref().is_none_or(|p| matching::matches(p, Some(view), "request").is_empty());
            fits && stub.take()
        });
        matching.map(|stub| (stub.number, respond(stub, view)))
    }
}

impl Stub {
    /// Takes one of the stub's uses, if any is left.
    fn take(&self) -> bool {
        let Some(times) = self.times else { return true };
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| (used < times).then_some(used + 1)).is_ok()
    }
}

impl StubLogic for Stubs {
    fn answer(&self, request: &StubRequest) -> StubAnswer {
        let view = request_view(request);
        match self.answer_of(&view) {
            Some((_, answer)) => answer,
            None => refuse(&format!("no stub matches {} {}", view["method"], view["path"])),
        }
    }
}

impl Overlay for Stubs {
    fn answer(&self, request: &StubRequest) -> Option<StubAnswer> {
        let (number, answer) = self.answer_of(&request_view(request))?;
        let note = Some(format!("answered by stubs[{number}] of the scenario"));
        Some(StubAnswer { note, ..answer })
    }
}

fn request_view(request: &StubRequest) -> Value {
    let (path, query) = (&request.path, request.query.as_deref().unwrap_or_default());
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(query.as_bytes()).map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
    let body = match content_of(&request.body, media_type(&request.headers)).0 {
        crate::transport::Content::Json(value) => value,
        crate::transport::Content::Text(text) => text.into(),
        _ => Value::Null,
    };
    json!({
        "method": request.method, "path": path, "query": header_object(&query),
        "headers": header_object(&request.headers), "body": body,
    })
}

fn refuse(message: &str) -> StubAnswer {
    StubAnswer {
        status: 501,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: StubBody::Bytes(json!({ "message": message }).to_string().into()),
        faults: Vec::new(),
        note: None,
    }
}

struct RequestScope<'a>(&'a Value);

impl Lookup for RequestScope<'_> {
    fn lookup(&self, name: &str) -> Result<Value, String> {
        let mut roots = Map::new();
        roots.insert("request".to_owned(), self.0.clone());
        inside(&roots, name).ok_or_else(|| "the request has no such value".to_owned())
    }
}

fn respond(stub: &Stub, view: &Value) -> StubAnswer {
    let resolved = match resolve(&stub.respond, &RequestScope(view)) {
        Ok(resolved) => resolved,
        Err(error) => return refuse(&error.to_string()),
    };
    let member = |name: &str| resolved.get(name).map(Node::to_json);
    let mut headers: Vec<(String, String)> = match member("headers") {
        Some(Value::Object(headers)) => headers
            .iter()
            .map(|(n, v)| (n.to_ascii_lowercase(), v.as_str().map_or_else(|| v.to_string(), str::to_owned)))
            .collect(),
        _ => Vec::new(),
    };
    let (body, default_type) = match (member("json"), member("sse"), member("body")) {
        (Some(json), ..) => (StubBody::Bytes(json.to_string().into()), Some("application/json")),
        (_, Some(Value::Array(events)), _) => {
            (StubBody::Events(events.iter().map(event).collect()), Some("text/event-stream"))
        }
        (.., Some(Value::String(text))) => (StubBody::Bytes(text.into()), None),
        _ => (StubBody::Bytes(Vec::new().into()), None),
    };
    if let Some(media_type) = default_type
        && !headers.iter().any(|(n, _)| n == "content-type")
    {
        headers.push(("content-type".to_owned(), media_type.to_owned()));
    }
    let status = member("status").and_then(|s| s.as_u64()).and_then(|s| u16::try_from(s).ok()).unwrap_or(200);
    StubAnswer { status, headers, body, faults: stub.faults.clone(), note: None }
}

/// One event in wire form, and the pause before it.
fn event(event: &Value) -> (Duration, bytes::Bytes) {
    let mut text = String::new();
    for field in ["event", "id", "retry"] {
        if let Some(value) = event.get(field) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text.push_str(&format!("{field}: {value}\n"));
        }
    }
    if let Some(data) = event.get("data") {
        let data = data.as_str().map_or_else(|| data.to_string(), str::to_owned);
        for line in data.split('\n') {
            text.push_str(&format!("data: {line}\n"));
        }
    }
    text.push('\n');
    let after = event.get("after").and_then(Value::as_str).and_then(|t| duration::parse(t).ok()).unwrap_or_default();
    (after, text.into())
}
