//! What was recorded, by what was asked.

use std::collections::{HashMap, HashSet};

use gauntlet_reports::volatile::{Normaliser, Rules};
use serde_json::Value;

use super::super::http_sse::{self, Opened};
use super::super::messages::is_message;
use super::super::origins::{Origins, origin_of};
use super::super::placeholder;
use super::super::recording::{Entry, Recording, Transport};
use super::StubOptions;
use super::likeness::{Difference, differences, digest, has_secret, same, shown};
use super::question::Question;

/// Differences that a refusal names.
const NAMED: usize = 6;

/// A cursor is how a client says which page it wants: another one is no variation of it.
const KEPT_RULE: &str = "cursor";

/// An answer that can be given.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) entry: Entry,
    /// None of what the server said unasked.
    pub(super) question: Option<Question>,
    /// Host and port that it was sent to.
    host: Option<String>,
    /// The session of the protocol that it belongs to: `Mcp-Session-Id`.
    pub(super) session: Option<String>,
}

impl Kept {
    fn new(entry: Entry) -> Self {
        let question = Question::of(&entry);
        let host = origin_of(&entry.request.url).and_then(|origin| Some(origin.split_once("://")?.1.to_owned()));
        let given = entry.response.as_ref().and_then(|response| response.header(SESSION));
        let session = entry.request.header(SESSION).or(given).map(str::to_owned);
        Self { entry, question, host, session }
    }

    /// The session that its answer opens.
    pub(super) fn opens(&self) -> Option<&str> {
        self.entry.response.as_ref()?.header(SESSION)
    }
}

/// A stream on which requests were answered that were posted elsewhere.
#[derive(Debug)]
pub(super) struct Stream {
    /// HTTP method and path that opened it.
    pub(super) line: String,
    /// Parameters beside them.
    pub(super) query: Value,
    pub(super) opened: Opened,
}

/// The header that names a session.
pub(super) const SESSION: &str = "mcp-session-id";

/// What was found for a question.
#[derive(Debug)]
pub(super) enum Found {
    /// The same question; positions in the recording, in order.
    Exact(Vec<usize>),
    /// The same but for values that differ from run to run.
    Loose(Vec<usize>),
    /// Nothing; the nearest, with what differs.
    Nothing(Option<(usize, Vec<Difference>)>),
}

/// A recording that can be asked.
#[derive(Debug)]
pub(super) struct Library {
    pub(super) kept: Vec<Kept>,
    pub(super) origins: Origins,
    /// Path that most messages were sent to.
    pub(super) endpoint: String,
    /// Sessions that answers opened.
    pub(super) sessions: HashSet<String>,
    /// Streams of HTTP+SSE, in recorded order.
    pub(super) streams: Vec<Stream>,
    exact: HashMap<u64, Vec<usize>>,
    loose: HashMap<u64, Vec<usize>>,
    /// Those in whose place of a secret anything may stand.
    secret: Vec<usize>,
    rules: Rules,
}

impl Library {
    pub(super) fn new(mut recording: Recording) -> Self {
        let streams = http_sse::pair(&mut recording.entries).opened;
        let rules = Rules::builtin();
        // The rule is there: a test says so.
        let rules = rules.without(KEPT_RULE).unwrap_or(rules);
        let origins = Origins::of(&recording);
        let mut kept: Vec<Kept> = recording.entries.into_iter().map(Kept::new).collect();
        let streams = streams.into_iter().filter_map(|(at, opened)| {
            let question = kept.get_mut(at)?.question.take()?;
            Some(Stream { line: question.line?, query: question.query, opened })
        });
        let streams = streams.collect();
        let mut library = Self {
            endpoint: endpoint(&kept),
            streams,
            sessions: kept.iter().filter_map(|kept| kept.opens().map(str::to_owned)).collect(),
            origins,
            exact: HashMap::new(),
            loose: HashMap::new(),
            secret: Vec::new(),
            rules,
            kept: Vec::new(),
        };
        for (at, one) in kept.iter().enumerate() {
            let Some(question) = &one.question else { continue };
            if has_secret(&question.body) {
                library.secret.push(at);
            } else {
                library.exact.entry(digest(&question.body)).or_default().push(at);
                library.loose.entry(digest(&library.normalised(&question.body))).or_default().push(at);
            }
        }
        library.kept = kept;
        library
    }

    /// Whether any JSON-RPC message was sent to this request line's path.
    pub(super) fn is_endpoint(&self, path: &str) -> bool {
        self.kept.iter().filter_map(|kept| kept.question.as_ref()).any(|question| {
            let there = question.line.as_ref().and_then(|line| line.split_once(' '));
            !question.messages.is_empty() && there.is_none_or(|(_, recorded)| recorded == path)
        })
    }

    pub(super) fn find(&self, asked: &Question, options: &StubOptions) -> Found {
        let host = asked.header("host").filter(|host| self.origins.has_host(host));
        let fits = |at: &usize| {
            let Some((kept, recorded)) = self.at(*at) else { return false };
            (host.is_none() || kept.entry.transport == Transport::Stdio || kept.host.as_deref() == host)
                && self.around(recorded, asked, options, 1).is_empty()
        };
        let of = |index: &HashMap<u64, Vec<usize>>, body: &Value| index.get(&digest(body)).cloned().unwrap_or_default();
        let take = |mut found: Vec<usize>, alike: &dyn Fn(&Value) -> bool| -> Vec<usize> {
            found.extend(&self.secret);
            found.retain(|at| self.at(*at).is_some_and(|(_, recorded)| alike(&recorded.body)) && fits(at));
            found.sort_unstable();
            found
        };
        let exact = take(of(&self.exact, &asked.body), &|recorded| same(recorded, &asked.body));
        if !exact.is_empty() {
            return Found::Exact(exact);
        }
        let body = self.normalised(&asked.body);
        let loose = take(of(&self.loose, &body), &|recorded| same(&self.normalised(recorded), &body));
        if loose.is_empty() { Found::Nothing(self.nearest(asked, options)) } else { Found::Loose(loose) }
    }

    fn at(&self, at: usize) -> Option<(&Kept, &Question)> {
        let kept = self.kept.get(at)?;
        Some((kept, kept.question.as_ref()?))
    }

    fn normalised(&self, body: &Value) -> Value {
        let mut body = body.clone();
        Normaliser::new(&self.rules).document(&mut body);
        body
    }

    /// Where what is around the body differs.
    fn around(&self, recorded: &Question, asked: &Question, options: &StubOptions, most: usize) -> Vec<Difference> {
        let mut out = Vec::new();
        // A line over stdio has nothing around it.
        if let (Some(line), Some(other)) = (&recorded.line, &asked.line) {
            if line != other {
                let (recorded, asked) = (Some(line.clone()), Some(shown(&Value::from(other.as_str()))));
                out.push(Difference { path: "request line".to_owned(), recorded, asked });
            }
            differences("query", &recorded.query, &asked.query, most, &mut out);
            for name in &options.strict_headers {
                let (was, is) = (recorded.header(name), asked.header(name));
                if was != is && !was.zip(is).is_some_and(|(was, is)| placeholder::same_but(was, is)) {
                    let shown = |value: Option<&str>| value.map(|value| shown(&Value::from(value)));
                    out.push(Difference {
                        path: format!("headers.{name}"),
                        recorded: shown(was),
                        asked: shown(is).map(|_| "another value".to_owned()),
                    });
                }
            }
        }
        out.truncate(most);
        out
    }

    /// The recorded question that is asked with the fewest changes.
    fn nearest(&self, asked: &Question, options: &StubOptions) -> Option<(usize, Vec<Difference>)> {
        let mut best: Option<((usize, usize), usize, Vec<Difference>)> = None;
        for (at, kept) in self.kept.iter().enumerate() {
            let Some(recorded) = &kept.question else { continue };
            let mut found = self.around(recorded, asked, options, NAMED);
            differences("", &recorded.body, &asked.body, NAMED, &mut found);
            // Another method is further away than any other arguments of the same one.
            let kin = likeness(recorded, asked);
            let rank = (kin, found.len());
            if best.as_ref().is_none_or(|(known, ..)| rank < *known) {
                best = Some((rank, at, found));
            }
        }
        best.map(|(_, at, found)| (at, found))
    }
}

/// How far away what is asked for is: 0 for the same method and subject.
fn likeness(recorded: &Question, asked: &Question) -> usize {
    let method = |question: &Question| question.body.get("method").cloned();
    let is_message = |question: &Question| question.messages.first().is_some_and(is_message);
    if is_message(recorded) != is_message(asked) {
        return 3;
    }
    match (recorded.label() == asked.label(), method(recorded) == method(asked)) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    }
}

/// The path that most messages were sent to; without any, `/`.
fn endpoint(kept: &[Kept]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    let mut over_stdio = false;
    for question in kept.iter().filter_map(|kept| kept.question.as_ref()).filter(|q| !q.messages.is_empty()) {
        let Some((_, path)) = question.line.as_ref().and_then(|line| line.split_once(' ')) else {
            over_stdio = true;
            continue;
        };
        match counts.iter_mut().find(|(known, _)| *known == path) {
            Some((_, count)) => *count += 1,
            None => counts.push((path, 1)),
        }
    }
    // The first of those that are named equally often.
    let most = counts.iter().rev().max_by_key(|(_, count)| *count);
    match most {
        Some((path, _)) => (*path).to_owned(),
        None if over_stdio => "/mcp".to_owned(),
        None => "/".to_owned(),
    }
}
