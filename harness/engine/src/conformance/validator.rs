//! Holding messages to the schemas of a version.

use std::fmt;
use std::sync::LazyLock;

use gauntlet_format::Version;
use serde_json::{Map, Value};

use super::definition::Definition;
use super::message::{Dialect, Message};
use super::methods::{self, Direction};
use super::schema::Edition;

/// One fault of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where, from the root of the message: `result.tools[0].inputSchema`. Empty: the message as a whole.
    pub path: String,
    /// What is wrong: one sentence without its subject, the path.
    pub reason: String,
    /// The requirement that is broken. `None`: the fault is the harness's own, and the message was not judged.
    pub requirement: Option<&'static str>,
    /// The definition in our schemas, or `envelope`.
    pub definition: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return f.write_str(&self.reason);
        }
        write!(f, "`{}`: {}", self.path, self.reason)
    }
}

/// Judges the messages of one protocol version. Schemas are compiled as they are needed, once for each process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validator {
    version: Option<Version>,
}

static VALIDATORS: [Validator; Edition::COUNT] = [
    Validator { version: Some(Version::V2024_11_05) },
    Validator { version: Some(Version::V2025_03_26) },
    Validator { version: Some(Version::V2025_06_18) },
    Validator { version: Some(Version::V2025_11_25) },
    Validator { version: Some(Version::V2026_07_28) },
    Validator { version: None },
];

/// What absent parameters are judged as, so that each member that is missing is named.
static NO_PARAMS: LazyLock<Value> = LazyLock::new(|| Value::Object(Map::new()));

impl Validator {
    /// The validator of a version. `None` is for JSON-RPC without a protocol version: the envelope, and those shapes of
    /// `tools/*` that every version shares.
    #[must_use]
    pub fn for_version(version: Option<Version>) -> &'static Self {
        &VALIDATORS[Edition(version).index()]
    }

    /// Classifies a value and judges it; an envelope at fault is the only violation then.
    ///
    /// The version of the dialect is set to that of the validator.
    #[must_use]
    pub fn check(
        &self,
        value: &Value,
        dialect: Dialect,
        direction: Direction,
        answers: Option<&str>,
    ) -> Vec<Violation> {
        match (Dialect { version: self.version, ..dialect }).classify(value) {
            Ok(message) => self.check_message(&message, direction, answers),
            Err(error) => vec![Violation {
                path: error.path(),
                reason: error.to_string(),
                requirement: Some(error.requirement(direction)),
                definition: "envelope",
            }],
        }
    }

    /// Judges a classified message.
    ///
    /// `answers` is the method of the request that the message answers; without it a result is held only to what all
    /// results share. A batch of answers is judged like that too: for more, judge its messages one by one. Methods that
    /// the version does not know (those of extensions among them) are held to what all messages share.
    #[must_use]
    pub fn check_message(&self, message: &Message<'_>, direction: Direction, answers: Option<&str>) -> Vec<Violation> {
        match message {
            Message::Request { method, params, .. } => self
                .misplaced_request(method, direction)
                .unwrap_or_else(|| self.params(method, *params, direction, Definition::REQUEST_PARAMS)),
            Message::Notification { method, params } => {
                self.params(method, *params, direction, Definition::NOTIFICATION_PARAMS)
            }
            Message::Response { result, .. } => self.result(result, direction, answers),
            Message::Error { code, data, .. } => self.error(*code, *data, direction),
            Message::Batch(messages) => messages
                .iter()
                .enumerate()
                .flat_map(|(i, message)| {
                    let mut violations = self.check_message(message, direction, None);
                    for violation in &mut violations {
                        let path = &violation.path;
                        let dot = if path.is_empty() { "" } else { "." };
                        violation.path = format!("[{i}]{dot}{path}");
                    }
                    violations
                })
                .collect(),
        }
    }

    fn misplaced_request(&self, method: &str, direction: Direction) -> Option<Vec<Violation>> {
        let forbidden = self.version == Some(Version::V2026_07_28) && direction == Direction::ServerToClient;
        forbidden.then(|| {
            vec![Violation {
                path: "method".to_owned(),
                reason: format!("a server sends no requests in 2026-07-28; this is `{method}`"),
                requirement: Some("mrtr.no-server-requests"),
                definition: "envelope",
            }]
        })
    }

    fn params(
        &self,
        method: &str,
        params: Option<&Value>,
        direction: Direction,
        general: &'static Definition,
    ) -> Vec<Violation> {
        // The opening of older versions, sent to find out which ones a server speaks.
        let probe = matches!(method, "initialize" | "notifications/initialized");
        if probe && self.version == Some(Version::V2026_07_28) {
            return Vec::new();
        }
        let definition = methods::find(method, direction, self.version).map_or(general, |m| m.params);
        self.hold(definition, params.unwrap_or(&NO_PARAMS), "params", direction)
    }

    fn result(&self, result: &Value, direction: Direction, answers: Option<&str>) -> Vec<Violation> {
        let hold = |definition| self.hold(definition, result, "result", direction);
        let method = answers.and_then(|name| methods::find(name, direction.reversed(), self.version));
        let own = method.and_then(|m| m.result).unwrap_or(Definition::RESULT);
        if self.version == Some(Version::V2026_07_28) {
            return match result.get("resultType").and_then(Value::as_str) {
                Some("input_required") => {
                    let mut violations = hold(Definition::INPUT_REQUIRED_RESULT);
                    violations.extend(misplaced_input_request(result, method));
                    violations
                }
                // Extensions bring types of their own, and shapes with them.
                Some(kind) if kind != "complete" => hold(Definition::RESULT),
                _ => hold(own),
            };
        }
        // The answer to a request that was augmented with a task is a task, whatever the method.
        let is_task = self.version == Some(Version::V2025_11_25) && result.get("task").is_some_and(Value::is_object);
        hold(if is_task { Definition::RESULT } else { own })
    }

    fn error(&self, code: i64, data: Option<&Value>, direction: Direction) -> Vec<Violation> {
        let definition = match (code, self.version) {
            (-32022, Some(Version::V2026_07_28)) => Definition::UNSUPPORTED_VERSION_DATA,
            (-32021, Some(Version::V2026_07_28)) => Definition::MISSING_CAPABILITY_DATA,
            (-32042, Some(Version::V2025_11_25)) => Definition::URL_ELICITATION_DATA,
            (-32002 | -32042, Some(Version::V2026_07_28)) => {
                return vec![Violation {
                    path: "error.code".to_owned(),
                    reason: format!("{code} is retired and not sent in 2026-07-28"),
                    requirement: Some("errors.legacy-codes-retired"),
                    definition: "envelope",
                }];
            }
            _ => return Vec::new(),
        };
        self.hold(definition, data.unwrap_or(&NO_PARAMS), "error.data", direction)
    }

    fn hold(&self, to: &'static Definition, value: &Value, at: &str, direction: Direction) -> Vec<Violation> {
        let fallback = match direction {
            Direction::ClientToServer => "base.client.envelope",
            Direction::ServerToClient => "base.server.envelope",
        };
        to.check(Edition(self.version), value, at, fallback)
    }
}

fn misplaced_input_request(result: &Value, method: Option<&methods::Method>) -> Vec<Violation> {
    let violation = |path: &str, reason: String, requirement| Violation {
        path: path.to_owned(),
        reason,
        requirement: Some(requirement),
        definition: Definition::INPUT_REQUIRED_RESULT.name(),
    };
    let mut violations = Vec::new();
    if result.get("inputRequests").is_none() && result.get("requestState").is_none() {
        let reason = "has neither `inputRequests` nor `requestState`; at least one is needed".to_owned();
        violations.push(violation("result", reason, "mrtr.result-shape"));
    }
    if let Some(method) = method.filter(|m| !m.asks_for_input) {
        let reason = format!("`{}` is never answered with input_required", method.name);
        violations.push(violation("result.resultType", reason, "mrtr.only-three-methods"));
    }
    violations
}
