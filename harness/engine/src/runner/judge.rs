//! Holds every message of an exchange to the protocol, without a line in the scenario.

use std::borrow::Cow;

use gauntlet_format::Version;
use gauntlet_reports::sanitize;
use serde_json::Value;

use super::check::{Checks, Origin};
use crate::conformance::{Dialect, Direction, Validator, Violation};
use crate::transcript::Recorded;
use crate::transport::{Content, Reply};

/// The rules that one target is judged by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    validator: &'static Validator,
    dialect: Dialect,
    version: Option<Version>,
    /// The target is a client: what is answered comes from the mocks behind it.
    client: bool,
}

impl Rules {
    pub(crate) fn new(version: Option<Version>, tolerate: &[String]) -> Self {
        let mut dialect = Dialect::of(version);
        dialect.null_error_beside_result = tolerate.iter().any(|t| t == "null-error");
        dialect.string_null_id = tolerate.iter().any(|t| t == "string-null-id");
        Self { validator: Validator::for_version(version), dialect, version, client: false }
    }

    /// The rules for a target that may be a client, which answers for what it says and not for what it passes on: of its
    /// answers only that they are messages is judged.
    pub(crate) fn for_client(self, client: bool) -> Self {
        Self { client, ..self }
    }

    /// Judges what the target said; the harness's own faults come back as a sentence.
    pub(crate) fn exchange(
        &self,
        recorded: &Recorded,
        number: usize,
        on_purpose: bool,
        checks: &mut Checks,
    ) -> Option<String> {
        let own: Option<Cow<'_, Value>> = match (&recorded.said, recorded.request.method.as_str()) {
            (Some(said), _) => Some(Cow::Borrowed(said)),
            (None, "POST" | "stdin") => serde_json::from_slice(&recorded.request.body).ok().map(Cow::Owned),
            _ => None,
        };
        let own = own.as_deref();
        if let (Some(own), false) = (own, on_purpose)
            && own.get("jsonrpc").is_some()
            && let Some(fault) = self.validator.check(own, self.dialect, Direction::ClientToServer, None).first()
        {
            return Some(format!(
                "the harness sent a message that is not valid ({}: {}); say `on_purpose: true` if that is meant",
                fault.path, fault.reason
            ));
        }
        let reply = recorded.reply.as_ref()?;
        let origin = Origin::of_exchange(recorded.step.unwrap_or(0), Some(number));
        let method_of = |id: Option<&Value>| {
            let own = own?;
            (own.get("id") == id).then(|| own.get("method")?.as_str()).flatten()
        };
        let answers_request = own.is_some_and(|m| m.get("id").is_some()) && reply.status == Some(200);
        let mut violations = Vec::new();
        let mut judged = false;
        let messages: Vec<&Value> = match &reply.content {
            _ if self.client => Vec::new(),
            // An error status may come with other JSON; a success that answers a request may not.
            Content::Json(value) if looks_like_rpc(value) || answers_request => vec![value],
            Content::Events(events) => {
                // A stream that answers something else than JSON-RPC has events of its own.
                let foreign = own.is_some_and(|m| m.get("jsonrpc").is_none());
                let is_own = |name: Option<&str>, message: &Value| {
                    !foreign || name.is_none_or(|name| name == "message") || looks_like_rpc(message)
                };
                let messages = events.iter().filter_map(|e| Some((e.event.as_deref(), e.message.as_ref()?)));
                messages.filter(|(name, message)| is_own(*name, message)).map(|(_, message)| message).collect()
            }
            _ => Vec::new(),
        };
        for message in messages {
            judged = true;
            violations.extend(self.validator.check(
                message,
                self.dialect,
                Direction::ServerToClient,
                method_of(message.get("id")),
            ));
        }
        if let Content::Events(events) = &reply.content {
            let stdio = matches!(recorded.request.method.as_str(), "stdin" | "listen");
            for event in events.iter().filter(|e| e.message.is_none()) {
                if stdio {
                    judged = true;
                    violations.push(not_a_message("stdio.server.stdout-clean", "a line on stdout", &event.data));
                } else if !self.client
                    && !event.data.is_empty()
                    && event.event.as_deref().is_none_or(|e| e == "message")
                {
                    judged = true;
                    violations.push(not_a_message("base.server.envelope", "the data of an event", &event.data));
                }
            }
        }
        if let (Some(own), false) = (own, on_purpose || self.client) {
            violations.extend(self.misanswered(recorded, own, reply));
        }
        if judged || !violations.is_empty() {
            checks.violations(&origin, violations);
        }
        if let Some(failure) = reply.failure.as_ref().filter(|f| !f.kind.is_infrastructure() && !self.client) {
            checks.broken_wire(&origin, failure.message.clone());
        }
        None
    }
}

impl Rules {
    /// What is wrong with how a POSTed request was answered, the messages themselves aside.
    fn misanswered(&self, recorded: &Recorded, own: &Value, reply: &Reply) -> Vec<Violation> {
        let (Some(id), Some(_)) = (own.get("id"), own.get("method")) else { return Vec::new() };
        if recorded.request.method != "POST" {
            return Vec::new();
        }
        let mut violations = Vec::new();
        let mut add = |path: &str, reason: String, requirement: &'static str, definition: &'static str| {
            violations.push(Violation { path: path.to_owned(), reason, requirement: Some(requirement), definition });
        };
        // The id of what could not be read is null or left out.
        let foreign =
            |m: &&Value| m.get("method").is_none() && m.get("id").is_some_and(|other| !other.is_null() && other != id);
        if let Some(other) = reply.messages().find(foreign).and_then(|m| m.get("id")) {
            add(
                "id",
                format!("the answer carries the id {other}, the request had {id}"),
                "base.response.id-echo",
                "response",
            );
        }
        let success = reply.status.filter(|status| (200..300).contains(status));
        let (Some(status), Some(_), None) = (success, self.version, &reply.failure) else { return violations };
        const RESPONSE_TYPE: &str = "http.post.request-response-type";
        if matches!(reply.content, Content::Empty) {
            add("", format!("HTTP {status} without an answer to the request"), RESPONSE_TYPE, "response");
            return violations;
        }
        let essence =
            reply.header("content-type").and_then(|t| t.split(';').next()).map(|t| t.trim().to_ascii_lowercase());
        if !matches!(essence.as_deref(), Some("application/json" | "text/event-stream")) {
            let found = essence.map_or_else(|| "no content-type".to_owned(), |t| format!("the content-type {t}"));
            let reason = format!("the answer to a request has {found}; it is application/json or text/event-stream");
            add("headers.content-type", reason, RESPONSE_TYPE, "response");
        }
        violations
    }
}

fn looks_like_rpc(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(looks_like_rpc),
        other => other.get("jsonrpc").is_some() || other.get("result").is_some(),
    }
}

fn not_a_message(requirement: &'static str, what: &str, data: &str) -> Violation {
    let shown = sanitize::line(data, 80);
    // Text that would be JSON if its replaced characters had come over the wire.
    let replaced = data.contains('\u{fffd}') && serde_json::from_str::<Value>(data).is_ok();
    Violation {
        path: String::new(),
        reason: format!("{what} is not {}: `{shown}`", if replaced { "valid UTF-8" } else { "JSON" }),
        requirement: Some(requirement),
        definition: "JSON-RPC message",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use gauntlet_reports::Verdict;
    use serde_json::json;

    use super::*;
    use crate::conformance::Requirements;
    use crate::transport::{Arrival, Request};

    /// The verdict on a stream of one event that answers a POST.
    fn verdict(said: &Value, name: Option<&str>, data: Value) -> Verdict {
        let request = Request {
            method: "POST".to_owned(),
            url: String::new(),
            headers: Vec::new(),
            body: said.to_string().into_bytes(),
        };
        let event = Arrival {
            at: Duration::ZERO,
            event: name.map(str::to_owned),
            id: None,
            retry: None,
            data: data.to_string(),
            message: Some(data),
        };
        let reply = Reply {
            status: Some(200),
            headers: vec![("content-type".to_owned(), "text/event-stream".to_owned())],
            content: Content::Events(vec![event]),
            failure: None,
            elapsed: Duration::ZERO,
        };
        let recorded = Recorded {
            from: "client".into(),
            to: "target".into(),
            step: None,
            at: Instant::now(),
            request: Arc::new(request),
            said: None,
            reply: Some(Arc::new(reply)),
        };
        let requirements = Arc::new(Requirements::parse("[]").expect("an empty catalogue"));
        let mut checks = Checks::new(requirements, None, Vec::new(), true);
        assert_eq!(Rules::new(None, &[]).exchange(&recorded, 0, false, &mut checks), None);
        checks.verdict()
    }

    #[test]
    fn a_stream_of_another_protocol_has_events_of_its_own() {
        let other = json!({ "model": "m", "stream": true });
        let rpc = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
        let start = || json!({ "type": "message_start" });
        let broken = || json!({ "jsonrpc": "1.0", "id": 1, "result": {} });
        assert_eq!(verdict(&other, Some("message_start"), start()), Verdict::Pass);
        assert_eq!(verdict(&other, Some("message_start"), broken()), Verdict::Fail);
        assert_eq!(verdict(&other, None, start()), Verdict::Fail);
        assert_eq!(verdict(&other, Some("message"), start()), Verdict::Fail);
        assert_eq!(verdict(&rpc, Some("message_start"), start()), Verdict::Fail);
    }
}
