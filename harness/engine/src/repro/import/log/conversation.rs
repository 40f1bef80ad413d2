//! Messages in a row, as requests and what came back.

use std::collections::HashMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use time::OffsetDateTime;

use super::direction::{self, Side};
use super::message::Kind;
use super::{Logged, Note, Place};
use crate::repro::recording::{Arrival, Entry, Payload, Received, Recording, STDIN, Sent, Transport};

/// The recording: a session for each server that the log names.
pub(super) fn recording(messages: Vec<Logged>, notes: &mut Vec<Note>) -> Recording {
    let writer = direction::writer(messages.iter().map(|message| (&message.kind, message.marker)));
    let mut servers: HashMap<Option<String>, Conversation> = HashMap::new();
    let mut talk = Talk { entries: Vec::new(), twice: 0, unasked: Vec::new(), clock: OffsetDateTime::UNIX_EPOCH };
    for message in messages {
        let conversation = servers.entry(message.server.clone()).or_default();
        talk.take(message, conversation, writer);
    }
    if talk.twice > 0 {
        let text = format!("{} of messages that stand in the log twice", left_out(talk.twice));
        notes.push(Note { place: None, text });
    }
    if let Some(line) = talk.unasked.first() {
        let text = format!("{}: answers to questions that are not in the log", left_out(talk.unasked.len()));
        notes.push(Note { place: Some(Place::line(*line)), text });
    }
    let entries = talk.entries.into_iter().map(Building::entry).collect();
    Recording { creator: None, entries }
}

fn left_out(number: usize) -> String {
    if number == 1 { "1 message left out".to_owned() } else { format!("{number} messages left out") }
}

/// What is open between a client and one server.
#[derive(Default)]
struct Conversation {
    /// Requests of the client that have no answer yet, by id: the number of the entry.
    asked: HashMap<String, usize>,
    /// Answers that were given, by id.
    answered: HashMap<String, Bytes>,
    /// Requests of the server that have no answer yet.
    asked_back: Vec<String>,
    /// The client's last message.
    last: Option<usize>,
}

struct Talk {
    entries: Vec<Building>,
    twice: usize,
    unasked: Vec<usize>,
    /// The time of the last message that has one.
    clock: OffsetDateTime,
}

/// An entry that answers still come to.
struct Building {
    request: Bytes,
    server: Option<String>,
    started_at: OffsetDateTime,
    lines: BytesMut,
    arrivals: Vec<Arrival>,
    is_answered: bool,
    is_request: bool,
}

impl Talk {
    fn take(&mut self, message: Logged, conversation: &mut Conversation, writer: Side) {
        self.clock = message.at.unwrap_or(self.clock);
        let side = sender(&message, conversation, writer);
        match side {
            Side::Client => self.sent(message, conversation),
            Side::Server => self.came(message, conversation),
        }
    }

    fn sent(&mut self, message: Logged, conversation: &mut Conversation) {
        let number = self.entries.len();
        match &message.kind {
            Kind::Request { id, .. } => {
                let same = conversation.asked.get(id).and_then(|known| self.entries.get(*known));
                if same.is_some_and(|known| is_same(&known.request, &message.bytes)) {
                    self.twice += 1;
                    return;
                }
                conversation.asked.insert(id.clone(), number);
                conversation.answered.remove(id);
            }
            Kind::Response { id } => conversation.asked_back.retain(|known| known != id),
            Kind::Notification { .. } => {}
        }
        conversation.last = Some(number);
        self.entries.push(Building {
            is_request: matches!(message.kind, Kind::Request { .. }),
            request: message.bytes,
            server: message.server,
            started_at: self.clock,
            lines: BytesMut::new(),
            arrivals: Vec::new(),
            is_answered: false,
        });
    }

    fn came(&mut self, message: Logged, conversation: &mut Conversation) {
        let number = match &message.kind {
            Kind::Response { id } => match conversation.asked.remove(id) {
                Some(number) => {
                    conversation.answered.insert(id.clone(), message.bytes.clone());
                    if let Some(entry) = self.entries.get_mut(number) {
                        entry.is_answered = true;
                    }
                    Some(number)
                }
                None if conversation.answered.get(id).is_some_and(|known| is_same(known, &message.bytes)) => {
                    self.twice += 1;
                    return;
                }
                // An answer with `id: null` says that a message could not be read: the last one.
                None if id == "null" || conversation.answered.contains_key(id) => conversation.last,
                None => {
                    self.unasked.push(message.line);
                    return;
                }
            },
            Kind::Request { id, .. } => {
                conversation.asked_back.push(id.clone());
                conversation.last
            }
            Kind::Notification { .. } => conversation.last,
        };
        let number = number.unwrap_or_else(|| {
            // Before any line of the client.
            self.entries.push(Building {
                request: Bytes::new(),
                server: message.server.clone(),
                started_at: self.clock,
                lines: BytesMut::new(),
                arrivals: Vec::new(),
                is_answered: false,
                is_request: false,
            });
            conversation.last = Some(self.entries.len() - 1);
            self.entries.len() - 1
        });
        let clock = self.clock;
        let Some(entry) = self.entries.get_mut(number) else { return };
        entry.lines.extend_from_slice(&message.bytes);
        entry.lines.extend_from_slice(b"\n");
        if message.at.is_some() {
            let at = Duration::try_from(clock - entry.started_at).unwrap_or_default();
            entry.arrivals.push(Arrival { at, length: entry.lines.len() });
        }
    }
}

fn sender(message: &Logged, conversation: &Conversation, writer: Side) -> Side {
    if let Some(side) = direction::side(&message.kind) {
        return side;
    }
    let said = message.marker.map(|marker| marker.side(writer));
    if let Kind::Response { id } = &message.kind {
        let is_of_server = conversation.asked.contains_key(id) || conversation.answered.contains_key(id);
        let is_of_client = conversation.asked_back.contains(id);
        return match (is_of_server, is_of_client) {
            (true, false) => Side::Server,
            (false, true) => Side::Client,
            _ => said.unwrap_or(Side::Server),
        };
    }
    said.unwrap_or_else(|| direction::usual(&message.kind))
}

/// Whether two spellings are of the same message.
fn is_same(first: &Bytes, second: &Bytes) -> bool {
    let value = |bytes: &Bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok();
    first == second || value(first).is_some_and(|first| Some(first) == value(second))
}

impl Building {
    fn entry(self) -> Entry {
        let last = self.arrivals.last().map_or(Duration::ZERO, |arrival| arrival.at);
        let has_answer = !self.lines.is_empty();
        Entry {
            transport: Transport::Stdio,
            session: self.server.clone(),
            behind: None,
            started_at: self.started_at,
            began: self.arrivals.first().map(|arrival| arrival.at),
            elapsed: last,
            request: Sent {
                method: STDIN.to_owned(),
                url: format!("stdio:{}", self.server.as_deref().unwrap_or("server")),
                http_version: None,
                headers: Vec::new(),
                body: Payload::whole(self.request),
            },
            response: has_answer.then(|| Received {
                status: None,
                http_version: None,
                headers: Vec::new(),
                body: Payload::whole(self.lines.freeze()),
                arrivals: self.arrivals,
            }),
            failure: (self.is_request && !self.is_answered).then(|| "no answer is in the log".to_owned()),
        }
    }
}
