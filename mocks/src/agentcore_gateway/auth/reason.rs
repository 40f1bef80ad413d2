//! Why a caller was not let in.

use super::iam::IamRefusal;

/// The check that failed. The service tells its callers nothing of it; the journal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::agentcore_gateway) enum Reason {
    /// There are no credentials.
    NoHeader,
    /// The credentials are of another scheme.
    NotBearer,
    /// It cannot be a token: several headers, no text, no token of the kind that is expected.
    Malformed,
    /// The signature does not verify.
    BadSignature,
    /// No key of the issuer has this id, or the token has none and it is not clear which key is meant.
    UnknownKid,
    /// The algorithm is none that the key may be used with.
    Algorithm,
    /// It is over, or does not say when it will be.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// Another issuer's.
    WrongIssuer,
    /// For another audience, or for none.
    WrongAudience,
    /// Another client's.
    WrongClient,
    /// A rule for a custom claim is not met.
    ClaimRule,
    /// A scope is missing.
    MissingScope,
    /// The keys of the issuer could not be had.
    KeysUnavailable,
    /// The token is good, but no longer wanted.
    Revoked,
    /// Not a token that the list has.
    UnknownToken,
}

impl Reason {
    /// As the journal notes it.
    pub(in crate::agentcore_gateway) fn id(self) -> &'static str {
        match self {
            Self::NoHeader => "no-header",
            Self::NotBearer => "not-bearer",
            Self::Malformed => "malformed",
            Self::BadSignature => "bad-signature",
            Self::UnknownKid => "unknown-kid",
            Self::Algorithm => "algorithm",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::WrongIssuer => "wrong-issuer",
            Self::WrongAudience => "wrong-audience",
            Self::WrongClient => "wrong-client",
            Self::ClaimRule => "claim-rule",
            Self::MissingScope => "missing-scope",
            Self::KeysUnavailable => "keys-unavailable",
            Self::Revoked => "revoked",
            Self::UnknownToken => "unknown-token",
        }
    }
}

/// A caller who is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agentcore_gateway) struct Refusal {
    pub(in crate::agentcore_gateway) told: Told,
    pub(in crate::agentcore_gateway) reason: Reason,
}

/// What the caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agentcore_gateway) enum Told {
    /// There is no bearer token.
    Missing,
    /// The token is no good for whatever reason.
    Invalid,
    /// The token is good, but these scopes are needed.
    InsufficientScope(Vec<String>),
    /// The signature of the request is no good, or its principal may not call.
    Iam(IamRefusal),
}

impl Refusal {
    /// No bearer token.
    pub(in crate::agentcore_gateway) fn missing(reason: Reason) -> Self {
        Self { told: Told::Missing, reason }
    }

    /// A token of too little scope.
    pub(in crate::agentcore_gateway) fn scopes(needed: Vec<String>) -> Self {
        Self { told: Told::InsufficientScope(needed), reason: Reason::MissingScope }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { told: Told::Invalid, reason }
    }
}
