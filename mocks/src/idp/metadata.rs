//! Metadata (RFC 8414, OpenID Connect Discovery) and the key set (RFC 7517).

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::clients::{AuthMethod, Grant};
use super::defects::IdpDefect;
use super::keys::{self, Alg, KeyError, Purpose, SigningKey};
use super::site::Endpoint;
use super::state::State;
use super::wire::Reply;

/// Padding of a document that is too large.
const HUGE: usize = 4 << 20;
/// Keys of a set that is too large.
const MANY_KEYS: usize = 5000;
/// An origin that is not ours.
pub(super) const FOREIGN_ORIGIN: &str = "http://elsewhere.example.com";

impl State {
    /// The answer of a metadata URL.
    pub(super) fn metadata(&self, path: &str) -> Reply {
        if self.shows(IdpDefect::MetadataMissing) {
            return Reply::empty(404);
        }
        if self.shows(IdpDefect::MetadataRedirects) {
            return Reply::redirect(302, path);
        }
        if self.shows(IdpDefect::MetadataNotJson) {
            return Reply::text(200, "text/html", "<!doctype html><title>Sign in</title><p>Please sign in.</p>");
        }
        let mut document = self.metadata_document();
        if self.shows(IdpDefect::MetadataHuge) {
            document.insert("padding".to_owned(), Value::from("x".repeat(HUGE)));
        }
        Reply::json(200, &Value::Object(document))
    }

    fn metadata_document(&self) -> Map<String, Value> {
        let config = &self.settled.config;
        let site = self.site();
        let mut document = Map::new();
        let mut put = |name: &str, value: Value| {
            document.insert(name.to_owned(), value);
        };
        put("issuer", Value::from(self.advertised_issuer()));
        for (name, endpoint) in [
            ("authorization_endpoint", Endpoint::Authorize),
            ("token_endpoint", Endpoint::Token),
            ("userinfo_endpoint", Endpoint::Userinfo),
            ("revocation_endpoint", Endpoint::Revoke),
            ("introspection_endpoint", Endpoint::Introspect),
            ("registration_endpoint", Endpoint::Register),
        ] {
            let offered = endpoint != Endpoint::Register || config.registration;
            let lost = matches!(endpoint, Endpoint::Authorize | Endpoint::Token)
                && self.shows(IdpDefect::MetadataEndpointsMissing);
            if offered && !lost {
                put(name, Value::from(self.advertised_url(endpoint)));
            }
        }
        put("jwks_uri", Value::from(site.url(Endpoint::Jwks)));
        if !self.shows(IdpDefect::ResponseTypesMissing) {
            put("response_types_supported", json!(["code"]));
        }
        put("response_modes_supported", json!(["query"]));
        put("grant_types_supported", json!(Grant::ALL.map(Grant::name)));
        let methods = AuthMethod::ALL.map(AuthMethod::name);
        put("token_endpoint_auth_methods_supported", json!(methods));
        put("token_endpoint_auth_signing_alg_values_supported", json!(Alg::ALL.map(Alg::name)));
        put("revocation_endpoint_auth_methods_supported", json!(methods));
        put("introspection_endpoint_auth_methods_supported", json!(methods));
        if config.advertise_pkce && !self.shows(IdpDefect::PkceNotAdvertised) {
            let methods: Vec<&str> = match self.shows(IdpDefect::OnlyPlainAdvertised) {
                true => vec!["plain"],
                false => config.pkce_methods.iter().map(|method| method.name()).collect(),
            };
            put("code_challenge_methods_supported", json!(methods));
        }
        put("scopes_supported", json!(config.scopes));
        put("claims_supported", json!(["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "name", "email"]));
        put("subject_types_supported", json!(["public"]));
        put("id_token_signing_alg_values_supported", json!(Alg::ALL.map(Alg::name)));
        put("request_parameter_supported", Value::from(false));
        put("request_uri_parameter_supported", Value::from(false));
        if config.iss {
            put("authorization_response_iss_parameter_supported", Value::from(true));
        }
        if config.cimd {
            put("client_id_metadata_document_supported", Value::from(true));
        }
        for (name, value) in &config.metadata {
            if value.is_null() {
                document.shift_remove(name);
            } else {
                document.insert(name.clone(), value.clone());
            }
        }
        document
    }

    fn advertised_issuer(&self) -> String {
        let issuer = self.site().issuer();
        if self.shows(IdpDefect::IssuerDiffers) {
            return format!("{FOREIGN_ORIGIN}/issuer");
        }
        match self.shows(IdpDefect::IssuerWithSlash) {
            true => format!("{issuer}/"),
            false => issuer,
        }
    }

    fn advertised_url(&self, endpoint: Endpoint) -> String {
        let site = self.site();
        if self.shows(IdpDefect::MetadataEndpointsForeign) {
            return format!("{FOREIGN_ORIGIN}{}", site.path(endpoint));
        }
        match self.shows(IdpDefect::MetadataEndpointsFile) {
            true => format!("file://{}", site.path(endpoint)),
            false => site.url(endpoint),
        }
    }

    /// The answer of the key set's URL.
    pub(super) fn jwks(&self) -> Reply {
        if self.shows(IdpDefect::JwksNotJson) {
            return Reply::text(200, "text/html", "<!doctype html><title>Keys</title><p>No keys here.</p>");
        }
        let published = match self.published_keys() {
            Ok(published) => published,
            Err(error) => return Reply::text(500, "text/plain", error.to_string()),
        };
        let keys: Vec<Value> = published.iter().map(|key| key.jwk.clone()).collect();
        let keys = match (self.shows(IdpDefect::JwksEmpty), self.shows(IdpDefect::JwksHuge)) {
            (true, _) => Vec::new(),
            (false, true) => decoys(&keys).chain(keys.iter().cloned()).collect(),
            (false, false) => keys,
        };
        Reply::json(200, &json!({ "keys": keys }))
    }

    /// The keys that the key set holds, the current ones first.
    fn published_keys(&self) -> Result<Vec<Arc<SigningKey>>, KeyError> {
        let keys = self.settled.config.keys;
        let oldest = keys.generation.saturating_sub(keys.retired);
        let mut published = Vec::new();
        for generation in (oldest..=keys.generation).rev() {
            for alg in Alg::ALL {
                published.push(keys::key(Purpose::Tokens(generation), alg)?);
            }
        }
        Ok(published)
    }
}

/// Keys that nobody signs with.
fn decoys(keys: &[Value]) -> impl Iterator<Item = Value> {
    let first = keys.first().cloned().unwrap_or_default();
    (0..MANY_KEYS).map(move |number| {
        let mut key = first.clone();
        key["kid"] = Value::from(format!("decoy-{number}"));
        // Another modulus of the same length.
        if let Some(n) = key.get("n").and_then(Value::as_str) {
            key["n"] = Value::from(format!("{}{number:06}{}", &n[..8.min(n.len())], &n[14.min(n.len())..]));
        }
        key
    })
}
