//! Where `${…}` gets its values.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use gauntlet_format::resolve::{Lookup, resolve};
use gauntlet_format::{Node, Span, Version, duration};
use gauntlet_mocks::MockHandle;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::MayRead;
use super::given::GivenSecrets;
use super::spoken::SpokenLog;
use crate::transcript::secrets::Secrets;

/// Bytes of a secret file that are read at most.
const SECRET_FILE_LIMIT: u64 = 64 * 1024;

/// Variables that come from outside the scenario; `None` when the name is not one of them.
pub(crate) fn outside(name: &str, secrets: &Secrets) -> Option<Result<Value, String>> {
    if let Some(variable) = name.strip_prefix("secret:env:").or_else(|| name.strip_prefix("env:")) {
        return Some(environment(variable, secrets));
    }
    if let Some(path) = name.strip_prefix("secret:file:") {
        return Some(secret_file(path, secrets));
    }
    match name {
        "uuid" => Some(Ok(uuid::Uuid::new_v4().to_string().into())),
        "now" => Some(now(0)),
        _ => match name.strip_prefix("now")?.split_at_checked(1)? {
            ("+", rest) => Some(shifted(rest, 1)),
            ("-", rest) => Some(shifted(rest, -1)),
            _ => None,
        },
    }
}

fn environment(variable: &str, secrets: &Secrets) -> Result<Value, String> {
    match std::env::var(variable) {
        Ok(value) => {
            secrets.add(variable, &value);
            Ok(value.into())
        }
        Err(_) => Err(format!("the environment variable {variable} is not set; set it, or choose another target")),
    }
}

fn secret_file(path: &str, secrets: &Secrets) -> Result<Value, String> {
    let size = std::fs::metadata(Path::new(path)).map_err(|e| format!("cannot read {path}: {e}"))?.len();
    if size > SECRET_FILE_LIMIT {
        return Err(format!("{path} is larger than {SECRET_FILE_LIMIT} bytes; a secret is one line"));
    }
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {path}: {e}"))?;
    let text = text.trim_end_matches(['\r', '\n']);
    let label = Path::new(path).file_name().map_or_else(|| "file".into(), |n| n.to_string_lossy());
    secrets.add(&label, text);
    Ok(text.into())
}

fn shifted(text: &str, sign: i64) -> Result<Value, String> {
    let by = duration::parse(text.trim()).map_err(|e| e.to_string())?;
    now(sign * i64::try_from(by.as_secs()).unwrap_or(i64::MAX))
}

fn now(offset: i64) -> Result<Value, String> {
    OffsetDateTime::from(SystemTime::now())
        .checked_add(time::Duration::seconds(offset))
        .and_then(|t| t.replace_nanosecond(0).ok())
        .and_then(|t| t.format(&Rfc3339).ok())
        .map(Value::from)
        .ok_or_else(|| "the time is out of range".to_owned())
}

/// `NAME.url`, or a variable that the upstream mock knows.
pub(crate) fn of_upstream(rest: &str, upstreams: &BTreeMap<String, MockHandle>) -> Result<Value, String> {
    let (name, member) = rest.split_once('.').unwrap_or((rest, "url"));
    let Some(handle) = upstreams.get(name) else {
        let known: Vec<_> = upstreams.keys().map(String::as_str).collect();
        return Err(format!("the target has no upstream `{name}`; it has: {}", known.join(", ")));
    };
    match member {
        "url" | "origin" => Ok(handle.origin().into()),
        "endpoint" => Ok(handle.url().into()),
        _ => inside(handle.vars(), member).ok_or_else(|| format!("the mock behind `{name}` knows no `{member}`")),
    }
}

/// A value by dotted path: `case.token.exp`, `items[0]`.
pub(crate) fn inside(map: &Map<String, Value>, path: &str) -> Option<Value> {
    let mut parts = path.split(['.', '[']).map(|p| p.trim_end_matches(']'));
    let mut value = map.get(parts.next()?)?;
    for part in parts {
        value = match value {
            Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
            other => other.get(part)?,
        };
    }
    Some(value.clone())
}

/// The fixtures that `${fixtures.…}` names anywhere in the text of a scenario.
pub(crate) fn fixtures_named(text: &str) -> Vec<&str> {
    let mut names: Vec<&str> = text
        .split('$')
        .skip(1)
        .filter_map(|rest| Some(rest.strip_prefix('{')?.split_once('}')?.0))
        .filter(|name| name.starts_with("fixtures."))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The variables of one case.
#[derive(Debug)]
pub(crate) struct Scope {
    /// Vars and captures.
    named: Mutex<Map<String, Value>>,
    /// What this case has of the matrix; variables in it get their values when it is read.
    matrix: Map<String, Value>,
    version: Option<Version>,
    secrets: Secrets,
    /// The scenario's `secrets`, as they were given.
    given: GivenSecrets,
    may_read: MayRead,
    /// `target`, `fixtures`, `session`: filled when the target runs.
    roots: Mutex<Map<String, Value>>,
    /// `upstreams.NAME.…`
    upstreams: Mutex<Map<String, Value>>,
    /// `sent.…`, `answered.…`
    pub spoken: SpokenLog,
}

impl Scope {
    pub(crate) fn new(
        version: Option<Version>,
        matrix: &[(String, Value)],
        secrets: Secrets,
        may_read: MayRead,
        given: GivenSecrets,
    ) -> Self {
        let matrix = matrix.iter().cloned().collect();
        Self {
            named: Mutex::default(),
            matrix,
            version,
            secrets,
            given,
            may_read,
            roots: Mutex::default(),
            upstreams: Mutex::default(),
            spoken: SpokenLog::default(),
        }
    }

    fn locked(map: &Mutex<Map<String, Value>>) -> std::sync::MutexGuard<'_, Map<String, Value>> {
        map.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets a variable or a capture.
    pub(crate) fn set(&self, name: &str, value: Value) {
        Self::locked(&self.named).insert(name.to_owned(), value);
    }

    /// Whether a variable, a capture or a value of the matrix has the name.
    pub(super) fn is_named(&self, name: &str) -> bool {
        inside(&Self::locked(&self.named), name).is_some() || inside(&self.matrix, name).is_some()
    }

    /// A value of the matrix with its own variables replaced, which are not of the matrix.
    fn matrix_value(&self, value: Value) -> Result<Value, String> {
        if !has_variable(&value) {
            return Ok(value);
        }
        let node = Node::from_json(&value, Span::default());
        resolve(&node, &BesidesMatrix(self)).map(|node| node.to_json()).map_err(|e| e.to_string())
    }

    /// Sets a root: `target`, `fixtures`, `session`.
    pub(crate) fn set_root(&self, name: &str, value: Value) {
        Self::locked(&self.roots).insert(name.to_owned(), value);
    }

    /// Makes an upstream's variables known.
    pub(crate) fn set_upstream(&self, name: &str, handle: &MockHandle) {
        let mut members = handle.vars().clone();
        members.insert("url".to_owned(), handle.origin().into());
        members.insert("origin".to_owned(), handle.origin().into());
        members.insert("endpoint".to_owned(), handle.url().into());
        Self::locked(&self.upstreams).insert(name.to_owned(), Value::Object(members));
    }
}

impl Lookup for Scope {
    fn lookup(&self, name: &str) -> Result<Value, String> {
        if let Some(found) = inside(&Self::locked(&self.named), name) {
            return Ok(found);
        }
        if let Some(found) = inside(&self.matrix, name) {
            return self.matrix_value(found);
        }
        if name == "version" {
            return self
                .version
                .map(|v| v.as_str().into())
                .ok_or_else(|| "a `bare` lifecycle has no protocol version".to_owned());
        }
        self.may_read.variable(name)?;
        if let Some(found) = outside(name, &self.secrets) {
            return found;
        }
        if let Some(inner) = name.strip_prefix("secret:") {
            if let Some(value) = self.given.value(inner) {
                return Ok(value.into());
            }
            let value = self.lookup(inner)?;
            if let Some(text) = value.as_str() {
                self.secrets.add(inner, text);
            }
            return Ok(value);
        }
        if let Some(rest) = name.strip_prefix("upstreams.") {
            return inside(&Self::locked(&self.upstreams), rest)
                .ok_or_else(|| "the target has no such upstream, or it knows no such value".to_owned());
        }
        if let Some(found) = self.spoken.lookup(name, None) {
            return found;
        }
        let root = name.split(['.', '[']).next().unwrap_or(name);
        if matches!(root, "target" | "fixtures" | "session") {
            return inside(&Self::locked(&self.roots), name).ok_or_else(|| match root {
                "fixtures" => format!(
                    "the target has no such fixture; add it under `fixtures:` of its entry in {}",
                    crate::config::FILE_NAME
                ),
                "session" => "no session is open yet".to_owned(),
                _ => format!(
                    "the target knows no such value; add it under `vars:` of its entry in {}",
                    crate::config::FILE_NAME
                ),
            });
        }
        Err("there is no such variable at this point".to_owned())
    }
}

fn has_variable(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("${"),
        Value::Array(items) => items.iter().any(has_variable),
        Value::Object(members) => members.values().any(has_variable),
        _ => false,
    }
}

/// What the matrix itself may name.
struct BesidesMatrix<'a>(&'a Scope);

impl Lookup for BesidesMatrix<'_> {
    fn lookup(&self, name: &str) -> Result<Value, String> {
        let plain = name.strip_prefix("secret:").unwrap_or(name);
        match inside(&self.0.matrix, plain) {
            Some(_) => Err(format!("`{name}` is of the matrix too, and a value of the matrix cannot name another")),
            None => self.0.lookup(name),
        }
    }
}

/// Resolves everything but one root, which is known later: `${request.…}`, which a stub replaces when a request arrives, or
/// `${upstreams.…}`, before the mocks have started.
pub(crate) struct Keep<'a>(pub &'static str, pub &'a Scope);

impl Lookup for Keep<'_> {
    fn lookup(&self, name: &str) -> Result<Value, String> {
        if name == self.0 || name.strip_prefix(self.0).is_some_and(|rest| rest.starts_with('.')) {
            return Ok(format!("${{{name}}}").into());
        }
        self.1.lookup(name)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_reach_into_objects_and_arrays() {
        let map = json!({"case": {"list": [{"x": 1}]}}).as_object().cloned().unwrap();
        assert_eq!(inside(&map, "case.list[0].x"), Some(json!(1)));
        assert_eq!(inside(&map, "case.list[1].x"), None);
    }

    #[test]
    fn time_shifts_both_ways() {
        let secrets = Secrets::default();
        let parse = |name: &str| {
            let text = outside(name, &secrets).unwrap().unwrap();
            OffsetDateTime::parse(text.as_str().unwrap(), &Rfc3339).unwrap()
        };
        let gap = parse("now+1h") - parse("now-1h");
        assert!((gap - time::Duration::hours(2)).abs() <= time::Duration::seconds(2));
    }

    #[test]
    fn the_fixtures_of_a_scenario_are_read_off_its_text_once_each() {
        let text = "a: ${fixtures.echo.name} ${env:HOME}\nb: '${fixtures.add.structured}${fixtures.echo.name}' ${fixtures.open";
        assert_eq!(fixtures_named(text), ["fixtures.add.structured", "fixtures.echo.name"]);
    }

    #[test]
    fn a_value_of_the_matrix_is_resolved_when_it_is_read() {
        let matrix = json!({ "case": { "header": "Bearer ${token}", "other": "${case.header}" } });
        let matrix: Vec<_> = matrix.as_object().cloned().unwrap().into_iter().collect();
        let scope = Scope::new(None, &matrix, Secrets::default(), MayRead::default(), GivenSecrets::default());
        assert!(scope.lookup("case.header").unwrap_err().contains("token"));
        scope.set("token", json!("abc"));
        assert_eq!(scope.lookup("case.header"), Ok(json!("Bearer abc")));
        assert!(scope.lookup("case.other").unwrap_err().contains("cannot name another"));
    }

    #[test]
    fn a_missing_environment_variable_is_named() {
        let mut may_read = MayRead::default();
        may_read.add("env:GAUNTLET_SURELY_UNSET").unwrap();
        let scope = Scope::new(None, &[], Secrets::default(), may_read, GivenSecrets::default());
        assert!(scope.lookup("secret:env:GAUNTLET_SURELY_UNSET").unwrap_err().contains("GAUNTLET_SURELY_UNSET"));
    }
}
