//! From the turn to the answer: content blocks one after the other, whether they are streamed or collected.

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::error::ApiError;

/// Pieces that may wait for a slow client.
const WAITING: usize = 32;

/// A piece of an answer.
#[derive(Debug)]
pub(in super::super) enum Out {
    /// A content block begins, as `content_block` says.
    Start(Value),
    /// More of it.
    Delta(Value),
    /// It ends.
    Stop,
    /// The message ends.
    End { stop_reason: &'static str, usage: Usage },
    /// There is no message, or no more of it.
    Fail(ApiError),
    /// The gateway falls over.
    Crash,
    /// For the journal, as long as nothing has been sent.
    Note(String),
}

/// What a message cost.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Usage {
    /// Characters of text, from which the tokens are guessed.
    pub(in super::super) characters: usize,
    /// Searches made; none if they are not to be told.
    pub(in super::super) searches: Option<u64>,
}

impl Usage {
    pub(super) fn document(self) -> Value {
        let mut usage = json!({ "input_tokens": 1, "output_tokens": (self.characters / 4).max(1) });
        if let Some(searches) = self.searches {
            usage["server_tool_use"] = json!({ "web_search_requests": searches });
        }
        usage
    }
}

/// The client went away.
#[derive(Debug)]
pub(in super::super) struct Gone;

/// Where a turn puts its pieces.
#[derive(Debug)]
pub(in super::super) struct Emitter {
    out: mpsc::Sender<Out>,
}

pub(in super::super) fn channel() -> (Emitter, mpsc::Receiver<Out>) {
    let (out, taken) = mpsc::channel(WAITING);
    (Emitter { out }, taken)
}

impl Emitter {
    pub(in super::super) async fn put(&self, piece: Out) -> Result<(), Gone> {
        self.out.send(piece).await.map_err(|_| Gone)
    }

    /// A block that is complete in its start event.
    pub(in super::super) async fn whole(&self, block: Value) -> Result<(), Gone> {
        self.put(Out::Start(block)).await?;
        self.put(Out::Stop).await
    }

    /// A block whose input comes as JSON text.
    pub(in super::super) async fn tool(&self, kind: &str, id: &str, name: &str, input: &Value) -> Result<(), Gone> {
        self.put(Out::Start(json!({ "type": kind, "id": id, "name": name, "input": {} }))).await?;
        self.put(Out::Delta(json!({ "type": "input_json_delta", "partial_json": input.to_string() }))).await?;
        self.put(Out::Stop).await
    }

    /// The start of a block of text.
    pub(in super::super) async fn text_start(&self) -> Result<(), Gone> {
        self.put(Out::Start(json!({ "type": "text", "text": "" }))).await
    }

    pub(in super::super) async fn text_delta(&self, text: &str) -> Result<(), Gone> {
        self.put(Out::Delta(json!({ "type": "text_delta", "text": text }))).await
    }

    /// A block of text.
    pub(in super::super) async fn text(&self, text: &str) -> Result<(), Gone> {
        self.text_start().await?;
        self.text_delta(text).await?;
        self.put(Out::Stop).await
    }
}
