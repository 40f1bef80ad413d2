//! Signatures: which algorithms, which key.

use jsonwebtoken::{Algorithm, DecodingKey};

use super::public_key;
use crate::agentcore_gateway::auth::reason::Reason;
use crate::agentcore_gateway::defects::GatewayDefect;
use crate::agentcore_gateway::state::State;
use crate::jwt::{Found, Key, KeySet, Token};

/// What a token says of its signature, as far as it is acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signing {
    /// Made with a private key.
    Asymmetric(Algorithm),
    /// Made with a secret. There is none.
    Hmac(Algorithm),
    /// Not signed.
    Unsigned,
}

impl State {
    /// The algorithm of a token, from those that can ever be right.
    pub(super) fn acceptable_algorithm(&self, token: &Token<'_>) -> Result<Signing, Reason> {
        if token.algorithm.eq_ignore_ascii_case("none") {
            let accepted = self.shows(GatewayDefect::AlgNoneAccepted) && token.signature.is_empty();
            return if accepted { Ok(Signing::Unsigned) } else { Err(Reason::Algorithm) };
        }
        let algorithm: Algorithm = token.algorithm.parse().map_err(|_| Reason::Algorithm)?;
        match algorithm {
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
                match self.shows(GatewayDefect::HmacWithPublicKeyAccepted) {
                    true => Ok(Signing::Hmac(algorithm)),
                    false => Err(Reason::Algorithm),
                }
            }
            _ => Ok(Signing::Asymmetric(algorithm)),
        }
    }

    /// Whether one of the keys made the signature.
    pub(super) fn check_signature(&self, token: &Token<'_>, signing: Signing, keys: &KeySet) -> Result<(), Reason> {
        let algorithm = match signing {
            Signing::Unsigned => return Ok(()),
            Signing::Hmac(algorithm) => {
                let key = keys.any(token.kid.as_deref()).ok_or(Reason::UnknownKid)?;
                return verified(is_hmac_of(token, key, algorithm));
            }
            Signing::Asymmetric(algorithm) => algorithm,
        };
        let verifies = |key: &Key| key.verifies(token.signed, token.signature, algorithm);
        if self.shows(GatewayDefect::EmbeddedKeyAccepted)
            && token.jwk.as_ref().and_then(Key::parse).is_some_and(|key| verifies(&key))
        {
            return Ok(());
        }
        let candidates = match keys.find(token.kid.as_deref(), algorithm) {
            Found::Keys(keys) => keys,
            Found::UnknownKid if self.shows(GatewayDefect::UnknownKidUsesFirstKey) => {
                keys.first_for(algorithm).into_iter().collect()
            }
            Found::UnknownKid => return Err(Reason::UnknownKid),
            Found::Algorithm => return Err(Reason::Algorithm),
        };
        if self.shows(GatewayDefect::SignatureNotVerified) {
            return Ok(());
        }
        verified(candidates.into_iter().any(verifies))
    }
}

fn verified(verified: bool) -> Result<(), Reason> {
    if verified { Ok(()) } else { Err(Reason::BadSignature) }
}

/// Whether the public key served as the secret, in any of the forms in which libraries take a key.
fn is_hmac_of(token: &Token<'_>, key: &Key, algorithm: Algorithm) -> bool {
    public_key::forms(&key.material).iter().any(|secret| {
        let secret = DecodingKey::from_secret(secret);
        jsonwebtoken::crypto::verify(token.signature, token.signed.as_bytes(), &secret, algorithm)
            .is_ok_and(|verified| verified)
    })
}
