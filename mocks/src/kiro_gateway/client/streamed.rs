//! An answer as a stream of events, with keep-alives while there is nothing to say.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;

use super::emitter::{Out, Usage};
use super::message::MessageHead;
use crate::front::{Body, full};
use crate::journal::JournalNote;

/// What happened while waiting.
enum Next {
    Piece(Out),
    /// A keep-alive is due.
    Silence,
    /// The turn is over without having said so.
    Over,
}

/// A stream that has begun.
struct Streaming {
    head: MessageHead,
    pieces: Receiver<Out>,
    keep_alive: Option<Duration>,
    /// Events that are due.
    due: VecDeque<Bytes>,
    /// `message_start` is out.
    started: bool,
    /// Blocks that have begun.
    blocks: usize,
    over: bool,
    /// Ends the turn with the stream.
    _turn: JoinSet<()>,
}

/// Waits for the first piece, which may be a failure with a status of its own; a keep-alive that is due opens the stream.
pub(in super::super) async fn streamed(
    head: MessageHead,
    mut pieces: Receiver<Out>,
    keep_alive: Option<Duration>,
    turn: JoinSet<()>,
) -> Response<Body> {
    let mut note = None;
    let first = loop {
        match next(&mut pieces, keep_alive).await {
            Next::Piece(Out::Note(text)) => note = Some(text),
            Next::Piece(Out::Fail(error)) => return error.into_response(),
            Next::Piece(Out::Crash) => return events(full(Bytes::new()), note),
            first => break first,
        }
    };
    let mut streaming = Streaming {
        head,
        pieces,
        keep_alive,
        due: VecDeque::new(),
        started: false,
        blocks: 0,
        over: false,
        _turn: turn,
    };
    streaming.take(first);
    let frames = stream::unfold(streaming, |mut streaming| async move {
        loop {
            if let Some(event) = streaming.due.pop_front() {
                return Some((Ok(Frame::data(event)), streaming));
            }
            if streaming.over {
                return None;
            }
            let piece = next(&mut streaming.pieces, streaming.keep_alive).await;
            streaming.take(piece);
        }
    });
    events(StreamBody::new(frames).boxed_unsync(), note)
}

async fn next(pieces: &mut Receiver<Out>, keep_alive: Option<Duration>) -> Next {
    let piece = match keep_alive {
        None => pieces.recv().await,
        Some(pause) => match tokio::time::timeout(pause, pieces.recv()).await {
            Ok(piece) => piece,
            Err(_) => return Next::Silence,
        },
    };
    piece.map_or(Next::Over, Next::Piece)
}

impl Streaming {
    fn take(&mut self, piece: Next) {
        if !self.started && !matches!(piece, Next::Piece(Out::Note(_))) {
            self.started = true;
            let message = self.head.document(Vec::new(), None, Usage::default().document());
            self.event("message_start", &json!({ "type": "message_start", "message": message }));
        }
        let index = self.blocks.saturating_sub(1);
        match piece {
            Next::Silence => self.event("ping", &json!({ "type": "ping" })),
            Next::Piece(Out::Start(block)) => {
                let start = json!({ "type": "content_block_start", "index": self.blocks, "content_block": block });
                self.blocks += 1;
                self.event("content_block_start", &start);
            }
            Next::Piece(Out::Delta(delta)) => {
                let delta = json!({ "type": "content_block_delta", "index": index, "delta": delta });
                self.event("content_block_delta", &delta);
            }
            Next::Piece(Out::Stop) => {
                self.event("content_block_stop", &json!({ "type": "content_block_stop", "index": index }));
            }
            Next::Piece(Out::End { stop_reason, usage }) => {
                let delta = json!({ "stop_reason": stop_reason, "stop_sequence": null });
                let end = json!({ "type": "message_delta", "delta": delta, "usage": usage.document() });
                self.event("message_delta", &end);
                self.event("message_stop", &json!({ "type": "message_stop" }));
                self.over = true;
            }
            Next::Piece(Out::Fail(error)) => {
                self.event("error", &error.document());
                self.over = true;
            }
            Next::Piece(Out::Note(_)) => {}
            Next::Piece(Out::Crash) | Next::Over => self.over = true,
        }
    }

    fn event(&mut self, name: &str, data: &Value) {
        self.due.push_back(Bytes::from(format!("event: {name}\ndata: {data}\n\n")));
    }
}

fn events(body: Body, note: Option<String>) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Some(note) = note {
        response.extensions_mut().insert(JournalNote(note));
    }
    response
}
