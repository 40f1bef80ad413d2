//! Which exchange of one transcript belongs to which of the other.

use std::collections::HashMap;

use serde_json::Value;

use super::view::{View, request_member};
use crate::model::{Body, Exchange};

/// What makes an exchange the same one in another transcript.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    /// The client that sent it.
    client: String,
    /// The step that caused it.
    step: Option<usize>,
    /// Method, and what it is about.
    pub(super) label: Label,
    /// How many alike came before.
    nth: usize,
}

impl Key {
    /// The client that sent it, and the step that caused it.
    pub(super) fn origin(&self) -> (&str, Option<usize>) {
        (&self.client, self.step)
    }

    /// The end of a session, which the harness makes by itself.
    pub(super) fn is_farewell(&self) -> bool {
        self.step.is_none() && self.label.method.starts_with("DELETE ")
    }
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Label {
    /// JSON-RPC method, or HTTP method and path.
    pub(super) method: String,
    /// Name of the tool or prompt, URI of the resource.
    pub(super) subject: Option<String>,
}

/// An exchange, or the exchanges that make up one list.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) key: Key,
    pub(super) view: View,
    /// Positions in the transcript.
    pub(super) exchanges: Vec<usize>,
}

/// The exchanges of a transcript, pages of a list as one.
pub(super) fn units(transcript: &[Exchange]) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut counts: HashMap<(String, Option<usize>, Label), usize> = HashMap::new();
    for (position, exchange) in transcript.iter().enumerate() {
        let label = label(exchange);
        let view = View::of(exchange);
        let cursor = request_member(exchange, "params").and_then(|params| params.get("cursor"));
        if let Some(cursor) = cursor.filter(|_| view.answer.as_ref().is_some_and(|a| a.get("result").is_some())) {
            let goes_on = |unit: &&mut Unit| {
                let key = &unit.key;
                (&key.client, key.step, &key.label) == (&exchange.hop.from, exchange.step, &label)
                    && unit.view.next_cursor() == Some(cursor)
            };
            if let Some(unit) = units.iter_mut().rev().find(goes_on) {
                unit.view.join(view);
                unit.exchanges.push(position);
                continue;
            }
        }
        let count = counts.entry((exchange.hop.from.clone(), exchange.step, label.clone())).or_default();
        let key = Key { client: exchange.hop.from.clone(), step: exchange.step, label, nth: *count };
        *count += 1;
        units.push(Unit { key, view, exchanges: vec![position] });
    }
    units
}

fn label(exchange: &Exchange) -> Label {
    let message = match &exchange.request.body {
        Body::Json(message @ Value::Object(_)) => Some(message),
        _ => None,
    };
    if let Some(method) = message.and_then(|m| m.get("method")).and_then(Value::as_str) {
        let params = message.and_then(|m| m.get("params"));
        let subject = ["name", "uri"].iter().find_map(|name| params?.get(name)?.as_str());
        return Label { method: method.to_owned(), subject: subject.map(str::to_owned) };
    }
    if message.is_some_and(|m| m.get("id").is_some() && (m.get("result").is_some() || m.get("error").is_some())) {
        return Label { method: "answer of the client".to_owned(), subject: None };
    }
    let path = crate::canonical::request_line(&exchange.request);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    Label { method: path.to_owned(), subject: None }
}
