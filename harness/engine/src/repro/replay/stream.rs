//! A client of HTTP+SSE (2024-11-05): what it posts is answered on the stream that it opened before.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use url::Url;

use super::super::http_sse::{ENDPOINT, endpoint};
use super::send::Questions;
use crate::lifecycle::{Resend, Session, Spoken};
use crate::transcript::Recorder;
use crate::transport::{Arrival, Content, Failure, FailureKind, Reply, asks, is_answer_to};

/// How long a stream is held open at most.
const LONGEST: Duration = Duration::from_secs(3600);

/// An open stream; it ends when this is dropped.
pub(super) struct LiveStream {
    /// Path and query to which is posted.
    pub(super) endpoint: String,
    told: Arc<Told>,
    reader: AbortHandle,
}

impl Drop for LiveStream {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// What came on a stream and nobody has taken yet.
#[derive(Debug, Default)]
pub(super) struct Told {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    arrived: Vec<Arrival>,
    is_over: bool,
}

/// What became of opening a stream.
pub(super) enum Opening {
    Open(LiveStream),
    /// It is none of HTTP+SSE; why.
    Other(String),
    /// There was no answer.
    Failed(Box<Spoken>),
}

impl LiveStream {
    /// Opens a stream, and waits for where to post.
    pub(super) async fn open(
        client: Arc<Session>,
        at: usize,
        resend: Resend,
        base: &Url,
        questions: Arc<Questions>,
        patience: Duration,
    ) -> Opening {
        let (sender, mut events) = mpsc::unbounded_channel();
        // Whatever the server asks is told by the reader.
        let resend = Resend { answer: None, count: None, tap: None, events: Some(sender), ..resend };
        let sent = tokio::spawn(async move { client.resend(at, resend, LONGEST).await });
        let first = match tokio::time::timeout(patience, events.recv()).await {
            Ok(Some(first)) => first,
            Ok(None) => {
                return match sent.await {
                    Ok(spoken) if spoken.reply.status.is_none() => Opening::Failed(Box::new(spoken)),
                    Ok(spoken) => {
                        let status = spoken.reply.status.unwrap_or_default();
                        Opening::Other(format!("it answers HTTP {status} and no stream"))
                    }
                    Err(error) => Opening::Other(format!("its sender broke down: {error}")),
                };
            }
            Err(_) => {
                sent.abort();
                return Opening::Other("its stream says nothing".to_owned());
            }
        };
        let endpoint = match endpoint(base, &first.data) {
            Some(endpoint) if first.event.as_deref() == Some(ENDPOINT) => endpoint,
            found => {
                sent.abort();
                let is_named = found.is_none() && first.event.as_deref() == Some(ENDPOINT);
                let why =
                    if is_named { "its stream names an endpoint elsewhere" } else { "its stream names no endpoint" };
                return Opening::Other(why.to_owned());
            }
        };
        let told: Arc<Told> = Arc::default();
        let reader = tokio::spawn(read(events, Arc::clone(&told), questions, sent.abort_handle()));
        Opening::Open(Self { endpoint, told, reader: reader.abort_handle() })
    }

    /// What is told on it.
    pub(super) fn told(&self) -> Arc<Told> {
        Arc::clone(&self.told)
    }
}

/// Ends the request when nobody reads any more.
struct Ended(AbortHandle);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn read(
    mut events: mpsc::UnboundedReceiver<Arrival>,
    told: Arc<Told>,
    questions: Arc<Questions>,
    request: AbortHandle,
) {
    let _ended = Ended(request);
    while let Some(arrival) = events.recv().await {
        if let Some(question) = arrival.message.as_ref().filter(|message| asks(message)) {
            questions.add(question);
        }
        told.with(|state| state.arrived.push(arrival));
        told.news.notify_waiters();
    }
    told.with(|state| state.is_over = true);
    told.news.notify_waiters();
}

impl Told {
    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The answer to the id, with what came before it and answers nobody else.
    async fn answer(&self, id: &Value, patience: Duration) -> Result<Vec<Arrival>, Failure> {
        let deadline = Instant::now() + patience;
        let own = |arrival: &Arrival| arrival.message.as_ref().is_some_and(|message| is_answer_to(message, id));
        let is_answer =
            |arrival: &Arrival| arrival.message.as_ref().is_some_and(|message| message.get("method").is_none());
        loop {
            let news = self.news.notified();
            let found = self.with(|state| {
                let Some(last) = state.arrived.iter().position(own) else { return Err(state.is_over) };
                let rest = state.arrived.split_off(last + 1);
                let (taken, left) = state.arrived.drain(..).partition(|arrival| own(arrival) || !is_answer(arrival));
                state.arrived = left;
                state.arrived.extend(rest);
                Ok::<Vec<Arrival>, bool>(taken)
            });
            match found {
                Ok(taken) => return Ok(taken),
                Err(true) => {
                    return Err(Failure::new(FailureKind::Closed, "the event stream ended without the answer"));
                }
                Err(false) => {}
            }
            if tokio::time::timeout_at(deadline, news).await.is_err() {
                let message =
                    format!("the event stream did not bring the answer within {:.1} s", patience.as_secs_f64());
                return Err(Failure::new(FailureKind::Timeout, message));
            }
        }
    }
}

/// Posts a request, and waits for what is told of it.
pub(super) async fn post(
    client: Arc<Session>,
    recorder: Arc<Recorder>,
    at: usize,
    resend: Resend,
    told: Arc<Told>,
    patience: Duration,
) -> Spoken {
    let id = resend.answer.clone();
    let spoken = client.resend(at, Resend { answer: None, count: None, ..resend }, patience).await;
    let is_taken = spoken.reply.status.is_some_and(|status| (200..300).contains(&status));
    let Some(id) = id.filter(|id| is_taken && spoken.reply.answer(id).is_none()) else { return spoken };
    let (events, failure) = match told.answer(&id, patience).await {
        Ok(events) => (events, None),
        Err(failure) => (Vec::new(), Some(failure)),
    };
    let reply = Reply {
        status: spoken.reply.status,
        headers: spoken.reply.headers.clone(),
        content: Content::Events(events),
        failure,
        elapsed: spoken.reply.elapsed,
    };
    let reply = Arc::new(reply);
    recorder.finish(spoken.number, Arc::clone(&reply));
    Spoken { id: Some(id), reply, ..spoken }
}
