//! Dynamic registration (RFC 7591).

use std::sync::Arc;
use std::time::Duration;

use http::header::ALLOW;
use serde_json::{Map, Value, json};

use super::client_metadata::ClientMetadata;
use super::clients::{AuthMethod, Client, Grant};
use super::defects::IdpDefect;
use super::state::State;
use super::wire::{Incoming, OauthError, Reply};

impl State {
    /// Answers a registration.
    pub(super) fn register(&mut self, incoming: &Incoming, now: Duration) -> Reply {
        if !self.settled.config.registration {
            return Reply::empty(404);
        }
        if incoming.method != http::Method::POST {
            let error = OauthError::new("invalid_request", "the registration endpoint takes POST only");
            return Reply::error(405, &error).with_header(ALLOW, "POST");
        }
        match self.registered_metadata(incoming, now) {
            Ok(answer) => {
                let status = if self.shows(IdpDefect::RegistrationAs200) { 200 } else { 201 };
                Reply::uncached_json(status, &Value::Object(answer))
            }
            Err(error) => Reply::error(400, &error),
        }
    }

    fn registered_metadata(&mut self, incoming: &Incoming, now: Duration) -> Result<Map<String, Value>, OauthError> {
        let wrong = |problem: &str| OauthError::new("invalid_client_metadata", problem);
        if !incoming.is_media_type("application/json") {
            return Err(wrong("the body is not application/json"));
        }
        let document: Value = serde_json::from_slice(&incoming.body).map_err(|_| wrong("the body is not JSON"))?;
        let unchecked = self.shows(IdpDefect::RegistrationRedirectsUnchecked);
        let said = ClientMetadata::read(&document, self.settled.config.application_type, unchecked)?;
        // Who says nothing gets a secret for HTTP Basic (RFC 7591, section 2).
        let method = match said.method.unwrap_or(AuthMethod::ClientSecretBasic) {
            AuthMethod::None if self.shows(IdpDefect::RegistrationOtherAuthMethod) => AuthMethod::ClientSecretBasic,
            method => method,
        };
        if method == AuthMethod::None && said.grants.contains(&Grant::ClientCredentials) {
            return Err(wrong("a public client cannot use client_credentials"));
        }
        let known = &self.settled.config.scopes;
        let scopes = said
            .scopes
            .map(|scopes| -> Vec<String> { scopes.into_iter().filter(|scope| known.contains(scope)).collect() });
        let id = format!("dyn-{}", &uuid::Uuid::new_v4().simple().to_string()[..20]);
        let secret = method.uses_secret().then(|| self.mint());
        let redirect_uris = match self.shows(IdpDefect::RegistrationDropsRedirects) {
            true => Vec::new(),
            false => said.redirect_uris,
        };
        let name = said.name.unwrap_or_else(|| id.clone());
        let mut answer = Map::new();
        let mut put = |name: &str, value: Value| {
            answer.insert(name.to_owned(), value);
        };
        put("client_id", Value::from(id.as_str()));
        put("client_id_issued_at", Value::from(now.as_secs()));
        if let Some(secret) = &secret {
            put("client_secret", Value::from(secret.as_str()));
            put("client_secret_expires_at", Value::from(0));
        }
        put("client_name", Value::from(name.as_str()));
        put("redirect_uris", json!(redirect_uris));
        put("grant_types", json!(said.grants.iter().map(|grant| grant.name()).collect::<Vec<_>>()));
        put("response_types", json!(["code"]));
        if !self.shows(IdpDefect::RegistrationWithoutAuthMethod) {
            put("token_endpoint_auth_method", Value::from(method.name()));
        }
        put("application_type", Value::from(said.application_type));
        if let Some(scopes) = &scopes {
            put("scope", Value::from(scopes.join(" ")));
        }
        let client = Client {
            id: id.clone(),
            name,
            secret,
            methods: vec![method],
            keys: said.keys,
            redirect_uris,
            scopes,
            grants: said.grants,
        };
        self.registered.insert(id, Arc::new(client));
        Ok(answer)
    }
}
