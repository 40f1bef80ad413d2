//! Bodies: documents, forms, streams of events, lines of a process, texts, and texts among other bytes.

use bytes::Bytes;
use serde_json::Value;

use super::{Eye, LAYERS};
use crate::repro::recording::{Arrival, Payload};
use crate::repro::secrets::search::{Edit, applied, moved};

/// How a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Each line by itself: events, messages of a process.
    Lines,
    /// Parameters.
    Parameters,
    /// A document, or a text.
    Whole,
}

impl Form {
    pub(super) fn of(media_type: Option<&str>) -> Self {
        let essence =
            media_type.and_then(|media| media.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/event-stream" | "application/x-ndjson" | "application/jsonl" => Self::Lines,
            "application/x-www-form-urlencoded" => Self::Parameters,
            _ => Self::Whole,
        }
    }
}

impl Eye<'_> {
    pub(super) fn body(&mut self, body: &mut Payload, arrivals: &mut [Arrival], form: Form, is_cut: bool) {
        if body.bytes.is_empty() {
            return;
        }
        let edits = self.places(&body.bytes, form);
        self.change(body, arrivals, &edits);
        if self.replaces {
            let edits = self.values(&body.bytes, form, is_cut);
            self.change(body, arrivals, &edits);
        }
    }

    fn change(&self, body: &mut Payload, arrivals: &mut [Arrival], edits: &[Edit]) {
        if !self.replaces || edits.is_empty() {
            return;
        }
        let mut out = Vec::with_capacity(body.bytes.len());
        let mut done = 0;
        for edit in edits {
            out.extend_from_slice(&body.bytes[done..edit.range.start]);
            out.extend_from_slice(edit.with.as_bytes());
            done = edit.range.end;
        }
        out.extend_from_slice(&body.bytes[done..]);
        moved(arrivals, edits);
        body.bytes = Bytes::from(out);
    }

    /// What is secret by its place or its form.
    fn places(&mut self, bytes: &[u8], form: Form) -> Vec<Edit> {
        let mut edits = Vec::new();
        for (at, text) in segments(bytes, form) {
            let changed = match form {
                Form::Parameters => self.parameters(text),
                Form::Lines | Form::Whole => self.value(text, LAYERS),
            };
            edits.extend(changed.map(|with| Edit { range: at..at + text.len(), with }));
        }
        edits
    }

    /// What is known by value.
    fn values(&mut self, bytes: &[u8], form: Form, is_cut: bool) -> Vec<Edit> {
        let mut all = Vec::new();
        for (at, text) in segments(bytes, form) {
            let edits = self.finder.edits(text, is_cut && at + text.len() == bytes.len());
            if edits.is_empty() {
                continue;
            }
            // What stood in the place of a number is none any more.
            let document = serde_json::from_str::<Value>(text).ok();
            if let Some(mut document) = document
                && serde_json::from_str::<Value>(&applied(text, &edits)).is_err()
            {
                self.strings(&mut document);
                all.push(Edit { range: at..at + text.len(), with: document.to_string() });
                continue;
            }
            let shifted = edits.into_iter().map(|e| Edit { range: at + e.range.start..at + e.range.end, with: e.with });
            all.extend(shifted);
        }
        all
    }

    /// Takes known values out of each text and number of a document.
    fn strings(&mut self, value: &mut Value) {
        match value {
            Value::String(_) | Value::Number(_) => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let redacted = self.finder.text(&text);
                if redacted != text {
                    *value = Value::String(redacted);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.strings(item)),
            Value::Object(members) => {
                let kept = std::mem::take(members);
                members.extend(kept.into_iter().map(|(name, mut member)| {
                    self.strings(&mut member);
                    (self.finder.text(&name), member)
                }));
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
}

/// The texts of a body, each with its place: what is valid UTF-8, line by line if asked for, without what a line of an event
/// begins with.
fn segments(bytes: &[u8], form: Form) -> Vec<(usize, &str)> {
    let mut out = Vec::new();
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        if form == Form::Lines {
            let mut start = at;
            for line in chunk.valid().split_inclusive('\n') {
                let text = line.trim_end_matches(['\n', '\r']);
                let data = text.strip_prefix("data:").map_or(text, str::trim_start);
                out.push((start + text.len() - data.len(), data));
                start += line.len();
            }
        } else {
            out.push((at, chunk.valid()));
        }
        at += chunk.valid().len() + chunk.invalid().len();
    }
    out.retain(|(_, text)| !text.is_empty());
    out
}
