//! From one connection of the target to one mock: requests as they came, answers as they come.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use gauntlet_mocks::front::{ConnectionId, Entrance};
use http::header::{HOST, HeaderValue};
use http::uri::{Authority, PathAndQuery};
use http::{Request, Response, Uri, Version};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::stream::Reset;
use crate::transport::hop::{of_http2, remove_hop_headers};

/// Why a request did not reach the mock, or its answer not the target. Nothing is made up in place of an answer: the
/// connection ends as the mock's did.
#[derive(Debug, thiserror::Error)]
pub(super) enum ForwardError {
    #[error("the mock cannot be reached: {0}")]
    Connect(#[from] io::Error),
    #[error("the mock ended the exchange: {0}")]
    Exchange(#[from] hyper::Error),
}

impl ForwardError {
    fn is_reset(&self) -> bool {
        let mut source: Option<&(dyn Error + 'static)> = Some(self);
        while let Some(error) = source {
            if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::ConnectionReset) {
                return true;
            }
            source = error.source();
        }
        false
    }
}

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// In a tunnel: what is in it is between the target and the server, and nothing is the proxy's to change.
    Tunnel,
    /// To the proxy itself, in absolute form: headers that speak of the connection to the proxy end here.
    Plain,
}

/// What one connection of the target has with one mock.
#[derive(Debug)]
pub(super) struct Forwarder {
    entrance: Entrance,
    way: Way,
    reset: Reset,
    number: OnceLock<ConnectionId>,
    idle: Arc<Idle>,
    /// Connections to the mock, which end with the target's.
    tasks: Mutex<JoinSet<()>>,
}

/// Connections to the mock that wait for a request.
#[derive(Debug, Default)]
struct Idle {
    senders: Mutex<Vec<SendRequest<Incoming>>>,
    /// The mock has ended one of them.
    ended: Notify,
}

impl Idle {
    fn with<T>(&self, f: impl FnOnce(&mut Vec<SendRequest<Incoming>>) -> T) -> T {
        f(&mut self.senders.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Forwarder {
    pub(super) fn new(entrance: Entrance, way: Way, reset: Reset) -> Self {
        Self { entrance, way, reset, number: OnceLock::new(), idle: Arc::default(), tasks: Mutex::default() }
    }

    /// Returns when the mock has ended a connection on which nothing was under way, as a server does that restarts.
    pub(super) async fn ended(&self) {
        self.idle.ended.notified().await;
    }

    /// One exchange; bodies are handed on piece by piece.
    pub(super) async fn exchange(&self, request: Request<Incoming>) -> Result<Response<ForwardBody>, ForwardError> {
        let multiplexed = request.version() == Version::HTTP_2;
        let request = self.rewritten(request);
        let mut sender = self.sender().await?;
        let reset = (!multiplexed).then(|| self.reset.clone());
        match sender.send_request(request).await {
            Ok(response) => {
                let (mut head, body) = response.into_parts();
                if self.way == Way::Plain {
                    remove_hop_headers(&mut head.headers);
                }
                let body = ForwardBody { inner: body, back: Some((sender, Arc::clone(&self.idle))), reset };
                Ok(Response::from_parts(head, body))
            }
            Err(error) => {
                let error = ForwardError::from(error);
                if let Some(reset) = reset.filter(|_| error.is_reset()) {
                    reset.wanted();
                }
                Err(error)
            }
        }
    }

    /// A connection that waits, or a new one with the same number.
    async fn sender(&self) -> Result<SendRequest<Incoming>, ForwardError> {
        while let Some(mut waiting) = self.idle.with(Vec::pop) {
            if waiting.ready().await.is_ok() {
                return Ok(waiting);
            }
        }
        let number = *self.number.get_or_init(|| self.entrance.number());
        let stream = self.entrance.connect(number).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let idle = Arc::clone(&self.idle);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(%error, "the connection to a mock ended early");
            }
            if idle.with(|senders| senders.iter().any(SendRequest::is_closed)) {
                idle.ended.notify_one();
            }
        });
        Ok(sender)
    }

    /// The request as HTTP/1.1 to an origin.
    fn rewritten(&self, request: Request<Incoming>) -> Request<Incoming> {
        let (mut head, body) = request.into_parts();
        let authority = head.uri.authority().map(host_of);
        let path = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        if head.version == Version::HTTP_2 {
            head.headers = of_http2(head.headers, authority);
        } else if self.way == Way::Plain {
            remove_hop_headers(&mut head.headers);
            // RFC 9112 section 3.2.2: what the target URI says goes over what Host said.
            if let Some(host) = authority {
                head.headers.insert(HOST, host);
            }
        }
        head.version = Version::HTTP_11;
        head.uri = Uri::from(path);
        Request::from_parts(head, body)
    }
}

/// Host and port without credentials.
fn host_of(authority: &Authority) -> HeaderValue {
    let text = authority.as_str().rsplit('@').next().unwrap_or_default();
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The body of an answer; when it is over, the connection that it came on waits for the next request.
#[derive(Debug)]
pub(super) struct ForwardBody {
    inner: Incoming,
    back: Option<(SendRequest<Incoming>, Arc<Idle>)>,
    /// What a reset of the mock's is passed on with.
    reset: Option<Reset>,
}

impl ForwardBody {
    fn give_back(&mut self) {
        if let Some((sender, idle)) = self.back.take() {
            idle.with(|senders| senders.push(sender));
        }
    }
}

impl Body for ForwardBody {
    type Data = Bytes;
    type Error = ForwardError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ForwardError>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        Poll::Ready(match frame {
            Some(Ok(frame)) => Some(Ok(frame)),
            Some(Err(error)) => {
                let error = ForwardError::from(error);
                if let Some(reset) = this.reset.as_ref().filter(|_| error.is_reset()) {
                    reset.wanted();
                }
                Some(Err(error))
            }
            None => {
                this.give_back();
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for ForwardBody {
    fn drop(&mut self) {
        // A body that is known to be over is not asked for its end.
        if self.inner.is_end_stream() {
            self.give_back();
        }
    }
}
