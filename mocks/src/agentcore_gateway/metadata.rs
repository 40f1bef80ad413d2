//! What can be asked without a token: metadata, and what does not exist.

use serde_json::{Map, Value, json};
use wiremock::Request;

use super::auth::{METADATA_PATH, Reason, Refusal};
use super::config::{MetadataForm, ScopesIn};
use super::defects::GatewayDefect;
use super::state::State;
use crate::answer::{Answer, header};

/// Bytes that a huge document has too many.
const HUGE: usize = 8 << 20;

const FOREIGN_RESOURCE: &str = "https://another-gateway.example.com/mcp";

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

    /// Protected resource metadata (RFC 9728), at the root of the host only unless configured otherwise.
    pub(super) fn resource_metadata(&self, request: &Request) -> Answer {
        if self.settled.iam.is_some() {
            return unknown_operation(request);
        }
        let form = self.settled.config.resource_metadata;
        let at_root = request.url.path() == METADATA_PATH;
        if at_root == (form == MetadataForm::PathForm) {
            return if at_root { unknown_operation(request) } else { self.elsewhere(request) };
        }
        let needs_token = form == MetadataForm::NeedsToken || self.shows(GatewayDefect::PrmRequiresAuth);
        if form == MetadataForm::Missing || self.shows(GatewayDefect::PrmMissing) {
            return unknown_operation(request);
        }
        if needs_token && header(request, "authorization").is_none() {
            return self.refuse(&Refusal::missing(Reason::NoHeader), request);
        }
        if form == MetadataForm::NotJson || self.shows(GatewayDefect::PrmNotJson) {
            return Answer::text(200, "text/html", "<html><body>Metadata</body></html>".to_owned());
        }
        if form == MetadataForm::Error {
            return Answer::json(500, &json!({ "message": "Internal Server Error" }));
        }
        let mut document = Map::new();
        if form != MetadataForm::NoServers && !self.shows(GatewayDefect::PrmWithoutAuthorizationServers) {
            document.insert("authorization_servers".to_owned(), json!(self.server_entries()));
        }
        document.insert("resource".to_owned(), Value::from(self.resource(form, &self.advertised_origin(request))));
        if let Some(scopes) = self.metadata_scopes() {
            document.insert("scopes_supported".to_owned(), json!(scopes));
        }
        if form == MetadataForm::Huge {
            document.insert("x_padding".to_owned(), Value::from("x".repeat(HUGE)));
        }
        Answer::json(200, &Value::Object(document))
    }

    /// The resource that the metadata says it is of.
    fn resource(&self, form: MetadataForm, origin: &str) -> String {
        if self.shows(GatewayDefect::PrmResourceMismatch) {
            return FOREIGN_RESOURCE.to_owned();
        }
        match form {
            MetadataForm::ForeignResource => FOREIGN_RESOURCE.to_owned(),
            MetadataForm::SiblingResource => format!("{origin}/mcp-other"),
            MetadataForm::DeeperResource => format!("{origin}/mcp/deeper"),
            MetadataForm::OriginResource => origin.to_owned(),
            _ => format!("{origin}/mcp"),
        }
    }

    /// `authorization_servers`, in the form that is configured.
    fn server_entries(&self) -> Vec<String> {
        let config = &self.settled.config;
        let entry = |issuer: String| {
            let bare = issuer.trim_end_matches('/');
            match (config.discovery_url_as_server, config.trailing_slash_on_server) {
                (true, _) if issuer == self.settled.jwt.issuer => self.settled.jwt.discovery_url.clone(),
                (true, _) => format!("{bare}/.well-known/openid-configuration"),
                (false, true) => format!("{bare}/"),
                (false, false) => issuer,
            }
        };
        self.settled.issuers().into_iter().map(entry).collect()
    }

    /// `scopes_supported`, if there is to be any.
    fn metadata_scopes(&self) -> Option<Vec<String>> {
        let config = &self.settled.config;
        if !matches!(config.scopes_in, ScopesIn::Both | ScopesIn::Metadata) {
            return None;
        }
        let own = || Some(self.settled.advertised_scopes()).filter(|scopes| !scopes.is_empty());
        config.metadata_scopes.clone().or_else(own).map(|scopes| self.with_offline_access(scopes))
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
