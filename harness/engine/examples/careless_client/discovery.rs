//! From a challenge to the authorization server (RFC 9728, RFC 8414).

use serde_json::Value;
use url::Url;

use super::Problem;
use super::http::{Http, challenge_parameter, is_safe};
use super::options::{Options, Switch};

/// What was found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub issuer: String,
    pub authorization_endpoint: Url,
    pub token_endpoint: Url,
    /// The authorization server's own words.
    pub metadata: Value,
    /// The server's: which scopes it has.
    pub scopes: Option<Vec<String>>,
    /// Where the metadata stood.
    pub metadata_url: Url,
}

pub(crate) async fn discover(http: &Http, options: &Options, challenge: &str) -> Result<Found, Problem> {
    let (issuer, scopes) = if options.is(Switch::SkipsResourceMetadata) {
        (options.server.origin().ascii_serialization(), None)
    } else {
        let resource = resource_metadata(http, options, challenge).await?;
        let issuer = resource.pointer("/authorization_servers/0").and_then(Value::as_str);
        let issuer = issuer.ok_or("the server's metadata names no authorization server")?;
        (issuer.to_owned(), strings(&resource, "scopes_supported"))
    };
    let (metadata, metadata_url) = server_metadata(http, options, &issuer).await?;
    let named = metadata.get("issuer").and_then(Value::as_str).unwrap_or_default();
    if named != issuer && !options.is(Switch::IgnoresIssuer) {
        return Err(format!("the metadata of {issuer} names another issuer: {named}"));
    }
    let methods = strings(&metadata, "code_challenge_methods_supported").unwrap_or_default();
    if !methods.iter().any(|m| m == "S256") && !options.is(Switch::IgnoresPkceSupport) {
        return Err(format!("{issuer} does not promise PKCE with S256"));
    }
    let endpoint = |name: &str, guess: &str| -> Result<Url, Problem> {
        let base = Url::parse(&issuer).map_err(|e| format!("`{issuer}`: {e}"))?;
        if options.is(Switch::GuessesEndpoints) {
            return base.join(guess).map_err(|e| e.to_string());
        }
        let text = metadata.get(name).and_then(Value::as_str).ok_or_else(|| format!("{issuer} has no {name}"))?;
        let url = Url::parse(text).map_err(|e| format!("`{text}`: {e}"))?;
        if is_safe(&url) || options.is(Switch::OpensAnything) {
            Ok(url)
        } else {
            Err(format!("the {name} of {issuer} is not on a protected way: {url}"))
        }
    };
    Ok(Found {
        authorization_endpoint: endpoint("authorization_endpoint", "/authorize")?,
        token_endpoint: endpoint("token_endpoint", "/token")?,
        issuer,
        metadata: metadata.clone(),
        scopes,
        metadata_url,
    })
}

async fn resource_metadata(http: &Http, options: &Options, challenge: &str) -> Result<Value, Problem> {
    let server = &options.server;
    let well_known = |path: &str| server.join(&format!("/.well-known/oauth-protected-resource{path}"));
    let named = challenge_parameter(challenge, "resource_metadata").and_then(|text| Url::parse(&text).ok());
    let mut places: Vec<Url> = match named {
        Some(url) if !options.is(Switch::IgnoresChallenge) => vec![url],
        _ if options.is(Switch::NoMetadataFallback) => Vec::new(),
        _ => [well_known(server.path()), well_known("")].into_iter().flatten().collect(),
    };
    if options.is(Switch::RootMetadataFirst) {
        places.reverse();
    }
    for place in places {
        let answer = http.get(&place, &[("accept", "application/json")]).await?;
        if answer.status == 404 {
            continue;
        }
        let document = answer.json().filter(|_| answer.status == 200);
        let document = document.ok_or_else(|| format!("{place} answered {} and no document", answer.status))?;
        let resource = document.get("resource").and_then(Value::as_str).unwrap_or_default();
        if !covers(resource, server) && !options.is(Switch::IgnoresResourceMismatch) {
            return Err(format!("the metadata is of {resource}, not of {server}"));
        }
        return Ok(document);
    }
    Err("the server has no metadata".to_owned())
}

/// Whether metadata of the resource is meant for the server: of itself, or of a path above it.
fn covers(resource: &str, server: &Url) -> bool {
    let Ok(url) = Url::parse(resource) else { return false };
    let above = url.path().trim_end_matches('/');
    let below = server.path().strip_prefix(above);
    url.origin() == server.origin() && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

async fn server_metadata(http: &Http, options: &Options, issuer: &str) -> Result<(Value, Url), Problem> {
    let url = Url::parse(issuer).map_err(|e| format!("`{issuer}`: {e}"))?;
    let path = url.path().trim_end_matches('/');
    let mut places = vec![format!("/.well-known/oauth-authorization-server{path}")];
    if !options.is(Switch::OauthOnly) {
        places.push(format!("/.well-known/openid-configuration{path}"));
        if !path.is_empty() {
            places.push(format!("{path}/.well-known/openid-configuration"));
        }
    }
    if options.is(Switch::OpenidFirst) {
        places.reverse();
    }
    for place in places {
        let place = url.join(&place).map_err(|e| e.to_string())?;
        let answer = http.get(&place, &[("accept", "application/json")]).await?;
        if let Some(document) = answer.json().filter(|_| answer.status == 200) {
            return Ok((document, place));
        }
    }
    Err(format!("{issuer} has no metadata"))
}

/// A member that is a list of strings.
pub(crate) fn strings(value: &Value, name: &str) -> Option<Vec<String>> {
    let list = value.get(name)?.as_array()?;
    Some(list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect())
}
