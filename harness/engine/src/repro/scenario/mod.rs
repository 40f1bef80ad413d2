//! Recordings as scenarios: steps, captures where a later request uses what an earlier answer gave, and expectations taken from
//! what was seen, with what is another each time loosened.

mod auth;
mod capture;
mod expect;
mod head;
mod headers;
mod known;
mod loosen;
mod plan;
mod said;
mod step;
mod stubs;
mod text;
mod together;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use gauntlet_format::scenario::Lifecycle;
use gauntlet_format::{Version, emit};
use serde_json::{Map, Value, json};

use self::capture::Captures;
use self::expect::{Expectations, bugs};
use self::headers::Headers;
use self::known::Marks;
pub use self::known::{Known, Right};
use self::loosen::Loosener;
use self::plan::{Plan, plan};
use self::said::{Said, What};
use self::step::{Drafted, Steps};
use self::together::{Moment, Written};
use super::http_sse;
use super::recording::{Entry, Recording};
use super::secrets::{self, Finder, Secret};

/// What is expected of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Expect {
    /// [`Fixed`](Self::Fixed) where an answer of the recording is bad, [`Seen`](Self::Seen) otherwise.
    #[default]
    Auto,
    /// What was seen, bad answers too: the scenario passes while the bug is there.
    Seen,
    /// Of a bad answer that it is a good one: the scenario fails while the bug is there.
    Fixed,
    /// Of a bad answer nothing; that the protocol is kept is always judged.
    Conforming,
}

/// How a scenario is written.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Id of the scenario. Default: `recorded.` and what it does.
    pub id: Option<String>,
    /// The role under test. Default: told by the host, else by the known failure that it shows behind the target, else `mcp-server`.
    pub target: Option<String>,
    /// What is expected of answers.
    pub expect: Expect,
    /// Who opens sessions. Default: the harness if that is as usual, else as it was recorded.
    pub lifecycle: Option<Lifecycle>,
    /// The origin of the target (`https://host:port`, or `stdio:PROGRAM`). Default: where most messages went.
    pub origin: Option<String>,
    /// Keeps every header that was sent, not only what may matter.
    pub all_headers: bool,
    /// Leaves credentials to the target, in place of those that were recorded.
    pub auth_of_target: bool,
    /// The known failures that it shows, the best match first, as [`diagnose::known`](super::diagnose::known) finds them. With
    /// [`Expect::Auto`] and [`Expect::Fixed`] what is right is expected where they show.
    pub known: Vec<Known>,
    /// Where the recording comes from, for the head of the file: a file name, a URL.
    pub source: Option<String>,
    /// What a user says about the names of secrets.
    pub secrets: secrets::Options,
}

/// A scenario, and what is to be said about it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The text of the file.
    pub yaml: String,
    /// Its id.
    pub id: String,
    /// The role that it is for.
    pub target: String,
    /// How many steps it has.
    pub steps: usize,
    /// What is expected of answers.
    pub expect: Expect,
    /// Names of the secrets that whoever runs it gives: `--secret NAME`.
    pub needs: Vec<String>,
    /// What was left out, and what may surprise; sentences.
    pub notes: Vec<String>,
    /// What was redacted, wherever it stood in the recording.
    pub redacted: Vec<Secret>,
}

/// Why a recording is no scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// There is nothing in it.
    #[error("the recording has no request that a scenario could make{0}")]
    Empty(String),
}

/// What is said of a recording of HTTP+SSE.
const OVER_STREAMS: &str = "the answers came on streams of their own (HTTP+SSE of 2024-11-05); the scenario is for Streamable HTTP and stdio, in \
                            every version that the target speaks";

/// Writes a scenario. Secrets never get into it, whether the recording was redacted or not.
///
/// # Errors
/// When the recording has no request for the target.
pub fn write(recording: &Recording, options: &Options) -> Result<Draft, WriteError> {
    let mut finder = Finder::with(&options.secrets);
    let mut entries: Vec<Entry> = recording.entries.clone();
    let streams = http_sse::pair(&mut entries);
    entries.iter().for_each(|entry| finder.learn(entry));
    entries.iter_mut().for_each(|entry| finder.redact(entry));
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|at| entries[*at].started_at);
    entries.sort_by_key(|entry| entry.started_at);
    let recording = &Recording { creator: recording.creator.clone(), entries };
    let opens_stream = |at: usize| order.get(at).is_some_and(|entry| streams.opened.contains_key(entry));
    let in_front = recording.entries.iter().enumerate().filter(|(_, entry)| entry.behind.is_none());
    let steps = in_front.filter(|(at, _)| !opens_stream(*at));
    let all: Vec<Said<'_>> = steps.map(|(at, entry)| Said::of(entry, at + 1)).collect();
    let mut marks = Marks::of(&options.known, options.expect, &order);
    let mut plan = plan(&all, options, &marks);
    if !streams.posted.is_empty() {
        plan.notes.push(OVER_STREAMS.to_owned());
    }
    if plan.steps.is_empty() && plan.handshake.is_empty() {
        let origins: BTreeSet<&str> = all.iter().map(|said| said.origin.as_str()).filter(|o| !o.is_empty()).collect();
        let known = origins.into_iter().collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { known } else { format!("; it has requests to {known}") };
        return Err(WriteError::Empty(known));
    }
    marks.keep(&plan);
    let told = options.target.as_deref().or_else(|| head::role(&plan.origin)).or_else(|| marks.role());
    let told = told.or_else(|| head::role_in_front(recording)).or_else(|| head::role_of_requests(&plan));
    let target = told.unwrap_or("mcp-server").to_owned();
    marks.settle(&target);
    let behind = stubs::stubs(recording, &marks.set_up());
    let is_kiro = target == "kiro-runtime";
    let mut bugs = bugs(&plan);
    for (is_bug, (said, _)) in bugs.iter_mut().zip(&plan.steps) {
        // Where it is known what is wrong, a refusal of a request without credentials is how a sign-in begins.
        let is_asked =
            !marks.is_empty() && said.status() == Some(401) && said.entry.request.header("authorization").is_none();
        *is_bug &= !is_asked && !marks.is_beside(said) && marks.right(said).is_none_or(|right| right.expect.is_none());
    }
    let expect = match options.expect {
        Expect::Auto if bugs.contains(&true) || !marks.is_empty() => Expect::Fixed,
        Expect::Auto => Expect::Seen,
        chosen => chosen,
    };
    let headers = Headers::of(&plan, options, is_kiro);
    let mut writer = Writer {
        plan: &plan,
        marks: &marks,
        steps: Steps { plan: &plan, headers, is_kiro },
        captures: Captures::default(),
        uses_http: false,
        numbers: BTreeMap::new(),
    };
    let steps = writer.steps(&bugs, expect);
    let title = head::title(&plan, &bugs, &marks, expect);
    let id = options.id.clone().unwrap_or_else(|| head::id(&plan, &bugs, &marks));
    let mut scenario = Map::new();
    scenario.insert("id".to_owned(), id.as_str().into());
    scenario.insert("title".to_owned(), finder.text(&title).into());
    scenario.insert("tags".to_owned(), json!(["recorded"]));
    scenario.insert("target".to_owned(), target.as_str().into());
    // That version has no other transport over HTTP, and Gauntlet does not speak this one.
    let is_gone = |version: &Version| !streams.posted.is_empty() && *version == Version::V2024_11_05;
    if let Some(version) = plan.version.filter(|version| plan.lifecycle != Lifecycle::Bare && !is_gone(version)) {
        scenario.insert("versions".to_owned(), version.as_str().into());
    }
    let transport = if plan.is_stdio { Some("stdio") } else { writer.uses_http.then_some("http") };
    scenario.extend(transport.map(|transport| ("transport".to_owned(), transport.into())));
    let lifecycle = match plan.lifecycle {
        Lifecycle::Auto => None,
        Lifecycle::Manual => Some("manual"),
        Lifecycle::Bare => Some("bare"),
    };
    scenario.extend(lifecycle.map(|lifecycle| ("lifecycle".to_owned(), lifecycle.into())));
    let mut upstreams = behind.upstreams;
    upstreams.extend(marks.upstreams().into_iter().map(str::to_owned));
    let mut once = BTreeSet::new();
    upstreams.retain(|name| once.insert(name.clone()));
    if !upstreams.is_empty() {
        scenario.insert("requires".to_owned(), json!({ "upstreams": upstreams }));
    }
    scenario.extend(marks.given().map(|given| ("given".to_owned(), given)));
    let mut defaults = writer.steps.headers.defaults();
    if options.auth_of_target
        && let Some(auth) = auth::of_role(&target)
        && let Value::Object(members) = defaults.get_or_insert_with(|| json!({}))
    {
        members.insert("auth".to_owned(), auth);
    }
    let mut needs: BTreeSet<String> = BTreeSet::new();
    defaults.iter().chain(&steps).for_each(|value| named(value, &mut needs));
    if !needs.is_empty() {
        scenario.insert("secrets".to_owned(), needs.iter().map(|name| Value::from(name.as_str())).collect());
    }
    scenario.extend(defaults.map(|defaults| ("defaults".to_owned(), defaults)));
    if !behind.list.is_empty() {
        scenario.insert("stubs".to_owned(), behind.list.into());
    }
    let count = steps.len();
    scenario.insert("steps".to_owned(), Value::Array(steps));
    let redacted: Vec<Secret> = finder.summary().into_iter().filter(|secret| secret.times > 0).collect();
    let mut notes = plan.notes.clone();
    notes.extend(writer.notes());
    notes.extend(behind.notes);
    let comment = head::comment(recording, &plan, &bugs, &marks, expect, options, &redacted, &notes);
    let yaml = format!("{}{}", finder.text(&comment), emit::scenario(&Value::Object(scenario)));
    Ok(Draft { yaml, id, target, steps: count, expect, needs: needs.into_iter().collect(), notes, redacted })
}

/// Writes the steps.
struct Writer<'p, 's, 'e> {
    plan: &'p Plan<'s, 'e>,
    marks: &'p Marks<'p>,
    steps: Steps<'p, 's, 'e>,
    captures: Captures,
    uses_http: bool,
    /// Number of a request → number of its step.
    numbers: BTreeMap<usize, usize>,
}

impl Writer<'_, '_, '_> {
    fn steps(&mut self, bugs: &[bool], expect: Expect) -> Vec<Value> {
        let plan = self.plan;
        let harness_opens = plan.lifecycle == Lifecycle::Auto;
        // A recorded handshake that the harness does itself gives no value that another session could use.
        for said in &plan.handshake {
            self.captures.said(said);
        }
        let answers: Vec<&Said<'_>> =
            plan.steps.iter().map(|(said, _)| *said).filter(|said| said.what == What::Answer).collect();
        // What a client answers to a request of the server is said with the call that it came in.
        let is_told = |said: &Said<'_>| {
            said.what == What::Answer && plan.steps.iter().any(|(call, _)| step::is_answered_by(call, said))
        };
        let flows = together::pruned(together::flows(&plan.steps), &|at| !is_told(plan.steps[at].0));
        self.captures.branches = together::branches(&flows, plan.steps.len());
        let mut drafts: BTreeMap<usize, Drafted> = BTreeMap::new();
        for moment in together::moments(&flows, &plan.steps) {
            match moment {
                Moment::Sent(at) => {
                    let (said, client) = plan.steps[at];
                    drafts.insert(at, self.draft(at, said, client, &answers));
                }
                Moment::Answered(at) => self.captures.answered(at, plan.steps[at].0, harness_opens),
            }
        }
        let expectations = Expectations { plan, expect };
        let mut loosener = Loosener::new(&self.captures, &plan.origin);
        let mut written: BTreeMap<usize, Written> = BTreeMap::new();
        let mut is_checked = false;
        let last = drafts.last_key_value().map(|(at, _)| *at);
        let mut told: BTreeSet<&str> = BTreeSet::new();
        for (at, Drafted { mut members, verb }) in drafts {
            let (said, _) = plan.steps[at];
            loosener.at = at;
            let is_bug = bugs.get(at).copied().unwrap_or_default();
            let right = self.marks.right(said);
            let placed = |value: &Value| known::at_target(value.clone(), &plan.origin);
            let mut expected = match right.and_then(|right| right.expect.as_ref().map(placed)) {
                Some(right) => {
                    let messages = known::over_stdio(right.clone());
                    self.uses_http |= !said.is_stdio() && messages.is_none();
                    if said.is_stdio() { messages } else { Some(right) }
                }
                // What was answered there may be another when the failure is not there.
                None if self.marks.is_beside(said) => None,
                None => expectations.of(said, verb, is_bug, &mut loosener),
            };
            // What comes before and after is there once, wherever else the failure shows.
            let around = right.filter(|_| self.marks.known(said).is_some_and(|known| told.insert(&known.id)));
            is_checked |= expected.is_some();
            if Some(at) == last && !is_checked {
                // A scenario that checks nothing shows nothing.
                expected = Some(json!({ "outcome": "answered" }));
            }
            if expected.as_ref().is_some_and(|expected| expected.get("outcome") == Some(&"timeout".into())) {
                members.insert("timeout".to_owned(), step::patience(said).into());
            }
            members.extend(capture::member(self.captures.taken.get(&at)).map(|taken| ("capture".to_owned(), taken)));
            members.extend(expected.map(|expected| ("expect".to_owned(), expected)));
            let all = |steps: Option<&Vec<Value>>| steps.into_iter().flatten().map(placed).collect();
            let step = Written {
                number: said.number,
                before: all(around.map(|right| &right.steps)),
                step: Value::Object(members),
                after: all(around.map(|right| &right.received)),
            };
            written.insert(at, step);
        }
        let (steps, numbers) = together::arranged(&flows, written);
        self.numbers = numbers;
        steps
    }

    /// What a step sends.
    fn draft(&mut self, at: usize, said: &Said<'_>, client: usize, answers: &[&Said<'_>]) -> Drafted {
        let harness_opens = self.plan.lifecycle == Lifecycle::Auto;
        let mut draft = self.steps.step(said, client);
        self.captures.said(said);
        draft.members.extend(step::replies(said, answers).map(|replies| ("replies".to_owned(), replies)));
        self.captures.at = at;
        for (name, member) in &mut draft.members {
            if !matches!(name.as_str(), "call" | "notify" | "as" | "listen" | "count" | "timeout") {
                self.captures.put(member);
            }
        }
        if harness_opens
            && draft.verb == "http"
            && let Some(id) = draft.members.get_mut("headers").and_then(|headers| headers.get_mut("mcp-session-id"))
        {
            *id = "${session.id}".into();
        }
        self.uses_http |= !matches!(draft.verb, "call" | "notify" | "send") || draft.members.contains_key("headers");
        draft
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.marks.notes(&self.numbers);
        if !self.steps.headers.left_out.is_empty() {
            let mut names = self.steps.headers.left_out.clone();
            names.sort();
            notes.push(match names.as_slice() {
                [name] => format!("left out: the header {name}; `--all-headers` keeps it"),
                _ => format!("left out: the headers {}; `--all-headers` keeps them", names.join(", ")),
            });
        }
        if self.steps.headers.is_signed {
            notes.push(
                "the requests were signed for AWS; a signature is worth nothing again, so the target's `auth: { sigv4: {…} }` signs"
                    .to_owned(),
            );
        }
        notes
    }
}

/// The secrets that a value names.
fn named(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => into.extend(text::secrets(text).map(str::to_owned)),
        Value::Array(items) => items.iter().for_each(|item| named(item, into)),
        Value::Object(members) => members.values().for_each(|member| named(member, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
