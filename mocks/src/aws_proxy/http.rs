//! The proxy over Streamable HTTP.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt as _, stream};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::AbortHandle;
use tokio_stream::wrappers::UnboundedReceiverStream;
use url::Url;

use super::client::{Asked, Client, Outgoing};
use super::proxy::Proxy;
use crate::answer::{Answer, header_in};
use crate::front::{Backend, Body, BoxError};
use crate::mcp::{BATCHES, MODERN, VERSIONS};
use crate::mcp_server::rpc::{self, Kind, Refusal};

const SESSION: &str = "mcp-session-id";
const VERSION: &str = "mcp-protocol-version";
const ENDPOINT: &str = "/mcp";

/// The proxy behind a front.
pub(super) struct HttpSide(pub(super) Arc<Proxy>);

impl Backend for HttpSide {
    fn answer(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        Box::pin(async move { Ok(self.respond(request).await) })
    }
}

impl HttpSide {
    async fn respond(&self, request: Request<Bytes>) -> Response<Body> {
        if request.uri().path() != ENDPOINT {
            return empty(StatusCode::NOT_FOUND);
        }
        if !self.is_allowed_origin(request.headers()) {
            let refusal = Refusal::new(rpc::INVALID_REQUEST, "Origin not allowed", None);
            return refused(StatusCode::FORBIDDEN, &refusal);
        }
        match *request.method() {
            Method::POST => self.post(request).await,
            Method::DELETE => {
                let id = header_in(request.headers(), SESSION);
                match id.and_then(|id| self.0.dismiss(id)) {
                    None if id.is_none() => empty(StatusCode::BAD_REQUEST),
                    None => empty(StatusCode::NOT_FOUND),
                    Some(client) => {
                        self.0.close(&client).await;
                        empty(StatusCode::NO_CONTENT)
                    }
                }
            }
            _ => Answer::empty(405).with_header("allow", "POST, DELETE").into_response(),
        }
    }

    fn is_allowed_origin(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(ORIGIN) else {
            return true;
        };
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        let host = origin.parse::<Url>().ok().and_then(|url| url.host_str().map(str::to_owned));
        host.is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host.as_str()))
            || self.0.settled().config.allowed_origins.iter().any(|allowed| allowed == origin)
    }

    async fn post(&self, request: Request<Bytes>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let message = match rpc::parse(&body).and_then(|message| Ok((rpc::classify(&message)?, message))) {
            Ok(message) => message,
            Err(refusal) => return refused(StatusCode::BAD_REQUEST, &refusal),
        };
        let (kind, message) = message;
        let named = header_in(&head.headers, VERSION).map(str::trim);
        let stated = rpc::stated_version(&message);
        // What names no version of the handshake is the upstream's to judge.
        let modern = stated.is_some() || named == Some(MODERN);
        let is_initialize = matches!(&kind, Kind::Request { method, .. } if method == "initialize");
        if modern && !is_initialize {
            return self.standing_alone(kind, message, &head.headers).await;
        }
        if is_initialize {
            return self.initialize(kind, message).await;
        }
        let refuse = |status, code, why: &str| {
            let id = message.get("id").filter(|_| message.get("method").is_some()).cloned();
            refused(status, &Refusal::new(code, why, id))
        };
        if let Some(named) = named.filter(|named| !VERSIONS.contains(named)) {
            let why = format!("Unsupported MCP-Protocol-Version: {}", named.chars().take(64).collect::<String>());
            return refuse(StatusCode::BAD_REQUEST, rpc::INVALID_REQUEST, &why);
        }
        let Some(id) = header_in(&head.headers, SESSION) else {
            return refuse(StatusCode::BAD_REQUEST, rpc::INVALID_REQUEST, "Mcp-Session-Id header is missing");
        };
        let Some(client) = self.0.client(id) else {
            return refuse(StatusCode::NOT_FOUND, rpc::INVALID_REQUEST, "Session not found");
        };
        match kind {
            Kind::Notification { .. } => {
                self.0.notified(&client, &message).await;
                empty(StatusCode::ACCEPTED)
            }
            Kind::Response => {
                self.0.answered(&client, message).await;
                empty(StatusCode::ACCEPTED)
            }
            Kind::Request { id, method } => {
                let (answers, _) = self.run(&client, Asked::in_session(id, method, message));
                respond(answers, None).await
            }
            Kind::Batch => self.batch(&client, message).await,
        }
    }

    async fn initialize(&self, kind: Kind, message: Value) -> Response<Body> {
        let Kind::Request { id, method } = kind else {
            return empty(StatusCode::BAD_REQUEST);
        };
        let client = Arc::new(Client::default());
        let (mut answers, _) = self.run(&client, Asked::in_session(id, method, message));
        let Some(answer) = answers.recv().await else {
            return empty(StatusCode::INTERNAL_SERVER_ERROR);
        };
        let mut response = json_response(StatusCode::OK, &answer.message);
        if answer.message.get("result").is_some() {
            let id = self.0.admit(client);
            if let Ok(value) = HeaderValue::from_str(&id) {
                response.headers_mut().insert(SESSION, value);
            }
        }
        response
    }

    /// A message of the version without sessions.
    async fn standing_alone(&self, kind: Kind, message: Value, headers: &HeaderMap) -> Response<Body> {
        let own = headers.iter().filter(|(name, _)| name.as_str().starts_with("mcp-") && name.as_str() != SESSION);
        let own = own.map(|(name, value)| (name.clone(), value.clone())).collect();
        match kind {
            Kind::Request { id, method } => {
                let (answers, task) = self.run(&self.0.stateless, Asked::alone(id, method, message, own));
                // A client that closes the stream takes its request back.
                respond(answers, Some(task)).await
            }
            Kind::Notification { .. } => empty(StatusCode::ACCEPTED),
            Kind::Response | Kind::Batch => {
                let refusal =
                    Refusal::new(rpc::INVALID_REQUEST, "clients send single requests and notifications", None);
                refused(StatusCode::BAD_REQUEST, &refusal)
            }
        }
    }

    async fn batch(&self, client: &Arc<Client>, batch: Value) -> Response<Body> {
        if client.introduction().is_none_or(|introduction| introduction.version != BATCHES) {
            let refusal = Refusal::new(rpc::INVALID_REQUEST, "batches are not served", None);
            return refused(StatusCode::BAD_REQUEST, &refusal);
        }
        let Value::Array(members) = batch else {
            return empty(StatusCode::BAD_REQUEST);
        };
        // The answer is one document, with no room for anything else.
        let answers = self.0.batch(client, members, drop).await;
        match answers.is_empty() {
            true => empty(StatusCode::ACCEPTED),
            false => json_response(StatusCode::OK, &Value::Array(answers)),
        }
    }

    fn run(&self, client: &Arc<Client>, asked: Asked) -> (UnboundedReceiver<Outgoing>, AbortHandle) {
        let (out, answers) = tokio::sync::mpsc::unbounded_channel();
        let (proxy, client) = (Arc::clone(&self.0), Arc::clone(client));
        let task = tokio::spawn(async move { proxy.serve(&client, asked, &out).await });
        (answers, task.abort_handle())
    }
}

/// One document if the answer comes first, else a stream.
async fn respond(mut answers: UnboundedReceiver<Outgoing>, task: Option<AbortHandle>) -> Response<Body> {
    let guard = AbortOnDrop(task);
    let first = answers.recv().await;
    if let Some(first) = &first
        && first.message.get("method").is_none()
    {
        let status = StatusCode::from_u16(first.status).unwrap_or(StatusCode::OK);
        return json_response(status, &first.message);
    }
    let events = stream::iter(first).chain(UnboundedReceiverStream::new(answers)).map(|outgoing| {
        let event = format!("event: message\ndata: {}\n\n", outgoing.message);
        Ok::<_, Infallible>(Frame::data(Bytes::from(event)))
    });
    let body = StreamBody::new(Guarded { events, _guard: guard }).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Ends the work on a request when nobody waits for its answer.
struct AbortOnDrop(Option<AbortHandle>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

struct Guarded<S> {
    events: S,
    _guard: AbortOnDrop,
}

impl<S: Stream + Unpin> Stream for Guarded<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        Pin::new(&mut self.get_mut().events).poll_next(cx)
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    Answer::empty(status.as_u16()).into_response()
}

fn json_response(status: StatusCode, document: &Value) -> Response<Body> {
    Answer::json(status.as_u16(), document).into_response()
}

fn refused(status: StatusCode, refusal: &Refusal) -> Response<Body> {
    json_response(status, &refusal.to_json(BATCHES))
}
