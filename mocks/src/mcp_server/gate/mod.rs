//! The HTTP side: the SDK's Streamable HTTP service, what makes it conform, and the defects.
//!
//! What is put right in front of the SDK (rmcp 3.9), and why:
//!
//! | the SDK | here |
//! | --- | --- |
//! | 415 for a body that is not JSON, or no message | 400 with -32700 or -32600, as JSON-RPC 2.0 section 5.1 |
//! | a request with `"id": null` is taken for a notification | 400 with -32600 |
//! | a known method with parameters that do not fit is an unknown method | -32602 |
//! | batches are refused | served in 2025-03-26, which demands it; refused with -32600 in other versions |
//! | a header naming a version that is known but not offered here is served | 400 |
//! | DELETE of an unknown session is acknowledged | 404 |
//! | a server of 2026-07-28 alone answers `initialize` as an unsupported version | 400 and -32020 without the headers of that version, else 404 and -32601 |
//! | under 2026-07-28 `resources/subscribe` needs `Mcp-Name` before it is an unknown method | -32601 at once |
//! | a cursor that is not a string is no cursor | -32602 |
//! | integers in `Mcp-Param-*` are compared as texts | as numbers |
//! | JSON answers only without sessions | with sessions too, when configured |
//! | the answer to `initialize` is never primed with a resumable id | primed in 2025-11-25 |
//!
//! What the SDK does about streams and resumption is put right in its session manager, see [`super::sessions`].

mod answer;
mod batch;
mod request;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::any;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited, combinators::BoxBody};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::config::Settings;
use super::defects::Defect;
use super::handler::{Server, Shared};
use super::live::Live;
use super::mangle::{Exchange, Mangler};
use super::rpc::{self, Kind, Refusal};
use super::sessions::Sessions;
use crate::in_force::InForce;

/// Largest request body, in bytes.
const BODY_MAX: usize = 4 * 1024 * 1024;

const SESSION_ID: &str = "mcp-session-id";
const VERSION: &str = "mcp-protocol-version";
const JSON: HeaderValue = HeaderValue::from_static("application/json");

type SdkResponse = Response<BoxBody<Bytes, Infallible>>;

/// The endpoint.
pub(super) struct Gate {
    service: StreamableHttpService<Server, Sessions>,
    /// Serves older versions without a session; only defects go here.
    sessionless: StreamableHttpService<Server, NeverSessionManager>,
    sessions: Arc<Sessions>,
    shared: Arc<Shared>,
    settings: InForce<Settings, Defect>,
}

/// A POST that has been read.
struct Post {
    parts: Parts,
    body: Bytes,
    message: Result<(Value, Kind), Refusal>,
    version: String,
}

impl Gate {
    pub(super) fn new(shared: Arc<Shared>, sessions: Arc<Sessions>, cancel: CancellationToken) -> Self {
        let settings = shared.settings();
        let config = &settings.config;
        let handshake = settings.has_handshake();
        let http = || {
            StreamableHttpServerConfig::default()
                .with_sse_keep_alive(Some(Duration::from_secs(15)))
                .with_sse_retry(None)
                .with_json_response(config.json_response)
                .with_max_request_body_bytes(BODY_MAX)
                .with_allowed_hosts(config.allowed_hosts.iter().map(String::as_str))
                .with_allowed_origins(config.allowed_origins.iter().map(String::as_str))
                .enforce_origin_validation()
                .with_cancellation_token(cancel.clone())
        };
        let server = || {
            let shared = shared.clone();
            move || Ok(Server::new(shared.clone()))
        };
        let service = StreamableHttpService::new(
            server(),
            sessions.clone(),
            http()
                .with_legacy_session_mode(handshake && config.sessions)
                .with_stateless_protocol_metadata_required(!handshake),
        );
        let sessionless = StreamableHttpService::new(
            server(),
            Arc::new(NeverSessionManager::default()),
            http().with_legacy_session_mode(false),
        );
        Self { service, sessionless, sessions, settings, shared }
    }

    pub(super) fn router(self) -> Router {
        let path = self.settings.config.path.clone();
        Router::new().route(&path, any(serve)).with_state(Arc::new(self))
    }

    fn shows(&self, defect: Defect) -> bool {
        self.shared.live.shows(defect)
    }

    fn live(&self) -> &Live {
        &self.shared.live
    }

    async fn ask_sdk(&self, parts: Parts, body: Bytes) -> SdkResponse {
        self.service.handle(Request::from_parts(parts, Full::new(body))).await
    }

    /// Has the SDK look at everything but the body (host, origin, media types).
    ///
    /// Returns its refusal, if any: with a body that cannot be read its last objection is 415.
    async fn objection(&self, parts: &Parts) -> Option<SdkResponse> {
        let response = self.ask_sdk(parts.clone(), Bytes::from_static(b"!")).await;
        let about_body = response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE && request::is_json(&parts.headers);
        (!about_body).then_some(response)
    }

    async fn refuse(&self, post: &Post, status: StatusCode, refusal: &Refusal) -> Response<Body> {
        if let Some(objection) = self.objection(&post.parts).await {
            return answer::plain(objection);
        }
        answer::json(status, &refusal.to_json(&post.version))
    }

    async fn get_or_delete(&self, mut parts: Parts) -> Response<Body> {
        let modern = parts.headers.get(VERSION).is_some_and(|v| v.as_bytes() >= b"2026-07-28".as_slice());
        if parts.method == Method::GET {
            if self.shows(Defect::GetAnswersJson) {
                return answer::json(StatusCode::OK, &serde_json::json!({ "status": "ok" }));
            }
            if (modern || !self.settings.has_handshake()) && self.shows(Defect::GetNot405) {
                return answer::endless_stream();
            }
        }
        self.admit_defects(&mut parts);
        if parts.method == Method::DELETE && !modern && self.settings.has_handshake() && self.settings.config.sessions {
            let id = parts.headers.get(SESSION_ID).and_then(|id| id.to_str().ok());
            if self.shows(Defect::SessionDeleteIgnored) {
                return answer::empty(StatusCode::ACCEPTED);
            }
            if id.is_some_and(|id| !self.sessions.contains(id)) {
                return answer::empty(StatusCode::NOT_FOUND);
            }
        }
        let response = self.ask_sdk(parts, Bytes::new()).await;
        if response.headers().get(CONTENT_TYPE).is_some_and(|t| t == "text/event-stream") {
            self.standing_stream(response)
        } else {
            answer::plain(response)
        }
    }

    async fn post(&self, mut post: Post) -> Response<Body> {
        let (message, kind) = match &post.message {
            Ok((message, kind)) => (message.clone(), kind.clone()),
            Err(refusal) => return self.refuse_message(&post, refusal.clone()).await,
        };
        if kind == Kind::Batch {
            return self.batch(post, message).await;
        }
        if let Some(refused) = self.version_refusal(&post, &message, &kind).await {
            return refused;
        }
        self.mend_request(&mut post, &message, &kind);
        let id = match &kind {
            Kind::Request { id, .. } => Some(id.clone()),
            _ => None,
        };
        let parts = post.parts.clone();
        let response = self.dispatch(&post).await;
        if response.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE && request::is_json(&parts.headers) {
            let refusal = Refusal::new(rpc::INVALID_PARAMS, "Invalid params: they do not fit the method", id);
            return answer::json(StatusCode::BAD_REQUEST, &refusal.to_json(&post.version));
        }
        match kind {
            Kind::Request { method, .. } => {
                let exchange = Exchange::new(method, &message, post.version.clone());
                self.answer(response, Mangler::new(self.live().clone(), exchange)).await
            }
            _ => self.acknowledge(response, &kind),
        }
    }

    /// Sends the request to the SDK; defects about sessions choose where.
    async fn dispatch(&self, post: &Post) -> SdkResponse {
        let session = post.parts.headers.get(SESSION_ID).and_then(|id| id.to_str().ok());
        let opens = matches!(&post.message, Ok((_, Kind::Request { method, .. })) if method == "initialize");
        let modern = post.version.as_str() >= "2026-07-28";
        let astray = !opens
            && !modern
            && match session {
                None => self.shows(Defect::SessionNotChecked),
                Some(id) => self.shows(Defect::DeadSession200) && !self.sessions.contains(id),
            };
        if !astray {
            return self.ask_sdk(post.parts.clone(), post.body.clone()).await;
        }
        let mut parts = post.parts.clone();
        parts.headers.remove(SESSION_ID);
        self.sessionless.handle(Request::from_parts(parts, Full::new(post.body.clone()))).await
    }

    async fn refuse_message(&self, post: &Post, mut refusal: Refusal) -> Response<Body> {
        if refusal.code == rpc::PARSE_ERROR {
            if self.shows(Defect::ParseError200Empty) {
                return answer::empty(StatusCode::OK);
            }
            if self.shows(Defect::ParseErrorWrongCode) {
                refusal.code = rpc::INTERNAL_ERROR;
            }
        }
        if refusal.code == rpc::INVALID_REQUEST && self.shows(Defect::InvalidRequestWrongCode) {
            refusal.code = rpc::INTERNAL_ERROR;
        }
        self.refuse(post, StatusCode::BAD_REQUEST, &refusal).await
    }
}

async fn serve(State(gate): State<Arc<Gate>>, request: Request<Body>) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    match parts.method {
        Method::POST => {}
        Method::GET | Method::DELETE => return gate.get_or_delete(parts).await,
        _ => {
            let mut response = answer::empty(StatusCode::METHOD_NOT_ALLOWED);
            let allowed = if gate.settings.has_handshake() { "GET, POST, DELETE" } else { "POST" };
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
            return response;
        }
    }
    if parts.headers.get(http::header::ORIGIN).is_none() && gate.shows(Defect::OriginDemanded) {
        return answer::empty(StatusCode::FORBIDDEN);
    }
    gate.admit_defects(&mut parts);
    let body = match Limited::new(body, BODY_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return answer::empty(StatusCode::PAYLOAD_TOO_LARGE),
    };
    let message = rpc::parse(&body).and_then(|message| {
        let kind = rpc::classify(&message)?;
        Ok((message, kind))
    });
    let version = gate.version_in_force(&parts.headers, message.as_ref().ok().map(|(message, _)| message));
    gate.post(Post { parts, body, message, version }).await
}
