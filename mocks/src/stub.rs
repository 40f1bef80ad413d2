//! A mock out of nothing: a front whose answers are decided by the caller.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::catalogue::DefectInfo;
use crate::config::ConfigError;
use crate::control::Controller;
use crate::defect::{Defect, DefectSet};
use crate::faults::Fault;
use crate::front::{AnswerFaults, Backend, Body, BoxError, full};
use crate::handle::{MockHandle, SelfDescription};
use crate::journal::{JournalNote, header_list};
use crate::setup::Setup;
use crate::start::{StartError, StartOptions};

const NAME: &str = "stub";

/// A request as the logic sees it.
#[derive(Debug, Clone)]
pub struct StubRequest {
    /// HTTP method.
    pub method: String,
    /// Path without query, as received.
    pub path: String,
    /// Query without its question mark, as received.
    pub query: Option<String>,
    /// Names in lower case, repeated headers one by one.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
}

/// Decides the answer to each request.
pub trait StubLogic: Send + Sync {
    /// Path of the endpoint on the origin.
    fn path(&self) -> &str {
        "/mcp"
    }

    /// The answer. Called once for each request, from several connections at a time.
    fn answer(&self, request: &StubRequest) -> StubAnswer;
}

/// Stands in front of a mock and answers some requests in its place. The mock's faults and its journal have these requests like all others.
pub trait Overlay: Send + Sync {
    /// The answer; none leaves the request to the mock. Called once for each request, from several connections at a time.
    fn answer(&self, request: &StubRequest) -> Option<StubAnswer>;
}

/// An answer.
#[derive(Debug, Clone)]
pub struct StubAnswer {
    /// HTTP status.
    pub status: u16,
    /// Header names and values; a name may come twice.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: StubBody,
    /// What goes wrong on the wire; `path`, `method` and `times` are not looked at.
    pub faults: Vec<Fault>,
    /// What the journal says of it.
    pub note: Option<String>,
}

/// A body.
#[derive(Debug, Clone)]
pub enum StubBody {
    /// All at once.
    Bytes(Bytes),
    /// Piece by piece, each so long after the one before it.
    Events(Vec<(Duration, Bytes)>),
    /// What comes in while it is sent.
    Live(LiveBody),
}

/// A body whose pieces come from a channel, each so long after the one before it, until all senders are gone.
#[derive(Debug, Clone)]
pub struct LiveBody(Arc<Mutex<Option<Pieces>>>);

/// Pieces of a body as they come, each with the pause before it.
type Pieces = mpsc::Receiver<(Duration, Bytes)>;

impl LiveBody {
    /// What comes out of the channel. It is sent once: of two answers with this body the second one is empty.
    #[must_use]
    pub fn new(pieces: Pieces) -> Self {
        Self(Arc::new(Mutex::new(Some(pieces))))
    }

    fn take(&self) -> Option<Pieces> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Starts a front with this logic behind it. The configuration may hold `faults`, nothing else.
///
/// # Errors
///
/// The configuration is wrong, or the address cannot be bound.
pub async fn start(logic: Arc<dyn StubLogic>, options: StartOptions) -> Result<MockHandle, StartError> {
    let setup = Setup::<NoDefect>::read(NAME, options)?;
    setup.settle(no_members)?;
    let description = SelfDescription { path: logic.path().to_owned(), ..SelfDescription::default() };
    setup.start(description, Arc::new(StubBackend { logic }), Arc::new(NoState)).await
}

fn no_members(config: &Map<String, Value>) -> Result<(), ConfigError> {
    match config.keys().next() {
        None => Ok(()),
        Some(name) => Err(ConfigError::new(name, "stubs have no configuration besides faults")),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum NoDefect {}

impl Defect for NoDefect {
    const INFOS: &'static [DefectInfo] = &[];
    const VALUES: &'static [Self] = &[];
}

/// Stubs keep no state of their own.
struct NoState;

impl Controller for NoState {
    fn set(&self, config: &Map<String, Value>) -> Result<(), ConfigError> {
        no_members(config)
    }

    fn set_defects(&self, ids: &[String]) -> Result<(), ConfigError> {
        DefectSet::<NoDefect>::parse(NAME, ids).map(|_| ())
    }

    fn restart(&self) {}

    fn advance(&self, _by: Duration) {}
}

struct StubBackend {
    logic: Arc<dyn StubLogic>,
}

impl Backend for StubBackend {
    fn answer(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        let answer = self.logic.answer(&StubRequest::of(&request));
        Box::pin(std::future::ready(into_response(answer)))
    }
}

/// A mock with an overlay in front.
pub(crate) struct Overlaid {
    overlay: Arc<dyn Overlay>,
    mock: Arc<dyn Backend>,
}

impl Overlaid {
    pub(crate) fn new(overlay: Arc<dyn Overlay>, mock: Arc<dyn Backend>) -> Self {
        Self { overlay, mock }
    }
}

impl Backend for Overlaid {
    fn answer(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Body>, BoxError>> {
        match self.overlay.answer(&StubRequest::of(&request)) {
            Some(answer) => Box::pin(std::future::ready(into_response(answer))),
            None => self.mock.answer(request),
        }
    }
}

impl StubRequest {
    fn of(request: &Request<Bytes>) -> Self {
        Self {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().map(str::to_owned),
            headers: header_list(request.headers()),
            body: request.body().clone(),
        }
    }
}

/// A piece of a body, after its pause.
async fn paced((pause, bytes): (Duration, Bytes)) -> Result<Frame<Bytes>, BoxError> {
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    Ok(Frame::data(bytes))
}

fn into_response(answer: StubAnswer) -> Result<Response<Body>, BoxError> {
    let body = match answer.body {
        StubBody::Bytes(bytes) => full(bytes),
        StubBody::Events(pieces) => {
            let pieces = stream::unfold(pieces.into_iter(), |mut rest| async move {
                let piece = paced(rest.next()?).await;
                Some((piece, rest))
            });
            StreamBody::new(pieces).boxed_unsync()
        }
        StubBody::Live(pieces) => {
            let pieces = stream::unfold(pieces.take(), |rest| async move {
                let mut rest = rest?;
                let piece = paced(rest.recv().await?).await;
                Some((piece, Some(rest)))
            });
            StreamBody::new(pieces).boxed_unsync()
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status)?;
    for (name, value) in answer.headers {
        response.headers_mut().append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    response.extensions_mut().insert(AnswerFaults(answer.faults));
    if let Some(note) = answer.note {
        response.extensions_mut().insert(JournalNote(note));
    }
    Ok(response)
}
