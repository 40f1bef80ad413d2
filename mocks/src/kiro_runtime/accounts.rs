//! Kinds of accounts, and one built-in account of each.

use std::time::Duration;

use serde::Deserialize;

use crate::config::ConfigError;
use crate::duration;

/// How long an access token lives unless the configuration says otherwise.
pub(super) const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);

/// An ARN that belongs to no account here.
pub(super) const FOREIGN_ARN: &str = "arn:aws:codewhisperer:us-east-1:999999999999:profile/ZZZZFAKEOTHER";
/// What clients put where a Builder ID account has no profile.
pub(crate) const PLACEHOLDER_ARN: &str = "arn:aws:codewhisperer:us-east-1:638616132270:profile/AAAACCCCXXXX";
/// A well-formed token that was never issued.
pub(super) const UNKNOWN_TOKEN: &str = "aoaAAAAAGfakeUnknownAccessToken00000000000000000000:MGUCMQFAKEUNKNOWN";

/// How an account signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AccountKind {
    /// Kiro Desktop, with a Google or GitHub sign-in.
    Desktop,
    /// IAM Identity Center.
    IdentityCenter,
    /// AWS Builder ID.
    BuilderId,
    /// An API key.
    ApiKey,
    /// An identity provider of the customer's own.
    ExternalIdp,
}

impl AccountKind {
    pub(super) const ALL: [Self; 5] =
        [Self::IdentityCenter, Self::Desktop, Self::BuilderId, Self::ApiKey, Self::ExternalIdp];

    /// As in the configuration.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::IdentityCenter => "identity-center",
            Self::BuilderId => "builder-id",
            Self::ApiKey => "api-key",
            Self::ExternalIdp => "external-idp",
        }
    }

    /// Value of the `tokentype` header that a client of this kind sends.
    pub(crate) fn token_type(self) -> Option<&'static str> {
        match self {
            Self::ApiKey => Some("API_KEY"),
            Self::ExternalIdp => Some("EXTERNAL_IDP"),
            _ => None,
        }
    }

    /// Its tokens come from the OIDC `/token` endpoint in camelCase.
    pub(super) fn uses_aws_oidc(self) -> bool {
        matches!(self, Self::IdentityCenter | Self::BuilderId)
    }
}

/// An account, as configured. What is left out comes from the built-in account of its kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountConfig {
    kind: AccountKind,
    token: Option<String>,
    profile: Option<String>,
    profiles: Option<Vec<String>>,
    refresh_token: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    #[serde(default, deserialize_with = "duration::deserialize_option")]
    expires_in: Option<Duration>,
    #[serde(default)]
    locked: bool,
    authorized: Option<bool>,
    user_id: Option<String>,
}

/// An account with everything settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) kind: AccountKind,
    /// The access token, or the API key.
    pub(crate) token: String,
    /// An access token of this account whose time is over.
    pub(crate) expired_token: String,
    /// Profiles that it may use.
    pub(crate) profiles: Vec<String>,
    pub(crate) refresh_token: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<String>,
    /// Lifetime of `token`, counted from the start of the mock.
    pub(crate) expires_in: Duration,
    /// Locked as a security precaution.
    pub(crate) locked: bool,
    /// Its token has the scopes that a search needs.
    pub(crate) authorized: bool,
    pub(crate) user_id: String,
}

impl Account {
    /// The built-in account of a kind. Its values have the form of real ones and say that they are not.
    pub(crate) fn built_in(kind: AccountKind) -> Self {
        let text = |text: &str| Some(text.to_owned());
        let (token, profile, refresh_token) = match kind {
            AccountKind::IdentityCenter => (
                "aoaAAAAAGfakeIdentityCenterAccess000000000000000000:MGUCMQFAKEIDC",
                text("arn:aws:codewhisperer:us-east-1:123456789012:profile/ABCDEFGHIJKL"),
                text("aorAAAAAGfakeIdentityCenterRefresh00000000000000000:MGQCMFAKEIDC"),
            ),
            AccountKind::Desktop => (
                "aoaAAAAAGfakeDesktopAccess0000000000000000000000000:MGUCMQFAKEDESKTOP",
                text("arn:aws:codewhisperer:us-east-1:699475941385:profile/EHGA3GRVQMUK"),
                text("aorAAAAAGfakeDesktopRefresh000000000000000000000000:MGQCMFAKEDESKTOP"),
            ),
            AccountKind::BuilderId => (
                "aoaAAAAAGfakeBuilderIdAccess00000000000000000000000:MGUCMQFAKEBUILDER",
                None,
                text("aorAAAAAGfakeBuilderIdRefresh0000000000000000000000:MGQCMFAKEBUILDER"),
            ),
            AccountKind::ApiKey => ("ksk_fake0000ApiKey0000not0real0000", None, None),
            AccountKind::ExternalIdp => (
                "eyJfakeExternalIdp.eyJmYWtlIjoiYWNjZXNzIn0.bm90LWEtc2lnbmF0dXJl",
                text("arn:aws:codewhisperer:eu-central-1:210987654321:profile/MNOPQRSTUVWX"),
                text("fake-external-idp-refresh-0000000000000000"),
            ),
        };
        let has_client = kind.uses_aws_oidc() || kind == AccountKind::ExternalIdp;
        Self {
            kind,
            token: token.to_owned(),
            expired_token: expired(token),
            profiles: profile.into_iter().collect(),
            refresh_token,
            client_id: has_client.then(|| format!("fakeClientId-{}-0000", kind.name())),
            client_secret: has_client.then(|| format!("fakeClientSecret-{}-0000000000000000", kind.name())),
            expires_in: TOKEN_LIFETIME,
            locked: false,
            authorized: true,
            user_id: format!("d-9067fake00.{}", kind.name()),
        }
    }

    /// Settles a configured account. `nth` is how many of the same kind came before it.
    fn from_config(config: &AccountConfig, path: &str, nth: usize) -> Result<Self, ConfigError> {
        let mut account = Self::built_in(config.kind);
        if nth > 0 {
            // Two accounts must not share a token by accident.
            let suffix = format!("-{}", nth + 1);
            account.token.push_str(&suffix);
            account.user_id.push_str(&suffix);
            if let Some(token) = &mut account.refresh_token {
                token.push_str(&suffix);
            }
        }
        if let Some(token) = &config.token {
            account.token.clone_from(token);
        }
        account.expired_token = expired(&account.token);
        account.profiles = match (&config.profile, &config.profiles) {
            (Some(_), Some(_)) => {
                return Err(ConfigError::new(path, "has both `profile` and `profiles`; keep one of them"));
            }
            (Some(profile), None) => vec![profile.clone()],
            (None, Some(profiles)) => profiles.clone(),
            (None, None) => account.profiles,
        };
        if let Some(bad) = account.profiles.iter().find(|arn| !is_profile_arn(arn)) {
            let problem = format!("`{bad}` is not a profile ARN; write {PLACEHOLDER_ARN} or the like");
            return Err(ConfigError::new(path, problem));
        }
        account.refresh_token = config.refresh_token.clone().or(account.refresh_token);
        account.client_id = config.client_id.clone().or(account.client_id);
        account.client_secret = config.client_secret.clone().or(account.client_secret);
        account.expires_in = config.expires_in.unwrap_or(account.expires_in);
        account.locked = config.locked;
        account.authorized = config.authorized.unwrap_or(true);
        account.user_id = config.user_id.clone().unwrap_or(account.user_id);
        Ok(account)
    }
}

/// The accounts of a configuration, the one whose credentials are the default first.
pub(super) fn settle(
    configured: Option<&[AccountConfig]>,
    preferred: Option<AccountKind>,
) -> Result<Vec<Account>, ConfigError> {
    let mut accounts: Vec<Account> = match configured {
        None => AccountKind::ALL.map(Account::built_in).to_vec(),
        Some([]) => {
            return Err(ConfigError::new("accounts", "is empty; leave it out for one account of each kind"));
        }
        Some(configured) => {
            let mut accounts = Vec::with_capacity(configured.len());
            for (index, config) in configured.iter().enumerate() {
                let nth = configured[..index].iter().filter(|earlier| earlier.kind == config.kind).count();
                accounts.push(Account::from_config(config, &format!("accounts[{index}]"), nth)?);
            }
            accounts
        }
    };
    for (index, account) in accounts.iter().enumerate() {
        if accounts[..index].iter().any(|earlier| earlier.token == account.token) {
            return Err(ConfigError::new(format!("accounts[{index}].token"), "is the token of another account"));
        }
    }
    if let Some(kind) = preferred {
        let Some(position) = accounts.iter().position(|account| account.kind == kind) else {
            return Err(ConfigError::new("account", format!("no account in `accounts` is of kind {}", kind.name())));
        };
        accounts[..=position].rotate_right(1);
    }
    Ok(accounts)
}

fn expired(token: &str) -> String {
    format!("{token}-expired")
}

/// `arn:aws:codewhisperer:{region}:{12 digits}:profile/{id}`.
pub(super) fn is_profile_arn(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (arn, partition, service, region, account, resource) = (next(), next(), next(), next(), next(), next());
    let id = resource.strip_prefix("profile/").unwrap_or_default();
    arn == "arn"
        && matches!(partition, "aws" | "aws-cn" | "aws-us-gov")
        && service == "codewhisperer"
        && !region.is_empty()
        && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && !id.is_empty()
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The region of an ARN.
pub(crate) fn region_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_arns() {
        assert!(is_profile_arn(PLACEHOLDER_ARN));
        assert!(is_profile_arn(FOREIGN_ARN));
        for bad in [
            "",
            "arn",
            "arn:aws:codewhisperer:us-east-1:12345:profile/ABC",
            "arn:aws:codewhisperer:us-east-1:123456789012:profile/",
            "arn:aws:iam:us-east-1:123456789012:profile/ABC",
            "arn:aws:codewhisperer::123456789012:profile/ABC",
            "arn:aws:codewhisperer:us-east-1:123456789012:profile/ABC DEF",
        ] {
            assert!(!is_profile_arn(bad), "{bad}");
        }
    }

    #[test]
    fn the_preferred_kind_comes_first_and_none_is_lost() {
        let accounts = settle(None, Some(AccountKind::ApiKey)).expect("built in");
        assert_eq!(accounts[0].kind, AccountKind::ApiKey);
        assert_eq!(accounts.len(), AccountKind::ALL.len());
    }
}
