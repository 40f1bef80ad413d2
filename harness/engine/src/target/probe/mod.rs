//! What an endpoint is: found out by asking, once.

mod report;
mod visit;
mod visit_report;

use std::sync::Arc;
use std::time::Duration;

use gauntlet_format::{Version, scenario::Lifecycle};
use serde_json::{Map, Value, json};

pub use report::{AuthReport, ProbeReport, report};
pub use visit::{Calls, Fault, VisitOptions, visit};
pub use visit_report::{CallReport, ProblemReport, SignInReport, VisitReport};

use super::instance::Instance;
use crate::auth::oauth::{BrowserMode, Problem};
use crate::lifecycle::{Call, HeaderChanges, Session, Spoken, initialize_params};
use crate::transcript::Recorder;
use crate::transport::{Failure, FailureKind};

/// Bound on each question that nothing else bounds.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// What the client that asks is called in output.
const CLIENT: &str = "probe";

/// Pages of `tools/list` that are read at most.
const MAX_PAGES: usize = 100;

/// What a target says of itself at one version.
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// Capabilities.
    pub capabilities: Value,
    /// `serverInfo`.
    pub server_info: Value,
    /// The tools it lists.
    pub tools: Vec<Value>,
    /// Why not all of them are known, in one sentence: it did not answer `tools/list`.
    pub tools_unknown: Option<String>,
}

/// Why a target says nothing of itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct NoDetails {
    /// Nobody is there.
    pub(crate) is_unreachable: bool,
    /// One sentence.
    pub(crate) message: String,
}

impl NoDetails {
    fn said(message: String) -> Self {
        Self { is_unreachable: false, message }
    }
}

impl From<Failure> for NoDetails {
    fn from(failure: Failure) -> Self {
        Self { is_unreachable: failure.is_of_connection(), message: failure.message }
    }
}

impl Details {
    /// Whether the capability is declared; `a.b` reaches inside.
    #[must_use]
    pub fn has_capability(&self, name: &str) -> bool {
        let mut value = &self.capabilities;
        for part in name.split('.') {
            match value.get(part) {
                Some(Value::Bool(false) | Value::Null) | None => return false,
                Some(inner) => value = inner,
            }
        }
        true
    }

    /// A tool that declares itself read-only, and arguments made from its input schema.
    #[must_use]
    pub fn harmless_tool(&self) -> Option<(String, Value)> {
        self.tools.iter().find_map(|tool| {
            let read_only = tool.pointer("/annotations/readOnlyHint") == Some(&Value::Bool(true));
            let arguments = read_only.then(|| example(tool.get("inputSchema")?, 0)).flatten()?;
            Some((tool.get("name")?.as_str()?.to_owned(), arguments))
        })
    }

    /// Whether the tool may be called on a system that is not ours.
    #[must_use]
    pub fn is_read_only(&self, name: &str) -> bool {
        self.tools.iter().any(|tool| {
            tool.get("name").and_then(Value::as_str) == Some(name)
                && tool.pointer("/annotations/readOnlyHint") == Some(&Value::Bool(true))
        })
    }
}

/// A value that the schema accepts, if one can be made simply.
pub(crate) fn example(schema: &Value, depth: usize) -> Option<Value> {
    if depth > 8 {
        return None;
    }
    if let Some(value) = schema.get("const").or_else(|| schema.get("default")).or_else(|| schema.get("enum")?.get(0)) {
        return Some(value.clone());
    }
    let kind = match schema.get("type") {
        Some(Value::String(kind)) => kind.as_str(),
        Some(Value::Array(kinds)) => kinds.first()?.as_str()?,
        _ if schema.get("properties").is_some() => "object",
        _ => "string",
    };
    match kind {
        "object" => {
            let required = schema.get("required").and_then(Value::as_array);
            let mut object = Map::new();
            for name in required.into_iter().flatten().filter_map(Value::as_str) {
                object.insert(name.to_owned(), example(schema.get("properties")?.get(name)?, depth + 1)?);
            }
            Some(Value::Object(object))
        }
        "array" if schema.get("minItems").is_none_or(|n| n == 0) => Some(json!([])),
        "array" => Some(json!([example(schema.get("items")?, depth + 1)?])),
        "integer" | "number" => Some(schema.get("minimum").cloned().unwrap_or_else(|| json!(1))),
        "boolean" => Some(json!(false)),
        "null" => Some(Value::Null),
        "string" if schema.get("pattern").is_none() && schema.get("format").is_none() => {
            let length = schema.get("minLength").and_then(Value::as_u64).unwrap_or(0).min(1000);
            let text = "gauntlet".repeat(usize::try_from(length).unwrap_or(0) / 8 + 1);
            let most = schema.get("maxLength").and_then(Value::as_u64).and_then(|m| usize::try_from(m).ok());
            Some(text.chars().take(most.unwrap_or(usize::MAX)).collect::<String>().into())
        }
        _ => None,
    }
}

fn session(instance: &Instance, version: Option<Version>, lifecycle: Lifecycle) -> Result<Session, Failure> {
    let spec = instance.session_spec(CLIENT, version, lifecycle);
    Ok(Session::new(spec, instance.link()?, Arc::new(Recorder::new())))
}

fn result_of(spoken: &Spoken) -> Option<&Value> {
    spoken.id.as_ref().and_then(|id| spoken.reply.answer(id))?.get("result")
}

/// The versions that the endpoint speaks, oldest first.
///
/// # Errors
/// When it cannot be reached, or answers no opening of any version.
pub(crate) async fn versions(instance: &Instance) -> Result<Vec<Version>, Failure> {
    let mut found = Vec::new();
    let mut said = String::new();
    for version in Version::ALL.into_iter().rev() {
        if instance.url().is_some() && version == Version::V2024_11_05 {
            continue;
        }
        if found.contains(&version) {
            continue;
        }
        let (spoken, refused) = if version.is_stateful() {
            let session = session(instance, None, Lifecycle::Manual)?;
            let params = Some(initialize_params(version, &json!({})));
            let spoken = session
                .call(Call { method: "initialize", params, deadline: instance.patience, ..Call::default() })
                .await;
            end(instance, &session, &spoken).await;
            (spoken, refusal_of_person(&session))
        } else {
            let session = session(instance, Some(version), Lifecycle::Auto)?;
            let spoken =
                session.call(Call { method: "server/discover", deadline: instance.patience, ..Call::default() }).await;
            session.close(None, instance.patience).await;
            (spoken, refusal_of_person(&session))
        };
        if let Some(problem) = refused {
            return Err(Failure::new(FailureKind::Unsendable, format!("no sign-in: {problem}")));
        }
        if let Some(failure) = &spoken.reply.failure {
            // A stdio server of the older kind may end at a request it does not know; it is started anew for the next.
            let over = matches!(failure.kind, FailureKind::Connect | FailureKind::Tls | FailureKind::Timeout);
            if over && (version.is_stateful() || instance.url().is_some()) {
                return Err(failure.clone());
            }
        }
        match result_of(&spoken) {
            Some(result) if version.is_stateful() => {
                if result.get("protocolVersion").and_then(Value::as_str) == Some(version.as_str()) {
                    found.push(version);
                }
            }
            Some(result) => {
                let listed = result.get("supportedVersions").and_then(Value::as_array);
                if listed.is_some_and(|l| l.iter().any(|v| v.as_str() == Some(version.as_str()))) {
                    found.push(version);
                }
            }
            None => said = describe(&spoken),
        }
    }
    if found.is_empty() {
        let message = format!("the target opens with no protocol version; the last answer was {said}");
        return Err(Failure::new(FailureKind::Connect, message));
    }
    found.sort_unstable();
    Ok(found)
}

/// Why the person who was asked to sign in did not; at another version it would be the same.
fn refusal_of_person(session: &Session) -> Option<Problem> {
    let asks = session.oauth_auth().is_some_and(|auth| auth.settings.browser == BrowserMode::Open);
    session.gave_up().filter(|problem| asks && problem.is_final())
}

/// Ends a session that was opened by hand.
async fn end(instance: &Instance, session: &Session, spoken: &Spoken) {
    if let Some(id) = spoken.reply.header("mcp-session-id") {
        let headers = vec![("mcp-session-id".to_owned(), id.to_owned())];
        let none = HeaderChanges::default();
        session.http(None, "DELETE", None, headers, &none, Vec::new(), None, instance.patience).await;
    }
    session.close(None, instance.patience).await;
}

fn describe(spoken: &Spoken) -> String {
    match (&spoken.reply.failure, spoken.reply.status) {
        (Some(failure), _) => failure.to_string(),
        (None, Some(status)) => spoken.reply.redirect().unwrap_or_else(|| format!("HTTP {status}")),
        (None, None) => "no result".to_owned(),
    }
}

/// Capabilities and tools at one version.
///
/// # Errors
/// When the target does not answer.
pub(crate) async fn details(instance: &Instance, version: Option<Version>) -> Result<Details, NoDetails> {
    let lifecycle = if version.is_some() { Lifecycle::Auto } else { Lifecycle::Bare };
    let session = session(instance, version, lifecycle)?;
    let opened = session.open(instance.patience).await;
    opened.map_err(|e| NoDetails {
        is_unreachable: e.failure.is_some_and(|failure| failure.is_of_connection()),
        message: e.message,
    })?;
    let mut details = Details::default();
    match version {
        Some(version) if version.is_stateful() => {
            if let Some(opened) = session.opened() {
                details.capabilities = opened.capabilities.clone();
            }
        }
        Some(_) => {
            let spoken =
                session.call(Call { method: "server/discover", deadline: instance.patience, ..Call::default() }).await;
            unreachable(&spoken)?;
            let result =
                result_of(&spoken).ok_or_else(|| NoDetails::said(format!("server/discover: {}", describe(&spoken))))?;
            details.capabilities = result.get("capabilities").cloned().unwrap_or_default();
            details.server_info =
                result.pointer("/_meta/io.modelcontextprotocol~1serverInfo").cloned().unwrap_or_default();
        }
        None => {}
    }
    if version.is_none() || details.has_capability("tools") {
        list_tools(instance, &session, &mut details).await?;
    }
    session.close(None, instance.patience).await;
    Ok(details)
}

async fn list_tools(instance: &Instance, session: &Session, details: &mut Details) -> Result<(), NoDetails> {
    let mut cursor: Option<Value> = None;
    for _ in 0..MAX_PAGES {
        let params = cursor.take().map(|c| json!({ "cursor": c }));
        let spoken =
            session.call(Call { method: "tools/list", params, deadline: instance.patience, ..Call::default() }).await;
        unreachable(&spoken)?;
        let Some(result) = result_of(&spoken) else {
            details.tools_unknown = Some(format!("tools/list: {}", describe(&spoken)));
            break;
        };
        details.tools.extend(result.get("tools").and_then(Value::as_array).into_iter().flatten().cloned());
        match result.get("nextCursor") {
            Some(next) if !next.is_null() => cursor = Some(next.clone()),
            _ => break,
        }
    }
    Ok(())
}

/// Fails if nobody was there to be asked.
fn unreachable(spoken: &Spoken) -> Result<(), NoDetails> {
    match &spoken.reply.failure {
        Some(failure) if failure.is_of_connection() => Err(failure.clone().into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_tool_that_says_so_is_harmless_and_its_arguments_fit() {
        let schema = json!({"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}, "s": {"enum": ["x"]}}, "required": ["n", "s"]});
        let wild = json!({"name": "rm", "inputSchema": {"type": "object"}});
        let tame = json!({"name": "look", "inputSchema": schema, "annotations": {"readOnlyHint": true}});
        let details = Details { tools: vec![wild, tame], ..Details::default() };
        assert_eq!(details.harmless_tool(), Some(("look".to_owned(), json!({"n": 3, "s": "x"}))));
        assert!(!details.is_read_only("rm"));
    }

    #[test]
    fn a_false_capability_is_not_declared() {
        let details = Details { capabilities: json!({"tools": {"listChanged": false}}), ..Details::default() };
        assert!(details.has_capability("tools"));
        assert!(!details.has_capability("tools.listChanged"));
        assert!(!details.has_capability("resources"));
    }
}
