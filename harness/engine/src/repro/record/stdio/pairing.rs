//! Lines of both sides as exchanges: a line of the client, and what the server says to it.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use time::OffsetDateTime;

use super::Speaker;
use crate::repro::record::sink::Inlet;
use crate::repro::record::tap::{Kept, Room, note_arrival};
use crate::repro::recording::{Arrival, Entry, Payload, Received, STDIN, Sent, Transport};

/// Requests that may wait for their answers at the same time; of more, the oldest counts as unanswered.
const WAITING: usize = 4096;

/// Why a request has no answer when so many came after it.
const FORGOTTEN: &str = "it was not answered while thousands of others waited";

/// Why a request has no answer at the end.
const UNANSWERED: &str = "the process ended before it answered";

/// What both sides have said so far.
#[derive(Debug)]
pub(super) struct Lines {
    url: String,
    most: usize,
    inlet: Inlet,
    client: Kept,
    server: Kept,
    /// Exchanges that are not over, in the order in which they began.
    open: VecDeque<Open>,
    /// When the last one began: later ones begin later, also if they came at once.
    latest: OffsetDateTime,
}

/// A line of the client, and what the server has said to it so far.
#[derive(Debug)]
struct Open {
    began: Instant,
    started_at: OffsetDateTime,
    request: Payload,
    room: Room,
    /// Ids of its requests that are not answered.
    awaited: HashSet<String>,
    answer: Kept,
    arrivals: Vec<Arrival>,
    /// When the last line came that is in it.
    last: Duration,
}

/// What says whether a message asks or answers.
#[derive(Deserialize)]
struct Head {
    id: Option<Value>,
    method: Option<IgnoredAny>,
}

impl Lines {
    /// `program` is what the client started; `most` bounds a line, and what answers it, in bytes.
    pub(super) fn new(program: &str, most: usize, inlet: Inlet) -> Self {
        Self {
            url: format!("stdio:{program}"),
            most,
            client: Kept::new(most, inlet.budget()),
            server: Kept::new(most, inlet.budget()),
            inlet,
            open: VecDeque::new(),
            latest: OffsetDateTime::now_utc(),
        }
    }

    /// Bytes of a side, which were passed on at a time.
    pub(super) fn hear(&mut self, speaker: Speaker, at: Instant, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (line, is_over) = match part.strip_suffix(b"\n") {
                // Ends belong to what a server writes.
                Some(line) => (if speaker == Speaker::Client { line } else { part }, true),
                None => (part, false),
            };
            match speaker {
                Speaker::Client => self.client.push(line),
                Speaker::Server => self.server.push(line),
            }
            if is_over {
                self.line(speaker, at);
            }
        }
    }

    /// Nothing more is said.
    pub(super) fn end(mut self) {
        let now = Instant::now();
        for speaker in [Speaker::Client, Speaker::Server] {
            self.line(speaker, now);
        }
        while let Some(open) = self.open.pop_front() {
            self.record(open, now, UNANSWERED);
        }
    }

    fn line(&mut self, speaker: Speaker, at: Instant) {
        match speaker {
            Speaker::Client => self.said(at),
            Speaker::Server => self.answered(at),
        }
    }

    /// A line of the client is over.
    fn said(&mut self, at: Instant) {
        let (mut request, room) = self.client.take();
        if request.left_out == 0 && request.bytes.trim_ascii().is_empty() {
            return;
        }
        if request.bytes.ends_with(b"\r") {
            request.bytes.truncate(request.bytes.len() - 1);
        }
        // What nobody answers is over with the next line.
        if self.open.back().is_some_and(|open| open.awaited.is_empty())
            && let Some(open) = self.open.pop_back()
        {
            self.record(open, at, UNANSWERED);
        }
        if self.open.len() >= WAITING
            && let Some(open) = self.open.pop_front()
        {
            self.record(open, at, FORGOTTEN);
        }
        let awaited =
            heads(&request.bytes).filter(|head| head.method.is_some()).filter_map(|head| Some(head.id?.to_string()));
        let awaited = awaited.collect();
        self.begin(at, request, room, awaited);
    }

    fn begin(&mut self, at: Instant, request: Payload, room: Room, awaited: HashSet<String>) {
        self.inlet.begin();
        self.latest = (OffsetDateTime::now_utc() - at.elapsed()).max(self.latest + Duration::from_nanos(1));
        self.open.push_back(Open {
            began: at,
            started_at: self.latest,
            request,
            room,
            awaited,
            answer: Kept::new(self.most, self.inlet.budget()),
            arrivals: Vec::new(),
            last: Duration::ZERO,
        });
    }

    /// A line of the server is over.
    fn answered(&mut self, at: Instant) {
        let (line, _room) = self.server.take();
        if line.bytes.is_empty() && line.left_out == 0 {
            return;
        }
        let ids = heads(&line.bytes).filter(|head| head.method.is_none()).filter_map(|head| Some(head.id?.to_string()));
        let ids: Vec<String> = ids.collect();
        let asked = self.open.iter().position(|open| ids.iter().any(|id| open.awaited.contains(id)));
        let index = match asked {
            Some(index) => index,
            // What answers nothing belongs to the client's last line, or came before any.
            None => {
                if self.open.is_empty() {
                    let (nothing, room) = Kept::new(0, self.inlet.budget()).take();
                    self.begin(at, nothing, room, HashSet::new());
                }
                self.open.len() - 1
            }
        };
        let Some(open) = self.open.get_mut(index) else { return };
        open.last = at.saturating_duration_since(open.began);
        open.answer.push(&line.bytes);
        open.answer.lose(line.left_out);
        note_arrival(&mut open.arrivals, open.last, open.answer.len());
        open.awaited.retain(|id| !ids.contains(id));
        if asked.is_some()
            && open.awaited.is_empty()
            && let Some(open) = self.open.remove(index)
        {
            self.record(open, at, UNANSWERED);
        }
    }

    fn record(&self, mut open: Open, at: Instant, unanswered: &str) {
        let is_answered = open.awaited.is_empty();
        let (answer, room) = open.answer.take();
        let has_lines = answer.left_out > 0 || !answer.bytes.is_empty();
        let elapsed = if is_answered { open.last } else { at.saturating_duration_since(open.began) };
        let entry = Entry {
            transport: Transport::Stdio,
            session: None,
            behind: None,
            started_at: open.started_at,
            began: open.arrivals.first().map(|arrival| arrival.at),
            elapsed,
            request: Sent {
                method: STDIN.to_owned(),
                url: self.url.clone(),
                http_version: None,
                headers: Vec::new(),
                body: open.request,
            },
            response: has_lines.then_some(Received {
                status: None,
                http_version: None,
                headers: Vec::new(),
                body: answer,
                arrivals: open.arrivals,
            }),
            failure: (!is_answered).then(|| unanswered.to_owned()),
        };
        self.inlet.record(entry, [open.room, room]);
    }
}

/// The messages of a line: one, or those of a batch; none if it is something else.
fn heads(line: &[u8]) -> impl Iterator<Item = Head> + use<> {
    let heads = match line.trim_ascii_start().first() {
        Some(b'[') => serde_json::from_slice(line).unwrap_or_default(),
        _ => Vec::from_iter(serde_json::from_slice::<Head>(line)),
    };
    heads.into_iter()
}
