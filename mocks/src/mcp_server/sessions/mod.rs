//! Sessions and their streams, behind the SDK's `SessionManager`.
//!
//! The SDK's own manager sends log messages of a running call to the GET stream, opens every stream with an event without a
//! message whatever the version, gives two streams the same first event id, repeats the last event on resumption and
//! forgets a stream once it is answered. This one puts each message on the stream it belongs to, primes streams from
//! 2025-11-25 on, and keeps what a client may still ask for with `Last-Event-ID`.

mod session;

use std::collections::HashMap;
use std::future::{Future, ready};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::Stream;
use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ClientNotification, ProtocolVersion, RequestId, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::streamable_http_server::session::{ServerSseMessage, SessionId, SessionManager};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use self::session::{Session, lock};
use super::defects::Defect;
use super::live::Live;

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
    #[error("only a request opens a stream")]
    NoRequest,
    #[error("the session ended before initialize was answered")]
    Ended,
}

/// All sessions of one server.
#[derive(Debug)]
pub(super) struct Sessions {
    map: Mutex<HashMap<SessionId, Arc<Session>>>,
    retry: Duration,
    live: Live,
}

impl Sessions {
    pub(super) fn new(retry: Duration, live: Live) -> Self {
        Self { map: Mutex::default(), retry, live }
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
        self.get(id).ok()?.version()
    }

    /// Ends every session.
    pub(super) fn clear(&self) {
        let all: Vec<_> = lock(&self.map).drain().collect();
        for (_, session) in all {
            session.close();
        }
    }
}

impl SessionManager for Sessions {
    type Error = SessionError;
    type Transport = SessionTransport;

    async fn create_session(&self) -> Result<(SessionId, SessionTransport), SessionError> {
        let id: SessionId = if self.live.shows(Defect::SessionIdPredictable) {
            format!("session-{}", lock(&self.map).len() + 1).into()
        } else {
            uuid::Uuid::new_v4().to_string().into()
        };
        let (inbox, received) = mpsc::unbounded_channel();
        let session = Arc::new(Session::new(inbox, self.retry, self.live.clone()));
        lock(&self.map).insert(id.clone(), session.clone());
        Ok((id, SessionTransport { received, session }))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, SessionError> {
        self.get(id)?.initialize(message).await
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
        let events = match &message {
            ClientJsonRpcMessage::Request(request) => session.open_for(request.id.clone()),
            _ => return Err(SessionError::NoRequest),
        };
        session.post(message)?;
        Ok(UnboundedReceiverStream::new(events))
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
            session.cancelled(&request);
        }
        Ok(())
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(UnboundedReceiverStream::new(self.get(id)?.open_standing()))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(UnboundedReceiverStream::new(self.get(id)?.resume(&last_event_id)?))
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
