//! A running mock.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::config::{ConfigError, kind_of, read_defects, read_faults, suggestion};
use crate::duration;
use crate::front::{Entrance, Front};
use crate::journal::Journal;

/// What a running mock lets itself be told.
pub(crate) trait Controller: Send + Sync {
    /// Puts members over the configuration in force.
    fn set(&self, config: &Map<String, Value>) -> Result<(), ConfigError>;
    /// Shows these defects and no others.
    fn set_defects(&self, ids: &[String]) -> Result<(), ConfigError>;
    /// Forgets what happened since the start: sessions, spent tokens, counters.
    fn restart(&self);
    /// Moves the clock forward.
    fn advance(&self, by: Duration);
    /// Signs a token for a test.
    fn mint(&self, _spec: &Value) -> Result<String, ConfigError> {
        Err(signs_nothing())
    }
    /// Values made since the start that must not be shown.
    fn minted_secrets(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Of a mock that is asked to sign a token and has no keys.
pub(crate) fn signs_nothing() -> ConfigError {
    ConfigError::new("", "this mock signs no tokens")
}

/// Why a command to a mock was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("control{}{path}: {problem}{}", if path.is_empty() { "" } else { "." },
    hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())]
pub struct ControlError {
    /// Where in the command: `set.accounts[0].kind`; empty for the whole.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl ControlError {
    fn new(path: &str, problem: impl Into<String>) -> Self {
        Self { path: path.to_owned(), problem: problem.into(), hint: None }
    }

    fn within(member: &str, error: ConfigError) -> Self {
        let path = match error.path.as_str() {
            "" => member.to_owned(),
            path if path.starts_with(member) => path.to_owned(),
            path => format!("{member}.{path}"),
        };
        Self { path, problem: error.problem, hint: error.hint }
    }
}

/// What a mock knows of itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct SelfDescription {
    /// Path of the MCP endpoint on the origin.
    pub(crate) path: String,
    pub(crate) vars: Map<String, Value>,
    pub(crate) secrets: Vec<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) envelope: Option<Map<String, Value>>,
    pub(crate) bearer: Option<String>,
    /// As in `auth: { sigv4: … }`.
    pub(crate) sigv4: Option<Map<String, Value>>,
    pub(crate) fixtures: Map<String, Value>,
}

/// A running mock. Dropping it stops everything it started.
pub struct MockHandle {
    front: Front,
    origin: String,
    url: String,
    description: SelfDescription,
    controller: Arc<dyn Controller>,
}

impl std::fmt::Debug for MockHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MockHandle").field("url", &self.url).finish_non_exhaustive()
    }
}

impl MockHandle {
    pub(crate) fn new(front: Front, description: SelfDescription, controller: Arc<dyn Controller>) -> Self {
        let origin = front.origin();
        let url = format!("{origin}{}", description.path);
        Self { front, origin, url, description, controller }
    }

    /// The MCP endpoint: `http://127.0.0.1:41873/mcp`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Scheme, host and port, without a slash at the end.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// A way in for who brings connections of others, such as a proxy.
    #[must_use]
    pub fn entrance(&self) -> Entrance {
        self.front.entrance()
    }

    /// What a scenario may use as `${target.NAME}`: tokens, identifiers.
    #[must_use]
    pub fn vars(&self) -> &Map<String, Value> {
        &self.description.vars
    }

    /// Values that must never be shown, those made since the start included.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets = self.description.secrets.clone();
        secrets.extend(self.controller.minted_secrets());
        secrets
    }

    /// Headers that a conforming client of this system sends with every request, credentials apart.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.description.headers
    }

    /// Members that a conforming client puts beside the JSON-RPC ones.
    #[must_use]
    pub fn envelope(&self) -> Option<&Map<String, Value>> {
        self.description.envelope.as_ref()
    }

    /// The bearer token of a conforming client.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        self.description.bearer.as_deref()
    }

    /// What a conforming client signs with (AWS Signature Version 4): `service`, `region`, `access_key_id`, `secret_access_key` and
    /// `session_token`, which is null for a long-term key.
    #[must_use]
    pub fn sigv4(&self) -> Option<&Map<String, Value>> {
        self.description.sigv4.as_ref()
    }

    /// What a scenario may rely on: `tool` is a harmless tool with its arguments.
    #[must_use]
    pub fn fixtures(&self) -> &Map<String, Value> {
        &self.description.fixtures
    }

    /// The record of what arrived.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        self.front.journal()
    }

    /// Carries out a command: `{ set: {…}, defects: [..], faults: [..], restart: true, advance: "1h" }`, in the order of its
    /// members. `set` puts members over the configuration in force; `defects` and `faults` replace those in force.
    ///
    /// # Errors
    ///
    /// A member is unknown or its value is wrong. Members before it have been carried out.
    pub async fn control(&self, command: &Value) -> Result<(), ControlError> {
        let Value::Object(command) = command else {
            return Err(ControlError::new("", format!("expected a mapping, found {}", kind_of(command))));
        };
        for (member, value) in command {
            match (member.as_str(), value) {
                ("set", Value::Object(config)) => self.set(config)?,
                ("set", other) => {
                    return Err(ControlError::new("set", format!("expected a mapping, found {}", kind_of(other))));
                }
                ("defects", value) => self.set_defects(value)?,
                ("faults", value) => self.set_faults(value)?,
                ("restart", Value::Bool(true)) => {
                    self.controller.restart();
                    self.front.close_connections().await;
                }
                ("restart", other) => {
                    return Err(ControlError::new("restart", format!("expected true, found {other}")));
                }
                ("advance", Value::String(text)) => {
                    let by = duration::parse(text).map_err(|problem| ControlError::new("advance", problem))?;
                    self.controller.advance(by);
                }
                ("advance", other) => {
                    let problem = format!("expected a duration such as 1h, found {}", kind_of(other));
                    return Err(ControlError::new("advance", problem));
                }
                (unknown, _) => {
                    let known = ["set", "defects", "faults", "restart", "advance"];
                    return Err(ControlError {
                        path: unknown.to_owned(),
                        problem: format!("a mock knows no command `{unknown}`"),
                        hint: Some(
                            suggestion(unknown, known).unwrap_or_else(|| format!("there are {}", known.join(", "))),
                        ),
                    });
                }
            }
        }
        Ok(())
    }

    /// Signs a token that a test is to present, such as one that has expired or whose signature is wrong. `spec` starts from the
    /// token that the default client would be given; see the mock's documentation for its members.
    ///
    /// # Errors
    /// The mock signs no tokens, or a member of `spec` is unknown or wrong.
    pub fn mint(&self, spec: &Value) -> Result<String, ControlError> {
        self.controller.mint(spec).map_err(|error| ControlError::within("mint", error))
    }

    fn set(&self, config: &Map<String, Value>) -> Result<(), ControlError> {
        let mut config = config.clone();
        if let Some(defects) = config.shift_remove("defects") {
            self.set_defects(&defects)?;
        }
        if let Some(faults) = config.shift_remove("faults") {
            self.set_faults(&faults)?;
        }
        self.controller.set(&config).map_err(|error| ControlError::within("set", error))
    }

    fn set_defects(&self, value: &Value) -> Result<(), ControlError> {
        let ids = read_defects(value.clone()).map_err(|error| ControlError::within("defects", error))?;
        self.controller.set_defects(&ids).map_err(|error| ControlError::within("defects", error))
    }

    fn set_faults(&self, value: &Value) -> Result<(), ControlError> {
        let faults = read_faults(value.clone()).map_err(|error| ControlError::within("faults", error))?;
        self.front.set_faults(faults);
        Ok(())
    }
}
