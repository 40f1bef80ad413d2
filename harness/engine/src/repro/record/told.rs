//! An exchange on one line, for whoever watches.

use serde_json::Value;
use url::Url;

use crate::repro::recording::{Entry, Received};
use crate::transcript::millis;

/// Characters of a name that are shown.
const SHOWN: usize = 120;

/// What was asked and what came of it: `tools/call web_search  200  34.2 ms  session-1`; behind a target with the name of who was asked,
/// `→ runtime tools/call web_search`. The text may be anything; it is for
/// [`gauntlet_reports::sanitize`].
#[must_use]
pub fn line(entry: &Entry) -> String {
    let asked = match &entry.behind {
        Some(behind) => format!("→ {behind} {}", asked(entry)),
        None => asked(entry),
    };
    let mut line = format!("{asked:<44}");
    if let Some(status) = entry.response.as_ref().and_then(|response| response.status) {
        line.push_str(&format!("  {status}"));
    }
    line.push_str(&format!("  {:.1} ms", millis(entry.elapsed)));
    if let Some(code) = entry.response.as_ref().and_then(error) {
        line.push_str(&format!("  error {code}"));
    }
    if let Some(response) = entry.response.as_ref().filter(|response| response.is_event_stream()) {
        let events = response.events().len();
        line.push_str(&format!("  {events} event{}", if events == 1 { "" } else { "s" }));
    }
    for more in [&entry.session, &entry.failure].into_iter().flatten() {
        line.push_str(&format!("  {more}"));
    }
    line
}

/// The method of JSON-RPC with what it names, or the request line.
fn asked(entry: &Entry) -> String {
    let message = entry.request.body.json();
    if let Some(Value::Array(batch)) = &message {
        return format!("batch of {}", batch.len());
    }
    let message = message.unwrap_or_default();
    if let Some(method) = message.get("method").and_then(Value::as_str) {
        let named = ["name", "uri"].iter().find_map(|member| message.get("params")?.get(member)?.as_str());
        let named = named.map(|named| format!(" {}", named.chars().take(SHOWN).collect::<String>()));
        return format!("{}{}", method.chars().take(SHOWN).collect::<String>(), named.unwrap_or_default());
    }
    match Url::parse(&entry.request.url) {
        Ok(url) if url.scheme() != "stdio" => {
            format!("{} {}", entry.request.method, url.path().chars().take(SHOWN).collect::<String>())
        }
        _ if entry.request.body.bytes.is_empty() => "(the server by itself)".to_owned(),
        _ if message.get("id").is_some() => "(an answer)".to_owned(),
        _ => "(no message)".to_owned(),
    }
}

/// The code of the first error of JSON-RPC in what came back.
fn error(response: &Received) -> Option<i64> {
    let parsed = |text: &[u8]| serde_json::from_slice::<Value>(text).ok();
    let code = |message: Value| message.pointer("/error/code")?.as_i64();
    if response.is_event_stream() {
        return response.events().iter().filter_map(|event| parsed(event.event.data.as_bytes())).find_map(code);
    }
    if response.status.is_none() {
        return response.lines().into_iter().filter_map(|(_, line)| parsed(line)).find_map(code);
    }
    response.body.json().and_then(code)
}
