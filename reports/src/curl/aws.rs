//! A signed request: `curl` signs it anew, because its signature is not shown and does not hold for long.

use std::fmt::Write as _;

use super::Shell;
use crate::model::WireRequest;

/// Headers that the signer makes.
pub(super) const MADE: [&str; 3] = ["authorization", "x-amz-date", "x-amz-security-token"];

/// What the signature of a request is for.
#[derive(Debug)]
pub(super) struct Signed<'a> {
    region: &'a str,
    service: &'a str,
    has_token: bool,
}

impl<'a> Signed<'a> {
    /// `None` for a request that is not signed in a header, or not well.
    pub(super) fn of(request: &'a WireRequest) -> Option<Self> {
        let header = |wanted: &str| request.headers.iter().find(|(name, _)| name == wanted).map(|(_, v)| v.as_str());
        let credential = header("authorization")?
            .strip_prefix("AWS4-HMAC-SHA256")?
            .split([',', ' '])
            .find_map(|part| part.trim().strip_prefix("Credential="))?;
        let mut scope = credential.rsplit('/');
        let (Some("aws4_request"), Some(service), Some(region)) = (scope.next(), scope.next(), scope.next()) else {
            return None;
        };
        // `curl` takes them apart at colons.
        let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let has_token = header("x-amz-security-token").is_some();
        (plain(service) && plain(region)).then_some(Self { region, service, has_token })
    }

    pub(super) fn write(&self, shell: &Shell<'_>, out: &mut String) {
        let scope = format!("aws:amz:{}:{}", self.region, self.service);
        let _ = write!(out, " --aws-sigv4 {}", shell.word(&scope));
        out.push_str(" --user \"${AWS_ACCESS_KEY_ID}:${AWS_SECRET_ACCESS_KEY}\"");
        if self.has_token {
            out.push_str(" -H \"x-amz-security-token: ${AWS_SESSION_TOKEN}\"");
        }
    }
}
