//! The credentials of a profile: a role that another profile takes on, a web identity, a sign-in, keys, or a program.

use std::fmt::Write as _;

use aws_credential_types::Credentials;
use url::Url;

use super::super::hosts;
use super::environment::Environment;
use super::files::{Files, Settings, setting};
use super::wire::{Witness, endpoint};
use super::{metadata, process, sso, sts};

/// Profiles of one chain of roles.
const MOST_ROLES: usize = 8;

/// What the way through the profiles needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ways<'a> {
    pub environment: &'a Environment,
    pub files: &'a Files,
    pub witness: &'a Witness,
}

impl Ways<'_> {
    /// The credentials of the profile; `None` where it says nothing about any.
    ///
    /// # Errors
    /// One sentence when what it says leads to none.
    pub(super) async fn of_profile(&self, name: &str) -> Result<Option<Credentials>, String> {
        self.follow(name, Vec::new()).await
    }

    /// `trail` are the profiles that led here.
    async fn follow(&self, name: &str, mut trail: Vec<String>) -> Result<Option<Credentials>, String> {
        let profile = self.files.named(name).map_err(|why| match trail.last() {
            Some(from) => format!("`source_profile` of the AWS profile `{from}`: {why}"),
            None => why,
        })?;
        let get = |name: &str| setting(profile, name);
        // A profile may name itself as the source of the keys that take its role on.
        let names_itself = trail.last().is_some_and(|last| last == name) && get("aws_access_key_id").is_some();
        if trail.iter().any(|seen| seen == name) && !names_itself {
            trail.push(name.to_owned());
            return Err(format!("the AWS profiles lead back to each other by `source_profile`: {}", trail.join(" → ")));
        }
        if trail.len() >= MOST_ROLES {
            return Err(format!(
                "more than {MOST_ROLES} AWS profiles take on each other's roles: {}",
                trail.join(" → ")
            ));
        }
        if let Some(arn) = get("role_arn").filter(|_| !names_itself) {
            trail.push(name.to_owned());
            return Box::pin(self.of_role(name, arn, profile, trail)).await.map(Some);
        }
        if get("sso_session").is_some() || get("sso_start_url").is_some() {
            return self.of_sign_in(name, profile).await.map(Some);
        }
        match (get("aws_access_key_id"), get("aws_secret_access_key")) {
            (Some(key), Some(secret)) => {
                let token = get("aws_session_token").map(str::to_owned);
                return Ok(Some(Credentials::new(key, secret, token, None, "profile")));
            }
            (Some(_), None) => return Err(lacks(name, "aws_access_key_id", "aws_secret_access_key")),
            (None, Some(_)) => return Err(lacks(name, "aws_secret_access_key", "aws_access_key_id")),
            (None, None) => {}
        }
        match get("credential_process") {
            Some(command) => process::run(command, name, self.environment).await.map(Some),
            None if get("login_session").is_some() => Err(format!(
                "the AWS profile `{name}` has `login_session`, which Gauntlet does not read; write \
                 `credential_process = aws configure export-credentials --profile {name}` into another profile"
            )),
            None => Ok(None),
        }
    }

    async fn of_role(
        &self,
        name: &str,
        arn: &str,
        profile: &Settings,
        trail: Vec<String>,
    ) -> Result<Credentials, String> {
        let get = |name: &str| setting(profile, name);
        let source = format!("AWS profile `{name}`");
        let role = sts::Role {
            arn,
            session_name: get("role_session_name"),
            external_id: get("external_id"),
            duration_seconds: get("duration_seconds"),
            source: &source,
        };
        let place = self.sts(Some(profile))?;
        if let Some(path) = get("web_identity_token_file") {
            let token = metadata::read(path, &format!("the {source}"), self.environment)?;
            return sts::with_web_identity(&role, &token, &place, self.witness).await;
        }
        if get("mfa_serial").is_some() {
            return Err(format!(
                "the {source} has `mfa_serial`, and nobody is there to type a code; write \
                 `credential_process = aws configure export-credentials --profile {name}` into another profile, and sign in by \
                 `aws` before"
            ));
        }
        let with = match (get("source_profile"), get("credential_source")) {
            (Some(_), Some(_)) => {
                return Err(format!("the {source} has `source_profile` and `credential_source`; it takes one of them"));
            }
            (None, None) => {
                return Err(format!(
                    "the {source} has `role_arn` and nothing to take the role on with: write `source_profile`, \
                     `credential_source` or `web_identity_token_file`"
                ));
            }
            (Some(from), None) => self.follow(from, trail).await?.ok_or_else(|| {
                format!("`source_profile` of the {source}: the AWS profile `{from}` has no credentials")
            })?,
            (None, Some(kind)) => self
                .of_source(kind)
                .await
                .map_err(|why| format!("`credential_source = {kind}` of the {source}: {why}"))?,
        };
        sts::assume_role(&role, &with, &place, self.witness).await
    }

    async fn of_source(&self, kind: &str) -> Result<Credentials, String> {
        match kind {
            "Environment" => {
                super::of_environment(self.environment)?.ok_or_else(|| "AWS_ACCESS_KEY_ID is not set".to_owned())
            }
            "EcsContainer" => metadata::of_container(self.environment, self.witness)
                .await?
                .ok_or_else(|| "no AWS_CONTAINER_CREDENTIALS_… variable is set".to_owned()),
            "Ec2InstanceMetadata" => metadata::of_machine(self.environment, self.witness).await,
            _ => Err("it is Environment, EcsContainer or Ec2InstanceMetadata".to_owned()),
        }
    }

    async fn of_sign_in(&self, name: &str, profile: &Settings) -> Result<Credentials, String> {
        let session_name = setting(profile, "sso_session");
        let session = match session_name {
            None => None,
            Some(wanted) => Some(self.files.sso_session(wanted).ok_or_else(|| {
                format!(
                    "the AWS profile `{name}` has `sso_session = {wanted}`, and there is no `[sso-session {wanted}]`"
                )
            })?),
        };
        let need = |key: &str| {
            let found = session.and_then(|session| setting(session, key)).or_else(|| setting(profile, key));
            found.ok_or_else(|| {
                let mut sentence =
                    format!("the AWS profile `{name}` signs in by IAM Identity Center and lacks `{key}`");
                if let Some(session) = session_name {
                    let _ = write!(sentence, ", as does `[sso-session {session}]`");
                }
                sentence
            })
        };
        let account = sso::Account {
            profile: name,
            session: session_name,
            start_url: need("sso_start_url")?,
            account_id: need("sso_account_id")?,
            role_name: need("sso_role_name")?,
        };
        let region = need("sso_region")?;
        let usual = || format!("https://portal.sso.{region}.{}", hosts::domain_of(region));
        let place = self.configured("SSO", Some(profile))?.map_or_else(|| endpoint(&usual(), "`sso_region`"), Ok)?;
        sso::credentials(&account, &place, self.environment, self.witness).await
    }

    /// Where STS is for the profile.
    ///
    /// # Errors
    /// One sentence when an endpoint that is configured is none.
    pub(super) fn sts(&self, profile: Option<&Settings>) -> Result<sts::Place, String> {
        let region = region_of(self.environment, profile).unwrap_or("us-east-1").to_owned();
        let usual = || endpoint(&format!("https://sts.{region}.{}", hosts::domain_of(&region)), "the AWS region");
        let endpoint = self.configured("STS", profile)?.map_or_else(usual, Ok)?;
        Ok(sts::Place { endpoint, region })
    }

    /// The endpoint that variables or the profile name in place of the usual one.
    fn configured(&self, service: &str, profile: Option<&Settings>) -> Result<Option<Url>, String> {
        if self.environment.is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
            return Ok(None);
        }
        let own = format!("AWS_ENDPOINT_URL_{service}");
        for variable in [own.as_str(), "AWS_ENDPOINT_URL"] {
            if let Some(text) = self.environment.get(variable) {
                return endpoint(text, variable).map(Some);
            }
        }
        let of_profile = profile.and_then(|profile| self.files.endpoint(profile, &service.to_ascii_lowercase()));
        of_profile.map(|text| endpoint(text, "`endpoint_url` of the AWS profile")).transpose()
    }
}

/// The region of the environment, else of the profile.
pub(super) fn region_of<'a>(environment: &'a Environment, profile: Option<&'a Settings>) -> Option<&'a str> {
    environment.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]).or_else(|| setting(profile?, "region"))
}

fn lacks(name: &str, has: &str, lacks: &str) -> String {
    format!("the AWS profile `{name}` has `{has}` and no `{lacks}`")
}
