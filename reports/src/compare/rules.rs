//! What a difference is worth when a gateway stands in the way: a table of rules, of which the first that applies decides.

use serde::Serialize;
use serde_json::Value;

use super::change::{Aspect, Change, Form, Kind, Outcome};
use super::path::{Path, Segment};

/// What a difference is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A client of the server cannot rely any more on what the server said.
    Breaking,
    /// It means the same.
    Allowed,
    /// A proxy is there to do so, or declares it.
    Expected,
}

/// A difference, and what it is a difference of.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The difference.
    pub change: &'a Change,
    /// The protocol version that the client asked for, in `initialize`.
    pub asked: Option<&'a str>,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name, for `--allow`.
    pub id: &'static str,
    /// What it is worth.
    pub class: Class,
    /// The requirement that is broken.
    pub requirement: Option<&'static str>,
    /// What happened, in a few words.
    pub about: &'static str,
    applies: fn(Seen<'_>) -> bool,
}

const fn breaking(
    id: &'static str,
    requirement: &'static str,
    about: &'static str,
    applies: fn(Seen<'_>) -> bool,
) -> Rule {
    Rule { id, class: Class::Breaking, requirement: Some(requirement), about, applies }
}

const fn allowed(id: &'static str, about: &'static str, applies: fn(Seen<'_>) -> bool) -> Rule {
    Rule { id, class: Class::Allowed, requirement: None, about, applies }
}

const fn expected(id: &'static str, about: &'static str, applies: fn(Seen<'_>) -> bool) -> Rule {
    Rule { id, class: Class::Expected, requirement: None, about, applies }
}

const ANSWER: &str = "gateway.answer-delivered";
const CAPABILITIES: &str = "gateway.capability-fidelity";
const ERROR: &str = "gateway.error-fidelity";
const FAILURE: &str = "gateway.failure-visible";
const HEADER: &str = "gateway.header-fidelity";
const LIST: &str = "gateway.list-fidelity";
const META: &str = "gateway.meta-fidelity";
const NOTIFICATION: &str = "gateway.notification-fidelity";
const RESULT: &str = "gateway.result-fidelity";
const SCHEMA: &str = "gateway.schema-fidelity";
const STREAM: &str = "gateway.streaming";
const VERSION: &str = "gateway.version-fidelity";

/// Headers that a client acts upon.
const TELLING: [&str; 4] = ["allow", "location", "retry-after", "www-authenticate"];

/// Headers of a connection, of a hop, or of one exchange.
const OF_THE_HOP: [&str; 22] = [
    "age",
    "alt-svc",
    "connection",
    "content-length",
    "date",
    "forwarded",
    "keep-alive",
    "server",
    "strict-transport-security",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-amzn-requestid",
    "x-amzn-trace-id",
    "x-cache",
    "x-correlation-id",
    "x-powered-by",
    "x-request-id",
];

/// Members of a result that hold what was asked for.
const PAYLOAD: [&str; 3] = ["content", "contents", "messages"];

/// Members of a result that hold a list of what there is.
const LISTS: [&str; 4] = ["tools", "resources", "resourceTemplates", "prompts"];

/// Keywords of a schema that say nothing about what is valid.
const ANNOTATIONS: [&str; 5] = ["$comment", "$schema", "description", "examples", "title"];

const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// Every rule, in the order in which they are tried; the last ones apply to every value.
pub static RULES: &[Rule] = &[
    // What an exchange came to.
    breaking("answer-lost", ANSWER, "the answer is lost", |s| outcome(s, |_, after| after == Outcome::Nothing)),
    breaking("failure-as-success", FAILURE, "a failure became a success", |s| {
        outcome(s, |before, after| {
            matches!(after, Outcome::Result | Outcome::Accepted) && (before.is_failure() || before == Outcome::Nothing)
        })
    }),
    breaking("error-as-tool-error", ERROR, "an error became an isError result", |s| {
        outcome(s, |before, after| before.is_failure() && after == Outcome::ToolError)
    }),
    breaking("tool-error-as-error", ERROR, "an isError result became an error", |s| {
        outcome(s, |before, after| before == Outcome::ToolError && after.is_failure())
    }),
    breaking("error-body-lost", ERROR, "the JSON-RPC error is lost", |s| {
        outcome(s, |before, after| before == Outcome::Error && after.is_failure())
    }),
    allowed("refusal-as-error", "an HTTP error became a JSON-RPC error", |s| {
        outcome(s, |before, after| before == Outcome::Refusal && after == Outcome::Error)
    }),
    expected("failure-told", "a missing answer became an error", |s| {
        outcome(s, |before, after| before == Outcome::Nothing && after.is_failure())
    }),
    breaking("success-as-failure", RESULT, "a success became a failure", |s| {
        outcome(s, |before, after| !before.is_failure() && after.is_failure())
    }),
    breaking("answer-changed", RESULT, "the answer is of another kind", |s| outcome(s, |_, _| true)),
    breaking("status", "gateway.status-fidelity", "another HTTP status", |s| s.change.aspect == Aspect::Status),
    breaking("id-changed", ANSWER, "the answer has not the id of its request", |s| s.change.aspect == Aspect::Id),
    // Headers.
    expected("session-id", "session id given or left out", |s| header(s, |name| name == "mcp-session-id")),
    expected("connection-headers", "headers of the connection", |s| {
        header(s, |name| OF_THE_HOP.contains(&name) || name.starts_with("x-forwarded-"))
    }),
    allowed("content-type-parameters", "content-type with other parameters", |s| {
        header(s, |name| name == "content-type") && essence(&s.change.left) == essence(&s.change.right)
    }),
    breaking("content-type", "gateway.media-type", "another content type", |s| {
        let other_form = |form| form == Form::Other;
        match s.change.aspect {
            Aspect::Form(before, after) => other_form(before) != other_form(after) && before != Form::Empty,
            _ => header(s, |name| name == "content-type") && s.change.kind != Kind::Added,
        }
    }),
    breaking("header-lost", HEADER, "a header that clients act upon is lost", |s| {
        header(s, |name| TELLING.contains(&name)) && s.change.kind == Kind::Lost
    }),
    breaking("header-changed", HEADER, "a header that clients act upon is another one", |s| {
        header(s, |name| TELLING.contains(&name)) && s.change.kind == Kind::Changed
    }),
    expected("header-added", "headers added", |s| header(s, |_| true) && s.change.kind == Kind::Added),
    allowed("header-dropped", "headers dropped or changed", |s| header(s, |_| true)),
    // How and when it came.
    breaking("stream-as-json", STREAM, "a stream became one document", |s| {
        matches!(s.change.aspect, Aspect::Form(Form::Stream, Form::Json | Form::Empty))
    }),
    allowed("answer-form", "an answer alone as JSON or as a stream of one event", |s| {
        matches!(s.change.aspect, Aspect::Form(..))
    }),
    breaking("buffered", STREAM, "events are held back and come together", |s| s.change.aspect == Aspect::Delivery),
    breaking("progress-lost", NOTIFICATION, "progress is lost", |s| {
        messages(s, &Kind::Lost) && s.change.path.last() == Some("notifications/progress")
    }),
    breaking("notification-lost", NOTIFICATION, "notifications are lost", |s| {
        messages(s, &Kind::Lost) && s.change.path.last().is_some_and(|method| method.starts_with("notifications/"))
    }),
    breaking("server-request-lost", NOTIFICATION, "requests of the server are lost", |s| messages(s, &Kind::Lost)),
    allowed("message-added", "messages beside the answer added", |s| messages(s, &Kind::Added)),
    breaking("messages-reordered", NOTIFICATION, "messages come in another order", |s| messages(s, &Kind::Reordered)),
    allowed("event-fields", "other event names or ids in the stream", |s| s.change.aspect == Aspect::EventFields),
    allowed("page-size", "a list in other pages", |s| s.change.aspect == Aspect::Pages),
    allowed("member-order", "members in another order", |s| {
        s.change.aspect == Aspect::MemberOrder
            || value(s) && s.change.kind == Kind::Reordered && s.change.path.last() == Some("required")
    }),
    // What the server says of itself.
    expected("server-info", "serverInfo replaced", |s| {
        let places = [&["result", "serverInfo"][..], &["result", "_meta", SERVER_INFO]];
        let gone = places.iter().any(|place| s.change.path.is(place)) && s.change.kind == Kind::Lost;
        value(s) && !gone && places.iter().any(|place| s.change.path.begins(place))
    }),
    allowed("protocol-version-echoed", "the version that was asked for is echoed", |s| {
        at(s, &["result", "protocolVersion"]) && s.asked.is_some() && text(&s.change.right) == s.asked
    }),
    breaking("protocol-version", VERSION, "another protocol version", |s| at(s, &["result", "protocolVersion"])),
    allowed("supported-versions", "other protocol versions on offer", |s| {
        value(s) && s.change.path.begins(&["result", "supportedVersions"])
    }),
    expected("capability-added", "capabilities added", |s| {
        value(s) && s.change.path.begins(&["result", "capabilities"]) && s.change.kind == Kind::Added
    }),
    breaking("capability-lost", CAPABILITIES, "capabilities lost or changed", |s| {
        value(s) && s.change.path.begins(&["result", "capabilities"])
    }),
    allowed("instructions-extended", "instructions added to", |s| {
        at(s, &["result", "instructions"]) && (s.change.kind == Kind::Added || extends(s.change))
    }),
    // Lists of what there is.
    breaking("item-lost", LIST, "lost", |s| item(s) && s.change.kind == Kind::Lost),
    breaking("item-renamed", LIST, "renamed", |s| item(s) && matches!(s.change.kind, Kind::Renamed { .. })),
    breaking("item-duplicated", LIST, "listed more than once", |s| item(s) && s.change.kind == Kind::Duplicated),
    expected("item-added", "added", |s| item(s) && s.change.kind == Kind::Added),
    breaking("items-reordered", LIST, "in another order", |s| {
        let listed = LISTS.iter().any(|list| s.change.path.is(&["result", list]));
        value(s) && listed && s.change.kind == Kind::Reordered
    }),
    expected("argument-added", "input schemas with arguments of the proxy", |s| {
        let properties = ["result", "tools", "*", "inputSchema", "properties"];
        let one = s.change.path.0.len() == properties.len() + 1 && s.change.path.begins(&properties);
        value(s) && s.change.kind == Kind::Added && (one || s.change.path.is(&properties))
    }),
    breaking("argument-required", SCHEMA, "arguments that must be given now", |s| {
        let required = ["result", "tools", "*", "inputSchema", "required"];
        value(s) && s.change.kind == Kind::Added && s.change.path.begins(&required)
    }),
    allowed("schema-annotated", "schemas with further annotations", |s| {
        let annotation = s.change.path.last().is_some_and(|name| ANNOTATIONS.contains(&name));
        in_schema(s) && s.change.kind == Kind::Added && annotation
    }),
    breaking("schema-changed", SCHEMA, "schemas changed", in_schema),
    // `_meta`, wherever it is.
    breaking("meta-reserved", META, "_meta keys added that are reserved for the protocol", |s| {
        meta_keys_added(s).is_some_and(|keys| keys.iter().any(|key| is_reserved(key)))
    }),
    allowed("meta-added", "_meta keys added", |s| meta_keys_added(s).is_some()),
    breaking("meta-lost", META, "_meta lost", |s| meta(s) && s.change.kind == Kind::Lost),
    breaking("meta-changed", META, "_meta changed", meta),
    // Errors.
    breaking("error-code", ERROR, "another error code", |s| at(s, &["error", "code"])),
    allowed("error-message-extended", "error message added to", |s| at(s, &["error", "message"]) && extends(s.change)),
    breaking("error-message", ERROR, "error message lost or changed", |s| at(s, &["error", "message"])),
    breaking("error-data", ERROR, "data of the error lost or changed", |s| {
        value(s) && s.change.path.begins(&["error", "data"]) && s.change.kind != Kind::Added
    }),
    // Results.
    allowed("is-error-default", "isError: false left out or written out", |s| {
        let said = s.change.left.as_ref().or(s.change.right.as_ref());
        let there = matches!(s.change.kind, Kind::Lost | Kind::Added);
        at(s, &["result", "isError"]) && there && said == Some(&Value::Bool(false))
    }),
    allowed("number-form", "numbers written in another form", |s| {
        value(s) && s.change.kind == Kind::Changed && is_same_number(s.change)
    }),
    breaking("message-changed", NOTIFICATION, "messages beside the answer changed", |s| {
        value(s) && s.change.path.begins(&["messages"])
    }),
    breaking("content-lost", RESULT, "content lost", |s| {
        let block = PAYLOAD.iter().any(|list| s.change.path.is(&["result", list, "*"]));
        let whole = PAYLOAD.iter().any(|list| s.change.path.is(&["result", list]));
        value(s)
            && s.change.kind == Kind::Lost
            && (block || whole || s.change.path.is(&["result", "structuredContent"]))
    }),
    breaking("content-reordered", RESULT, "content in another order", |s| {
        payload(s) && s.change.kind == Kind::Reordered
    }),
    breaking("text-truncated", RESULT, "text cut short", |s| payload(s) && is_cut(s.change)),
    breaking("content-changed", RESULT, "content changed", |s| {
        let inside = s.change.path.passes("structuredContent") || s.change.path.ends_in_list();
        payload(s) && (s.change.kind != Kind::Added || inside)
    }),
    // Whatever else there is.
    breaking("list-reordered", RESULT, "a list in another order", |s| value(s) && s.change.kind == Kind::Reordered),
    breaking("member-renamed", RESULT, "members renamed", |s| {
        value(s) && matches!(s.change.kind, Kind::Renamed { .. })
    }),
    breaking("member-lost", RESULT, "members lost", |s| value(s) && s.change.kind == Kind::Lost),
    allowed("member-added", "members added", |s| value(s) && s.change.kind == Kind::Added),
    breaking("type-changed", RESULT, "values of another type", |s| {
        let kinds = |value: &Option<Value>| value.as_ref().map(std::mem::discriminant);
        value(s) && kinds(&s.change.left) != kinds(&s.change.right)
    }),
    breaking("value-changed", RESULT, "values changed", |_| true),
];

/// The rule of that name.
#[must_use]
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// The rule that decides. `None` for nothing: the last one applies to everything.
pub(super) fn decide(seen: Seen<'_>) -> Option<&'static Rule> {
    RULES.iter().find(|rule| (rule.applies)(seen))
}

fn outcome(seen: Seen<'_>, is: impl Fn(Outcome, Outcome) -> bool) -> bool {
    matches!(seen.change.aspect, Aspect::Outcome(before, after) if is(before, after))
}

fn header(seen: Seen<'_>, is: impl Fn(&str) -> bool) -> bool {
    seen.change.aspect == Aspect::Header && seen.change.path.last().is_some_and(is)
}

fn messages(seen: Seen<'_>, kind: &Kind) -> bool {
    seen.change.aspect == Aspect::Messages && seen.change.kind == *kind
}

fn value(seen: Seen<'_>) -> bool {
    seen.change.aspect == Aspect::Value
}

fn at(seen: Seen<'_>, path: &[&str]) -> bool {
    value(seen) && seen.change.path.is(path)
}

fn item(seen: Seen<'_>) -> bool {
    value(seen) && LISTS.iter().any(|list| seen.change.path.is(&["result", list, "*"]))
}

fn in_schema(seen: Seen<'_>) -> bool {
    let schemas = ["inputSchema", "outputSchema"];
    value(seen) && schemas.iter().any(|schema| seen.change.path.begins(&["result", "tools", "*", schema]))
}

fn payload(seen: Seen<'_>) -> bool {
    let path = &seen.change.path;
    let lists = PAYLOAD.iter().any(|list| path.begins(&["result", list]));
    value(seen) && (lists || path.begins(&["result", "structuredContent"]))
}

fn meta(seen: Seen<'_>) -> bool {
    value(seen) && seen.change.path.passes("_meta") && !seen.change.path.passes("structuredContent")
}

/// The keys of a `_meta` that were not there before.
fn meta_keys_added(seen: Seen<'_>) -> Option<Vec<&str>> {
    if !meta(seen) || seen.change.kind != Kind::Added {
        return None;
    }
    let Path(segments) = &seen.change.path;
    let place = segments.iter().position(|s| *s == Segment::Key("_meta".to_owned()))?;
    match &segments[place + 1..] {
        [] => Some(seen.change.right.as_ref()?.as_object()?.keys().map(String::as_str).collect()),
        [Segment::Key(key)] => Some(vec![key]),
        _ => None,
    }
}

/// Prefixes whose second label is `modelcontextprotocol` or `mcp` belong to the protocol.
fn is_reserved(key: &str) -> bool {
    let Some((prefix, _)) = key.split_once('/') else { return false };
    prefix.split('.').nth(1).is_some_and(|label| matches!(label, "modelcontextprotocol" | "mcp"))
}

fn text(value: &Option<Value>) -> Option<&str> {
    value.as_ref().and_then(Value::as_str)
}

fn essence(value: &Option<Value>) -> Option<String> {
    Some(text(value)?.split(';').next()?.trim().to_ascii_lowercase())
}

/// The new text holds the old one.
fn extends(change: &Change) -> bool {
    match (text(&change.left), text(&change.right)) {
        (Some(before), Some(after)) => !before.is_empty() && after.contains(before),
        _ => false,
    }
}

/// The new text is the beginning of the old one, perhaps with dots at its end.
fn is_cut(change: &Change) -> bool {
    match (text(&change.left), text(&change.right)) {
        (Some(before), Some(after)) => {
            let kept = after.trim_end_matches(['.', '…', ' ']);
            kept.len() < before.len() && before.starts_with(kept)
        }
        _ => false,
    }
}

fn is_same_number(change: &Change) -> bool {
    match (&change.left, &change.right) {
        (Some(Value::Number(before)), Some(Value::Number(after))) => {
            // A float does not hold every whole number beyond this one, so one that looks equal may not be.
            let exact = |n: f64| n.abs() < 9_007_199_254_740_992.0;
            before.as_f64() == after.as_f64() && before.as_f64().is_some_and(exact)
        }
        _ => false,
    }
}
