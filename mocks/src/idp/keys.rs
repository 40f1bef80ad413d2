//! Keys that sign tokens, and the forms in which they are published.
//!
//! Keys are made once per process and shared by all instances: an RSA key takes its time. No key is ever stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use serde::Deserialize;
use serde_json::Value;

/// Signature algorithm of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
pub(super) enum Alg {
    /// RSA with PKCS #1 v1.5 and SHA-256.
    #[default]
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
}

impl Alg {
    pub(super) const ALL: [Self; 2] = [Self::RS256, Self::ES256];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::ES256 => "ES256",
        }
    }

    pub(super) fn algorithm(self) -> Algorithm {
        match self {
            Self::RS256 => Algorithm::RS256,
            Self::ES256 => Algorithm::ES256,
        }
    }
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// Tokens of this generation; the one before the current is retired.
    Tokens(u32),
    /// Tokens that nobody should accept.
    Foreign,
    /// The client that proves itself with a key.
    Client,
}

/// A private key and what belongs to it.
pub(super) struct SigningKey {
    pub(super) kid: String,
    pub(super) alg: Alg,
    encoding: EncodingKey,
    /// The public key as the JWKS lists it.
    pub(super) jwk: Value,
    pub(super) public_pem: String,
    pub(super) private_pem: String,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).field("alg", &self.alg).finish_non_exhaustive()
    }
}

/// A key could not be made or used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("signing key: {0}")]
pub(super) struct KeyError(String);

type Pool = Mutex<HashMap<(Purpose, Alg), Arc<SigningKey>>>;

/// The key for a purpose, made if this process has none yet.
pub(super) fn key(purpose: Purpose, alg: Alg) -> Result<Arc<SigningKey>, KeyError> {
    static POOL: OnceLock<Pool> = OnceLock::new();
    let mut pool = POOL.get_or_init(Pool::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(key) = pool.get(&(purpose, alg)) {
        return Ok(Arc::clone(key));
    }
    let key = Arc::new(SigningKey::generate(alg).map_err(KeyError)?);
    pool.insert((purpose, alg), Arc::clone(&key));
    Ok(key)
}

impl SigningKey {
    fn generate(alg: Alg) -> Result<Self, String> {
        let pair = match alg {
            Alg::RS256 => KeyPair::generate_for(&PKCS_RSA_SHA256),
            Alg::ES256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        };
        let pair = pair.map_err(|error| error.to_string())?;
        let private_pem = pair.serialize_pem();
        let encoding = match alg {
            Alg::RS256 => EncodingKey::from_rsa_pem(private_pem.as_bytes()),
            Alg::ES256 => EncodingKey::from_ec_pem(private_pem.as_bytes()),
        };
        let encoding = encoding.map_err(|error| error.to_string())?;
        let jwk = Jwk::from_encoding_key(&encoding, alg.algorithm()).map_err(|error| error.to_string())?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|error| error.to_string())?;
        let mut jwk = serde_json::to_value(&jwk).map_err(|error| error.to_string())?;
        jwk["kid"] = Value::from(kid.as_str());
        jwk["use"] = Value::from("sig");
        Ok(Self { kid, alg, encoding, jwk, public_pem: pair.public_key_pem(), private_pem })
    }

    /// The signature of a message, base64url.
    pub(super) fn sign(&self, message: &str) -> Result<String, KeyError> {
        jsonwebtoken::crypto::sign(message.as_bytes(), &self.encoding, self.alg.algorithm())
            .map_err(|error| KeyError(error.to_string()))
    }
}

/// The HMAC of a message with a secret, base64url.
pub(super) fn hmac(message: &str, secret: &[u8]) -> Result<String, KeyError> {
    jsonwebtoken::crypto::sign(message.as_bytes(), &EncodingKey::from_secret(secret), Algorithm::HS256)
        .map_err(|error| KeyError(error.to_string()))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::DecodingKey;

    use super::*;

    #[test]
    fn keys_verify_what_they_sign_and_are_made_once() {
        for alg in Alg::ALL {
            let key = key(Purpose::Tokens(1), alg).expect("a key");
            let signature = key.sign("message").expect("a signature");
            let jwk: Jwk = serde_json::from_value(key.jwk.clone()).expect("a JWK");
            let public = DecodingKey::from_jwk(&jwk).expect("a public key");
            let verified = jsonwebtoken::crypto::verify(&signature, b"message", &public, alg.algorithm());
            assert!(verified.expect("comparable"));
            let other = jsonwebtoken::crypto::verify(&signature, b"massage", &public, alg.algorithm());
            assert!(!other.expect("comparable"));
            assert_eq!(super::key(Purpose::Tokens(1), alg).expect("a key").kid, key.kid);
            assert_ne!(super::key(Purpose::Foreign, alg).expect("a key").kid, key.kid);
            assert!(!key.jwk.to_string().contains("\"d\""), "a private key is published: {}", key.jwk);
        }
    }
}
