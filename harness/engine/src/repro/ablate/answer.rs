//! An answer as it is compared with others: what it came to, and what stands in it.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use gauntlet_reports::compare::{self, Kind};
use gauntlet_reports::volatile::{Normaliser, Rules};
use gauntlet_reports::{Body, Exchange, WireRequest, WireResponse, sanitize};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// How the path begins of a difference in a header.
const HEADER: &str = "header ";

/// Differences between two bodies that are told.
const TOLD: usize = 8;

/// Characters of a value that are told.
const VALUE: usize = 120;

/// Headers that are part of what is answered: who is let in, as what the body is to be read, where to go on, when to come back,
/// who else may have the answer. All others are about the server, the connection or the time.
const TELLING: [&str; 11] = [
    "access-control-allow-origin",
    "allow",
    "cache-control",
    "content-disposition",
    "content-type",
    "location",
    "mcp-protocol-version",
    "mcp-session-id",
    "retry-after",
    "www-authenticate",
    "x-amzn-errortype",
];

/// Those of them whose value is another one each time: that they are there is what counts.
const PRESENT: [&str; 2] = ["mcp-session-id", "retry-after"];

/// The longest pause that a target gets which was asked too often.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What an answer says of itself in a line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Told {
    /// HTTP status; none over stdio, and where nothing came.
    pub status: Option<u16>,
    /// Code of the JSON-RPC error.
    pub code: Option<i64>,
    /// What the refusal, the JSON-RPC error or the failed tool says.
    pub message: Option<String>,
    /// A result with `isError`.
    pub is_error: bool,
    /// Why there is no whole answer.
    pub failure: Option<String>,
}

impl Told {
    /// Whether nothing in it says that the request failed.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status.is_none_or(|status| status < 400) && self.code.is_none() && !self.is_error && self.failure.is_none()
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = Vec::new();
        words.extend(self.status.map(|status| status.to_string()));
        words.extend(self.code.map(|code| format!("JSON-RPC error {code}")));
        words.extend(self.is_error.then(|| "isError".to_owned()));
        words.extend(self.failure.as_ref().map(|failure| format!("no answer: {}", sanitize::line(failure, VALUE))));
        words.extend(self.message.as_ref().map(|message| sanitize::line(message, VALUE).into_owned()));
        if words.is_empty() {
            words.push("a result".to_owned());
        }
        f.write_str(&words.join(" "))
    }
}

/// A place at which two answers differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where in the body; `header NAME` for a header.
    pub path: String,
    /// What the unaltered request gets there, as JSON; none: nothing.
    pub before: Option<String>,
    /// What the altered one gets there.
    pub after: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        let path = if self.path.is_empty() { "the body" } else { self.path.as_str() };
        let path = sanitize::inline(path);
        match (&self.before, &self.after) {
            (Some(_), None) => write!(f, "{path} is gone"),
            (None, Some(after)) => write!(f, "{path} is there: {after}"),
            _ => write!(f, "{path}: {} → {}", shown(&self.before), shown(&self.after)),
        }
    }
}

/// What leaving a part out, or altering it, does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// The answer is the same.
    None,
    /// It comes to the same, and says something else in its body or in a header.
    Content(Vec<Difference>),
    /// It comes to something else.
    Outcome,
}

/// How much of a body, and of headers, is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Every value.
    Values,
    /// Which members there are, and the types of values.
    Shape,
}

/// An answer, without what differs from one time to the next.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub told: Told,
    /// There is a JSON-RPC result in it.
    has_result: bool,
    body: Value,
    /// Those of [`TELLING`], by name.
    headers: Map<String, Value>,
    /// Those that are others each time, so that they are not compared.
    unsteady: BTreeSet<String>,
    /// Nothing more can be asked over the same connection or process.
    pub lost: bool,
    /// The target was asked too often (RFC 6585 section 4), and wants to be left alone for so long.
    pub too_many: Option<Duration>,
}

impl Answer {
    /// Of a request that was never sent.
    pub(super) fn nothing() -> Self {
        Self {
            told: Told::default(),
            has_result: false,
            body: Value::Null,
            headers: Map::new(),
            unsteady: BTreeSet::new(),
            lost: true,
            too_many: None,
        }
    }

    /// Of an exchange that holds no secrets any more.
    pub(super) fn of(mut exchange: Exchange, rules: &Rules, lost: bool) -> Self {
        // Placeholders are counted from the first value; those of the request would count too, and it is altered.
        let nothing = WireRequest { method: String::new(), url: String::new(), headers: Vec::new(), body: Body::Empty };
        exchange.request = nothing;
        let status = exchange.response.as_ref().and_then(|response| response.status);
        let nothing = || exchange.response.is_none().then(|| "nothing came back".to_owned());
        let failure = exchange.failure.clone().or_else(nothing);
        let retry_after = exchange.response.as_ref().and_then(retry_after);
        let documents = exchange.response.as_ref().map(|response| documents(&response.body)).unwrap_or_default();
        let error = documents.iter().find_map(|m| m.get("error").filter(|error| error.get("code").is_some()));
        let result = documents.iter().find_map(|m| m.get("jsonrpc").and(m.get("result")));
        let is_error = result.is_some_and(|result| result.get("isError") == Some(&Value::Bool(true)));
        let words = || documents.iter().find_map(said).or_else(|| exchange.response.as_ref().and_then(words));
        let refusal = status.is_some_and(|status| status >= 400).then(words).flatten();
        let message = match error {
            Some(error) => error.get("message").and_then(Value::as_str).map(str::to_owned),
            None if is_error => result.and_then(|r| r.pointer("/content/0/text")?.as_str().map(str::to_owned)),
            None => refusal,
        };
        let code = error.and_then(|error| error.get("code")?.as_i64());
        let has_result = result.is_some();
        let told = Told { status, code, message, is_error, failure };
        Normaliser::new(rules).exchange(&mut exchange);
        let headers = exchange.response.as_ref().map(|response| telling(&response.headers)).unwrap_or_default();
        let body = exchange.response.map(|response| plain(response.body)).unwrap_or_default();
        Self { told, has_result, body, headers, unsteady: BTreeSet::new(), lost, too_many: retry_after }
    }

    /// What is different about another answer.
    pub(super) fn effect_of(&self, other: &Self, by: By) -> Effect {
        if self.outcome() != other.outcome() {
            return Effect::Outcome;
        }
        let mut differences = match by {
            By::Values => differences(&self.body, &other.body),
            By::Shape => differences(&shape(&self.body), &shape(&other.body)),
        };
        differences.extend(self.headers_of(other, by));
        if differences.is_empty() { Effect::None } else { Effect::Content(differences) }
    }

    /// Compares no longer the headers that another answer to the same request, which comes to the same, has otherwise; names them.
    pub(super) fn forget_unsteady(&mut self, other: &Self) -> Vec<String> {
        if self.outcome() != other.outcome() {
            return Vec::new();
        }
        let name = |found: Difference| found.path.strip_prefix(HEADER).map(str::to_owned);
        let found: Vec<String> = self.headers_of(other, By::Values).filter_map(name).collect();
        self.unsteady.extend(found.iter().cloned());
        found
    }

    fn headers_of(&self, other: &Self, by: By) -> impl Iterator<Item = Difference> {
        let shown = |value: Option<&Value>| value.map(|value| sanitize::line(&value.to_string(), VALUE).into_owned());
        let of = move |headers: &Map<String, Value>, name: &str| match by {
            By::Values => headers.get(name).cloned(),
            By::Shape => headers.get(name).map(shape),
        };
        let compared = TELLING.into_iter().filter(|name| !self.unsteady.contains(*name));
        compared.filter_map(move |name| {
            let (before, after) = (of(&self.headers, name), of(&other.headers, name));
            (before != after).then(|| Difference {
                path: format!("{HEADER}{name}"),
                before: shown(before.as_ref()),
                after: shown(after.as_ref()),
            })
        })
    }

    fn outcome(&self) -> (Option<u16>, Option<i64>, bool, bool, bool) {
        let Told { status, code, is_error, failure, .. } = &self.told;
        (*status, *code, *is_error, failure.is_some(), self.has_result)
    }
}

/// The headers that count, each with its value; several of one name are one value, as RFC 9110 section 5.3 has it.
fn telling(headers: &[(String, String)]) -> Map<String, Value> {
    let mut telling = Map::new();
    for name in TELLING {
        let values: Vec<&str> =
            headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect();
        if !values.is_empty() {
            let value = if PRESENT.contains(&name) { "there".to_owned() } else { values.join(", ") };
            telling.insert(name.to_owned(), value.into());
        }
    }
    telling
}

/// How long to wait after an answer that says that there were too many requests.
fn retry_after(response: &WireResponse) -> Option<Duration> {
    let header =
        |(name, value): &(String, String)| (name == "retry-after").then(|| value.trim().parse().ok()).flatten();
    let seconds = response.headers.iter().find_map(header).unwrap_or(1);
    (response.status == Some(429)).then(|| Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

/// Every JSON document in a body.
fn documents(body: &Body) -> Vec<Value> {
    let flat = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    match body {
        Body::Json(value) => flat(value),
        Body::Events(events) => events.iter().flat_map(|event| flat(&event.data)).collect(),
        _ => Vec::new(),
    }
}

/// What a document that is no JSON-RPC message says of what went wrong, in the member that well-known services have for it.
fn said(document: &Value) -> Option<String> {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    let members = ["/message", "/Message", "/error_description", "/error/message", "/detail", "/error", "/title"];
    members.into_iter().find_map(text).map(str::to_owned)
}

/// The words of a body that is nothing but text.
fn words(response: &WireResponse) -> Option<String> {
    match &response.body {
        Body::Text { text, .. } if !text.trim_start().starts_with('<') => Some(text.trim().to_owned()),
        _ => None,
    }
}

/// The body as one value. When events came is left out.
fn plain(body: Body) -> Value {
    match body {
        Body::Empty => Value::Null,
        Body::Json(value) => value,
        Body::Text { text, truncated: 0 } => text.into(),
        Body::Text { text, truncated } => json!({ "text": text, "bytes more": truncated }),
        Body::Binary { length } => json!({ "bytes": length }),
        Body::Events(events) => {
            let event = |event: gauntlet_reports::StreamEvent| json!({ "event": event.event, "data": event.data });
            events.into_iter().map(event).collect()
        }
    }
}

fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let shown = |value: Option<&Value>| value.map(|value| sanitize::line(&value.to_string(), VALUE).into_owned());
    let changes = compare::values(before, after);
    let told = changes.iter().take(TOLD).map(|change| {
        let renamed = match &change.kind {
            Kind::Renamed { to } => Some(Value::from(to.as_str())),
            _ => None,
        };
        Difference {
            path: change.path.to_string(),
            before: shown(change.left.as_ref()),
            after: shown(renamed.as_ref().or(change.right.as_ref())),
        }
    });
    told.collect()
}

/// The value with types in the place of values; of a list what its first element looks like.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_) => "a boolean".into(),
        Value::Number(_) => "a number".into(),
        Value::String(_) => "a text".into(),
        Value::Array(items) => items.first().map(shape).into_iter().collect(),
        Value::Object(members) => members.iter().map(|(name, member)| (name.clone(), shape(member))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use gauntlet_reports::Hop;

    use super::*;

    fn answer(status: u16, body: Value) -> Answer {
        Answer::of(exchange(status, body), &Rules::builtin(), false)
    }

    fn exchange(status: u16, body: Value) -> Exchange {
        Exchange {
            hop: Hop { from: "client".to_owned(), to: "target".to_owned() },
            step: None,
            request: WireRequest { method: "POST".into(), url: "/".into(), headers: Vec::new(), body: Body::Empty },
            response: Some(WireResponse { status: Some(status), headers: Vec::new(), body: Body::Json(body) }),
            failure: None,
            cause: None,
            note: None,
            started_ms: 0.0,
            began_ms: None,
            elapsed_ms: 0.0,
        }
    }

    fn result(id: u64, text: &str) -> Answer {
        answer(200, json!({ "jsonrpc": "2.0", "id": id, "error": null, "result": { "content": [{ "text": text }] } }))
    }

    #[test]
    fn what_varies_makes_no_difference() {
        let uuid = |c: &str| format!("made by {c}0000000-0000-4000-8000-000000000000");
        assert_eq!(result(1, &uuid("a")).effect_of(&result(2, &uuid("b")), By::Values), Effect::None);
        let Effect::Content(differences) = result(1, "a").effect_of(&result(1, "b"), By::Values) else {
            panic!("another text makes a difference")
        };
        assert_eq!(differences[0].to_string(), r#"result.content[0].text: "a" → "b""#);
        assert_eq!(result(1, "a").effect_of(&result(1, "b"), By::Shape), Effect::None);
    }

    #[test]
    fn headers_that_say_something_are_compared() {
        let with = |headers: &[(&str, &str)]| {
            let mut exchange = exchange(401, json!({ "error": "no" }));
            if let Some(response) = &mut exchange.response {
                response.headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            }
            Answer::of(exchange, &Rules::builtin(), false)
        };
        let plain =
            with(&[("www-authenticate", "Bearer"), ("date", "Sun, 22 Nov 2026 03:25:19 GMT"), ("x-server", "a")]);
        let others = [("www-authenticate", "Bearer"), ("date", "Mon, 23 Nov 2026 03:25:19 GMT"), ("x-server", "b")];
        assert_eq!(plain.effect_of(&with(&others), By::Values), Effect::None);
        let said = |answer: &Answer, by| match plain.effect_of(answer, by) {
            Effect::Content(differences) => differences.iter().map(ToString::to_string).collect(),
            other => vec![format!("{other:?}")],
        };
        let told = with(&[("www-authenticate", "Bearer error"), ("retry-after", "7")]);
        let challenge = r#"header www-authenticate: "Bearer" → "Bearer error""#;
        assert_eq!(said(&told, By::Values), [r#"header retry-after is there: "there""#, challenge]);
        assert_eq!(said(&with(&[]), By::Shape), ["header www-authenticate is gone"]);
        // When to come back is another time each time.
        assert_eq!(with(&[("retry-after", "7")]).effect_of(&with(&[("retry-after", "6")]), By::Values), Effect::None);
        // What is another one for the same request tells nothing.
        let mut unsteady = plain.clone();
        assert_eq!(unsteady.forget_unsteady(&told), ["retry-after", "www-authenticate"]);
        assert_eq!(unsteady.effect_of(&with(&[]), By::Values), Effect::None);
    }

    #[test]
    fn another_outcome_is_another_effect() {
        let ok = result(1, "a");
        let refused = answer(403, json!({ "message": "no", "reason": null }));
        let failed = answer(200, json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -32602, "message": "bad" } }));
        let tool = answer(
            200,
            json!({ "jsonrpc": "2.0", "id": 1, "result": { "isError": true, "content": [{ "text": "t" }] } }),
        );
        assert!(ok.told.is_success());
        let told = [(refused, "403 no"), (failed, "200 JSON-RPC error -32602 bad"), (tool, "200 isError t")];
        for (other, words) in told {
            assert_eq!(ok.effect_of(&other, By::Shape), Effect::Outcome);
            assert!(!other.told.is_success());
            assert_eq!(other.told.to_string(), words);
        }
    }
}
