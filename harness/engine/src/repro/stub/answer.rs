//! A recorded answer, given to somebody else.

use std::time::Duration;

use bytes::Bytes;
use gauntlet_mocks::faults::Fault;
use gauntlet_mocks::stub::{StubAnswer, StubBody};
use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::super::messages::is_message;
use super::super::origins::Origins;
use super::super::pace::Pace;
use super::super::recording::{Entry, Received, Transport};
use super::events::{pieces, rewritten};
use super::library::SESSION;
use super::rewrite::Rewrite;
use crate::transport::hop::is_of_connection;

/// Headers that speak of how the body travelled (RFC 9110 section 8.4): it is at hand with its encodings undone.
const OF_THE_WIRE: [&str; 2] = ["content-encoding", "content-length"];

/// How long a stream is held open that was not seen to end.
const HELD: Duration = Duration::from_secs(3600);

/// What the client has in place of what was recorded.
pub(super) struct Giving<'a> {
    pub(super) rewrite: Rewrite,
    /// The recorded addresses, and what stands for them here; none where the client came by a recorded one.
    pub(super) origin: Option<(&'a Origins, String)>,
    /// Id of the session that the answer opens.
    pub(super) session: Option<String>,
    pub(super) pace: Pace,
    /// The request was one that wants no answer.
    pub(super) unanswered: bool,
}

impl Giving<'_> {
    fn text(&self, text: &str) -> String {
        match &self.origin {
            Some((origins, own)) => origins.replace(text, own).into_owned(),
            None => text.to_owned(),
        }
    }

    /// An event in the client's terms.
    fn event(&self, event: &[u8]) -> Bytes {
        let Ok(text) = std::str::from_utf8(event) else { return Bytes::copy_from_slice(event) };
        let text = self.text(text);
        rewritten(&text, &self.rewrite).unwrap_or(text).into()
    }

    fn document(&self, body: &Bytes) -> Bytes {
        let Ok(text) = std::str::from_utf8(body) else { return body.clone() };
        let text = self.text(text);
        self.rewrite.text(&text).into_owned().into()
    }

    /// The answer over HTTP.
    pub(super) fn http(&self, entry: &Entry) -> StubAnswer {
        let Some(response) = &entry.response else {
            let silent = StubAnswer { status: 202, faults: Vec::new(), ..nothing(entry) };
            return if self.unanswered && entry.failure.is_none() { silent } else { nothing(entry) };
        };
        if entry.transport == Transport::Stdio {
            return self.http_of_lines(entry, response);
        }
        let Some(status) = response.status.filter(|status| (200..600).contains(status)) else { return nothing(entry) };
        let broke_off = entry.failure.is_some() || response.body.left_out > 0;
        let mut faults = Vec::new();
        let body = if response.is_event_stream() {
            let mut before = entry.began.unwrap_or_default();
            let mut events = Vec::new();
            for (at, piece) in pieces(response) {
                let at = at.unwrap_or(before).max(before);
                events.push((self.pace.pause(at - before), self.event(piece)));
                before = at;
            }
            if !broke_off && entry.request.method == "GET" {
                let until_end = match self.pace {
                    Pace::Asap => HELD,
                    Pace::Recorded => self.pace.pause(entry.elapsed.saturating_sub(before)),
                };
                events.push((until_end, Bytes::new()));
            }
            StubBody::Events(events)
        } else if broke_off {
            // Nothing says beforehand how long it would have been.
            StubBody::Events(vec![(Duration::ZERO, self.document(&response.body.bytes))])
        } else {
            StubBody::Bytes(self.document(&response.body.bytes))
        };
        if let (true, StubBody::Events(events)) = (broke_off, &body) {
            let all = events.iter().map(|(_, piece)| piece.len()).sum();
            faults.push(Fault { cut_after_bytes: Some(all), ..Fault::default() });
        }
        self.late(entry, &mut faults);
        StubAnswer { status, headers: self.headers(response), body, faults, note: None }
    }

    /// The pause before the answer begins.
    fn late(&self, entry: &Entry, faults: &mut Vec<Fault>) {
        let pause = self.pace.pause(entry.began.unwrap_or(entry.elapsed));
        if !pause.is_zero() {
            faults.push(Fault { delay: Some(pause), ..Fault::default() });
        }
    }

    fn headers(&self, response: &Received) -> Vec<(String, String)> {
        let can_be_sent = |(name, value): &&(String, String)| {
            !is_of_connection(name)
                && !OF_THE_WIRE.contains(&name.as_str())
                && HeaderName::try_from(name.as_str()).is_ok()
                && HeaderValue::try_from(value.as_str()).is_ok()
        };
        let given = response.headers.iter().filter(can_be_sent).map(|(name, value)| match &self.session {
            Some(id) if name == SESSION => (name.clone(), id.clone()),
            _ => (name.clone(), self.text(value)),
        });
        given.collect()
    }

    /// What was said over stdio, as a server over HTTP says it.
    fn http_of_lines(&self, entry: &Entry, response: &Received) -> StubAnswer {
        let lines: Vec<(Option<Duration>, String)> =
            response.lines().into_iter().map(|(at, line)| (at, String::from_utf8_lossy(line).into_owned())).collect();
        let mut answer = StubAnswer {
            status: 200,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: StubBody::Bytes(Bytes::new()),
            faults: Vec::new(),
            note: None,
        };
        match lines.as_slice() {
            [] if self.unanswered => {
                answer.status = 202;
                answer.headers.clear();
            }
            [] => return nothing(entry),
            [(_, only)] => {
                answer.body = StubBody::Bytes(self.rewrite.text(only).into_owned().into());
                self.late(entry, &mut answer.faults);
            }
            several => {
                answer.headers = vec![("content-type".to_owned(), "text/event-stream".to_owned())];
                let mut before = Duration::ZERO;
                let events = several.iter().map(|(at, line)| {
                    let at = at.unwrap_or(before).max(before);
                    let pause = self.pace.pause(at - before);
                    before = at;
                    (pause, format!("event: message\ndata: {}\n\n", self.rewrite.text(line)).into())
                });
                answer.body = StubBody::Events(events.collect());
            }
        }
        answer
    }

    /// The answer over stdio: lines without their ends, each so long after the one before it.
    pub(super) fn lines(&self, entry: &Entry, id: Option<&Value>) -> Vec<(Duration, String)> {
        let Some(response) = &entry.response else { return Vec::new() };
        let mut said: Vec<(Option<Duration>, String)> = Vec::new();
        if entry.transport == Transport::Stdio {
            for (at, line) in response.lines() {
                said.push((at, self.rewrite.text(&String::from_utf8_lossy(line)).into_owned()));
            }
        } else if response.is_event_stream() {
            for event in response.events() {
                said.extend(self.message(&event.event.data).map(|line| (event.at, line)));
            }
        } else {
            let text = String::from_utf8_lossy(&response.body.bytes);
            said.extend(self.message(&text).map(|line| (entry.began, line)));
        }
        if said.is_empty()
            && let (Some(id), Some(status)) = (id, response.status)
        {
            let message = format!("the recorded answer is HTTP {status} and holds no message");
            let error = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32000, "message": message } });
            said.push((entry.began, error.to_string()));
        }
        let mut before = Duration::ZERO;
        let paced = said.into_iter().map(|(at, line)| {
            let at = at.unwrap_or(before).max(before);
            let pause = self.pace.pause(at - before);
            before = at;
            (pause, line)
        });
        paced.collect()
    }

    /// A message on one line; none if the text is something else.
    fn message(&self, text: &str) -> Option<String> {
        let mut value: Value = serde_json::from_str(text).ok()?;
        let holds = match &value {
            Value::Array(items) => !items.is_empty() && items.iter().all(is_message),
            one => is_message(one),
        };
        self.rewrite.value(&mut value);
        holds.then(|| value.to_string())
    }
}

/// No answer: the connection breaks where it was seen to break, and stays silent where nothing was seen.
fn nothing(entry: &Entry) -> StubAnswer {
    let seen = entry.failure.is_some() || entry.response.is_some();
    let fault = Fault { reset: seen, hang: !seen, ..Fault::default() };
    StubAnswer {
        status: 502,
        headers: Vec::new(),
        body: StubBody::Bytes(Bytes::new()),
        faults: vec![fault],
        note: entry.failure.as_ref().map(|failure| format!("recorded failure: {failure}")),
    }
}
