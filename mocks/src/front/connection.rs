//! One connection: requests in, answers out, faults in between.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::backend::{AnswerFaults, Body, ConnectionId, FrontError, PeerAddress};
use super::body::FrontBody;
use super::io::{End, FaultyStream};
use super::{LARGEST_REQUEST, Shared, full};
use crate::faults::json_rpc_method;
use crate::journal::JournalEntry;

/// Serves a connection until either side ends it.
pub(super) async fn serve(stream: TcpStream, connection: u64, shared: Arc<Shared>) {
    // Streamed events must not wait for each other.
    let _ = stream.set_nodelay(true);
    let peer = stream.peer_addr().ok().map(|address| PeerAddress(address.ip()));
    let end = Arc::new(End::default());
    let io = TokioIo::new(FaultyStream::new(stream, Arc::clone(&end)));
    let service = service_fn(
        move |mut request: Request<Incoming>| -> BoxFuture<'static, Result<Response<FrontBody>, FrontError>> {
            if let Some(peer) = peer {
                request.extensions_mut().insert(peer);
            }
            Box::pin(answer(request, connection, Arc::clone(&shared), Arc::clone(&end)))
        },
    );
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .serve_connection(io, service)
        .await;
    if let Err(error) = served {
        tracing::trace!(connection, %error, "connection ended early");
    }
}

async fn answer(
    request: Request<Incoming>,
    connection: u64,
    shared: Arc<Shared>,
    end: Arc<End>,
) -> Result<Response<FrontBody>, FrontError> {
    let (head, body) = request.into_parts();
    let recording = shared.journal.open(JournalEntry::from_head(connection, &head));
    let body = match Limited::new(body, LARGEST_REQUEST).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Ok(FrontBody::plain(refusal(StatusCode::PAYLOAD_TOO_LARGE), recording, end));
        }
        Err(error) => return Err(FrontError(error)),
    };
    recording.request_body(&body);

    let mut plan = shared.faults.plan(head.uri.path(), || json_rpc_method(&body));
    if plan.hang {
        std::future::pending::<()>().await;
    }
    if plan.reset {
        return Err(reset(&end));
    }
    let response = match plan.status {
        Some(status) => refusal(valid_status(status)),
        None => {
            let mut request = Request::from_parts(head, body);
            request.extensions_mut().insert(ConnectionId(connection));
            backend_answer(&shared, request).await
        }
    };
    if let Some(AnswerFaults(faults)) = response.extensions().get() {
        faults.iter().for_each(|fault| plan.add(fault));
    }
    if plan.hang {
        std::future::pending::<()>().await;
    }
    if plan.reset {
        return Err(reset(&end));
    }
    let mut response = match plan.status {
        Some(status) if response.status() != status => refusal(valid_status(status)),
        _ => plan.rewrite.apply(response).await.map_err(FrontError)?,
    };
    response.headers_mut().extend(std::mem::take(&mut plan.headers));
    if !plan.delay.is_zero() {
        tokio::time::sleep(plan.delay).await;
    }
    Ok(FrontBody::with_faults(response, recording, end, &plan))
}

/// Marks the connection for a reset; the error makes it end without an answer.
fn reset(end: &End) -> FrontError {
    end.reset();
    FrontError("reset by a fault".into())
}

async fn backend_answer(shared: &Shared, request: Request<Bytes>) -> Response<Body> {
    match shared.backend.answer(request).await {
        Ok(response) => response,
        Err(error) => {
            let mut response = refusal(StatusCode::BAD_GATEWAY);
            *response.body_mut() = full(format!("the mock failed to answer: {error}"));
            response
        }
    }
}

/// The status of a fault, which is checked when the fault is read.
fn valid_status(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn refusal(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = status;
    response
}
