//! One completion: the model's answer to a conversation, event by event.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use http::StatusCode;
use serde_json::Value;

use super::super::context::Context;
use super::super::failure::{Failure, FailureKind};
use super::connection::{Incoming, Outgoing, failed, within};
use super::conversation::Conversation;
use super::frames::{Event, Frames};
use super::search::{COMPLETION_TARGET, refusal};
use crate::outbound::OutboundError;

/// A part of the model's answer.
#[derive(Debug)]
pub(in super::super) enum CompletionEvent {
    Text(String),
    /// A call of a tool, its input complete.
    ToolUse {
        id: String,
        name: String,
        input: Value,
    },
}

/// An answer that is coming in.
pub(in super::super) struct Completion {
    pieces: BoxStream<'static, Result<Bytes, OutboundError>>,
    frames: Frames,
    patience: Option<Duration>,
    call: Option<Call>,
}

/// A call whose input is coming in.
struct Call {
    id: String,
    name: String,
    input: String,
}

impl Context {
    /// Sends a conversation to the model, with one new token if the runtime does not take the one at hand.
    pub(in super::super) async fn complete(&self, conversation: &Conversation) -> Result<Completion, Failure> {
        let mut renewed = false;
        loop {
            let token = self.access().await?;
            // Completions do without a profile; it is sent if it is known.
            let profile = self.vault.held().profile.clone();
            let request = self.completion_request(conversation, &token, profile.as_deref());
            let answer = within(self.patience(), self.connection.open(request)).await?;
            if answer.status == StatusCode::OK {
                return Ok(Completion {
                    pieces: answer.pieces().boxed(),
                    frames: Frames::default(),
                    patience: self.patience(),
                    call: None,
                });
            }
            let failure = refusal(&within(self.patience(), Incoming::read(answer)).await?);
            if failure.kind != FailureKind::Bearer || renewed || !self.can_renew() {
                return Err(failure);
            }
            renewed = true;
            self.renew(Some(&token)).await?;
        }
    }

    fn completion_request(&self, conversation: &Conversation, token: &str, profile: Option<&str>) -> Outgoing {
        let mut headers = self.identity.headers(true, false);
        headers.extend([
            ("authorization", format!("Bearer {token}")),
            ("content-type", "application/x-amz-json-1.0".to_owned()),
            ("x-amz-target", COMPLETION_TARGET.to_owned()),
        ]);
        headers.extend(self.token_type());
        Outgoing {
            host: self.api_host(profile),
            target: "/generateAssistantResponse".to_owned(),
            headers,
            body: conversation.request(profile).to_string().into_bytes(),
        }
    }
}

impl Completion {
    /// What comes next; none at the end.
    pub(in super::super) async fn next(&mut self) -> Result<Option<CompletionEvent>, Failure> {
        loop {
            while let Some(event) = self.frames.next()? {
                if let Some(event) = self.take(&event) {
                    return Ok(Some(event));
                }
            }
            let pieces = &mut self.pieces;
            match within(self.patience, async { Ok(pieces.next().await) }).await? {
                Some(Ok(bytes)) => self.frames.push(&bytes),
                Some(Err(error)) => return Err(failed(error)),
                None if self.frames.is_between() && self.call.is_none() => return Ok(None),
                None => return Err(Failure::new(FailureKind::Unreachable, "the completion broke off")),
            }
        }
    }

    fn take(&mut self, event: &Event) -> Option<CompletionEvent> {
        let text = |name: &str| event.payload.get(name).and_then(Value::as_str).unwrap_or_default();
        match event.kind.as_str() {
            "assistantResponseEvent" => Some(CompletionEvent::Text(text("content").to_owned())),
            "toolUseEvent" => {
                let call = self.call.get_or_insert_with(|| Call {
                    id: text("toolUseId").to_owned(),
                    name: text("name").to_owned(),
                    input: String::new(),
                });
                call.input.push_str(text("input"));
                if event.payload.get("stop") != Some(&Value::Bool(true)) {
                    return None;
                }
                let Call { id, name, input } = self.call.take()?;
                let input = serde_json::from_str(&input).unwrap_or_else(|_| Value::Object(serde_json::Map::new()));
                Some(CompletionEvent::ToolUse { id, name, input })
            }
            _ => None,
        }
    }
}
