//! What the STS mock knows.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use crate::aws::arn;
use crate::aws::policy::Policy;
use crate::aws::profile::{self, Made, Profile};
use crate::aws::role::{self, Role};
use crate::aws::scope;
use crate::config::{self, ConfigError};
use crate::duration;
use crate::sigv4::Rules;

/// Account of the roles that are there unless the configuration names others.
const ACCOUNT: &str = "123456789012";

/// What the role `Partner` asks for.
pub(super) const EXTERNAL_ID: &str = "fake-external-id";

/// What tokens are for unless the configuration says otherwise: STS itself, and clients that the mocked provider knows.
const AUDIENCES: [&str; 3] = ["sts.amazonaws.com", "gauntlet-public", "gauntlet-service"];

/// Profiles that are there unless the configuration takes them away.
const PROFILES: &[Made] = &[
    Made { name: "alice", principal: "arn:aws:iam::123456789012:user/alice", expires_in: None },
    Made { name: "partner", principal: "arn:aws:iam::999999999999:user/partner", expires_in: None },
    Made { name: "mallory", principal: "arn:aws:iam::123456789012:user/mallory", expires_in: None },
    Made {
        name: "expired",
        principal: "arn:aws:sts::123456789012:assumed-role/Operator/old-session",
        expires_in: Some("0s"),
    },
];

/// Most identity providers.
const MOST_PROVIDERS: usize = 100;

/// Configuration, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Config {
    /// Account of the default roles and providers.
    account: String,
    /// Region that requests are signed for.
    region: String,
    #[serde(deserialize_with = "duration::deserialize")]
    clock_skew: Duration,
    /// Access keys and whose they are.
    profiles: Map<String, Value>,
    /// What everybody may do who has no policies of their own; not given, everything.
    policies: Option<Vec<Value>>,
    /// A registered identity provider; short for `providers` with one entry.
    issuer: Option<String>,
    /// Of that provider: the audiences whose tokens are taken.
    audiences: Option<Vec<String>>,
    /// Registered identity providers.
    providers: Option<Vec<WrittenProvider>>,
    /// Roles; not given, there are three.
    roles: Option<Vec<role::Written>>,
    /// Whether STS is switched off in this region.
    pub(super) region_disabled: bool,
    /// Whether the identity provider rejects every token.
    pub(super) idp_rejects: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenProvider {
    issuer: String,
    audiences: Vec<String>,
}

/// A registered identity provider.
#[derive(Debug, Clone)]
pub(super) struct Provider {
    pub(super) issuer: String,
    /// The issuer without its scheme: the name in ARNs and condition keys.
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) audiences: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            account: ACCOUNT.to_owned(),
            region: "us-east-1".to_owned(),
            clock_skew: Duration::from_secs(15 * 60),
            profiles: Map::new(),
            policies: None,
            issuer: None,
            audiences: None,
            providers: None,
            roles: None,
            region_disabled: false,
            idp_rejects: false,
        }
    }
}

/// A configuration that has been checked.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    pub(super) config: Config,
    pub(super) rules: Rules,
    pub(super) profiles: Vec<Profile>,
    /// What everybody may do who has no policies of their own.
    pub(super) policies: Vec<Policy>,
    pub(super) providers: Vec<Provider>,
    pub(super) roles: Vec<Role>,
}

/// Puts in the keys that are made at the start, so that they stay when the configuration changes.
pub(super) fn complete(members: &mut Map<String, Value>) -> Result<(), ConfigError> {
    profile::complete(members, PROFILES)?;
    // A user whose policies forbid everything; what is allowed in spite of that is always allowed.
    let denied =
        json!([{ "Version": "2012-10-17", "Statement": { "Effect": "Deny", "Action": "*", "Resource": "*" } }]);
    if let Some(mallory) = members.get_mut("profiles").and_then(|profiles| profiles.get_mut("mallory"))
        && mallory.get("policies").is_none()
    {
        mallory["policies"] = denied;
    }
    Ok(())
}

impl Settled {
    /// Reads and checks a completed configuration.
    pub(super) fn read(members: &Map<String, Value>) -> Result<Self, ConfigError> {
        let config: Config = config::read(Value::Object(members.clone()))?;
        if !arn::is_account(&config.account) {
            return Err(ConfigError::new("account", format!("`{}` is no account: twelve digits", config.account)));
        }
        scope::check("region", &config.region)?;
        let providers = read_providers(&config)?;
        let roles = match &config.roles {
            Some(written) => role::read(written)?,
            None => role::read(&default_roles(&config.account, &providers)?)?,
        };
        let policies = Policy::read_of_everybody(config.policies.as_deref())?;
        Ok(Self {
            rules: Rules { clock_skew: config.clock_skew, ..Rules::new("sts", &config.region) },
            profiles: profile::read(&config.profiles)?,
            policies,
            providers,
            roles,
            config,
        })
    }

    pub(super) fn account(&self) -> &str {
        &self.config.account
    }
}

fn read_providers(config: &Config) -> Result<Vec<Provider>, ConfigError> {
    let written = match (&config.issuer, &config.providers) {
        (Some(_), Some(_)) => {
            return Err(ConfigError::new("issuer", "is short for `providers`; write one of the two"));
        }
        (Some(issuer), None) => {
            let audiences = || AUDIENCES.map(str::to_owned).to_vec();
            let audiences = config.audiences.clone().unwrap_or_else(audiences);
            vec![("issuer".to_owned(), WrittenProvider { issuer: issuer.clone(), audiences })]
        }
        (None, _) if config.audiences.is_some() => {
            return Err(ConfigError::new("audiences", "belongs to `issuer`, which is not there"));
        }
        (None, None) => Vec::new(),
        (None, Some(list)) => {
            let path = |at| format!("providers[{at}].issuer");
            list.iter().enumerate().map(|(at, provider)| (path(at), provider.clone())).collect()
        }
    };
    if written.len() > MOST_PROVIDERS {
        let problem = format!("has {} entries; {MOST_PROVIDERS} are the most", written.len());
        return Err(ConfigError::new("providers", problem));
    }
    let mut providers: Vec<Provider> = Vec::with_capacity(written.len());
    for (path, WrittenProvider { issuer, audiences }) in written {
        let is_address = issuer.parse::<Url>().is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        let Some((_, name)) = issuer.split_once("://").filter(|_| is_address) else {
            return Err(ConfigError::new(path, format!("`{}` is no http(s) address", issuer.escape_debug())));
        };
        let name = name.trim_end_matches('/').to_owned();
        if providers.iter().any(|known| known.issuer == issuer) {
            return Err(ConfigError::new(path, "is there twice"));
        }
        let arn = format!("arn:aws:iam::{}:oidc-provider/{name}", config.account);
        providers.push(Provider { name, arn, audiences, issuer });
    }
    Ok(providers)
}

/// A role for whoever the first identity provider speaks for, one for everybody in the account, and one for a partner.
fn default_roles(account: &str, providers: &[Provider]) -> Result<Vec<role::Written>, ConfigError> {
    let allow = |action: &str, principal: Value, condition: Value| {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Principal": principal, "Action": action, "Condition": condition },
        ] })
    };
    let of_account = json!({ "AWS": format!("arn:aws:iam::{account}:root") });
    let mut operator = allow("sts:AssumeRole", of_account, json!({}));
    if let Some(statement) = operator.pointer_mut("/Statement/0").and_then(Value::as_object_mut) {
        statement.shift_remove("Condition");
    }
    let of_partner = json!({ "AWS": "arn:aws:iam::999999999999:root" });
    let external_id = json!({ "StringEquals": { "sts:ExternalId": EXTERNAL_ID } });
    let mut roles = vec![
        json!({ "arn": arn::role(account, "Operator"), "trust_policy": operator, "max_session": "2h" }),
        json!({ "arn": arn::role(account, "Partner"), "trust_policy": allow("sts:AssumeRole", of_partner, external_id) }),
    ];
    if let Some(provider) = providers.first() {
        let audience = json!({ "StringEquals": { format!("{}:aud", provider.name): provider.audiences } });
        let trust = allow("sts:AssumeRoleWithWebIdentity", json!({ "Federated": provider.arn }), audience);
        roles.insert(0, json!({ "arn": arn::role(account, "Developer"), "trust_policy": trust, "max_session": "2h" }));
    }
    config::read(Value::Array(roles))
}
