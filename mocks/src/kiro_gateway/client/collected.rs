//! An answer in one document.

use http::Response;
use serde_json::Value;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;

use super::emitter::Out;
use super::error::{ApiError, bare_500, json_response};
use super::message::MessageHead;
use crate::front::Body;
use crate::journal::JournalNote;

/// Takes all pieces and makes one document of them. The turn ends with it.
pub(in super::super) async fn collected(
    head: MessageHead,
    mut pieces: Receiver<Out>,
    _turn: JoinSet<()>,
) -> Response<Body> {
    let mut content: Vec<Value> = Vec::new();
    let mut input = String::new();
    let mut note = None;
    while let Some(piece) = pieces.recv().await {
        match piece {
            Out::Start(block) => {
                input.clear();
                content.push(block);
            }
            Out::Delta(delta) => {
                let text = |name: &str| delta.get(name).and_then(Value::as_str).unwrap_or_default();
                input.push_str(text("partial_json"));
                if let Some(Value::String(known)) = content.last_mut().and_then(|block| block.get_mut("text")) {
                    known.push_str(text("text"));
                }
            }
            Out::Stop => {
                if let (Some(block), Ok(input)) = (content.last_mut(), serde_json::from_str::<Value>(&input)) {
                    block["input"] = input;
                }
            }
            Out::End { stop_reason, usage } => {
                let document = head.document(content, Some(stop_reason), usage.document());
                let mut response = json_response(200, &document);
                if let Some(note) = note {
                    response.extensions_mut().insert(JournalNote(note));
                }
                return response;
            }
            Out::Note(text) => note = Some(text),
            Out::Fail(error) => return error.into_response(),
            Out::Crash => return bare_500(),
        }
    }
    ApiError::new(500, "api_error", "The gateway gave up.").into_response()
}
