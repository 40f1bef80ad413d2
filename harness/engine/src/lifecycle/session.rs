//! One named client in conversation with the target.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use gauntlet_format::{Version, scenario::Lifecycle};
use serde_json::{Map, Value, json};
use tokio::sync::{Mutex, OnceCell, mpsc};
use url::Url;

use super::{
    ACCEPT, HeaderChanges, add_stateless_meta, initialize_params, name_header_value, named_parameter, user_agent,
};
use crate::auth::Credential;
use crate::target::process::ExitReport;
use crate::target::rate::RateLimit;
use crate::transcript::Recorder;
use crate::transport::http::{HttpClient, Until};
use crate::transport::raw;
use crate::transport::stdio::{StdioPeer, Wait};
use crate::transport::{Failure, FailureKind, Reply, Request, same_origin};

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
}

/// A named client and its state.
#[derive(Debug)]
pub(crate) struct Session {
    spec: SessionSpec,
    link: Link,
    recorder: Arc<Recorder>,
    next_id: AtomicI64,
    opened: OnceCell<Result<Opened, OpenError>>,
    closed: Mutex<bool>,
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
        Self { spec, link, recorder, next_id: AtomicI64::new(1), opened: OnceCell::new(), closed: Mutex::new(false) }
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
            return Err(OpenError { message: format!("the session did not open: {failure}") });
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
            return Err(OpenError { message: format!("the session did not open: {said}") });
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

    async fn speak(&self, call: Call<'_>, opened: Option<&Opened>) -> Spoken {
        let id = (!call.is_notification)
            .then(|| call.id.clone().unwrap_or_else(|| self.next_id.fetch_add(1, Ordering::Relaxed).into()));
        let message = self.message(&call, id.as_ref());
        let mut headers = self.message_headers(&message, opened);
        call.headers.apply(&mut headers);
        let body = serde_json::to_vec(&message).unwrap_or_default();
        let credential = call.credential.as_ref().unwrap_or(&self.spec.credential);
        let request = self.request(headers, body, credential, &call.headers);
        let request = match request {
            Ok(request) => Arc::new(request),
            Err(message) => return self.unsendable(call.step, message),
        };
        let (tap, inbox) = mpsc::unbounded_channel();
        let exchange =
            self.exchange(call.step, Arc::clone(&request), id.as_ref(), call.linger, call.deadline, Some(tap));
        let answers = self.answer_requests(call.step, inbox, call.replies.as_ref(), call.deadline, opened);
        let ((number, reply), ()) = tokio::join!(exchange, answers);
        Spoken { number, request, id, reply }
    }

    fn message(&self, call: &Call<'_>, id: Option<&Value>) -> Value {
        let mut message = Map::new();
        message.insert("jsonrpc".to_owned(), "2.0".into());
        if let Some(id) = id {
            message.insert("id".to_owned(), id.clone());
        }
        message.insert("method".to_owned(), call.method.into());
        let mut params = call.params.clone();
        if let (Lifecycle::Auto, Some(version)) = (self.spec.lifecycle, self.spec.version)
            && !version.is_stateful()
            && !call.is_notification
            && let Value::Object(object) = params.get_or_insert_with(|| json!({}))
        {
            add_stateless_meta(object, version, &self.spec.capabilities);
        }
        if let Some(params) = params {
            message.insert("params".to_owned(), params);
        }
        for (name, value) in self.spec.envelope.iter().chain(call.envelope.iter().flatten()) {
            if value.is_null() {
                message.shift_remove(name);
            } else {
                message.insert(name.clone(), value.clone());
            }
        }
        Value::Object(message)
    }

    /// Headers of a POSTed message before the step's changes.
    fn message_headers(&self, message: &Value, opened: Option<&Opened>) -> Vec<(String, String)> {
        if matches!(self.link, Link::Stdio { .. }) {
            return Vec::new();
        }
        let mut headers =
            vec![("accept".to_owned(), ACCEPT.to_owned()), ("content-type".to_owned(), "application/json".to_owned())];
        self.add_own_headers(&mut headers);
        if self.spec.lifecycle == Lifecycle::Auto {
            self.add_version_headers(&mut headers, message, opened);
        }
        headers
    }

    fn add_own_headers(&self, headers: &mut Vec<(String, String)>) {
        headers.push(("user-agent".to_owned(), user_agent().to_owned()));
        for (name, value) in &self.spec.headers {
            headers.retain(|(n, _)| n != name);
            headers.push((name.clone(), value.clone()));
        }
    }

    fn add_version_headers(&self, headers: &mut Vec<(String, String)>, message: &Value, opened: Option<&Opened>) {
        let Some(version) = self.spec.version else { return };
        let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
        if version.is_stateful() {
            // Before `initialize` is answered nothing is negotiated yet.
            let Some(opened) = opened else { return };
            if version >= Version::V2025_06_18 {
                add("mcp-protocol-version", opened.version.clone().unwrap_or_else(|| version.to_string()));
            }
            if let Some(id) = &opened.session_id {
                add("mcp-session-id", id.clone());
            }
            return;
        }
        add("mcp-protocol-version", version.to_string());
        if let Some(method) = message.get("method").and_then(Value::as_str) {
            add("mcp-method", method.to_owned());
            let name = named_parameter(method).and_then(|p| message.get("params")?.get(p)?.as_str());
            if let Some(name) = name {
                add("mcp-name", name_header_value(name));
            }
        }
    }

    fn request(
        &self,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        credential: &Credential,
        changes: &HeaderChanges,
    ) -> Result<Request, String> {
        match &self.link {
            Link::Http { endpoint, .. } => {
                let mut request = Request { method: "POST".to_owned(), url: endpoint.to_string(), headers, body };
                authenticate(&mut request, credential, changes)?;
                Ok(request)
            }
            Link::Stdio { command, .. } => {
                Ok(Request { method: "stdin".to_owned(), url: command.to_string(), headers: Vec::new(), body })
            }
        }
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
                client.send(&request, Until { answer: id, count: None, linger, tap }, deadline).await
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
            if let Ok(request) = self.request(headers, body, &self.spec.credential, &HeaderChanges::default()) {
                Box::pin(self.exchange(step, Arc::new(request), None, Duration::ZERO, deadline, None)).await;
            }
        }
    }

    /// A raw HTTP request. A relative path is on the target's origin; credentials and the target's headers go only there.
    #[expect(clippy::too_many_arguments, reason = "one argument for each part of a request line and body")]
    pub(crate) async fn http(
        &self,
        step: Option<usize>,
        method: &str,
        path: Option<&str>,
        mut headers: Vec<(String, String)>,
        changes: &HeaderChanges,
        body: Vec<u8>,
        credential: Option<&Credential>,
        deadline: Duration,
    ) -> Spoken {
        let Link::Http { client, endpoint } = &self.link else {
            return self.unsendable(step, "the target speaks stdio; `http` needs `transport: http`".to_owned());
        };
        let url = match path {
            None => endpoint.clone(),
            Some(path) => match endpoint.join(path) {
                Ok(url) => url,
                Err(error) => return self.unsendable(step, format!("`{path}` is not a path or a URL: {error}")),
            },
        };
        let own_origin = same_origin(&url, endpoint);
        if own_origin {
            // What the kind of body says of itself stands over the target's headers, so that a form stays one.
            let of_body = headers.iter().find(|(n, _)| n == "content-type").cloned();
            self.add_own_headers(&mut headers);
            if let Some(of_body) = of_body {
                headers.retain(|(n, _)| n != "content-type");
                headers.push(of_body);
            }
        }
        if !headers.iter().any(|(n, _)| n == "accept") {
            headers.insert(0, ("accept".to_owned(), "*/*".to_owned()));
        }
        changes.apply(&mut headers);
        let mut request = Request { method: method.to_owned(), url: url.to_string(), headers, body };
        if own_origin
            && let Err(message) = authenticate(&mut request, credential.unwrap_or(&self.spec.credential), changes)
        {
            return self.unsendable(step, message);
        }
        let client = if own_origin {
            client.clone()
        } else {
            match HttpClient::new(&url, client.limits()) {
                Ok(client) => client,
                Err(failure) => return self.unsendable(step, failure.message),
            }
        };
        let request = Arc::new(request);
        let id = request_id(&request.body);
        self.spec.rate.wait().await;
        let number = self.recorder.begin(&self.spec.name, &self.spec.target, step, Arc::clone(&request));
        let until = Until { answer: id.as_ref(), ..Until::default() };
        let reply = Arc::new(client.send(&request, until, deadline).await);
        self.recorder.finish(number, Arc::clone(&reply));
        Spoken { number, request, id, reply }
    }

    /// Bytes on a socket of their own.
    pub(crate) async fn raw(&self, step: Option<usize>, bytes: Vec<u8>, deadline: Duration) -> Spoken {
        let Link::Http { client, endpoint } = &self.link else {
            return self.unsendable(step, "the target speaks stdio; `http` needs `transport: http`".to_owned());
        };
        let request =
            Arc::new(Request { method: "raw".to_owned(), url: endpoint.to_string(), headers: Vec::new(), body: bytes });
        self.spec.rate.wait().await;
        let number = self.recorder.begin(&self.spec.name, &self.spec.target, step, Arc::clone(&request));
        let reply = Arc::new(raw::exchange(&request.url, &request.body, client.limits(), deadline).await);
        self.recorder.finish(number, Arc::clone(&reply));
        Spoken { number, request, id: None, reply }
    }

    /// One message as it stands: a line, or the body of a POST.
    pub(crate) async fn send(
        &self,
        step: Option<usize>,
        text: Vec<u8>,
        changes: &HeaderChanges,
        credential: Option<&Credential>,
        linger: Duration,
        deadline: Duration,
    ) -> Spoken {
        let id = request_id(&text);
        let parsed: Value = serde_json::from_slice(&text).unwrap_or_default();
        let mut headers = self.message_headers(&parsed, self.opened());
        changes.apply(&mut headers);
        let request = self.request(headers, text, credential.unwrap_or(&self.spec.credential), changes);
        match request {
            Err(message) => self.unsendable(step, message),
            Ok(request) => {
                let request = Arc::new(request);
                let wait = id.clone().filter(is_request_id).or_else(|| unreadable_id(&self.link, &request.body));
                let (number, reply) =
                    self.exchange(step, Arc::clone(&request), wait.as_ref(), linger, deadline, None).await;
                Spoken { number, request, id, reply }
            }
        }
    }

    /// The GET stream, or what a stdio peer says by itself.
    pub(crate) async fn listen(
        &self,
        step: Option<usize>,
        changes: &HeaderChanges,
        last_event_id: Option<&str>,
        count: Option<u64>,
        limit: Duration,
    ) -> Spoken {
        match &self.link {
            Link::Http { client, endpoint } => {
                let mut headers = vec![("accept".to_owned(), "text/event-stream".to_owned())];
                self.add_own_headers(&mut headers);
                if self.spec.lifecycle == Lifecycle::Auto {
                    self.add_version_headers(&mut headers, &Value::Null, self.opened());
                }
                if let Some(id) = last_event_id {
                    headers.push(("last-event-id".to_owned(), id.to_owned()));
                }
                changes.apply(&mut headers);
                let mut request =
                    Request { method: "GET".to_owned(), url: endpoint.to_string(), headers, body: Vec::new() };
                if let Err(message) = authenticate(&mut request, &self.spec.credential, changes) {
                    return self.unsendable(step, message);
                }
                let request = Arc::new(request);
                self.spec.rate.wait().await;
                let number = self.recorder.begin(&self.spec.name, &self.spec.target, step, Arc::clone(&request));
                let reply = Arc::new(client.send(&request, Until { count, ..Until::default() }, limit).await);
                self.recorder.finish(number, Arc::clone(&reply));
                Spoken { number, request, id: None, reply }
            }
            Link::Stdio { peer, command } => {
                let request = Arc::new(Request {
                    method: "listen".to_owned(),
                    url: command.to_string(),
                    headers: Vec::new(),
                    body: Vec::new(),
                });
                let number = self.recorder.begin(&self.spec.name, &self.spec.target, step, Arc::clone(&request));
                let wait =
                    Wait { answer: None, count, linger: Duration::ZERO, deadline: limit, open_ended: true, tap: None };
                let reply = Arc::new(peer.listen(wait).await);
                self.recorder.finish(number, Arc::clone(&reply));
                Spoken { number, request, id: None, reply }
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

fn authenticate(request: &mut Request, credential: &Credential, changes: &HeaderChanges) -> Result<(), String> {
    if credential.header_names().iter().all(|name| changes.keeps(name)) {
        credential.apply(request)?;
    }
    Ok(())
}

/// Id of a JSON-RPC request, if the bytes are one.
fn request_id(bytes: &[u8]) -> Option<Value> {
    let Ok(Value::Object(message)) = serde_json::from_slice(bytes) else { return None };
    message.get("method")?.as_str()?;
    message.get("id").cloned()
}

/// A request id is a string or a number; an answer to a message with another one cannot repeat it.
fn is_request_id(id: &Value) -> bool {
    id.is_string() || id.is_number()
}

/// A stdio peer answers what it cannot read with an error whose id is null or not there; that is what to wait for.
fn unreadable_id(link: &Link, body: &[u8]) -> Option<Value> {
    let readable = match serde_json::from_slice::<Value>(body) {
        Err(_) => false,
        Ok(message) => message.get("id").is_none_or(is_request_id),
    };
    (matches!(link, Link::Stdio { .. }) && !readable).then_some(Value::Null)
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
