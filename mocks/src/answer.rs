//! Requests and answers of the mocks.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Map, Value};
use wiremock::{Request, ResponseTemplate};

use crate::front::{Body, full};

/// A header as text; none if it is missing or not ASCII.
pub(crate) fn header_in<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A header of a request as text; none if it is missing or not ASCII.
pub(crate) fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    header_in(&request.headers, name)
}

/// The bearer token.
pub(crate) fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = header(request, "authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// An answer before it is put on the wire.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A JSON document, its members in the order given.
    pub(crate) fn json(status: u16, document: &Value) -> Self {
        Self { status, headers: Vec::new(), content_type: "application/json", body: document.to_string().into_bytes() }
    }

    /// Text of any kind.
    pub(crate) fn text(status: u16, content_type: &'static str, text: String) -> Self {
        Self { status, headers: Vec::new(), content_type, body: text.into_bytes() }
    }

    /// A status alone.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), content_type: "", body: Vec::new() }
    }

    pub(crate) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// For a mock without wiremock. What cannot be a header is left out.
    pub(crate) fn into_response(self) -> Response<Body> {
        let body = full(self.body.clone());
        self.response(self.content_type, body)
    }

    /// Status and headers, with another body.
    pub(crate) fn response(&self, content_type: &'static str, body: Body) -> Response<Body> {
        let mut headers = HeaderMap::new();
        if !self.body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                headers.append(name, value);
            }
        }
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = headers;
        response
    }

    /// For wiremock. Names and values have been checked when the configuration was read, or are our own.
    pub(crate) fn into_template(self) -> ResponseTemplate {
        let mut template = ResponseTemplate::new(self.status);
        if !self.body.is_empty() {
            template = template.set_body_bytes(self.body).insert_header("content-type", self.content_type);
        }
        for (name, value) in self.headers {
            template = template.insert_header(name.as_str(), value.as_str());
        }
        template
    }
}

/// An object from its members in order.
pub(crate) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}
