//! The blocks of a search: the call, what it found or why it failed.

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::client::{Emitter, Gone};
use super::super::context::Context;
use super::super::defects::GatewayDefect;
use super::super::failure::Failure;
use super::super::runtime::{Found, Hit};

/// Puts the blocks of one search.
pub(super) async fn put(
    context: &Context,
    query: &str,
    outcome: &Result<Found, Failure>,
    out: &Emitter,
) -> Result<(), Gone> {
    let id = format!("srvtoolu_{}", &Uuid::new_v4().simple().to_string()[..24]);
    out.tool("server_tool_use", &id, "web_search", &json!({ "query": query })).await?;
    let content = match outcome {
        Ok(found) => found.hits.iter().map(result).collect(),
        Err(failure) => json!({ "type": "web_search_tool_result_error", "error_code": context.code_of(failure) }),
    };
    let mut block = json!({ "type": "web_search_tool_result", "tool_use_id": id, "content": content });
    if context.shows(GatewayDefect::ToolUseIdMissing)
        && let Some(members) = block.as_object_mut()
    {
        members.shift_remove("tool_use_id");
    }
    out.whole(block).await
}

fn result(hit: &Hit) -> Value {
    json!({
        "type": "web_search_result",
        "title": hit.title,
        "url": hit.url,
        "encrypted_content": hit.snippet,
        "page_age": hit.date,
    })
}

/// What was found, or not, in words.
pub(super) fn in_words(query: &str, found: &Found) -> String {
    if let Some(text) = &found.raw_text {
        return text.clone();
    }
    if found.hits.is_empty() {
        return format!("No results found for \"{query}\".");
    }
    let mut text = format!("Search results for \"{query}\":\n");
    for (index, hit) in found.hits.iter().enumerate() {
        text.push_str(&format!("\n{}. {} <{}>\n   {}\n", index + 1, hit.title, hit.url, hit.snippet));
    }
    text
}
