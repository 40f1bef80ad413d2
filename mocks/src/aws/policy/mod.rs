//! IAM policies: read strictly, evaluated as AWS evaluates them.
//!
//! Source: AWS Identity and Access Management user guide, "Policy evaluation logic", "IAM JSON policy elements".

mod condition;
mod document;
mod glob;
mod principal;

use std::collections::BTreeMap;

use self::condition::Condition;
pub(crate) use self::document::Kind;
pub(crate) use self::principal::Caller;
use self::principal::Principals;

/// A policy document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    effect: Effect,
    /// Of trust policies alone.
    principals: Option<Principals>,
    actions: Patterns,
    /// None in trust policies, which speak of their role.
    resources: Option<Patterns>,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Patterns {
    negated: bool,
    patterns: Vec<String>,
}

/// What comes of holding a request against policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// A statement allows it, and none denies it.
    Allow,
    /// A statement denies it.
    ExplicitDeny,
    /// No statement speaks of it.
    ImplicitDeny,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access<'a> {
    pub(crate) caller: Caller<'a>,
    /// `s3:GetObject`.
    pub(crate) action: &'a str,
    /// An ARN, or `*`.
    pub(crate) resource: &'a str,
    pub(crate) context: &'a Context,
}

/// Condition keys of a request, each with its values. Names have no case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// Gives a key one value.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<String>) {
        self.set_all(key, vec![value.into()]);
    }

    /// Gives a key several values.
    pub(crate) fn set_all(&mut self, key: &str, values: Vec<String>) {
        self.0.insert(key.to_ascii_lowercase(), values);
    }

    /// Takes a key away.
    pub(crate) fn remove(&mut self, key: &str) {
        self.0.remove(&key.to_ascii_lowercase());
    }

    fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }
}

/// Mistakes that evaluators make, for mocks with a defect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mistakes {
    /// A statement that allows wins over one that denies.
    pub(crate) allow_wins: bool,
    /// What no statement speaks of is allowed.
    pub(crate) implicit_allow: bool,
    /// `…IfExists` is read without it.
    pub(crate) if_exists_ignored: bool,
    /// A condition on a key that is not there is met.
    pub(crate) missing_key_matches: bool,
    /// `Null` asks the opposite.
    pub(crate) null_inverted: bool,
    /// `NotAction` and `NotResource` are read without their `Not`.
    pub(crate) not_ignored: bool,
    /// `*` and `?` stand for themselves.
    pub(crate) wildcards_literal: bool,
    /// Conditions are not looked at.
    pub(crate) conditions_ignored: bool,
}

/// Holds a request against all policies that apply to it.
pub(crate) fn evaluate<'p>(
    policies: impl IntoIterator<Item = &'p Policy>,
    access: &Access<'_>,
    mistakes: Mistakes,
) -> Decision {
    let (mut allows, mut denies) = (false, false);
    for statement in policies.into_iter().flat_map(|policy| &policy.statements) {
        if statement.applies(access, mistakes) {
            match statement.effect {
                Effect::Allow => allows = true,
                Effect::Deny => denies = true,
            }
        }
    }
    match (denies, allows) {
        (true, true) if mistakes.allow_wins => Decision::Allow,
        (true, _) => Decision::ExplicitDeny,
        (false, true) => Decision::Allow,
        (false, false) if mistakes.implicit_allow => Decision::Allow,
        (false, false) => Decision::ImplicitDeny,
    }
}

impl Statement {
    fn applies(&self, access: &Access<'_>, mistakes: Mistakes) -> bool {
        self.principals.as_ref().is_none_or(|principals| principals.include(&access.caller))
            && self.actions.include(access.action, Case::Ignored, mistakes)
            && self
                .resources
                .as_ref()
                .is_none_or(|resources| resources.include(access.resource, Case::Matters, mistakes))
            && (mistakes.conditions_ignored
                || self.conditions.iter().all(|condition| condition.is_met(access.context, mistakes)))
    }
}

/// Whether `A` and `a` are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Matters,
    Ignored,
}

impl Patterns {
    fn include(&self, text: &str, case: Case, mistakes: Mistakes) -> bool {
        let matches = |pattern: &String| match mistakes.wildcards_literal {
            // The whole of everything is still everything.
            true => pattern == "*" || pattern == text,
            false => glob::matches(pattern, text, case),
        };
        let included = self.patterns.iter().any(matches);
        included != (self.negated && !mistakes.not_ignored)
    }
}

#[cfg(test)]
mod tests;
