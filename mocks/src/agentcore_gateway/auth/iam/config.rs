//! Settings of the `iam` authorizer.

use std::collections::HashSet;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::agentcore_gateway::config::{AuthorizerKind, Config};
use crate::aws::arn;
use crate::aws::profile::{NO_PRINCIPAL, check_key, key_id, secret};
use crate::config::ConfigError;
use crate::duration;
use crate::sigv4::{AccessKey, Caller, KeyRing, Rules};

/// Service in the credential scope.
const SERVICE: &str = "bedrock-agentcore";

/// Most access keys that a configuration may have.
const MOST_KEYS: usize = 1000;

/// An access key of the `iam` authorizer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::agentcore_gateway) struct AccessKeyConfig {
    access_key_id: String,
    secret_access_key: String,
    /// Issued with the key; none for long-term keys.
    #[serde(default)]
    session_token: Option<String>,
    /// ARN of the user or of the assumed role.
    principal: String,
    /// Lifetime from the start of the mock; none for ever.
    #[serde(default, deserialize_with = "duration::deserialize_option")]
    expires_in: Option<Duration>,
    /// Whether its policies allow it to call this gateway.
    #[serde(default = "yes")]
    may_invoke: bool,
}

fn yes() -> bool {
    true
}

/// How a refusal by the `iam` authorizer is told. Nobody has shown it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::agentcore_gateway) enum RefusalForm {
    /// As a JSON-RPC error.
    JsonRpc,
    /// As `{"message": …}` with `x-amzn-ErrorType`, as other AWS services have it.
    Message,
}

/// Settings of the `iam` authorizer, checked.
#[derive(Debug, Clone)]
pub(in crate::agentcore_gateway) struct IamRules {
    pub(super) rules: Rules,
    keys: Vec<AccessKeyConfig>,
    /// ARN of the gateway.
    pub(in crate::agentcore_gateway) gateway_arn: String,
}

impl IamRules {
    /// Reads the members of the authorizer; none if it is another, whose members they contradict.
    pub(in crate::agentcore_gateway) fn settle(config: &Config) -> Result<Option<Self>, ConfigError> {
        if config.authorizer != AuthorizerKind::Iam {
            return match of_iam(config).into_iter().find(|(_, is_set)| *is_set) {
                Some((member, _)) => {
                    Err(ConfigError::new(member, "belongs to `authorizer: iam`; set that, or leave this out"))
                }
                None => Ok(None),
            };
        }
        let foreign = [
            ("tokens", config.tokens.is_some()),
            ("allowed_scopes", config.allowed_scopes.is_some()),
            ("required_scopes", !config.required_scopes.is_empty()),
        ];
        if let Some((member, _)) = foreign.into_iter().find(|(_, is_set)| *is_set) {
            return Err(ConfigError::new(member, "belongs to bearer tokens; `authorizer: iam` has none"));
        }
        let keys = config.access_keys.clone().unwrap_or_default();
        check_keys(&keys)?;
        let region = config.region.clone().unwrap_or_else(|| "us-east-1".to_owned());
        let account = config.account.as_deref().unwrap_or(ACCOUNT);
        let id = config.gateway_id.as_deref().unwrap_or("gateway-demo");
        let gateway_arn = format!("arn:aws:bedrock-agentcore:{region}:{account}:gateway/{id}");
        let mut rules = Rules::new(SERVICE, region);
        if let Some(skew) = config.clock_skew {
            rules.clock_skew = skew;
        }
        Ok(Some(Self { rules, keys, gateway_arn }))
    }

    /// The keys; their lifetimes begin with the mock.
    pub(super) fn ring(&self, started: Duration) -> KeyRing {
        let key = |key: &AccessKeyConfig| AccessKey {
            session_token: key.session_token.clone(),
            expires_at: key.expires_in.map(|lifetime| started.saturating_add(lifetime)),
            ..AccessKey::new(&key.access_key_id, &key.secret_access_key, &key.principal)
        };
        self.keys.iter().map(key).collect()
    }

    /// Whether the policies of a caller allow the call: those in the list say so, and the roles of the gateway's account may.
    pub(super) fn allows(&self, caller: &Caller) -> bool {
        match self.keys.iter().find(|key| key.access_key_id == caller.access_key_id) {
            Some(key) => key.may_invoke,
            None => arn::account_of(&caller.principal) == arn::account_of(&self.gateway_arn),
        }
    }

    /// What a client signs with.
    pub(in crate::agentcore_gateway) fn signing(&self) -> Option<Map<String, Value>> {
        let key = self.keys.iter().find(|key| key.is_good())?;
        let members = json!({
            "service": self.rules.service,
            "region": self.rules.region,
            "access_key_id": key.access_key_id,
            "secret_access_key": key.secret_access_key,
            "session_token": key.session_token,
        });
        members.as_object().cloned()
    }

    /// What scenarios may use: a good key, another caller's, one that has ended, and one that may not call.
    pub(in crate::agentcore_gateway) fn vars(&self) -> Map<String, Value> {
        let good = self.keys.iter().find(|key| key.is_good());
        let other =
            self.keys.iter().find(|key| key.is_good() && good.is_some_and(|good| good.principal != key.principal));
        let expired = self.keys.iter().find(|key| key.has_ended());
        let denied = self.keys.iter().find(|key| !key.may_invoke);
        let mut vars = Map::new();
        for (prefix, key) in [("", good), ("other_", other), ("expired_", expired), ("denied_", denied)] {
            let Some(key) = key else { continue };
            for (name, value) in [
                ("access_key_id", json!(key.access_key_id)),
                ("secret_access_key", json!(key.secret_access_key)),
                ("session_token", json!(key.session_token)),
                ("principal", json!(key.principal)),
            ] {
                vars.insert(format!("{prefix}{name}"), value);
            }
        }
        vars.insert("service".to_owned(), json!(self.rules.service));
        vars.insert("region".to_owned(), json!(self.rules.region));
        vars.insert("gateway_arn".to_owned(), json!(self.gateway_arn));
        vars
    }

    /// What must not be shown.
    pub(in crate::agentcore_gateway) fn secrets(&self) -> Vec<String> {
        self.keys
            .iter()
            .flat_map(|key| [Some(key.secret_access_key.clone()), key.session_token.clone()])
            .flatten()
            .collect()
    }
}

const ACCOUNT: &str = "123456789012";

/// Puts access keys into a configuration that needs some and has none: of a session, long-term, of a session that is over, and of
/// a principal that may not call.
pub(in crate::agentcore_gateway) fn make_keys(members: &mut Map<String, Value>) {
    if members.get("authorizer").and_then(Value::as_str) != Some("iam") || members.contains_key("access_keys") {
        return;
    }
    let account = members.get("account").and_then(Value::as_str).unwrap_or(ACCOUNT).to_owned();
    let of_session = |role: &str, expires_in: &str| {
        json!({
            "access_key_id": format!("ASIA{}", key_id()),
            "secret_access_key": secret(),
            "session_token": format!("{}{}", secret(), secret()),
            "principal": format!("arn:aws:sts::{account}:assumed-role/{role}/session"),
            "expires_in": expires_in,
        })
    };
    let long_term = |user: &str, may_invoke: bool| {
        json!({
            "access_key_id": format!("AKIA{}", key_id()),
            "secret_access_key": secret(),
            "principal": format!("arn:aws:iam::{account}:user/{user}"),
            "may_invoke": may_invoke,
        })
    };
    let keys =
        [of_session("Caller", "1h"), long_term("bob", true), of_session("Caller", "0s"), long_term("mallory", false)];
    members.insert("access_keys".to_owned(), json!(keys));
}

impl AccessKeyConfig {
    fn has_ended(&self) -> bool {
        self.expires_in.is_some_and(|lifetime| lifetime.is_zero())
    }

    fn is_good(&self) -> bool {
        self.may_invoke && !self.has_ended()
    }
}

fn check_keys(keys: &[AccessKeyConfig]) -> Result<(), ConfigError> {
    if keys.is_empty() {
        return Err(ConfigError::new(
            "access_keys",
            "is empty; name at least one, or leave it out to have some made at the start",
        ));
    }
    if keys.len() > MOST_KEYS {
        return Err(ConfigError::new("access_keys", format!("has {} entries; {MOST_KEYS} are the most", keys.len())));
    }
    let mut seen = HashSet::new();
    for (index, key) in keys.iter().enumerate() {
        let wrong =
            |(member, problem): (&str, &str)| ConfigError::new(format!("access_keys[{index}].{member}"), problem);
        let id = &key.access_key_id;
        check_key(id, &key.secret_access_key, key.session_token.as_deref()).map_err(wrong)?;
        if !seen.insert(id) {
            return Err(wrong(("access_key_id", "is there twice; a key has one owner")));
        }
        if !key.principal.starts_with("arn:") {
            return Err(wrong(NO_PRINCIPAL));
        }
    }
    Ok(())
}

fn of_iam(config: &Config) -> [(&'static str, bool); 6] {
    [
        ("access_keys", config.access_keys.is_some()),
        ("region", config.region.is_some()),
        ("account", config.account.is_some()),
        ("gateway_id", config.gateway_id.is_some()),
        ("clock_skew", config.clock_skew.is_some()),
        ("iam_refusal", config.iam_refusal.is_some()),
    ]
}
