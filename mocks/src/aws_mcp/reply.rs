//! Answers on their way to the wire, some of them as streams.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::Response;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use serde_json::Value;

use super::state::InFlight;
use crate::answer::Answer;
use crate::front::{Body, BoxError};
use crate::journal::JournalNote;

/// An answer, and how it comes.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) answer: Answer,
    /// For the journal.
    pub(super) note: Option<String>,
    /// How long it takes.
    pub(super) delay: Duration,
    /// What comes before the answer, spread over the delay.
    pub(super) before: Vec<Value>,
    /// Whether it comes as a stream although nothing comes before it.
    pub(super) is_stream: bool,
    /// Kept until the answer is out.
    pub(super) in_flight: Option<InFlight>,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self { answer, note: None, delay: Duration::ZERO, before: Vec::new(), is_stream: false, in_flight: None }
    }
}

impl Reply {
    /// Waits as long as the answer takes, or lets a stream do so.
    pub(super) async fn into_response(self) -> Response<Body> {
        let is_stream = self.answer.status == 200 && (self.is_stream || !self.before.is_empty());
        let mut response = match is_stream {
            true => {
                self.answer.response("text/event-stream", events(&self.answer, self.before, self.delay, self.in_flight))
            }
            false => {
                if !self.delay.is_zero() {
                    tokio::time::sleep(self.delay).await;
                }
                self.answer.into_response()
            }
        };
        if let Some(note) = self.note {
            response.extensions_mut().insert(JournalNote(note));
        }
        response
    }
}

/// Messages with pauses between, and then the answer.
fn events(answer: &Answer, before: Vec<Value>, delay: Duration, in_flight: Option<InFlight>) -> Body {
    let pause = delay / u32::try_from(before.len() + 1).unwrap_or(u32::MAX);
    let messages = before.into_iter().map(|message| message.to_string().into_bytes());
    let messages: Vec<Vec<u8>> = messages.chain([answer.body.clone()]).collect();
    let events = stream::unfold((messages.into_iter(), in_flight), move |(mut messages, in_flight)| async move {
        let message = messages.next()?;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        // JSON in one line, so one data field.
        let event = [b"event: message\ndata: ".as_slice(), &message, b"\n\n"].concat();
        Some((Ok::<_, BoxError>(Frame::data(Bytes::from(event))), (messages, in_flight)))
    });
    StreamBody::new(events).boxed_unsync()
}
