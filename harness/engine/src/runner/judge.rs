//! Holds every message of an exchange to the protocol, without a line in the scenario.

use gauntlet_format::Version;
use serde_json::Value;

use super::check::{Checks, Origin};
use crate::conformance::{Dialect, Direction, Validator, Violation};
use crate::transcript::Recorded;
use crate::transport::Content;

/// The rules that one target is judged by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    validator: &'static Validator,
    dialect: Dialect,
}

impl Rules {
    pub(crate) fn new(version: Option<Version>, tolerate: &[String]) -> Self {
        let mut dialect = Dialect::of(version);
        dialect.null_error_beside_result = tolerate.iter().any(|t| t == "null-error");
        dialect.string_null_id = tolerate.iter().any(|t| t == "string-null-id");
        Self { validator: Validator::for_version(version), dialect }
    }

    /// Judges what the target said; the harness's own faults come back as a sentence.
    pub(crate) fn exchange(&self, recorded: &Recorded, number: usize, on_purpose: bool, checks: &mut Checks) -> Option<String> {
        let own: Option<Value> = match recorded.request.method.as_str() {
            "POST" | "stdin" => serde_json::from_slice(&recorded.request.body).ok(),
            _ => None,
        };
        if let (Some(own), false) = (&own, on_purpose)
            && own.get("jsonrpc").is_some()
            && let Some(fault) = self.validator.check(own, self.dialect, Direction::ClientToServer, None).first()
        {
            return Some(format!(
                "the harness sent a message that is not valid ({}: {}); say `on_purpose: true` if that is meant",
                fault.path, fault.reason
            ));
        }
        let reply = recorded.reply.as_ref()?;
        let origin = Origin { step: recorded.step.unwrap_or(0), exchange: Some(number) };
        let method_of = |id: Option<&Value>| {
            let own = own.as_ref()?;
            (own.get("id") == id).then(|| own.get("method")?.as_str()).flatten()
        };
        let mut violations = Vec::new();
        let mut judged = false;
        let messages: Vec<&Value> = match &reply.content {
            // Only what calls itself JSON-RPC is judged as such: an HTTP endpoint may answer other JSON too.
            Content::Json(value) if looks_like_rpc(value) => vec![value],
            Content::Events(events) => events.iter().filter_map(|e| e.message.as_ref()).collect(),
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
                } else if !event.data.is_empty() && event.event.as_deref().is_none_or(|e| e == "message") {
                    judged = true;
                    violations.push(not_a_message("base.server.envelope", "the data of an event", &event.data));
                }
            }
        }
        if judged {
            checks.violations(origin, violations);
        }
        if let Some(failure) = reply.failure.as_ref().filter(|f| !f.kind.is_infrastructure()) {
            checks.broken_wire(origin, failure.message.clone());
        }
        None
    }
}

fn looks_like_rpc(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(looks_like_rpc),
        other => other.get("jsonrpc").is_some() || other.get("result").is_some(),
    }
}

fn not_a_message(requirement: &'static str, what: &str, data: &str) -> Violation {
    let shown: String = data.chars().take(80).collect();
    Violation {
        path: String::new(),
        reason: format!("{what} is not JSON: `{shown}`"),
        requirement: Some(requirement),
        definition: "JSON-RPC message",
    }
}
