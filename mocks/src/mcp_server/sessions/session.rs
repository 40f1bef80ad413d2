//! One session: where each message of the server goes, and what of it is kept.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::model::{
    ClientJsonRpcMessage, GetExtensions, ProtocolVersion, RequestId, ServerJsonRpcMessage, ServerResult,
};
use rmcp::service::OriginatingRequestId;
use rmcp::transport::streamable_http_server::session::ServerSseMessage;
use tokio::sync::{mpsc, oneshot};

use super::{Related, SessionError};
use crate::mcp_server::config::at_least;
use crate::mcp_server::defects::Defect;
use crate::mcp_server::live::Live;

/// What a stream carries.
pub(super) type Events = mpsc::UnboundedReceiver<ServerSseMessage>;

/// Events kept of one stream for resumption.
const EVENTS_KEPT: usize = 256;
/// Answered streams kept of one session for resumption.
const STREAMS_KEPT: usize = 64;
/// Messages without a request that wait for a GET stream.
const BACKLOG: usize = 256;

#[derive(Debug)]
pub(super) struct Session {
    state: Mutex<State>,
    retry: Duration,
    live: Live,
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

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    /// A session whose client's messages go to `inbox`.
    pub(super) fn new(inbox: mpsc::UnboundedSender<ClientJsonRpcMessage>, retry: Duration, live: Live) -> Self {
        let state = State {
            inbox: Some(inbox),
            opening: None,
            version: None,
            streams: HashMap::new(),
            next_stream: 1,
            requests: HashMap::new(),
            standing: Vec::new(),
            backlog: VecDeque::new(),
        };
        Self { state: Mutex::new(state), retry, live }
    }

    /// The version agreed.
    pub(super) fn version(&self) -> Option<ProtocolVersion> {
        lock(&self.state).version.clone()
    }

    /// Ends every stream; nothing is accepted any more.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.inbox = None;
        state.opening = None;
        for line in state.streams.values_mut() {
            line.live = None;
            line.ended = true;
        }
    }

    /// Hands a message of the client to the server.
    pub(super) fn post(&self, message: ClientJsonRpcMessage) -> Result<(), SessionError> {
        let state = lock(&self.state);
        let inbox = state.inbox.as_ref().ok_or(SessionError::Unknown)?;
        inbox.send(message).map_err(|_| SessionError::Unknown)
    }

    /// Hands over `initialize` and waits for its answer.
    pub(super) async fn initialize(&self, message: ClientJsonRpcMessage) -> Result<ServerJsonRpcMessage, SessionError> {
        let (sender, answer) = oneshot::channel();
        lock(&self.state).opening = Some(sender);
        self.post(message)?;
        let answer = answer.await.map_err(|_| SessionError::Ended)?;
        // Stream 0 is the answer to `initialize`; the gate writes its event ids.
        let event = ServerSseMessage::new("0-1", answer.clone());
        let line = Line { next_event: 2, sent: VecDeque::from([(1, event)]), live: None, ended: true };
        lock(&self.state).streams.insert(0, line);
        Ok(answer)
    }

    /// Opens the stream that answers a request.
    pub(super) fn open_for(&self, request: RequestId) -> Events {
        let mut state = lock(&self.state);
        let (number, events) = state.open(self.retry);
        state.requests.insert(request, number);
        events
    }

    /// Opens a GET stream, on which what waited for one comes first.
    pub(super) fn open_standing(&self) -> Events {
        let mut state = lock(&self.state);
        let (number, events) = state.open(self.retry);
        state.standing.push(number);
        let waiting: Vec<_> = state.backlog.drain(..).collect();
        for message in waiting {
            state.push(number, message);
        }
        events
    }

    /// Opens a stream again after the event that the client saw last.
    pub(super) fn resume(&self, last_event_id: &str) -> Result<Events, SessionError> {
        let (number, seen) = last_event_id
            .split_once('-')
            .and_then(|(stream, event)| Some((stream.parse::<u64>().ok()?, event.parse::<u64>().ok()?)))
            .ok_or(SessionError::UnknownEvent)?;
        let (sender, events) = mpsc::unbounded_channel();
        let mut state = lock(&self.state);
        if self.live.shows(Defect::ResumeForeignStream) {
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
        Ok(events)
    }

    /// Ends the stream of a request that will not be answered.
    pub(super) fn cancelled(&self, request: &RequestId) {
        let mut state = lock(&self.state);
        if let Some(number) = state.requests.remove(request) {
            state.end(number);
        }
    }

    /// Puts a message of the server on the stream it belongs to.
    pub(super) fn deliver(&self, message: ServerJsonRpcMessage) {
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
        if last && self.live.shows(Defect::ResponseOnWrongStream) {
            state.stand(message);
        } else {
            if !last && self.live.shows(Defect::NotificationBroadcast) {
                state.stand(message.clone());
            }
            state.push(number, message);
        }
        if last {
            state.end(number);
        }
    }
}

impl State {
    /// Opens a stream; returns its number and what it carries.
    fn open(&mut self, retry: Duration) -> (u64, Events) {
        let primed = self.version.as_ref().is_some_and(|v| at_least(v, &ProtocolVersion::V_2025_11_25));
        let number = self.next_stream;
        self.next_stream += 1;
        let (sender, events) = mpsc::unbounded_channel();
        let mut line = Line { live: Some(sender), next_event: 1, ..Line::default() };
        if primed {
            line.emit(ServerSseMessage::priming(format!("{number}-0"), retry));
        }
        self.streams.insert(number, line);
        self.forget_old_streams();
        (number, events)
    }

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
