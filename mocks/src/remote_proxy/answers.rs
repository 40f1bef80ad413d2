//! What the proxy answers by itself: metadata and refusals.

use http::header::{ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN};
use http::header::{ACCESS_CONTROL_MAX_AGE, ORIGIN, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use serde_json::json;
use url::Url;

use super::bearer::Unauthenticated;
use super::defects::ProxyDefect;
use super::state::View;
use crate::answer::{Answer, object};
use crate::front::Body;
use crate::journal::JournalNote;

/// Where resource metadata begins (RFC 9728 section 3.1).
pub(super) const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// Headers that clients in browsers may send.
const CORS_HEADERS: &str = "mcp-protocol-version, Content-Type, Authorization";

/// A refusal as one line of text, the way Go programs answer.
pub(super) fn refusal(status: StatusCode, text: &str, note: &str) -> Response<Body> {
    let mut response = answer(status, "text/plain; charset=utf-8", format!("{text}\n"));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    noted(response, note)
}

/// Tells the journal what the client is not told.
pub(super) fn noted(mut response: Response<Body>, note: &str) -> Response<Body> {
    response.extensions_mut().insert(JournalNote(note.to_owned()));
    response
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    Answer::text(status.as_u16(), content_type, body).into_response()
}

/// A status alone.
pub(super) fn empty(status: StatusCode) -> Response<Body> {
    Answer::empty(status.as_u16()).into_response()
}

impl View {
    /// What a caller without a good token is told.
    pub(super) fn unauthenticated(&self, why: &Unauthenticated) -> Response<Body> {
        let body = object([("error", why.error.into()), ("error_description", why.description.as_str().into())]);
        let mut response = answer(StatusCode::UNAUTHORIZED, "application/json", body.to_string());
        if !self.shows(ProxyDefect::NoChallenge)
            && let Ok(challenge) = HeaderValue::from_str(&self.challenge(why))
        {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        noted(response, why.note)
    }

    fn challenge(&self, why: &Unauthenticated) -> String {
        let mut parameters = vec![("realm", self.settled.issuer.clone())];
        if !self.shows(ProxyDefect::ChallengeWithoutMetadata) {
            parameters.extend(self.metadata_url().map(|url| ("resource_metadata", url)));
        }
        if !self.settled.scopes.is_empty() {
            parameters.push(("scope", self.settled.scopes.join(" ")));
        }
        parameters.push(("error", why.error.to_owned()));
        parameters.push(("error_description", why.description.clone()));
        let quoted =
            |(name, value): (&str, String)| format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
        let parameters: Vec<String> = parameters.into_iter().map(quoted).collect();
        format!("Bearer {}", parameters.join(", "))
    }

    /// The resource as it is advertised.
    fn resource(&self) -> Option<Url> {
        let mut url: Url = self.settled.resource_url.as_deref()?.parse().ok()?;
        if self.shows(ProxyDefect::ResourceUrlWithoutPath) {
            url.set_path("");
        }
        Some(url)
    }

    /// Where the metadata is said to be: the path of the resource stands behind the well-known part.
    fn metadata_url(&self) -> Option<String> {
        let mut url = self.resource()?;
        let path = format!("{METADATA_PATH}{}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Some(url.into())
    }

    /// Anything below `/.well-known/`; no token is needed for it.
    pub(super) fn well_known(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response<Body> {
        let is_metadata = match self.shows(ProxyDefect::MetadataAtRootOnly) {
            true => path == METADATA_PATH,
            false => path.starts_with(METADATA_PATH),
        };
        if !is_metadata {
            return answer(StatusCode::NOT_FOUND, "application/json", json!({ "error": "not_found" }).to_string());
        }
        let mut response = self.metadata(method, headers);
        if !self.shows(ProxyDefect::MetadataWithoutCors) {
            let origin = headers.get(ORIGIN).cloned().unwrap_or(HeaderValue::from_static("*"));
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, OPTIONS"));
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(CORS_HEADERS));
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
        }
        response
    }

    fn metadata(&self, method: &Method, headers: &HeaderMap) -> Response<Body> {
        if method == Method::OPTIONS {
            return match self.shows(ProxyDefect::MetadataWithoutCors) {
                true => empty(StatusCode::METHOD_NOT_ALLOWED),
                false => empty(StatusCode::NO_CONTENT),
            };
        }
        if self.shows(ProxyDefect::MetadataNeedsToken) && !headers.contains_key(http::header::AUTHORIZATION) {
            return empty(StatusCode::UNAUTHORIZED);
        }
        let Some(resource) = &self.settled.resource_url else {
            return empty(StatusCode::NOT_FOUND);
        };
        // As it was written; a bare origin keeps no slash.
        let resource = match self.shows(ProxyDefect::ResourceUrlWithoutPath) {
            true => self.resource().map(|url| url.origin().ascii_serialization()),
            false => Some(resource.clone()),
        };
        let scopes = match self.settled.scopes.as_slice() {
            [] => vec!["openid".to_owned()],
            scopes => scopes.to_vec(),
        };
        let document = json!({
            "resource": resource,
            "authorization_servers": [self.settled.issuer],
            "bearer_methods_supported": ["header"],
            "scopes_supported": scopes,
        });
        answer(StatusCode::OK, "application/json", document.to_string())
    }
}
