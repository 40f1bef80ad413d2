//! Wiremock servers, kept for the next mock when one is done with them: each is a thread of its own.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode};
use wiremock::{Mock, MockServer};

use super::backend::{Backend, Body, BoxError, TcpBackend};
use super::full;

static IDLE: Mutex<Vec<MockServer>> = Mutex::new(Vec::new());

/// A wiremock server as a backend.
pub(crate) struct WiremockBackend {
    server: Option<MockServer>,
    tcp: TcpBackend,
}

impl WiremockBackend {
    /// Takes an idle server, or starts one, and mounts the mocks.
    ///
    /// Wiremock's own pool records every request without bound; the front has a journal, so these servers do not record.
    pub(crate) async fn start(mocks: Vec<Mock>) -> Self {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let server = match idle {
            Some(server) => server,
            None => MockServer::builder().disable_request_recording().start().await,
        };
        server.reset().await;
        for mock in mocks {
            server.register(mock).await;
        }
        let tcp = TcpBackend::new(*server.address());
        Self { server: Some(server), tcp }
    }
}

impl Drop for WiremockBackend {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(server);
        }
    }
}

impl Backend for WiremockBackend {
    fn answer(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        // Wiremock panics on a target that is not a URL once it has a host.
        let target = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        if url::Url::parse(&format!("http://localhost{target}")).is_err() {
            return Box::pin(async {
                let mut refusal = Response::new(full(Bytes::new()));
                *refusal.status_mut() = StatusCode::BAD_REQUEST;
                Ok(refusal)
            });
        }
        self.tcp.answer(request)
    }
}
