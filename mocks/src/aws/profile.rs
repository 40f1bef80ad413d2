//! Access keys as they are configured: by the name of a profile, each with its owner.

use std::collections::HashSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::arn::Arn;
use super::policy::Policy;
use crate::config::{self, ConfigError};
use crate::duration;
use crate::sigv4::{AccessKey, KeyRing};

/// Most profiles of a configuration.
const MOST_PROFILES: usize = 1000;

/// A profile, as written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    access_key_id: String,
    secret_access_key: String,
    /// Issued with the key; none for long-term keys.
    #[serde(default)]
    session_token: Option<String>,
    /// ARN of the user or of the assumed role.
    principal: String,
    /// Lifetime from the start of the mock; none for ever.
    #[serde(default)]
    expires_in: Option<Lifetime>,
    /// What the principal may do; none for what everybody may.
    #[serde(default)]
    policies: Option<Vec<Value>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
struct Lifetime(#[serde(deserialize_with = "duration::deserialize")] Duration);

/// An access key and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) name: String,
    written: Written,
    /// What the principal may do; none for what everybody may.
    pub(crate) policies: Option<Vec<Policy>>,
}

/// A key that is made at the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Made {
    pub(crate) name: &'static str,
    pub(crate) principal: &'static str,
    /// Of the session; none for a long-term key.
    pub(crate) expires_in: Option<&'static str>,
}

/// Completes `profiles`: keys are made for those that are always there and for those that have none of their own. A profile that is
/// null is left out.
pub(crate) fn complete(members: &mut Map<String, Value>, always: &[Made]) -> Result<(), ConfigError> {
    let written = match members.shift_remove("profiles") {
        None => Map::new(),
        Some(Value::Object(written)) => written,
        Some(other) => {
            let problem = format!("must be profiles by name, not {}", config::kind_of(&other));
            return Err(ConfigError::new("profiles", problem));
        }
    };
    let mut profiles: Map<String, Value> = always.iter().map(|made| (made.name.to_owned(), made.members())).collect();
    for (name, change) in written {
        match (profiles.get_mut(&name), change) {
            (_, Value::Null) => {
                profiles.shift_remove(&name);
            }
            (Some(Value::Object(made)), Value::Object(change)) => {
                // Whoever brings a key of their own says whether there is a token.
                if change.contains_key("access_key_id") {
                    made.shift_remove("session_token");
                    made.shift_remove("expires_in");
                }
                config::merge(made, &change);
            }
            (_, Value::Object(change)) => {
                let mut made = long_term();
                config::merge(&mut made, &change);
                profiles.insert(name, Value::Object(made));
            }
            (_, other) => {
                let problem = format!("must be a profile or null, not {}", config::kind_of(&other));
                return Err(ConfigError::new(format!("profiles.{name}"), problem));
            }
        }
    }
    members.insert("profiles".to_owned(), Value::Object(profiles));
    Ok(())
}

/// Reads `profiles`.
pub(crate) fn read(profiles: &Map<String, Value>) -> Result<Vec<Profile>, ConfigError> {
    if profiles.is_empty() {
        return Err(ConfigError::new("profiles", "has nobody in it; leave at least one profile"));
    }
    if profiles.len() > MOST_PROFILES {
        let problem = format!("has {} entries; {MOST_PROFILES} are the most", profiles.len());
        return Err(ConfigError::new("profiles", problem));
    }
    let mut seen = HashSet::new();
    let mut read = Vec::with_capacity(profiles.len());
    for (name, value) in profiles {
        let at = |member: &str| match member {
            "" => format!("profiles.{name}"),
            member => format!("profiles.{name}.{member}"),
        };
        let written: Written =
            config::read(value.clone()).map_err(|error| ConfigError { path: at(&error.path), ..error })?;
        check(&written).map_err(|(member, problem)| ConfigError::new(at(member), problem))?;
        if !seen.insert(written.access_key_id.clone()) {
            return Err(ConfigError::new(at("access_key_id"), "is there twice; a key has one owner"));
        }
        let policies = match &written.policies {
            None => None,
            Some(documents) => Some(Policy::read_all(&at("policies"), documents)?),
        };
        read.push(Profile { name: name.clone(), written, policies });
    }
    Ok(read)
}

fn check(written: &Written) -> Result<(), (&'static str, &'static str)> {
    check_key(&written.access_key_id, &written.secret_access_key, written.session_token.as_deref())?;
    match Arn::parse(&written.principal) {
        Some(_) => Ok(()),
        None => Err(NO_PRINCIPAL),
    }
}

/// Member and problem of a principal that is none.
pub(crate) const NO_PRINCIPAL: (&str, &str) =
    ("principal", "must be the ARN of a user or an assumed role, such as arn:aws:iam::123456789012:user/alice");

/// Whether an access key can be one; else the member that is wrong, and why.
pub(crate) fn check_key(id: &str, secret: &str, token: Option<&str>) -> Result<(), (&'static str, &'static str)> {
    if !(16..=128).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(("access_key_id", "must be 16 to 128 letters and digits"));
    }
    if secret.is_empty() {
        return Err(("secret_access_key", "is empty"));
    }
    // It stands in a header.
    if token.is_some_and(|token| token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic())) {
        return Err(("session_token", "must be printable ASCII without blanks; leave it out for a long-term key"));
    }
    Ok(())
}

impl Profile {
    pub(crate) fn principal(&self) -> &str {
        &self.written.principal
    }

    /// The key. Its lifetime begins with the mock.
    fn key(&self, started: Duration) -> AccessKey {
        let written = &self.written;
        AccessKey {
            session_token: written.session_token.clone(),
            expires_at: written.expires_in.map(|Lifetime(lifetime)| started.saturating_add(lifetime)),
            ..AccessKey::new(&written.access_key_id, &written.secret_access_key, &written.principal)
        }
    }

    fn has_ended(&self) -> bool {
        self.written.expires_in.is_some_and(|Lifetime(lifetime)| lifetime.is_zero())
    }
}

/// The keys of all profiles; lifetimes begin when the mock is `started`.
pub(crate) fn ring(profiles: &[Profile], started: Duration) -> KeyRing {
    profiles.iter().map(|profile| profile.key(started)).collect()
}

/// What a client signs with: the first key that has not ended.
pub(crate) fn signing(profiles: &[Profile], service: &str, region: &str) -> Option<Map<String, Value>> {
    let written = &first(profiles)?.written;
    let members = json!({
        "service": service,
        "region": region,
        "access_key_id": written.access_key_id,
        "secret_access_key": written.secret_access_key,
        "session_token": written.session_token,
    });
    members.as_object().cloned()
}

/// What scenarios may use: the first key that has not ended without a prefix, and every key under the name of its profile.
pub(crate) fn vars(profiles: &[Profile]) -> Map<String, Value> {
    let mut vars = Map::new();
    let named = profiles.iter().map(|profile| (format!("{}_", profile.name.replace('-', "_")), profile));
    for (prefix, profile) in first(profiles).map(|profile| (String::new(), profile)).into_iter().chain(named) {
        let written = &profile.written;
        for (name, value) in [
            ("access_key_id", json!(written.access_key_id)),
            ("secret_access_key", json!(written.secret_access_key)),
            ("session_token", json!(written.session_token)),
            ("principal", json!(written.principal)),
            ("account", json!(super::arn::account_of(&written.principal))),
        ] {
            vars.insert(format!("{prefix}{name}"), value);
        }
    }
    vars
}

/// What must not be shown.
pub(crate) fn secrets(profiles: &[Profile]) -> Vec<String> {
    let of =
        |profile: &Profile| [Some(profile.written.secret_access_key.clone()), profile.written.session_token.clone()];
    profiles.iter().flat_map(of).flatten().collect()
}

fn first(profiles: &[Profile]) -> Option<&Profile> {
    profiles.iter().find(|profile| !profile.has_ended())
}

impl Made {
    fn members(&self) -> Value {
        let mut members = match self.expires_in {
            None => long_term(),
            Some(expires_in) => Map::from_iter([
                ("access_key_id".to_owned(), json!(format!("ASIA{}", key_id()))),
                ("secret_access_key".to_owned(), json!(secret())),
                ("session_token".to_owned(), json!(format!("{}{}", secret(), secret()))),
                ("expires_in".to_owned(), json!(expires_in)),
            ]),
        };
        members.insert("principal".to_owned(), json!(self.principal));
        Value::Object(members)
    }
}

fn long_term() -> Map<String, Value> {
    Map::from_iter([
        ("access_key_id".to_owned(), json!(format!("AKIA{}", key_id()))),
        ("secret_access_key".to_owned(), json!(secret())),
    ])
}

/// 16 random capital letters and digits.
pub(crate) fn key_id() -> String {
    uuid::Uuid::new_v4().simple().to_string().to_uppercase().chars().take(16).collect()
}

/// 40 random characters of base64.
pub(crate) fn secret() -> String {
    let (left, right) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let bytes: Vec<u8> = left.as_bytes().iter().chain(right.as_bytes()).copied().take(30).collect();
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALWAYS: &[Made] = &[
        Made { name: "dev", principal: "arn:aws:iam::111111111111:user/dev", expires_in: None },
        Made { name: "staging", principal: "arn:aws:sts::333333333333:assumed-role/Staging/s", expires_in: Some("1h") },
    ];

    fn profiles(written: Value) -> Result<Vec<Profile>, ConfigError> {
        let mut members = Map::from_iter([("profiles".to_owned(), written)]);
        complete(&mut members, ALWAYS)?;
        read(members["profiles"].as_object().expect("profiles"))
    }

    #[test]
    fn what_is_not_written_is_made() {
        let read = profiles(json!({ "ci": { "principal": "arn:aws:iam::444444444444:user/ci" }, "staging": null }));
        let read = read.expect("profiles");
        assert_eq!(read.iter().map(|profile| profile.name.as_str()).collect::<Vec<_>>(), ["dev", "ci"]);
        let vars = vars(&read);
        assert_eq!(vars["access_key_id"], vars["dev_access_key_id"]);
        assert_eq!((&vars["ci_account"], &vars["ci_session_token"]), (&json!("444444444444"), &Value::Null));
        assert_eq!(secrets(&read).len(), 2);
        let own = profiles(json!({ "staging": { "access_key_id": "AKIAFAKE000000000001", "secret_access_key": "x" } }));
        assert_eq!(own.expect("profiles")[1].written.session_token, None);
    }

    #[test]
    fn mistakes_name_their_place() {
        for (written, path) in [
            (json!([]), "profiles"),
            (json!({ "dev": null, "staging": null }), "profiles"),
            (json!({ "dev": 7 }), "profiles.dev"),
            (json!({ "dev": { "secret": "x" } }), "profiles.dev.secret"),
            (json!({ "dev": { "access_key_id": "short" } }), "profiles.dev.access_key_id"),
            (json!({ "dev": { "secret_access_key": "" } }), "profiles.dev.secret_access_key"),
            (json!({ "dev": { "session_token": "a b" } }), "profiles.dev.session_token"),
            (json!({ "ci": {} }), "profiles.ci"),
            (json!({ "dev": { "principal": "dev" } }), "profiles.dev.principal"),
            (json!({ "dev": { "expires_in": "soon" } }), "profiles.dev.expires_in"),
            (
                json!({ "dev": { "access_key_id": "AKIAFAKE000000000001" },
                    "ci": { "access_key_id": "AKIAFAKE000000000001", "principal": "arn:aws:iam::1:user/ci" } }),
                "profiles.ci.access_key_id",
            ),
        ] {
            assert_eq!(profiles(written.clone()).expect_err("a mistake").path, path, "{written}");
        }
    }
}
