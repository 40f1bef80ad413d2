//! Credentials of a profile, read afresh for every request or fetched until they expire.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Method};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;

use super::config::Profile;
use crate::outbound::Outbound;
use crate::sigv4::AccessKey;

/// Time for a fetch of credentials.
const LONGEST_FETCH: Duration = Duration::from_secs(5);

/// Largest document with credentials.
const LARGEST_DOCUMENT: usize = 64 << 10;

/// Those that were fetched, by profile, and until when they are good (time since the Unix epoch).
#[derive(Default)]
pub(super) struct Credentials {
    held: tokio::sync::Mutex<HashMap<String, (AccessKey, Option<Duration>)>>,
    /// What was fetched since the start and must not be shown.
    secrets: Mutex<Vec<String>>,
}

/// The document of a container credentials endpoint.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<String>,
}

impl Credentials {
    /// Those of a profile at `now`; none if it has none. With `forever` they are read once and kept.
    pub(super) async fn of(
        &self,
        name: &str,
        profile: &Profile,
        now: Duration,
        forever: bool,
    ) -> Result<Option<AccessKey>, String> {
        let mut held = self.held.lock().await;
        if let Some((key, until)) = held.get(name)
            && (forever || until.is_some_and(|until| now < until))
        {
            return Ok(Some(key.clone()));
        }
        let (key, until) = match &profile.credentials_url {
            Some(url) => fetch(url).await?,
            None => match profile.key() {
                Some(key) => (key, None),
                None => return Ok(None),
            },
        };
        self.note(&key);
        held.insert(name.to_owned(), (key.clone(), until));
        Ok(Some(key))
    }

    pub(super) fn secrets(&self) -> Vec<String> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, key: &AccessKey) {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        for secret in std::iter::once(&key.secret_access_key).chain(&key.session_token) {
            if !secrets.contains(secret) {
                secrets.push(secret.clone());
            }
        }
    }
}

impl Profile {
    fn key(&self) -> Option<AccessKey> {
        Some(AccessKey {
            session_token: self.session_token.clone().filter(|token| !token.is_empty()),
            ..AccessKey::new(self.access_key_id.clone()?, self.secret_access_key.clone()?, "")
        })
    }
}

async fn fetch(address: &str) -> Result<(AccessKey, Option<Duration>), String> {
    let failed = |why: &dyn std::fmt::Display| format!("credentials from {address}: {why}");
    let url: Url = address.parse().map_err(|error| failed(&error))?;
    let outbound = Outbound::new(&url, LONGEST_FETCH, LARGEST_DOCUMENT).map_err(|error| failed(&error))?;
    let answer = outbound.send(Method::GET, url, HeaderMap::new(), "").await.map_err(|error| failed(&error))?;
    if !answer.status.is_success() {
        return Err(failed(&format!("answered {}", answer.status)));
    }
    let bytes = answer.bytes().await.map_err(|error| failed(&error))?;
    // The message of a parser may show what it parsed.
    let document: Document =
        serde_json::from_slice(&bytes).map_err(|_| failed(&"not a document with AccessKeyId and SecretAccessKey"))?;
    let until = match &document.expiration {
        None => None,
        Some(text) => {
            let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| failed(&"Expiration is not a time"))?;
            Some(Duration::from_secs(u64::try_from(at.unix_timestamp()).unwrap_or(0)))
        }
    };
    let key = AccessKey {
        session_token: document.token.filter(|token| !token.is_empty()),
        ..AccessKey::new(document.access_key_id, document.secret_access_key, "")
    };
    Ok((key, until))
}
