//! Every difference between two exchanges.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::change::{Aspect, Change, Form, Kind, Outcome};
use super::path::{Path, Segment};
use super::values;
use super::view::View;
use crate::volatile::is_volatile_header;

/// A stream over a shorter time than this, in milliseconds, says nothing about buffering.
const SHORT_MS: f64 = 40.0;

/// What is left of the time from the first message to the last is less than this part of it if somebody held them back.
const HELD_BACK: f64 = 0.25;

/// Compares two exchanges. `spread_ms` is the time over which the first side's stream is known to come, if it is.
pub(super) fn compare(left: &View, right: &View, spread_ms: Option<f64>) -> Vec<Change> {
    let mut out = Vec::new();
    if left.outcome != right.outcome {
        let words = |outcome: Outcome| Some(Value::from(outcome.words()));
        let change = Change::new(Aspect::Outcome(left.outcome, right.outcome), Kind::Changed, Path::of("outcome"));
        out.push(change.between(gist(left).or(words(left.outcome)), gist(right).or(words(right.outcome))));
        // The rest follows from it, but for what a client learns from headers.
        headers(left, right, &mut out);
        return out;
    }
    if let (Some(before), Some(after)) = (left.status, right.status)
        && before != after
    {
        let change = Change::new(Aspect::Status, Kind::Changed, Path::of("status"));
        out.push(change.between(Some(before.into()), Some(after.into())));
    }
    headers(left, right, &mut out);
    forms(left, right, &mut out);
    if left.id_echoed && !right.id_echoed {
        out.push(Change::new(Aspect::Id, Kind::Changed, Path::of("answer").key("id")));
    }
    messages(left, right, &mut out);
    delivery(left, right, spread_ms, &mut out);
    if left.pages != right.pages {
        let change = Change::new(Aspect::Pages, Kind::Changed, Path::of("pages"));
        out.push(change.between(Some(left.pages.into()), Some(right.pages.into())));
    }
    answers(left, right, &mut out);
    out
}

/// What an exchange says of itself where the kind of the answer changed.
fn gist(view: &View) -> Option<Value> {
    match &view.answer {
        Some(answer) => answer.get("error").or_else(|| answer.get("result")).cloned(),
        None => view.document.clone().or_else(|| view.status.map(|status| json!({ "status": status }))),
    }
}

fn answers(left: &View, right: &View, out: &mut Vec<Change>) {
    let from = out.len();
    let mut same_but_for_order = false;
    let pairs = [(&left.answer, &right.answer, Path::default()), (&left.document, &right.document, Path::of("body"))];
    for (before, after, path) in pairs {
        match (before, after) {
            (Some(before), Some(after)) => {
                values::compare(&path, &without_cursor(before), &without_cursor(after), out);
                lists(left, right, from, out);
                same_but_for_order |= before == after && values::order_differs(before, after);
            }
            (Some(before), None) => {
                out.push(Change::new(Aspect::Value, Kind::Lost, path).between(Some(before.clone()), None));
            }
            (None, Some(after)) => {
                out.push(Change::new(Aspect::Value, Kind::Added, path).between(None, Some(after.clone())));
            }
            (None, None) => {}
        }
    }
    if same_but_for_order && out.len() == from {
        out.push(Change::new(Aspect::MemberOrder, Kind::Reordered, Path::of("answer")));
    }
}

/// A cursor is nobody's business but that of who made it; what follows from there being one, [`lists`] says.
fn without_cursor(answer: &Value) -> Value {
    let mut answer = answer.clone();
    if let Some(result) = answer.get_mut("result").and_then(Value::as_object_mut) {
        result.shift_remove("nextCursor");
    }
    answer
}

/// Where a list goes on and nobody followed, an item may stand on a later page: it is neither lost nor added.
fn lists(left: &View, right: &View, from: usize, out: &mut Vec<Change>) {
    let (left_goes_on, right_goes_on) = (left.next_cursor().is_some(), right.next_cursor().is_some());
    if !left_goes_on && !right_goes_on {
        return;
    }
    let of_a_list = |change: &Change| change.path.begins(&["result", "*", "*"]) && change.path.0.len() == 3;
    let mut position = 0;
    out.retain(|change| {
        position += 1;
        let elsewhere = match change.kind {
            Kind::Lost => right_goes_on,
            Kind::Added => left_goes_on,
            _ => false,
        };
        position <= from || !(elsewhere && of_a_list(change) && change.path.ends_in_list())
    });
    let items = |view: &View| -> usize {
        let result = view.answer.as_ref().and_then(|answer| answer.get("result")?.as_object());
        result.into_iter().flatten().filter_map(|(_, member)| member.as_array().map(Vec::len)).sum()
    };
    let (before, after) = (items(left), items(right));
    if left_goes_on && !right_goes_on && after <= before {
        let change = Change::new(Aspect::Value, Kind::Lost, Path::of("result").key("nextCursor"));
        out.push(change.between(left.next_cursor().cloned(), None));
    } else if before != after {
        let change = Change::new(Aspect::Pages, Kind::Changed, Path::of("pages"));
        out.push(change.between(Some(before.into()), Some(after.into())));
    }
}

fn headers(left: &View, right: &View, out: &mut Vec<Change>) {
    if left.status.is_none() || right.status.is_none() {
        return;
    }
    let collect = |view: &View| {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in &view.headers {
            all.entry(name.clone()).or_default().push(value.clone());
        }
        all
    };
    let (before, after) = (collect(left), collect(right));
    let shown = |values: &Vec<String>| Some(Value::from(values.join(", ")));
    for name in before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))) {
        let (kind, left_value, right_value) = match (before.get(name), after.get(name)) {
            (Some(before), Some(after)) if before == after => continue,
            (Some(before), Some(after)) => (Kind::Changed, shown(before), shown(after)),
            (Some(before), None) => (Kind::Lost, shown(before), None),
            (None, after) => (Kind::Added, None, after.and_then(shown)),
        };
        // What is another one by its nature is not compared.
        if kind == Kind::Changed && is_volatile_header(name) {
            continue;
        }
        // Told by the kind of answer, or by the form of its body if that is what the header says.
        let told = left.outcome != right.outcome || left.form != right.form && is_labelled(right);
        if name == "content-type" && told {
            continue;
        }
        out.push(Change::new(Aspect::Header, kind, Path::of("headers").key(name)).between(left_value, right_value));
    }
}

/// Whether the media type says what the body is.
fn is_labelled(view: &View) -> bool {
    let essence = view.header("content-type").and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    match view.form {
        Form::Json => essence == "application/json" || essence.ends_with("+json"),
        Form::Stream | Form::StreamOfOne => essence == "text/event-stream",
        Form::Empty | Form::Other => true,
    }
}

fn forms(left: &View, right: &View, out: &mut Vec<Change>) {
    if left.status.is_none() || right.status.is_none() {
        return;
    }
    let streams = |view: &View| matches!(view.form, Form::Stream | Form::StreamOfOne);
    if left.form != right.form && !(streams(left) && streams(right)) {
        let kind = |view: &View| view.header("content-type").map(Value::from);
        let change = Change::new(Aspect::Form(left.form, right.form), Kind::Changed, Path::of("body"));
        out.push(change.between(kind(left), kind(right)));
    } else if left.fields != right.fields && left.sequence == right.sequence {
        out.push(Change::new(Aspect::EventFields, Kind::Changed, Path::of("events")));
    }
}

/// What came beside the answer: how much of each method, in which order, and what it says.
fn messages(left: &View, right: &View, out: &mut Vec<Change>) {
    let of = |view: &View, method: &str| -> Vec<Value> {
        view.messages.iter().filter(|m| m.method == method).map(|m| m.value.clone()).collect()
    };
    let mut methods: Vec<&str> = Vec::new();
    for message in left.messages.iter().chain(&right.messages) {
        if !methods.contains(&message.method.as_str()) {
            methods.push(&message.method);
        }
    }
    let before_change = out.len();
    for method in methods {
        let (before, after) = (of(left, method), of(right, method));
        let path = Path::of("messages").with(Segment::Item(method.to_owned()));
        if before.len() != after.len() {
            let kind = if before.len() > after.len() { Kind::Lost } else { Kind::Added };
            let change = Change::new(Aspect::Messages, kind, path);
            out.push(change.between(Some(before.len().into()), Some(after.len().into())));
            continue;
        }
        for (i, (before, after)) in before.iter().zip(&after).enumerate() {
            values::compare(&path.with(Segment::Index(i)), before, after, out);
        }
    }
    if out.len() == before_change && left.pages == 1 && right.pages == 1 && left.sequence != right.sequence {
        let change = Change::new(Aspect::Messages, Kind::Reordered, Path::of("messages"));
        out.push(change.between(Some(left.sequence.clone().into()), Some(right.sequence.clone().into())));
    }
}

fn delivery(left: &View, right: &View, known_ms: Option<f64>, out: &mut Vec<Change>) {
    let (Some(before), Some(after)) = (left.spread_ms, right.spread_ms) else { return };
    let before = known_ms.map_or(before, |known| known.min(before));
    if before >= SHORT_MS && after < before * HELD_BACK && matches!(left.form, Form::Stream) {
        let change = Change::new(Aspect::Delivery, Kind::Changed, Path::of("events"));
        out.push(change.between(Some(json!(before.round())), Some(json!(after.round()))));
    }
}
