//! How the harness becomes known to an authorization server: registered by hand, by a document of its own, or dynamically.

use gauntlet_format::Version;
use serde_json::{Map, Value, json};

use super::discovery::Discovered;
use super::metadata::ServerMetadata;
use super::problem::{Problem, Who, quote};
use super::settings::{Grant, OauthSettings, Secret, TokenAuth};
use super::wire::{Outgoing, Wire, bare};
use crate::transport::Content;

/// Longest client id or secret that is taken.
const MOST_BYTES: usize = 4096;

/// How a client became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RegisteredBy {
    /// By hand; it stands in the configuration.
    Configuration,
    /// By a Client ID Metadata Document, whose URL is the id.
    MetadataDocument,
    /// By RFC 7591.
    Dynamic,
}

impl RegisteredBy {
    /// As it stands in output.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::MetadataDocument => "metadata document",
            Self::Dynamic => "dynamic registration",
        }
    }
}

/// A client as one authorization server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registration {
    /// The only issuer that it is used with.
    pub issuer: String,
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`.
    pub client_secret: Option<Secret>,
    /// How it identifies itself at the token endpoint.
    pub token_auth: TokenAuth,
    /// How it became known.
    pub by: RegisteredBy,
    /// The redirect URI it was registered with, if dynamically.
    pub redirect_uri: Option<String>,
    /// When the secret ends, seconds since 1970.
    pub expires_at: Option<u64>,
}

/// Finds a client for the issuer, in the order of the specification. `configured_for` is the issuer that the configured
/// client belongs to, if that is known.
pub(super) async fn register(
    wire: &mut Wire<'_>,
    settings: &OauthSettings,
    found: &Discovered,
    redirect_uri: &str,
    configured_for: Option<&str>,
) -> Result<Registration, Problem> {
    let issuer = &found.issuer;
    let is_ours = configured_for.is_none_or(|bound| bound == issuer);
    if let Some(client_id) = settings.client_id.as_ref().filter(|_| is_ours) {
        return Ok(Registration {
            issuer: issuer.clone(),
            client_id: client_id.clone(),
            client_secret: settings.client_secret.clone(),
            token_auth: configured_token_auth(wire, settings, &found.metadata),
            by: RegisteredBy::Configuration,
            redirect_uri: None,
            expires_at: None,
        });
    }
    let documents =
        wire.context.version >= Version::V2025_11_25 && found.metadata.flag("client_id_metadata_document_supported");
    if let Some(url) = settings.client_metadata_url.as_ref().filter(|_| documents) {
        let keyed = settings.key.is_some() && settings.token_auth != Some(TokenAuth::None);
        return Ok(Registration {
            issuer: issuer.clone(),
            client_id: url.clone(),
            client_secret: None,
            token_auth: if keyed { TokenAuth::PrivateKeyJwt } else { TokenAuth::None },
            by: RegisteredBy::MetadataDocument,
            redirect_uri: None,
            expires_at: None,
        });
    }
    if found.metadata.registration_endpoint.is_some() && settings.grant == Grant::AuthorizationCode {
        return dynamic(wire, settings, found, redirect_uri).await;
    }
    if let (Some(bound), Some(_)) = (configured_for, &settings.client_id) {
        let message = format!(
            "the configured client belongs to {}, and the server now names {}, which offers no registration; configure a client of that one",
            quote(bound),
            quote(issuer)
        );
        return Err(Problem::new("credentials-other-issuer", Who::Harness, message));
    }
    let message = format!(
        "the authorization server {} offers no dynamic registration{}; register a client there and set `client_id`",
        quote(issuer),
        if documents { ", but client metadata documents: set `client_metadata_url`" } else { "" }
    );
    Err(Problem::new("registration-unavailable", Who::Harness, message))
}

/// For a client that was registered by hand: as configured, else by what it has and the server lists.
fn configured_token_auth(wire: &mut Wire<'_>, settings: &OauthSettings, metadata: &ServerMetadata) -> TokenAuth {
    if let Some(method) = settings.token_auth {
        return method;
    }
    let candidates: &[TokenAuth] = match (&settings.key, &settings.client_secret) {
        (Some(_), _) => &[TokenAuth::PrivateKeyJwt],
        (None, Some(_)) => &[TokenAuth::Basic, TokenAuth::Post],
        (None, None) => &[TokenAuth::None],
    };
    let first = candidates.first().copied().unwrap_or(TokenAuth::None);
    let Some(listed) = metadata.list("token_endpoint_auth_methods_supported") else { return first };
    if let Some(method) = candidates.iter().find(|method| listed.iter().any(|l| l == method.as_str())) {
        return *method;
    }
    let message = format!(
        "the authorization server lists {} for the token endpoint; what is configured allows only {}, which is tried",
        quote(&listed.join(", ")),
        first.as_str()
    );
    wire.warn(Problem::new("token-auth-not-listed", Who::Harness, message));
    first
}

/// The first method of the server's list that a client without a past can use; the default of a server that lists none is
/// `client_secret_basic` (RFC 8414 §2).
fn registered_token_auth(settings: &OauthSettings, metadata: &ServerMetadata) -> TokenAuth {
    if let Some(method) = settings.token_auth {
        return method;
    }
    match metadata.list("token_endpoint_auth_methods_supported") {
        None => TokenAuth::Basic,
        Some(listed) => [TokenAuth::None, TokenAuth::Post, TokenAuth::Basic]
            .into_iter()
            .find(|method| listed.iter().any(|l| l == method.as_str()))
            .unwrap_or(TokenAuth::None),
    }
}

/// RFC 7591 §3.
async fn dynamic(
    wire: &mut Wire<'_>,
    settings: &OauthSettings,
    found: &Discovered,
    redirect_uri: &str,
) -> Result<Registration, Problem> {
    let Some(endpoint) = found.metadata.registration_endpoint.clone() else {
        return Err(Problem::new("registration-unavailable", Who::Harness, "there is no registration endpoint"));
    };
    let asked = registered_token_auth(settings, &found.metadata);
    let mut body = Map::new();
    body.insert("client_name".to_owned(), settings.client_name.clone().into());
    body.insert("redirect_uris".to_owned(), json!([redirect_uri]));
    body.insert("grant_types".to_owned(), json!(["authorization_code", "refresh_token"]));
    body.insert("response_types".to_owned(), json!(["code"]));
    body.insert("token_endpoint_auth_method".to_owned(), asked.as_str().into());
    // The redirect is always to the loopback interface (OpenID Connect Registration §2, RFC 8252 §7.3).
    body.insert("application_type".to_owned(), "native".into());
    let headers = [("accept", "application/json"), ("content-type", "application/json")];
    let body = Value::Object(body).to_string().into_bytes();
    let peer = Who::AuthorizationServer;
    let (exchange, reply) = wire.send(Outgoing::new("POST", &endpoint, &headers, body), peer).await?;
    let place = quote(&bare(&endpoint));
    let problem = |code, message: String| Problem::new(code, peer, message).at(exchange);
    let status = reply.status.unwrap_or_default();
    let document = match &reply.content {
        Content::Json(value @ Value::Object(_)) => value,
        _ if status < 300 => {
            return Err(problem(
                "not-json",
                format!("{place} answered a registration with HTTP {status} and no JSON object"),
            ));
        }
        _ => &Value::Null,
    };
    // Whatever comes, these are never shown.
    for name in ["client_secret", "registration_access_token"] {
        if let Some(secret) = document.get(name).and_then(Value::as_str) {
            wire.secret(name, secret);
        }
    }
    if !(200..300).contains(&status) {
        let said = super::token::error_text(document);
        let message = format!("{place} refused the registration with HTTP {status}{said}");
        return Err(problem("registration-refused", message));
    }
    if status != 201 {
        let message = format!("{place} answered a registration with HTTP {status}; expected 201 (RFC 7591 §3.2.1)");
        wire.warn(problem("registration-status", message));
    }
    let text = |name: &str| document.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
    let Some(client_id) = text("client_id").filter(|id| id.len() <= MOST_BYTES) else {
        return Err(problem(
            "registration-malformed",
            format!("{place} answered a registration without a `client_id`"),
        ));
    };
    let client_secret = text("client_secret").filter(|secret| secret.len() <= MOST_BYTES);
    let token_auth = match (text("token_endpoint_auth_method").map(TokenAuth::parse), client_secret) {
        (Some(Some(method)), _) => method,
        (Some(None), _) => {
            let message =
                format!("{place} registered the client with a `token_endpoint_auth_method` it did not ask for");
            return Err(problem("registration-malformed", message));
        }
        // The default of RFC 7591 §2, where there is a secret to use.
        (None, Some(_)) if asked == TokenAuth::None => TokenAuth::Basic,
        (None, _) => asked,
    };
    if matches!(token_auth, TokenAuth::Basic | TokenAuth::Post) && client_secret.is_none() {
        let message = format!("{place} registered the client for {} but gave no `client_secret`", token_auth.as_str());
        return Err(problem("registration-malformed", message));
    }
    let redirects = super::metadata::strings(document, "redirect_uris");
    if redirects.is_some_and(|list| !list.iter().any(|uri| uri == redirect_uri)) {
        let message = format!("{place} registered the client without its redirect URI {}", quote(redirect_uri));
        wire.warn(problem("registration-changed", message));
    }
    Ok(Registration {
        issuer: found.issuer.clone(),
        client_id: client_id.to_owned(),
        client_secret: client_secret.map(Secret::new),
        token_auth,
        by: RegisteredBy::Dynamic,
        redirect_uri: Some(redirect_uri.to_owned()),
        // 0 means never.
        expires_at: document.get("client_secret_expires_at").and_then(Value::as_u64).filter(|at| *at > 0),
    })
}
