//! An exchange as expectations and captures see it.

use std::borrow::Cow;
use std::time::Duration;

use gauntlet_format::sse::SseParser;
use gauntlet_mocks::JournalEntry;
use serde_json::{Map, Value, json};

use crate::lifecycle::Spoken;
use crate::target::process::ExitReport;
use crate::transcript::millis;
use crate::transport::{Content, FailureKind, Reply, content_of, is_answer_to, media_type};

/// What one step brought about.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// The (last) exchange.
    pub spoken: Option<Spoken>,
    /// Results of a cursor walk.
    pub pages: Option<Vec<Value>>,
    /// How the process ended.
    pub exit: Option<ExitReport>,
    /// What the process wrote to stderr.
    pub stderr: Option<String>,
    /// The members that only an OAuth leg has.
    pub oauth: Map<String, Value>,
    /// What a driven client came to.
    pub driven: Option<Driven>,
}

/// What a driven client came to; the members of `expect` that no exchange has.
#[derive(Debug)]
pub(crate) struct Driven {
    /// `done`, `failed` or `timeout`.
    pub outcome: &'static str,
    /// What a program wrote to stdout.
    pub stdout: Option<String>,
    /// From the start of the drive to its end.
    pub elapsed: Duration,
}

impl View {
    /// The reply, if there was an exchange.
    pub(crate) fn reply(&self) -> Option<&Reply> {
        self.spoken.as_ref().map(|s| s.reply.as_ref())
    }

    /// Whether the exchange went over stdio, where HTTP's members do not exist.
    pub(crate) fn is_stdio(&self) -> bool {
        self.spoken.as_ref().is_some_and(|s| matches!(s.request.method.as_str(), "stdin" | "listen"))
    }

    fn answer(&self) -> Option<&Value> {
        let spoken = self.spoken.as_ref()?;
        if let Some(answer) = spoken.id.as_ref().and_then(|id| spoken.reply.answer(id)) {
            return Some(answer);
        }
        // An error for what could not be read has no id, or null. An answer to another request is none to this one; where
        // the request's own id cannot be told, anything that is an answer is taken.
        let unreadable = |m: &Value| m.get("error").is_some() && m.get("id").is_none_or(Value::is_null);
        let is_answer = |m: &&Value| {
            m.get("method").is_none()
                && (m.get("result").is_some() || m.get("error").is_some())
                && (spoken.id.is_none() || unreadable(m))
        };
        spoken.reply.messages().find(is_answer)
    }

    /// A member by the name it has in `expect`; `None` when the exchange has none.
    pub(crate) fn member(&self, name: &str) -> Option<Value> {
        match name {
            "pages" => return self.pages.clone().map(Value::Array),
            "exit" => return self.exit.map(|e| json!({ "code": e.code, "signal": e.signal, "killed": e.killed })),
            "stderr" => return self.stderr.clone().map(Value::String),
            "stdout" => return self.driven.as_ref()?.stdout.clone().map(Value::String),
            "outcome" if self.driven.is_some() => return self.driven.as_ref().map(|d| d.outcome.into()),
            _ => {}
        }
        if let Some(value) = self.oauth.get(name) {
            return Some(value.clone());
        }
        let reply = self.reply()?;
        match name {
            "status" => reply.status.map(Value::from),
            "headers" => reply.status.map(|_| header_object(&reply.headers)),
            "body" => body(&reply.content),
            "answer" => self.answer().cloned(),
            "result" | "error" => self.answer()?.get(name).cloned(),
            "messages" => Some(Value::Array(reply.messages().cloned().collect())),
            "$sse" => match &reply.content {
                Content::Events(events) if !self.is_stdio() => Some(Value::Array(
                    events
                        .iter()
                        .map(|e| {
                            json!({
                                "event": e.event, "id": e.id, "retry": e.retry, "at": millis(e.at),
                                "data": e.data,
                            })
                        })
                        .collect(),
                )),
                _ => None,
            },
            "outcome" => Some(outcome(reply).into()),
            _ => None,
        }
    }

    /// As [`View::member`], but what the exchange has as a value is lent, not copied.
    pub(crate) fn lent(&self, name: &str) -> Option<Cow<'_, Value>> {
        match (name, self.reply().map(|r| &r.content)) {
            ("answer", Some(_)) => self.answer().map(Cow::Borrowed),
            ("result" | "error", Some(_)) => self.answer()?.get(name).map(Cow::Borrowed),
            ("body", Some(Content::Json(value))) => Some(Cow::Borrowed(value)),
            _ => self.member(name).map(Cow::Owned),
        }
    }

    /// A member of `headers`, by a name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<Value> {
        let reply = self.reply().filter(|r| r.status.is_some())?;
        header_value(reply.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value))
    }

    /// When the answer was complete, or the drive over.
    pub(crate) fn elapsed(&self) -> Option<Duration> {
        self.driven.as_ref().map(|d| d.elapsed).or_else(|| self.reply().map(|r| r.elapsed))
    }

    /// Everything, for captures and `until`.
    pub(crate) fn whole(&self) -> Value {
        const MEMBERS: [&str; 13] = [
            "status", "headers", "body", "answer", "result", "error", "messages", "$sse", "pages", "exit", "stderr",
            "stdout", "outcome",
        ];
        let members: Map<String, Value> = MEMBERS
            .into_iter()
            .filter_map(|name| Some((if name == "$sse" { "sse" } else { name }.to_owned(), self.member(name)?)))
            .chain(self.oauth.iter().map(|(name, value)| (name.clone(), value.clone())))
            .collect();
        Value::Object(members)
    }
}

fn outcome(reply: &Reply) -> &'static str {
    match reply.failure.as_ref().map(|f| f.kind) {
        // Over stdio nothing marks the end of an answer that never came.
        None if reply.status.is_none() && matches!(reply.content, Content::Empty) => "silent",
        None => "answered",
        Some(FailureKind::Timeout) => "timeout",
        Some(FailureKind::Closed) => "closed",
        Some(FailureKind::Connect) => "unreachable",
        Some(_) => "malformed",
    }
}

fn body(content: &Content) -> Option<Value> {
    match content {
        Content::Json(value) => Some(value.clone()),
        Content::Text(text) => Some(text.clone().into()),
        Content::Empty => Some("".into()),
        Content::Binary(length) => Some(format!("[{length} bytes that are not UTF-8]").into()),
        Content::Events(_) => None,
    }
}

/// The value of a header, or a list of values where it came more than once.
fn header_value<'a>(mut values: impl Iterator<Item = &'a String>) -> Option<Value> {
    let first = Value::from(values.next()?.as_str());
    let rest: Vec<Value> = values.map(|value| value.as_str().into()).collect();
    Some(if rest.is_empty() { first } else { Value::Array([first].into_iter().chain(rest).collect()) })
}

/// Name → value, or a list of values where the header came more than once.
pub(crate) fn header_object(headers: &[(String, String)]) -> Value {
    let mut object = Map::new();
    for (name, value) in headers {
        match object.get_mut(name) {
            None => {
                object.insert(name.clone(), value.clone().into());
            }
            Some(Value::Array(values)) => values.push(value.clone().into()),
            Some(single) => *single = json!([single.clone(), value]),
        }
    }
    Value::Object(object)
}

/// Path and query of a request target or an URL.
pub(crate) fn path_and_query(target: &str) -> (String, Value) {
    let parsed = url::Url::parse(target).ok();
    let target = parsed.as_ref().map_or(target, |url| &url[url::Position::BeforePath..url::Position::AfterQuery]);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(query.as_bytes()).map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
    (path.to_owned(), header_object(&query))
}

/// A request in the journal of the mock of that name, as `received` sees it.
pub(crate) fn received(mock: &str, entry: &JournalEntry) -> Value {
    let (path, query) = path_and_query(&entry.target);
    json!({
        "mock": mock,
        "method": entry.method,
        "path": path,
        "query": query,
        "headers": header_object(&entry.headers),
        "body": body(&content_of(&entry.body, media_type(&entry.headers)).0),
        "connection": entry.connection,
        "status": entry.response.as_ref().map(|r| r.status),
        "response": response(entry),
        "note": entry.note,
    })
}

/// What a mock answered, as far as it was sent: an event stream counts as the JSON-RPC answer in it. `result` and `error`
/// are those of that answer.
fn response(entry: &JournalEntry) -> Option<Value> {
    let response = entry.response.as_ref()?;
    let media = media_type(&response.headers);
    let body = if media.is_some_and(|t| t.trim_start().starts_with("text/event-stream")) {
        let id = serde_json::from_slice::<Value>(&entry.body).ok().and_then(|m| m.get("id").cloned());
        let events = SseParser::new().push(&response.body);
        let mut messages = events.iter().filter_map(|e| serde_json::from_str::<Value>(&e.data).ok());
        let answer = id.and_then(|id| messages.find(|m| is_answer_to(m, &id)));
        answer.or_else(|| Some(String::from_utf8_lossy(&response.body).into_owned().into()))
    } else {
        self::body(&content_of(&response.body, media).0)
    };
    let mut members = Map::new();
    members.insert("status".to_owned(), response.status.into());
    members.insert("headers".to_owned(), header_object(&response.headers));
    for name in ["result", "error"] {
        if let Some(value) = body.as_ref().and_then(|b| b.get(name)) {
            members.insert(name.to_owned(), value.clone());
        }
    }
    members.insert("body".to_owned(), body.unwrap_or_default());
    members.insert("complete".to_owned(), response.complete.into());
    Some(Value::Object(members))
}

/// What a client sent: `body` alone over stdio.
pub(crate) fn sent(spoken: &Spoken) -> Value {
    let request = &spoken.request;
    let body = body(&content_of(&request.body, media_type(&request.headers)).0);
    if matches!(request.method.as_str(), "stdin" | "listen") {
        return json!({ "body": body });
    }
    let (path, query) = path_and_query(&request.url);
    json!({
        "method": request.method,
        "path": path,
        "query": query,
        "headers": header_object(&request.headers),
        "body": body,
    })
}

/// What a client got; an event stream, and what a stdio peer said, count as the JSON-RPC answer in it.
pub(crate) fn answered(spoken: &Spoken) -> Value {
    let view = View { spoken: Some(spoken.clone()), ..View::default() };
    let mut members: Map<String, Value> = ["status", "headers", "result", "error"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), view.member(name)?)))
        .collect();
    if let Some(body) = view.member("answer").or_else(|| view.member("body")) {
        members.insert("body".to_owned(), body);
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::transport::Request;

    fn view(status: Option<u16>, content: Content) -> View {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = vec![pair("vary", "a"), pair("etag", "x"), pair("vary", "b")];
        let reply = Reply { status, headers, content, failure: None, elapsed: Duration::ZERO };
        let request = Request { method: "POST".to_owned(), url: String::new(), headers: Vec::new(), body: Vec::new() };
        let spoken = Spoken { number: 0, request: Arc::new(request), id: Some(1.into()), reply: Arc::new(reply) };
        View { spoken: Some(spoken), ..View::default() }
    }

    #[test]
    fn what_is_lent_is_what_would_be_copied() {
        let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": { "x": [1] } });
        for content in [Content::Json(answer), Content::Text("no".to_owned()), Content::Empty] {
            let view = view(Some(200), content);
            for name in ["answer", "result", "error", "body", "status", "messages", "outcome", "nothing"] {
                assert_eq!(view.lent(name).map(Cow::into_owned), view.member(name), "{name}");
            }
        }
    }

    #[test]
    fn one_header_is_as_it_is_among_all() {
        let one = view(Some(200), Content::Empty);
        let all = one.member("headers").unwrap_or_default();
        for name in ["vary", "etag", "age"] {
            assert_eq!(one.header(name).as_ref(), all.get(name), "{name}");
        }
        assert_eq!(view(None, Content::Empty).header("etag"), None);
    }
}
