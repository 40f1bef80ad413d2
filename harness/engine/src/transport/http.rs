//! Streamable HTTP over reqwest: one connection pool per named client, bodies and streams read under bounds.

use std::error::Error as _;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use gauntlet_format::sse::{SseEvent, SseParser};
use http::{HeaderName, HeaderValue, Method};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;
use url::Url;

use super::{Arrival, Content, Failure, FailureKind, Limits, Reply, Request, asks, content_of, is_answer_to, raw, tls};

/// A stream may be so many times as large as a body.
const STREAM_BODIES: usize = 4;

/// A client with its own connections.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    inner: reqwest::Client,
    limits: Limits,
    /// Where most requests go.
    endpoint: Url,
}

/// When an event stream has said enough.
#[derive(Default)]
pub(crate) struct Until<'a> {
    /// Stop when the answer to this request id has come.
    pub answer: Option<&'a Value>,
    /// Stop after so many messages.
    pub count: Option<u64>,
    /// How long to go on reading after the answer.
    pub linger: Duration,
    /// Gets the server's own requests as they arrive, so that they can be answered meanwhile.
    pub tap: Option<UnboundedSender<Value>>,
    /// Gets every event of a stream as it arrives.
    pub events: Option<UnboundedSender<Arrival>>,
}

impl HttpClient {
    /// A client for the URL's origin.
    ///
    /// # Errors
    /// When the system's certificate authorities cannot be read.
    pub(crate) fn new(url: &Url, limits: Limits) -> Result<Self, Failure> {
        let config = if url.scheme() == "https" {
            tls::platform().map_err(|e| Failure::new(FailureKind::Tls, e))?
        } else {
            tls::none()
        };
        let inner = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(limits.connect)
            .no_proxy()
            .build()
            .map_err(|e| Failure::new(FailureKind::Unsendable, describe(&e)))?;
        Ok(Self { inner, limits, endpoint: url.clone() })
    }

    /// The bounds in force.
    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Sends the request and reads the answer until `deadline`.
    pub(crate) async fn send(&self, request: &Request, until: Until<'_>, deadline: Duration) -> Reply {
        let started = Instant::now();
        // reqwest always sends an Accept header; a request without one goes over a socket of its own.
        if !request.headers.iter().any(|(name, _)| name == "accept") {
            let bytes = raw::render(request);
            return Box::pin(raw::exchange(&request.url, &bytes, self.limits, deadline)).await;
        }
        let built = match self.build(request) {
            Ok(built) => built,
            Err(failure) => return Reply::failed(failure, started.elapsed()),
        };
        let sent = tokio::time::timeout(deadline, self.inner.execute(built)).await;
        let response = match sent {
            Err(_) => return Reply::failed(timeout(deadline, "no answer"), started.elapsed()),
            Ok(Err(error)) => return Reply::failed(classify(&error), started.elapsed()),
            Ok(Ok(response)) => response,
        };
        let status = response.status().as_u16();
        let headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(n, v)| (n.as_str().to_owned(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
            .collect();
        let media_type = headers.iter().find(|(n, _)| n == "content-type").map(|(_, v)| v.as_str());
        let is_stream = media_type
            .and_then(|m| m.split(';').next())
            .is_some_and(|m| m.trim().eq_ignore_ascii_case("text/event-stream"));
        let remaining = deadline.saturating_sub(started.elapsed());
        let encoding = headers.iter().find(|(n, v)| n == "content-encoding" && !v.eq_ignore_ascii_case("identity"));
        let unasked = encoding.filter(|_| !request.headers.iter().any(|(n, _)| n == "accept-encoding"));
        let (content, failure, elapsed) = if let Some((_, encoding)) = unasked {
            let (bytes, failure) = self.read_body(response, remaining).await;
            let message = format!("the body has the content-encoding {encoding}, which the request did not ask for");
            let failure = failure.unwrap_or_else(|| Failure::new(FailureKind::Malformed, message));
            (Content::Binary(bytes.len()), Some(failure), started.elapsed())
        } else if is_stream {
            let (events, failure, done) = self.read_events(response, until, started, remaining).await;
            (Content::Events(events), failure, done)
        } else {
            let (bytes, failure) = self.read_body(response, remaining).await;
            let elapsed = started.elapsed();
            let (content, malformed) = content_of(&bytes, media_type);
            if let (Some(tap), Content::Json(value)) = (&until.tap, &content)
                && asks(value)
            {
                // The receiver may be gone when nobody waits for server requests.
                let _ = tap.send(value.clone());
            }
            (content, failure.or(malformed), elapsed)
        };
        Reply { status: Some(status), headers, content, failure, elapsed }
    }

    fn build(&self, request: &Request) -> Result<reqwest::Request, Failure> {
        if request.url == self.endpoint.as_str() {
            return build(request, self.endpoint.clone());
        }
        let unsendable = |e| Failure::new(FailureKind::Unsendable, format!("`{}` is not a URL: {e}", request.url));
        build(request, Url::parse(&request.url).map_err(unsendable)?)
    }

    async fn read_body(&self, response: reqwest::Response, remaining: Duration) -> (Vec<u8>, Option<Failure>) {
        let mut bytes = Vec::new();
        let mut stream = response.bytes_stream();
        let limit = self.limits.body;
        let read = tokio::time::timeout(remaining, async {
            while let Some(chunk) = stream.next().await {
                let chunk = chunk.map_err(|e| classify(&e))?;
                if bytes.len() + chunk.len() > limit {
                    return Err(Failure::new(FailureKind::TooLarge, format!("the body is larger than {limit} bytes")));
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(())
        })
        .await;
        let failure = match read {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(failure),
            Err(_) => Some(timeout(remaining, "the body did not end")),
        };
        (bytes, failure)
    }

    async fn read_events(
        &self,
        response: reqwest::Response,
        until: Until<'_>,
        started: Instant,
        remaining: Duration,
    ) -> (Vec<Arrival>, Option<Failure>, Duration) {
        let mut stream = response.bytes_stream();
        let mut parser = SseParser::with_limits(self.limits.body, self.limits.body);
        let mut events: Vec<Arrival> = Vec::new();
        let mut messages = 0;
        let (mut held, mut unfinished) = (0_usize, 0_usize);
        let mut answered_at = None;
        let mut stop_at = tokio::time::Instant::now() + remaining;
        loop {
            let chunk = match tokio::time::timeout_at(stop_at, stream.next()).await {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(error))) if answered_at.is_none() => {
                    return (events, Some(classify(&error)), started.elapsed());
                }
                Ok(None) if answered_at.is_none() && until.answer.is_some() => {
                    let failure = Failure::new(FailureKind::Closed, "the event stream ended without the answer");
                    return (events, Some(failure), started.elapsed());
                }
                Ok(None | Some(Err(_))) => break,
                Err(_) if answered_at.is_none() && until.answer.is_some() => {
                    let failure = timeout(remaining, "the event stream did not bring the answer");
                    return (events, Some(failure), started.elapsed());
                }
                Err(_) => break,
            };
            let fresh = parser.push(&chunk);
            held += chunk.len();
            unfinished = if fresh.is_empty() { unfinished + chunk.len() } else { 0 };
            let most = self.limits.body;
            let excess = if unfinished > most || fresh.iter().any(|e| e.truncated) {
                Some(format!("an event is larger than {most} bytes"))
            } else {
                let whole = most.saturating_mul(STREAM_BODIES);
                (held > whole).then(|| format!("the stream is larger than {whole} bytes"))
            };
            if let Some(message) = excess {
                return (events, Some(Failure::new(FailureKind::TooLarge, message)), started.elapsed());
            }
            for event in fresh {
                let arrival = arrival(event, started.elapsed());
                if let Some(message) = &arrival.message {
                    messages += 1;
                    if answered_at.is_none() && until.answer.is_some_and(|id| is_answer_to(message, id)) {
                        answered_at = Some(arrival.at);
                        stop_at = stop_at.min(tokio::time::Instant::now() + until.linger);
                    }
                    if let Some(tap) = until.tap.as_ref().filter(|_| asks(message)) {
                        // The receiver may be gone when nobody waits for server requests.
                        let _ = tap.send(message.clone());
                    }
                }
                if let Some(listener) = &until.events {
                    // As above.
                    let _ = listener.send(arrival.clone());
                }
                events.push(arrival);
                if events.len() > self.limits.events {
                    let failure = Failure::new(
                        FailureKind::TooLarge,
                        format!("the stream has more than {} events", self.limits.events),
                    );
                    return (events, Some(failure), started.elapsed());
                }
            }
            let enough = until.count.is_some_and(|count| messages >= count);
            if enough || (answered_at.is_some() && until.linger.is_zero()) {
                break;
            }
        }
        if answered_at.is_some() {
            drain(stream);
        }
        (events, None, answered_at.unwrap_or_else(|| started.elapsed()))
    }
}

/// Lets a stream that has given its answer come to its end, so that the connection can be used again; no one waits for it.
fn drain(mut stream: impl futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Send + Unpin + 'static) {
    tokio::spawn(tokio::time::timeout(Duration::from_secs(1), async move {
        while let Some(Ok(_)) = stream.next().await {}
    }));
}

pub(crate) fn arrival(event: SseEvent, at: Duration) -> Arrival {
    // JSON on the wire is UTF-8 throughout; what was replaced is not what was sent.
    let message = if event.lossy { None } else { serde_json::from_str(&event.data).ok() };
    Arrival { at, event: Some(event.event), id: event.id, retry: event.retry, data: event.data, message }
}

fn build(request: &Request, url: Url) -> Result<reqwest::Request, Failure> {
    let unsendable = |what: String| Failure::new(FailureKind::Unsendable, what);
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|_| unsendable(format!("`{}` is not an HTTP method", request.method)))?;
    let mut built = reqwest::Request::new(method, url);
    for (name, value) in &request.headers {
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| unsendable(format!("`{name}` is not a header name; use `raw` for malformed requests")))?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            unsendable(format!("the value of `{name}` is not allowed in HTTP; use `raw` for malformed requests"))
        })?;
        built.headers_mut().append(header, value);
    }
    if !request.body.is_empty() {
        *built.body_mut() = Some(request.body.clone().into());
    }
    Ok(built)
}

fn timeout(after: Duration, what: &str) -> Failure {
    Failure::new(FailureKind::Timeout, format!("{what} within {:.1} s", after.as_secs_f64()))
}

fn classify(error: &reqwest::Error) -> Failure {
    let text = describe(error);
    let mut source = error.source();
    while let Some(inner) = source {
        if inner.is::<rustls::Error>() || inner.downcast_ref::<std::io::Error>().is_some_and(holds_tls_error) {
            return Failure::new(FailureKind::Tls, format!("TLS failed: {inner}"));
        }
        if let Some(io) = inner.downcast_ref::<std::io::Error>()
            && matches!(
                io.kind(),
                std::io::ErrorKind::ConnectionReset
                    | std::io::ErrorKind::UnexpectedEof
                    | std::io::ErrorKind::BrokenPipe
            )
        {
            return Failure::new(FailureKind::Closed, format!("the peer closed the connection: {io}"));
        }
        source = inner.source();
    }
    let kind = if error.is_timeout() {
        FailureKind::Timeout
    } else if error.is_connect() {
        FailureKind::Connect
    } else if error.is_body()
        || error.is_decode()
        || ["connection closed", "IncompleteMessage", "end of file"].iter().any(|end| text.contains(end))
    {
        FailureKind::Closed
    } else {
        FailureKind::Malformed
    };
    Failure::new(kind, text)
}

fn holds_tls_error(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| {
        inner.is::<rustls::Error>() || inner.downcast_ref::<std::io::Error>().is_some_and(holds_tls_error)
    })
}

/// The whole chain of causes in one line; reqwest's own text names only the URL.
fn describe(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut source = error.source();
    while let Some(inner) = source {
        let part = inner.to_string();
        // Says no more than that it was the client who could not connect.
        if !text.contains(&part) && !part.starts_with("client error (") {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&part);
        }
        source = inner.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}
