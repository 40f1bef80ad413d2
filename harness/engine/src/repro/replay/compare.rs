//! A recorded answer and a live one, as far as they can be expected to be the same.

use gauntlet_reports::canonical::{self, Volatile};
use gauntlet_reports::diff;
use gauntlet_reports::volatile::{Normaliser, Rules};
use gauntlet_reports::{Body, Exchange, Redactor, StreamEvent, WireResponse};
use serde_json::{Map, Value};

use super::super::messages::is_message;
use super::super::origins::Origins;
use super::super::placeholder;

/// Headers of answers that a client acts upon. What else there is says more of the way than of the answer.
const COMPARED: [&str; 8] = [
    "allow",
    "content-type",
    "link",
    "location",
    "mcp-protocol-version",
    "mcp-session-id",
    "retry-after",
    "www-authenticate",
];

/// What stands for the server's own address.
const ORIGIN: &str = "${origin}";

/// Lines of one difference at most.
const LINES: usize = 200;

/// How deep members are put in order.
const DEEPEST: usize = 64;

/// What is compared, and how.
pub(super) struct Scale<'a> {
    pub(super) rules: &'a Rules,
    /// Headers beside those that always are.
    pub(super) headers: &'a [String],
    /// The transports differ, so that only messages can be compared.
    pub(super) only_messages: bool,
    /// How the exchange ended does not count.
    pub(super) open_ended: bool,
    /// The recording has only a part of the body.
    pub(super) without_body: bool,
}

/// One side of a comparison.
pub(super) struct Side<'a> {
    pub(super) exchange: Exchange,
    pub(super) origins: &'a Origins,
    pub(super) redactor: &'a Redactor,
}

/// The lines that differ, with `-` for what was recorded and `+` for what came now; none if nothing does.
pub(super) fn differences(recorded: Side<'_>, live: Side<'_>, scale: &Scale<'_>) -> Vec<String> {
    let failures = (recorded.exchange.failure.is_some(), live.exchange.failure.is_some());
    let mut recorded = reduced(recorded, scale);
    let mut live = reduced(live, scale);
    // In which words it broke off is not the server's.
    if failures == (true, true) || scale.open_ended {
        recorded.failure = None;
        live.failure = None;
    }
    align(&mut live, &recorded);
    let (before, after) = (lines(&recorded), lines(&live));
    if before == after {
        return Vec::new();
    }
    diff::signed(&before, &after, LINES)
}

/// The answer as text.
fn lines(exchange: &Exchange) -> Vec<String> {
    let mut lines = match &exchange.response {
        Some(response) => canonical::response(response, Volatile::Keep),
        None if exchange.failure.is_none() => vec!["(no answer)".to_owned()],
        None => Vec::new(),
    };
    lines.extend(exchange.failure.as_ref().map(|failure| format!("({failure})")));
    lines
}

/// The exchange without what is another one each time, or of no account.
fn reduced(side: Side<'_>, scale: &Scale<'_>) -> Exchange {
    let Side { mut exchange, origins, redactor } = side;
    redactor.redact_transcript(std::slice::from_mut(&mut exchange));
    if let Some(response) = &mut exchange.response {
        response
            .headers
            .retain(|(name, _)| COMPARED.contains(&name.as_str()) || scale.headers.iter().any(|wanted| wanted == name));
        for (name, value) in &mut response.headers {
            if name == "content-type" {
                *value = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            }
            *value = origins.replace(value, ORIGIN).into_owned();
        }
        if scale.without_body {
            response.body = Body::Empty;
        }
        match &mut response.body {
            Body::Json(value) => own(value, origins, 0),
            Body::Text { text, .. } => *text = origins.replace(text, ORIGIN).into_owned(),
            Body::Events(events) => events.iter_mut().for_each(|event| own(&mut event.data, origins, 0)),
            Body::Empty | Body::Binary { .. } => {}
        }
    }
    if scale.only_messages {
        only_messages(&mut exchange);
    }
    Normaliser::new(scale.rules).exchange(&mut exchange);
    exchange
}

fn own(value: &mut Value, origins: &Origins, depth: usize) {
    match value {
        Value::String(text) => *text = origins.replace(text, ORIGIN).into_owned(),
        Value::Array(items) if depth < DEEPEST => items.iter_mut().for_each(|item| own(item, origins, depth + 1)),
        Value::Object(members) if depth < DEEPEST => {
            members.values_mut().for_each(|member| own(member, origins, depth + 1));
        }
        _ => {}
    }
}

/// What is the same over every transport.
fn only_messages(exchange: &mut Exchange) {
    let body = exchange.response.take().map(|response| response.body);
    let values: Vec<Value> = match body {
        Some(Body::Json(value)) => vec![value],
        Some(Body::Events(events)) => events.into_iter().map(|event| event.data).collect(),
        _ => Vec::new(),
    };
    let messages: Vec<StreamEvent> = values
        .into_iter()
        .flat_map(|value| match value {
            Value::Array(items) => items,
            one => vec![one],
        })
        .filter(is_message)
        .map(|data| StreamEvent { at_ms: 0.0, event: None, id: None, data })
        .collect();
    if !messages.is_empty() {
        exchange.response = Some(WireResponse { status: None, headers: Vec::new(), body: Body::Events(messages) });
    }
}

/// Puts the members of the live answer into the order of the recorded one: order is no difference.
fn align(live: &mut Exchange, recorded: &Exchange) {
    let (Some(live), Some(recorded)) = (&mut live.response, &recorded.response) else { return };
    for (name, value) in &mut live.headers {
        if let Some((_, known)) = recorded.headers.iter().find(|(known, _)| known == name) {
            mask(value, known);
        }
    }
    match (&mut live.body, &recorded.body) {
        (Body::Json(live), Body::Json(recorded)) => arrange(live, recorded, 0),
        (Body::Text { text: live, .. }, Body::Text { text: recorded, .. }) => mask(live, recorded),
        (Body::Events(live), Body::Events(recorded)) => {
            live.iter_mut().zip(recorded).for_each(|(live, recorded)| arrange(&mut live.data, &recorded.data, 0));
        }
        _ => {}
    }
}

/// A text that differs in its secrets alone becomes the recorded one.
fn mask(live: &mut String, recorded: &str) {
    if placeholder::is_in(recorded) && placeholder::same_but(recorded, live) {
        recorded.clone_into(live);
    }
}

fn arrange(live: &mut Value, recorded: &Value, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    match (live, recorded) {
        (Value::Object(live), Value::Object(recorded)) => {
            let mut ordered = Map::with_capacity(live.len());
            for (name, like) in recorded {
                if let Some(mut value) = live.shift_remove(name) {
                    arrange(&mut value, like, depth + 1);
                    ordered.insert(name.clone(), value);
                }
            }
            ordered.append(live);
            *live = ordered;
        }
        // What is secret on both sides is nobody's business.
        (Value::String(live), Value::String(recorded)) => mask(live, recorded),
        (Value::Array(live), Value::Array(recorded)) => {
            live.iter_mut().zip(recorded).for_each(|(live, recorded)| arrange(live, recorded, depth + 1));
        }
        _ => {}
    }
}
