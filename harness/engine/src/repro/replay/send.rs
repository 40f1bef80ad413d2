//! The requests, one after the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gauntlet_format::Version;
use gauntlet_format::scenario::Lifecycle;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::http_sse::Streams;
use super::super::origins::Origins;
use super::super::recording::{Entry, Received, Recording};
use super::super::secrets::Finder;
use super::carry::Carried;
use super::kept::Done;
use super::plan::{Plan, SESSION, version};
use super::report::Report;
use super::stream::{LiveStream, Opening, post};
use super::{ReplayError, ReplayOptions};
use crate::lifecycle::{Resend, Session, Spoken};
use crate::target::Target;
use crate::target::instance::Instance;
use crate::transcript::Recorder;
use crate::transport::{Content, asks, is_answer_to};

/// How long a stream goes on being read after its answer: whatever comes then belongs to it. Most end at once.
pub(super) const AFTERWARDS: Duration = Duration::from_millis(150);

/// The same over stdio, where nothing ends an answer.
pub(super) const AFTER_A_LINE: Duration = Duration::from_millis(20);

/// How long a stream is read of which nothing is expected.
const GLANCE: Duration = Duration::from_millis(250);

/// What a request is to a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Sent, and its answer waited for.
    Plain,
    /// The server asks the client something before it answers: what the client says then is sent meanwhile.
    Asked,
    /// It never got an answer of its own: events came until somebody ended it.
    Open,
    /// The client's answer to a request of the server.
    Answer,
}

/// What the live server asked.
#[derive(Debug, Default)]
pub(super) struct Questions {
    asked: Mutex<Vec<(String, Value)>>,
    news: Notify,
}

impl Questions {
    pub(super) fn add(&self, message: &Value) {
        let (Some(method), Some(id)) = (message.get("method").and_then(Value::as_str), message.get("id")) else {
            return;
        };
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push((method.to_owned(), id.clone()));
        self.news.notify_waiters();
    }

    /// The id of the question of this method that is the `nth`, from 0, once it has been asked.
    pub(super) async fn id(&self, method: &str, nth: usize, patience: Duration) -> Option<Value> {
        let deadline = Instant::now() + patience;
        loop {
            let news = self.news.notified();
            {
                let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((_, id)) = asked.iter().filter(|(known, _)| known == method).nth(nth) {
                    return Some(id.clone());
                }
            }
            tokio::time::timeout_at(deadline, news).await.ok()?;
        }
    }
}

/// Sends a recording.
pub(super) struct Player<'a> {
    pub(super) recording: &'a Recording,
    pub(super) streams: &'a Streams,
    /// Of the recorded servers.
    pub(super) origins: Origins,
    pub(super) target: &'a Target,
    pub(super) instance: &'a Instance,
    pub(super) options: &'a ReplayOptions,
    pub(super) plan: Plan,
    pub(super) recorder: Arc<Recorder>,
    clients: HashMap<usize, Arc<Session>>,
    pub(super) carried: Carried,
    pub(super) questions: Arc<Questions>,
    /// What the recorded server asked: id, method, and how many alike came before.
    pub(super) recorded_questions: Vec<(Value, String, usize)>,
    pub(super) version: Option<Version>,
    pub(super) done: HashMap<usize, Done>,
    pub(super) notes: Vec<String>,
    pub(super) finder: Finder,
    pub(super) is_interrupted: bool,
    pub(super) is_answered: bool,
    /// The session that the first answer opened.
    pub(super) live_session: Option<String>,
    /// Streams of HTTP+SSE that are open, by what opened them in the recording.
    live_streams: HashMap<usize, LiveStream>,
}

type Pending = Vec<(usize, JoinHandle<Spoken>)>;

impl<'a> Player<'a> {
    pub(super) fn new(
        recording: &'a Recording,
        streams: &'a Streams,
        target: &'a Target,
        instance: &'a Instance,
        options: &'a ReplayOptions,
        plan: Plan,
        finder: Finder,
    ) -> Self {
        Self {
            recording,
            streams,
            origins: Origins::of(recording),
            target,
            instance,
            options,
            plan,
            recorder: Arc::new(Recorder::new()),
            clients: HashMap::new(),
            carried: Carried::new(),
            questions: Arc::default(),
            recorded_questions: questions(recording),
            version: version(&recording.entries),
            done: HashMap::new(),
            notes: Vec::new(),
            finder,
            is_interrupted: false,
            is_answered: false,
            live_session: None,
            live_streams: HashMap::new(),
        }
    }

    pub(super) async fn play(mut self, cancel: &CancellationToken) -> Result<Report, ReplayError> {
        tokio::select! {
            sent = self.send_all() => sent?,
            () = cancel.cancelled() => self.is_interrupted = true,
        }
        self.report()
    }

    async fn send_all(&mut self) -> Result<(), ReplayError> {
        let entries = &self.recording.entries;
        let began = Instant::now();
        let (mut pending, mut open): (Pending, Pending) = (Vec::new(), Vec::new());
        for (at, entry) in entries.iter().enumerate() {
            if self.plan.left.get(at).is_none_or(Option::is_some) {
                continue;
            }
            let kind = self.kind(entry);
            if kind != Kind::Answer {
                self.collect(&mut pending).await;
            }
            if let Some(first) = entries.first() {
                let due = Duration::try_from(entry.started_at - first.started_at).unwrap_or_default();
                let late = due.saturating_sub(began.elapsed());
                tokio::time::sleep(self.options.pace.pause(late)).await;
            }
            let resend = match self.prepare(entry, kind).await {
                Ok(resend) => resend,
                Err(reason) => {
                    self.done.insert(at, Done::Left(reason));
                    continue;
                }
            };
            let client = match self.client(at) {
                Ok(client) => client,
                Err(message) => return Err(ReplayError::Unreachable(message)),
            };
            if self.streams.opened.contains_key(&at) {
                self.open(at, client, resend).await?;
                continue;
            }
            let patience = if kind == Kind::Open && resend.count == Some(0) { GLANCE } else { self.options.patience };
            let stream = self.streams.posted.get(&at).and_then(|opening| self.live_streams.get(opening));
            let told = stream.map(LiveStream::told);
            let resend = match stream {
                Some(stream) => Resend { path: Some(stream.endpoint.clone()), ..resend },
                None => resend,
            };
            let recorder = Arc::clone(&self.recorder);
            let sending = async move {
                match told {
                    Some(told) => post(client, recorder, at, resend, told, patience).await,
                    None => client.resend(at, resend, patience).await,
                }
            };
            match kind {
                Kind::Plain | Kind::Answer => {
                    let spoken = sending.await;
                    self.settle(at, spoken)?;
                }
                Kind::Asked | Kind::Open => {
                    let sent = tokio::spawn(sending);
                    let tasks = if kind == Kind::Asked { &mut pending } else { &mut open };
                    tasks.push((at, sent));
                    // What comes next in the recording came after this one was under way.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        }
        self.collect(&mut pending).await;
        self.collect(&mut open).await;
        self.live_streams.clear();
        for client in self.clients.values() {
            // A session over stdio ends with its pipe; one over HTTP ended in the recording, or did not.
            if self.target.spec.is_stdio() {
                client.close(None, self.instance.patience).await;
            }
        }
        Ok(())
    }

    /// Opens a stream of HTTP+SSE. On a target that has none the messages go to its endpoint.
    async fn open(&mut self, at: usize, client: Arc<Session>, resend: Resend) -> Result<(), ReplayError> {
        let Some(base) = self.instance.url().cloned() else { return Ok(()) };
        let questions = Arc::clone(&self.questions);
        match LiveStream::open(client, at, resend, &base, questions, self.options.patience).await {
            Opening::Open(stream) => {
                self.live_streams.insert(at, stream);
                self.done.insert(at, Done::Opened);
            }
            Opening::Other(why) => {
                let reason = format!("the target is none of HTTP+SSE ({why}); what was posted goes to its endpoint");
                self.done.insert(at, Done::Left(reason));
            }
            Opening::Failed(spoken) => self.settle(at, *spoken)?,
        }
        Ok(())
    }

    async fn collect(&mut self, tasks: &mut Pending) {
        for (at, task) in tasks.drain(..) {
            match task.await {
                Ok(spoken) => self.learn_from(at, spoken),
                Err(error) => {
                    self.done.insert(at, Done::Left(format!("its sender broke down: {error}")));
                }
            }
        }
    }

    /// Takes an answer; a target that is not there ends the replay before it has begun.
    fn settle(&mut self, at: usize, spoken: Spoken) -> Result<(), ReplayError> {
        let failure = spoken.reply.failure.as_ref().filter(|_| spoken.reply.status.is_none());
        let unreachable = failure.filter(|failure| failure.is_of_connection());
        if let (Some(failure), false) = (unreachable, self.is_answered) {
            let message = self.options.secrets.redactor().redact(&failure.message);
            return Err(ReplayError::Unreachable(format!(
                "{} at {}: {message}",
                self.instance.name,
                self.instance.endpoint()
            )));
        }
        self.learn_from(at, spoken);
        Ok(())
    }

    /// Learns which live values there are in the place of recorded ones.
    fn learn_from(&mut self, at: usize, spoken: Spoken) {
        if let Some(recorded) = self.recording.entries.get(at).and_then(|entry| Some((entry, entry.response.as_ref()?)))
        {
            let (entry, response) = recorded;
            if let (Some(was), Some(is)) = (response.header(SESSION), spoken.reply.header(SESSION)) {
                self.carried.pair(was, is);
            }
            let said = response.messages(entry.transport);
            let live: Vec<&Value> = spoken.reply.messages().collect();
            let answer = |id: Option<&Value>| {
                let id = id?;
                Some((said.iter().find(|m| is_answer_to(m, id))?, live.iter().find(|m| is_answer_to(m, id))?))
            };
            if let Some((was, is)) = answer(spoken.id.as_ref()) {
                self.carried.learn(was.get("result").unwrap_or(was), is.get("result").unwrap_or(is));
            } else if said.is_empty()
                && let (Some(was), Content::Json(is)) = (response.body.json(), &spoken.reply.content)
            {
                self.carried.learn(&was, is);
            }
        }
        if self.live_session.is_none() {
            self.live_session = spoken.reply.header(SESSION).map(str::to_owned);
        }
        self.keep(at, &spoken);
    }

    pub(super) fn kind(&self, entry: &Entry) -> Kind {
        let sent = entry.request.messages();
        if !sent.is_empty() && sent.iter().all(|message| message.get("method").is_none()) {
            return Kind::Answer;
        }
        let said = entry.response.as_ref().map(|response| response.messages(entry.transport)).unwrap_or_default();
        let is_stream = entry.response.as_ref().is_some_and(Received::is_event_stream);
        let asked: Vec<&Value> = sent.iter().filter(|message| asks(message)).filter_map(|m| m.get("id")).collect();
        let is_answered = asked.iter().all(|id| said.iter().any(|message| is_answer_to(message, id)));
        let is_whole = entry.response.as_ref().is_none_or(|response| response.body.left_out == 0);
        if is_stream && (asked.is_empty() || !is_answered && is_whole) {
            return Kind::Open;
        }
        let is_asked_back = said.iter().filter(|message| asks(message)).any(|question| {
            let id = question.get("id");
            let answers =
                |entry: &Entry| entry.request.messages().iter().any(|m| m.get("method").is_none() && m.get("id") == id);
            self.recording.entries.iter().any(answers)
        });
        if is_asked_back { Kind::Asked } else { Kind::Plain }
    }

    /// The client that stands for a recorded one.
    fn client(&mut self, at: usize) -> Result<Arc<Session>, String> {
        let number = self.plan.sessions.get(at).copied().unwrap_or_default();
        if let Some(client) = self.clients.get(&number) {
            return Ok(Arc::clone(client));
        }
        let name = if number == 0 { "client".to_owned() } else { format!("client-{}", number + 1) };
        let spec = crate::lifecycle::SessionSpec {
            // Signs in before the first request: a recorded one is sent once.
            persevere: false,
            ..self.instance.session_spec(&name, self.version, Lifecycle::Manual)
        };
        let link = self.instance.link().map_err(|failure| failure.message)?;
        let client = Arc::new(Session::new(spec, link, Arc::clone(&self.recorder)));
        self.clients.insert(number, Arc::clone(&client));
        Ok(client)
    }
}

/// What the recorded server asked, in order.
fn questions(recording: &Recording) -> Vec<(Value, String, usize)> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut out = Vec::new();
    for entry in &recording.entries {
        let said = entry.response.as_ref().map(|response| response.messages(entry.transport)).unwrap_or_default();
        for question in said.iter().filter(|message| asks(message)) {
            let (Some(method), Some(id)) = (question.get("method").and_then(Value::as_str), question.get("id")) else {
                continue;
            };
            let count = counts.entry(method.to_owned()).or_default();
            out.push((id.clone(), method.to_owned(), *count));
            *count += 1;
        }
    }
    out
}
