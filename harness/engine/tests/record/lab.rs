//! An upstream, a recorder in front of it, and clients.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gauntlet::CancellationToken;
use gauntlet::repro::har;
use gauntlet::repro::record::{self, HttpOptions, HttpRecorder, Note, RecordError, Sink, Written};
use gauntlet::repro::recording::{Entry, Received, Recording};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

pub(crate) type AnyBody = UnsyncBoxBody<Bytes, std::io::Error>;

/// Nothing here takes so long, unless something is held back for good.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits, but not for ever.
pub(crate) async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

pub(crate) fn whole(body: impl Into<Bytes>) -> AnyBody {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body that comes piece by piece; dropping the sender breaks it off.
pub(crate) struct Pieces(mpsc::UnboundedReceiver<Option<Bytes>>);

/// The other end: a piece, or the end of the body.
pub(crate) type Feed = mpsc::UnboundedSender<Option<Bytes>>;

pub(crate) fn pieces() -> (Feed, AnyBody) {
    let (feed, pieces) = mpsc::unbounded_channel();
    (feed, Pieces(pieces).boxed_unsync())
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|piece| match piece {
            Some(Some(piece)) => Some(Ok(Frame::data(piece))),
            Some(None) => None,
            None => Some(Err(std::io::ErrorKind::BrokenPipe.into())),
        })
    }
}

/// A server on loopback that answers what the function makes of a request; over TLS if told.
pub(crate) async fn upstream<F>(
    tls: Option<TlsAcceptor>,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
) -> SocketAddr
where
    F: Future<Output = Response<AnyBody>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (tls, answer) = (tls.clone(), answer.clone());
            tokio::spawn(async move {
                match tls {
                    None => serve(stream, answer).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, answer).await;
                        }
                    }
                }
            });
        }
    });
    address
}

async fn serve<F>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    answer: impl Fn(Request<Incoming>) -> F + Send + Sync + 'static,
) where
    F: Future<Output = Response<AnyBody>> + Send + 'static,
{
    let service = service_fn(move |request| {
        let answer = answer(request);
        async move { Ok::<_, std::convert::Infallible>(answer.await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().preserve_header_case(true);
    // The recorder may have been ended.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

/// A recorder in front of an upstream.
pub(crate) struct Lab {
    pub address: SocketAddr,
    pub notes: Arc<Mutex<Vec<String>>>,
    pub file: PathBuf,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
    sink: Sink,
    _folder: tempfile::TempDir,
}

pub(crate) fn options(upstream: &str) -> HttpOptions {
    HttpOptions {
        behind: None,
        listen: "127.0.0.1:0".parse().unwrap(),
        upstream: upstream.parse().unwrap(),
        ca: None,
        rewrite: false,
        keep_host: false,
        max_body: record::MAX_BODY,
    }
}

impl Lab {
    pub(crate) async fn new(upstream: SocketAddr) -> Self {
        Self::with(options(&format!("http://{upstream}/mcp"))).await.unwrap()
    }

    pub(crate) async fn with(options: HttpOptions) -> Result<Self, RecordError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.har");
        let notes = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&notes);
        let tell = move |note: Note<'_>| {
            let note = match note {
                Note::Exchange { number, entry } => format!("{number} {}", record::line(entry)),
                other => format!("{other:?}"),
            };
            heard.lock().unwrap().push(note);
        };
        let recorder = HttpRecorder::bind(options).await?;
        let sink = Sink::create(&file, recorder.watched().into_iter().collect(), Box::new(tell))?;
        let (address, stop) = (recorder.address(), CancellationToken::new());
        let stopping = stop.clone();
        let taking = sink.inlet();
        let serving = tokio::spawn(async move { recorder.serve(taking, &stopping).await });
        Ok(Self { address, notes, file, stop, serving, sink, _folder: folder })
    }

    /// Ends the recording.
    pub(crate) async fn end(self) -> (Vec<Entry>, Written, Vec<String>) {
        self.stop.cancel();
        soon("the recorder's end", self.serving).await.unwrap();
        let sink = self.sink;
        let written = tokio::task::spawn_blocking(move || sink.finish()).await.unwrap().unwrap();
        let notes = self.notes.lock().unwrap().clone();
        (read(&self.file).entries, written, notes)
    }
}

pub(crate) fn read(file: &std::path::Path) -> Recording {
    let (recording, info) = har::load(file, &har::Limits::default()).unwrap();
    assert!(!info.is_cut);
    recording
}

/// A client with one connection.
pub(crate) enum Client {
    One(http1::SendRequest<AnyBody>),
    Two(http2::SendRequest<AnyBody>),
}

impl Client {
    pub(crate) async fn one(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let made = http1::Builder::new().preserve_header_case(true).handshake(TokioIo::new(stream)).await;
        let (sender, connection) = made.unwrap();
        tokio::spawn(connection);
        Self::One(sender)
    }

    pub(crate) async fn two(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self::Two(sender)
    }

    pub(crate) async fn send(&mut self, request: Request<AnyBody>) -> Response<Incoming> {
        let answer = async {
            match self {
                Self::One(sender) => {
                    sender.ready().await.unwrap();
                    sender.send_request(request).await
                }
                Self::Two(sender) => sender.send_request(request).await,
            }
        };
        soon("an answer", answer).await.unwrap()
    }

    /// The answer with its whole body.
    pub(crate) async fn ask(&mut self, request: Request<AnyBody>) -> Response<Bytes> {
        let (head, body) = self.send(request).await.into_parts();
        let body = soon("a body", body.collect()).await.unwrap().to_bytes();
        Response::from_parts(head, body)
    }
}

/// A POST of JSON to the path.
pub(crate) fn post(address: SocketAddr, path: &str, body: impl Into<Bytes>) -> Request<AnyBody> {
    let request = Request::post(format!("http://{address}{path}")).header("host", address.to_string());
    request.header("content-type", "application/json").body(whole(body)).unwrap()
}

pub(crate) fn response(entry: &Entry) -> &Received {
    entry.response.as_ref().expect("an answer")
}

pub(crate) fn answer(media_type: &str, body: AnyBody) -> Response<AnyBody> {
    Response::builder().header("content-type", media_type).body(body).unwrap()
}
