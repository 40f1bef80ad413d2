//! Requests and answers as the runtime sees them.

use serde_json::{Map, Value};
use wiremock::{Request, ResponseTemplate};

/// A header of a request as text; none if it is missing or not ASCII.
pub(super) fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers.get(name).and_then(|value| value.to_str().ok())
}

/// The bearer token.
pub(super) fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = header(request, "authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The host name of the `Host` header, without port.
pub(super) fn host(request: &Request) -> &str {
    let host = header(request, "host").unwrap_or_default();
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// The region in a host name of the form `{service}.{region}.{domain}`.
pub(super) fn host_region<'h>(host: &'h str, service: &str, domain: &str) -> Option<&'h str> {
    let region = host.strip_prefix(service)?.strip_prefix('.')?.strip_suffix(domain)?.strip_suffix('.')?;
    (!region.is_empty() && !region.contains('.')).then_some(region)
}

/// An answer before it is put on the wire.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// A JSON document, its members in the order given.
    pub(super) fn json(status: u16, document: &Value) -> Self {
        Self { status, headers: Vec::new(), content_type: "application/json", body: document.to_string().into_bytes() }
    }

    /// Text of any kind.
    pub(super) fn text(status: u16, content_type: &'static str, text: String) -> Self {
        Self { status, headers: Vec::new(), content_type, body: text.into_bytes() }
    }

    pub(super) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// For wiremock. Names and values have been checked when the configuration was read, or are our own.
    pub(super) fn into_template(self) -> ResponseTemplate {
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
pub(super) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_of_hosts() {
        assert_eq!(host_region("q.us-east-1.amazonaws.com", "q", "amazonaws.com"), Some("us-east-1"));
        assert_eq!(host_region("runtime.eu-central-1.kiro.dev", "runtime", "kiro.dev"), Some("eu-central-1"));
        assert_eq!(host_region("127.0.0.1", "q", "amazonaws.com"), None);
        assert_eq!(host_region("q.amazonaws.com", "q", "amazonaws.com"), None);
    }
}
