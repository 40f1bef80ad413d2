//! Conditions.

use serde_json::Value;

use super::{Case, Context, Mistakes, glob};
use crate::config::{ConfigError, kind_of};

/// One operator, one key, and the values that it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    operator: Operator,
    /// How a key with several values is compared; none for a key with one.
    quantifier: Option<Quantifier>,
    if_exists: bool,
    key: String,
    values: Vec<String>,
}

/// How values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    String { comparison: Comparison, negated: bool },
    Arn { negated: bool },
    Bool,
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    EqualIgnoringCase,
    Like,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    Any,
    All,
}

/// Operators that are evaluated. `Null` has no `IfExists`.
const OPERATORS: &[(&str, Operator)] = &[
    ("StringEquals", string(Comparison::Equal, false)),
    ("StringNotEquals", string(Comparison::Equal, true)),
    ("StringEqualsIgnoreCase", string(Comparison::EqualIgnoringCase, false)),
    ("StringNotEqualsIgnoreCase", string(Comparison::EqualIgnoringCase, true)),
    ("StringLike", string(Comparison::Like, false)),
    ("StringNotLike", string(Comparison::Like, true)),
    ("ArnEquals", Operator::Arn { negated: false }),
    ("ArnNotEquals", Operator::Arn { negated: true }),
    ("ArnLike", Operator::Arn { negated: false }),
    ("ArnNotLike", Operator::Arn { negated: true }),
    ("Bool", Operator::Bool),
    ("Null", Operator::Null),
];

/// Families of operators that IAM has and that are not evaluated here.
const NOT_EVALUATED: &[&str] = &["Numeric", "Date", "Binary", "IpAddress", "NotIpAddress"];

const fn string(comparison: Comparison, negated: bool) -> Operator {
    Operator::String { comparison, negated }
}

impl Condition {
    /// Reads `{ key: values }` under an operator; `path` is that of the operator.
    pub(super) fn read_all(path: &str, name: &str, keys: &Value) -> Result<Vec<Self>, ConfigError> {
        let (quantifier, plain) = match name.split_once(':') {
            Some(("ForAnyValue", plain)) => (Some(Quantifier::Any), plain),
            Some(("ForAllValues", plain)) => (Some(Quantifier::All), plain),
            _ => (None, name),
        };
        let (plain, if_exists) = match plain.strip_suffix("IfExists") {
            Some(plain) => (plain, true),
            None => (plain, false),
        };
        let operator = find(path, name, plain)?;
        if operator == Operator::Null && (if_exists || quantifier.is_some()) {
            return Err(ConfigError::new(path, format!("`{name}` is not an operator; `Null` stands alone")));
        }
        let Value::Object(keys) = keys else {
            let problem = format!("must hold condition keys with their values, not {}", kind_of(keys));
            return Err(ConfigError::new(path, problem));
        };
        if keys.is_empty() {
            return Err(ConfigError::new(path, "has no condition key"));
        }
        keys.iter()
            .map(|(key, value)| {
                let path = format!("{path}.{key}");
                let values = values(&path, value)?;
                check_values(&path, operator, &values)?;
                Ok(Self { operator, quantifier, if_exists, key: key.clone(), values })
            })
            .collect()
    }

    /// Whether the context meets it.
    pub(super) fn is_met(&self, context: &Context, mistakes: Mistakes) -> bool {
        let found = context.get(&self.key).filter(|values| !values.is_empty());
        if self.operator == Operator::Null {
            let absent = found.is_none() != mistakes.null_inverted;
            return self.values.iter().any(|value| value.eq_ignore_ascii_case("true") == absent);
        }
        let Some(found) = found else {
            // What is not there is not equal, and nothing in it fails.
            return mistakes.missing_key_matches
                || (self.if_exists && !mistakes.if_exists_ignored)
                || self.quantifier == Some(Quantifier::All)
                || (self.operator.is_negated() && self.quantifier.is_none());
        };
        let matches = |value: &String| {
            let equal = self.values.iter().any(|wanted| self.operator.is_equal(wanted, value));
            equal != self.operator.is_negated()
        };
        match self.quantifier {
            Some(Quantifier::All) => found.iter().all(matches),
            Some(Quantifier::Any) => found.iter().any(matches),
            // Several values without a quantifier: none may equal what is forbidden, one suffices otherwise.
            None if self.operator.is_negated() => found.iter().all(matches),
            None => found.iter().any(matches),
        }
    }
}

impl Operator {
    fn is_negated(self) -> bool {
        matches!(self, Self::String { negated: true, .. } | Self::Arn { negated: true })
    }

    fn is_equal(self, wanted: &str, value: &str) -> bool {
        match self {
            Self::String { comparison: Comparison::Equal, .. } => wanted == value,
            Self::String { comparison: Comparison::EqualIgnoringCase, .. } => {
                wanted.to_lowercase() == value.to_lowercase()
            }
            Self::String { comparison: Comparison::Like, .. } => glob::matches(wanted, value, Case::Matters),
            Self::Arn { .. } => is_arn_like(wanted, value),
            Self::Bool | Self::Null => wanted.eq_ignore_ascii_case(value),
        }
    }
}

/// Each of the six parts by itself, so that a `*` does not reach over a colon.
fn is_arn_like(wanted: &str, value: &str) -> bool {
    let (wanted, value): (Vec<&str>, Vec<&str>) = (wanted.splitn(6, ':').collect(), value.splitn(6, ':').collect());
    wanted.len() == value.len()
        && wanted.iter().zip(value).all(|(wanted, value)| glob::matches(wanted, value, Case::Matters))
}

fn find(path: &str, name: &str, plain: &str) -> Result<Operator, ConfigError> {
    if let Some((_, operator)) = OPERATORS.iter().find(|(known, _)| *known == plain) {
        return Ok(*operator);
    }
    let known = OPERATORS.iter().map(|(known, _)| *known);
    if NOT_EVALUATED.iter().any(|family| plain.starts_with(family)) {
        let list = known.collect::<Vec<_>>().join(", ");
        let problem = format!("IAM has operators like `{name}`, but this mock evaluates only {list}");
        return Err(ConfigError::new(path, problem));
    }
    let problem = format!("`{name}` is not a condition operator; IAM refuses the policy as malformed");
    Err(ConfigError::unknown(path, problem, plain, known))
}

/// A text, a boolean, a number, or a list of them.
fn values(path: &str, value: &Value) -> Result<Vec<String>, ConfigError> {
    let one = |path: &str, value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        other => Err(ConfigError::new(path, format!("must be a text or a list of texts, not {}", kind_of(other)))),
    };
    let values = match value {
        Value::Array(list) => {
            list.iter().enumerate().map(|(at, value)| one(&format!("{path}[{at}]"), value)).collect::<Result<_, _>>()?
        }
        value => vec![one(path, value)?],
    };
    if values.is_empty() {
        return Err(ConfigError::new(path, "has no value to compare with"));
    }
    Ok(values)
}

fn check_values(path: &str, operator: Operator, values: &[String]) -> Result<(), ConfigError> {
    let wrong = |problem: String| Err(ConfigError::new(path, problem));
    for value in values {
        if matches!(operator, Operator::Bool | Operator::Null)
            && !["true", "false"].iter().any(|known| value.eq_ignore_ascii_case(known))
        {
            return wrong(format!("`{value}` is neither true nor false"));
        }
        if matches!(operator, Operator::Arn { .. }) && value != "*" && value.split(':').count() < 6 {
            return wrong(format!("`{value}` is not an ARN"));
        }
        if value.contains("${") {
            return wrong("has a policy variable, which this mock does not fill in".to_owned());
        }
    }
    Ok(())
}
