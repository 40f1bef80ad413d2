//! Faults of the HTTP level: the answer arrives, but it is not the right one.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::body::Frame;
use serde_json::Value;

use super::sse::{EventSplitter, event_data, with_data};
use crate::front::{Body, BoxError};

/// What stands in place of JSON. It has neither an opening bracket nor a quote that could be completed.
const GARBAGE: &str = "]}this is not JSON: %%%";

/// Lines outside the grammar: `0xff` is not UTF-8, and a line without a colon is a field that nobody knows.
const MALFORMED_LINES: &[u8] = b"%% no field %%\n\xff\xfe: not utf-8\n:\ndata\x00: 1\n\n";

/// Largest whole answer that is rewritten.
const LARGEST_DOCUMENT: usize = 16 << 20;

/// Most events kept back for reordering; beyond that they pass in groups.
const MOST_HELD_EVENTS: usize = 10_000;

/// What is to be changed in an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rewrite {
    pub(crate) wrong_id: bool,
    pub(crate) duplicate: bool,
    pub(crate) reorder: bool,
    pub(crate) malformed_sse: bool,
    pub(crate) garbage: bool,
}

impl Rewrite {
    /// Applies the changes. An event stream is changed event by event, as it comes.
    pub(crate) async fn apply(self, response: http::Response<Body>) -> Result<http::Response<Body>, BoxError> {
        if self == Self::default() {
            return Ok(response);
        }
        let (mut head, body) = response.into_parts();
        if is_event_stream(&head) {
            head.headers.remove(CONTENT_LENGTH);
            let body = RewrittenEvents {
                inner: body,
                rewrite: self,
                splitter: EventSplitter::default(),
                ready: VecDeque::new(),
                held: Vec::new(),
                ended: false,
            };
            return Ok(http::Response::from_parts(head, body.boxed_unsync()));
        }
        let bytes = self.document(collect(body).await?);
        head.headers.remove(CONTENT_LENGTH);
        Ok(http::Response::from_parts(head, full(bytes)))
    }

    fn document(self, bytes: Bytes) -> Bytes {
        if self.garbage {
            return Bytes::from_static(GARBAGE.as_bytes());
        }
        if self.wrong_id
            && let Some(changed) = std::str::from_utf8(&bytes).ok().and_then(with_wrong_id)
        {
            return Bytes::from(changed);
        }
        bytes
    }

    /// What comes in place of one event.
    fn event(self, event: Bytes, out: &mut VecDeque<Bytes>) {
        let data = event_data(&event);
        let is_answer = data.as_deref().is_some_and(is_json_rpc_answer);
        let mut event = event;
        if self.wrong_id
            && let Some(changed) = data.as_deref().and_then(with_wrong_id)
        {
            event = with_data(&event, &changed);
        }
        if self.garbage && data.is_some_and(|data| !data.is_empty()) {
            event = with_data(&event, GARBAGE);
        }
        if self.malformed_sse {
            out.push_back(Bytes::from_static(MALFORMED_LINES));
        }
        if self.duplicate && is_answer {
            out.push_back(event.clone());
        }
        out.push_back(event);
    }
}

fn is_event_stream(head: &http::response::Parts) -> bool {
    head.headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("text/event-stream"))
}

fn is_answer(message: &Value) -> bool {
    message.get("id").is_some() && (message.get("result").is_some() || message.get("error").is_some())
}

fn is_json_rpc_answer(data: &str) -> bool {
    serde_json::from_str::<Value>(data).is_ok_and(|message| is_answer(&message))
}

/// The document with another id in every JSON-RPC answer; none if there is no answer in it.
fn with_wrong_id(text: &str) -> Option<String> {
    let mut document: Value = serde_json::from_str(text).ok()?;
    let mut changed = false;
    let messages = match &mut document {
        Value::Array(batch) => batch.iter_mut().collect(),
        single => vec![single],
    };
    for message in messages {
        if !is_answer(message) {
            continue;
        }
        if let Some(id) = message.get_mut("id") {
            *id = match &*id {
                Value::Number(number) => Value::from(number.as_i64().unwrap_or_default().wrapping_add(1_000_001)),
                Value::String(text) => Value::from(format!("{text}-of-another-request")),
                _ => Value::from("of-another-request"),
            };
            changed = true;
        }
    }
    changed.then(|| document.to_string())
}

/// The whole of a body.
pub(crate) async fn collect(mut body: Body) -> Result<Bytes, BoxError> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > LARGEST_DOCUMENT {
            return Err(format!("an answer of more than {LARGEST_DOCUMENT} bytes cannot be rewritten").into());
        }
    }
    Ok(bytes.freeze())
}

/// A whole body.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

struct RewrittenEvents {
    inner: Body,
    rewrite: Rewrite,
    splitter: EventSplitter,
    ready: VecDeque<Bytes>,
    held: Vec<Bytes>,
    ended: bool,
}

impl RewrittenEvents {
    fn take_events(&mut self) {
        while let Some(event) = self.splitter.next_event() {
            self.take(event);
        }
    }

    fn take(&mut self, event: Bytes) {
        if self.rewrite.reorder && self.held.len() < MOST_HELD_EVENTS {
            self.held.push(event);
        } else {
            self.rewrite.event(event, &mut self.ready);
        }
    }

    fn end(&mut self) {
        if let Some(rest) = self.splitter.rest() {
            self.take(rest);
        }
        while let Some(event) = self.held.pop() {
            self.rewrite.event(event, &mut self.ready);
        }
        self.ended = true;
    }
}

impl hyper::body::Body for RewrittenEvents {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            if let Some(event) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(event))));
            }
            if this.ended {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        this.splitter.push(&bytes);
                        this.take_events();
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => this.end(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn through(rewrite: Rewrite, content_type: &str, body: &'static str) -> Vec<u8> {
        let response = http::Response::builder().header(CONTENT_TYPE, content_type).body(full(body)).expect("response");
        let response = rewrite.apply(response).await.expect("rewritten");
        response.into_body().collect().await.expect("body").to_bytes().to_vec()
    }

    const STREAM: &str = "data: {\"method\":\"notifications/message\"}\n\ndata: {\"id\":1,\"result\":{}}\n\n";

    #[tokio::test]
    async fn ids_are_changed_in_documents_and_streams() {
        let rewrite = Rewrite { wrong_id: true, ..Rewrite::default() };
        let document = through(rewrite, "application/json", r#"{"id":"a","result":{}}"#).await;
        assert_eq!(document, br#"{"id":"a-of-another-request","result":{}}"#);
        let stream = through(rewrite, "text/event-stream", STREAM).await;
        let stream = String::from_utf8(stream).expect("text");
        assert_eq!(stream, "data: {\"method\":\"notifications/message\"}\n\ndata: {\"id\":1000002,\"result\":{}}\n\n");
    }

    #[tokio::test]
    async fn only_answers_are_doubled() {
        let stream =
            through(Rewrite { duplicate: true, ..Rewrite::default() }, "text/event-stream; charset=utf-8", STREAM)
                .await;
        let stream = String::from_utf8(stream).expect("text");
        assert_eq!(stream.matches("\"result\"").count(), 2);
        assert_eq!(stream.matches("notifications/message").count(), 1);
    }

    #[tokio::test]
    async fn events_are_reversed() {
        let stream = through(Rewrite { reorder: true, ..Rewrite::default() }, "text/event-stream", STREAM).await;
        assert!(stream.starts_with(b"data: {\"id\":1"));
    }

    #[tokio::test]
    async fn malformed_lines_and_garbage() {
        let malformed =
            through(Rewrite { malformed_sse: true, ..Rewrite::default() }, "text/event-stream", STREAM).await;
        assert!(std::str::from_utf8(&malformed).is_err());
        let rewrite = Rewrite { garbage: true, ..Rewrite::default() };
        for content_type in ["application/json", "text/event-stream"] {
            let body = through(rewrite, content_type, STREAM).await;
            assert!(String::from_utf8_lossy(&body).contains(GARBAGE));
        }
    }
}
