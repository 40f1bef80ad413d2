//! What is kept of the live answers, and what comes of them in the end.
//!
//! A recording may be large, and answers in memory are several times as large as on the wire. So each is compared when it comes: of
//! one that is as recorded nothing is kept, and any other is kept as text, until all secrets are known.

use gauntlet_reports::{Exchange, Hop, Redactor};

use super::super::origins::{Origins, origin_of};
use super::super::recording::{Entry, Payload, Received, Sent, Transport};
use super::ReplayError;
use super::compare::{Scale, Side, differences};
use super::report::{Came, FORMAT, Outcome, Played, Report};
use super::send::{Kind, Player};
use crate::lifecycle::Spoken;
use crate::transcript::learn::learn_exchange;
use crate::transport::Content;

/// What became of an entry.
pub(super) enum Done {
    /// It was answered as recorded.
    Same(Came),
    /// It was answered otherwise: the live exchange, as JSON.
    Kept(Vec<u8>),
    /// It opened a stream, as it did before.
    Opened,
    /// It was not sent; why.
    Left(String),
}

impl Player<'_> {
    /// Takes down what came back to an entry.
    pub(super) fn keep(&mut self, at: usize, spoken: &Spoken) {
        let secrets = &self.options.secrets;
        self.instance.learn_secrets(secrets);
        secrets.absorb(&self.target.secrets);
        learn_exchange(secrets, &self.recorder, spoken.number);
        self.finder.learn(&live_entry(spoken));
        let live = self.recorder.exchange(spoken.number);
        self.recorder.forget_reply(spoken.number);
        let (Some(live), Some(entry)) = (live, self.recording.entries.get(at)) else { return };
        self.is_answered = true;
        let redactor = secrets.redactor();
        let came = came(&live, &redactor);
        let done = match serde_json::to_vec(&live) {
            _ if self.differences(at, entry, live, &redactor).is_empty() => Done::Same(came),
            Ok(kept) => Done::Kept(kept),
            Err(error) => Done::Left(format!("its answer cannot be kept: {error}")),
        };
        self.done.insert(at, done);
    }

    fn differences(&self, at: usize, entry: &Entry, live: Exchange, redactor: &Redactor) -> Vec<String> {
        let scale = Scale {
            rules: &self.options.rules,
            headers: &self.options.headers,
            only_messages: (entry.transport == Transport::Stdio) != self.target.spec.is_stdio()
                || self.streams.posted.contains_key(&at),
            open_ended: self.kind(entry) == Kind::Open,
            without_body: entry.response.as_ref().is_some_and(|response| response.body.left_out > 0),
        };
        let live_origin = self.instance.url().and_then(|url| origin_of(url.as_str()));
        let live_origins = Origins::new(live_origin.into_iter().collect());
        let before = Side { exchange: recorded(entry), origins: &self.origins, redactor };
        let now = Side { exchange: live, origins: &live_origins, redactor };
        differences(before, now, &scale)
    }

    /// What came of it all.
    ///
    /// # Errors
    /// When nothing was answered.
    pub(super) fn report(mut self) -> Result<Report, ReplayError> {
        let redactor = self.options.secrets.redactor();
        let mut report = Report {
            format: FORMAT,
            target: self.target.spec.name.clone(),
            endpoint: redactor.redact(&self.instance.endpoint()),
            same: 0,
            changed: 0,
            unrecorded: 0,
            not_sent: 0,
            not_selected: 0,
            interrupted: self.is_interrupted.then_some(0),
            notes: self.notes.clone(),
            exchanges: Vec::new(),
        };
        let mut is_answered = false;
        for (at, entry) in self.recording.entries.iter().enumerate() {
            let left = self.plan.left.get(at).and_then(Clone::clone);
            if left.as_deref() == Some("not selected") {
                report.not_selected += 1;
                continue;
            }
            let done = match left {
                Some(reason) => Some(Done::Left(reason)),
                None => self.done.remove(&at),
            };
            let Some(done) = done else {
                report.interrupted = report.interrupted.map(|count| count + 1);
                continue;
            };
            let (outcome, live) = self.outcome(at, entry, done, &redactor);
            match &outcome {
                Outcome::Same => report.same += 1,
                Outcome::Changed { .. } => report.changed += 1,
                Outcome::Unrecorded { .. } => report.unrecorded += 1,
                Outcome::NotSent { .. } => report.not_sent += 1,
            }
            is_answered |= live.is_some();
            let label = self.finder.text(&redactor.redact(&entry.label()));
            let recorded = came_of(entry, &redactor);
            report.exchanges.push(Played { number: at + 1, label, outcome, recorded, live });
        }
        if is_answered {
            return Ok(report);
        }
        if self.is_interrupted {
            return Err(ReplayError::Interrupted);
        }
        let reason = report.exchanges.iter().find_map(|played| match &played.outcome {
            Outcome::NotSent { reason } => Some(reason.clone()),
            _ => None,
        });
        Err(ReplayError::NothingToSend(reason.unwrap_or_default()))
    }

    fn outcome(&mut self, at: usize, entry: &Entry, done: Done, redactor: &Redactor) -> (Outcome, Option<Came>) {
        let kept = match done {
            Done::Same(came) => return (Outcome::Same, Some(came)),
            Done::Opened => return (Outcome::Same, None),
            Done::Left(reason) => return (Outcome::NotSent { reason: self.finder.text(&reason) }, None),
            Done::Kept(kept) => kept,
        };
        let live: Exchange = match serde_json::from_slice(&kept) {
            Ok(live) => live,
            Err(error) => {
                return (Outcome::NotSent { reason: format!("its answer cannot be read again: {error}") }, None);
            }
        };
        let came = came(&live, redactor);
        let diff = self.differences(at, entry, live, redactor);
        let outcome = match diff {
            diff if diff.is_empty() => Outcome::Same,
            diff if is_alone(entry) => {
                let answer = diff.iter().filter(|line| !line.starts_with('-'));
                Outcome::Unrecorded { answer: answer.map(|line| self.finder.text(line)).collect() }
            }
            diff => Outcome::Changed { diff: diff.iter().map(|line| self.finder.text(line)).collect() },
        };
        (outcome, Some(came))
    }
}

/// The recorded exchange; on which hop does not matter.
fn recorded(entry: &Entry) -> Exchange {
    let hop = Hop { from: "client".to_owned(), to: entry.request.server() };
    entry.exchange(hop, std::time::Duration::ZERO)
}

fn came(exchange: &Exchange, redactor: &Redactor) -> Came {
    Came {
        status: exchange.response.as_ref().and_then(|response| response.status),
        elapsed_ms: exchange.elapsed_ms,
        failure: exchange.failure.as_ref().map(|failure| redactor.redact(failure)),
    }
}

fn came_of(entry: &Entry, redactor: &Redactor) -> Came {
    Came {
        status: entry.response.as_ref().and_then(|response| response.status),
        elapsed_ms: crate::transcript::millis(entry.elapsed),
        failure: entry.failure.as_ref().map(|failure| redactor.redact(failure)),
    }
}

/// Whether nobody knows what came back, as of a command line.
fn is_alone(entry: &Entry) -> bool {
    entry.response.is_none() && entry.failure.is_none() && entry.elapsed.is_zero()
}

/// What was said now, as a recorder writes it down.
fn live_entry(spoken: &Spoken) -> Entry {
    let body = match &spoken.reply.content {
        Content::Json(value) => value.to_string(),
        Content::Text(text) => text.clone(),
        Content::Events(events) => events.iter().map(|event| format!("data: {}\n\n", event.data)).collect(),
        Content::Empty | Content::Binary(_) => String::new(),
    };
    Entry {
        transport: Transport::Http,
        session: None,
        behind: None,
        started_at: time::OffsetDateTime::UNIX_EPOCH,
        began: None,
        elapsed: spoken.reply.elapsed,
        request: Sent {
            method: spoken.request.method.clone(),
            url: spoken.request.url.clone(),
            http_version: None,
            headers: spoken.request.headers.clone(),
            body: Payload::whole(spoken.request.body.clone()),
        },
        response: Some(Received {
            status: spoken.reply.status,
            http_version: None,
            headers: spoken.reply.headers.clone(),
            body: Payload::whole(body),
            arrivals: Vec::new(),
        }),
        failure: None,
    }
}
