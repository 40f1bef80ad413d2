//! An issuer of tokens: a discovery document, a key set, and what it takes to sign.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gauntlet_mocks::MockHandle;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::KeyPair;
use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::requests::gateway;

pub(crate) const AUDIENCE: &str = "https://gateway.example/mcp";
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// A private key and what the world may know of it.
pub(crate) struct Signer {
    pub(crate) kid: &'static str,
    pub(crate) algorithm: Algorithm,
    key: EncodingKey,
    pub(crate) jwk: Value,
    pub(crate) public_pem: String,
}

pub(crate) static RSA: LazyLock<Signer> =
    LazyLock::new(|| Signer::new("rsa", Algorithm::RS256, &rcgen::PKCS_RSA_SHA256));
pub(crate) static P256: LazyLock<Signer> =
    LazyLock::new(|| Signer::new("p256", Algorithm::ES256, &rcgen::PKCS_ECDSA_P256_SHA256));
pub(crate) static P384: LazyLock<Signer> =
    LazyLock::new(|| Signer::new("p384", Algorithm::ES384, &rcgen::PKCS_ECDSA_P384_SHA384));
pub(crate) static ED25519: LazyLock<Signer> =
    LazyLock::new(|| Signer::new("ed25519", Algorithm::EdDSA, &rcgen::PKCS_ED25519));
/// In nobody's key set but its own.
pub(crate) static FOREIGN: LazyLock<Signer> =
    LazyLock::new(|| Signer::new("foreign", Algorithm::ES256, &rcgen::PKCS_ECDSA_P256_SHA256));

impl Signer {
    fn new(kid: &'static str, algorithm: Algorithm, kind: &'static rcgen::SignatureAlgorithm) -> Self {
        let pair = KeyPair::generate_for(kind).expect("a key");
        let pem = pair.serialize_pem();
        let key = match algorithm {
            Algorithm::RS256 => EncodingKey::from_rsa_pem(pem.as_bytes()),
            Algorithm::EdDSA => EncodingKey::from_ed_pem(pem.as_bytes()),
            _ => EncodingKey::from_ec_pem(pem.as_bytes()),
        };
        let key = key.expect("a key");
        let jwk = match algorithm {
            // A key made by this crate is in version 2 of its format, which the other one does not expect.
            Algorithm::EdDSA => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(pair.public_key_raw()) })
            }
            _ => serde_json::to_value(Jwk::from_encoding_key(&key, algorithm).expect("a public key")).expect("JSON"),
        };
        let mut jwk = jwk;
        jwk["kid"] = json!(kid);
        jwk["use"] = json!("sig");
        Self { kid, algorithm, key, jwk, public_pem: pair.public_key_pem() }
    }

    /// Header members over those that a proper token has; null removes.
    pub(crate) fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let mut whole = json!({ "alg": self.algorithm, "kid": self.kid, "typ": "JWT" });
        put(&mut whole, header);
        let signed = format!("{}.{}", part(&whole), part(claims));
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &self.key, self.algorithm).expect("a signature");
        format!("{signed}.{signature}")
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({}), claims)
    }
}

/// A token whose signature is a text.
pub(crate) fn unsigned(header: &Value, claims: &Value, signature: &str) -> String {
    format!("{}.{}.{signature}", part(header), part(claims))
}

/// A token signed with a secret.
pub(crate) fn hmac(kid: &str, claims: &Value, secret: &[u8]) -> String {
    let signed = format!("{}.{}", part(&json!({ "alg": "HS256", "kid": kid })), part(claims));
    let key = EncodingKey::from_secret(secret);
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).expect("a signature");
    format!("{signed}.{signature}")
}

pub(crate) fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Puts members over those of an object; null removes.
pub(crate) fn put(object: &mut Value, change: &Value) {
    let object = object.as_object_mut().expect("an object");
    for (name, value) in change.as_object().expect("an object") {
        match value {
            Value::Null => drop(object.remove(name)),
            value => drop(object.insert(name.clone(), value.clone())),
        }
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// What an issuer serves; tests change it.
#[derive(Default)]
pub(crate) struct Served {
    pub(crate) keys: Value,
    /// In place of the discovery document.
    pub(crate) discovery: Option<ResponseTemplate>,
    /// In place of the key set.
    pub(crate) key_set: Option<ResponseTemplate>,
}

/// A running issuer.
pub(crate) struct Issuer {
    server: MockServer,
    pub(crate) served: Arc<Mutex<Served>>,
    fetches: Arc<AtomicUsize>,
}

impl Issuer {
    pub(crate) async fn start(keys: &[&Signer]) -> Self {
        let server = MockServer::start().await;
        let keys: Vec<&Value> = keys.iter().map(|signer| &signer.jwk).collect();
        let served = Arc::new(Mutex::new(Served { keys: json!(keys), ..Served::default() }));
        let fetches = Arc::new(AtomicUsize::new(0));
        let issuer = server.uri();
        let discovery = {
            let served = Arc::clone(&served);
            move |_: &wiremock::Request| {
                let document = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/v1/keys") });
                let served = served.lock().expect("no test failed with it");
                served.discovery.clone().unwrap_or_else(|| ResponseTemplate::new(200).set_body_json(document))
            }
        };
        let key_set = {
            let (served, fetches) = (Arc::clone(&served), Arc::clone(&fetches));
            move |_: &wiremock::Request| {
                fetches.fetch_add(1, Ordering::SeqCst);
                let served = served.lock().expect("no test failed with it");
                let document = json!({ "keys": served.keys });
                served.key_set.clone().unwrap_or_else(|| ResponseTemplate::new(200).set_body_json(document))
            }
        };
        Mock::given(path(DISCOVERY)).respond_with(discovery).mount(&server).await;
        Mock::given(path("/v1/keys")).respond_with(key_set).mount(&server).await;
        Self { server, served, fetches }
    }

    pub(crate) fn url(&self) -> String {
        self.server.uri()
    }

    pub(crate) fn discovery_url(&self) -> String {
        format!("{}{DISCOVERY}", self.url())
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Served)) {
        change(&mut self.served.lock().expect("no test failed with it"));
    }

    /// How often the keys were fetched.
    pub(crate) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    /// The claims of a good token, with changes.
    pub(crate) fn claims(&self, change: &Value) -> Value {
        let mut claims = json!({
            "iss": self.url(),
            "sub": "alice",
            "aud": AUDIENCE,
            "client_id": "client-1",
            "scope": "openid gateway/invoke",
            "iat": now(),
            "exp": now() + 3600,
            "department": "sales",
            "groups": ["engineering", "on-call"],
            "roles": ["reader"],
        });
        put(&mut claims, change);
        claims
    }

    /// A good token.
    pub(crate) fn token(&self) -> String {
        RSA.sign(&self.claims(&json!({})))
    }

    /// A gateway that holds tokens against every rule there is, with members over that.
    pub(crate) async fn gateway(&self, change: &Value) -> MockHandle {
        let rule = |name: &str, kind: &str, operator: &str, wanted: Value| {
            json!({
                "inbound_token_claim_name": name,
                "inbound_token_claim_value_type": kind,
                "authorizing_claim_match_value": { "claim_match_operator": operator, "claim_match_value": wanted },
            })
        };
        let mut config = json!({
            "authorizer": "jwt",
            "discovery_url": self.discovery_url(),
            "allowed_audience": [AUDIENCE, "https://second.example/mcp"],
            "allowed_clients": ["client-1", "client-2"],
            "allowed_scopes": ["gateway/invoke"],
            "custom_claims": [
                rule("department", "STRING", "EQUALS", json!({ "match_value_string": "sales" })),
                rule("groups", "STRING_ARRAY", "CONTAINS", json!({ "match_value_string": "engineering" })),
                rule("roles", "STRING_ARRAY", "CONTAINS_ANY", json!({ "match_value_string_list": ["reader", "admin"] })),
            ],
        });
        put(&mut config, change);
        gateway(config).await
    }
}
