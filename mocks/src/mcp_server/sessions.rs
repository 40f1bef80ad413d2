//! Sessions and their streams, behind the SDK's `SessionManager`.
//!
//! The SDK's own manager sends log messages of a running call to the GET stream, opens every stream with an event without a
//! message whatever the version, gives two streams the same first event id, repeats the last event on resumption and
//! forgets a stream once it is answered. This one puts each message on the stream it belongs to, primes streams from
//! 2025-11-25 on, and keeps what a client may still ask for with `Last-Event-ID`.

use std::collections::{HashMap, VecDeque};
use std::future::{Future, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::Stream;
use rmcp::RoleServer;
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, GetExtensions, ProtocolVersion, RequestId, ServerJsonRpcMessage, ServerResult,
};
use rmcp::service::OriginatingRequestId;
use rmcp::transport::Transport;
use rmcp::transport::streamable_http_server::session::{ServerSseMessage, SessionId, SessionManager};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::config::at_least;
use super::defects::{Defect, Defects};

/// Events kept of one stream for resumption.
const EVENTS_KEPT: usize = 256;
/// Answered streams kept of one session for resumption.
const STREAMS_KEPT: usize = 64;
/// Messages without a request that wait for a GET stream.
const BACKLOG: usize = 256;

/// Names the request that a notification is about, so that it travels on that request's stream. Never on the wire.
#[derive(Debug, Clone)]
pub(super) struct Related(pub(super) RequestId);

/// The session does not exist, or no longer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error("no such session")]
    Unknown,
    #[error("no stream belongs to this event id")]
    UnknownEvent,
    #[error("the session ended before initialize was answered")]
    Ended,
}

/// All sessions of one server.
#[derive(Debug)]
pub(super) struct Sessions {
    map: Mutex<HashMap<SessionId, Arc<Session>>>,
    retry: Duration,
    defects: Defects,
}

#[derive(Debug)]
struct Session {
    state: Mutex<State>,
    retry: Duration,
    defects: Defects,
}

#[derive(Debug)]
struct State {
    /// To the server; none once the session is closed.
    inbox: Option<mpsc::UnboundedSender<ClientJsonRpcMessage>>,
    /// Waits for the answer to `initialize`.
    opening: Option<oneshot::Sender<ServerJsonRpcMessage>>,
    version: Option<ProtocolVersion>,
    streams: HashMap<u64, Line>,
    next_stream: u64,
    /// Which stream answers a running request.
    requests: HashMap<RequestId, u64>,
    /// GET streams, newest last.
    standing: Vec<u64>,
    backlog: VecDeque<ServerJsonRpcMessage>,
}

/// One event stream, which may outlive the connections that carry it.
#[derive(Debug, Default)]
struct Line {
    next_event: u64,
    sent: VecDeque<(u64, ServerSseMessage)>,
    live: Option<mpsc::UnboundedSender<ServerSseMessage>>,
    ended: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sessions {
    pub(super) fn new(retry: Duration, defects: Defects) -> Self {
        Self { map: Mutex::default(), retry, defects }
    }

    fn get(&self, id: &str) -> Result<Arc<Session>, SessionError> {
        lock(&self.map).get(id).cloned().ok_or(SessionError::Unknown)
    }

    /// Whether there is such a session.
    pub(super) fn contains(&self, id: &str) -> bool {
        lock(&self.map).contains_key(id)
    }

    /// The version agreed in a session.
    pub(super) fn version(&self, id: &str) -> Option<ProtocolVersion> {
        let session = self.get(id).ok()?;
        lock(&session.state).version.clone()
    }

    /// Ends every session.
    pub(super) fn clear(&self) {
        let all: Vec<_> = lock(&self.map).drain().collect();
        for (_, session) in all {
            session.close();
        }
    }
}

impl Session {
    fn close(&self) {
        let mut state = lock(&self.state);
        state.inbox = None;
        state.opening = None;
        for line in state.streams.values_mut() {
            line.live = None;
            line.ended = true;
        }
    }

    fn post(&self, message: ClientJsonRpcMessage) -> Result<(), SessionError> {
        let state = lock(&self.state);
        let inbox = state.inbox.as_ref().ok_or(SessionError::Unknown)?;
        inbox.send(message).map_err(|_| SessionError::Unknown)
    }

    /// Puts a message of the server on the stream it belongs to.
    fn deliver(&self, message: ServerJsonRpcMessage) {
        let mut state = lock(&self.state);
        let state = &mut *state;
        let (stream, last) = match &message {
            ServerJsonRpcMessage::Response(response) => (state.requests.remove(&response.id), true),
            ServerJsonRpcMessage::Error(error) => (error.id.as_ref().and_then(|id| state.requests.remove(id)), true),
            ServerJsonRpcMessage::Request(request) => {
                let origin = request.request.extensions().get::<OriginatingRequestId>();
                (origin.and_then(|o| state.requests.get(&o.0).copied()), false)
            }
            ServerJsonRpcMessage::Notification(notification) => {
                let related = notification.notification.extensions().get::<Related>();
                (related.and_then(|r| state.requests.get(&r.0).copied()), false)
            }
        };
        if last && let Some(opening) = state.opening.take() {
            if let ServerJsonRpcMessage::Response(response) = &message
                && let ServerResult::InitializeResult(result) = &response.result
            {
                state.version = Some(result.protocol_version.clone());
            }
            let _ = opening.send(message);
            return;
        }
        let Some(number) = stream else {
            state.stand(message);
            return;
        };
        if last && self.defects.shows(Defect::ResponseOnWrongStream) {
            state.stand(message);
        } else {
            if !last && self.defects.shows(Defect::NotificationBroadcast) {
                state.stand(message.clone());
            }
            state.push(number, message);
        }
        if last {
            state.end(number);
        }
    }

    /// Opens a stream; returns its number and what it carries.
    fn open(&self) -> (u64, mpsc::UnboundedReceiver<ServerSseMessage>) {
        let mut state = lock(&self.state);
        let primed = state.version.as_ref().is_some_and(|v| at_least(v, &ProtocolVersion::V_2025_11_25));
        let number = state.next_stream;
        state.next_stream += 1;
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut line = Line { live: Some(sender), next_event: 1, ..Line::default() };
        if primed {
            line.emit(ServerSseMessage::priming(format!("{number}-0"), self.retry));
        }
        state.streams.insert(number, line);
        state.forget_old_streams();
        (number, receiver)
    }
}

impl State {
    fn push(&mut self, number: u64, message: ServerJsonRpcMessage) {
        let Some(line) = self.streams.get_mut(&number) else {
            return;
        };
        let sequence = line.next_event;
        line.next_event += 1;
        let event = ServerSseMessage::new(format!("{number}-{sequence}"), message);
        line.sent.push_back((sequence, event.clone()));
        if line.sent.len() > EVENTS_KEPT {
            line.sent.pop_front();
        }
        line.emit(event);
    }

    fn end(&mut self, number: u64) {
        if let Some(line) = self.streams.get_mut(&number) {
            line.live = None;
            line.ended = true;
        }
    }

    /// A message that belongs to no request: to the newest GET stream, or kept until there is one.
    fn stand(&mut self, message: ServerJsonRpcMessage) {
        self.standing.retain(|number| self.streams.get(number).is_some_and(|line| line.is_live()));
        if let Some(&number) = self.standing.last() {
            self.push(number, message);
        } else if self.backlog.len() < BACKLOG {
            self.backlog.push_back(message);
        }
    }

    fn forget_old_streams(&mut self) {
        let mut ended: Vec<u64> = self.streams.iter().filter(|(_, line)| line.ended).map(|(&n, _)| n).collect();
        if ended.len() > STREAMS_KEPT {
            ended.sort_unstable();
            for number in &ended[..ended.len() - STREAMS_KEPT] {
                self.streams.remove(number);
            }
        }
    }
}

impl Line {
    fn emit(&mut self, event: ServerSseMessage) {
        if self.live.as_ref().is_some_and(|live| live.send(event).is_err()) {
            self.live = None;
        }
    }

    fn is_live(&self) -> bool {
        self.live.as_ref().is_some_and(|live| !live.is_closed())
    }
}

impl SessionManager for Sessions {
    type Error = SessionError;
    type Transport = SessionTransport;

    async fn create_session(&self) -> Result<(SessionId, SessionTransport), SessionError> {
        let id: SessionId = if self.defects.shows(Defect::SessionIdPredictable) {
            format!("session-{}", lock(&self.map).len() + 1).into()
        } else {
            uuid::Uuid::new_v4().to_string().into()
        };
        let (inbox, received) = mpsc::unbounded_channel();
        let session = Arc::new(Session {
            state: Mutex::new(State {
                inbox: Some(inbox),
                opening: None,
                version: None,
                streams: HashMap::new(),
                next_stream: 1,
                requests: HashMap::new(),
                standing: Vec::new(),
                backlog: VecDeque::new(),
            }),
            retry: self.retry,
            defects: self.defects.clone(),
        });
        lock(&self.map).insert(id.clone(), session.clone());
        Ok((id, SessionTransport { received, session }))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, SessionError> {
        let session = self.get(id)?;
        let (sender, answer) = oneshot::channel();
        lock(&session.state).opening = Some(sender);
        session.post(message)?;
        let answer = answer.await.map_err(|_| SessionError::Ended)?;
        // Stream 0 is the answer to `initialize`; its events are numbered by the gate.
        let event = ServerSseMessage::new("0-1", answer.clone());
        let line = Line { next_event: 2, sent: VecDeque::from([(1, event)]), live: None, ended: true };
        lock(&session.state).streams.insert(0, line);
        Ok(answer)
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, SessionError> {
        Ok(self.contains(id))
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), SessionError> {
        let session = lock(&self.map).remove(id);
        if let Some(session) = session {
            session.close();
        }
        Ok(())
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        let session = self.get(id)?;
        let (number, receiver) = session.open();
        if let ClientJsonRpcMessage::Request(request) = &message {
            lock(&session.state).requests.insert(request.id.clone(), number);
        }
        session.post(message)?;
        Ok(UnboundedReceiverStream::new(receiver))
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), SessionError> {
        let session = self.get(id)?;
        let cancelled = match &message {
            ClientJsonRpcMessage::Notification(n) => match &n.notification {
                ClientNotification::CancelledNotification(n) => n.params.request_id.clone(),
                _ => None,
            },
            _ => None,
        };
        session.post(message)?;
        if let Some(request) = cancelled {
            let mut state = lock(&session.state);
            if let Some(number) = state.requests.remove(&request) {
                state.end(number);
            }
        }
        Ok(())
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        let session = self.get(id)?;
        let (number, receiver) = session.open();
        let mut state = lock(&session.state);
        state.standing.push(number);
        let waiting: Vec<_> = state.backlog.drain(..).collect();
        for message in waiting {
            state.push(number, message);
        }
        drop(state);
        Ok(UnboundedReceiverStream::new(receiver))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        let session = self.get(id)?;
        let (number, seen) = last_event_id
            .split_once('-')
            .and_then(|(stream, event)| Some((stream.parse::<u64>().ok()?, event.parse::<u64>().ok()?)))
            .ok_or(SessionError::UnknownEvent)?;
        let foreign = session.defects.shows(Defect::ResumeForeignStream);
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut state = lock(&session.state);
        if foreign {
            for (_, event) in state.streams.iter().filter(|(n, _)| **n != number).flat_map(|(_, line)| &line.sent) {
                let _ = sender.send(event.clone());
            }
        }
        let line = state.streams.get_mut(&number).ok_or(SessionError::UnknownEvent)?;
        for (_, event) in line.sent.iter().filter(|(sequence, _)| *sequence > seen) {
            let _ = sender.send(event.clone());
        }
        if !line.ended {
            line.live = Some(sender);
        }
        drop(state);
        Ok(UnboundedReceiverStream::new(receiver))
    }
}

/// The server's end of a session.
#[derive(Debug)]
pub(super) struct SessionTransport {
    received: mpsc::UnboundedReceiver<ClientJsonRpcMessage>,
    session: Arc<Session>,
}

impl Transport<RoleServer> for SessionTransport {
    type Error = SessionError;

    fn send(&mut self, item: ServerJsonRpcMessage) -> impl Future<Output = Result<(), SessionError>> + Send + 'static {
        // At once, not when polled: the SDK polls answers and notifications in tasks of their own, and order matters.
        self.session.deliver(item);
        ready(Ok(()))
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        self.received.recv().await
    }

    async fn close(&mut self) -> Result<(), SessionError> {
        self.received.close();
        self.session.close();
        Ok(())
    }
}
