use serde_json::{Value, json};

use super::*;
use crate::repro::recording::STDIN;

fn open_text(text: &str) -> Result<Imported, Error> {
    open(text.as_bytes(), "report", &Options::default())
}

#[track_caller]
fn entries(text: &str) -> Vec<Entry> {
    match open_text(text).unwrap_or_else(|error| panic!("{error}\n{text}")).content {
        Content::Traffic(recording) => recording.entries,
        Content::Servers(servers) => panic!("{servers:?}"),
    }
}

#[track_caller]
fn one(text: &str) -> Entry {
    let entries = entries(text);
    assert_eq!(entries.len(), 1, "{entries:#?}");
    entries.into_iter().next().unwrap()
}

#[track_caller]
fn refused(text: &str) -> String {
    match open_text(text) {
        Err(error) => error.to_string(),
        Ok(imported) => panic!("{imported:#?}"),
    }
}

#[track_caller]
fn notes(text: &str) -> Vec<String> {
    open_text(text).unwrap().notes.iter().map(ToString::to_string).collect()
}

fn body(entry: &Entry) -> &str {
    entry.request.body.text().unwrap()
}

/// Method and URL, headers but what curl always sends, body.
fn told(entry: &Entry) -> String {
    let Sent { method, url, headers, .. } = &entry.request;
    let headers: Vec<String> = headers
        .iter()
        .filter(|(name, value)| !(name == "accept" && value == "*/*"))
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    format!("{method} {url} | {} | {}", headers.join(" | "), body(entry))
}

mod curl;
mod documents;
mod hars;
mod logs;
mod texts;
