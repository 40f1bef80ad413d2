//! What was recorded behind the target, as stubs in the place of an upstream mock: what the upstream gave, and where it failed by
//! itself. What it refused is left to the mock, because the refusal may be about what the target sent.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;

use gauntlet_reports::volatile::{Normaliser, Rules, is_volatile_header};
use serde_json::{Map, Value, json};

use super::said::{Said, What, parameters};
use super::text::{holds_secret, literal};
use crate::repro::import::leads_to_credentials;
use crate::repro::record::{CLIENT_ENDED, RECORDING_ENDED};
use crate::repro::recording::Recording;
use crate::transport::hop::is_of_connection;

/// Methods whose answers are content; all others are about the session, or lists that the mock has of its own.
const CONTENT: [(&str, &str); 3] = [("tools/call", "name"), ("resources/read", "uri"), ("prompts/get", "name")];

/// Stubs at most; nobody reads more.
const MOST: usize = 60;

/// Values of one request that a stub asks for.
const MOST_VALUES: usize = 20;

/// Values of the client's request among which these are looked for.
const MOST_KNOWN: usize = 1000;

/// Bytes from which a text that stands in another one is no chance.
const WORD: usize = 4;

/// Characters of a text up to which a stub asks for it.
const LONGEST: usize = 200;

/// Headers of answers that are about how they came, or about the session.
const OWN_OF_ANSWERS: [&str; 8] =
    ["content-encoding", "content-length", "date", "mcp-session-id", "server", "set-cookie", "vary", "via"];

/// Where the id of the request stands, as a stub says it.
const ID: &str = "${request.body.id}";

/// The same of the token by which progress is told.
const TOKEN: &str = "${request.body.params._meta.progressToken}";

static RULES: LazyLock<Rules> = LazyLock::new(Rules::builtin);

/// What stands in the place of the upstreams.
#[derive(Debug, Default)]
pub(super) struct Stubs {
    /// The `stubs` of the scenario.
    pub(super) list: Vec<Value>,
    /// The upstreams that were asked, in the order in which they first were.
    pub(super) upstreams: Vec<String>,
    /// What is to be said about it.
    pub(super) notes: Vec<String>,
}

/// One answer, or several alike.
struct Stub {
    /// `match`, or none where any request is meant.
    pattern: Value,
    respond: Value,
    faults: Option<Value>,
    is_failure: bool,
    times: u64,
}

/// Answers to the same request, in order.
struct Group {
    upstream: String,
    /// What all requests of the group have in common.
    pattern: Value,
    stubs: Vec<Stub>,
}

/// Stubs of what is behind the target in a recording without secrets. Those that are `set_up` otherwise get none.
pub(super) fn stubs(recording: &Recording, set_up: &BTreeSet<String>) -> Stubs {
    let mut out =
        Stubs { upstreams: recording.upstreams().into_iter().map(str::to_owned).collect(), ..Stubs::default() };
    let mut left: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut groups: Vec<Group> = Vec::new();
    let causes = recording.causes();
    let all: Vec<(&str, Said<'_>, Option<Said<'_>>)> = recording
        .entries
        .iter()
        .zip(causes)
        .enumerate()
        .filter_map(|(at, (entry, cause))| {
            let upstream = entry.behind.as_deref().filter(|name| !set_up.contains(*name))?;
            let cause = cause.and_then(|at| Some(Said::of(recording.entries.get(at)?, at + 1)));
            Some((upstream, Said::of(entry, at + 1), cause))
        })
        .collect();
    let endpoints: HashSet<(&str, &str)> = all
        .iter()
        .filter(|(_, said, _)| said.what != What::Plain)
        .map(|(upstream, said, _)| (*upstream, said.path.as_str()))
        .collect();
    for (upstream, said, cause) in &all {
        if !is_content(said, endpoints.contains(&(*upstream, said.path.as_str()))) {
            continue;
        }
        let stub = match answer(said) {
            Ok(Some(answer)) => answer,
            Ok(None) => continue,
            Err(why) => {
                *left.entry(why).or_default() += 1;
                continue;
            }
        };
        let asked = Asked { said, cause: cause.as_ref() };
        let pattern = asked.pattern(false);
        let own = if stub.is_about_request { asked.pattern(true) } else { pattern.clone() };
        let Answered { respond, faults, is_failure, .. } = stub;
        let stub = Stub { pattern: own, respond, faults, is_failure, times: 1 };
        match groups.iter_mut().find(|group| group.upstream == *upstream && group.pattern == pattern) {
            Some(group) => group.add(stub),
            None => groups.push(Group { upstream: (*upstream).to_owned(), pattern, stubs: vec![stub] }),
        }
    }
    // A stub that asks for less would take what is another's.
    groups.sort_by_key(|group| std::cmp::Reverse(values(&group.pattern)));
    out.list = groups.into_iter().flat_map(Group::written).collect();
    if out.list.len() > MOST {
        out.notes.push(format!("left out: {} stubs behind the first {MOST}", out.list.len() - MOST));
        out.list.truncate(MOST);
    }
    let (other, own): (Vec<&str>, Vec<&str>) =
        out.upstreams.iter().map(String::as_str).partition(|name| set_up.contains(*name));
    if !other.is_empty() {
        let named = other.join(", ");
        out.notes
            .push(format!("behind the target ({named}): the mock answers, set up so that the known failure shows"));
    }
    let named = own.join(", ");
    if !own.is_empty() {
        let what = "sessions, lists, sign-ins and what was refused";
        out.notes.push(match out.list.len() {
            0 => format!("behind the target ({named}): {what} are the mock's own; nothing else was asked"),
            1 => format!("one stub answers as {named} did; {what} are the mock's own"),
            n => format!("{n} stubs answer as {named} did; {what} are the mock's own"),
        });
    }
    for (why, number) in left {
        out.notes.push(format!("left to the mock behind the target: {number} {why}"));
    }
    out
}

/// Whether the answer is something that the mock would not have by itself.
fn is_content(said: &Said<'_>, at_endpoint: bool) -> bool {
    match &said.what {
        What::Call(method) => CONTENT.iter().any(|(known, _)| known == method),
        // A stream of the session, or its end.
        What::Plain if at_endpoint || said.is_stdio() => false,
        What::Plain => said.entry.request.method != "OPTIONS" && !leads_to_credentials(said.entry),
        What::Notify(_) | What::Answer | What::Odd => false,
    }
}

struct Answered {
    respond: Value,
    faults: Option<Value>,
    is_failure: bool,
    /// The failure may be one of just these arguments.
    is_about_request: bool,
}

/// The answer as a stub gives it; none if it is a refusal. The error says why it cannot be one.
fn answer(said: &Said<'_>) -> Result<Option<Answered>, &'static str> {
    let entry = said.entry;
    if matches!(entry.failure.as_deref(), Some(CLIENT_ENDED | RECORDING_ENDED)) {
        return Err("that ended before their answers");
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
fn sent(said: &Said<'_>, event: &gauntlet_format::sse::SseEvent) -> Value {
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

/// The same with texts that stand for themselves.
fn literal_of(value: Value) -> Value {
    match value {
        Value::String(text) => literal(&text).into(),
        Value::Array(items) => items.into_iter().map(literal_of).collect(),
        Value::Object(members) => members.into_iter().map(|(name, member)| (name, literal_of(member))).collect(),
        other => other,
    }
}

/// A request behind the target.
struct Asked<'a, 'e> {
    said: &'a Said<'e>,
    /// What the client asked meanwhile.
    cause: Option<&'a Said<'e>>,
}

impl Asked<'_, '_> {
    /// What a stub asks for: what the request is about, and of its values those that the client had sent. What the target adds or
    /// alters may be the bug. With `whole` all arguments as they were, and no others.
    fn pattern(&self, whole: bool) -> Value {
        let said = self.said;
        let mut pattern = Map::new();
        if let (What::Call(method), Some(message)) = (&said.what, &said.message) {
            let mut params = Map::new();
            let subject = CONTENT.iter().find(|(known, _)| known == method).map_or("name", |(_, subject)| subject);
            for (name, value) in message.get("params").and_then(Value::as_object).into_iter().flatten() {
                let part = match name.as_str() {
                    "_meta" => None,
                    name if name == subject => plain(value),
                    _ if whole => plain(value).map(|value| json!({ "$exact": value })),
                    _ => self.common(value),
                };
                params.extend(part.map(|part| (name.clone(), part)));
            }
            let mut body = Map::from_iter([("method".to_owned(), Value::from(method.as_str()))]);
            if !params.is_empty() {
                body.insert("params".to_owned(), params.into());
            }
            pattern.insert("body".to_owned(), body.into());
            return pattern.into();
        }
        pattern.insert("method".to_owned(), said.entry.request.method.as_str().into());
        pattern.insert("path".to_owned(), literal(&said.path).into());
        let query = said.query.as_deref().and_then(parameters).unwrap_or_default();
        let query: Value =
            query.into_iter().map(|(name, value)| (name, Value::from(value))).collect::<Map<_, _>>().into();
        for (name, value) in [("query", Some(&query)), ("body", said.message.as_ref())] {
            pattern.extend(value.and_then(|value| self.common(value)).map(|part| (name.to_owned(), part)));
        }
        pattern.into()
    }

    /// The part of a value that the client sent too, in whatever place; all of it where no client is known.
    fn common(&self, value: &Value) -> Option<Value> {
        let mut known: Vec<Value> = Vec::new();
        if let Some(cause) = self.cause {
            cause.message.iter().for_each(|message| leaves(message, &mut known));
            let query = cause.query.as_deref().and_then(parameters).unwrap_or_default();
            known.extend(query.into_iter().map(|(_, value)| value.into()));
        }
        let mut normal = value.clone();
        Normaliser::new(&RULES).document(&mut normal);
        let mut left = MOST_VALUES;
        let is_known = |leaf: &Value| self.cause.is_none() || known.iter().any(|known| holds(known, leaf));
        part(value, &normal, &is_known, &mut left)
    }
}

/// What of a value is known, is the same each time and is short.
fn part(value: &Value, normal: &Value, is_known: &dyn Fn(&Value) -> bool, left: &mut usize) -> Option<Value> {
    match value {
        Value::Object(members) => {
            // A matcher begins with `$`, and so does no other member.
            if members.keys().any(|name| name.starts_with('$')) {
                return None;
            }
            let part = |(name, member): (&String, &Value)| {
                Some((name.clone(), part(member, normal.get(name)?, is_known, left)?))
            };
            let kept: Map<String, Value> = members.iter().filter_map(part).collect();
            (!kept.is_empty()).then(|| kept.into())
        }
        // Lists match as a whole.
        Value::Array(items) => {
            let all: Option<Vec<Value>> = items
                .iter()
                .enumerate()
                .map(|(at, item)| {
                    let found = part(item, normal.get(at)?, is_known, left)?;
                    (!item.is_object() || found.as_object().map(Map::len) == item.as_object().map(Map::len))
                        .then_some(found)
                })
                .collect();
            all.filter(|all| !all.is_empty()).map(Value::Array)
        }
        leaf => {
            let is_short = leaf.as_str().is_none_or(|text| text.chars().count() <= LONGEST && !holds_secret(text));
            if *left == 0 || !is_short || normal != leaf || !is_known(leaf) {
                return None;
            }
            *left -= 1;
            Some(literal_of(leaf.clone()))
        }
    }
}

/// A value as it stands, if it is the same each time.
fn plain(value: &Value) -> Option<Value> {
    let mut normal = value.clone();
    Normaliser::new(&RULES).document(&mut normal);
    (normal == *value && !holds_secret(&value.to_string())).then(|| literal_of(value.clone()))
}

fn leaves(value: &Value, into: &mut Vec<Value>) {
    match value {
        Value::Object(members) => members.values().for_each(|member| leaves(member, into)),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, into)),
        leaf if into.len() < MOST_KNOWN => into.push(leaf.clone()),
        _ => {}
    }
}

/// Whether a value that the client sent is the other one, or a text that holds it.
fn holds(known: &Value, leaf: &Value) -> bool {
    match (known, leaf) {
        (Value::String(known), Value::String(leaf)) => known == leaf || leaf.len() >= WORD && known.contains(leaf),
        (known, leaf) => known == leaf,
    }
}

/// How many values a pattern asks for.
fn values(pattern: &Value) -> usize {
    match pattern {
        Value::Object(members) => members.values().map(values).sum(),
        Value::Array(items) => items.iter().map(values).sum(),
        _ => 1,
    }
}

impl Group {
    /// Behind the others; what is the same as the last one counts with it.
    fn add(&mut self, stub: Stub) {
        match self.stubs.last_mut() {
            Some(last)
                if last.pattern == stub.pattern && last.respond == stub.respond && last.faults == stub.faults =>
            {
                last.times += 1;
            }
            _ => self.stubs.push(stub),
        }
    }

    /// As the scenario has them: each so often as it was given, and the last one from then on, unless it is a failure.
    fn written(self) -> Vec<Value> {
        let last = self.stubs.len().saturating_sub(1);
        let upstream = self.upstream;
        let write = |(at, stub): (usize, Stub)| {
            let mut members = Map::from_iter([("at".to_owned(), Value::from(upstream.as_str()))]);
            members.insert("match".to_owned(), stub.pattern);
            if at < last || stub.is_failure {
                members.insert("times".to_owned(), stub.times.into());
            }
            members.insert("respond".to_owned(), stub.respond);
            members.extend(stub.faults.map(|faults| ("faults".to_owned(), faults)));
            members.into()
        };
        self.stubs.into_iter().enumerate().map(write).collect()
    }
}
