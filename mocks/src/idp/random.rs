//! Values that cannot be guessed, and values that follow from others.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// A value with 244 random bits, base64url: codes, refresh tokens, secrets, sessions.
pub(super) fn secret() -> String {
    let (left, right) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    URL_SAFE_NO_PAD.encode([*left.as_bytes(), *right.as_bytes()].concat())
}

/// `BASE64URL(SHA256(text))`: the S256 challenge of a verifier (RFC 7636, section 4.2).
pub(super) fn s256(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

/// The left half of the SHA-256, base64url: `at_hash` (OpenID Connect Core, section 3.1.3.6).
pub(super) fn half_hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..16])
}

/// The same UUID for the same text.
pub(super) fn uuid_of(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_specification() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(s256(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn secrets_differ_and_derived_values_do_not() {
        assert_ne!(secret(), secret());
        assert_eq!(secret().len(), 43);
        assert_eq!(uuid_of("alice"), uuid_of("alice"));
        assert_ne!(uuid_of("alice"), uuid_of("bob"));
    }
}
