//! Roles as they are configured.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::arn::{self, Arn};
use super::policy::{Kind, Policy};
use crate::config::ConfigError;
use crate::duration;

/// Most roles of a configuration.
const MOST_ROLES: usize = 1000;

/// A role, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    arn: String,
    /// Who may assume it; none for nobody.
    #[serde(default)]
    trust_policy: Option<Value>,
    /// What its sessions may do; none for what everybody may.
    #[serde(default)]
    policies: Option<Vec<Value>>,
    /// Longest session: one hour to twelve.
    #[serde(default = "Written::hour", deserialize_with = "duration::deserialize")]
    max_session: Duration,
}

impl Written {
    fn hour() -> Duration {
        Duration::from_secs(3600)
    }
}

/// A role.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    pub(crate) arn: String,
    /// Who may assume it; none for nobody.
    pub(crate) trust_policy: Option<Policy>,
    /// What its sessions may do; none for what everybody may.
    pub(crate) policies: Option<Vec<Policy>>,
    pub(crate) max_session: Duration,
}

impl Role {
    /// Whether a principal is a session of this role.
    pub(crate) fn has_session(&self, principal: &str) -> bool {
        let prefix = arn::session_of(&self.arn, "");
        prefix.is_some_and(|prefix| principal.strip_prefix(&prefix).is_some_and(|name| !name.is_empty()))
    }
}

/// Reads `roles`.
pub(crate) fn read(written: &[Written]) -> Result<Vec<Role>, ConfigError> {
    if written.len() > MOST_ROLES {
        let problem = format!("has {} entries; {MOST_ROLES} are the most", written.len());
        return Err(ConfigError::new("roles", problem));
    }
    let mut roles: Vec<Role> = Vec::with_capacity(written.len());
    for (at, written) in written.iter().enumerate() {
        let path = |member: &str| format!("roles[{at}].{member}");
        let is_role = Arn::parse(&written.arn).is_some_and(|arn| {
            arn.service == "iam" && arn::is_account(arn.account) && arn.resource.starts_with("role/")
        });
        if !is_role {
            let problem =
                format!("`{}` is not the ARN of a role, such as arn:aws:iam::123456789012:role/Reader", written.arn);
            return Err(ConfigError::new(path("arn"), problem));
        }
        if roles.iter().any(|role| role.arn == written.arn) {
            return Err(ConfigError::new(path("arn"), "is there twice"));
        }
        if !(3600..=43_200).contains(&written.max_session.as_secs()) {
            return Err(ConfigError::new(path("max_session"), "IAM takes 1h to 12h"));
        }
        let trust = written.trust_policy.as_ref();
        roles.push(Role {
            arn: written.arn.clone(),
            trust_policy: trust.map(|policy| Policy::read(&path("trust_policy"), policy, Kind::Trust)).transpose()?,
            policies: written.policies.as_ref().map(|list| Policy::read_all(&path("policies"), list)).transpose()?,
            max_session: written.max_session,
        });
    }
    Ok(roles)
}
