//! A recording as the exchanges of a transcript, for whatever reads those of a run.

use std::time::Duration;

use gauntlet_reports::{Body, Exchange, Hop, StreamEvent, WireRequest, WireResponse};
use serde_json::Value;
use url::Url;

use super::{Entry, Received, Recording, Sent, Transport};
use crate::transcript::{body, millis};
use crate::transport::{content_of, media_type};

impl Recording {
    /// What was said, as a transcript holds it. The client's side of each hop is called `client`, with the session where there are
    /// several; the server's is its host, or its program.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        let Some(start) = self.entries.first().map(|entry| entry.started_at) else { return Vec::new() };
        let mut sessions: Vec<&str> = Vec::new();
        let mut out = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let session = entry.session.as_deref().unwrap_or_default();
            let number = sessions.iter().position(|known| *known == session).unwrap_or_else(|| {
                sessions.push(session);
                sessions.len() - 1
            });
            let from = if number == 0 { "client".to_owned() } else { format!("client-{}", number + 1) };
            let started = Duration::try_from(entry.started_at - start).unwrap_or_default();
            out.push(entry.exchange(Hop { from, to: entry.request.server() }, started));
        }
        out
    }
}

impl Entry {
    /// The exchange on a hop; `started` is the time from the start of the recording.
    fn exchange(&self, hop: Hop, started: Duration) -> Exchange {
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
    fn server(&self) -> String {
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
