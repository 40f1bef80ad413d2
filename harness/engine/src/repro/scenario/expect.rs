//! What is expected of the answer to a step.

use gauntlet_format::scenario::Lifecycle;
use serde_json::{Map, Value, json};

use super::Expect;
use super::loosen::Loosener;
use super::plan::Plan;
use super::said::{Said, TOOL_ERROR, What, is_late};
use super::text::{holds_secret, literal};
use crate::repro::record::{CLIENT_ENDED, RECORDING_ENDED};

/// Events of a stream that are expected.
const MOST_EVENTS: usize = 12;

/// Writes expectations.
pub(super) struct Expectations<'p, 's, 'e> {
    pub(super) plan: &'p Plan<'s, 'e>,
    pub(super) expect: Expect,
}

impl Expectations<'_, '_, '_> {
    /// The block of a step; `is_bug` says that its answer is one that should have been another.
    pub(super) fn of(&self, said: &Said<'_>, verb: &str, is_bug: bool, loosener: &mut Loosener<'_>) -> Option<Value> {
        if is_bug && self.expect != Expect::Seen {
            return (self.expect == Expect::Fixed).then(|| self.good(said, verb));
        }
        let mut out = Map::new();
        if let Some(outcome) = outcome(said, verb) {
            out.insert("outcome".to_owned(), outcome.into());
            let told: Vec<&Value> = said.messages.iter().filter(|message| message.get("method").is_some()).collect();
            if !told.is_empty() && verb == "call" {
                out.insert("messages".to_owned(), json!({ "$inOrder": methods(told.into_iter()) }));
            }
            return Some(Value::Object(out));
        }
        if let Some(status) = said.status().filter(|_| verb != "listen") {
            out.insert("status".to_owned(), status.into());
        }
        let normal = loosener.normal(said.entry);
        let headers = self.headers(said, verb, loosener);
        if !headers.is_empty() {
            out.insert("headers".to_owned(), Value::Object(headers));
        }
        if verb == "listen" {
            out.insert("messages".to_owned(), json!({ "$inOrder": methods(said.messages.iter()) }));
        } else if let Some(error) = said.error() {
            out.insert("error".to_owned(), self.error(said, error, &normal, loosener));
        } else if let Some(result) = said.result() {
            let pattern = self.result(said, result, &normal, loosener);
            out.insert("result".to_owned(), pattern);
        } else if let Some(json) = &said.json {
            out.insert("body".to_owned(), loosener.pattern(json, normal.first()));
        } else if let Some(events) = self.events(said, loosener) {
            out.insert("$sse".to_owned(), events);
        } else if let Some(text) = said.entry.response.as_ref().and_then(|response| response.body.text())
            && !said.is_stdio()
            && !text.trim().is_empty()
            && said.messages.is_empty()
        {
            out.insert("body".to_owned(), loosener.text(text, false, None));
        }
        let before: Vec<&Value> = said.messages.iter().filter(|message| message.get("method").is_some()).collect();
        if !before.is_empty() && verb == "call" {
            out.insert("messages".to_owned(), json!({ "$inOrder": methods(before.into_iter()) }));
        }
        (!out.is_empty()).then_some(Value::Object(out))
    }

    /// What a good answer has that the recording does not show.
    fn good(&self, said: &Said<'_>, verb: &str) -> Value {
        match (verb, said.is_stdio()) {
            ("call", _) => {
                let result = if said.is_call("tools/call") {
                    json!({ "isError": { "$oneOf": [false, { "$absent": true }] } })
                } else {
                    json!({ "$type": "object" })
                };
                if said.is_stdio() { json!({ "result": result }) } else { json!({ "status": 200, "result": result }) }
            }
            (_, true) => json!({ "outcome": "answered" }),
            ("notify", _) => json!({ "status": { "$lt": 300 } }),
            _ if said.has_tool_error() => {
                let error = json!({ "content": { "type": { "$regex": format!("{TOOL_ERROR}$") } } });
                json!({ "status": 200, "body": { "content": { "$not": { "$contains": error } } } })
            }
            _ => json!({ "status": { "$lt": 400 } }),
        }
    }

    fn headers(&self, said: &Said<'_>, verb: &str, loosener: &Loosener<'_>) -> Map<String, Value> {
        let mut out = Map::new();
        if let Some(challenge) = said.answered_header("www-authenticate").and_then(|value| challenge(value, loosener)) {
            out.insert("www-authenticate".to_owned(), challenge);
        }
        if let Some(location) = said.answered_header("location").filter(|_| said.status().is_some_and(|s| s / 100 == 3))
        {
            let path = location.split(['?', '#']).next().unwrap_or_default();
            let path = path.split_once("://").map_or(path, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
            if !holds_secret(path) {
                out.insert("location".to_owned(), json!({ "$contains": literal(path) }));
            }
        }
        if let Some(media) = said.media() {
            let usual: &[&str] =
                if verb == "http" { &["application/json"] } else { &["application/json", "text/event-stream"] };
            let has_body = said.entry.response.as_ref().is_some_and(|response| !response.body.bytes.is_empty());
            if has_body && !usual.contains(&media.as_str()) {
                out.insert("content-type".to_owned(), json!({ "$contains": literal(&media) }));
            }
        }
        out
    }

    fn error(&self, said: &Said<'_>, error: &Value, normal: &[Value], loosener: &mut Loosener<'_>) -> Value {
        let normal = normal_answer(said, normal).and_then(|answer| answer.get("error"));
        let mut told = error.clone();
        if let Some(members) = told.as_object_mut() {
            members.retain(|name, _| matches!(name.as_str(), "code" | "message"));
        }
        loosener.pattern(&told, normal)
    }

    fn result(&self, said: &Said<'_>, result: &Value, normal: &[Value], loosener: &mut Loosener<'_>) -> Value {
        if said.is_call("initialize") {
            return initialized(result);
        }
        let normal = normal_answer(said, normal).and_then(|answer| answer.get("result"));
        let mut told = result.clone();
        // What the harness asked for is said elsewhere, and from 2026-07-28 every result has these.
        if self.plan.lifecycle != Lifecycle::Bare
            && let Some(members) = told.as_object_mut()
        {
            members.retain(|name, _| !matches!(name.as_str(), "resultType" | "ttlMs" | "cacheScope"));
        }
        // Of what is listed the names count; how it is described changes often.
        if said.method().is_some_and(|method| method.ends_with("/list"))
            && let Some(members) = told.as_object_mut()
        {
            let items = members.values_mut().filter_map(Value::as_array_mut).flatten();
            items.filter_map(Value::as_object_mut).for_each(|item| item.retain(|name, _| name != "description"));
        }
        loosener.pattern(&told, normal)
    }

    /// Events of a stream that speaks another protocol: each kind once in a row.
    fn events(&self, said: &Said<'_>, loosener: &Loosener<'_>) -> Option<Value> {
        let events = said.entry.response.as_ref()?.events();
        if events.is_empty() || !said.messages.is_empty() {
            return None;
        }
        let mut out: Vec<Value> = Vec::new();
        for event in events {
            let name = &event.event.event;
            let pattern = if name == "message" {
                match serde_json::from_str::<Value>(&event.event.data).ok().as_ref().and_then(|data| data.get("type")) {
                    Some(Value::String(kind)) => json!({ "data": { "type": literal(kind) } }),
                    _ if event.event.data.len() <= 40 => {
                        let text = loosener.text(&event.event.data, false, None);
                        json!({ "data": text })
                    }
                    _ => continue,
                }
            } else {
                json!({ "event": literal(name) })
            };
            if out.last() != Some(&pattern) {
                out.push(pattern);
            }
            if out.len() == MOST_EVENTS {
                break;
            }
        }
        (!out.is_empty()).then_some(Value::Array(out))
    }
}

/// How a step ended that was not answered.
fn outcome(said: &Said<'_>, verb: &str) -> Option<&'static str> {
    let is_late = |failure: &str| matches!(failure, CLIENT_ENDED | RECORDING_ENDED) || is_late(failure);
    let is_unanswered = verb == "call" && said.answer.is_none();
    match &said.entry.failure {
        // What the client did not wait for came as far as it is told.
        Some(_) if said.answer.is_some() || verb == "listen" => None,
        Some(failure) => Some(if is_late(failure) { "timeout" } else { "closed" }),
        None if said.is_stdio() && is_unanswered => Some("timeout"),
        None if said.is_stdio() && verb == "send" && said.messages.is_empty() => Some("silent"),
        None if is_unanswered && said.media().as_deref() == Some("text/event-stream") => Some("closed"),
        None => None,
    }
}

/// The normal form of the answer: the documents of a body and of events come in one order.
fn normal_answer<'n>(said: &Said<'_>, normal: &'n [Value]) -> Option<&'n Value> {
    let is_answer = |value: &&Value| {
        value.get("method").is_none() && (value.get("result").is_some() || value.get("error").is_some())
    };
    let answers: Vec<&Value> = said.messages.iter().filter(is_answer).collect();
    let at = answers.iter().position(|answer| Some(*answer) == said.answer.as_ref())?;
    let flat = normal.iter().flat_map(|value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice));
    flat.filter(is_answer).nth(at)
}

/// The methods of messages, each once in a row; answers among them as such.
fn methods<'m>(messages: impl Iterator<Item = &'m Value>) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for message in messages {
        let pattern = match message.get("method").and_then(Value::as_str) {
            Some(method) => json!({ "method": literal(method) }),
            None => json!({ "id": { "$any": true } }),
        };
        if out.last() != Some(&pattern) && out.len() < MOST_EVENTS {
            out.push(pattern);
        }
    }
    out
}

/// What `initialize` agreed on.
fn initialized(result: &Value) -> Value {
    let mut out = Map::new();
    if let Some(version) = result.get("protocolVersion") {
        out.insert("protocolVersion".to_owned(), version.clone());
    }
    if let Some(Value::Object(capabilities)) = result.get("capabilities") {
        let names = capabilities.keys().filter(|name| !name.starts_with('$'));
        let members: Map<String, Value> = names.map(|name| (name.clone(), json!({ "$type": "object" }))).collect();
        if !members.is_empty() {
            out.insert("capabilities".to_owned(), Value::Object(members));
        }
    }
    Value::Object(out)
}

/// A `WWW-Authenticate` by its scheme and its parameters.
fn challenge(value: &str, loosener: &Loosener<'_>) -> Option<Value> {
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    if scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return None;
    }
    let mut out = Map::from_iter([("scheme".to_owned(), Value::from(scheme))]);
    for name in ["error", "error_description", "scope", "resource_metadata"] {
        let quoted = format!("{name}=\"");
        // At the start, or behind a comma or a space.
        let found = rest.match_indices(&quoted).find(|(at, _)| *at == 0 || rest[..*at].ends_with([',', ' ']));
        let Some((at, _)) = found else { continue };
        let value = rest[at + quoted.len()..].split('"').next().unwrap_or_default();
        if value.is_empty() || value.contains('\\') {
            continue;
        }
        let pattern = match (name, value.split_once("://")) {
            ("resource_metadata", Some((_, rest))) => {
                let path = rest.find('/').map_or("/", |at| &rest[at..]);
                json!({ "$url": { "path": literal(path.split(['?', '#']).next().unwrap_or_default()) } })
            }
            _ => loosener.text(value, false, None),
        };
        out.insert(name.to_owned(), pattern);
    }
    Some(json!({ "$challenge": out }))
}

/// Which of the answers are those that a bug report is about: they are bad, and no later one to the same request is good.
pub(super) fn bugs(plan: &Plan<'_, '_>) -> Vec<bool> {
    let steps = &plan.steps;
    let opened = plan.handshake.iter().copied().chain(steps.iter().map(|(said, _)| *said));
    let declared: Vec<&Value> = opened
        .filter(|said| said.is_call("initialize"))
        .filter_map(|said| said.result()?.get("capabilities"))
        .collect();
    let same = |a: &Said<'_>, b: &Said<'_>| {
        a.entry.request.method == b.entry.request.method
            && a.path == b.path
            && a.method() == b.method()
            && a.subject() == b.subject()
    };
    let is_after_end = |at: usize| {
        let session = |said: &Said<'_>| said.entry.request.header("mcp-session-id").map(str::to_owned);
        let own = session(steps[at].0);
        own.is_some()
            && steps[..at].iter().any(|(said, _)| {
                let is_done = said.status().is_some_and(|status| status < 300);
                said.entry.request.method == "DELETE" && is_done && session(said) == own
            })
    };
    steps
        .iter()
        .enumerate()
        .map(|(at, (said, _))| {
            let is_bad = said.failure().is_some();
            // A server need not offer a stream or a session to end, and metadata are looked for in several places.
            let is_usual = match said.status() {
                Some(405) => matches!(said.entry.request.method.as_str(), "GET" | "DELETE"),
                // Nor does a session know its client any more that the client ended.
                Some(404) => said.path.contains("/.well-known/") || is_after_end(at),
                _ => false,
            };
            // Clients ask for lists that the server never offered.
            let is_undeclared = said.error().and_then(|error| error.get("code")) == Some(&METHOD_NOT_FOUND.into())
                && capability(said.method().unwrap_or_default()).is_some_and(|capability| {
                    !declared.is_empty() && declared.iter().all(|all| all.get(capability).is_none())
                });
            // Who takes a request back wants no answer.
            let id = said.message.as_ref().and_then(|message| message.get("id"));
            let is_cancelled = said.answer.is_none()
                && id.is_some()
                && steps[at + 1..].iter().any(|(later, client)| *client == steps[at].1 && later.cancels() == id);
            let is_mended = steps[at + 1..].iter().any(|(later, _)| same(said, later) && later.failure().is_none());
            is_bad && !is_usual && !is_undeclared && !is_cancelled && !is_mended && said.what != What::Answer
        })
        .collect()
}

/// Code of JSON-RPC for a method that a server does not have.
const METHOD_NOT_FOUND: i64 = -32601;

/// The capability that a server declares which has the method.
fn capability(method: &str) -> Option<&'static str> {
    Some(match method.split('/').next()? {
        "tools" => "tools",
        "prompts" => "prompts",
        "resources" => "resources",
        "logging" => "logging",
        "completion" => "completions",
        _ => return None,
    })
}
