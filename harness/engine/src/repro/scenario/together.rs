//! Requests that were under way at the same time, as steps that are done at the same time.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::said::{Said, What};

/// What two clocks, or the rounding of one, may be apart: requests that overlap by less came one after the other.
const MARGIN: Duration = Duration::from_millis(2);

/// A request that began so much later than the one before it does so again.
const WORTH_A_PAUSE: Duration = Duration::from_millis(50);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What is to show on a stream waits so long until the stream is open.
const STREAM_OPENS: Duration = Duration::from_millis(300);

/// Steps in the order in which they are done; a step is its place in the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flow {
    Step(usize),
    /// Branches that run at the same time, each after a pause and then in order.
    Together(Vec<(Duration, Vec<Flow>)>),
}

/// The steps, those that overlapped by a clear margin together.
pub(super) fn flows(steps: &[(&Said<'_>, usize)]) -> Vec<Flow> {
    let all: Vec<&Said<'_>> = steps.iter().map(|(said, _)| *said).collect();
    among(&all, 0, all.len())
}

fn among(all: &[&Said<'_>], from: usize, to: usize) -> Vec<Flow> {
    let mut out = Vec::new();
    let mut at = from;
    while at < to {
        let first = all[at];
        let end = first.entry.started_at + waited(first);
        let is_beside = |said: &&Said<'_>| !is_alone(said) && said.entry.started_at + MARGIN < end;
        let count = if is_alone(first) { 0 } else { all[at + 1..to].iter().take_while(|said| is_beside(said)).count() };
        let next = at + 1 + count;
        if count == 0 {
            out.push(Flow::Step(at));
        } else {
            let mut branches = vec![vec![Flow::Step(at)]];
            let mut inner = among(all, at + 1, next);
            match (inner.pop(), inner.is_empty()) {
                // Those that overlap with each other, too, are branches of the same kind.
                (Some(Flow::Together(others)), true) => branches.extend(others.into_iter().map(|(_, flows)| flows)),
                (last, _) => {
                    inner.extend(last);
                    branches.push(inner);
                }
            }
            out.push(Flow::Together(paced(all, first, branches)));
        }
        at = next;
    }
    out
}

/// The branches with their pauses: those that began soon after the one before them begin with it.
fn paced(all: &[&Said<'_>], first: &Said<'_>, branches: Vec<Vec<Flow>>) -> Vec<(Duration, Vec<Flow>)> {
    let (mut before, mut pause) = (Duration::ZERO, Duration::ZERO);
    let mut out = Vec::with_capacity(branches.len());
    for flows in branches {
        let began = flows.first().and_then(first_of).map(|at| all[at].entry.started_at);
        let later = began.and_then(|began| Duration::try_from(began - first.entry.started_at).ok()).unwrap_or_default();
        if later.saturating_sub(before) >= WORTH_A_PAUSE {
            pause = later.min(LONGEST_PAUSE);
        }
        if first.is_stream() && !out.is_empty() {
            pause = pause.max(STREAM_OPENS);
        }
        before = later;
        out.push((pause, flows));
    }
    out
}

fn first_of(flow: &Flow) -> Option<usize> {
    match flow {
        Flow::Step(at) => Some(*at),
        Flow::Together(branches) => branches.first().and_then(|(_, flows)| flows.first()).and_then(first_of),
    }
}

/// What opens or ends a session, and what answers the server, stands for itself.
fn is_alone(said: &Said<'_>) -> bool {
    matches!(said.method(), Some("initialize" | "notifications/initialized"))
        || said.what == What::Answer
        || said.entry.request.method == "DELETE"
}

/// How long the client waited: until the answer was there, of a stream of messages until the last one.
pub(super) fn waited(said: &Said<'_>) -> Duration {
    let entry = said.entry;
    let Some(response) = entry.response.as_ref().filter(|response| response.is_event_stream()) else {
        return entry.elapsed;
    };
    let is_wanted = |data: &str| match (&said.answer, serde_json::from_str::<Value>(data)) {
        (Some(answer), Ok(message)) => message == *answer,
        (None, Ok(_)) => said.is_stream(),
        (_, Err(_)) => false,
    };
    let events = response.events();
    let wanted = events.iter().rev().find(|event| is_wanted(&event.event.data));
    match wanted {
        Some(event) => event.at.or(entry.began).unwrap_or_default(),
        None if said.is_stream() => entry.began.unwrap_or_default(),
        None => entry.elapsed,
    }
}

/// What is before what: the order in which requests were sent and answers were there.
pub(super) enum Moment {
    Sent(usize),
    Answered(usize),
}

/// Steps one after the other, those of a group as they were in time.
pub(super) fn moments(flows: &[Flow], steps: &[(&Said<'_>, usize)]) -> Vec<Moment> {
    let mut out = Vec::with_capacity(steps.len() * 2);
    for flow in flows {
        let mut members = Vec::new();
        each_step(flow, &mut |at| members.push(at));
        let mut timed = Vec::with_capacity(members.len() * 2);
        for at in members {
            let Some((said, _)) = steps.get(at) else { continue };
            let began = said.entry.started_at;
            timed.push((began, Moment::Sent(at)));
            timed.push((began + waited(said).saturating_sub(MARGIN), Moment::Answered(at)));
        }
        timed.sort_by_key(|(time, _)| *time);
        out.extend(timed.into_iter().map(|(_, moment)| moment));
    }
    out
}

fn each_step(flow: &Flow, f: &mut dyn FnMut(usize)) {
    match flow {
        Flow::Step(at) => f(*at),
        Flow::Together(branches) => branches.iter().flat_map(|(_, flows)| flows).for_each(|flow| each_step(flow, f)),
    }
}

/// In which branch of which groups a step is; groups are numbered by their first steps.
pub(super) fn branches(flows: &[Flow], steps: usize) -> Vec<Vec<(usize, usize)>> {
    fn go(flow: &Flow, path: &mut Vec<(usize, usize)>, out: &mut Vec<Vec<(usize, usize)>>) {
        match flow {
            Flow::Step(at) => {
                if let Some(place) = out.get_mut(*at) {
                    place.clone_from(path);
                }
            }
            Flow::Together(branches) => {
                let group = first_of(flow).unwrap_or_default();
                for (number, (_, flows)) in branches.iter().enumerate() {
                    path.push((group, number));
                    flows.iter().for_each(|flow| go(flow, path, out));
                    path.pop();
                }
            }
        }
    }
    let mut out = vec![Vec::new(); steps];
    flows.iter().for_each(|flow| go(flow, &mut Vec::new(), &mut out));
    out
}

/// The flows without the steps that are left out.
pub(super) fn pruned(flows: Vec<Flow>, is_kept: &dyn Fn(usize) -> bool) -> Vec<Flow> {
    let mut out = Vec::with_capacity(flows.len());
    for flow in flows {
        match flow {
            Flow::Step(at) => out.extend(is_kept(at).then_some(flow)),
            Flow::Together(branches) => {
                let branches = branches.into_iter().map(|(pause, flows)| (pause, pruned(flows, is_kept)));
                let mut branches: Vec<_> = branches.filter(|(_, flows)| !flows.is_empty()).collect();
                match branches.len() {
                    0 => {}
                    1 => out.extend(branches.pop().into_iter().flat_map(|(_, flows)| flows)),
                    _ => out.push(Flow::Together(branches)),
                }
            }
        }
    }
    out
}

/// A step that was written.
pub(super) struct Written {
    /// Number of its request in the recording.
    pub(super) number: usize,
    /// Steps before it, and before those that are done at the same time.
    pub(super) before: Vec<Value>,
    pub(super) step: Value,
    /// Steps after it, and after those that are done at the same time.
    pub(super) after: Vec<Value>,
}

/// The steps of a scenario, and by number of a request the number of its step as a run counts them.
pub(super) fn arranged(flows: &[Flow], mut written: BTreeMap<usize, Written>) -> (Vec<Value>, BTreeMap<usize, usize>) {
    let mut out = Vec::new();
    let mut count = Count::default();
    for flow in flows {
        let mut after = Vec::new();
        each_step(flow, &mut |at| {
            if let Some(step) = written.get_mut(&at) {
                out.append(&mut step.before);
                after.append(&mut step.after);
            }
        });
        count.steps = out.iter().map(steps_in).sum();
        out.extend(count.flow(flow, &mut written));
        out.append(&mut after);
    }
    (out, count.numbers)
}

/// Numbers steps: one that holds others comes before them.
#[derive(Default)]
struct Count {
    steps: usize,
    numbers: BTreeMap<usize, usize>,
}

impl Count {
    fn flow(&mut self, flow: &Flow, written: &mut BTreeMap<usize, Written>) -> Option<Value> {
        self.steps += 1;
        match flow {
            Flow::Step(at) => {
                let step = written.remove(at)?;
                self.numbers.insert(step.number, self.steps);
                Some(step.step)
            }
            Flow::Together(branches) => {
                let done: Vec<Value> = branches.iter().filter_map(|branch| self.branch(branch, written)).collect();
                Some(json!({ "parallel": done }))
            }
        }
    }

    fn branch(
        &mut self,
        (pause, flows): &(Duration, Vec<Flow>),
        written: &mut BTreeMap<usize, Written>,
    ) -> Option<Value> {
        if let ([flow], true) = (flows.as_slice(), pause.is_zero()) {
            return self.flow(flow, written);
        }
        self.steps += 1;
        let mut steps = Vec::with_capacity(flows.len() + 1);
        if !pause.is_zero() {
            self.steps += 1;
            steps.push(json!({ "wait": format!("{}ms", rounded(*pause)) }));
        }
        steps.extend(flows.iter().filter_map(|flow| self.flow(flow, written)));
        Some(json!({ "repeat": steps, "times": 1 }))
    }
}

/// How many steps a step is, with those inside.
fn steps_in(step: &Value) -> usize {
    let inside = step.get("parallel").or_else(|| step.get("repeat")).and_then(Value::as_array);
    1 + inside.into_iter().flatten().map(steps_in).sum::<usize>()
}

/// Milliseconds, without a precision that nobody meant.
fn rounded(pause: Duration) -> u128 {
    pause.as_millis().div_ceil(10) * 10
}
