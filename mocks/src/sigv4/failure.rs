//! Why a signature is refused.

use super::keys::Caller;

/// One thing that is checked, in the order in which failures are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// There is a signature.
    NoSignature,
    /// The credentials are a signature, not a bearer token or a password.
    OtherScheme,
    /// The signature can be read: every part is there once and is well formed.
    Malformed,
    /// The key is known.
    UnknownKey,
    /// The key has not ended.
    KeyExpired,
    /// The session token is the one issued with the key; without one there is none.
    SessionToken,
    /// There is a date.
    Date,
    /// The date of the credential scope is that of the request.
    ScopeDate,
    /// The signature is not too old.
    SignatureExpired,
    /// The signature is not of the future.
    NotYetCurrent,
    /// The credential scope names the region.
    Region,
    /// The credential scope names the service.
    Service,
    /// `host` and every `x-amz-` header are signed.
    HeaderNotSigned,
    /// Every signed header has arrived.
    HeaderMissing,
    /// `x-amz-content-sha256` is the hash of the body.
    PayloadHash,
    /// The signature is that of this request.
    Signature,
}

impl Check {
    /// Short name, as journals have it: `no-signature`, `wrong-region`.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::NoSignature => "no-signature",
            Self::OtherScheme => "not-a-signature",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown-key",
            Self::KeyExpired => "key-expired",
            Self::SessionToken => "session-token",
            Self::Date => "no-date",
            Self::ScopeDate => "scope-date",
            Self::SignatureExpired => "signature-expired",
            Self::NotYetCurrent => "not-yet-current",
            Self::Region => "wrong-region",
            Self::Service => "wrong-service",
            Self::HeaderNotSigned => "header-not-signed",
            Self::HeaderMissing => "header-missing",
            Self::PayloadHash => "payload-hash",
            Self::Signature => "bad-signature",
        }
    }
}

/// A check that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which one.
    pub check: Check,
    /// What AWS says of it, as far as that is published.
    pub message: String,
}

/// A request whose signature is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Every check that failed, in the order of [`Check`]; one check may fail in several ways. Never empty.
    pub failures: Vec<Failure>,
    /// Whose key the request names, if it is known.
    pub caller: Option<Caller>,
    /// The request in canonical form, as far as the signature could be read. Bytes that are not UTF-8 are replaced.
    pub canonical_request: Option<String>,
    /// What is to be signed.
    pub string_to_sign: Option<String>,
    /// The right signature, in hexadecimal digits, if the key is known. As good as a credential for this one request.
    pub expected_signature: Option<String>,
}

impl Rejection {
    /// Whether this check is among those that failed.
    #[must_use]
    pub fn failed(&self, check: Check) -> bool {
        self.failures.iter().any(|failure| failure.check == check)
    }

    /// Each check that failed, once.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        let mut checks: Vec<Check> = self.failures.iter().map(|failure| failure.check).collect();
        checks.dedup();
        checks
    }
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let messages: Vec<&str> = self.failures.iter().map(|failure| failure.message.trim_end()).collect();
        write!(f, "{}", messages.join("; "))
    }
}

impl std::error::Error for Rejection {}
