//! What clients and a server said to each other, as it was on the wire. Whatever a bug report consists of becomes a recording; whatever
//! reproduces the bug starts from one.

mod exchange;

use std::time::Duration;

use bytes::Bytes;
use gauntlet_format::sse::{SseEvent, SseParser};
use time::OffsetDateTime;

use crate::transport::media_type;

/// A recording that is held as a whole.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// The program that made it, with its version, where it is known.
    pub creator: Option<String>,
    /// In the order in which they began.
    pub entries: Vec<Entry>,
}

/// How messages travelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Requests and responses.
    Http,
    /// Lines between a client and the process it started.
    Stdio,
}

/// One request and what came back.
///
/// Over stdio a request is one line that the client wrote, its method [`STDIN`]; the response holds the answer to it, whenever that came,
/// and before it what else the server wrote until the client's next line. What a server writes before any line of the client has an
/// empty request.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// How it travelled.
    pub transport: Transport,
    /// Which connection or session it belongs to, where that is known: the same text for the same one.
    pub session: Option<String>,
    /// The name of the upstream that the target asked here; `None`: a client asked the target.
    pub behind: Option<String>,
    /// When the request was sent.
    pub started_at: OffsetDateTime,
    /// From then until the answer began.
    pub began: Option<Duration>,
    /// From then until the answer was complete.
    pub elapsed: Duration,
    /// What was sent.
    pub request: Sent,
    /// What came back.
    pub response: Option<Received>,
    /// Why there is no (whole) answer.
    pub failure: Option<String>,
}

/// The method of a request over stdio.
pub const STDIN: &str = "stdin";

/// How the name of an upstream is written, for messages.
pub const UPSTREAM_NAME: &str = "letters, digits, `-`, `_` and `.`, at most 64";

/// Whether a text can be the name of an upstream: [`UPSTREAM_NAME`].
#[must_use]
pub fn is_upstream_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

/// A request on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// HTTP method, or [`STDIN`].
    pub method: String,
    /// Absolute URL; over stdio `stdio:` and the name of the program.
    pub url: String,
    /// `HTTP/1.1`, `h2` and so on, where it is known.
    pub http_version: Option<String>,
    /// Names in lower case, in order; a name may come twice.
    pub headers: Vec<(String, String)>,
    /// The body, or the line without its end.
    pub body: Payload,
}

/// A response on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// HTTP status; none over stdio.
    pub status: Option<u16>,
    /// `HTTP/1.1`, `h2` and so on, where it is known.
    pub http_version: Option<String>,
    /// Names in lower case, in order; a name may come twice.
    pub headers: Vec<(String, String)>,
    /// The body; over stdio lines, each with its end.
    pub body: Payload,
    /// When parts of the body came, in order; empty where that is not known.
    pub arrivals: Vec<Arrival>,
}

/// A body, content encodings undone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payload {
    /// What is kept of it.
    pub bytes: Bytes,
    /// How many bytes at its end were not kept.
    pub left_out: u64,
}

/// When a part of a body came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// From the send of the request.
    pub at: Duration,
    /// So many bytes of the body were there then.
    pub length: usize,
}

/// An event of a stream, with the time of its last byte where that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedEvent {
    /// From the send of the request.
    pub at: Option<Duration>,
    /// The event.
    pub event: SseEvent,
}

impl Payload {
    /// Everything of a body.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { bytes: bytes.into(), left_out: 0 }
    }

    /// The body as text, if it is UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok()
    }

    /// The body as JSON; none if it is something else, or not whole.
    #[must_use]
    pub fn json(&self) -> Option<serde_json::Value> {
        if self.left_out > 0 { None } else { serde_json::from_slice(&self.bytes).ok() }
    }
}

impl Entry {
    /// About how many bytes it holds in memory.
    #[must_use]
    pub fn held(&self) -> usize {
        let headers = |headers: &[(String, String)]| headers.iter().map(|(n, v)| n.len() + v.len() + 48).sum::<usize>();
        let response = self.response.as_ref().map_or(0, |response| {
            response.body.bytes.len() + headers(&response.headers) + size_of_val(response.arrivals.as_slice())
        });
        size_of::<Self>()
            + self.request.url.len()
            + self.request.body.bytes.len()
            + headers(&self.request.headers)
            + response
    }
}

impl Sent {
    /// The first value of a header (name in lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }
}

impl Received {
    /// The first value of a header (name in lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }

    /// Whether the body is an event stream.
    #[must_use]
    pub fn is_event_stream(&self) -> bool {
        media_type(&self.headers).is_some_and(|media| essence(media) == "text/event-stream")
    }

    /// The events of an event stream; none of anything else.
    #[must_use]
    pub fn events(&self) -> Vec<TimedEvent> {
        if !self.is_event_stream() {
            return Vec::new();
        }
        let mut parser = SseParser::new();
        self.parts()
            .flat_map(|(at, part)| parser.push(part).into_iter().map(move |event| TimedEvent { at, event }))
            .collect()
    }

    /// The lines of a stdio peer, without their ends, and when each came.
    #[must_use]
    pub fn lines(&self) -> Vec<(Option<Duration>, &[u8])> {
        let time = |end: usize| self.arrivals.iter().find(|arrival| arrival.length >= end).map(|arrival| arrival.at);
        let mut end = 0;
        let mut lines = Vec::new();
        for line in self.body.bytes.split_inclusive(|byte| *byte == b'\n') {
            end += line.len();
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            lines.push((time(end), line.strip_suffix(b"\r").unwrap_or(line)));
        }
        lines
    }

    /// The body in the parts in which it came.
    fn parts(&self) -> impl Iterator<Item = (Option<Duration>, &[u8])> {
        let body = &self.body.bytes;
        let mut from = 0;
        let known = self.arrivals.iter().map(move |arrival| {
            let to = arrival.length.clamp(from, body.len());
            let part = &body[from..to];
            from = to;
            (Some(arrival.at), part)
        });
        let timed = self.arrivals.iter().map(|arrival| arrival.length).max().unwrap_or(0).min(body.len());
        known.chain(std::iter::once((None, &body[timed..])))
    }
}

/// A media type without its parameters.
fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn first<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streamed(body: &str, arrivals: &[(u64, usize)]) -> Received {
        Received {
            status: Some(200),
            http_version: None,
            headers: vec![("content-type".to_owned(), "text/event-stream; charset=utf-8".to_owned())],
            body: Payload::whole(body.to_owned()),
            arrivals: arrivals.iter().map(|&(at, length)| Arrival { at: Duration::from_millis(at), length }).collect(),
        }
    }

    #[test]
    fn an_event_has_the_time_of_its_last_byte() {
        let body = "data: 1\n\ndata: 2\n\ndata: 3\n\n";
        let times = |arrivals: &[(u64, usize)]| -> Vec<_> {
            let events = streamed(body, arrivals).events();
            assert_eq!(events.iter().map(|event| event.event.data.as_str()).collect::<Vec<_>>(), ["1", "2", "3"]);
            events.into_iter().map(|event| event.at.map(|at| at.as_millis())).collect()
        };
        assert_eq!(times(&[(5, 9), (7, 20), (30, 27)]), [Some(5), Some(7), Some(30)]);
        assert_eq!(times(&[(5, 4), (7, 18)]), [Some(7), Some(7), None]);
        assert_eq!(times(&[(5, 999)]), [Some(5); 3]);
        assert_eq!(times(&[(5, 20), (6, 3), (7, 27)]), [Some(5), Some(5), Some(7)]);
        assert_eq!(times(&[]), [None; 3]);
    }

    #[test]
    fn lines_have_no_ends() {
        let response = Received { headers: Vec::new(), ..streamed("{}\r\n[]\nx", &[(1, 4), (2, 7)]) };
        let lines: Vec<_> =
            response.lines().into_iter().map(|(at, line)| (at.map(|at| at.as_millis()), line)).collect();
        assert_eq!(lines, [(Some(1), &b"{}"[..]), (Some(2), b"[]"), (None, b"x")]);
        assert_eq!(response.events(), []);
    }
}
