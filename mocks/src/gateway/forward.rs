//! One request to the server, and its answer to the client.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use url::Url;

use super::defects::GatewayDefect;
use super::{Gateway, State, alter};
use crate::answer::Answer;
use crate::config::ConfigError;
use crate::front::{Backend, Body, BoxError, full};
use crate::outbound::{Outbound, OutboundAnswer, OutboundError};

/// Largest answer that passes, in bytes.
const LARGEST_ANSWER: usize = 16 << 20;

/// How long the server may say nothing.
const LONGEST_SILENCE: Duration = Duration::from_secs(600);

/// How long an early answer waits, so that the request behind it is on its way.
const HEAD_START: Duration = Duration::from_millis(100);

/// Headers that belong to one connection (RFC 9110 section 7.6.1), and those that the HTTP client sets itself.
const OF_THE_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// JSON-RPC error of an intermediary that got no answer: of the range that JSON-RPC leaves to implementations.
const NO_ANSWER: i64 = -32000;

/// The side of the client.
pub(super) struct Forwarder(pub(super) Arc<Gateway>);

/// Speaks to the server at this endpoint.
pub(super) fn client(endpoint: &Url) -> Result<Outbound, ConfigError> {
    Outbound::new(endpoint, LONGEST_SILENCE, LARGEST_ANSWER)
        .map_err(|error| ConfigError::new("upstreams", format!("no client for the server: {error}")))
}

impl Backend for Forwarder {
    fn answer(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        let state = self.0.state().clone();
        Box::pin(async move { forward(&state, request).await })
    }
}

async fn forward(state: &State, request: Request<Bytes>) -> Result<Response<Body>, BoxError> {
    let (head, body) = request.into_parts();
    if head.uri.path() != state.config.path {
        return Ok(plain(StatusCode::NOT_FOUND, "there is nothing here"));
    }
    let (Some(endpoint), Some(client)) = (&state.config.endpoint, &state.client) else {
        return Ok(plain(StatusCode::BAD_GATEWAY, "there is no server behind this gateway: set upstreams.upstream"));
    };
    let mut url = endpoint.clone();
    url.set_query(head.uri.query());
    let caller = head.headers.get(header::AUTHORIZATION).cloned();
    if state.shows(GatewayDefect::TokenInQuery)
        && let Some(token) = caller.as_ref().and_then(|value| value.to_str().ok()?.split_once(' '))
    {
        url.query_pairs_mut().append_pair("token", token.1);
    }
    let mut message = serde_json::from_slice::<Value>(&body).ok();
    let body = match &mut message {
        Some(message) if !state.config.defects().is_empty() => {
            alter::request(state, message);
            Bytes::from(message.to_string())
        }
        _ => body,
    };
    let mut headers = end_to_end(&head.headers);
    // The caller's token was issued for the gateway, not for the server behind it.
    if !state.shows(GatewayDefect::TokenPassedThrough) {
        headers.remove(header::AUTHORIZATION);
        if let Some(token) = &state.config.token {
            headers.insert(header::AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}"))?);
        }
    }
    let asked = Asked::of(message.as_ref());
    let onward = Onward { method: head.method, url, headers, body };
    if let Some(id) = asked.call.as_ref().filter(|_| state.shows(GatewayDefect::AnswersEarly)) {
        let client = client.clone();
        let early = document(StatusCode::OK, &alter::empty_result(id));
        tokio::spawn(async move { drop(onward.send(&client).await) });
        tokio::time::sleep(HEAD_START).await;
        return Ok(early);
    }
    let mut sent = onward.send(client).await;
    let failed = sent.as_ref().map_or(true, |answer| answer.status.is_server_error());
    let again = state.shows(GatewayDefect::CallsTwice) || failed && state.shows(GatewayDefect::CallsRepeated);
    if asked.call.is_some() && again {
        sent = onward.send(client).await;
    }
    match sent {
        Ok(answer) => back(state, answer, &asked).await,
        Err(error) => no_answer(state, &asked, &error).await,
    }
}

/// What the client gets when the server does not answer.
async fn no_answer(state: &State, asked: &Asked, error: &OutboundError) -> Result<Response<Body>, BoxError> {
    if let Some(id) = &asked.call {
        if state.shows(GatewayDefect::SilentWhenDown) {
            return std::future::pending().await;
        }
        if state.shows(GatewayDefect::FailureAsEmptySuccess) {
            return Ok(document(StatusCode::OK, &alter::empty_result(id)));
        }
    }
    let Some(id) = &asked.request else {
        return Ok(plain(StatusCode::BAD_GATEWAY, "the server behind the gateway did not answer"));
    };
    let message = format!("the server behind the gateway did not answer: {error}");
    let error = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": NO_ANSWER, "message": message } });
    Ok(document(StatusCode::BAD_GATEWAY, &error))
}

/// What a request wants.
struct Asked {
    /// Id of the JSON-RPC request, if it is one.
    request: Option<Value>,
    /// The same if it calls a tool.
    call: Option<Value>,
}

impl Asked {
    fn of(message: Option<&Value>) -> Self {
        let method = message.and_then(|m| m.get("method")).and_then(Value::as_str);
        let request = method.and(message).and_then(|m| m.get("id")).cloned();
        let call = request.clone().filter(|_| method == Some("tools/call"));
        Self { request, call }
    }
}

/// What goes to the server.
struct Onward {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
}

impl Onward {
    async fn send(&self, client: &Outbound) -> Result<OutboundAnswer, OutboundError> {
        client.send(self.method.clone(), self.url.clone(), self.headers.clone(), self.body.clone()).await
    }
}

/// The answer of the server as the client gets it: piece by piece as it comes, unless a defect wants all of it.
async fn back(state: &State, answer: OutboundAnswer, asked: &Asked) -> Result<Response<Body>, BoxError> {
    let status = answer.status;
    if let Some(id) =
        asked.call.as_ref().filter(|_| !status.is_success() && state.shows(GatewayDefect::FailureAsEmptySuccess))
    {
        return Ok(document(StatusCode::OK, &alter::empty_result(id)));
    }
    let (status, headers) = alter::head(state, status, end_to_end(&answer.headers));
    let media_type = answer.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_stream = media_type.is_some_and(|value| value.starts_with("text/event-stream"));
    let holds_back = alter::changes_answers(state) || is_stream && state.shows(GatewayDefect::StreamBuffered);
    let hides_cuts = asked.call.as_ref().filter(|_| state.shows(GatewayDefect::CutAsSuccess));
    // The stream of a GET has no end that could be waited for.
    let body = if asked.request.is_some() && (holds_back || hides_cuts.is_some()) {
        match (answer.bytes().await, hides_cuts) {
            (Ok(bytes), _) => full(altered(state, bytes, is_stream)),
            (Err(_), Some(id)) => return Ok(document(StatusCode::OK, &alter::empty_result(id))),
            (Err(error), None) => return Err(error.into()),
        }
    } else {
        StreamBody::new(answer.pieces().map_ok(Frame::data).map_err(BoxError::from)).boxed_unsync()
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// The messages in a body as the client gets them.
fn altered(state: &State, bytes: Vec<u8>, is_stream: bool) -> Vec<u8> {
    let alter = |text: &str| {
        let mut message = serde_json::from_str::<Value>(text).ok()?;
        if !alter::passes(state, &message) {
            return Some(None);
        }
        alter::answer(state, &mut message);
        Some(Some(message.to_string()))
    };
    let Ok(text) = std::str::from_utf8(&bytes) else { return bytes };
    if !is_stream {
        return alter(text).flatten().map_or_else(|| bytes.clone(), String::into_bytes);
    }
    let line = |line: &str| match line.strip_prefix("data:").map(|data| alter(data.trim())) {
        Some(Some(None)) => "\n".to_owned(),
        Some(Some(Some(data))) => format!("data: {data}\n"),
        Some(None) | None => format!("{line}\n"),
    };
    text.lines().map(line).collect::<String>().into_bytes()
}

fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in &OF_THE_HOP {
        headers.remove(name);
    }
    headers
}

fn document(status: StatusCode, document: &Value) -> Response<Body> {
    Answer::json(status.as_u16(), document).into_response()
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    Answer::text(status.as_u16(), "text/plain", text.to_owned()).into_response()
}
