//! Users, what their tokens are like, and what signs them.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::config::ConfigError;
use crate::duration;
use crate::idp::keys::Alg;
use crate::idp::profile::Profile;

/// Highest generation of keys: each costs the making of a key.
const LAST_GENERATION: u32 = 32;

/// Somebody who can sign in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::idp) struct User {
    /// For the login page.
    pub(in crate::idp) username: String,
    /// For the login page; made at the start if left out.
    pub(in crate::idp) password: Option<String>,
    /// `sub`; left out it follows from the name in the manner of the profile.
    pub(in crate::idp) subject: Option<String>,
    /// `name`; the user name if left out.
    pub(in crate::idp) name: Option<String>,
    /// `email`; `USERNAME@example.com` if left out.
    pub(in crate::idp) email: Option<String>,
    /// More claims of this user, in access tokens and ID tokens.
    pub(in crate::idp) claims: Map<String, Value>,
}

impl Default for User {
    fn default() -> Self {
        Self {
            username: "alice".to_owned(),
            password: None,
            subject: None,
            name: None,
            email: None,
            claims: Map::new(),
        }
    }
}

impl User {
    pub(in crate::idp) fn email(&self) -> String {
        match &self.email {
            Some(email) => email.clone(),
            None if self.username.contains('@') => self.username.clone(),
            None => format!("{}@example.com", self.username),
        }
    }
}

/// What tokens are like.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::idp) struct Tokens {
    /// Which claims they have.
    pub(in crate::idp) style: Profile,
    /// How long an access token lives.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(in crate::idp) lifetime: Duration,
    /// How long a code lives.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(in crate::idp) code_lifetime: Duration,
    /// How long a refresh token lives.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(in crate::idp) refresh_lifetime: Duration,
    /// What a refresh does to the refresh token.
    pub(in crate::idp) refresh: Refresh,
    /// Who gets a refresh token.
    pub(in crate::idp) refresh_for: RefreshFor,
    /// Whether a refresh may leave `scope` out (AADSTS90009).
    pub(in crate::idp) refresh_without_scope: Acceptance,
    /// Whether `.default` may stand beside other scopes of an application (AADSTS70011).
    pub(in crate::idp) mixed_default_scope: Acceptance,
    /// Claims to set in access tokens; null leaves one out.
    pub(in crate::idp) claims: Map<String, Value>,
    /// Claims to set in ID tokens; null leaves one out.
    pub(in crate::idp) id_claims: Map<String, Value>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            style: Profile::Plain,
            lifetime: Duration::from_secs(3600),
            code_lifetime: Duration::from_secs(60),
            refresh_lifetime: Duration::from_secs(30 * 86_400),
            refresh: Refresh::Rotate,
            refresh_for: RefreshFor::Always,
            refresh_without_scope: Acceptance::Accept,
            mixed_default_scope: Acceptance::Accept,
            claims: Map::new(),
            id_claims: Map::new(),
        }
    }
}

/// What a refresh does to the refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::idp) enum Refresh {
    /// A new one takes its place; using the old one again ends the whole family.
    Rotate,
    /// A new one is given, the old one stays good.
    Renew,
    /// It stays, and the answer has none.
    Keep,
    /// No refresh works: `invalid_grant`.
    Refuse,
}

/// Who gets a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::idp) enum RefreshFor {
    /// Every client that may refresh.
    Always,
    /// Those of them that asked for `offline_access`.
    OfflineAccess,
    /// Those of them whose authorization request said `access_type=offline`, as with Google.
    AccessType,
}

/// Whether a departure is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::idp) enum Acceptance {
    /// It is.
    Accept,
    /// It is not.
    Refuse,
}

/// What signs tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::idp) struct Keys {
    /// Algorithm of access tokens and ID tokens.
    pub(in crate::idp) alg: Alg,
    /// Number of the current keys; a higher one is a rotation.
    pub(in crate::idp) generation: u32,
    /// So many generations before the current one are still published.
    pub(in crate::idp) retired: u32,
}

impl Default for Keys {
    fn default() -> Self {
        Self { alg: Alg::RS256, generation: 1, retired: 0 }
    }
}

impl Keys {
    /// Checks the number of the generation.
    pub(super) fn check(self) -> Result<(), ConfigError> {
        match (1..=LAST_GENERATION).contains(&self.generation) {
            true => Ok(()),
            false => Err(ConfigError::new("keys.generation", format!("is not between 1 and {LAST_GENERATION}"))),
        }
    }
}
