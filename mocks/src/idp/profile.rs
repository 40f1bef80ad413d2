//! Whose habits the provider has: defaults of the other members of its configuration.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A provider to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Profile {
    /// A provider that follows the specifications.
    #[default]
    Plain,
    /// An Amazon Cognito user pool.
    Cognito,
    /// An Okta custom authorization server.
    Okta,
    /// Microsoft Entra ID, v2.0 endpoints.
    Entra,
}

/// Tenant of the `entra` profile.
pub(super) const ENTRA_TENANT: &str = "5f0d5a0e-7d1c-4c39-9a53-6a1d8f2b7e10";

impl Profile {
    /// The profile that a configuration names; the default if it names none, or none that exists.
    pub(super) fn of(members: &Map<String, Value>) -> Self {
        members.get("profile").and_then(|name| Self::deserialize(name).ok()).unwrap_or_default()
    }

    /// What the profile sets, over the defaults of `plain`.
    pub(super) fn members(self) -> Map<String, Value> {
        let members = match self {
            Self::Plain => json!({}),
            Self::Cognito => json!({
                "path": "/us-east-1_Gauntlet1",
                "endpoints_path": "/oauth2",
                "endpoints_origin": "other",
                "metadata_forms": ["openid"],
                "advertise_pkce": false,
                "iss": false,
                "pkce": "optional",
                "registration": false,
                "cimd": false,
                "scopes": ["openid", "gateway/invoke"],
                "default_scopes": ["openid", "gateway/invoke"],
                "without_scope": "dead-code",
                "resource_parameter": "ignore",
                "tokens": { "style": "cognito", "refresh": "keep" },
            }),
            Self::Okta => json!({
                "path": "/oauth2/default",
                "endpoints_path": "/oauth2/default/v1",
                "metadata_forms": ["openid"],
                "iss": false,
                "pkce": "optional",
                "state": "required",
                "registration": false,
                "cimd": false,
                "audience": "api://default",
                "resource_parameter": "ignore",
                "tokens": { "style": "okta", "refresh_for": "offline-access" },
            }),
            Self::Entra => json!({
                "path": format!("/{ENTRA_TENANT}/v2.0"),
                "endpoints_path": format!("/{ENTRA_TENANT}/oauth2/v2.0"),
                "metadata_forms": ["openid"],
                "advertise_pkce": false,
                "iss": false,
                "pkce": "optional",
                "registration": false,
                "cimd": false,
                "audience": "api://gateway",
                "scopes": ["openid", "profile", "email", "offline_access", "api://gateway/invoke", "api://gateway/.default"],
                "default_scopes": ["openid", "api://gateway/invoke"],
                "resource_parameter": "match-scope",
                "tokens": {
                    "style": "entra",
                    "refresh": "renew",
                    "refresh_for": "offline-access",
                    "refresh_without_scope": "refuse",
                    "mixed_default_scope": "refuse",
                },
            }),
        };
        match members {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }
}
