//! A reverse proxy that records: what clients say goes to the upstream as it comes, and what the upstream answers comes back as it is.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, Uri, Version, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use serde_json::json;
use time::OffsetDateTime;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::rewrite::{Origins, Rewritten};
use super::sessions::Sessions;
use super::sink::{Inlet, Watched};
use super::tap::{Draft, Side, Tapped};
use super::upstream::{self, Client};
use super::{RecordError, innermost};
use crate::repro::recording::{Entry, Payload, Received, Sent, Transport};
use crate::transport::hop::{of_http2, remove_headers, remove_hop_headers};

/// Connections at the same time; further ones wait to be accepted.
const CONNECTIONS: usize = 512;

/// Largest head of a request or an answer of HTTP/2, in bytes; tokens can be long.
pub(super) const HTTP2_HEAD: u32 = 128 * 1024;

/// Pause after a connection could not be accepted, as when there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// What to record over HTTP.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// The name of what stands behind the target, if that is what is recorded; `None`: clients ask the target.
    pub behind: Option<String>,
    /// Where clients connect; port 0 is a free one.
    pub listen: SocketAddr,
    /// What stands behind: an origin, and the path that clients are told. Requests keep their own paths.
    pub upstream: Url,
    /// Certificates in PEM that are trusted beside the system's.
    pub ca: Option<PathBuf>,
    /// Put the recorder's origin in place of the upstream's in what the client gets, and back in what it sends.
    pub rewrite: bool,
    /// Pass `Host` on as the client sent it, over HTTP/1.1, in place of the upstream's own: a signature may be over it.
    pub keep_host: bool,
    /// Bytes that are recorded of one body.
    pub max_body: usize,
}

/// A recorder that listens.
#[derive(Debug)]
pub struct HttpRecorder {
    listener: TcpListener,
    address: SocketAddr,
    client: Client,
    /// Scheme, host and port of the upstream.
    origin: Uri,
    options: HttpOptions,
}

#[derive(Debug)]
struct Shared {
    client: Client,
    origin: Uri,
    options: HttpOptions,
    sessions: Sessions,
    inlet: Inlet,
    connections: AtomicU64,
}

impl Shared {
    /// What the session is called that the headers name.
    fn session(&self, headers: &HeaderMap) -> Option<String> {
        self.sessions.label(headers).map(|label| self.named(label))
    }

    /// Sessions and connections behind the target are others than those of its clients.
    fn named(&self, label: String) -> String {
        match &self.options.behind {
            Some(behind) => format!("{behind}-{label}"),
            None => label,
        }
    }
}

type Answer = Response<UnsyncBoxBody<Bytes, hyper::Error>>;

impl HttpRecorder {
    /// Opens the port.
    ///
    /// # Errors
    /// The port is taken, the upstream is no `http` or `https` URL without credentials, query and fragment, or the certificates cannot
    /// be read.
    pub async fn bind(options: HttpOptions) -> Result<Self, RecordError> {
        let origin = upstream::origin(&options)?;
        let client = upstream::client(&options)?;
        let cannot = |error| RecordError::Listen { address: options.listen, error };
        let listener = TcpListener::bind(options.listen).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        Ok(Self { listener, address, client, origin, options })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What clients are to use in place of the upstream's URL.
    #[must_use]
    pub fn url(&self) -> String {
        let path = self.options.upstream.path();
        format!("http://{}{}", self.address, if path == "/" { "" } else { path })
    }

    /// What it records.
    #[must_use]
    pub fn options(&self) -> &HttpOptions {
        &self.options
    }

    /// What answers should not name, unless that is rewritten.
    #[must_use]
    pub fn watched(&self) -> Option<Watched> {
        let Self { options, .. } = self;
        let origin = options.upstream.origin().ascii_serialization();
        (!options.rewrite).then(|| Watched { behind: options.behind.clone(), origin })
    }

    /// Serves until `stop`; exchanges that are under way then end, and are recorded as far as they came.
    pub async fn serve(self, inlet: Inlet, stop: &CancellationToken) {
        let Self { listener, client, origin, options, .. } = self;
        let (sessions, connections) = (Sessions::default(), AtomicU64::new(0));
        let shared = Arc::new(Shared { client, origin, options, sessions, inlet, connections });
        let free = Arc::new(Semaphore::new(CONNECTIONS));
        let mut tasks = JoinSet::new();
        let accept = async {
            while let Ok(permit) = Arc::clone(&free).acquire_owned().await {
                while tasks.try_join_next().is_some() {}
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let shared = Arc::clone(&shared);
                        tasks.spawn(async move {
                            serve(stream, shared).await;
                            drop(permit);
                        });
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            () = accept => {}
            () = stop.cancelled() => {}
        }
        shared.inlet.close();
        tasks.shutdown().await;
    }
}

/// Serves until `stop`, on both sides of a target.
pub async fn serve_all(recorders: Vec<HttpRecorder>, inlet: &Inlet, stop: &CancellationToken) {
    let mut tasks = JoinSet::new();
    for recorder in recorders {
        let (inlet, stop) = (inlet.clone(), stop.clone());
        tasks.spawn(async move { recorder.serve(inlet, &stop).await });
    }
    while tasks.join_next().await.is_some() {}
}

/// Serves a connection until either side ends it.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // Streamed events must not wait for each other.
    let _ = stream.set_nodelay(true);
    let number = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
    let local = stream.local_addr().ok();
    let service = service_fn(move |request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(pass(&shared, number, local, request).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .preserve_header_case(true)
        .auto_date_header(false);
    builder.http2().timer(TokioTimer::new()).auto_date_header(false).max_header_list_size(HTTP2_HEAD);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::trace!(connection = number, %error, "the connection ended early");
    }
}

/// One exchange.
async fn pass(shared: &Shared, connection: u64, local: Option<SocketAddr>, request: Request<Incoming>) -> Answer {
    if request.method() == Method::CONNECT {
        let text = "gauntlet record is a reverse proxy: point the client at it, in place of the upstream's URL";
        return refusal(StatusCode::METHOD_NOT_ALLOWED, text);
    }
    let (mut head, body) = request.into_parts();
    let origins = shared.options.rewrite.then(|| {
        let authority = head.uri.authority().map(http::uri::Authority::as_str);
        let named = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        Origins::new(authority.or(named), local, &shared.options.upstream)
    });
    let version = head.version;
    let mut path = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    if version == Version::HTTP_2 {
        head.headers = of_http2(head.headers, None);
    }
    remove_hop_headers(&mut head.headers);
    // The client of HTTP puts in the upstream's, as the protocol to it wants it. A body that is compressed could not be rewritten.
    let is_replaced = !shared.options.keep_host;
    let is_removed = |name: &HeaderName| {
        (is_replaced && name == header::HOST) || (origins.is_some() && name == header::ACCEPT_ENCODING)
    };
    remove_headers(&mut head.headers, is_removed);
    if let (false, Some(authority)) = (is_replaced, head.uri.authority())
        && let Ok(host) = authority.as_str().parse()
    {
        head.headers.insert(header::HOST, host);
    }
    if let Some(origins) = &origins {
        path = origins.to_upstream.path(&path);
        origins.to_upstream.headers(&mut head.headers);
    }
    head.uri = at(&shared.origin, path);
    head.version = Version::HTTP_11;
    let draft = Draft::new(entry(shared, connection, &head, version), shared.inlet.clone(), shared.options.max_body);
    let tapped = match &origins {
        Some(origins) => {
            let rewritten = Rewritten::new(body, origins.to_upstream.clone(), &mut head.headers);
            Tapped::new(rewritten.boxed_unsync(), Arc::clone(&draft), Side::Request)
        }
        None => Tapped::new(body.boxed_unsync(), Arc::clone(&draft), Side::Request),
    };
    match shared.client.request(Request::from_parts(head, tapped)).await {
        Ok(response) => {
            let (mut head, body) = response.into_parts();
            draft.answered(received(&head), shared.session(&head.headers));
            remove_hop_headers(&mut head.headers);
            head.version = Version::HTTP_11;
            let tapped = Tapped::new(body.boxed_unsync(), draft, Side::Response);
            let Some(origins) = origins else { return Response::from_parts(head, tapped.boxed_unsync()) };
            origins.to_client.headers(&mut head.headers);
            let body = Rewritten::new(tapped, origins.to_client, &mut head.headers);
            Response::from_parts(head, body.boxed_unsync())
        }
        Err(error) => {
            let why = match error.is_connect() {
                true => format!("cannot reach the upstream {}: {}", shared.origin, innermost(&error)),
                false => format!("the upstream did not answer: {}", innermost(&error)),
            };
            draft.ended(Some(why.clone()));
            refusal(StatusCode::BAD_GATEWAY, &format!("gauntlet record: {why}"))
        }
    }
}

/// An answer of the recorder's own.
fn refusal(status: StatusCode, text: &str) -> Answer {
    let body = json!({ "error": text }).to_string();
    let body = Full::new(Bytes::from(body)).map_err(|never: Infallible| match never {});
    let mut answer = Response::new(body.boxed_unsync());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    answer
}

/// The path at the origin.
fn at(origin: &Uri, path: PathAndQuery) -> Uri {
    let mut parts = origin.clone().into_parts();
    parts.path_and_query = Some(path);
    // Scheme, authority and path are there, and each is valid.
    Uri::from_parts(parts).unwrap_or_else(|_| origin.clone())
}

fn entry(shared: &Shared, connection: u64, head: &http::request::Parts, version: Version) -> Entry {
    Entry {
        transport: Transport::Http,
        session: Some(
            shared.session(&head.headers).unwrap_or_else(|| shared.named(format!("connection-{connection}"))),
        ),
        behind: shared.options.behind.clone(),
        started_at: OffsetDateTime::now_utc(),
        began: None,
        elapsed: Duration::ZERO,
        request: Sent {
            method: head.method.to_string(),
            url: head.uri.to_string(),
            http_version: Some(spelled(version)),
            headers: listed(&head.headers),
            body: Payload::default(),
        },
        response: None,
        failure: None,
    }
}

fn received(head: &http::response::Parts) -> Received {
    Received {
        status: Some(head.status.as_u16()),
        http_version: Some(spelled(head.version)),
        headers: listed(&head.headers),
        body: Payload::default(),
        arrivals: Vec::new(),
    }
}

/// As HAR files have it.
fn spelled(version: Version) -> String {
    match version {
        Version::HTTP_2 => "h2".to_owned(),
        other => format!("{other:?}"),
    }
}

fn listed(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}
