//! Access keys and whose they are.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

/// An access key.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// `AKIA…` for long-term keys, `ASIA…` for those of a session.
    pub access_key_id: String,
    /// What signatures are made with.
    pub secret_access_key: String,
    /// The token that was issued with the key, which every request then carries; none for long-term keys.
    pub session_token: Option<String>,
    /// ARN of the user or of the assumed role.
    pub principal: String,
    /// When it ends, since the Unix epoch; none for never.
    pub expires_at: Option<Duration>,
}

impl AccessKey {
    /// A long-term key.
    pub fn new(
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
        principal: impl Into<String>,
    ) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
            principal: principal.into(),
            expires_at: None,
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller { access_key_id: self.access_key_id.clone(), principal: self.principal.clone() }
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("access_key_id", &self.access_key_id)
            .field("principal", &self.principal)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Whose key a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The key.
    pub access_key_id: String,
    /// ARN of the user or of the assumed role.
    pub principal: String,
}

/// Where a service looks keys up.
pub trait Keys {
    /// The key with this id. The session token that the request carries may be needed to know a key; whether it is the one that was issued
    /// with the key is not judged here.
    fn find(&self, access_key_id: &str, session_token: Option<&str>) -> Option<Cow<'_, AccessKey>>;
}

impl Keys for KeyRing {
    fn find(&self, access_key_id: &str, _session_token: Option<&str>) -> Option<Cow<'_, AccessKey>> {
        self.get(access_key_id).map(Cow::Borrowed)
    }
}

/// The keys that a service knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRing(HashMap<String, AccessKey>);

impl KeyRing {
    /// Adds a key; one with the same id is replaced.
    pub fn insert(&mut self, key: AccessKey) {
        self.0.insert(key.access_key_id.clone(), key);
    }

    /// The key with this id.
    #[must_use]
    pub fn get(&self, access_key_id: &str) -> Option<&AccessKey> {
        self.0.get(access_key_id)
    }
}

impl FromIterator<AccessKey> for KeyRing {
    fn from_iter<I: IntoIterator<Item = AccessKey>>(keys: I) -> Self {
        let mut ring = Self::default();
        keys.into_iter().for_each(|key| ring.insert(key));
        ring
    }
}
