//! The record of one case: every exchange on every hop, in the order in which they began.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use gauntlet_mocks::JournalEntry;
use gauntlet_reports::{Body, Exchange, Hop, StreamEvent, WireRequest, WireResponse};
use serde_json::Value;

use crate::runner::relation::{Arrived, Cause, causes};
use crate::transport::{Content, Reply, Request, content_of, media_type};

pub(crate) mod learn;
pub(crate) mod secrets;

/// Bytes of text that a transcript keeps of one body.
const TEXT_KEPT: usize = 64 * 1024;

/// Takes down exchanges as they happen.
#[derive(Debug)]
pub(crate) struct Recorder {
    started: Instant,
    entries: Mutex<Vec<Recorded>>,
}

/// Where in a transcript exchanges are.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// By number in the record.
    recorded: Vec<usize>,
    /// By mock and sequence in its journal.
    arrived: BTreeMap<(String, u64), usize>,
}

impl Places {
    /// Of an exchange between a client and the target.
    pub(crate) fn of(&self, number: usize) -> Option<usize> {
        self.recorded.get(number).copied()
    }

    /// Of what arrived at a mock.
    pub(crate) fn of_arrived(&self, mock: &str, sequence: u64) -> Option<usize> {
        self.arrived.get(&(mock.to_owned(), sequence)).copied()
    }
}

/// What an exchange of a transcript is elsewhere.
enum Known<'a> {
    /// Number in the record.
    Recorded(usize),
    /// Mock, sequence in its journal, and the number of what caused it.
    Arrived { mock: &'a str, sequence: u64, cause: Option<usize> },
}

/// Where an exchange stands in a transcript: by the exchange that it belongs to, itself or what caused it, then by time.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Order {
    cause: (Instant, usize),
    /// `None` sorts first: the one that caused the others.
    at: Option<Instant>,
}

/// One exchange between a client of the harness and the target.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub from: Arc<str>,
    pub to: Arc<str>,
    pub step: Option<usize>,
    pub at: Instant,
    pub request: Arc<Request>,
    /// The message in the request, where it is at hand.
    pub said: Option<Arc<Value>>,
    pub reply: Option<Arc<Reply>>,
}

impl Recorded {
    /// Whether anything at all came back.
    pub(crate) fn is_answered(&self) -> bool {
        self.reply.as_ref().is_some_and(|r| r.status.is_some() || !matches!(r.content, Content::Empty))
    }
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), entries: Mutex::new(Vec::new()) }
    }

    /// Time since the case began.
    pub(crate) fn elapsed(&self) -> std::time::Duration {
        self.started.elapsed()
    }

    fn with<T>(&self, f: impl FnOnce(&mut Vec<Recorded>) -> T) -> T {
        f(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes down a request that is about to be sent; the number stays its own.
    pub(crate) fn begin(&self, from: &Arc<str>, to: &Arc<str>, step: Option<usize>, request: Arc<Request>) -> usize {
        self.with(|entries| {
            entries.push(Recorded {
                from: Arc::clone(from),
                to: Arc::clone(to),
                step,
                at: Instant::now(),
                request,
                said: None,
                reply: None,
            });
            entries.len() - 1
        })
    }

    /// Takes down what came back.
    pub(crate) fn finish(&self, number: usize, reply: Arc<Reply>) {
        self.with(|entries| {
            if let Some(entry) = entries.get_mut(number) {
                entry.reply = Some(reply);
            }
        });
    }

    /// Takes down which message the body of the request is, so that nobody need parse it.
    pub(crate) fn said(&self, number: usize, message: Value) {
        self.with(|entries| {
            if let Some(entry) = entries.get_mut(number) {
                entry.said = Some(Arc::new(message));
            }
        });
    }

    /// The exchanges from a number on.
    pub(crate) fn since(&self, number: usize) -> Vec<Recorded> {
        self.with(|entries| entries.get(number..).map(<[_]>::to_vec).unwrap_or_default())
    }

    /// One exchange, in the form that transcripts have.
    pub(crate) fn exchange(&self, number: usize) -> Option<Exchange> {
        let entry = self.with(|entries| entries.get(number).cloned())?;
        Some(self.render(&entry))
    }

    /// Forgets what came back in one exchange; that it took place stays.
    pub(crate) fn forget_reply(&self, number: usize) {
        self.with(|entries| {
            if let Some(entry) = entries.get_mut(number) {
                entry.reply = None;
            }
        });
    }

    /// Forgets what came back in the exchanges so far; that they took place stays.
    pub(crate) fn forget_replies(&self) {
        self.with(|entries| entries.iter_mut().for_each(|entry| entry.reply = None));
    }

    /// How many exchanges there were.
    pub(crate) fn len(&self) -> usize {
        self.with(|entries| entries.len())
    }

    /// The transcript, with what the mocks behind the target got sorted in by time; and where in it each exchange is.
    pub(crate) fn transcript(
        &self,
        target: &str,
        upstreams: &[(String, Vec<Arc<JournalEntry>>)],
    ) -> (Vec<Exchange>, Places) {
        let own = self.since(0);
        let behind = upstreams.iter().flat_map(|(name, entries)| entries.iter().map(move |entry| (name, entry)));
        let behind: Vec<(&String, &Arc<JournalEntry>)> = behind.collect();
        let clients: Vec<Cause> = own.iter().map(Cause::of).collect();
        let causes = causes(&clients, &behind.iter().map(|(_, entry)| Arrived::of(entry)).collect::<Vec<_>>());
        // What a target asked stands right behind the exchange that it was asked in, whatever else went on meanwhile.
        let mut ordered: Vec<(Order, Known<'_>, Exchange)> = own
            .iter()
            .enumerate()
            .map(|(number, entry)| {
                let order = Order { cause: (entry.at, number), at: None };
                (order, Known::Recorded(number), self.render(entry))
            })
            .collect();
        for ((name, entry), cause) in behind.into_iter().zip(causes) {
            let before_any = (entry.at, 0);
            let order = Order { cause: cause.map_or(before_any, |c| (own[c].at, c)), at: Some(entry.at) };
            let exchange = self.render_upstream(target, name, entry);
            ordered.push((order, Known::Arrived { mock: name, sequence: entry.sequence, cause }, exchange));
        }
        ordered.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        let mut places = Places { recorded: vec![0; own.len()], arrived: BTreeMap::new() };
        for (place, (_, known, _)) in ordered.iter().enumerate() {
            match known {
                Known::Recorded(number) => places.recorded[*number] = place,
                Known::Arrived { mock, sequence, .. } => {
                    places.arrived.insert(((*mock).to_owned(), *sequence), place);
                }
            }
        }
        let exchanges = ordered.into_iter().map(|(_, known, exchange)| match known {
            Known::Arrived { cause: Some(cause), .. } => Exchange { cause: places.of(cause), ..exchange },
            _ => exchange,
        });
        (exchanges.collect(), places)
    }

    fn render(&self, entry: &Recorded) -> Exchange {
        Exchange {
            hop: Hop { from: entry.from.to_string(), to: entry.to.to_string() },
            step: entry.step,
            request: WireRequest {
                method: entry.request.method.clone(),
                url: entry.request.url.clone(),
                headers: entry.request.headers.clone(),
                body: body(&content_of(&entry.request.body, media_type(&entry.request.headers)).0),
            },
            response: entry
                .reply
                .as_ref()
                .filter(|r| r.status.is_some() || !matches!(r.content, Content::Empty))
                .map(|r| WireResponse { status: r.status, headers: r.headers.clone(), body: body(&r.content) }),
            failure: entry.reply.as_ref().and_then(|r| r.failure.as_ref()).map(ToString::to_string),
            cause: None,
            note: None,
            started_ms: millis(entry.at.saturating_duration_since(self.started)),
            began_ms: None,
            elapsed_ms: entry.reply.as_ref().map_or(0.0, |r| millis(r.elapsed)),
        }
    }

    fn render_upstream(&self, target: &str, name: &str, entry: &JournalEntry) -> Exchange {
        let elapsed =
            entry.response.as_ref().and_then(|r| r.finished_at).map(|end| end.saturating_duration_since(entry.at));
        let began = entry.response.as_ref().map(|r| r.began_at.saturating_duration_since(entry.at));
        Exchange {
            hop: Hop { from: target.to_owned(), to: name.to_owned() },
            step: None,
            request: WireRequest {
                method: entry.method.clone(),
                url: entry.target.clone(),
                headers: entry.headers.clone(),
                body: body(&content_of(&entry.body, media_type(&entry.headers)).0),
            },
            response: entry.response.as_ref().map(|r| WireResponse {
                status: Some(r.status),
                headers: r.headers.clone(),
                body: body(&content_of(&r.body, media_type(&r.headers)).0),
            }),
            failure: entry.response.as_ref().filter(|r| r.broke_off).map(|_| "the answer broke off".to_owned()),
            cause: None,
            note: entry.note.clone(),
            started_ms: millis(entry.at.saturating_duration_since(self.started)),
            began_ms: began.map(millis),
            elapsed_ms: elapsed.map_or(0.0, millis),
        }
    }
}

/// Milliseconds with a fraction.
pub(crate) fn millis(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Content as a transcript shows it.
pub(crate) fn body(content: &Content) -> Body {
    match content {
        Content::Empty => Body::Empty,
        Content::Json(value) => Body::Json(value.clone()),
        Content::Text(text) => {
            let kept = text.floor_char_boundary(TEXT_KEPT.min(text.len()));
            Body::Text { text: text[..kept].to_owned(), truncated: text.len() - kept }
        }
        Content::Binary(length) => Body::Binary { length: *length },
        Content::Events(events) => Body::Events(
            events
                .iter()
                .map(|e| StreamEvent {
                    at_ms: millis(e.at),
                    event: e.event.clone(),
                    id: e.id.clone(),
                    data: e.message.clone().unwrap_or_else(|| e.data.clone().into()),
                })
                .collect(),
        ),
    }
}
