//! A recording as a server: what was asked before is answered as before, so that what stands in front of a system can be
//! examined without it.

mod answer;
mod events;
mod library;
mod likeness;
mod question;
mod refusal;
mod rewrite;
mod sessions;
mod stdio;
mod streams;

use std::sync::{Arc, Mutex, PoisonError};

use gauntlet_mocks::stub::{StubAnswer, StubBody, StubLogic, StubRequest};
use gauntlet_mocks::{MockHandle, StartError, StartOptions};
use serde_json::{Map, Value};

use super::pace::Pace;
use super::recording::Recording;
use answer::Giving;
use library::{Found, Kept, Library, SESSION, Stream};
use question::Question;
use refusal::Refusal;
use rewrite::Rewrite;
use sessions::Sessions;
use streams::Streams;

/// How a recording is served.
#[derive(Debug, Clone, Default)]
pub struct StubOptions {
    /// Whether the pauses within answers and before them are made again.
    pub pace: Pace,
    /// After the last of several answers to the same question comes the first again; without, the last one stays.
    pub wrap: bool,
    /// Headers, in lower case, that must be as recorded.
    pub strict_headers: Vec<String>,
}

impl StubOptions {
    /// Takes `pace`, `wrap` and `strict_headers` out of a configuration.
    ///
    /// # Errors
    /// One sentence when one of them has a value that it cannot have.
    pub(crate) fn take(config: &mut Map<String, Value>) -> Result<Self, String> {
        let mut options = Self::default();
        match config.shift_remove("pace") {
            None => {}
            Some(Value::String(pace)) if pace == "asap" => options.pace = Pace::Asap,
            Some(Value::String(pace)) if pace == "recorded" => options.pace = Pace::Recorded,
            Some(other) => return Err(format!("a recording's `pace` is asap or recorded, not {other}")),
        }
        match config.shift_remove("wrap") {
            None => {}
            Some(Value::Bool(wrap)) => options.wrap = wrap,
            Some(other) => return Err(format!("a recording's `wrap` is true or false, not {other}")),
        }
        match config.shift_remove("strict_headers").map(serde_json::from_value::<Vec<String>>) {
            None => {}
            Some(Ok(names)) => options.strict_headers = names.iter().map(|name| name.to_ascii_lowercase()).collect(),
            Some(Err(_)) => return Err("a recording's `strict_headers` is a list of names".to_owned()),
        }
        Ok(options)
    }
}

/// A recording that answers.
///
/// What is asked is found by HTTP method, path and query, and by the message: its method, parameters and what stands beside
/// them; ids, `_meta`, `clientInfo` and headers do not count. Where nothing is the same, values that differ from run to run
/// ([`gauntlet_reports::volatile`]) do not count either. Several answers to the same question are given in recorded order,
/// in each session anew.
#[derive(Debug, Clone)]
pub struct RecordedServer {
    library: Arc<Library>,
    options: StubOptions,
}

/// One server of a recording, with its clients.
#[derive(Debug)]
struct Serving {
    server: RecordedServer,
    sessions: Mutex<Sessions>,
    streams: Streams,
}

impl RecordedServer {
    /// Makes a recording ready to be asked.
    #[must_use]
    pub fn new(recording: Recording, options: StubOptions) -> Self {
        Self { library: Arc::new(Library::new(recording)), options }
    }

    /// The same recording, served otherwise.
    #[must_use]
    pub fn with(&self, options: StubOptions) -> Self {
        Self { library: Arc::clone(&self.library), options }
    }

    /// How many recorded requests can be answered.
    #[must_use]
    pub fn questions(&self) -> usize {
        self.library.kept.iter().filter(|kept| kept.question.is_some()).count()
    }

    /// Serves it over HTTP until the handle is dropped. Every start begins with the first answers.
    ///
    /// # Errors
    /// The configuration has more than `faults`, or the address cannot be bound.
    pub async fn start(&self, options: StartOptions) -> Result<MockHandle, StartError> {
        gauntlet_mocks::stub::start(Arc::new(self.serving()), options).await
    }

    fn serving(&self) -> Serving {
        Serving { server: self.clone(), sessions: Mutex::default(), streams: Streams::default() }
    }

    fn answers(&self, at: usize) -> Option<&Kept> {
        self.library.kept.get(at)
    }
}

/// What came of looking for an answer.
enum Choice<'a> {
    /// With its position in the recording, and what is noted about it.
    Given(usize, &'a Kept, String),
    Refused(Refusal),
    /// Nobody waits for an answer.
    Unanswered,
}

impl Serving {
    /// The answer to a question in a session.
    fn choose(&self, asked: &Question, session: Option<&str>) -> Choice<'_> {
        let server = &self.server;
        let (found, how) = match server.library.find(asked, &server.options) {
            Found::Exact(found) => (found, ""),
            Found::Loose(found) => (found, ", but for values that differ from run to run"),
            Found::Nothing(_) if asked.wants_no_answer() => return Choice::Unanswered,
            Found::Nothing(nearest) => {
                let nearest = nearest.and_then(|(at, differs)| {
                    let label = server.answers(at)?.entry.label();
                    Some((at + 1, label, differs))
                });
                return Choice::Refused(Refusal::not_recorded(asked, nearest));
            }
        };
        let mut sessions = self.sessions();
        let recorded = session.and_then(|id| sessions.recorded(id));
        let of_session = |at: &&usize| server.answers(**at).is_some_and(|kept| kept.session.as_deref() == recorded);
        let own: Vec<usize> = found.iter().filter(of_session).copied().collect();
        // What was answered in other sessions is better than nothing.
        let answers = if own.is_empty() { found } else { own };
        let next = sessions.next(session, &answers, server.options.wrap);
        let Some((at, kept)) = next.and_then(|at| Some((at, server.answers(at)?))) else {
            return Choice::Refused(Refusal::not_recorded(asked, None));
        };
        drop(sessions);
        let body = kept.entry.response.as_ref().map(|response| &response.body);
        if let (Some(body), None) = (body.filter(|body| body.left_out > 0), &kept.entry.failure) {
            let refusal = Refusal::not_whole(at + 1, &kept.entry.label(), body.bytes.len(), body.left_out);
            return Choice::Refused(refusal);
        }
        if body.is_none() && kept.entry.failure.is_none() && kept.entry.elapsed.is_zero() && !asked.wants_no_answer() {
            return Choice::Refused(Refusal::no_answer(at + 1, &kept.entry.label()));
        }
        Choice::Given(at, kept, format!("recorded as #{}{how}", at + 1))
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn giving(&self, kept: &Kept, asked: &Question) -> Giving<'_> {
        let recorded = kept.question.as_ref().map(|question| question.messages.as_slice()).unwrap_or_default();
        let host = asked.header("host").filter(|host| !self.server.library.origins.has_host(host));
        Giving {
            rewrite: Rewrite::between(recorded, &asked.messages),
            origin: host.map(|host| (&self.server.library.origins, format!("http://{host}"))),
            session: None,
            pace: self.server.options.pace,
            unanswered: asked.wants_no_answer(),
        }
    }

    /// Whether the session may go on; one that the recording begins with counts as known.
    fn is_known(&self, id: &str) -> bool {
        let mut sessions = self.sessions();
        if !sessions.knows(id) && self.server.library.sessions.contains(id) {
            sessions.adopt(id, id);
        }
        sessions.recorded(id).is_some()
    }
}

impl StubLogic for Serving {
    fn path(&self) -> &str {
        &self.server.library.endpoint
    }

    fn answer(&self, request: &StubRequest) -> StubAnswer {
        let asked =
            Question::http(&request.method, &request.path, request.query.as_deref(), &request.headers, &request.body);
        let library = &self.server.library;
        if let Some(answer) = self.over_stream(request, &asked) {
            return answer;
        }
        let session = asked.header(SESSION).filter(|_| !library.sessions.is_empty()).map(str::to_owned);
        if let Some(id) = &session
            && !self.is_known(id)
        {
            return Refusal::no_session().http(asked.id());
        }
        let (kept, note) = match self.choose(&asked, session.as_deref()) {
            Choice::Given(_, kept, note) => (kept, note),
            Choice::Unanswered => return accepted(),
            Choice::Refused(_)
                if matches!(request.method.as_str(), "GET" | "DELETE") && library.is_endpoint(&request.path) =>
            {
                return Refusal::not_offered(&asked).http(None);
            }
            Choice::Refused(refusal) => return refusal.http(asked.id()),
        };
        let mut giving = self.giving(kept, &asked);
        if session.is_none() {
            giving.session = kept.opens().map(|recorded| self.sessions().open(recorded));
        }
        let mut answer = giving.http(&kept.entry);
        if let (Some(id), "DELETE", 200..300) = (&session, request.method.as_str(), answer.status) {
            self.sessions().end(id);
        }
        answer.note = Some(answer.note.map_or_else(|| note.clone(), |more| format!("{note}; {more}")));
        answer
    }
}

impl Serving {
    /// The answer to a client of HTTP+SSE; none if it is none.
    fn over_stream(&self, request: &StubRequest, asked: &Question) -> Option<StubAnswer> {
        let streams = &self.server.library.streams;
        if request.method == "GET" {
            let own: Vec<&Stream> =
                streams.iter().filter(|s| Some(&s.line) == asked.line.as_ref() && s.query == asked.query).collect();
            let stream = own.get(self.streams.turn(own.len()))?;
            let session = self.sessions().open(&stream.opened.session);
            return Some(self.streams.begin(&stream.opened, session));
        }
        let endpoint = match &request.query {
            Some(query) => format!("{}?{query}", request.path),
            None => request.path.clone(),
        };
        let session = self.streams.session(&endpoint)?;
        // It was posted to the path that opened the stream as far as the library knows.
        let line = format!("{} {}", request.method, self.server.library.endpoint);
        let asked = Question { line: Some(line), query: Value::Null, ..asked.clone() };
        Some(match self.choose(&asked, Some(&session)) {
            Choice::Given(_, kept, note) => {
                let answer = self.giving(kept, &asked).http(&kept.entry);
                self.streams.say(&endpoint, StubAnswer { note: Some(note), ..answer })
            }
            Choice::Unanswered => accepted(),
            Choice::Refused(refusal) => refusal.http(asked.id()),
        })
    }
}

/// To what nobody waits for an answer.
fn accepted() -> StubAnswer {
    StubAnswer {
        status: 202,
        headers: Vec::new(),
        body: StubBody::Bytes(bytes::Bytes::new()),
        faults: Vec::new(),
        note: Some("not recorded".to_owned()),
    }
}
