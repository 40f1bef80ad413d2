//! A recording as the exchanges of a transcript, for whatever reads those of a run.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use gauntlet_reports::{Body, Exchange, Hop, StreamEvent, WireRequest, WireResponse};
use serde_json::Value;
use time::OffsetDateTime;
use url::Url;

use super::{Arrival, Entry, Payload, Received, Recording, STDIN, Sent, Transport};
use crate::runner::relation::{Arrived, Cause, causes};
use crate::transcript::{body, millis};
use crate::transport::{content_of, media_type};

/// What the target is called where no exchange in front of it says so.
const TARGET: &str = "target";

impl Recording {
    /// What was said, as a transcript holds it, one exchange for each entry and in their order. The client's side of a hop is called
    /// `client`, with the session where there are several; the server's is its host, or its program. What the target asked behind it
    /// has the name of the upstream for its server, and the exchange that caused it.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        let Some(start) = self.entries.first().map(|entry| entry.started_at) else { return Vec::new() };
        let in_front = |entry: &&Entry| entry.behind.is_none();
        let target = self.entries.iter().find(in_front).map_or_else(|| TARGET.to_owned(), |e| e.request.server());
        let mut sessions: Vec<&str> = Vec::new();
        let mut out = Vec::with_capacity(self.entries.len());
        for (entry, cause) in self.entries.iter().zip(self.causes()) {
            let hop = if let Some(upstream) = &entry.behind {
                let asked = cause.and_then(|at| self.entries.get(at)).map(|front| front.request.server());
                Hop { from: asked.unwrap_or_else(|| target.clone()), to: upstream.clone() }
            } else {
                let session = entry.session.as_deref().unwrap_or_default();
                let number = sessions.iter().position(|known| *known == session).unwrap_or_else(|| {
                    sessions.push(session);
                    sessions.len() - 1
                });
                let from = if number == 0 { "client".to_owned() } else { format!("client-{}", number + 1) };
                Hop { from, to: entry.request.server() }
            };
            let started = Duration::try_from(entry.started_at - start).unwrap_or_default();
            out.push(Exchange { cause, ..entry.exchange(hop, started) });
        }
        out
    }

    /// For each entry the position of the one in front of the target that caused it; none of those in front.
    pub(crate) fn causes(&self) -> Vec<Option<usize>> {
        let of_side = |is_behind: bool| {
            self.entries.iter().enumerate().filter(move |(_, entry)| entry.behind.is_some() == is_behind)
        };
        let arrived: Vec<Arrived<OffsetDateTime>> = of_side(true).map(|(_, entry)| Arrived::of_entry(entry)).collect();
        let mut found = vec![None; self.entries.len()];
        if arrived.is_empty() {
            return found;
        }
        let (places, clients): (Vec<usize>, Vec<Cause<OffsetDateTime>>) =
            of_side(false).map(|(at, entry)| (at, Cause::of_entry(entry))).unzip();
        for ((at, _), cause) in of_side(true).zip(causes(&clients, &arrived)) {
            found[at] = cause.and_then(|cause| places.get(cause).copied());
        }
        found
    }
}

impl Recording {
    /// What a transcript shows, as far as it shows it: binary bodies are left out. `start` is when the first exchange could begin.
    #[must_use]
    pub fn of_exchanges(exchanges: &[Exchange], start: OffsetDateTime) -> Self {
        let asked: BTreeSet<&str> = exchanges.iter().map(|exchange| exchange.hop.to.as_str()).collect();
        let entry = |exchange: &Exchange| {
            let is_behind = exchange.cause.is_some() || asked.contains(exchange.hop.from.as_str());
            let behind = is_behind.then(|| exchange.hop.to.clone());
            Entry { behind, ..Entry::of_exchange(exchange, start) }
        };
        Self { creator: None, entries: exchanges.iter().map(entry).collect() }
    }
}

impl Entry {
    fn of_exchange(exchange: &Exchange, start: OffsetDateTime) -> Self {
        let milliseconds = |ms: f64| Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default();
        let transport = if exchange.request.method == STDIN { Transport::Stdio } else { Transport::Http };
        let request = &exchange.request;
        let url = match transport {
            Transport::Stdio => format!("stdio:{}", request.url),
            Transport::Http if request.url.starts_with('/') => {
                let host = request.headers.iter().find(|(name, _)| name == "host");
                let host = host.map_or("upstream.invalid", |(_, host)| host.as_str());
                format!("http://{host}{}", request.url)
            }
            Transport::Http => request.url.clone(),
        };
        Self {
            transport,
            session: Some(exchange.hop.to_string()),
            behind: None,
            started_at: start
                .checked_add(milliseconds(exchange.started_ms).try_into().unwrap_or_default())
                .unwrap_or(start),
            began: exchange.began_ms.map(milliseconds),
            elapsed: milliseconds(exchange.elapsed_ms),
            request: Sent {
                method: request.method.clone(),
                url,
                http_version: None,
                headers: request.headers.clone(),
                body: payload(&request.body, transport).0,
            },
            response: exchange.response.as_ref().map(|response| {
                let (body, arrivals) = payload(&response.body, transport);
                let (status, headers) = (response.status, response.headers.clone());
                Received { status, http_version: None, headers, body, arrivals }
            }),
            failure: exchange.failure.clone(),
        }
    }

    /// The exchange on a hop; `started` is the time from the start of the recording.
    pub(crate) fn exchange(&self, hop: Hop, started: Duration) -> Exchange {
        Exchange {
            hop,
            step: None,
            request: WireRequest {
                method: self.request.method.clone(),
                url: self.request.url.clone(),
                headers: self.request.headers.clone(),
                body: body(&content_of(&self.request.body.bytes, media_type(&self.request.headers)).0),
            },
            response: self.response.as_ref().map(|response| WireResponse {
                status: response.status,
                headers: response.headers.clone(),
                body: response.content(self.transport),
            }),
            failure: self.failure.clone(),
            cause: None,
            note: None,
            started_ms: millis(started),
            began_ms: self.began.map(millis),
            elapsed_ms: millis(self.elapsed),
        }
    }
}

impl Sent {
    /// The host, or the program.
    pub(crate) fn server(&self) -> String {
        let url = Url::parse(&self.url).ok();
        let host = url.as_ref().and_then(|url| Some((url.host_str()?, url.port())));
        match host {
            Some((host, Some(port))) => format!("{host}:{port}"),
            Some((host, None)) => host.to_owned(),
            None => self.url.strip_prefix("stdio:").unwrap_or("server").to_owned(),
        }
    }
}

impl Received {
    fn content(&self, transport: Transport) -> Body {
        if transport == Transport::Stdio {
            let line = |(at, line): (Option<Duration>, &[u8])| event(at, None, None, &String::from_utf8_lossy(line));
            return Body::Events(self.lines().into_iter().map(line).collect());
        }
        if self.is_event_stream() {
            let events = self.events().into_iter();
            return Body::Events(events.map(|e| event(e.at, Some(e.event.event), e.event.id, &e.event.data)).collect());
        }
        match body(&content_of(&self.body.bytes, media_type(&self.headers)).0) {
            Body::Text { text, truncated } => {
                Body::Text { text, truncated: truncated + usize::try_from(self.body.left_out).unwrap_or(usize::MAX) }
            }
            other => other,
        }
    }
}

fn event(at: Option<Duration>, event: Option<String>, id: Option<String>, data: &str) -> StreamEvent {
    let parsed: Option<Value> = serde_json::from_str(data).ok();
    StreamEvent { at_ms: at.map_or(0.0, millis), event, id, data: parsed.unwrap_or_else(|| data.into()) }
}

/// A body as it may have been on the wire, and when its parts came.
fn payload(body: &Body, transport: Transport) -> (Payload, Vec<Arrival>) {
    let left_out = |length: &usize| u64::try_from(*length).unwrap_or(u64::MAX);
    match body {
        Body::Empty => Default::default(),
        Body::Json(value) => (Payload::whole(value.to_string()), Vec::new()),
        Body::Text { text, truncated } => {
            (Payload { bytes: text.clone().into(), left_out: left_out(truncated) }, Vec::new())
        }
        Body::Binary { length } => (Payload { left_out: left_out(length), ..Payload::default() }, Vec::new()),
        Body::Events(events) => {
            let mut text = String::new();
            let mut arrivals = Vec::with_capacity(events.len());
            for event in events {
                written_event(event, transport, &mut text);
                let at = Duration::try_from_secs_f64(event.at_ms / 1000.0).unwrap_or_default();
                arrivals.push(Arrival { at, length: text.len() });
            }
            (Payload::whole(text), arrivals)
        }
    }
}

fn written_event(event: &StreamEvent, transport: Transport, out: &mut String) {
    let data = event.data.as_str().map_or_else(|| event.data.to_string(), str::to_owned);
    if transport == Transport::Stdio {
        out.push_str(&data);
        out.push('\n');
        return;
    }
    for (name, value) in [("event", &event.event), ("id", &event.id)] {
        if let Some(value) = value {
            let _ = writeln!(out, "{name}: {value}");
        }
    }
    for line in data.split('\n') {
        let _ = writeln!(out, "data: {line}");
    }
    out.push('\n');
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
