//! Whether a request may be sent many times.

use gauntlet_format::scenario::HttpBody;
use gauntlet_format::{Step, StepKind};
use serde_json::{Value, json};

use crate::runner::called_tools;
use crate::runner::case::{Stop, World};

/// HTTP methods that ask for nothing but an answer (RFC 9110 section 9.2.1).
const SAFE: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// Why the request of the step must not be sent again and again to a target that is not ours. What a tool does is known
/// by what it declares; any other method of MCP leaves a server as it is.
pub(super) async fn refusal(world: &World<'_>, step: &Step) -> Result<Option<String>, Stop> {
    if world.case.target.spec.is_mock() {
        return Ok(None);
    }
    let Some(message) = message(world, step)? else { return Ok(None) };
    let is_message = |message: &Value| message.get("method").is_some_and(Value::is_string);
    let parsed: Value = serde_json::from_str(&message).unwrap_or_default();
    let messages = parsed.as_array().map_or(std::slice::from_ref(&parsed), Vec::as_slice);
    if !messages.iter().all(is_message) {
        return Ok(Some("it is no message of MCP, and nobody knows what it does".to_owned()));
    }
    for name in called_tools(message.as_bytes()) {
        let details = Box::pin(world.case.target.details(world.case.version)).await;
        let details = details.map_err(|none| Stop::error(none.message, Some(step.span)))?;
        let is_listed = details.tools.iter().any(|tool| tool.get("name").and_then(Value::as_str) == Some(&name));
        if is_listed && !details.is_read_only(&name) {
            return Ok(Some(format!("the tool `{name}` does not declare itself read-only")));
        }
    }
    Ok(None)
}

/// The body of the step's request; none where it only asks.
fn message(world: &World<'_>, step: &Step) -> Result<Option<String>, Stop> {
    let text = |node| {
        let value = world.resolve(node)?.to_json();
        Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    match &step.kind {
        StepKind::Call { method, params, .. } => {
            let params = params.as_ref().map(|node| world.resolve(node)).transpose()?.map(|node| node.to_json());
            Ok(Some(json!({ "method": world.text(method, step.span)?, "params": params }).to_string()))
        }
        StepKind::Send(node) => text(node).map(Some),
        StepKind::Http { method, body, .. } => {
            let method = world.text(method, step.span)?;
            match body {
                _ if SAFE.iter().any(|safe| method.eq_ignore_ascii_case(safe)) => Ok(None),
                Some(HttpBody::Json(node) | HttpBody::Text(node)) => text(node).map(Some),
                _ => Ok(Some(String::new())),
            }
        }
        _ => Ok(None),
    }
}
