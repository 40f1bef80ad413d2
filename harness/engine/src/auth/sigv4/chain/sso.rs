//! IAM Identity Center: the token that `aws sso login` keeps, and the credentials that it gives.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_lc_rs::digest;
use gauntlet_reports::sanitize;
use serde_json::Value;
use url::Url;

use super::document;
use super::environment::Environment;
use super::wire::{ANSWER_TIME, Witness};
use crate::transport::{Content, Request};

/// Bytes of a kept token.
const MOST_BYTES: u64 = 64 * 1024;

/// What a profile and its `sso-session` say.
#[derive(Debug)]
pub(super) struct Account<'a> {
    pub profile: &'a str,
    /// Name of the session, where there is one.
    pub session: Option<&'a str>,
    pub start_url: &'a str,
    pub account_id: &'a str,
    pub role_name: &'a str,
}

impl Account<'_> {
    /// Where the token is kept: under the SHA-1 of the session's name, or of the start URL in the form without a session.
    fn file(&self, environment: &Environment) -> std::path::PathBuf {
        let key = self.session.unwrap_or(self.start_url);
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
        let name: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        environment.path(&format!("~/.aws/sso/cache/{name}.json"))
    }

    fn log_in(&self) -> String {
        format!("run `aws sso login --profile {}`", self.profile)
    }

    fn token(&self, environment: &Environment, now: SystemTime) -> Result<String, String> {
        use std::io::Read as _;
        let path = self.file(environment);
        let what = format!("the AWS profile `{}` signs in by IAM Identity Center", self.profile);
        let mut bytes = Vec::new();
        let read = std::fs::File::open(&path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
        if let Err(error) = read {
            return Err(format!("{what}, and nobody has: {}: {error}; {}", path.display(), self.log_in()));
        }
        let kept: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let text = |name: &str| kept.get(name).and_then(Value::as_str);
        let (Some(token), Some(expiry)) = (text("accessToken"), text("expiresAt").and_then(document::instant)) else {
            return Err(format!("{what}, and {} holds no token; {}", path.display(), self.log_in()));
        };
        if expiry <= now {
            return Err(format!("{what}, and that ended at {}; {}", document::shown(expiry), self.log_in()));
        }
        Ok(token.to_owned())
    }
}

/// GetRoleCredentials with the token that is kept.
///
/// # Errors
/// One sentence; where signing in again helps, it says so.
pub(super) async fn credentials(
    account: &Account<'_>,
    endpoint: &Url,
    environment: &Environment,
    witness: &Witness,
) -> Result<Credentials, String> {
    let token = account.token(environment, SystemTime::now())?;
    witness.secrets.add("sso_token", &token);
    let mut url = endpoint.clone();
    url.set_path(&format!("{}/federation/credentials", endpoint.path().trim_end_matches('/')));
    url.query_pairs_mut().append_pair("role_name", account.role_name).append_pair("account_id", account.account_id);
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let request = Request {
        method: "GET".to_owned(),
        url: url.to_string(),
        headers: vec![header("accept", "application/json"), header("x-amz-sso_bearer_token", &token)],
        body: Vec::new(),
    };
    let what = format!("IAM Identity Center gives the AWS profile `{}` no credentials", account.profile);
    let reply = witness.send("sso", request, ANSWER_TIME).await.map_err(|why| format!("{what}: {why}"))?;
    let status = reply.status.unwrap_or_default();
    let document = match &reply.content {
        Content::Json(document) => document,
        _ => &Value::Null,
    };
    if status != 200 {
        let said = document.get("message").and_then(Value::as_str).unwrap_or("no message");
        let said = format!("HTTP {status}, {}", sanitize::line(said, 200));
        return Err(match status {
            401 => format!("{what}: {said}; {}", account.log_in()),
            403 => format!("{what}: {said}; has it the role `{}` in {}?", account.role_name, account.account_id),
            _ => format!("{what}: {said}"),
        });
    }
    let text = |name: &str| document.pointer(&format!("/roleCredentials/{name}")).and_then(Value::as_str);
    let expiry = document.pointer("/roleCredentials/expiration").and_then(Value::as_u64);
    match (text("accessKeyId"), text("secretAccessKey"), expiry) {
        (Some(key), Some(secret), Some(expiry)) => {
            let expiry = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(expiry));
            Ok(Credentials::new(key, secret, text("sessionToken").map(str::to_owned), expiry, "sso"))
        }
        _ => Err(format!("{what}: the answer lacks `accessKeyId`, `secretAccessKey` or `expiration`")),
    }
}
