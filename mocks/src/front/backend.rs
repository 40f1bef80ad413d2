//! What stands behind a front.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::{Service, ServiceExt};

use super::full;
use crate::faults::Fault;

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What hyper is given as an error. A boxed error that is `Into` itself for every lifetime is more than the compiler can prove
/// inside a spawned future, so it gets a type of its own.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct FrontError(#[from] pub(crate) BoxError);

/// A body that may stream.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Number of the connection that a request came on, in the extensions of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionId(pub u64);

/// Where the connection came from that a request came on, in the extensions of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PeerAddress(pub(crate) IpAddr);

/// Faults that a backend wants for one answer, in the extensions of the response.
#[derive(Debug, Clone)]
pub(crate) struct AnswerFaults(pub(crate) Vec<Fault>);

/// A system behind a front.
pub trait Backend: Send + Sync + 'static {
    /// Answers one request, whose body has arrived whole. Dropping the future, or the body of the answer, means that the client
    /// went away.
    fn answer(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>>;
}

/// A tower service, such as an `axum::Router`, as a backend.
#[derive(Debug, Clone)]
pub struct ServiceBackend<S>(S);

impl<S> ServiceBackend<S> {
    /// Wraps a service; it is cloned for each request.
    pub fn new(service: S) -> Self {
        Self(service)
    }
}

impl<S, B> Backend for ServiceBackend<S>
where
    S: Service<Request<axum::body::Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn answer(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        let service = self.0.clone();
        Box::pin(async move {
            let request = request.map(axum::body::Body::from);
            let response = service.oneshot(request).await.map_err(Into::into)?;
            Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
        })
    }
}

/// A server at a TCP address, spoken to in HTTP/1.1. The `Host` header and the path reach it as the client sent them.
#[derive(Debug)]
pub struct TcpBackend {
    address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl TcpBackend {
    /// Connects when the first request comes.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { address, client: Client::builder(TokioExecutor::new()).build(connector) }
    }

    fn forwarded(&self, request: Request<Bytes>) -> Result<Request<Full<Bytes>>, http::Error> {
        let (mut head, body) = request.into_parts();
        let target = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        head.uri = Uri::builder().scheme("http").authority(self.address.to_string()).path_and_query(target).build()?;
        head.version = http::Version::HTTP_11;
        remove_hop_headers(&mut head.headers);
        head.headers.remove(CONTENT_LENGTH);
        head.headers.remove(EXPECT);
        Ok(Request::from_parts(head, Full::new(body)))
    }
}

impl Backend for TcpBackend {
    fn answer(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        Box::pin(async move {
            if request.method() == Method::CONNECT {
                let mut refusal = Response::new(full(Bytes::new()));
                *refusal.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
                return Ok(refusal);
            }
            let request = self.forwarded(request)?;
            let mut response = self.client.request(request).await?;
            remove_hop_headers(response.headers_mut());
            Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
        })
    }
}

/// Headers that speak of one connection only (RFC 9110 section 7.6.1).
fn remove_hop_headers(headers: &mut http::HeaderMap) {
    for name in [CONNECTION, HeaderName::from_static("keep-alive"), TE, TRAILER, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
}
