//! Clients of HTTP+SSE (2024-11-05): each has a stream on which it is answered, and posts elsewhere.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use gauntlet_mocks::stub::{LiveBody, StubAnswer, StubBody};
use tokio::sync::mpsc;

use super::super::http_sse::{ENDPOINT, Opened};

/// Streams that are remembered; the oldest are ended first.
const MOST: usize = 1_000;

/// Pieces that wait for a client that does not read.
const WAITING: usize = 1_000;

/// The streams that are open.
#[derive(Debug, Default)]
pub(super) struct Streams(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    /// By where its client posts: path and query.
    by_endpoint: HashMap<String, Client>,
    order: VecDeque<String>,
    /// How often each recorded stream was opened.
    counts: HashMap<String, usize>,
}

#[derive(Debug, Clone)]
struct Client {
    session: String,
    pieces: mpsc::Sender<(Duration, Bytes)>,
}

impl Streams {
    fn open(&self) -> std::sync::MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which of so many recorded streams somebody who opens one gets: one after the other, then the last one again.
    pub(super) fn turn(&self, of: usize) -> usize {
        let opened: usize = self.open().counts.values().sum();
        opened.min(of.saturating_sub(1))
    }

    /// A stream for one more client, whose session here is `session`. It begins with where to post.
    pub(super) fn begin(&self, recorded: &Opened, session: String) -> StubAnswer {
        let (sender, receiver) = mpsc::channel(WAITING);
        let mut open = self.open();
        let count = open.counts.entry(recorded.endpoint.clone()).or_default();
        *count += 1;
        let endpoint = match (*count, recorded.endpoint.contains('?')) {
            (1, _) => recorded.endpoint.clone(),
            (count, true) => format!("{}-{count}", recorded.endpoint),
            (count, false) => format!("{}?session={count}", recorded.endpoint),
        };
        let first = format!("event: {ENDPOINT}\ndata: {endpoint}\n\n");
        // There is room for the first one.
        let _ = sender.try_send((Duration::ZERO, first.into()));
        open.by_endpoint.insert(endpoint.clone(), Client { session, pieces: sender });
        open.order.push_back(endpoint);
        while open.order.len() > MOST {
            if let Some(oldest) = open.order.pop_front() {
                open.by_endpoint.remove(&oldest);
            }
        }
        StubAnswer {
            status: 200,
            headers: vec![
                ("content-type".to_owned(), "text/event-stream".to_owned()),
                ("cache-control".to_owned(), "no-cache".to_owned()),
            ],
            body: StubBody::Live(LiveBody::new(receiver)),
            faults: Vec::new(),
            note: Some("a stream of HTTP+SSE".to_owned()),
        }
    }

    /// The session of a client that posts there.
    pub(super) fn session(&self, endpoint: &str) -> Option<String> {
        self.open().by_endpoint.get(endpoint).map(|client| client.session.clone())
    }

    /// Says an answer on the stream of the client that posts there, and accepts the request.
    pub(super) fn say(&self, endpoint: &str, answer: StubAnswer) -> StubAnswer {
        let client = self.open().by_endpoint.get(endpoint).cloned();
        let pieces = match answer.body {
            StubBody::Events(pieces) => pieces,
            StubBody::Bytes(bytes) if bytes.is_empty() => Vec::new(),
            StubBody::Bytes(bytes) => vec![(Duration::ZERO, message(&bytes))],
            StubBody::Live(_) => Vec::new(),
        };
        if let Some(client) = client {
            // Whoever has gone, or does not read, is not waited for.
            pieces.into_iter().all(|piece| client.pieces.try_send(piece).is_ok());
        }
        StubAnswer {
            status: 202,
            headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
            body: StubBody::Bytes("Accepted".into()),
            faults: answer.faults,
            note: answer.note,
        }
    }
}

/// A message as an event.
fn message(bytes: &[u8]) -> Bytes {
    let text = String::from_utf8_lossy(bytes);
    let mut event = "event: message\n".to_owned();
    for line in text.lines() {
        event.push_str("data: ");
        event.push_str(line);
        event.push('\n');
    }
    event.push('\n');
    event.into()
}
