//! Upstreams in place of hosts: a loopback proxy that ends TLS with an authority of the run's own and hands what a program says
//! to a host to the mock that stands for it. A program that cannot be told another address then talks to the mocks unmodified.

mod authority;
mod environment;
mod finding;
mod forward;
mod stream;
#[cfg(test)]
mod tests;
mod tunnel;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use gauntlet_mocks::MockHandle;
use gauntlet_mocks::front::Entrance;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

pub(crate) use authority::Authority;
use authority::TrustFiles;
pub(crate) use finding::Report;
use finding::{Finding, Findings};
use forward::{ForwardError, Forwarder, Way};
use stream::{Reset, TunnelStream};
use tunnel::{Answer, refusal};

use super::client::Scratch;
use crate::config::{HostPattern, UpstreamSpec};
use crate::transport::{Failure, FailureKind};

/// Folder of the authority's files, in the scratch folder.
const FOLDER: &str = ".intercept";

/// Connections at the same time; further ones wait to be accepted.
const CONNECTIONS: usize = 512;

/// Bytes of a request's head at most.
const HEAD: usize = 64 * 1024;

/// How long a client may take for a head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take from opening a tunnel to the end of the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often, and with what pause, is looked whether all tunnels are decided.
const SETTLE_LOOKS: u32 = 20;
const SETTLE_PAUSE: Duration = Duration::from_millis(5);

/// Characters that are told of what came.
const SHOWN: usize = 200;

/// The interceptor of one case. Dropping it ends every connection.
#[derive(Debug)]
pub(crate) struct Interceptor {
    proxy: String,
    files: TrustFiles,
    shared: Arc<Shared>,
    accept: JoinHandle<()>,
    /// Where the files are.
    _scratch: Arc<Scratch>,
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    routes: Vec<Route>,
    authority: Arc<Authority>,
    findings: Findings,
    /// Bound on a handshake.
    handshake: Duration,
    /// Tunnels in which nothing was requested yet.
    undecided: AtomicUsize,
}

/// One tunnel in which nothing was requested yet.
#[derive(Debug)]
struct Undecided(Arc<Shared>);

impl Undecided {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.undecided.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Undecided {
    fn drop(&mut self) {
        self.0.undecided.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Hosts and the upstream that stands for them.
#[derive(Debug)]
struct Route {
    upstream: String,
    patterns: Vec<HostPattern>,
    /// None for an upstream that does not run in this case.
    entrance: Option<Entrance>,
}

/// A host and a port, as a client names them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// In lower case.
    host: String,
    port: u16,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", gauntlet_reports::sanitize::line(&self.host, SHOWN), self.port)
    }
}

impl Place {
    /// Of a URI with an authority; the port of its scheme unless it has one.
    fn of(uri: &Uri, usual_port: Option<u16>) -> Option<Self> {
        let port = uri.port_u16().or(usual_port)?;
        let host = uri.host()?.trim_end_matches('.').to_ascii_lowercase();
        (!host.is_empty()).then_some(Self { host, port })
    }
}

impl Shared {
    fn route(&self, host: &str, port: u16) -> Option<&Route> {
        self.routes.iter().find(|route| route.patterns.iter().any(|pattern| pattern.matches(host, port)))
    }

    /// The mock for the host with its name, or the answer that refuses it.
    fn entrance(&self, place: &Place) -> Result<(&str, &Entrance), Box<Answer>> {
        let finding = match self.route(&place.host, place.port) {
            Some(Route { entrance: Some(entrance), upstream, .. }) => return Ok((upstream, entrance)),
            Some(route) => Finding::NotStarted { host: place.to_string(), upstream: route.upstream.clone() },
            None => Finding::Refused { host: place.to_string() },
        };
        let known: Vec<String> = self
            .routes
            .iter()
            .flat_map(|route| route.patterns.iter().map(move |pattern| format!("{pattern} ({})", route.upstream)))
            .collect();
        let text = format!("{finding}. Hosts that upstreams stand for: {}.\n", known.join(", "));
        self.findings.add(finding);
        Err(Box::new(refusal(StatusCode::FORBIDDEN, text)))
    }
}

impl Interceptor {
    /// Listens on a free port of loopback, and writes what the program needs to trust it.
    ///
    /// # Errors
    /// When no port is free, or the scratch folder cannot be written.
    pub(crate) async fn start(
        upstreams: &BTreeMap<String, UpstreamSpec>,
        running: &BTreeMap<String, MockHandle>,
        authority: Arc<Authority>,
        scratch: &Arc<Scratch>,
    ) -> Result<Self, Failure> {
        Self::start_with(upstreams, running, authority, scratch, HANDSHAKE_TIMEOUT).await
    }

    async fn start_with(
        upstreams: &BTreeMap<String, UpstreamSpec>,
        running: &BTreeMap<String, MockHandle>,
        authority: Arc<Authority>,
        scratch: &Arc<Scratch>,
        handshake: Duration,
    ) -> Result<Self, Failure> {
        let routes =
            upstreams.iter().filter(|(_, upstream)| !upstream.intercept.is_empty()).map(|(name, upstream)| Route {
                upstream: name.clone(),
                patterns: upstream.intercept.clone(),
                entrance: running.get(name).map(MockHandle::entrance),
            });
        let routes = routes.collect();
        let folder: PathBuf = scratch.folder()?.join(FOLDER);
        let cannot = |what: String| move |e: std::io::Error| Failure::new(FailureKind::Connect, format!("{what}: {e}"));
        let files = authority.write(&folder).map_err(cannot(format!("cannot write to {}", folder.display())))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(cannot("the interceptor cannot listen on 127.0.0.1".to_owned()))?;
        let address: SocketAddr = listener.local_addr().map_err(cannot("the interceptor has no address".to_owned()))?;
        let shared = Arc::new(Shared {
            routes,
            authority,
            findings: Findings::default(),
            handshake,
            undecided: AtomicUsize::new(0),
        });
        let accept = tokio::spawn(accept_loop(listener, Arc::clone(&shared)));
        Ok(Self { proxy: format!("http://{address}"), files, shared, accept, _scratch: Arc::clone(scratch) })
    }

    /// `${intercept.NAME}`.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        match name {
            "proxy" => Some(self.proxy.clone()),
            "ca_file" => Some(self.files.ca.to_string_lossy().into_owned()),
            "bundle_file" => Some(self.files.bundle.to_string_lossy().into_owned()),
            _ => None,
        }
    }

    /// What the program is told in its environment.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        environment::variables(&self.proxy, &self.files)
    }

    /// Waits a moment for tunnels of which it is not known yet what becomes of them: what a client did is noticed a little
    /// later than the client goes on.
    pub(crate) async fn settle(&self) {
        for _ in 0..SETTLE_LOOKS {
            if self.shared.undecided.load(Ordering::Relaxed) == 0 {
                return;
            }
            tokio::time::sleep(SETTLE_PAUSE).await;
        }
    }

    /// What was noticed so far.
    pub(crate) fn report(&self) -> Report {
        self.shared.findings.report()
    }
}

impl Drop for Interceptor {
    fn drop(&mut self) {
        // The connections belong to the accept task and end with it.
        self.accept.abort();
    }
}

async fn accept_loop(listener: TcpListener, shared: Arc<Shared>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    serve(stream, shared).await;
                    drop(place);
                });
            }
            // Out of file descriptors, or the client gave up already: the next one may fare better.
            Err(error) => {
                tracing::debug!(%error, "the interceptor could not accept");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// One connection of the program to the proxy.
#[derive(Debug)]
struct Client {
    shared: Arc<Shared>,
    reset: Reset,
    /// The tunnel that was asked for.
    tunnel: Mutex<Option<(OnUpgrade, Place, Forwarder)>>,
    /// Of plain requests, by upstream.
    plain: Mutex<HashMap<String, Arc<Forwarder>>>,
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    shared.findings.connected();
    // Streamed events must not wait for each other.
    let _ = stream.set_nodelay(true);
    let reset = Reset::default();
    let client = Arc::new(Client {
        shared: Arc::clone(&shared),
        reset: reset.clone(),
        tunnel: Mutex::default(),
        plain: Mutex::default(),
    });
    let stream = TunnelStream::new(stream, Bytes::new(), reset.clone());
    let service = service_fn({
        let client = Arc::clone(&client);
        move |request| {
            let client = Arc::clone(&client);
            async move { client.answer(request).await }
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::trace!(%error, "a connection to the interceptor ended early");
    }
    let asked = client.tunnel.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some((upgrade, place, forwarder)) = asked else { return };
    if let Some(stream) = upgrade.await.ok().and_then(inner) {
        tunnel::serve(stream, &place, forwarder, &shared).await;
    }
}

/// The stream of an upgraded connection, with what was read of it already.
fn inner(upgraded: Upgraded) -> Option<TunnelStream> {
    let parts = upgraded.downcast::<TokioIo<TunnelStream>>().ok()?;
    Some(parts.io.into_inner().with_before(parts.read_buf))
}

impl Client {
    async fn answer(&self, request: Request<Incoming>) -> Result<Answer, ForwardError> {
        if request.method() == Method::CONNECT {
            return Ok(self.connect(request));
        }
        let uri = request.uri();
        // Of https too: nobody could check the certificate of a server that only the proxy speaks to.
        let place = Place::of(uri, Some(80)).filter(|_| uri.scheme_str() == Some("http"));
        let Some(place) = place else {
            let what = format!("{} {}", request.method(), without_credentials(uri));
            let what = gauntlet_reports::sanitize::line(&what, SHOWN).into_owned();
            self.shared.findings.add(Finding::NoProxyRequest { what });
            let text = "This is a proxy. It takes CONNECT host:port, and http://host/path in place of a path.\n";
            return Ok(refusal(StatusCode::BAD_REQUEST, text));
        };
        let (upstream, entrance) = match self.shared.entrance(&place) {
            Ok(found) => found,
            Err(refusal) => return Ok(*refusal),
        };
        self.shared.findings.served(&place.to_string());
        let forwarder = {
            let mut plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
            let made = || Arc::new(Forwarder::new(entrance.clone(), Way::Plain, self.reset.clone()));
            Arc::clone(plain.entry(upstream.to_owned()).or_insert_with(made))
        };
        let answer = forwarder.exchange(request).await?;
        Ok(answer.map(|body| body.boxed_unsync()))
    }

    fn connect(&self, request: Request<Incoming>) -> Answer {
        let Some(place) = Place::of(request.uri(), None) else {
            let text = "CONNECT wants host:port.\n";
            return refusal(StatusCode::BAD_REQUEST, text);
        };
        let entrance = match self.shared.entrance(&place) {
            Ok((_, entrance)) => entrance.clone(),
            Err(refusal) => return *refusal,
        };
        let forwarder = Forwarder::new(entrance, Way::Tunnel, self.reset.clone());
        let upgrade = hyper::upgrade::on(request);
        *self.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some((upgrade, place, forwarder));
        let mut granted = refusal(StatusCode::OK, "");
        granted.headers_mut().clear();
        granted
    }
}

/// What may be shown of a URI.
fn without_credentials(uri: &Uri) -> String {
    let host = uri.authority().map(|a| a.as_str().rsplit('@').next().unwrap_or_default());
    let scheme = uri.scheme_str().map(|s| format!("{s}://")).unwrap_or_default();
    // A query may hold anything.
    format!("{scheme}{}{}", host.unwrap_or_default(), uri.path())
}
