//! What happens to the SDK's answers before the client sees them.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::response::Parts;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::request::FOREIGN_SUFFIX;
use super::{Defect, Gate, JSON, Kind, SESSION_ID, SdkResponse};
use crate::mcp_server::mangle::{Mangler, is_answer};
use crate::mcp_server::sse::{Event, events};

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const BUFFERING: &str = "x-accel-buffering";

/// The SDK's answer as it is.
pub(super) fn plain(response: SdkResponse) -> Response<Body> {
    response.map(Body::new)
}

/// No body.
pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// One JSON document.
pub(super) fn json(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// An event stream on which nothing happens.
pub(super) fn endless_stream() -> Response<Body> {
    let mut response = Response::new(Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()));
    response.headers_mut().insert(CONTENT_TYPE, EVENT_STREAM);
    response
}

/// An event stream of these pieces.
pub(super) fn event_stream(mut parts: Parts, pieces: impl Stream<Item = Bytes> + Send + 'static) -> Response<Body> {
    parts.headers.insert(CONTENT_TYPE, EVENT_STREAM);
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from_stream(pieces.map(Ok::<_, std::io::Error>)))
}

/// How the SDK answered.
pub(super) enum Answered {
    /// With one JSON document.
    Document(Parts, Value),
    /// With events.
    Stream(Parts, BoxStream<'static, Event>),
    /// With something that is no JSON-RPC.
    Other(Response<Body>),
}

/// Takes an answer apart.
pub(super) async fn open(response: SdkResponse) -> Answered {
    let kind = response.headers().get(CONTENT_TYPE).cloned();
    let (parts, body) = response.into_parts();
    if kind == Some(JSON) {
        let bytes = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(never) => match never {},
        };
        return match serde_json::from_slice(&bytes) {
            Ok(document) => Answered::Document(parts, document),
            Err(_) => Answered::Other(Response::from_parts(parts, Body::from(bytes))),
        };
    }
    if kind == Some(EVENT_STREAM) {
        return Answered::Stream(parts, events(body.into_data_stream()).boxed());
    }
    Answered::Other(Response::from_parts(parts, Body::new(body)))
}

impl Gate {
    /// The answer to a request.
    pub(super) async fn answer(&self, response: SdkResponse, mut mangler: Mangler) -> Response<Body> {
        let opens = mangler.exchange().method == "initialize";
        if !self.live().any_defect() && !self.settings.config.json_response && !opens {
            return plain(response);
        }
        match open(response).await {
            Answered::Other(response) => response,
            Answered::Document(parts, document) => self.document(parts, document, mangler),
            Answered::Stream(parts, mut events) => {
                let mut held = Vec::new();
                if opens || self.settings.config.json_response {
                    let mut first = None;
                    while let Some(event) = events.next().await {
                        first = event.message();
                        held.push(event);
                        if first.is_some() {
                            break;
                        }
                    }
                    if let Some(first) = first {
                        if self.settings.config.json_response && is_answer(&first) {
                            return self.document(parts, first, mangler);
                        }
                        if opens {
                            self.prime(&first, &mut held);
                        }
                    }
                }
                let events = stream::iter(held).chain(events);
                let pieces = self.pieces(events, move |message| mangler.outgoing(message));
                event_stream(self.head(parts, opens), pieces)
            }
        }
    }

    fn document(&self, parts: Parts, document: Value, mut mangler: Mangler) -> Response<Body> {
        let exchange = mangler.exchange();
        let opens = exchange.method == "initialize";
        let unknown_method = parts.status == StatusCode::NOT_FOUND;
        let body = mangler.outgoing(document).into_iter().next();
        let mut parts = self.head(parts, opens);
        parts.headers.remove(CONTENT_LENGTH);
        parts.headers.remove(http::header::CACHE_CONTROL);
        parts.headers.remove(BUFFERING);
        if unknown_method && self.shows(Defect::UnknownMethod200) {
            parts.status = StatusCode::OK;
        }
        let Some(body) = body else {
            return empty(StatusCode::ACCEPTED);
        };
        let label = if self.shows(Defect::ContentTypeWrong) { HeaderValue::from_static("text/plain") } else { JSON };
        parts.headers.insert(CONTENT_TYPE, label);
        Response::from_parts(parts, Body::from(body))
    }

    /// Gives the answer to `initialize` the ids that its session can resume from.
    fn prime(&self, answer: &Value, held: &mut Vec<Event>) {
        let version = answer.pointer("/result/protocolVersion").and_then(Value::as_str).unwrap_or_default();
        if version < "2025-11-25" {
            return;
        }
        if let Some(event) = held.last_mut() {
            event.id = Some("0-1".to_owned());
        }
        let retry = Some(self.settings.config.retry_ms.to_string());
        held.insert(0, Event { id: Some("0-0".to_owned()), retry, data: Some(Vec::new()), comment: None });
    }

    /// Defects of the head of an answer.
    fn head(&self, mut parts: Parts, opens: bool) -> Parts {
        if opens && self.shows(Defect::SessionIdMissing) {
            parts.headers.remove(SESSION_ID);
        }
        if self.shows(Defect::SessionIdNotAscii)
            && let Some(id) = parts.headers.get(SESSION_ID)
            && let Ok(id) = HeaderValue::from_bytes(&[id.as_bytes(), FOREIGN_SUFFIX].concat())
        {
            parts.headers.insert(SESSION_ID, id);
        }
        if !opens && self.shows(Defect::StatelessMintsSession) {
            parts.headers.insert(SESSION_ID, HeaderValue::from_static("a-session-nobody-asked-for"));
        }
        if self.shows(Defect::AccelBufferingMissing) {
            parts.headers.remove(BUFFERING);
        }
        parts
    }

    /// The bytes of a stream, after what happens to its messages and to its framing.
    pub(super) fn pieces(
        &self,
        events: impl Stream<Item = Event> + Send + 'static,
        mut outgoing: impl FnMut(Value) -> Vec<Vec<u8>> + Send + 'static,
    ) -> impl Stream<Item = Bytes> + Send + 'static {
        let live = self.live().clone();
        let left_open = self.shows(Defect::SseStreamLeftOpen);
        let mut closed = false;
        let pieces = events.flat_map(move |event| {
            let Some(message) = event.message() else {
                let primes = event.id.is_some();
                let dropped = closed || (primes && live.shows(Defect::SsePrimingMissing));
                return stream::iter(if dropped { Vec::new() } else { vec![event.encode()] });
            };
            let ends = is_answer(&message);
            closed |= ends && live.shows(Defect::SseClosedBeforeAnswer);
            if closed {
                return stream::iter(Vec::new());
            }
            let mut id = event.id;
            if id.is_some() && live.shows(Defect::SseEventIdRepeated) {
                id = Some("1-1".to_owned());
            }
            let pieces = outgoing(message).into_iter().map(|data| {
                let event = Event { id: id.take(), data: Some(data), ..Event::default() };
                let mut bytes = event.encode();
                if live.shows(Defect::SseWithoutData) {
                    let text = String::from_utf8_lossy(&bytes).replace("data: ", "message: ");
                    bytes = Bytes::from(text);
                }
                if ends && live.shows(Defect::SseEventNotTerminated) {
                    bytes.truncate(bytes.len() - 1);
                }
                bytes
            });
            stream::iter(pieces.collect::<Vec<_>>())
        });
        let tail = if left_open { stream::pending().boxed() } else { stream::empty().boxed() };
        pieces.chain(tail)
    }

    /// The GET stream: only what shows on every stream happens to it.
    pub(super) fn standing_stream(&self, response: SdkResponse) -> Response<Body> {
        if !self.live().any_defect() {
            return plain(response);
        }
        let (parts, body) = response.into_parts();
        let pieces = self.pieces(events(body.into_data_stream()), |message| vec![message.to_string().into_bytes()]);
        event_stream(self.head(parts, true), pieces)
    }

    /// The answer to what is no request.
    pub(super) fn acknowledge(&self, response: SdkResponse, kind: &Kind) -> Response<Body> {
        let Kind::Notification { method } = kind else {
            return plain(response);
        };
        if response.status() != StatusCode::ACCEPTED {
            return plain(response);
        }
        let known = ["initialized", "cancelled", "progress", "roots/list_changed"];
        let unknown = !method.strip_prefix("notifications/").is_some_and(|name| known.contains(&name));
        if unknown && self.shows(Defect::NotificationRefused) {
            return empty(StatusCode::BAD_REQUEST);
        }
        if self.shows(Defect::Notification200WithBody) {
            return json(StatusCode::OK, &json!({ "jsonrpc": "2.0", "id": null, "result": {} }));
        }
        plain(response)
    }
}
