//! Policy documents as they are written.

use serde_json::{Map, Value};

use super::condition::Condition;
use super::principal::Principals;
use super::{Effect, Patterns, Policy, Statement};
use crate::config::{ConfigError, kind_of};

/// Most characters of a policy, white space apart: those of a managed policy.
const LONGEST_POLICY: usize = 6144;

/// The same for a trust policy, after its quota was raised.
const LONGEST_TRUST: usize = 4096;

/// Most policies of one principal.
const MOST_POLICIES: usize = 20;

/// What a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Attached to a principal.
    Identity,
    /// Of a role: who may assume it.
    Trust,
}

const MEMBERS: [&str; 3] = ["Version", "Id", "Statement"];
const STATEMENT_MEMBERS: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

impl Policy {
    /// Reads the policies of a principal.
    pub(crate) fn read_all(path: &str, documents: &[Value]) -> Result<Vec<Self>, ConfigError> {
        if documents.len() > MOST_POLICIES {
            let problem = format!("has {} policies; {MOST_POLICIES} are the most", documents.len());
            return Err(ConfigError::new(path, problem));
        }
        let read = |(at, document): (usize, &Value)| Self::read(&format!("{path}[{at}]"), document, Kind::Identity);
        documents.iter().enumerate().map(read).collect()
    }

    /// Reads a document.
    pub(crate) fn read(path: &str, document: &Value, kind: Kind) -> Result<Self, ConfigError> {
        let members = object(path, document)?;
        let longest = match kind {
            Kind::Identity => LONGEST_POLICY,
            Kind::Trust => LONGEST_TRUST,
        };
        let length = document.to_string().chars().count();
        if length > longest {
            return Err(ConfigError::new(path, format!("is {length} characters long; IAM takes {longest}")));
        }
        check_names(path, members, &MEMBERS)?;
        match members.get("Version").map(Value::as_str) {
            None | Some(Some("2012-10-17" | "2008-10-17")) => {}
            Some(_) => {
                let problem = "must be 2012-10-17, or 2008-10-17 for old policies, as a text";
                return Err(ConfigError::new(format!("{path}.Version"), problem));
            }
        }
        let path = format!("{path}.Statement");
        let statements = match members.get("Statement") {
            Some(Value::Array(list)) if !list.is_empty() => list
                .iter()
                .enumerate()
                .map(|(at, value)| read_statement(&format!("{path}[{at}]"), value, kind))
                .collect::<Result<_, _>>()?,
            Some(statement @ Value::Object(_)) => vec![read_statement(&path, statement, kind)?],
            _ => return Err(ConfigError::new(path, "must be a statement or a list of statements")),
        };
        Ok(Self { statements })
    }

    /// What everybody may do who has no policies of their own: the member `policies`, or everything if it is not given.
    pub(crate) fn read_of_everybody(documents: Option<&[Value]>) -> Result<Vec<Self>, ConfigError> {
        match documents {
            None => Ok(vec![Self::allow_all()]),
            Some(documents) => Self::read_all("policies", documents),
        }
    }

    /// The policy that allows everything.
    pub(super) fn allow_all() -> Self {
        let everything = || Patterns { negated: false, patterns: vec!["*".to_owned()] };
        let statement = Statement {
            effect: Effect::Allow,
            principals: None,
            actions: everything(),
            resources: Some(everything()),
            conditions: Vec::new(),
        };
        Self { statements: vec![statement] }
    }
}

fn read_statement(path: &str, value: &Value, kind: Kind) -> Result<Statement, ConfigError> {
    let members = object(path, value)?;
    check_names(path, members, &STATEMENT_MEMBERS)?;
    let effect = match members.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => return Err(ConfigError::new(format!("{path}.Effect"), "must be Allow or Deny")),
    };
    let principals = match one_of(path, members, "Principal", "NotPrincipal")? {
        None if kind == Kind::Trust => {
            return Err(ConfigError::new(path, "needs `Principal`: who may assume the role"));
        }
        None => None,
        Some((name, ..)) if kind == Kind::Identity => {
            let problem = "stands in no policy of a principal, whose principal is the one it is attached to";
            return Err(ConfigError::new(format!("{path}.{name}"), problem));
        }
        Some((name, negated, value)) => Some(Principals::read(&format!("{path}.{name}"), value, negated)?),
    };
    let actions = patterns(path, members, "Action", "NotAction")?
        .ok_or_else(|| ConfigError::new(path, "needs `Action` or `NotAction`"))?;
    check_actions(path, &actions)?;
    let resources = patterns(path, members, "Resource", "NotResource")?;
    match (kind, &resources) {
        (Kind::Identity, None) => return Err(ConfigError::new(path, "needs `Resource` or `NotResource`")),
        (Kind::Trust, Some(_)) => {
            return Err(ConfigError::new(path, "is of a role, which is its only resource; leave `Resource` out"));
        }
        _ => {}
    }
    let conditions = match members.get("Condition") {
        None => Vec::new(),
        Some(value) => {
            let path = format!("{path}.Condition");
            let operators = object(&path, value)?.iter();
            let read = operators.map(|(name, keys)| Condition::read_all(&format!("{path}.{name}"), name, keys));
            read.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect()
        }
    };
    Ok(Statement { effect, principals, actions, resources, conditions })
}

/// A service and an operation, or everything.
fn check_actions(path: &str, actions: &Patterns) -> Result<(), ConfigError> {
    let is_action = |action: &str| {
        action == "*" || action.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty())
    };
    match actions.patterns.iter().find(|action| !is_action(action)) {
        None => Ok(()),
        Some(action) => {
            let member = if actions.negated { "NotAction" } else { "Action" };
            let problem = format!("`{action}` is not an action such as s3:GetObject");
            Err(ConfigError::new(format!("{path}.{member}"), problem))
        }
    }
}

fn patterns(
    path: &str,
    members: &Map<String, Value>,
    name: &str,
    negated_name: &str,
) -> Result<Option<Patterns>, ConfigError> {
    let Some((name, negated, value)) = one_of(path, members, name, negated_name)? else {
        return Ok(None);
    };
    let path = format!("{path}.{name}");
    let list = match value {
        Value::Array(list) => list.as_slice(),
        value => std::slice::from_ref(value),
    };
    let text = |value: &Value| match value {
        Value::String(text) if text.contains("${") => {
            Err(ConfigError::new(&path, "has a policy variable, which this mock does not fill in"))
        }
        Value::String(text) if !text.is_empty() => Ok(text.clone()),
        other => Err(ConfigError::new(&path, format!("must be a text or a list of texts, not {}", kind_of(other)))),
    };
    let patterns = list.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    if patterns.is_empty() {
        return Err(ConfigError::new(path, "is empty"));
    }
    Ok(Some(Patterns { negated, patterns }))
}

/// One of two members that exclude each other: its name, whether it is the negated one, its value.
type OneOf<'m> = Option<(&'m str, bool, &'m Value)>;

fn one_of<'m>(
    path: &str,
    members: &'m Map<String, Value>,
    name: &'m str,
    negated_name: &'m str,
) -> Result<OneOf<'m>, ConfigError> {
    match (members.get(name), members.get(negated_name)) {
        (Some(_), Some(_)) => Err(ConfigError::new(path, format!("has both `{name}` and `{negated_name}`"))),
        (Some(value), None) => Ok(Some((name, false, value))),
        (None, Some(value)) => Ok(Some((negated_name, true, value))),
        (None, None) => Ok(None),
    }
}

fn object<'v>(path: &str, value: &'v Value) -> Result<&'v Map<String, Value>, ConfigError> {
    value.as_object().ok_or_else(|| ConfigError::new(path, format!("must be a mapping, not {}", kind_of(value))))
}

fn check_names(path: &str, members: &Map<String, Value>, known: &[&str]) -> Result<(), ConfigError> {
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let problem = format!("`{name}` is not an element of a policy; there are {}", known.join(", "));
            Err(ConfigError::unknown(format!("{path}.{name}"), problem, name, known.iter().copied()))
        }
    }
}
