//! The events of a completion, as they come.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use aws_smithy_types::event_stream::Message;
use bytes::BytesMut;
use serde_json::Value;

use super::super::failure::{Failure, FailureKind};

/// Largest event that is waited for.
const LARGEST_EVENT: usize = 1 << 20;

/// Takes a stream of bytes apart.
#[derive(Debug, Default)]
pub(super) struct Frames {
    decoder: MessageFrameDecoder,
    waiting: BytesMut,
    inside: bool,
}

/// An event by its type.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) kind: String,
    pub(super) payload: Value,
}

impl Frames {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The next event that is complete.
    pub(super) fn next(&mut self) -> Result<Option<Event>, Failure> {
        let broken =
            |told: &dyn std::fmt::Display| Failure::new(FailureKind::Malformed, format!("event stream: {told}"));
        if self.waiting.len() > LARGEST_EVENT {
            return Err(broken(&"an event is too large"));
        }
        let before = self.waiting.len();
        match self.decoder.decode_frame(&mut self.waiting).map_err(|error| broken(&error))? {
            DecodedFrame::Incomplete => {
                self.inside |= before > 0;
                Ok(None)
            }
            DecodedFrame::Complete(message) => {
                self.inside = false;
                event(&message).map(Some)
            }
        }
    }

    /// The stream may end here.
    pub(super) fn is_between(&self) -> bool {
        !self.inside && self.waiting.is_empty()
    }
}

fn event(message: &Message) -> Result<Event, Failure> {
    let header = |name: &str| {
        let found = message.headers().iter().find(|header| header.name().as_str() == name);
        found.and_then(|header| header.value().as_string().ok()).map(|text| text.as_str().to_owned())
    };
    let payload: Value = serde_json::from_slice(message.payload()).unwrap_or_default();
    if header(":message-type").as_deref() != Some("event") {
        let told = format!("the runtime broke off: {payload}");
        return Err(Failure::new(FailureKind::Broken, told));
    }
    Ok(Event { kind: header(":event-type").unwrap_or_default(), payload })
}
