//! Where AWS credentials come from when nobody writes them down: the places in which every tool of AWS looks, in its order.
//!
//! Own code, and not the SDK's: that takes the keys of the environment over a profile that somebody names, goes on to the
//! machine's metadata when the profile is not there, waits for a `credential_process` without a bound in time and size and leaves
//! it running, and reads the environment of the process alone.

mod document;
mod environment;
mod files;
mod metadata;
mod parse;
mod process;
mod profile;
mod sso;
mod sts;
mod wire;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;

pub(crate) use environment::Environment;
pub(crate) use wire::Witness;

use files::Files;
use profile::Ways;

/// How long before their end temporary credentials are got anew; at most half of their life.
const AHEAD: Duration = Duration::from_secs(300);

/// How long a refusal stands, so that many cases do not ask for the same again.
const REFUSED_FOR: Duration = Duration::from_secs(10);

/// The chain for the length of a run: each profile's credentials are got once, and again before they end.
#[derive(Default)]
pub(crate) struct AwsChain {
    environment: Environment,
    files: OnceLock<Result<Files, String>>,
    kept: Mutex<HashMap<Option<String>, Arc<tokio::sync::Mutex<Kept>>>>,
}

impl fmt::Debug for AwsChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsChain").field("environment", &self.environment).finish_non_exhaustive()
    }
}

/// What is known of a profile's credentials.
#[derive(Default)]
enum Kept {
    #[default]
    Nothing,
    Credentials {
        credentials: Credentials,
        /// When they are to be got anew.
        renew: Option<SystemTime>,
    },
    Refusal {
        why: String,
        until: Instant,
    },
}

impl AwsChain {
    /// A chain that reads these variables.
    pub(crate) fn new(environment: Environment) -> Self {
        Self { environment, ..Self::default() }
    }

    /// The credentials of the profile, or of whatever place comes first. Whoever asks meanwhile waits for the same answer.
    ///
    /// # Errors
    /// One sentence: what is wrong and what to do, or where they were looked for.
    pub(crate) async fn credentials(&self, profile: Option<&str>, witness: &Witness) -> Result<Credentials, String> {
        let slot = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(kept.entry(profile.map(str::to_owned)).or_default())
        };
        let mut kept = slot.lock().await;
        let now = SystemTime::now();
        let old = match &*kept {
            Kept::Credentials { credentials, renew } if renew.is_none_or(|renew| now < renew) => {
                return Ok(learnt(credentials, witness));
            }
            Kept::Refusal { why, until } if Instant::now() < *until => return Err(why.clone()),
            Kept::Credentials { credentials, .. } => Some(credentials.clone()),
            _ => None,
        };
        let place = profile.map_or_else(|| "the usual places".to_owned(), |name| format!("the profile `{name}`"));
        match self.find(profile, witness).await.and_then(|found| unexpired(found, &place)) {
            Ok(credentials) => {
                let renew = credentials.expiry().map(|expiry| renewal(SystemTime::now(), expiry));
                *kept = Kept::Credentials { credentials: credentials.clone(), renew };
                Ok(learnt(&credentials, witness))
            }
            Err(why) => match old.filter(|old| old.expiry().is_some_and(|expiry| now < expiry)) {
                // What is there still holds; the next request asks again.
                Some(old) => Ok(learnt(&old, witness)),
                None => {
                    *kept = Kept::Refusal { why: why.clone(), until: Instant::now() + REFUSED_FOR };
                    Err(why)
                }
            },
        }
    }

    /// The region of the environment, else of the profile.
    ///
    /// # Errors
    /// One sentence when the files cannot be read, or have no such profile.
    pub(crate) fn region(&self, profile: Option<&str>) -> Result<Option<String>, String> {
        if let Some(region) = profile::region_of(&self.environment, None) {
            return Ok(Some(region.to_owned()));
        }
        let files = self.files()?;
        let settings = match profile.or_else(|| self.profile_of_environment()) {
            Some(name) => Some(files.named(name)?),
            None => files.profile("default"),
        };
        Ok(profile::region_of(&self.environment, settings).map(str::to_owned))
    }

    fn profile_of_environment(&self) -> Option<&str> {
        self.environment.first(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
    }

    fn files(&self) -> Result<&Files, String> {
        self.files.get_or_init(|| Files::read(&self.environment)).as_ref().map_err(Clone::clone)
    }

    async fn find(&self, profile: Option<&str>, witness: &Witness) -> Result<Credentials, String> {
        let mut looked = Vec::new();
        // Who names a profile wants that one, whatever the environment says.
        if profile.is_none() {
            if let Some(found) = of_environment(&self.environment)? {
                return Ok(found);
            }
            looked.push("AWS_ACCESS_KEY_ID (not set)".to_owned());
        }
        let files = self.files()?;
        let ways = Ways { environment: &self.environment, files, witness };
        if profile.is_none() {
            if let Some(found) = self.of_web_identity(ways).await? {
                return Ok(found);
            }
            looked.push("AWS_WEB_IDENTITY_TOKEN_FILE (not set)".to_owned());
        }
        let named = profile.or_else(|| self.profile_of_environment());
        let name = named.unwrap_or("default");
        if named.is_some() || files.profile(name).is_some() {
            if let Some(found) = ways.of_profile(name).await? {
                return Ok(found);
            }
            looked.push(format!("the profile `{name}` in {} (no credentials in it)", files.describe()));
        } else {
            looked.push(format!("the profile `{name}` in {} (no such profile)", files.describe()));
        }
        if let Some(found) = metadata::of_container(&self.environment, witness).await? {
            return Ok(found);
        }
        looked.push("the container (no AWS_CONTAINER_CREDENTIALS_… variable)".to_owned());
        match metadata::of_machine(&self.environment, witness).await {
            Ok(found) => return Ok(found),
            Err(why) => looked.push(format!("the machine's metadata ({why})")),
        }
        Err(format!(
            "there are no AWS credentials; looked at {}; write `profile` or keys into `auth.sigv4`, or set \
             AWS_PROFILE or AWS_ACCESS_KEY_ID",
            looked.join(", ")
        ))
    }

    /// The role that the environment says the bearer of a token may take on, as in a cluster or a CI job.
    async fn of_web_identity(&self, ways: Ways<'_>) -> Result<Option<Credentials>, String> {
        const FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
        let Some(path) = self.environment.get(FILE) else { return Ok(None) };
        let arn =
            self.environment.get("AWS_ROLE_ARN").ok_or_else(|| format!("{FILE} is set and AWS_ROLE_ARN is not"))?;
        let token = metadata::read(path, FILE, &self.environment)?;
        let role = sts::Role {
            arn,
            session_name: self.environment.get("AWS_ROLE_SESSION_NAME"),
            external_id: None,
            duration_seconds: None,
            source: "AWS_ROLE_ARN",
        };
        let name = self.profile_of_environment().unwrap_or("default");
        let place = ways.sts(ways.files.profile(name))?;
        sts::with_web_identity(&role, &token, &place, ways.witness).await.map(Some)
    }
}

/// The keys of the environment.
///
/// # Errors
/// One sentence when there is half of them, or they have ended.
fn of_environment(environment: &Environment) -> Result<Option<Credentials>, String> {
    let (key, secret) = match (environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")) {
        (Some(key), Some(secret)) => (key, secret),
        (None, None) => return Ok(None),
        (Some(_), None) => return Err("AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not".to_owned()),
        (None, Some(_)) => return Err("AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not".to_owned()),
    };
    let expiry = environment.get("AWS_CREDENTIAL_EXPIRATION").map(|text| {
        document::instant(text).ok_or_else(|| "AWS_CREDENTIAL_EXPIRATION is not a time as in RFC 3339".to_owned())
    });
    let token = environment.get("AWS_SESSION_TOKEN").map(str::to_owned);
    let found = Credentials::new(key, secret, token, expiry.transpose()?, "environment");
    unexpired(found, "the environment").map(Some)
}

/// Credentials that have not ended; `place` is where they were found.
fn unexpired(credentials: Credentials, place: &str) -> Result<Credentials, String> {
    match credentials.expiry() {
        Some(expiry) if expiry <= SystemTime::now() => Err(format!(
            "the AWS credentials {} of {place} ended at {}; get new ones",
            credentials.access_key_id(),
            document::shown(expiry)
        )),
        _ => Ok(credentials),
    }
}

/// When credentials are to be got anew: some time before they end, but not in the first half of their life.
fn renewal(now: SystemTime, expiry: SystemTime) -> SystemTime {
    let left = expiry.duration_since(now).unwrap_or_default();
    now + left.saturating_sub(AHEAD).max(left / 2)
}

/// Every case knows the secrets that it uses, whoever got them.
fn learnt(credentials: &Credentials, witness: &Witness) -> Credentials {
    witness.secrets.add("secret_access_key", credentials.secret_access_key());
    if let Some(token) = credentials.session_token() {
        witness.secrets.add("session_token", token);
    }
    credentials.clone()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
