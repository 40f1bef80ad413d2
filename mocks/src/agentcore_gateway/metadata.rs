//! What can be asked without a token: metadata, and what does not exist.

use serde_json::{Map, Value, json};
use wiremock::Request;

use super::auth::{METADATA_PATH, Refusal};
use super::defects::GatewayDefect;
use super::state::State;
use crate::answer::{Answer, header};

impl State {
    /// Anything but the endpoint and the resource metadata: there is nothing, but for a defect.
    pub(super) fn elsewhere(&self, request: &Request) -> Answer {
        let origin = self.advertised_origin(request);
        match (request.method.as_str(), request.url.path()) {
            ("POST", path) if path.ends_with("/register") && self.shows(GatewayDefect::RegistrationOffered) => {
                Answer::json(201, &json!({ "client_id": "client-that-should-not-be" }))
            }
            ("GET", path) if path.starts_with("/.well-known/") && self.shows(GatewayDefect::ServerMetadataOffered) => {
                let document = json!({
                    "issuer": origin,
                    "authorization_endpoint": format!("{origin}/authorize"),
                    "token_endpoint": format!("{origin}/token"),
                });
                Answer::json(200, &document)
            }
            _ => unknown_operation(request),
        }
    }

    /// Protected resource metadata (RFC 9728), at the root of the host only.
    pub(super) fn resource_metadata(&self, request: &Request) -> Answer {
        if self.shows(GatewayDefect::PrmMissing) {
            return unknown_operation(request);
        }
        if self.shows(GatewayDefect::PrmRequiresAuth) && header(request, "authorization").is_none() {
            return self.refuse(&Refusal::Missing, request);
        }
        if self.shows(GatewayDefect::PrmNotJson) {
            return Answer::text(200, "text/html", "<html><body>Metadata</body></html>".to_owned());
        }
        let config = &self.settled.config;
        let origin = self.advertised_origin(request);
        let resource = match self.shows(GatewayDefect::PrmResourceMismatch) {
            true => "https://another-gateway.example.com/mcp".to_owned(),
            false => format!("{origin}/mcp"),
        };
        let mut document = Map::new();
        if !self.shows(GatewayDefect::PrmWithoutAuthorizationServers) {
            let servers: Vec<String> = config
                .authorization_servers
                .iter()
                .map(|issuer| match config.discovery_url_as_server {
                    true => format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')),
                    false => issuer.clone(),
                })
                .collect();
            document.insert("authorization_servers".to_owned(), json!(servers));
        }
        document.insert("resource".to_owned(), Value::from(resource));
        if !config.allowed_scopes.is_empty() {
            document.insert("scopes_supported".to_owned(), json!(config.allowed_scopes));
        }
        Answer::json(200, &Value::Object(document))
    }
}

/// A path that the service does not know. There is no authorization server metadata and no registration.
fn unknown_operation(request: &Request) -> Answer {
    if request.method.as_str() == "GET" && request.url.path() != METADATA_PATH {
        return Answer::text(404, "application/xml", "<UnknownOperationException/>".to_owned());
    }
    let body = json!({ "Output": { "__type": "com.amazon.coral.service#UnknownOperationException" } });
    Answer::json(404, &body)
}
