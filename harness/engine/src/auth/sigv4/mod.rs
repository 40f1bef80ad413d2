//! AWS Signature Version 4: the settings, and what they do to a request.

pub(crate) mod chain;
mod hosts;
mod sign;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use gauntlet_format::diagnostic::did_you_mean;
use gauntlet_format::duration::parse as parse_duration;
use serde_json::{Map, Value};

use crate::transcript::secrets::Secrets;
use crate::transport::Request;

use chain::{AwsChain, Witness};
use sign::{Alteration, Coverage, Scope};

/// Members of the mapping.
const MEMBERS: [&str; 11] = [
    "service",
    "region",
    "profile",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "signed_ago",
    "signed_in",
    "content_sha256",
    "unsigned",
    "after_signing",
];

/// Signs requests for one service in one region.
#[derive(Clone)]
pub(crate) struct SigV4 {
    /// As written; otherwise the host says it.
    service: Option<String>,
    /// As written; otherwise the host, the environment or the profile says it.
    region: Option<String>,
    source: Source,
    chain: Arc<AwsChain>,
    /// Fixed signing time, for tests; otherwise now.
    at: Option<SystemTime>,
    /// How long ago, and how far in the future, the signature says that it was made.
    shift: (Duration, Duration),
    coverage: Coverage,
    /// What becomes of the request once it is signed.
    after_signing: Alteration,
    /// As written, variables resolved, so that a step's settings can go over them.
    members: Map<String, Value>,
}

/// Where the keys come from.
#[derive(Clone)]
enum Source {
    /// They are here.
    Keys(Credentials),
    /// The places of every tool of AWS; `token` stands in for the session token that is found there.
    Chain { token: Option<Option<String>> },
}

impl fmt::Debug for SigV4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigV4").field("service", &self.service).field("region", &self.region).finish_non_exhaustive()
    }
}

impl SigV4 {
    /// With these members over its own. Who names a profile does not mean the keys written here, and the other way round.
    ///
    /// # Errors
    /// As [`from_value`](Self::from_value).
    pub(crate) fn over(&self, value: &Value, secrets: &Secrets) -> Result<Self, String> {
        let mut members = self.members.clone();
        let own = value.as_object().cloned().unwrap_or_default();
        if own.contains_key("profile") {
            members.retain(|name, _| !["access_key_id", "secret_access_key", "session_token"].contains(&name.as_str()));
        } else if own.contains_key("access_key_id") {
            members.retain(|name, _| name != "profile");
        }
        members.extend(own);
        Self::from_value(&Value::Object(members), &self.chain, secrets)
    }

    /// From `{ service, region, profile, access_key_id, secret_access_key, session_token }` and what is to be wrong on purpose.
    /// Keys that are not written come from the chain, when a request needs them.
    ///
    /// # Errors
    /// One sentence that names the member which is wrong.
    pub(crate) fn from_value(value: &Value, chain: &Arc<AwsChain>, secrets: &Secrets) -> Result<Self, String> {
        let object =
            value.as_object().ok_or("`auth.sigv4` is a mapping, such as { service: …, region: …, profile: … }")?;
        if let Some(unknown) = object.keys().find(|k| !MEMBERS.contains(&k.as_str())) {
            let hint = did_you_mean(unknown, MEMBERS).unwrap_or_else(|| format!("it has {}", MEMBERS.join(", ")));
            return Err(format!("`auth.sigv4` has no `{unknown}`; {hint}"));
        }
        let text = |name: &str| match object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(_) => Err(format!("`auth.sigv4.{name}` is a text")),
        };
        let duration = |name: &str| match object.get(name).map(|value| value.as_str().map(parse_duration)) {
            None => Ok(Duration::ZERO),
            Some(Some(Ok(duration))) => Ok(duration),
            Some(Some(Err(problem))) => Err(format!("`auth.sigv4.{name}`: {problem}")),
            Some(None) => Err(format!("`auth.sigv4.{name}` is a duration, such as 20m")),
        };
        let names = |value: &Value| {
            let names = value.as_array()?.iter().map(|name| Some(name.as_str()?.to_ascii_lowercase()));
            names.collect::<Option<Vec<_>>>()
        };
        let unsigned = match object.get("unsigned") {
            None => Vec::new(),
            Some(list) => names(list).ok_or("`auth.sigv4.unsigned` is a list of header names")?,
        };
        let content_sha256 = match object.get("content_sha256") {
            None => false,
            Some(value) => value.as_bool().ok_or("`auth.sigv4.content_sha256` is true or false")?,
        };
        let (key, secret, token) = (text("access_key_id")?, text("secret_access_key")?, text("session_token")?);
        if let Some(secret) = &secret {
            secrets.add("secret_access_key", secret);
        }
        if let Some(token) = &token {
            secrets.add("session_token", token);
        }
        let profile = text("profile")?;
        let source = match (key, secret) {
            (Some(_), Some(_)) if profile.is_some() => {
                return Err("`auth.sigv4` has `profile` and keys; it takes one of them".to_owned());
            }
            (Some(key), Some(secret)) => Source::Keys(Credentials::new(key, secret, token, None, "gauntlet")),
            (None, None) => Source::Chain { token: object.contains_key("session_token").then_some(token) },
            (Some(_), None) => return Err("`auth.sigv4` has `access_key_id` and no `secret_access_key`".to_owned()),
            (None, Some(_)) => return Err("`auth.sigv4` has `secret_access_key` and no `access_key_id`".to_owned()),
        };
        Ok(Self {
            service: text("service")?,
            region: text("region")?,
            source,
            chain: Arc::clone(chain),
            at: None,
            shift: (duration("signed_ago")?, duration("signed_in")?),
            coverage: Coverage { content_sha256, unsigned },
            after_signing: object.get("after_signing").map(Alteration::from_value).transpose()?.unwrap_or_default(),
            members: object.clone(),
        })
    }

    fn profile(&self) -> Option<&str> {
        self.members.get("profile").and_then(Value::as_str).filter(|name| !name.is_empty())
    }

    /// With keys in hand, got from the chain if they are not written.
    ///
    /// # Errors
    /// One sentence when there are none.
    pub(crate) async fn ready(&self, witness: &Witness) -> Result<Self, String> {
        let Source::Chain { token } = &self.source else { return Ok(self.clone()) };
        let mut found = self.chain.credentials(self.profile(), witness).await?;
        if let Some(token) = token {
            found = Credentials::new(
                found.access_key_id(),
                found.secret_access_key(),
                token.clone(),
                found.expiry(),
                "gauntlet",
            );
        }
        Ok(Self { source: Source::Keys(found), ..self.clone() })
    }

    /// Adds `x-amz-date`, `x-amz-security-token` and `authorization`, and then alters what is to be altered.
    ///
    /// # Errors
    /// One sentence when the request cannot be signed, or nothing says for which service and region.
    pub(crate) fn sign(&self, request: &mut Request) -> Result<(), String> {
        let Source::Keys(credentials) = &self.source else {
            return Err("cannot sign: the AWS credentials were not looked up".to_owned());
        };
        let (ago, ahead) = self.shift;
        let now = self.at.unwrap_or_else(SystemTime::now);
        let at =
            now.checked_sub(ago).and_then(|at| at.checked_add(ahead)).ok_or("cannot sign: there is no such time")?;
        let (service, region) = self.scope(&request.url)?;
        let scope = Scope { service: &service, region: &region };
        sign::sign_with(request, credentials, scope, at, &self.coverage)?;
        self.after_signing.apply(request);
        Ok(())
    }

    fn scope(&self, url: &str) -> Result<(String, String), String> {
        let host = hosts::scope_of(url);
        let host_name =
            || url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        let of_host = host.as_ref().map(|scope| scope.service.clone());
        let service = self.service.clone().or(of_host).ok_or_else(|| {
            format!("the host {} does not say which AWS service it is; write `service` into `auth.sigv4`", host_name())
        })?;
        let region = match self.region.clone().or_else(|| host.and_then(|scope| scope.region)) {
            Some(region) => region,
            None => self.chain.region(self.profile())?.ok_or_else(|| {
                format!(
                    "neither the host {} nor the environment nor the profile says which AWS region it is in; write `region` \
                     into `auth.sigv4`, or set AWS_REGION",
                    host_name()
                )
            })?,
        };
        Ok((service, region))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
