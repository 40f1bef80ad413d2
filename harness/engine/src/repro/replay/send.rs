//! The requests, one after the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gauntlet_format::Version;
use gauntlet_format::scenario::Lifecycle;
use gauntlet_reports::Exchange;
use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::super::messages::messages;
use super::super::origins::{Origins, origin_of};
use super::super::placeholder::filled;
use super::super::recording::{Entry, Payload, Received, Recording, Sent, Transport};
use super::super::secrets::Finder;
use super::carry::Carried;
use super::clean::headers;
use super::compare::{Scale, Side, differences};
use super::plan::{Plan, SESSION, version};
use super::report::{Came, FORMAT, Outcome, Played, Report};
use super::{ReplayError, ReplayOptions};
use crate::lifecycle::{ACCEPT, Resend, Session, Spoken, name_header_value, named_parameter};
use crate::target::Target;
use crate::target::instance::Instance;
use crate::transcript::learn::learn;
use crate::transcript::{Places, Recorder};
use crate::transport::{Content, asks, is_answer_to};

/// How long a stream goes on being read after its answer: whatever comes then belongs to it. Most end at once.
const AFTERWARDS: Duration = Duration::from_millis(150);

/// The same over stdio, where nothing ends an answer.
const AFTER_A_LINE: Duration = Duration::from_millis(20);

/// How long a stream is read of which nothing is expected.
const GLANCE: Duration = Duration::from_millis(250);

/// What a request is to a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
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
struct Questions {
    asked: Mutex<Vec<(String, Value)>>,
    news: Notify,
}

impl Questions {
    fn add(&self, message: &Value) {
        let (Some(method), Some(id)) = (message.get("method").and_then(Value::as_str), message.get("id")) else {
            return;
        };
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push((method.to_owned(), id.clone()));
        self.news.notify_waiters();
    }

    /// The id of the question of this method that is the `nth`, from 0, once it has been asked.
    async fn id(&self, method: &str, nth: usize, patience: Duration) -> Option<Value> {
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

/// What became of an entry.
enum Done {
    Sent(Spoken),
    Left(String),
}

/// Sends a recording.
pub(super) struct Player<'a> {
    recording: &'a Recording,
    target: &'a Target,
    instance: &'a Instance,
    options: &'a ReplayOptions,
    plan: Plan,
    recorder: Arc<Recorder>,
    clients: HashMap<usize, Arc<Session>>,
    carried: Carried,
    questions: Arc<Questions>,
    /// What the recorded server asked: id, method, and how many alike came before.
    recorded_questions: Vec<(Value, String, usize)>,
    version: Option<Version>,
    done: HashMap<usize, Done>,
    notes: Vec<String>,
    finder: Finder,
    is_interrupted: bool,
}

type Pending = Vec<(usize, JoinHandle<Spoken>)>;

impl<'a> Player<'a> {
    pub(super) fn new(
        recording: &'a Recording,
        target: &'a Target,
        instance: &'a Instance,
        options: &'a ReplayOptions,
        plan: Plan,
        finder: Finder,
    ) -> Self {
        Self {
            recording,
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
            let patience = if kind == Kind::Open && resend.count == Some(0) { GLANCE } else { self.options.patience };
            match kind {
                Kind::Plain | Kind::Answer => {
                    let spoken = client.resend(at, resend, patience).await;
                    self.settle(at, spoken)?;
                }
                Kind::Asked | Kind::Open => {
                    let sent = tokio::spawn(async move { client.resend(at, resend, patience).await });
                    let tasks = if kind == Kind::Asked { &mut pending } else { &mut open };
                    tasks.push((at, sent));
                    // What comes next in the recording came after this one was under way.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        }
        self.collect(&mut pending).await;
        self.collect(&mut open).await;
        for client in self.clients.values() {
            // A session over stdio ends with its pipe; one over HTTP ended in the recording, or did not.
            if self.target.spec.is_stdio() {
                client.close(None, self.instance.patience).await;
            }
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
        let nobody_yet = !self.done.values().any(|done| matches!(done, Done::Sent(_)));
        if let (Some(failure), true) = (unreachable, nobody_yet) {
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
        self.done.insert(at, Done::Sent(spoken));
    }

    fn kind(&self, entry: &Entry) -> Kind {
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

    /// The request as it is sent.
    ///
    /// # Errors
    /// Why it is not.
    async fn prepare(&mut self, entry: &Entry, kind: Kind) -> Result<Resend, String> {
        let missing =
            |name: String| format!("it needs a secret that is not in the recording; give it with `--secret {name}`");
        let mut body = self.body(entry, kind).await?;
        if let Ok(text) = std::str::from_utf8(&body) {
            let given = filled(text, self.options.given.values()).map_err(missing)?;
            body = given.into_bytes();
        }
        let sent = messages(&body);
        let asked = sent.iter().find(|message| asks(message)).and_then(|message| message.get("id")).cloned();
        let over_stdio = self.target.spec.is_stdio();
        let said = entry.response.as_ref().map(|response| response.messages(entry.transport)).unwrap_or_default();
        let count = u64::try_from(said.len()).unwrap_or(u64::MAX);
        let answer = if kind == Kind::Open { None } else { asked };
        let (path, mut headers) = match entry.transport {
            Transport::Http => (
                self.path(entry).map_err(missing)?,
                headers(&entry.request.headers, &self.carried, self.options.given.values()),
            ),
            Transport::Stdio => (None, self.headers_for(&sent)),
        };
        for (name, value) in &self.instance.headers {
            // What the mock's own client would add is not what was recorded.
            if self.target.spec.headers.keys().any(|own| own.eq_ignore_ascii_case(name)) {
                headers.retain(|(known, _)| known != name);
                headers.push((name.clone(), value.clone()));
            }
        }
        let questions = Arc::clone(&self.questions);
        let (tap, mut inbox) = mpsc::unbounded_channel::<Value>();
        tokio::spawn(async move {
            while let Some(message) = inbox.recv().await {
                questions.add(&message);
            }
        });
        Ok(Resend {
            method: if entry.transport == Transport::Stdio { "POST".to_owned() } else { entry.request.method.clone() },
            path,
            headers,
            count: if kind == Kind::Open { Some(count) } else { None },
            linger: if over_stdio { AFTER_A_LINE } else { AFTERWARDS },
            answer,
            body,
            tap: Some(tap),
        })
    }

    /// The body with the live values.
    async fn body(&mut self, entry: &Entry, kind: Kind) -> Result<Vec<u8>, String> {
        let recorded = &entry.request.body.bytes;
        let Ok(mut value) = serde_json::from_slice::<Value>(recorded) else {
            let text = std::str::from_utf8(recorded).ok().map(|text| self.carried.text(text).into_owned());
            return Ok(text.map_or_else(|| recorded.to_vec(), String::into_bytes));
        };
        let mut changed = false;
        if kind == Kind::Answer {
            let id = value.get("id").cloned().unwrap_or_default();
            let known = self.recorded_questions.iter().find(|(known, ..)| *known == id);
            let Some((_, method, nth)) = known else {
                return Err("nobody asked for this answer in the recording".to_owned());
            };
            let live = self.questions.id(method, *nth, self.options.patience).await;
            let live = live.ok_or_else(|| format!("the target did not ask `{method}`"))?;
            changed = live != id;
            value["id"] = live;
            self.carried.said(&value);
        } else {
            for message in messages(recorded) {
                self.carried.said(message.get("params").unwrap_or(&Value::Null));
            }
            let batch = match &mut value {
                Value::Array(items) => items.as_mut_slice(),
                one => std::slice::from_mut(one),
            };
            for message in batch {
                // An id is the client's own.
                let id = message.as_object_mut().and_then(|members| members.get_mut("id").map(Value::take));
                changed |= self.carried.document(message) | self.identify(message);
                if let (Some(id), Some(members)) = (id, message.as_object_mut()) {
                    members.insert("id".to_owned(), id);
                }
            }
        }
        Ok(if changed { value.to_string().into_bytes() } else { recorded.to_vec() })
    }

    /// Puts what the target says of its own client in the place of what was recorded beside the message.
    fn identify(&mut self, message: &mut Value) -> bool {
        let mut changed = false;
        let Some(members) = message.as_object_mut() else { return false };
        for (name, own) in &self.instance.envelope {
            let Some(recorded) = members.get_mut(name).filter(|recorded| *recorded != own) else { continue };
            *recorded = own.clone();
            changed = true;
            let note = format!("`{name}` beside the messages is the target's own");
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        changed
    }

    /// Path and query on the target's origin; none for its endpoint.
    fn path(&self, entry: &Entry) -> Result<Option<String>, String> {
        let Ok(url) = Url::parse(&entry.request.url) else { return Ok(None) };
        let query = match url.query() {
            Some(query) => Some(filled(&self.carried.text(query), self.options.given.values())?),
            None => None,
        };
        let is_endpoint = self.plan.home.endpoint.as_deref() == Some(url.path());
        let own = self.instance.url().filter(|own| own.path() != "/");
        if let (true, Some(own)) = (is_endpoint, own) {
            return Ok(query.map(|query| format!("{}?{query}", own.path())));
        }
        let path = filled(&self.carried.text(url.path()), self.options.given.values())?;
        Ok(Some(query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"))))
    }

    /// What a message has around it over HTTP that was said over stdio.
    fn headers_for(&self, sent: &[Value]) -> Vec<(String, String)> {
        let mut headers =
            vec![("accept".to_owned(), ACCEPT.to_owned()), ("content-type".to_owned(), "application/json".to_owned())];
        let Some(version) = self.version else { return headers };
        let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
        let method = sent.first().and_then(|message| message.get("method")).and_then(Value::as_str);
        if !version.is_stateful() {
            add("mcp-protocol-version", version.to_string());
            if let Some(method) = method {
                add("mcp-method", method.to_owned());
                let named =
                    named_parameter(method).and_then(|name| sent.first()?.pointer("/params")?.get(name)?.as_str());
                named.into_iter().for_each(|name| add("mcp-name", name_header_value(name)));
            }
            return headers;
        }
        if method != Some("initialize") {
            if version >= Version::V2025_06_18 {
                add("mcp-protocol-version", version.to_string());
            }
            // The session that the first answer opened.
            let session =
                self.recorder.since(0).iter().find_map(|r| r.reply.as_ref()?.header(SESSION).map(str::to_owned));
            session.into_iter().for_each(|id| add(SESSION, id));
        }
        headers
    }

    fn report(mut self) -> Result<Report, ReplayError> {
        let secrets = &self.options.secrets;
        self.instance.learn_secrets(secrets);
        secrets.absorb(&self.target.secrets);
        learn(secrets, &[], &self.recorder, &[]);
        let (transcript, places) = self.recorder.transcript(&self.target.spec.name, &[]);
        for done in self.done.values() {
            if let Done::Sent(spoken) = done {
                self.finder.learn(&live_entry(spoken));
            }
        }
        let recorded = self.recording.exchanges();
        let redactor = secrets.redactor();
        let recorded_origins = Origins::of(self.recording);
        let live_origin = self.instance.url().and_then(|url| origin_of(url.as_str()));
        let live_origins = Origins::new(live_origin.into_iter().collect());
        let mut report = Report {
            format: FORMAT,
            target: self.target.spec.name.clone(),
            endpoint: redactor.redact(&self.instance.endpoint()),
            same: 0,
            changed: 0,
            unrecorded: 0,
            not_sent: 0,
            not_selected: 0,
            interrupted: self.is_interrupted.then_some(0),
            notes: self.notes.clone(),
            exchanges: Vec::new(),
        };
        for (at, (entry, exchange)) in self.recording.entries.iter().zip(recorded).enumerate() {
            let came = came(&exchange, &redactor);
            let live = self.live(at, &transcript, &places);
            let reason = match (self.plan.left.get(at).and_then(Option::as_ref), self.done.get(&at)) {
                (Some(reason), _) | (None, Some(Done::Left(reason))) => Some(reason.clone()),
                _ => None,
            };
            if reason.as_deref() == Some("not selected") {
                report.not_selected += 1;
                continue;
            }
            if let (None, None, Some(count)) = (live, &reason, &mut report.interrupted) {
                *count += 1;
                continue;
            }
            let live_came = live.map(|live| self::came(live, &redactor));
            let outcome = match (live, reason) {
                (Some(live), None) => {
                    let scale = Scale {
                        rules: &self.options.rules,
                        headers: &self.options.headers,
                        only_messages: (entry.transport == Transport::Stdio) != self.target.spec.is_stdio(),
                        open_ended: self.kind(entry) == Kind::Open,
                        without_body: entry.response.as_ref().is_some_and(|response| response.body.left_out > 0),
                    };
                    let before = Side { exchange, origins: &recorded_origins, redactor: &redactor };
                    let now = Side { exchange: live.clone(), origins: &live_origins, redactor: &redactor };
                    match differences(before, now, &scale) {
                        diff if is_alone(entry) && !diff.is_empty() => Outcome::Unrecorded {
                            answer: diff
                                .iter()
                                .filter(|line| !line.starts_with('-'))
                                .map(|line| self.finder.text(line))
                                .collect(),
                        },
                        diff if diff.is_empty() => Outcome::Same,
                        diff => Outcome::Changed { diff: diff.iter().map(|line| self.finder.text(line)).collect() },
                    }
                }
                (_, reason) => Outcome::NotSent { reason: self.finder.text(&reason.unwrap_or_default()) },
            };
            match &outcome {
                Outcome::Same => report.same += 1,
                Outcome::Changed { .. } => report.changed += 1,
                Outcome::Unrecorded { .. } => report.unrecorded += 1,
                Outcome::NotSent { .. } => report.not_sent += 1,
            }
            let label = self.finder.text(&redactor.redact(&entry.label()));
            report.exchanges.push(Played { number: at + 1, label, outcome, recorded: came, live: live_came });
        }
        if report.same + report.changed + report.unrecorded == 0 {
            if self.is_interrupted {
                return Err(ReplayError::Interrupted);
            }
            let reason = report.exchanges.iter().find_map(|played| match &played.outcome {
                Outcome::NotSent { reason } => Some(reason.clone()),
                _ => None,
            });
            return Err(ReplayError::NothingToSend(reason.unwrap_or_default()));
        }
        Ok(report)
    }

    fn live<'t>(&self, at: usize, transcript: &'t [Exchange], places: &Places) -> Option<&'t Exchange> {
        match self.done.get(&at)? {
            Done::Sent(spoken) => transcript.get(places.of(spoken.number)?),
            Done::Left(_) => None,
        }
    }
}

fn came(exchange: &Exchange, redactor: &gauntlet_reports::Redactor) -> Came {
    Came {
        status: exchange.response.as_ref().and_then(|response| response.status),
        elapsed_ms: exchange.elapsed_ms,
        failure: exchange.failure.as_ref().map(|failure| redactor.redact(failure)),
    }
}

/// Whether nobody knows what came back, as of a command line.
fn is_alone(entry: &Entry) -> bool {
    entry.response.is_none() && entry.failure.is_none() && entry.elapsed.is_zero()
}

/// What was said now, as a recorder writes it down.
fn live_entry(spoken: &Spoken) -> Entry {
    let body = match &spoken.reply.content {
        Content::Json(value) => value.to_string(),
        Content::Text(text) => text.clone(),
        Content::Events(events) => events.iter().map(|event| format!("data: {}\n\n", event.data)).collect(),
        Content::Empty | Content::Binary(_) => String::new(),
    };
    Entry {
        transport: Transport::Http,
        session: None,
        behind: None,
        started_at: time::OffsetDateTime::UNIX_EPOCH,
        began: None,
        elapsed: spoken.reply.elapsed,
        request: Sent {
            method: spoken.request.method.clone(),
            url: spoken.request.url.clone(),
            http_version: None,
            headers: spoken.request.headers.clone(),
            body: Payload::whole(spoken.request.body.clone()),
        },
        response: Some(Received {
            status: spoken.reply.status,
            http_version: None,
            headers: spoken.reply.headers.clone(),
            body: Payload::whole(body),
            arrivals: Vec::new(),
        }),
        failure: None,
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
