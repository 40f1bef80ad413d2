//! Whether an issuer signed a token.

use jsonwebtoken::Algorithm;

use super::keys::{Found, KeySet};
use super::token::Token;

/// Why a signature is no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignatureProblem {
    /// The algorithm is none, unknown, one with a secret, or none that the key may be used with.
    Algorithm,
    /// No key has the id of the token, or it has none and it is not clear which key is meant.
    UnknownKid,
    /// None of the keys made it.
    BadSignature,
}

impl Token<'_> {
    /// Whether one of the keys signed the token, with an algorithm for which the issuer published it.
    pub(crate) fn is_signed_by(&self, keys: &KeySet) -> Result<(), SignatureProblem> {
        let algorithm: Algorithm = self.algorithm.parse().map_err(|_| SignatureProblem::Algorithm)?;
        if matches!(algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) {
            return Err(SignatureProblem::Algorithm);
        }
        match keys.find(self.kid.as_deref(), algorithm) {
            Found::UnknownKid => Err(SignatureProblem::UnknownKid),
            Found::Algorithm => Err(SignatureProblem::Algorithm),
            Found::Keys(keys) => match keys.iter().any(|key| key.verifies(self.signed, self.signature, algorithm)) {
                true => Ok(()),
                false => Err(SignatureProblem::BadSignature),
            },
        }
    }
}
