//! On a system that is not ours only harmless tools are called.

use gauntlet_format::Span;
use serde_json::Value;

use super::super::case::{Stop, World};

impl World<'_> {
    /// On a system that is not ours only harmless tools are called: read-only ones, and those that `fixtures:` names.
    pub(super) async fn may_call(&self, name: &str, span: Span) -> Result<(), Stop> {
        let spec = &self.case.target.spec;
        if spec.is_mock() || spec.allow.writes {
            return Ok(());
        }
        if self
            .instance
            .fixtures
            .values()
            .any(|f| f.as_str() == Some(name) || f.get("name").and_then(Value::as_str) == Some(name))
        {
            return Ok(());
        }
        let details =
            Box::pin(self.case.target.details(self.case.version)).await.map_err(|e| Stop::error(e.message, None))?;
        let listed = details.tools.iter().any(|t| t.get("name").and_then(Value::as_str) == Some(name));
        if !listed || details.is_read_only(name) {
            return Ok(());
        }
        let reason = format!(
            "the tool `{name}` does not declare itself read-only, so it is not called on a system that is not ours; name it under `fixtures:`, or set `allow: [writes]`"
        );
        Err(Stop::untestable(reason, Some(span)))
    }

    /// As [`may_call`](Self::may_call), for every call in bytes that are sent as they stand.
    pub(super) async fn may_send(&self, bytes: &[u8], span: Span) -> Result<(), Stop> {
        if self.case.target.spec.is_mock() {
            return Ok(());
        }
        for name in called_tools(bytes) {
            self.may_call(&name, span).await?;
        }
        Ok(())
    }
}

/// Names of the tools that a message, a batch, or a raw HTTP request with either as its body calls.
pub(crate) fn called_tools(bytes: &[u8]) -> Vec<String> {
    let body = bytes.windows(4).position(|w| w == b"\r\n\r\n").map_or(bytes, |head| &bytes[head..]);
    let start = body.iter().position(|b| matches!(b, b'{' | b'['));
    let end = body.iter().rposition(|b| matches!(b, b'}' | b']'));
    let inner = start.zip(end).and_then(|(start, end)| body.get(start..=end)).unwrap_or_default();
    let message: Value = serde_json::from_slice(inner).unwrap_or_default();
    let messages = message.as_array().map_or(std::slice::from_ref(&message), Vec::as_slice);
    let calls = messages.iter().filter(|m| m.get("method").and_then(Value::as_str) == Some("tools/call"));
    calls.filter_map(|m| m.pointer("/params/name")?.as_str().map(str::to_owned)).collect()
}
