//! What a running mock can be told.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::config::{ConfigError, kind_of, read_defects, read_faults, suggestion};
use crate::duration;
use crate::faults::Fault;

/// Takes the commands of a running mock.
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
    pub(crate) fn new(path: &str, problem: impl Into<String>) -> Self {
        Self { path: path.to_owned(), problem: problem.into(), hint: None }
    }

    pub(crate) fn within(member: &str, error: ConfigError) -> Self {
        let path = match error.path.as_str() {
            "" => member.to_owned(),
            path if path.starts_with(member) => path.to_owned(),
            path => format!("{member}.{path}"),
        };
        Self { path, problem: error.problem, hint: error.hint }
    }
}

/// One thing that a mock is told.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Set(Map<String, Value>),
    Defects(Vec<String>),
    Faults(Vec<Fault>),
    Restart,
    Advance(Duration),
}

impl Command {
    /// Reads `{ set: {…}, defects: [..], faults: [..], restart: true, advance: "1h" }`: commands in the order of its members. `defects`
    /// and `faults` inside `set` are commands of their own, before the rest of it.
    pub(crate) fn read_all(written: &Value) -> Result<Vec<Self>, ControlError> {
        let Value::Object(written) = written else {
            return Err(ControlError::new("", format!("expected a mapping, found {}", kind_of(written))));
        };
        let mut commands = Vec::new();
        for (member, value) in written {
            match (member.as_str(), value) {
                ("set", Value::Object(config)) => {
                    let mut config = config.clone();
                    commands.extend(config.shift_remove("defects").map(Self::defects).transpose()?);
                    commands.extend(config.shift_remove("faults").map(Self::faults).transpose()?);
                    commands.push(Self::Set(config));
                }
                ("set", other) => {
                    return Err(ControlError::new("set", format!("expected a mapping, found {}", kind_of(other))));
                }
                ("defects", value) => commands.push(Self::defects(value.clone())?),
                ("faults", value) => commands.push(Self::faults(value.clone())?),
                ("restart", Value::Bool(true)) => commands.push(Self::Restart),
                ("restart", other) => {
                    return Err(ControlError::new("restart", format!("expected true, found {other}")));
                }
                ("advance", Value::String(text)) => {
                    let by = duration::parse(text).map_err(|problem| ControlError::new("advance", problem))?;
                    commands.push(Self::Advance(by));
                }
                ("advance", other) => {
                    let problem = format!("expected a duration such as 1h, found {}", kind_of(other));
                    return Err(ControlError::new("advance", problem));
                }
                (unknown, _) => {
                    let known = ["set", "defects", "faults", "restart", "advance"];
                    let hint = suggestion(unknown, known).unwrap_or_else(|| format!("there are {}", known.join(", ")));
                    let problem = format!("a mock knows no command `{unknown}`");
                    return Err(ControlError { path: unknown.to_owned(), problem, hint: Some(hint) });
                }
            }
        }
        Ok(commands)
    }

    fn defects(value: Value) -> Result<Self, ControlError> {
        read_defects(value).map(Self::Defects).map_err(|error| ControlError::within("defects", error))
    }

    fn faults(value: Value) -> Result<Self, ControlError> {
        read_faults(value).map(Self::Faults).map_err(|error| ControlError::within("faults", error))
    }

    /// Carries it out, as far as it does not concern the wire: faults are not a controller's.
    pub(crate) fn carry_out(&self, controller: &dyn Controller) -> Result<(), ControlError> {
        match self {
            Self::Set(config) => controller.set(config).map_err(|error| ControlError::within("set", error))?,
            Self::Defects(ids) => {
                controller.set_defects(ids).map_err(|error| ControlError::within("defects", error))?;
            }
            Self::Restart => controller.restart(),
            Self::Advance(by) => controller.advance(*by),
            Self::Faults(_) => {}
        }
        Ok(())
    }
}
