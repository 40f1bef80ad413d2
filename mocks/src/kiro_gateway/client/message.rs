//! What stands at the head of a message.

use serde_json::{Value, json};
use uuid::Uuid;

/// The members that are known before there is any content.
#[derive(Debug, Clone)]
pub(in super::super) struct MessageHead {
    id: String,
    model: String,
}

impl MessageHead {
    pub(in super::super) fn new(model: &str) -> Self {
        Self { id: format!("msg_{}", Uuid::new_v4().simple()), model: model.to_owned() }
    }

    /// The message with this content.
    pub(super) fn document(&self, content: Vec<Value>, stop_reason: Option<&str>, usage: Value) -> Value {
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": stop_reason,
            "stop_sequence": null,
            "usage": usage,
        })
    }
}
