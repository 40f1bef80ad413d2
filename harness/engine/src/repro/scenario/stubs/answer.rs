//! An answer of an upstream, as a stub gives it.

use gauntlet_format::sse::SseEvent;
use gauntlet_reports::volatile::{Normaliser, is_volatile_header};
use serde_json::{Map, Value, json};

use super::super::said::{Said, What};
use super::super::text::{holds_secret, literal};
use super::{RULES, literal_of};
use crate::repro::record::{CLIENT_ENDED, RECORDING_ENDED};
use crate::transport::hop::is_of_connection;

/// Headers of answers that are about how they came, or about the session.
const OWN_OF_ANSWERS: [&str; 8] =
    ["content-encoding", "content-length", "date", "mcp-session-id", "server", "set-cookie", "vary", "via"];

/// Where the id of the request stands, as a stub says it.
const ID: &str = "${request.body.id}";

/// The same of the token by which progress is told.
const TOKEN: &str = "${request.body.params._meta.progressToken}";

/// What a stub answers.
pub(super) struct Answered {
    pub(super) respond: Value,
    pub(super) faults: Option<Value>,
    pub(super) is_failure: bool,
    /// The failure may be one of just these arguments.
    pub(super) is_about_request: bool,
}

/// The answer as a stub gives it; none if it is a refusal. The error says why it cannot be one.
pub(super) fn answer(said: &Said<'_>) -> Result<Option<Answered>, &'static str> {
    let entry = said.entry;
    if matches!(entry.failure.as_deref(), Some(CLIENT_ENDED | RECORDING_ENDED)) {
        return Err("that nobody waited for");
    }
    let failed = |respond, faults| Some(Answered { respond, faults, is_failure: true, is_about_request: false });
    let Some(response) = &entry.response else {
        let reset = || failed(json!({ "status": 502 }), Some(json!([{ "reset": true }])));
        return Ok(entry.failure.as_ref().and_then(|_| reset()));
    };
    let Some(status) = response.status else { return Err("that came over stdio") };
    if (300..500).contains(&status) && status != 429 {
        return Ok(None);
    }
    if response.body.left_out > 0 {
        return Err("whose bodies were not recorded as a whole");
    }
    let Some(text) = response.body.text() else { return Err("with bodies that are not text") };
    let headers = headers(said);
    if holds_secret(text) || headers.values().any(|value| value.as_str().is_some_and(holds_secret)) {
        return Err("that hold secrets");
    }
    let mut respond = Map::new();
    if status != 200 {
        respond.insert("status".to_owned(), status.into());
    }
    let is_cut = entry.failure.is_some();
    let mut faults = None;
    let (name, body) = if response.is_event_stream() {
        let events: Vec<Value> = response.events().into_iter().map(|event| sent(said, &event.event)).collect();
        faults = is_cut.then(|| json!([{ "cut_after_events": events.len() }]));
        ("sse", Value::Array(events))
    } else if is_cut {
        faults = Some(json!([{ "cut_after_bytes": text.len() }]));
        // Of what would have come next there is one more, so that it is missed.
        ("body", format!("{}…", literal(text)).into())
    } else {
        match said.json.clone() {
            Some(document) => ("json", answering(said, document)),
            None => ("body", literal(text).into()),
        }
    };
    let default = match name {
        "json" => Some("application/json"),
        "sse" => Some("text/event-stream"),
        _ => None,
    };
    let headers: Map<String, Value> = headers
        .into_iter()
        .filter(|(name, value)| name != "content-type" || value.as_str().map(essence) != default)
        .collect();
    if !headers.is_empty() {
        respond.insert("headers".to_owned(), headers.into());
    }
    if !text.is_empty() {
        respond.insert(name.to_owned(), body);
    }
    let is_error = status == 200 && said.failure().is_some() && !is_cut;
    Ok(Some(Answered {
        respond: respond.into(),
        faults,
        is_failure: is_cut || is_error || status >= 400,
        is_about_request: is_error,
    }))
}

/// Headers of the answer that say something of it.
fn headers(said: &Said<'_>) -> Map<String, Value> {
    let all = said.entry.response.iter().flat_map(|response| &response.headers);
    let says = |name: &str| !is_of_connection(name) && !OWN_OF_ANSWERS.contains(&name) && !is_volatile_header(name);
    let mut normaliser = Normaliser::new(&RULES);
    let mut headers = Map::new();
    for (name, value) in all.filter(|(name, _)| says(name)) {
        let mut normal = value.clone();
        normaliser.line(&mut normal);
        if normal == *value {
            headers.insert(name.clone(), literal(value).into());
        }
    }
    headers
}

fn essence(media: &str) -> &str {
    media.split(';').next().unwrap_or_default().trim()
}

/// An event of a stream.
fn sent(said: &Said<'_>, event: &SseEvent) -> Value {
    let mut members = Map::new();
    if event.event != "message" {
        members.insert("event".to_owned(), literal(&event.event).into());
    }
    if let Some(id) = &event.id {
        members.insert("id".to_owned(), literal(id).into());
    }
    let data = serde_json::from_str::<Value>(&event.data).ok().filter(|data| data.is_object() || data.is_array());
    let data = data.map_or_else(|| literal(&event.data).into(), |data| answering(said, data));
    members.insert("data".to_owned(), data);
    members.into()
}

/// A document of the answer to another request of the same kind: its id and the token of its progress are that one's.
fn answering(said: &Said<'_>, document: Value) -> Value {
    let message = said.message.as_ref();
    let id = message.and_then(|message| message.get("id")).filter(|_| matches!(said.what, What::Call(_)));
    let token = message.and_then(|message| message.pointer("/params/_meta/progressToken"));
    let mut document = literal_of(document);
    if let Some(members) = document.as_object_mut() {
        if members.get("method").is_none() && id.is_some() && members.get("id") == id {
            members.insert("id".to_owned(), ID.into());
        }
        if let Some(told) = members.get_mut("params").and_then(|params| params.get_mut("progressToken"))
            && token == Some(&*told)
        {
            *told = TOKEN.into();
        }
    }
    document
}
