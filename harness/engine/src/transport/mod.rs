//! What goes over a wire and what comes back, before any interpretation.

pub(crate) mod alteration;
pub(crate) mod hop;
pub(crate) mod http;
pub(crate) mod raw;
pub(crate) mod stdio;
pub(crate) mod tls;

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use url::{Host, Url};

/// Bounds on what a peer may make the harness hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one response body, or of one stdio line. Default 16 MiB.
    pub body: usize,
    /// Events of one stream, or messages of one stdio peer. Default 10 000.
    pub events: usize,
    /// Time to establish a connection. Default 5 s.
    pub connect: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 16 << 20, events: 10_000, connect: Duration::from_secs(5) }
    }
}

/// Whether the URL leads to this machine, as far as its host tells.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A request as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// HTTP method; `stdin` for a stdio line.
    pub method: String,
    /// Where to; for stdio the command.
    pub url: String,
    /// In order; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, or the line without its newline.
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// HTTP status; none for stdio, and when there was no answer.
    pub status: Option<u16>,
    /// In order; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub content: Content,
    /// Why there is no whole answer.
    pub failure: Option<Failure>,
    /// From the send until the answer was complete.
    pub elapsed: Duration,
}

impl Reply {
    /// Nothing came back.
    #[must_use]
    pub(crate) fn failed(failure: Failure, elapsed: Duration) -> Self {
        Self { status: None, headers: Vec::new(), content: Content::Empty, failure: Some(failure), elapsed }
    }

    /// The first value of a header (name in lower case).
    #[must_use]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Where a redirect would lead, as a clause for a message: none is ever followed.
    pub(crate) fn redirect(&self) -> Option<String> {
        let status = self.status.filter(|s| (300..400).contains(s))?;
        Some(format!("HTTP {status} is a redirect to {}, which is not followed", self.header("location")?))
    }

    /// Every JSON-RPC message in it, in order; a batch counts as its members.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &Value> {
        let (body, events) = match &self.content {
            Content::Json(value) => (Some(value), [].as_slice()),
            Content::Events(events) => (None, events.as_slice()),
            _ => (None, [].as_slice()),
        };
        body.into_iter().chain(events.iter().filter_map(|e| e.message.as_ref())).flat_map(|value| match value {
            Value::Array(items) => items.as_slice(),
            other => std::slice::from_ref(other),
        })
    }

    /// The JSON-RPC answer to the request with this id.
    #[must_use]
    pub(crate) fn answer(&self, id: &Value) -> Option<&Value> {
        self.messages().find(|m| is_answer_to(m, id))
    }
}

/// Whether the message is a result or an error for the id. The null id stands for a request whose id could not be read:
/// its error may also have no id at all (base.error.id-omitted-when-unreadable).
#[must_use]
pub(crate) fn is_answer_to(message: &Value, id: &Value) -> bool {
    let own = message.get("id");
    let unreadable = id.is_null() && own.is_none() && message.get("error").is_some();
    message.get("method").is_none() && (own == Some(id) || unreadable)
}

/// Whether the message wants an answer.
#[must_use]
pub(crate) fn asks(message: &Value) -> bool {
    message.get("method").is_some_and(Value::is_string) && message.get("id").is_some()
}

/// A body, in its most useful form.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// No bytes.
    Empty,
    /// A JSON document.
    Json(Value),
    /// Text that is not JSON.
    Text(String),
    /// An event stream, or the messages of a stdio peer.
    Events(Vec<Arrival>),
    /// Bytes that are not UTF-8.
    Binary(usize),
}

/// One event, when it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    /// From the send of the request.
    pub at: Duration,
    /// `event:` field.
    pub event: Option<String>,
    /// `id:` field.
    pub id: Option<String>,
    /// `retry:` field, milliseconds.
    pub retry: Option<u64>,
    /// `data:` as received.
    pub data: String,
    /// The data, if it is JSON.
    pub message: Option<Value>,
}

/// Why there is no whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// One sentence with the cause.
    pub message: String,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Whether nobody is there: no connection, or none that can be trusted.
    pub(crate) fn is_of_connection(&self) -> bool {
        matches!(self.kind, FailureKind::Connect | FailureKind::Tls)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Kinds of failures; they decide between `error` and `fail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// No connection, or the process did not start.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// Not in time.
    Timeout,
    /// The peer closed before it had answered.
    Closed,
    /// More than a [`Limits`] bound.
    TooLarge,
    /// Not the protocol: broken HTTP, invalid UTF-8, JSON that does not parse or nests too deep.
    Malformed,
    /// The harness could not send it as asked.
    Unsendable,
}

impl FailureKind {
    /// Whether the network or the process is to blame, not what the target said.
    #[must_use]
    pub fn is_infrastructure(self) -> bool {
        !matches!(self, Self::TooLarge | Self::Malformed)
    }

    /// Whether a scenario may expect it: that a peer closes or stays silent can be meant, that it is not there cannot.
    pub(crate) fn is_outcome(self) -> bool {
        matches!(self, Self::Timeout | Self::Closed)
    }
}

/// The `content-type` among headers whose names are in lower case.
pub(crate) fn media_type(headers: &[(String, String)]) -> Option<&str> {
    headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.as_str())
}

/// Bytes to the most useful form. JSON is parsed when the media type says so, or when it looks like it.
pub(crate) fn content_of(bytes: &[u8], media_type: Option<&str>) -> (Content, Option<Failure>) {
    if bytes.is_empty() {
        return (Content::Empty, None);
    }
    let declared_json = media_type.is_some_and(is_json);
    let Ok(text) = std::str::from_utf8(bytes) else {
        let failure = declared_json
            .then(|| Failure::new(FailureKind::Malformed, "the body is declared JSON but is not valid UTF-8"));
        return (Content::Binary(bytes.len()), failure);
    };
    match serde_json::from_str(text) {
        Ok(value) => (Content::Json(value), None),
        Err(error) => {
            let failure = declared_json.then(|| {
                Failure::new(FailureKind::Malformed, format!("the body is declared JSON but does not parse: {error}"))
            });
            (Content::Text(text.to_owned()), failure)
        }
    }
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json") || essence.starts_with("application/x-amz-json")
}

/// Whether the URL's origin is the same: scheme, host and port.
pub(crate) fn same_origin(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin()
}
