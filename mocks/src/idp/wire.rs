//! Requests and answers as the endpoints see them.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::journal::JournalNote;

/// Most parameters read from one query or form; the rest is ignored.
const MOST_PARAMS: usize = 200;

/// A request, its body read whole.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) method: http::Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Incoming {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether the body is labelled as this media type, parameters apart.
    pub(super) fn is_media_type(&self, expected: &str) -> bool {
        let kind = self.header("content-type").unwrap_or_default();
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(expected))
    }

    pub(super) fn is_form(&self) -> bool {
        self.is_media_type("application/x-www-form-urlencoded")
    }

    /// The value of a cookie.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.headers.get_all("cookie").iter().filter_map(|value| value.to_str().ok());
        lines.flat_map(|line| line.split(';')).find_map(|pair| {
            let (known, value) = pair.trim().split_once('=')?;
            (known == name).then_some(value)
        })
    }

    /// Whether the client reads JSON rather than HTML.
    pub(super) fn wants_json(&self) -> bool {
        let accept = self.header("accept").unwrap_or_default();
        accept.contains("application/json") && !accept.contains("text/html")
    }

    /// The token of an `Authorization: Bearer` header.
    pub(super) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    }
}

/// One parameter of a query or form.
#[derive(Debug, Clone)]
struct Param {
    name: String,
    value: String,
    /// The value as it was sent.
    raw: String,
}

/// The parameters of a query or form, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Params(Vec<Param>);

impl Params {
    pub(super) fn parse(encoded: &[u8]) -> Self {
        let pieces = encoded.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty()).take(MOST_PARAMS);
        let params = pieces.filter_map(|piece| {
            let (name, value) = form_urlencoded::parse(piece).next()?;
            let raw = piece.iter().position(|byte| *byte == b'=').map_or(&piece[..0], |at| &piece[at + 1..]);
            Some(Param {
                name: name.into_owned(),
                value: value.into_owned(),
                raw: String::from_utf8_lossy(raw).into_owned(),
            })
        });
        Self(params.collect())
    }

    /// The first value. A parameter without a value counts as absent (RFC 6749, section 3.1).
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|param| param.name == name && !param.value.is_empty()).map(|param| param.value.as_str())
    }

    /// The first value as it was sent, still encoded; empty values count here.
    pub(super) fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|param| param.name == name).map(|param| param.raw.as_str())
    }

    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let found = self.0.iter().filter(|param| param.name == name && !param.value.is_empty());
        found.map(|param| param.value.clone()).collect()
    }

    /// A parameter that stands there more than once though it must not (RFC 6749, section 3.1; `resource` may, RFC 8707).
    pub(super) fn repeated(&self) -> Option<&str> {
        let names = self.0.iter().enumerate().filter(|(_, param)| param.name != "resource");
        names
            .filter(|(index, param)| self.0[..*index].iter().any(|before| before.name == param.name))
            .map(|(_, param)| param.name.as_str())
            .next()
    }
}

/// An error of an OAuth endpoint (RFC 6749, sections 4.1.2.1 and 5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OauthError {
    pub(super) code: &'static str,
    pub(super) description: String,
}

impl OauthError {
    pub(super) fn new(code: &'static str, description: impl Into<String>) -> Self {
        Self { code, description: description.into() }
    }

    pub(super) fn body(&self) -> Value {
        json!({ "error": self.code, "error_description": self.description })
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: Vec<u8>,
    /// Why a request was refused, for the journal.
    pub(super) note: Option<String>,
}

impl Reply {
    pub(super) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), note: None }
    }

    pub(super) fn text(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { headers: vec![(CONTENT_TYPE, kind.to_owned())], body: body.into(), ..Self::empty(status) }
    }

    pub(super) fn json(status: u16, document: &Value) -> Self {
        Self::text(status, "application/json", document.to_string())
    }

    /// An answer that holds credentials, or says why there are none (RFC 6749, section 5.1).
    pub(super) fn uncached_json(status: u16, document: &Value) -> Self {
        Self::json(status, document)
            .with_header(CACHE_CONTROL, "no-store")
            .with_header(HeaderName::from_static("pragma"), "no-cache")
    }

    pub(super) fn error(status: u16, error: &OauthError) -> Self {
        Self::uncached_json(status, &error.body()).with_note(error)
    }

    pub(super) fn redirect(status: u16, to: &str) -> Self {
        Self::empty(status).with_header(LOCATION, to).with_header(CACHE_CONTROL, "no-store")
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Notes in the journal why the request was refused.
    pub(super) fn with_note(mut self, error: &OauthError) -> Self {
        self.note = Some(format!("{}: {}", error.code, error.description));
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(axum::body::Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            // What cannot stand in a header was checked before; leaving it out beats ending the connection.
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().append(name, value);
            }
        }
        if let Some(note) = self.note {
            response.extensions_mut().insert(JournalNote(note));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_their_spelling() {
        let params = Params::parse(b"state=a%20b+c%2F&empty=&resource=x&resource=y&flag");
        assert_eq!(params.one("state"), Some("a b c/"));
        assert_eq!(params.raw("state"), Some("a%20b+c%2F"));
        assert_eq!(params.one("empty"), None);
        assert_eq!(params.raw("empty"), Some(""));
        assert_eq!(params.all("resource"), ["x", "y"]);
        assert_eq!(params.one("flag"), None);
        assert_eq!(params.repeated(), None);
        assert_eq!(Params::parse(b"a=1&b=2&a=3").repeated(), Some("a"));
        assert!(Params::parse(&b"a=1&".repeat(10_000)).0.len() <= MOST_PARAMS);
    }
}
