//! Which role a caller assumes, and what the session is called.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::defects::ProxyDefect;
use super::state::View;

/// Length that a session name may have.
const NAME_LENGTH: std::ops::RangeInclusive<usize> = 2..=64;

/// Who gets which role.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleMapping {
    /// A value that the role claim must hold.
    pub(super) claim: String,
    /// The role that it gives.
    pub(super) role_arn: String,
    /// The lowest wins; none comes last.
    #[serde(default)]
    pub(super) priority: Option<i64>,
}

/// What came of looking for a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    Arn(String),
    /// Nothing matches, and there is no fallback.
    None,
    /// The proxy fell over the claims.
    Crash,
}

/// Why there is no session name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameProblem {
    /// The claim is not there, not a text, or empty.
    Missing,
    /// STS would refuse it.
    Invalid,
}

impl View {
    /// The role of a caller: every mapping is looked at, the lowest number wins, ties go by order, then the fallback.
    pub(super) fn role(&self, claims: &Map<String, Value>) -> Role {
        let settled = &self.settled;
        let value = claims.get(&settled.role_claim);
        if self.shows(ProxyDefect::ClaimNotAListCrashes) && value.is_some_and(|value| !value.is_array()) {
            return Role::Crash;
        }
        let mut matches: Vec<&RoleMapping> =
            settled.role_mappings.iter().filter(|mapping| self.is_met(mapping, value)).collect();
        if self.shows(ProxyDefect::RoleMappingIgnored) {
            matches.clear();
        }
        if !self.shows(ProxyDefect::FirstMappingWins) {
            let unnumbered = if self.shows(ProxyDefect::MappingWithoutPriorityWins) { i64::MIN } else { i64::MAX };
            // The sort keeps the order of equals.
            matches.sort_by_key(|mapping| mapping.priority.unwrap_or(unnumbered));
        }
        let first = self.shows(ProxyDefect::NobodyMappedGetsFirstRole).then(|| settled.role_mappings.first()).flatten();
        let chosen = matches.first().map(|mapping| &mapping.role_arn);
        match chosen.or(settled.fallback_role_arn.as_ref()).or(first.map(|mapping| &mapping.role_arn)) {
            Some(arn) => Role::Arn(arn.clone()),
            None => Role::None,
        }
    }

    /// A claim that is missing or no list matches nothing.
    fn is_met(&self, mapping: &RoleMapping, value: Option<&Value>) -> bool {
        match value {
            Some(Value::Array(values)) => values.iter().any(|value| value.as_str() == Some(mapping.claim.as_str())),
            Some(Value::String(text)) if self.shows(ProxyDefect::ClaimComparedAsText) => {
                text.contains(mapping.claim.as_str())
            }
            _ => false,
        }
    }

    /// The name of a caller's session: the claim as it is.
    pub(super) fn session_name(&self, claims: &Map<String, Value>) -> Result<String, NameProblem> {
        let name = claims.get(&self.settled.session_name_claim).and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or(NameProblem::Missing)?;
        if self.shows(ProxyDefect::SessionNameFixed) {
            return Ok("remote-proxy".to_owned());
        }
        if self.shows(ProxyDefect::SessionNameSanitised) {
            let safe = |letter: char| if is_allowed(letter) { letter } else { '-' };
            return Ok(name.chars().map(safe).take(*NAME_LENGTH.end()).collect());
        }
        let is_good = NAME_LENGTH.contains(&name.len()) && name.chars().all(is_allowed);
        match is_good || self.shows(ProxyDefect::SessionNameUnchecked) {
            true => Ok(name.to_owned()),
            false => Err(NameProblem::Invalid),
        }
    }
}

fn is_allowed(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter)
}
