//! Who is meant by a trust policy.

use serde_json::Value;

use super::super::arn::{self, Arn};
use crate::config::{ConfigError, kind_of};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller<'a> {
    /// A user or a session of a role, by its ARN.
    Aws(&'a str),
    /// The same, if nobody but the principal itself or its role is meant: neither its account nor everybody.
    Named(&'a str),
    /// Somebody whom an identity provider speaks for; the ARN of the provider.
    Federated(&'a str),
}

/// `Principal` or `NotPrincipal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principals {
    negated: bool,
    named: Vec<Named>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    Everybody,
    /// An account: its number, or the ARN of its root.
    Account(String),
    /// A user, a role, or a session of one.
    Aws(String),
    Federated(String),
    /// A service of AWS, which never asks here.
    Service,
}

impl Principals {
    /// Reads the value of the element.
    pub(super) fn read(path: &str, value: &Value, negated: bool) -> Result<Self, ConfigError> {
        let named = match value {
            Value::String(text) if text == "*" => vec![Named::Everybody],
            Value::Object(kinds) if !kinds.is_empty() => {
                let mut named = Vec::new();
                for (kind, value) in kinds {
                    let path = format!("{path}.{kind}");
                    let list = match value {
                        Value::Array(list) if !list.is_empty() => list.as_slice(),
                        value => std::slice::from_ref(value),
                    };
                    for value in list {
                        named.push(read_one(&path, kind, value)?);
                    }
                }
                named
            }
            other => {
                let problem = format!("must be \"*\" or a mapping such as AWS: <ARN>, not {}", kind_of(other));
                return Err(ConfigError::new(path, problem));
            }
        };
        Ok(Self { negated, named })
    }

    pub(super) fn include(&self, caller: &Caller<'_>) -> bool {
        self.named.iter().any(|named| named.is(caller)) != self.negated
    }
}

fn read_one(path: &str, kind: &str, value: &Value) -> Result<Named, ConfigError> {
    let Value::String(text) = value else {
        let problem = format!("must be a text or a list of texts, not {}", kind_of(value));
        return Err(ConfigError::new(path, problem));
    };
    match kind {
        "AWS" if text == "*" => Ok(Named::Everybody),
        "AWS" if arn::is_account(text) => Ok(Named::Account(text.clone())),
        "AWS" => match Arn::parse(text) {
            Some(arn) if arn.service == "iam" && arn.resource == "root" => Ok(Named::Account(arn.account.to_owned())),
            Some(_) if text.contains(['*', '?']) => {
                Err(ConfigError::new(path, format!("`{text}`: IAM takes no wildcards inside a principal")))
            }
            Some(_) => Ok(Named::Aws(text.clone())),
            None => Err(ConfigError::new(path, format!("`{text}` is neither an account nor the ARN of a principal"))),
        },
        "Federated" => Ok(Named::Federated(text.clone())),
        "Service" => Ok(Named::Service),
        other => {
            let known = ["AWS", "Federated", "Service"];
            let problem = format!("`{other}` is not a kind of principal; there are {}", known.join(", "));
            Err(ConfigError::unknown(path, problem, other, known))
        }
    }
}

impl Named {
    fn is(&self, caller: &Caller<'_>) -> bool {
        match (self, caller) {
            (Self::Everybody, Caller::Aws(_) | Caller::Federated(_)) => true,
            (Self::Account(account), Caller::Aws(principal)) => arn::account_of(principal) == account,
            // A role stands for each of its sessions.
            (Self::Aws(named), Caller::Aws(principal) | Caller::Named(principal)) => {
                named == principal || *named == arn::owner_of(principal)
            }
            (Self::Federated(named), Caller::Federated(provider)) => named == provider,
            _ => false,
        }
    }
}
