//! Requests signed as an AWS client signs them, for the mocks that stand in front of an AWS service.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningInstructions, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use url::form_urlencoded;

use super::{AccessKey, TOKEN_HEADER};

/// Headers that name the signer. Whatever a client sent under these names goes before a request is signed.
const OWN_HEADERS: [&str; 4] = ["authorization", "x-amz-date", TOKEN_HEADER, "x-amz-content-sha256"];

/// Signs for one service in one region with one key.
#[derive(Clone)]
pub struct Signer {
    /// Key id, secret and session token; who it belongs to and when it ends are nothing to a signer.
    pub key: AccessKey,
    /// Service in the credential scope, such as `aws-mcp`.
    pub service: String,
    /// Region in the credential scope, such as `us-east-1`.
    pub region: String,
    /// Headers that are sent, but not signed, in lower case. Those that aws-sigv4 leaves out itself need not be named.
    pub unsigned: Vec<String>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("key", &self.key)
            .field("service", &self.service)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// A request cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the request cannot be signed: {0}")]
pub struct SignError(String);

impl Signer {
    /// A signer that signs every header but those that aws-sigv4 leaves out.
    pub fn new(key: AccessKey, service: impl Into<String>, region: impl Into<String>) -> Self {
        Self { key, service: service.into(), region: region.into(), unsigned: Vec::new() }
    }

    /// Adds `x-amz-date`, `x-amz-security-token` and `authorization` to the headers of a request, as of `now` (time since the Unix
    /// epoch). Signatures that are there already are taken away; `host` and `content-length` are put there if they are missing, so
    /// that they are signed.
    ///
    /// # Errors
    /// The URL has no host, or a header holds what cannot be signed.
    pub fn sign(
        &self,
        method: &str,
        url: &str,
        headers: &mut HeaderMap,
        body: &[u8],
        now: Duration,
    ) -> Result<(), SignError> {
        let failed = |error: &dyn fmt::Display| SignError(error.to_string());
        let address: Uri = url.parse().map_err(|error| failed(&error))?;
        let authority = address.authority().ok_or_else(|| SignError(format!("`{url}` names no host")))?;
        for name in OWN_HEADERS {
            headers.remove(name);
        }
        if !headers.contains_key(HOST) {
            headers.insert(HOST, HeaderValue::from_str(authority.as_str()).map_err(|error| failed(&error))?);
        }
        headers.entry(CONTENT_LENGTH).or_insert_with(|| body.len().into());
        let mut settings = SigningSettings::default();
        let unsigned = self.unsigned.iter().cloned().map(Cow::Owned);
        settings.excluded_headers.get_or_insert_default().extend(unsigned);
        let texts = texts(headers)?;
        let texts = texts.iter().map(|(name, value)| (name.as_str(), *value));
        let signable =
            SignableRequest::new(method, url, texts, SignableBody::Bytes(body)).map_err(|error| failed(&error))?;
        let (added, _) = self.instructions(signable, settings, now)?.into_parts();
        for header in added {
            let name: HeaderName = header.name().parse().map_err(|error| failed(&error))?;
            let mut value = HeaderValue::from_str(header.value()).map_err(|error| failed(&error))?;
            value.set_sensitive(name == AUTHORIZATION || name.as_str() == TOKEN_HEADER);
            headers.insert(name, value);
        }
        Ok(())
    }

    /// A URL of S3 under which a GET is good for `lifetime`, at least a second, as of `now` (time since the Unix epoch). `url` has no query.
    ///
    /// # Errors
    /// The URL has no host.
    pub fn presign(&self, url: &str, lifetime: Duration, now: Duration) -> Result<String, SignError> {
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(lifetime);
        // S3 signs paths as they are sent, and no body.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let signable = SignableRequest::new("GET", url, std::iter::empty(), SignableBody::Bytes(b""))
            .map_err(|error| SignError(error.to_string()))?;
        let (_, parameters) = self.instructions(signable, settings, now)?.into_parts();
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &parameters {
            query.append_pair(name, value);
        }
        // A blank would be `+` here, and there is none.
        Ok(format!("{url}?{}", query.finish()))
    }

    fn instructions(
        &self,
        request: SignableRequest<'_>,
        settings: SigningSettings,
        now: Duration,
    ) -> Result<SigningInstructions, SignError> {
        let failed = |error: &dyn fmt::Display| SignError(error.to_string());
        let key = &self.key;
        let identity =
            Credentials::new(&key.access_key_id, &key.secret_access_key, key.session_token.clone(), None, "mock")
                .into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(UNIX_EPOCH + now)
            .settings(settings)
            .build()
            .map_err(|error| failed(&error))?
            .into();
        Ok(sign(request, &params).map_err(|error| failed(&error))?.into_parts().0)
    }
}

fn texts(headers: &HeaderMap) -> Result<Vec<(HeaderName, &str)>, SignError> {
    let text = |(name, value)| match std::str::from_utf8(HeaderValue::as_bytes(value)) {
        Ok(text) => Ok((HeaderName::clone(name), text)),
        Err(_) => Err(SignError(format!("`{name}` is not UTF-8"))),
    };
    headers.iter().map(text).collect()
}
