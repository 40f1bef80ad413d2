//! AWS Signature Version 4 as a server checks it, in the `Authorization` header or, presigned, in the query; and as a client signs.
//!
//! ```
//! use std::time::Duration;
//! use gauntlet_mocks::sigv4::{AccessKey, Check, KeyRing, Received, Rules, verify};
//!
//! let keys: KeyRing = [AccessKey::new("AKIDEXAMPLE", "secret", "arn:aws:iam::123456789012:user/alice")].into_iter().collect();
//! let headers = http::HeaderMap::new();
//! let unsigned = Received { method: "POST", target: "/mcp", headers: &headers, body: b"{}" };
//! let rejection = verify(&unsigned, &Rules::new("execute-api", "us-east-1"), &keys, Duration::from_secs(1_800_000_000));
//! assert!(rejection.unwrap_err().failed(Check::NoSignature));
//! ```
//!
//! Whoever signs wrongly wants to know all that is wrong: a [`Rejection`] holds every failed [`Check`], the canonical request, the
//! string to sign and the signature that would have been right. The signature is computed for the scope and the headers that the
//! request itself names, so that a wrong service, say, does not hide behind a signature that does not match.
//!
//! The other direction is a [`Signer`], for the mocks that call such a service.
//!
//! The work grows with the size of the request and no faster; what bounds requests bounds it.
//!
//! Source: AWS Identity and Access Management user guide, "Create a signed AWS API request".

mod canonical;
mod date;
mod failure;
mod keys;
mod parse;
mod sign;
mod verify;

use std::time::Duration;

pub use self::failure::{Check, Failure, Rejection};
pub use self::keys::{AccessKey, Caller, KeyRing, Keys};
pub use self::sign::{SignError, Signer};
pub use self::verify::verify;

/// The one algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What ends a credential scope.
const TERMINATOR: &str = "aws4_request";

/// Header with the session token.
const TOKEN_HEADER: &str = "x-amz-security-token";

/// A request as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Received<'r> {
    /// HTTP method, as sent.
    pub method: &'r str,
    /// Path and query as sent, not decoded: `/mcp?a=b`.
    pub target: &'r str,
    /// All headers, `host` included; repeated ones in order of arrival.
    pub headers: &'r http::HeaderMap,
    /// The whole body.
    pub body: &'r [u8],
}

/// What a service demands of signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Service in the credential scope, such as `execute-api`.
    pub service: String,
    /// Region in the credential scope, such as `us-east-1`.
    pub region: String,
    /// How far the clock of a client may be off, either way. Default 15 minutes.
    pub clock_skew: Duration,
    /// How paths are made canonical. Default [`PathStyle::Normalized`].
    pub path_style: PathStyle,
    /// Whether session tokens are signed. Default [`TokenStyle::Signed`].
    pub token_style: TokenStyle,
}

impl Rules {
    /// Those of most services.
    pub fn new(service: impl Into<String>, region: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            region: region.into(),
            clock_skew: Duration::from_secs(15 * 60),
            path_style: PathStyle::Normalized,
            token_style: TokenStyle::Signed,
        }
    }
}

/// How the path of a request is made canonical.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathStyle {
    /// Dot segments and empty segments go, and what is left is encoded once more.
    Normalized,
    /// The path stays as it is, as for S3.
    AsReceived,
}

/// Whether session tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenStyle {
    /// As all other `x-amz-` headers and parameters.
    Signed,
    /// They are put on the request after it was signed, as for AWS IoT.
    AddedAfterwards,
}
