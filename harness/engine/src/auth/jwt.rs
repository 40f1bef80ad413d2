//! JSON Web Tokens signed by a key of the user's: assertions of a client (RFC 7523), and tokens for a target that trusts
//! the key (`auth: { jwt: … }`).

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Map, Value, json};

use super::oauth::known;
use crate::transcript::secrets::Secrets;

/// Seconds that a token is valid unless its claims say otherwise.
const LIFETIME: u64 = 300;

/// Algorithms by key type, the default of each type first.
const ALGORITHMS: [(&str, Algorithm); 6] = [
    ("RS256", Algorithm::RS256),
    ("PS256", Algorithm::PS256),
    ("RS512", Algorithm::RS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// A private key and how it signs.
#[derive(Clone)]
pub(crate) struct JwtKey {
    key: EncodingKey,
    name: &'static str,
    algorithm: Algorithm,
    kid: Option<String>,
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtKey").field("alg", &self.name).field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl JwtKey {
    /// A key from PEM: PKCS #8, or PKCS #1 for RSA. Without `alg` the key's type decides: RS256, ES256 (ES384 on P-384),
    /// EdDSA.
    ///
    /// # Errors
    /// One sentence when it is no private key, or not one for the algorithm. It never repeats the key.
    pub(crate) fn from_pem(pem: &str, alg: Option<&str>, kid: Option<String>) -> Result<Self, String> {
        if !pem.contains("PRIVATE KEY-----") {
            return Err("this is no private key in PEM (-----BEGIN PRIVATE KEY-----)".to_owned());
        }
        if pem.contains("BEGIN EC PRIVATE KEY") {
            return Err(
                "an elliptic-curve key is needed in PKCS #8; convert it by `openssl pkcs8 -topk8 -nocrypt`".to_owned()
            );
        }
        if pem.contains("BEGIN ENCRYPTED PRIVATE KEY") {
            return Err("the key is encrypted; it is needed in the clear, as by `openssl pkcs8 -nocrypt`".to_owned());
        }
        let names = || ALGORITHMS.map(|(name, _)| name).join(", ");
        if let Some(alg) = alg
            && !ALGORITHMS.iter().any(|(name, _)| *name == alg)
        {
            return Err(format!("`{alg}` is not an algorithm that can sign here; these can: {}", names()));
        }
        let bytes = pem.as_bytes();
        let key = EncodingKey::from_rsa_pem(bytes)
            .or_else(|_| EncodingKey::from_ec_pem(bytes))
            .or_else(|_| EncodingKey::from_ed_pem(bytes))
            .map_err(|_| "this is no RSA, elliptic-curve or Ed25519 key in PKCS #8 (or PKCS #1 for RSA)".to_owned())?;
        // Signing once tells whether the key is whole and of the algorithm's size or curve.
        let fits = |(_, algorithm): &&(&str, Algorithm)| {
            algorithm.family() == key.family() && crypto::sign(b"", &key, *algorithm).is_ok()
        };
        match ALGORITHMS.iter().filter(|(name, _)| alg.is_none_or(|alg| alg == *name)).find(fits) {
            Some((name, algorithm)) => Ok(Self { key, name, algorithm: *algorithm, kid }),
            None => Err(match alg {
                Some(alg) => format!("the key cannot sign with {alg}; is it of another type, curve or size?"),
                None => format!("the key cannot sign with any of {}", names()),
            }),
        }
    }

    /// Signs the claims. `header` is laid over `alg`, `typ` and `kid`; a null removes a member. The signature is the
    /// key's own whatever the header says, so that a header can lie.
    ///
    /// # Errors
    /// One sentence when signing fails.
    pub(crate) fn sign(&self, header: &Map<String, Value>, claims: &Map<String, Value>) -> Result<String, String> {
        let mut own = Map::new();
        own.insert("alg".to_owned(), self.name.into());
        own.insert("typ".to_owned(), "JWT".into());
        if let Some(kid) = &self.kid {
            own.insert("kid".to_owned(), kid.clone().into());
        }
        lay_over(&mut own, header);
        let part = |object: Map<String, Value>| URL_SAFE_NO_PAD.encode(Value::Object(object).to_string());
        let message = format!("{}.{}", part(own), part(claims.clone()));
        let signature = crypto::sign(message.as_bytes(), &self.key, self.algorithm)
            .map_err(|e| format!("the key cannot sign with {}: {e}", self.name))?;
        Ok(format!("{message}.{signature}"))
    }
}

fn lay_over(own: &mut Map<String, Value>, members: &Map<String, Value>) {
    for (name, value) in members {
        if value.is_null() {
            own.shift_remove(name);
        } else {
            own.insert(name.clone(), value.clone());
        }
    }
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// `auth: { jwt: { key, alg, kid, claims, header } }`: makes tokens for a target that trusts the key.
#[derive(Debug, Clone)]
pub(crate) struct JwtMint {
    key: JwtKey,
    claims: Map<String, Value>,
    header: Map<String, Value>,
}

impl JwtMint {
    /// From the value of `jwt`, variables resolved. `key` is a private key in PEM.
    ///
    /// # Errors
    /// One sentence that names the member.
    pub(crate) fn from_value(value: &Value, secrets: &Secrets) -> Result<Self, String> {
        let object = value.as_object().ok_or("`auth.jwt` is a mapping with `key` and `claims`")?;
        known(object, &["key", "alg", "kid", "claims", "header"], "auth.jwt")?;
        let text = |name: &str| match object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("`auth.jwt.{name}` is a string")),
        };
        let mapping = |name: &str| match object.get(name) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(members)) => Ok(members.clone()),
            Some(_) => Err(format!("`auth.jwt.{name}` is a mapping")),
        };
        let pem = text("key")?.ok_or("`auth.jwt` needs `key`, a private key in PEM")?;
        secrets.add("private_key", &pem);
        let key = JwtKey::from_pem(&pem, text("alg")?.as_deref(), text("kid")?)
            .map_err(|why| format!("`auth.jwt.key`: {why}"))?;
        Ok(Self { key, claims: mapping("claims")?, header: mapping("header")? })
    }

    /// A token. `iat` and `exp` (five minutes) are added unless the claims name them; null leaves a claim out.
    ///
    /// # Errors
    /// One sentence when signing fails.
    pub(crate) fn token(&self, secrets: &Secrets) -> Result<String, String> {
        let now = unix_now();
        let mut claims = Map::new();
        claims.insert("iat".to_owned(), json!(now));
        claims.insert("exp".to_owned(), json!(now + LIFETIME));
        lay_over(&mut claims, &self.claims);
        let token = self.key.sign(&self.header, &claims)?;
        secrets.add("token", &token);
        Ok(token)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode};
    use rcgen::{
        KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, SignatureAlgorithm,
    };

    use super::*;

    fn pair(algorithm: &'static SignatureAlgorithm) -> KeyPair {
        KeyPair::generate_for(algorithm).unwrap()
    }

    fn decoding(key: &KeyPair, algorithm: Algorithm) -> DecodingKey {
        let pem = key.public_key_pem();
        match algorithm {
            Algorithm::ES256 | Algorithm::ES384 => DecodingKey::from_ec_pem(pem.as_bytes()),
            Algorithm::EdDSA => DecodingKey::from_ed_pem(pem.as_bytes()),
            _ => DecodingKey::from_rsa_pem(pem.as_bytes()),
        }
        .unwrap()
    }

    fn part(token: &str, at: usize) -> Map<String, Value> {
        let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn each_type_of_key_signs_with_its_algorithms() {
        let rsa = pair(&PKCS_RSA_SHA256);
        let (p256, p384, ed) = (pair(&PKCS_ECDSA_P256_SHA256), pair(&PKCS_ECDSA_P384_SHA384), pair(&PKCS_ED25519));
        for (key, alg, expected) in [
            (&rsa, None, Algorithm::RS256),
            (&rsa, Some("RS256"), Algorithm::RS256),
            (&rsa, Some("PS256"), Algorithm::PS256),
            (&p256, None, Algorithm::ES256),
            (&p384, None, Algorithm::ES384),
            (&p256, Some("ES256"), Algorithm::ES256),
            (&ed, None, Algorithm::EdDSA),
        ] {
            let own = JwtKey::from_pem(&key.serialize_pem(), alg, Some("k".to_owned())).unwrap();
            let mut claims = Map::new();
            claims.insert("exp".to_owned(), json!(unix_now() + 60));
            let token = own.sign(&Map::new(), &claims).unwrap();
            let decoded = decode::<Value>(&token, &decoding(key, expected), &Validation::new(expected)).unwrap();
            assert_eq!((decoded.header.alg, decoded.header.kid.as_deref()), (expected, Some("k")));
            let other = match expected {
                Algorithm::ES384 => pair(&PKCS_ECDSA_P384_SHA384),
                Algorithm::ES256 => pair(&PKCS_ECDSA_P256_SHA256),
                Algorithm::EdDSA => pair(&PKCS_ED25519),
                _ => pair(&PKCS_RSA_SHA256),
            };
            assert!(decode::<Value>(&token, &decoding(&other, expected), &Validation::new(expected)).is_err());
        }
    }

    #[test]
    fn keys_that_cannot_sign_are_refused_without_being_shown() {
        let p256 = pair(&PKCS_ECDSA_P256_SHA256);
        let whole = p256.serialize_pem();
        let cut: String = whole.lines().filter(|line| !line.starts_with("MIG")).map(|l| format!("{l}\n")).collect();
        for (pem, alg, part) in [
            (whole.as_str(), Some("ES384"), "ES384"),
            (&whole, Some("RS256"), "RS256"),
            (&whole, Some("HS256"), "HS256"),
            (&whole, Some("none"), "none"),
            (&p256.public_key_pem(), None, "private key"),
            ("hunter2", None, "PEM"),
            ("-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----", None, "openssl"),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----", None, "encrypted"),
            ("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----", None, "PKCS #8"),
            (&cut, None, "PKCS #8"),
        ] {
            let error = JwtKey::from_pem(pem, alg, None).unwrap_err();
            assert!(error.contains(part), "{error}");
            assert!(!error.contains("hunter2"));
        }
        let own = JwtKey::from_pem(&whole, None, None).unwrap();
        assert_eq!(format!("{own:?}"), "JwtKey { alg: \"ES256\", kid: None, .. }");
    }

    fn mint(extra: &Value) -> Result<String, String> {
        let mut value = json!({ "key": pair(&PKCS_ED25519).serialize_pem() });
        value.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        JwtMint::from_value(&value, &Secrets::default()).and_then(|mint| mint.token(&Secrets::default()))
    }

    #[test]
    fn a_minted_token_has_times_unless_the_claims_say_otherwise() {
        let claims = part(&mint(&json!({ "claims": { "sub": "u" } })).unwrap(), 1);
        assert_eq!(claims["sub"], "u");
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), LIFETIME);
        let claims = part(&mint(&json!({ "claims": { "exp": 5, "iat": null } })).unwrap(), 1);
        assert_eq!((claims.get("iat"), claims.len()), (None, 1));
        assert_eq!(claims["exp"], 5);
    }

    #[test]
    fn a_header_can_lie() {
        let token = mint(&json!({ "kid": "k1", "header": { "alg": "none", "typ": null, "crit": ["x"] } })).unwrap();
        let header = part(&token, 0);
        assert_eq!((&header["alg"], &header["kid"], &header["crit"]), (&json!("none"), &json!("k1"), &json!(["x"])));
        assert_eq!(header.get("typ"), None);
        assert!(!token.ends_with('.'), "the signature is there all the same");
    }

    #[test]
    fn a_minted_token_and_its_key_are_secrets() {
        let secrets = Secrets::default();
        let pem = pair(&PKCS_ED25519).serialize_pem();
        let token = JwtMint::from_value(&json!({ "key": pem }), &secrets).unwrap().token(&secrets).unwrap();
        assert_eq!(secrets.redactor().redact(&format!("Bearer {token}")), "Bearer ${token}");
        assert_eq!(secrets.redactor().redact(&pem), "${private_key}");
    }

    #[test]
    fn a_mistake_in_the_configuration_names_the_member() {
        let secrets = Secrets::default();
        for (value, part) in [
            (json!("x"), "`auth.jwt`"),
            (json!({}), "`key`"),
            (json!({ "kye": "x" }), "did you mean `key`?"),
            (json!({ "key": 1 }), "`auth.jwt.key`"),
            (json!({ "key": "x" }), "`auth.jwt.key`"),
            (json!({ "key": "x", "claims": [] }), "PEM"),
        ] {
            let error = JwtMint::from_value(&value, &secrets).unwrap_err();
            assert!(error.contains(part), "{value}: {error}");
        }
        assert!(mint(&json!({ "claims": [] })).is_err_and(|e| e.contains("`auth.jwt.claims`")));
        assert!(mint(&json!({ "header": 1 })).is_err_and(|e| e.contains("`auth.jwt.header`")));
    }
}
