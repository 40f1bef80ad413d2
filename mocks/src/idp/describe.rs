//! What the provider tells a client of itself.

use serde_json::{Map, Value};

use super::clients::{ASSERTION, CONFIDENTIAL, PUBLIC, SERVICE};
use super::site::Endpoint;
use super::state::State;
use crate::handle::SelfDescription;

/// Identifiers and credentials of its clients and of its first user.
pub(super) fn describe(state: &State) -> SelfDescription {
    let site = state.site();
    let config = &state.settled.config;
    let mut vars = Map::new();
    let mut secrets = Vec::new();
    let mut put = |name: &str, value: String| {
        vars.insert(name.to_owned(), Value::from(value));
    };
    let issuer = site.issuer();
    if let Some((_, name)) = issuer.split_once("://") {
        // What AWS calls an OpenID provider, in the ARN of it and in condition keys.
        put("provider_name", name.trim_end_matches('/').to_owned());
    }
    put("issuer", issuer);
    if let Some(form) = config.metadata_forms.last() {
        put("discovery_url", site.metadata_url(*form));
    }
    for (name, endpoint) in [
        ("authorization_endpoint", Endpoint::Authorize),
        ("token_endpoint", Endpoint::Token),
        ("revocation_endpoint", Endpoint::Revoke),
        ("introspection_endpoint", Endpoint::Introspect),
        ("userinfo_endpoint", Endpoint::Userinfo),
        ("jwks_uri", Endpoint::Jwks),
    ] {
        put(name, site.url(endpoint));
    }
    if config.registration {
        put("registration_endpoint", site.url(Endpoint::Register));
    }
    put("scope", config.default_scopes.join(" "));
    put("client_id", PUBLIC.to_owned());
    put("confidential_client_id", CONFIDENTIAL.to_owned());
    put("service_client_id", SERVICE.to_owned());
    put("assertion_client_id", ASSERTION.to_owned());
    for (name, id) in [("confidential_client_secret", CONFIDENTIAL), ("service_client_secret", SERVICE)] {
        if let Some(secret) = state.client(id).and_then(|client| client.secret.clone()) {
            put(name, secret);
        }
    }
    let private_pem = &state.defaults.assertion_key.private_pem;
    put("assertion_private_key", private_pem.clone());
    secrets.push(private_pem.clone());
    // Inside JSON its line ends are escaped, so that the whole would not be found.
    secrets
        .extend(private_pem.lines().filter(|line| !line.starts_with("-----") && !line.is_empty()).map(str::to_owned));
    secrets.extend(state.settled.clients.iter().filter_map(|client| client.secret.clone()));
    for (index, user) in config.users.iter().enumerate() {
        let password = state.password(user).to_owned();
        if index == 0 {
            put("username", user.username.clone());
            put("password", password.clone());
        }
        secrets.push(password);
    }
    // Making a key takes its time; only who sets keys of their own wants to see them.
    if config.keys.generation > 1 {
        vars.extend(state.current_key().ok().map(|key| ("jwk".to_owned(), key.jwk.clone())));
    }
    SelfDescription { path: config.path.clone(), vars, secrets, ..SelfDescription::default() }
}
