//! What is inside a tunnel: TLS, ended here, and HTTP/1.1 or HTTP/2 in it.

use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::AlertDescription;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::finding::Finding;
use super::forward::{ForwardError, Forwarder};
use super::stream::TunnelStream;
use super::{HEAD, Place, Shared, Undecided};

/// The first byte of a TLS connection: a record of the handshake (RFC 8446 section 5.1).
const HANDSHAKE_RECORD: u8 = 0x16;

/// Streams of one HTTP/2 connection at the same time; further ones wait.
const STREAMS: u32 = 128;

pub(super) type Answer = Response<UnsyncBoxBody<bytes::Bytes, ForwardError>>;

/// Serves the tunnel until either side ends it.
pub(super) async fn serve(mut stream: TunnelStream, place: &Place, forwarder: Forwarder, shared: &Arc<Shared>) {
    let pending = Pending::new(shared);
    let first = match timeout(shared.handshake, stream.first_byte()).await {
        Ok(Ok(Some(byte))) => byte,
        // Opened in advance and not needed.
        Ok(Ok(None) | Err(_)) => return,
        Err(_) => return shared.findings.add(unfinished(place, shared)),
    };
    let forwarder = Arc::new(forwarder);
    if first != HANDSHAKE_RECORD {
        // Some clients tunnel plain http as well.
        if first.is_ascii_uppercase() && place.port != 443 {
            converse(stream, place, forwarder, shared, &pending).await;
        } else {
            shared.findings.add(Finding::NotTls { host: place.to_string() });
        }
        return;
    }
    let encrypted = match timeout(shared.handshake, handshake(stream, place, shared)).await {
        Ok(Ok(encrypted)) => encrypted,
        Ok(Err(finding)) => return finding.into_iter().for_each(|finding| shared.findings.add(finding)),
        Err(_) => return shared.findings.add(unfinished(place, shared)),
    };
    let ended = converse(encrypted, place, forwarder, shared, &pending).await;
    if pending.is_pending() {
        let distrust = ended.as_deref().and_then(rustls_error).and_then(|error| of_alert(error, place));
        shared.findings.add(distrust.unwrap_or_else(|| Finding::Silent { host: place.to_string() }));
    }
}

fn unfinished(place: &Place, shared: &Shared) -> Finding {
    Finding::Unfinished { host: place.to_string(), patience: shared.handshake }
}

/// Ends TLS. The certificate is for the name that the client asks for, if the interceptor stands for it; else for the host
/// of the tunnel, as a server has one for who does not ask.
async fn handshake(
    stream: TunnelStream,
    place: &Place,
    shared: &Shared,
) -> Result<TlsStream<TunnelStream>, Option<Finding>> {
    let begun = match LazyConfigAcceptor::new(Acceptor::default(), stream).await {
        Ok(begun) => begun,
        Err(error) => {
            // Gone before it had said anything: nothing was tried.
            let heard = error.kind() != io::ErrorKind::UnexpectedEof && error.kind() != io::ErrorKind::ConnectionReset;
            return Err(heard.then(|| Finding::NotTls { host: place.to_string() }));
        }
    };
    let asked = begun.client_hello().server_name().map(str::to_ascii_lowercase);
    let other = asked.filter(|name| *name != place.host);
    if let Some(name) = &other {
        shared.findings.add(Finding::OtherName { host: place.to_string(), name: name.clone() });
    }
    let known = other.as_ref().filter(|name| shared.route(name, place.port).is_some());
    let strange = other.as_ref().filter(|_| known.is_none());
    let name = known.unwrap_or(&place.host);
    let config =
        shared.authority.server(name).map_err(|why| Some(Finding::Handshake { host: place.to_string(), why }))?;
    begun.into_stream(config).await.map_err(|error| {
        // With the certificate of another host than it asked for, it does right not to go on.
        Some(of_failure(&error, place)).filter(|_| strange.is_none())
    })
}

/// Why the client did not go on once it had seen the certificate.
fn of_failure(error: &io::Error, place: &Place) -> Finding {
    let host = place.to_string();
    let Some(ended) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Finding::Distrust { host, how: "by closing the connection when it had seen the certificate".to_owned() }
            }
            _ => Finding::Handshake { host, why: error.to_string() },
        };
    };
    of_alert(ended, place).unwrap_or_else(|| Finding::Handshake { host, why: ended.to_string() })
}

/// What an alert says of the certificate, if it is about that (RFC 8446 section 6.2).
fn of_alert(error: &rustls::Error, place: &Place) -> Option<Finding> {
    let rustls::Error::AlertReceived(alert) = error else { return None };
    let name = match alert {
        AlertDescription::BadCertificate => "bad_certificate",
        AlertDescription::UnsupportedCertificate => "unsupported_certificate",
        AlertDescription::CertificateRevoked => "certificate_revoked",
        AlertDescription::CertificateExpired => "certificate_expired",
        AlertDescription::CertificateUnknown => "certificate_unknown",
        AlertDescription::UnknownCA => "unknown_ca",
        // The certificate was good, and not the one that the client insists on.
        AlertDescription::AccessDenied => "access_denied",
        _ => return None,
    };
    Some(Finding::Distrust { host: place.to_string(), how: format!("by the alert {name}") })
}

fn rustls_error<'e>(error: &'e (dyn Error + Send + Sync + 'static)) -> Option<&'e rustls::Error> {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = source {
        let inner = error.downcast_ref::<io::Error>().and_then(|e| e.get_ref()?.downcast_ref::<rustls::Error>());
        if inner.is_some() {
            return inner;
        }
        source = error.source();
    }
    None
}

/// Whether a tunnel still waits for its first request.
#[derive(Debug, Clone)]
struct Pending(Arc<Mutex<Option<Undecided>>>);

impl Pending {
    fn new(shared: &Arc<Shared>) -> Self {
        Self(Arc::new(Mutex::new(Some(Undecided::new(shared)))))
    }

    fn requested(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn is_pending(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

/// Serves HTTP, whichever version the client speaks; returns why it ended early, if it did.
async fn converse<S>(
    stream: S,
    place: &Place,
    forwarder: Arc<Forwarder>,
    shared: &Arc<Shared>,
    pending: &Pending,
) -> Option<Box<dyn Error + Send + Sync>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn({
        let (pending, forwarder, shared) = (pending.clone(), Arc::clone(&forwarder), Arc::clone(shared));
        let place: Arc<str> = place.to_string().into();
        move |request: Request<Incoming>| {
            pending.requested();
            shared.findings.served(&place);
            let forwarder = Arc::clone(&forwarder);
            async move {
                if request.method() == Method::CONNECT {
                    return Ok(refusal(StatusCode::METHOD_NOT_ALLOWED, "There is no tunnel in a tunnel.\n"));
                }
                let answer = forwarder.exchange(request).await?;
                Ok::<Answer, ForwardError>(answer.map(|body| body.boxed_unsync()))
            }
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD).auto_date_header(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(HEAD).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        .auto_date_header(false);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let mut leaving = false;
    loop {
        tokio::select! {
            done = connection.as_mut() => break done.err(),
            () = forwarder.ended(), if !leaving => {
                leaving = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// An answer of the interceptor's own.
pub(super) fn refusal(status: StatusCode, text: impl Into<String>) -> Answer {
    let body = Full::new(text.into().into()).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let plain = http::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(http::header::CONTENT_TYPE, plain);
    response
}
