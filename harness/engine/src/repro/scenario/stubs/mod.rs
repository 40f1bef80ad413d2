//! What was recorded behind the target, as stubs in the place of an upstream mock: what the upstream gave, and where it failed by
//! itself. What it refused is left to the mock, because the refusal may be about what the target sent.

mod answer;
mod pattern;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;

use gauntlet_reports::volatile::Rules;
use serde_json::{Map, Value};

use super::said::{Said, What};
use super::text::literal;
use crate::repro::import::leads_to_credentials;
use crate::repro::recording::Recording;
use answer::{Answered, answer};
use pattern::Asked;

/// Methods whose answers are content; all others are about the session, or lists that the mock has of its own.
const CONTENT: [(&str, &str); 3] = [("tools/call", "name"), ("resources/read", "uri"), ("prompts/get", "name")];

/// Stubs at most; nobody reads more.
pub(super) const MOST: usize = 60;

/// Of these, answers to the same request.
const MOST_ALIKE: usize = 20;

/// Requests that are told apart.
const MOST_GROUPS: usize = 300;

static RULES: LazyLock<Rules> = LazyLock::new(Rules::builtin);

/// What stands in the place of the upstreams.
#[derive(Debug, Default)]
pub(super) struct Stubs {
    /// The `stubs` of the scenario.
    pub(super) list: Vec<Value>,
    /// The upstreams that were asked, in the order in which they first were.
    pub(super) upstreams: Vec<String>,
    /// What is to be said about it.
    pub(super) notes: Vec<String>,
}

/// One answer, or several alike.
struct Stub {
    /// `match`, or none where any request is meant.
    pattern: Value,
    respond: Value,
    faults: Option<Value>,
    is_failure: bool,
    times: u64,
}

/// Answers to the same request, in order.
struct Group {
    upstream: String,
    /// What all requests of the group have in common.
    pattern: Value,
    stubs: Vec<Stub>,
}

/// Stubs of what is behind the target in a recording without secrets. Those that are `set_up` otherwise get none.
pub(super) fn stubs(recording: &Recording, set_up: &BTreeSet<String>) -> Stubs {
    let mut out =
        Stubs { upstreams: recording.upstreams().into_iter().map(str::to_owned).collect(), ..Stubs::default() };
    let mut left: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut groups: Vec<Group> = Vec::new();
    let mut spared = 0_usize;
    let causes = recording.causes();
    let all: Vec<(&str, Said<'_>, Option<Said<'_>>)> = recording
        .entries
        .iter()
        .zip(causes)
        .enumerate()
        .filter_map(|(at, (entry, cause))| {
            let upstream = entry.behind.as_deref().filter(|name| !set_up.contains(*name))?;
            let cause = cause.and_then(|at| Some(Said::of(recording.entries.get(at)?, at + 1)));
            Some((upstream, Said::of(entry, at + 1), cause))
        })
        .collect();
    let endpoints: HashSet<(&str, &str)> = all
        .iter()
        .filter(|(_, said, _)| said.what != What::Plain)
        .map(|(upstream, said, _)| (*upstream, said.path.as_str()))
        .collect();
    for (upstream, said, cause) in &all {
        if !is_content(said, endpoints.contains(&(*upstream, said.path.as_str()))) {
            continue;
        }
        let stub = match answer(said) {
            Ok(Some(answer)) => answer,
            Ok(None) => continue,
            Err(why) => {
                *left.entry(why).or_default() += 1;
                continue;
            }
        };
        let asked = Asked { said, cause: cause.as_ref() };
        let pattern = asked.pattern(false);
        let own = if stub.is_about_request { asked.pattern(true) } else { pattern.clone() };
        let Answered { respond, faults, is_failure, .. } = stub;
        let stub = Stub { pattern: own, respond, faults, is_failure, times: 1 };
        let alike = groups.iter().position(|group| group.upstream == *upstream && group.pattern == pattern);
        match alike {
            Some(at) => spared += groups.get_mut(at).map_or(0, |group| usize::from(!group.add(stub))),
            None if groups.len() < MOST_GROUPS => {
                groups.push(Group { upstream: (*upstream).to_owned(), pattern, stubs: vec![stub] });
            }
            None => spared += 1,
        }
    }
    // A stub that asks for less would take what is another's.
    groups.sort_by_key(|group| std::cmp::Reverse(values(&group.pattern)));
    out.list = groups.into_iter().flat_map(Group::written).collect();
    spared += out.list.len().saturating_sub(MOST);
    out.list.truncate(MOST);
    if spared > 0 {
        out.notes.push(format!("left out: {spared} answers more behind the target than the first"));
    }
    let (other, own): (Vec<&str>, Vec<&str>) =
        out.upstreams.iter().map(String::as_str).partition(|name| set_up.contains(*name));
    if !other.is_empty() {
        let named = other.join(", ");
        out.notes
            .push(format!("behind the target ({named}): the mock answers, set up so that the known failure shows"));
    }
    if !own.is_empty() {
        let mut answered: Vec<&str> = out.list.iter().filter_map(|stub| stub.get("at")?.as_str()).collect();
        answered.sort_unstable();
        answered.dedup();
        let (answered, all) = (answered.join(", "), own.join(", "));
        let what = "sessions, lists, sign-ins and what was refused";
        out.notes.push(match out.list.len() {
            0 => format!("behind the target ({all}): {what} are the mock's own; nothing else was asked"),
            1 => format!("one stub answers as {answered} did; {what} are the mock's own"),
            n => format!("{n} stubs answer as {answered} did; {what} are the mock's own"),
        });
    }
    for (why, number) in left {
        out.notes.push(format!("left to the mock behind the target: answers {why} ({number})"));
    }
    out
}

/// Whether the answer is something that the mock would not have by itself.
fn is_content(said: &Said<'_>, at_endpoint: bool) -> bool {
    match &said.what {
        What::Call(method) => CONTENT.iter().any(|(known, _)| known == method),
        // A stream of the session, or its end.
        What::Plain if at_endpoint || said.is_stdio() => false,
        What::Plain => said.entry.request.method != "OPTIONS" && !leads_to_credentials(said.entry),
        What::Notify(_) | What::Answer | What::Odd => false,
    }
}

/// The same with texts that stand for themselves.
fn literal_of(value: Value) -> Value {
    match value {
        Value::String(text) => literal(&text).into(),
        Value::Array(items) => items.into_iter().map(literal_of).collect(),
        Value::Object(members) => members.into_iter().map(|(name, member)| (name, literal_of(member))).collect(),
        other => other,
    }
}

/// How many values a pattern asks for.
fn values(pattern: &Value) -> usize {
    match pattern {
        Value::Object(members) => members.values().map(values).sum(),
        Value::Array(items) => items.iter().map(values).sum(),
        _ => 1,
    }
}

impl Group {
    /// Behind the others; what is the same as the last one counts with it. Whether there was room.
    fn add(&mut self, stub: Stub) -> bool {
        let is_full = self.stubs.len() >= MOST_ALIKE;
        match self.stubs.last_mut() {
            Some(last)
                if last.pattern == stub.pattern && last.respond == stub.respond && last.faults == stub.faults =>
            {
                last.times += 1;
            }
            _ if is_full => return false,
            _ => self.stubs.push(stub),
        }
        true
    }

    /// As the scenario has them: each so often as it was given, and the last one from then on, unless it is a failure.
    fn written(self) -> Vec<Value> {
        let last = self.stubs.len().saturating_sub(1);
        let upstream = self.upstream;
        let write = |(at, stub): (usize, Stub)| {
            let mut members = Map::from_iter([("at".to_owned(), Value::from(upstream.as_str()))]);
            members.insert("match".to_owned(), stub.pattern);
            if at < last || stub.is_failure {
                members.insert("times".to_owned(), stub.times.into());
            }
            members.insert("respond".to_owned(), stub.respond);
            members.extend(stub.faults.map(|faults| ("faults".to_owned(), faults)));
            members.into()
        };
        self.stubs.into_iter().enumerate().map(write).collect()
    }
}
