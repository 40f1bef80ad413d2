//! What clients say of themselves (RFC 7591, section 2), in a registration or in a document of their own.

use serde_json::Value;

use super::clients::{AuthMethod, ClientKey, Grant};
use super::config::Requirement;
use super::redirects;
use super::wire::OauthError;

/// Most redirect URIs of one client.
const MOST_REDIRECTS: usize = 50;
/// Longest name of a client, in characters.
const LONGEST_NAME: usize = 200;

/// What a client says of itself, checked.
#[derive(Debug, Clone)]
pub(super) struct ClientMetadata {
    pub(super) name: Option<String>,
    pub(super) redirect_uris: Vec<String>,
    pub(super) grants: Vec<Grant>,
    /// As stated; none if it is not.
    pub(super) method: Option<AuthMethod>,
    /// `native` or `web`, as stated or as its redirect URIs look.
    pub(super) application_type: &'static str,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) keys: Vec<ClientKey>,
}

fn wrong(problem: impl Into<String>) -> OauthError {
    OauthError::new("invalid_client_metadata", problem)
}

fn wrong_redirect(problem: impl Into<String>) -> OauthError {
    OauthError::new("invalid_redirect_uri", problem)
}

/// A list of strings; none if there is no such member.
fn strings(document: &Value, name: &str) -> Result<Option<Vec<String>>, OauthError> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => {
            let texts: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            texts.map(Some).ok_or_else(|| wrong(format!("`{name}` holds something that is not a string")))
        }
        Some(_) => Err(wrong(format!("`{name}` is not a list"))),
    }
}

/// A string; none if there is no such member.
fn text<'a>(document: &'a Value, name: &str) -> Result<Option<&'a str>, OauthError> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(format!("`{name}` is not a string"))),
    }
}

impl ClientMetadata {
    /// Reads and checks. `application_type` tells whether it has to be stated; `any_redirect` leaves redirect URIs unchecked.
    pub(super) fn read(
        document: &Value,
        application_type: Requirement,
        any_redirect: bool,
    ) -> Result<Self, OauthError> {
        if !document.is_object() {
            return Err(wrong("the client metadata is not a JSON object"));
        }
        // What is not supported is left out of what is registered (RFC 7591, section 2).
        let grants: Vec<Grant> = match strings(document, "grant_types")? {
            None => vec![Grant::AuthorizationCode],
            Some(names) => names.iter().filter_map(|name| Grant::from_name(name)).collect(),
        };
        if grants.is_empty() {
            return Err(wrong("none of the grant types is supported"));
        }
        if let Some(kinds) = strings(document, "response_types")?
            && grants.contains(&Grant::AuthorizationCode)
            && !kinds.iter().any(|kind| kind == "code")
        {
            return Err(wrong("none of the response types is supported"));
        }
        let method = match text(document, "token_endpoint_auth_method")? {
            None => None,
            Some(name) => match AuthMethod::from_name(name) {
                Some(method) => Some(method),
                None => return Err(wrong(format!("token_endpoint_auth_method `{name}` is not supported"))),
            },
        };
        let keys = document.get("jwks").map(ClientKey::from_jwks).unwrap_or_default();
        if method == Some(AuthMethod::PrivateKeyJwt) && keys.is_empty() {
            return Err(wrong("private_key_jwt needs a key in `jwks`; `jwks_uri` is not supported"));
        }
        let redirect_uris = strings(document, "redirect_uris")?.unwrap_or_default();
        if redirect_uris.is_empty() && grants.contains(&Grant::AuthorizationCode) {
            return Err(wrong_redirect("`redirect_uris` is missing or empty"));
        }
        if redirect_uris.len() > MOST_REDIRECTS {
            return Err(wrong_redirect(format!("there are more than {MOST_REDIRECTS} redirect URIs")));
        }
        let stated = match (text(document, "application_type")?, application_type) {
            (None, Requirement::Required) => return Err(wrong("`application_type` is missing")),
            (None, Requirement::Optional) => None,
            (Some("native"), _) => Some("native"),
            (Some("web"), _) => Some("web"),
            (Some(other), _) => return Err(wrong(format!("application_type `{other}` is neither native nor web"))),
        };
        let looks_native = redirect_uris.iter().any(|uri| !uri.starts_with("https://"));
        let application_type = stated.unwrap_or(if looks_native { "native" } else { "web" });
        if !any_redirect {
            for uri in &redirect_uris {
                check_redirect(uri, application_type)?;
            }
        }
        Ok(Self {
            name: text(document, "client_name")?.map(|name| name.chars().take(LONGEST_NAME).collect()),
            redirect_uris,
            grants,
            method,
            application_type,
            scopes: text(document, "scope")?.map(|scope| scope.split_whitespace().map(str::to_owned).collect()),
            keys,
        })
    }
}

/// Whether a redirect URI suits the kind of application (OpenID Connect Registration, section 2; RFC 8252).
fn check_redirect(uri: &str, application_type: &str) -> Result<(), OauthError> {
    let url = redirects::check(uri).map_err(wrong_redirect)?;
    match (application_type, url.scheme()) {
        (_, "https") => Ok(()),
        ("native", "http") if redirects::is_loopback(uri) => Ok(()),
        ("native", "http") => Err(wrong_redirect(format!("`{uri}` is plain HTTP and not on loopback"))),
        // A scheme of the application's own.
        ("native", _) => Ok(()),
        _ => Err(wrong_redirect(format!("`{uri}` is not https, which a web application needs"))),
    }
}
