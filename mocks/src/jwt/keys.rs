//! The keys of an issuer: a JSON Web Key Set (RFC 7517).

use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

/// Most keys of a set.
const MOST_KEYS: usize = 1_000;

/// Keys with the same id and algorithm that are tried.
const MOST_TRIED: usize = 4;

/// Public keys for signatures.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeySet(Vec<Key>);

/// A public key.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) kid: Option<String>,
    pub(crate) material: Material,
    /// The only algorithm that it may be used with, if it says so.
    algorithm: Option<Algorithm>,
}

/// The public numbers of a key, in Base64 as they stand in the set.
#[derive(Debug, Clone)]
pub(crate) enum Material {
    Rsa { n: String, e: String },
    P256 { x: String, y: String },
    P384 { x: String, y: String },
    Ed25519 { x: String },
}

/// What came of looking for a key.
pub(crate) enum Found<'k> {
    /// These may have signed.
    Keys(Vec<&'k Key>),
    /// No key has the id.
    UnknownKid,
    /// The key is none for the algorithm.
    Algorithm,
}

impl KeySet {
    /// Reads a set. Keys that cannot verify signatures are left out.
    pub(crate) fn parse(document: &Value) -> Result<Self, String> {
        let keys = document.get("keys").and_then(Value::as_array).ok_or("the key set has no list `keys`")?;
        if keys.len() > MOST_KEYS {
            return Err(format!("the key set has {} keys, more than {MOST_KEYS}", keys.len()));
        }
        Ok(Self(keys.iter().filter_map(Key::parse).collect()))
    }

    /// Whether a key has this id.
    pub(crate) fn knows(&self, kid: &str) -> bool {
        self.with_id(kid).next().is_some()
    }

    fn with_id<'k>(&'k self, kid: &'k str) -> impl Iterator<Item = &'k Key> {
        self.0.iter().filter(move |key| key.kid.as_deref() == Some(kid))
    }

    /// The keys that may have signed. A token that names none is taken only if there is no doubt which one is meant.
    pub(crate) fn find<'k>(&'k self, kid: Option<&'k str>, algorithm: Algorithm) -> Found<'k> {
        let Some(kid) = kid else {
            let mut fitting = self.0.iter().filter(|key| key.allows(algorithm));
            return match (fitting.next(), fitting.next()) {
                (Some(only), None) => Found::Keys(vec![only]),
                _ => Found::UnknownKid,
            };
        };
        if !self.knows(kid) {
            return Found::UnknownKid;
        }
        let keys: Vec<&Key> = self.with_id(kid).filter(|key| key.allows(algorithm)).take(MOST_TRIED).collect();
        if keys.is_empty() { Found::Algorithm } else { Found::Keys(keys) }
    }

    /// The first key for an algorithm.
    pub(crate) fn first_for(&self, algorithm: Algorithm) -> Option<&Key> {
        self.0.iter().find(|key| key.allows(algorithm))
    }

    /// The key with an id, else the first.
    pub(crate) fn any(&self, kid: Option<&str>) -> Option<&Key> {
        kid.and_then(|kid| self.0.iter().find(|key| key.kid.as_deref() == Some(kid))).or_else(|| self.0.first())
    }
}

impl Key {
    /// Reads a key; none if it cannot verify signatures. A symmetric key never does: it would be public.
    pub(crate) fn parse(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let number = |name: &str| text(name).map(str::to_owned);
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let material = match (text("kty")?, text("crv")) {
            ("RSA", _) => Material::Rsa { n: number("n")?, e: number("e")? },
            ("EC", Some("P-256")) => Material::P256 { x: number("x")?, y: number("y")? },
            ("EC", Some("P-384")) => Material::P384 { x: number("x")?, y: number("y")? },
            ("OKP", Some("Ed25519")) => Material::Ed25519 { x: number("x")? },
            _ => return None,
        };
        let algorithm = match text("alg") {
            None => None,
            Some(name) => Some(name.parse().ok()?),
        };
        Some(Self { kid: text("kid").map(str::to_owned), material, algorithm })
    }

    /// Whether the kind of the key and its own word allow an algorithm.
    pub(crate) fn allows(&self, algorithm: Algorithm) -> bool {
        let by_kind = match self.material {
            Material::Rsa { .. } => matches!(
                algorithm,
                Algorithm::RS256
                    | Algorithm::RS384
                    | Algorithm::RS512
                    | Algorithm::PS256
                    | Algorithm::PS384
                    | Algorithm::PS512
            ),
            Material::P256 { .. } => algorithm == Algorithm::ES256,
            Material::P384 { .. } => algorithm == Algorithm::ES384,
            Material::Ed25519 { .. } => algorithm == Algorithm::EdDSA,
        };
        by_kind && self.algorithm.is_none_or(|only| only == algorithm)
    }

    /// Whether the key made a signature (in Base64) of a text, with an algorithm that it allows.
    pub(crate) fn verifies(&self, signed: &str, signature: &str, algorithm: Algorithm) -> bool {
        let key = match &self.material {
            Material::Rsa { n, e } => DecodingKey::from_rsa_components(n, e),
            Material::P256 { x, y } | Material::P384 { x, y } => DecodingKey::from_ec_components(x, y),
            Material::Ed25519 { x } => DecodingKey::from_ed_components(x),
        };
        self.allows(algorithm)
            && key
                .and_then(|key| jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &key, algorithm))
                .is_ok_and(|verified| verified)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_that_verify_nothing_are_left_out() {
        let set = KeySet::parse(&json!({ "keys": [
            { "kty": "oct", "kid": "secret", "k": "AAAA" },
            { "kty": "RSA", "kid": "encryption", "use": "enc", "n": "AQAB", "e": "AQAB" },
            { "kty": "RSA", "kid": "oaep", "alg": "RSA-OAEP", "n": "AQAB", "e": "AQAB" },
            { "kty": "EC", "kid": "other-curve", "crv": "P-521", "x": "AA", "y": "AA" },
            { "kid": "no kind" }, null, 7, "text",
            { "kty": "RSA", "kid": "good", "n": "AQAB", "e": "AQAB" },
        ] }));
        let set = set.expect("a set");
        assert_eq!(set.0.len(), 1);
        assert!(set.knows("good"));
    }

    #[test]
    fn the_algorithm_comes_from_the_key() {
        let key = |value: Value| Key::parse(&value).expect("a key");
        let rsa = key(json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }));
        assert!(rsa.allows(Algorithm::RS256) && rsa.allows(Algorithm::PS512));
        assert!(!rsa.allows(Algorithm::HS256) && !rsa.allows(Algorithm::ES256));
        let only = key(json!({ "kty": "RSA", "alg": "RS256", "n": "AQAB", "e": "AQAB" }));
        assert!(only.allows(Algorithm::RS256) && !only.allows(Algorithm::RS384));
        let curve = key(json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }));
        assert!(curve.allows(Algorithm::ES256) && !curve.allows(Algorithm::ES384));
    }

    #[test]
    fn a_token_without_key_id_needs_a_single_key() {
        let key = |kid: &str| json!({ "kty": "RSA", "kid": kid, "n": "AQAB", "e": "AQAB" });
        let one = KeySet::parse(&json!({ "keys": [key("a")] })).expect("a set");
        assert!(matches!(one.find(None, Algorithm::RS256), Found::Keys(keys) if keys.len() == 1));
        assert!(matches!(one.find(None, Algorithm::ES256), Found::UnknownKid));
        let two = KeySet::parse(&json!({ "keys": [key("a"), key("b")] })).expect("a set");
        assert!(matches!(two.find(None, Algorithm::RS256), Found::UnknownKid));
        assert!(matches!(two.find(Some("b"), Algorithm::RS256), Found::Keys(_)));
        assert!(matches!(two.find(Some("b"), Algorithm::ES256), Found::Algorithm));
    }

    #[test]
    fn sets_are_bounded_and_hostile_keys_verify_nothing() {
        let key = json!({ "kty": "RSA", "kid": "a", "n": "not base64 !", "e": "" });
        let many = vec![key.clone(); MOST_KEYS + 1];
        assert!(KeySet::parse(&json!({ "keys": many })).is_err());
        for document in [json!(null), json!([]), json!({}), json!({ "keys": {} })] {
            assert!(KeySet::parse(&document).is_err(), "{document}");
        }
        for value in [
            key,
            json!({ "kty": "RSA", "n": "", "e": "" }),
            json!({ "kty": "RSA", "n": "A".repeat(100_000), "e": "AQAB" }),
            json!({ "kty": "EC", "crv": "P-256", "x": "", "y": "" }),
            json!({ "kty": "EC", "crv": "P-384", "x": "AAAA", "y": "AAAA" }),
            json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA" }),
        ] {
            let key = Key::parse(&value).expect("a key");
            for algorithm in [Algorithm::RS256, Algorithm::PS384, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA]
            {
                for signature in ["", "AAAA", "%%%", &"A".repeat(1_000)] {
                    assert!(!key.verifies("a.b", signature, algorithm), "{value}");
                }
            }
        }
    }
}
