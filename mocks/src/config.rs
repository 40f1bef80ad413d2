//! Reading a mock's configuration, with messages that name the place of a mistake.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::faults::Fault;

/// A mistake in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}{}", hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())]
pub(crate) struct ConfigError {
    /// Where: `accounts[0].kind`; empty for the whole.
    pub(crate) path: String,
    /// What is wrong.
    pub(crate) problem: String,
    /// What to write instead.
    pub(crate) hint: Option<String>,
}

impl ConfigError {
    pub(crate) fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into(), hint: None }
    }

    /// A name that is not among those known.
    pub(crate) fn unknown<'a>(
        path: impl Into<String>,
        problem: impl Into<String>,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self { path: path.into(), problem: problem.into(), hint: suggestion(name, known) }
    }
}

/// The members that all mocks have, and the rest.
#[derive(Debug, Default)]
pub(crate) struct CommonConfig {
    pub(crate) defects: Vec<String>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) rest: Map<String, Value>,
}

impl CommonConfig {
    /// Takes `defects` and `faults` out of a configuration (an object, or null for none).
    pub(crate) fn split(config: Value) -> Result<Self, ConfigError> {
        let mut rest = match config {
            Value::Null => Map::new(),
            Value::Object(members) => members,
            other => {
                return Err(ConfigError::new("", format!("expected a mapping, found {}", kind_of(&other))));
            }
        };
        let defects = rest.remove("defects").map(read_defects).transpose()?.unwrap_or_default();
        let faults = rest.remove("faults").map(read_faults).transpose()?.unwrap_or_default();
        Ok(Self { defects, faults, rest })
    }
}

/// Reads a list of defect ids.
pub(crate) fn read_defects(value: Value) -> Result<Vec<String>, ConfigError> {
    read_at("defects", value)
}

/// Reads a list of faults.
pub(crate) fn read_faults(value: Value) -> Result<Vec<Fault>, ConfigError> {
    let faults: Vec<Fault> = read_at("faults", value)?;
    for (index, fault) in faults.iter().enumerate() {
        if let Some(problem) = fault.problem() {
            return Err(ConfigError::new(format!("faults[{index}]"), problem));
        }
    }
    Ok(faults)
}

/// Deserialises a configuration; the error names the path of the member that is wrong.
pub(crate) fn read<T: DeserializeOwned>(value: Value) -> Result<T, ConfigError> {
    read_at("", value)
}

fn read_at<T: DeserializeOwned>(prefix: &str, value: Value) -> Result<T, ConfigError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = match (prefix, error.path().to_string()) {
            (prefix, path) if path == "." => prefix.to_owned(),
            ("", path) => path,
            (prefix, path) if path.starts_with('[') => format!("{prefix}{path}"),
            (prefix, path) => format!("{prefix}.{path}"),
        };
        let problem = error.into_inner().to_string();
        let hint = unknown_name(&problem).and_then(|(name, known)| suggestion(name, known.iter().map(String::as_str)));
        ConfigError { path, problem, hint }
    })
}

/// The name and the candidates in serde's "unknown field `x`, expected one of `a`, `b`".
fn unknown_name(message: &str) -> Option<(&str, Vec<String>)> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let name = quoted.next()?;
    Some((name, quoted.map(str::to_owned).collect()))
}

/// "did you mean", if a known name is near.
pub(crate) fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}

/// Puts the members of `change` over those of `base`; objects merge, all else is replaced.
pub(crate) fn merge(base: &mut Map<String, Value>, change: &Map<String, Value>) {
    for (name, value) in change {
        match (base.get_mut(name), value) {
            (Some(Value::Object(base)), Value::Object(change)) => merge(base, change),
            _ => {
                base.insert(name.clone(), value.clone());
            }
        }
    }
}

/// The kind of a JSON value, for messages.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_and_suggestions() {
        let error = CommonConfig::split(json!({ "faults": [{ "hang": true }, { "dellay": "1s" }] }));
        let error = error.expect_err("a typing mistake");
        assert_eq!(error.path, "faults[1].dellay");
        assert_eq!(error.hint.as_deref(), Some("did you mean `delay`?"));
        let error = CommonConfig::split(json!({ "faults": [{ "delay": "soon" }] })).expect_err("no duration");
        assert_eq!(error.path, "faults[0].delay");
        let error = CommonConfig::split(json!({ "defects": "x" })).expect_err("no list");
        assert_eq!(error.path, "defects");
        assert!(CommonConfig::split(json!([])).is_err());
    }

    #[test]
    fn objects_merge_and_lists_are_replaced() {
        let mut base = json!({ "a": { "x": 1, "y": 2 }, "b": [1, 2] }).as_object().cloned().unwrap_or_default();
        let change = json!({ "a": { "y": 3 }, "b": [] }).as_object().cloned().unwrap_or_default();
        merge(&mut base, &change);
        assert_eq!(Value::Object(base), json!({ "a": { "x": 1, "y": 3 }, "b": [] }));
    }
}
