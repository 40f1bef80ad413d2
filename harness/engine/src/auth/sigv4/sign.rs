//! Signing by `aws-sigv4`, and what may be done to a request once it is signed.

use std::borrow::Cow;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign as aws_sign};
use aws_sigv4::sign::v4;
use serde_json::Value;

use crate::transport::Request;

/// What a signature is good for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub service: &'a str,
    pub region: &'a str,
}

/// What a signature covers besides what the signer always signs.
#[derive(Debug, Clone, Default)]
pub(super) struct Coverage {
    /// Whether the hash of the body is sent in `x-amz-content-sha256`.
    pub content_sha256: bool,
    /// Headers that are left out.
    pub unsigned: Vec<String>,
}

/// Adds `x-amz-date`, `x-amz-security-token` and `authorization`.
///
/// # Errors
/// One sentence when the request cannot be signed.
pub(super) fn sign(
    request: &mut Request,
    credentials: &Credentials,
    scope: Scope<'_>,
    at: SystemTime,
) -> Result<(), String> {
    sign_with(request, credentials, scope, at, &Coverage::default())
}

/// As [`sign`], with a say about what the signature covers.
///
/// # Errors
/// As there.
pub(super) fn sign_with(
    request: &mut Request,
    credentials: &Credentials,
    scope: Scope<'_>,
    at: SystemTime,
    coverage: &Coverage,
) -> Result<(), String> {
    let identity = credentials.clone().into();
    let mut settings = SigningSettings::default();
    if coverage.content_sha256 {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings.excluded_headers.get_or_insert_default().extend(coverage.unsigned.iter().cloned().map(Cow::Owned));
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(at)
        .settings(settings)
        .build()
        .map_err(|e| format!("cannot sign: {e}"))?
        .into();
    let headers = request.headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    let signable = SignableRequest::new(&request.method, &request.url, headers, SignableBody::Bytes(&request.body))
        .map_err(|e| format!("cannot sign: {e}"))?;
    let (instructions, _) = aws_sign(signable, &params).map_err(|e| format!("cannot sign: {e}"))?.into_parts();
    let (added, _) = instructions.into_parts();
    for header in added {
        request.headers.retain(|(name, _)| name != header.name());
        request.headers.push((header.name().to_owned(), header.value().to_owned()));
    }
    Ok(())
}

/// Changes to a request that its signature does not know of, as a proxy or an attacker would make them.
#[derive(Debug, Clone, Default)]
pub(super) struct Alteration {
    /// Name in lower case, and the new value; none takes the header away.
    headers: Vec<(String, Option<String>)>,
    body: Option<String>,
}

impl Alteration {
    /// From `{ headers, body }`.
    ///
    /// # Errors
    /// The form that it must have.
    pub(super) fn from_value(value: &Value) -> Result<Self, String> {
        const FORM: &str = "`auth.sigv4.after_signing` is a mapping with `headers`, a mapping of names to texts or null, and `body`, a text";
        let members = value.as_object().ok_or(FORM)?;
        if members.keys().any(|name| !["headers", "body"].contains(&name.as_str())) {
            return Err(FORM.to_owned());
        }
        let text_or_null = |(name, value): (&String, &Value)| match value {
            Value::Null => Ok((name.to_ascii_lowercase(), None)),
            Value::String(text) => Ok((name.to_ascii_lowercase(), Some(text.clone()))),
            _ => Err(FORM.to_owned()),
        };
        let headers = match members.get("headers") {
            None => Vec::new(),
            Some(headers) => headers.as_object().ok_or(FORM)?.iter().map(text_or_null).collect::<Result<_, _>>()?,
        };
        let body = match members.get("body") {
            None => None,
            Some(body) => Some(body.as_str().ok_or(FORM)?.to_owned()),
        };
        Ok(Self { headers, body })
    }

    /// Changes the request.
    pub(super) fn apply(&self, request: &mut Request) {
        for (name, value) in &self.headers {
            request.headers.retain(|(known, _)| known != name);
            request.headers.extend(value.iter().map(|value| (name.clone(), value.clone())));
        }
        if let Some(body) = &self.body {
            request.body = body.clone().into_bytes();
        }
    }
}
