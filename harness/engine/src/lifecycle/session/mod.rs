//! One named client in conversation with the target.

mod message;
mod raw_requests;
mod resend;
mod sign_in;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use gauntlet_format::{Version, scenario::Lifecycle};
use serde_json::{Map, Value, json};
use tokio::sync::{Mutex, OnceCell, mpsc};
use url::Url;

use super::{HeaderChanges, initialize_params};
use crate::auth::Credential;
use crate::auth::oauth::{Interaction, OauthClient, Problem, SharedSignIn};
use crate::target::process::ExitReport;
use crate::target::rate::RateLimit;
use crate::transcript::Recorder;
use crate::transcript::secrets::Secrets;
use crate::transport::alteration::Alteration;
use crate::transport::http::{HttpClient, Until};
use crate::transport::stdio::{StdioPeer, Wait};
use crate::transport::{Failure, FailureKind, Reply, Request};

pub(crate) use resend::Resend;
pub(crate) use sign_in::Trail;

/// How long a closed stdio peer may take to end.
const EXIT_GRACE: Duration = Duration::from_secs(3);

/// The way to the target.
#[derive(Debug, Clone)]
pub(crate) enum Link {
    /// Streamable HTTP at the endpoint.
    Http { client: HttpClient, endpoint: Url },
    /// Lines to and from a process or an embedded mock.
    Stdio { peer: Arc<StdioPeer>, command: Arc<str> },
}

/// What a session is made of.
#[derive(Debug, Clone)]
pub(crate) struct SessionSpec {
    /// Name of the client in output.
    pub name: Arc<str>,
    /// Name of the target in output.
    pub target: Arc<str>,
    /// Version to speak; none for `bare`.
    pub version: Option<Version>,
    /// Who opens and closes.
    pub lifecycle: Lifecycle,
    /// Client capabilities to declare.
    pub capabilities: Value,
    /// Headers on every request, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Members beside the JSON-RPC ones.
    pub envelope: Map<String, Value>,
    /// The target's credentials.
    pub credential: Credential,
    /// The target's request rate.
    pub rate: Arc<RateLimit>,
    /// The OAuth client; sessions may share one.
    pub sign_in: SignIn,
    /// What that client shares with those of other cases, if it is made of the target's own credentials.
    pub shared: Option<SharedSignIn>,
    /// How somebody is asked to sign in.
    pub interaction: Interaction,
    /// Gets the tokens of a sign-in.
    pub secrets: Secrets,
    /// With `auth: oauth`: begins without a token, and makes a request that is refused again with a better one.
    pub persevere: bool,
}

/// The OAuth client of one or several sessions, once there is one.
pub(crate) type SignIn = Arc<std::sync::Mutex<Option<Arc<OauthClient>>>>;

/// Name of the client that a step does not name.
pub(crate) const DEFAULT_CLIENT: &str = "client";

/// A named client and its state.
#[derive(Debug)]
pub(crate) struct Session {
    spec: SessionSpec,
    link: Link,
    recorder: Arc<Recorder>,
    next_id: AtomicI64,
    opened: OnceCell<Result<Opened, OpenError>>,
    closed: Mutex<bool>,
    /// What kept a session that perseveres from going on.
    gave_up: std::sync::Mutex<Option<Problem>>,
    /// How it got its tokens until then.
    trail: std::sync::Mutex<Trail>,
    /// The step whose requests are altered on their way out, and how.
    alteration: std::sync::Mutex<Option<(usize, Arc<Alteration>)>>,
}

/// What `initialize` agreed on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opened {
    /// `Mcp-Session-Id`, if the server gave one.
    pub session_id: Option<String>,
    /// The version in the answer.
    pub version: Option<String>,
    /// Capabilities in the answer.
    pub capabilities: Value,
}

/// The session could not be opened.
#[derive(Debug, Clone)]
pub(crate) struct OpenError {
    pub message: String,
    /// What became of the request; none: it was answered, and not with a session.
    pub failure: Option<Failure>,
}

/// A request or a notification to send.
#[derive(Debug, Default)]
pub(crate) struct Call<'a> {
    /// Step that sends it.
    pub step: Option<usize>,
    /// Method.
    pub method: &'a str,
    /// Parameters.
    pub params: Option<Value>,
    /// Id in place of a generated one; ignored for notifications.
    pub id: Option<Value>,
    /// It has no id and gets no answer.
    pub is_notification: bool,
    /// Members beside the JSON-RPC ones.
    pub envelope: Option<Map<String, Value>>,
    /// Header changes.
    pub headers: HeaderChanges,
    /// Credentials in place of the target's.
    pub credential: Option<Credential>,
    /// Method → `{ result }` or `{ error }` for the server's own requests.
    pub replies: Option<Value>,
    /// How long to go on reading after the answer.
    pub linger: Duration,
    /// Bound on all of it.
    pub deadline: Duration,
}

/// An exchange that took place.
#[derive(Debug, Clone)]
pub(crate) struct Spoken {
    /// Its number in the record.
    pub number: usize,
    /// What was sent.
    pub request: Arc<Request>,
    /// Id of the JSON-RPC request in it, if it was one.
    pub id: Option<Value>,
    /// What came back.
    pub reply: Arc<Reply>,
}

impl Session {
    pub(crate) fn new(spec: SessionSpec, link: Link, recorder: Arc<Recorder>) -> Self {
        Self {
            spec,
            link,
            recorder,
            next_id: AtomicI64::new(1),
            opened: OnceCell::new(),
            closed: Mutex::new(false),
            gave_up: std::sync::Mutex::default(),
            trail: std::sync::Mutex::default(),
            alteration: std::sync::Mutex::default(),
        }
    }

    /// From now on alters what this step sends; `None` ends it.
    pub(crate) fn alter(&self, step: usize, alteration: Option<Arc<Alteration>>) {
        let mut current = self.alteration.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *current = alteration.map(|alteration| (step, alteration));
    }

    fn alteration(&self, step: Option<usize>) -> Option<Arc<Alteration>> {
        let current = self.alteration.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        current.as_ref().filter(|(altered, _)| Some(*altered) == step).map(|(_, alteration)| Arc::clone(alteration))
    }

    /// What was agreed on, if the session is open.
    pub(crate) fn opened(&self) -> Option<&Opened> {
        self.opened.get().and_then(|o| o.as_ref().ok())
    }

    /// Opens the session if the lifecycle is the harness's business and it is not open yet.
    ///
    /// # Errors
    /// When the target does not let it open.
    pub(crate) async fn open(&self, deadline: Duration) -> Result<(), OpenError> {
        let opened = self.opened.get_or_init(|| async {
            match (self.spec.lifecycle, self.spec.version) {
                (Lifecycle::Auto, Some(version)) if version.is_stateful() => self.initialize(version, deadline).await,
                _ => Ok(Opened::default()),
            }
        });
        opened.await.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    async fn initialize(&self, version: Version, deadline: Duration) -> Result<Opened, OpenError> {
        let params = initialize_params(version, &self.spec.capabilities);
        let call = Call { method: "initialize", params: Some(params), deadline, ..Call::default() };
        let spoken = self.speak(call, None).await;
        if let Some(failure) = &spoken.reply.failure {
            let message = format!("the session did not open: {failure}");
            return Err(OpenError { message, failure: Some(failure.clone()) });
        }
        let answer = spoken.id.as_ref().and_then(|id| spoken.reply.answer(id));
        let Some(result) = answer.and_then(|a| a.get("result")) else {
            let said = match (answer.and_then(|a| a.get("error")), spoken.reply.status) {
                (Some(error), _) => format!("`initialize` was answered with the error {error}"),
                (None, Some(status)) => spoken
                    .reply
                    .redirect()
                    .unwrap_or_else(|| format!("`initialize` was answered with HTTP {status} and no result")),
                (None, None) => "`initialize` was not answered".to_owned(),
            };
            return Err(OpenError { message: format!("the session did not open: {said}"), failure: None });
        };
        let opened = Opened {
            session_id: spoken.reply.header("mcp-session-id").map(str::to_owned),
            version: result.get("protocolVersion").and_then(Value::as_str).map(str::to_owned),
            capabilities: result.get("capabilities").cloned().unwrap_or_default(),
        };
        let call = Call { method: "notifications/initialized", is_notification: true, deadline, ..Call::default() };
        self.speak(call, Some(&opened)).await;
        Ok(opened)
    }

    /// Sends a request or a notification and takes the answer. Under an open lifecycle the version's headers and `_meta`
    /// are added.
    pub(crate) async fn call(&self, call: Call<'_>) -> Spoken {
        self.speak(call, self.opened()).await
    }

    /// Why the session could not get a token that the server takes, if that is so.
    pub(crate) fn gave_up(&self) -> Option<Problem> {
        self.gave_up.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    async fn speak(&self, mut call: Call<'_>, opened: Option<&Opened>) -> Spoken {
        if !self.spec.persevere {
            let params = call.params.take();
            return self.speak_once(&call, params, opened).await;
        }
        let mut tries = 0;
        loop {
            let spoken = self.speak_once(&call, call.params.clone(), opened).await;
            match Box::pin(self.try_again(&spoken, tries)).await {
                Ok(true) => tries += 1,
                Ok(false) => return spoken,
                Err(problem) => {
                    *self.gave_up.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(problem);
                    return spoken;
                }
            }
        }
    }

    async fn speak_once(&self, call: &Call<'_>, params: Option<Value>, opened: Option<&Opened>) -> Spoken {
        let id = (!call.is_notification)
            .then(|| call.id.clone().unwrap_or_else(|| self.next_id.fetch_add(1, Ordering::Relaxed).into()));
        let message = self.message(call, id.as_ref(), params);
        let mut headers = self.message_headers(&message, opened);
        call.headers.apply(&mut headers);
        let body = serde_json::to_vec(&message).unwrap_or_default();
        let alteration = self.alteration(call.step);
        let request = match self.credential(call.credential.as_ref(), call.step).await {
            Ok(credential) => self.request(headers, body, &credential, &call.headers, alteration.as_deref()),
            Err(message) => Err(message),
        };
        let request = match request {
            Ok(request) => Arc::new(request),
            Err(message) => return self.unsendable(call.step, message),
        };
        // What was left out of the message may be its id.
        let id = if alteration.is_some() { raw_requests::id_of(&request.body) } else { id };
        let (tap, inbox) = mpsc::unbounded_channel();
        let exchange =
            self.exchange(call.step, Arc::clone(&request), id.as_ref(), call.linger, call.deadline, Some(tap));
        let answers = self.answer_requests(call.step, inbox, call.replies.as_ref(), call.deadline, opened);
        let ((number, reply), ()) = tokio::join!(exchange, answers);
        if alteration.is_none() {
            self.recorder.said(number, message);
        }
        Spoken { number, request, id, reply }
    }

    fn unsendable(&self, step: Option<usize>, message: String) -> Spoken {
        let request =
            Arc::new(Request { method: String::new(), url: String::new(), headers: Vec::new(), body: Vec::new() });
        let number = self.recorder.begin(&self.spec.name, &self.spec.target, step, Arc::clone(&request));
        let reply = Arc::new(Reply::failed(Failure::new(FailureKind::Unsendable, message), Duration::ZERO));
        self.recorder.finish(number, Arc::clone(&reply));
        Spoken { number, request, id: None, reply }
    }

    async fn exchange(
        &self,
        step: Option<usize>,
        request: Arc<Request>,
        id: Option<&Value>,
        linger: Duration,
        deadline: Duration,
        tap: Option<mpsc::UnboundedSender<Value>>,
    ) -> (usize, Arc<Reply>) {
        self.spec.rate.wait().await;
        let number = self.recorder.begin(&self.spec.name, &self.spec.target, step, Arc::clone(&request));
        let reply = match &self.link {
            Link::Http { client, .. } => {
                client.send(&request, Until { answer: id, linger, tap, ..Until::default() }, deadline).await
            }
            Link::Stdio { peer, .. } if id.is_some() || !linger.is_zero() => {
                let open_ended = id.is_none();
                let deadline = if open_ended { linger } else { deadline };
                peer.exchange(&request, Wait { answer: id, count: None, linger, deadline, open_ended, tap }).await
            }
            Link::Stdio { peer, .. } => match peer.write(&request.body, deadline).await {
                Ok(()) => Reply {
                    status: None,
                    headers: Vec::new(),
                    content: crate::transport::Content::Empty,
                    failure: None,
                    elapsed: Duration::ZERO,
                },
                Err(failure) => Reply::failed(failure, Duration::ZERO),
            },
        };
        let reply = Arc::new(reply);
        self.recorder.finish(number, Arc::clone(&reply));
        (number, reply)
    }

    /// Answers the server's own requests until the exchange is over (the tap is closed).
    async fn answer_requests(
        &self,
        step: Option<usize>,
        mut inbox: mpsc::UnboundedReceiver<Value>,
        replies: Option<&Value>,
        deadline: Duration,
        opened: Option<&Opened>,
    ) {
        while let Some(message) = inbox.recv().await {
            let (Some(method), Some(id)) = (message.get("method").and_then(Value::as_str), message.get("id")) else {
                continue;
            };
            let answer = own_answer(id, method, replies);
            let body = serde_json::to_vec(&answer).unwrap_or_default();
            let headers = self.message_headers(&answer, opened);
            let Ok(credential) = self.credential(None, step).await else { continue };
            if let Ok(request) = self.request(headers, body, &credential, &HeaderChanges::default(), None) {
                Box::pin(self.exchange(step, Arc::new(request), None, Duration::ZERO, deadline, None)).await;
            }
        }
    }

    /// Ends the session: DELETE where there is one, or end of stdin. The exit report is of a stdio peer.
    pub(crate) async fn close(&self, step: Option<usize>, deadline: Duration) -> (Option<Spoken>, Option<ExitReport>) {
        let mut closed = self.closed.lock().await;
        if std::mem::replace(&mut *closed, true) {
            return (None, None);
        }
        match &self.link {
            Link::Stdio { peer, .. } => (None, peer.close(EXIT_GRACE.min(deadline)).await),
            Link::Http { .. } => {
                let Some(opened) = self.opened().filter(|o| o.session_id.is_some()) else { return (None, None) };
                let mut headers = Vec::new();
                self.add_version_headers(&mut headers, &Value::Null, Some(opened));
                let none = HeaderChanges::default();
                let spoken = self.http(step, "DELETE", None, headers, &none, Vec::new(), None, deadline).await;
                (Some(spoken), None)
            }
        }
    }

    /// Text that a child process wrote to stderr since the last call.
    pub(crate) fn take_stderr(&self) -> Option<String> {
        match &self.link {
            Link::Stdio { peer, .. } => Some(peer.take_stderr()),
            Link::Http { .. } => None,
        }
    }
}

/// How the harness answers a server's own request: as the scenario says, else politely.
fn own_answer(id: &Value, method: &str, replies: Option<&Value>) -> Value {
    let mut answer = json!({ "jsonrpc": "2.0", "id": id });
    let scripted = replies.and_then(|r| r.get(method)).and_then(Value::as_object);
    let members = match (scripted, method) {
        (Some(scripted), _) => scripted.clone(),
        (None, "ping") => Map::from_iter([("result".to_owned(), json!({}))]),
        (None, _) => {
            let error = json!({ "code": -32601, "message": format!("Method not found: {method}") });
            Map::from_iter([("error".to_owned(), error)])
        }
    };
    if let Some(object) = answer.as_object_mut() {
        object.extend(members);
    }
    answer
}
