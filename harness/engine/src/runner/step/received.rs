//! `received`: what a mock behind the target, or the mock under test, got.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use gauntlet_format::resolve::resolve;
use gauntlet_format::{Key, Node, Step, matching};
use gauntlet_mocks::{JournalEntry, MockHandle};
use serde_json::Value;

use super::super::case::{Stop, World};
use super::super::check::{Arrival, Origin};
use super::super::view::received;
use super::compare::Block;

/// How long a mock may take to get what a `received` step waits for.
const ARRIVAL: Duration = Duration::from_millis(500);

/// All the mocks behind the target, in one sequence.
const ALL: &str = "upstreams";

/// A mock that is asked what it got.
struct Told<'a> {
    /// Name in the scenario.
    name: &'a str,
    /// Under which it is remembered how far was looked: a look at all does not count as one at each.
    key: String,
    mock: &'a MockHandle,
}

/// A request that arrived at a mock.
pub(super) struct Arrived {
    /// Name of the mock.
    pub mock: Arc<str>,
    pub entry: Arc<JournalEntry>,
    /// As expectations see it.
    pub seen: Value,
}

impl Arrived {
    /// Where it stands in the journals.
    pub(super) fn place(&self) -> Arrival {
        Arrival { mock: Arc::clone(&self.mock), sequence: Some(self.entry.sequence) }
    }

    /// All that was sent with it, with the places.
    pub(super) fn texts(&self) -> Vec<(String, String)> {
        let headers = self.entry.headers.iter().map(|(name, value)| (format!("headers.{name}"), value.clone()));
        let body = String::from_utf8_lossy(&self.entry.body).into_owned();
        let target = ("path".to_owned(), self.entry.target.clone());
        std::iter::once(target).chain(headers).chain(std::iter::once(("body".to_owned(), body))).collect()
    }
}

/// What arrived from the positions on, in the order of arrival.
fn arrivals(mocks: &[Told<'_>], from: &[u64]) -> Vec<Arrived> {
    let mut arrived: Vec<Arrived> = Vec::new();
    for (told, from) in mocks.iter().zip(from) {
        let name: Arc<str> = told.name.into();
        let entries = told.mock.journal().since(*from).into_iter();
        arrived.extend(entries.map(|entry| Arrived {
            mock: Arc::clone(&name),
            seen: received(told.name, &entry),
            entry,
        }));
    }
    if mocks.len() > 1 {
        // Stable: each journal is in order already.
        arrived.sort_by_key(|arrived| arrived.entry.at);
    }
    arrived
}

impl World<'_> {
    pub(super) async fn received(
        &self,
        step: &Step,
        number: usize,
        upstream: &Key,
        filter: Option<&Node>,
        expected: Option<&Node>,
        since_start: bool,
    ) -> Result<(), Stop> {
        let mocks = self.told(upstream)?;
        let filter = filter.map(|n| self.resolve_for(step, n)).transpose()?;
        let expected = expected.map(|n| self.resolve_for(step, n)).transpose()?;
        let from: Vec<u64> = {
            let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            let position = |told: &Told<'_>| looked.get(&told.key).copied().filter(|_| !since_start).unwrap_or(0);
            mocks.iter().map(position).collect()
        };
        let started = Instant::now();
        let requests = loop {
            let requests: Vec<Arrived> = arrivals(&mocks, &from)
                .into_iter()
                .filter(|a| filter.as_ref().is_none_or(|f| matching::matches(f, Some(&a.seen), "").is_empty()))
                .collect();
            let count = Value::from(requests.len());
            let enough =
                expected.as_ref().map_or(!requests.is_empty(), |e| matching::matches(e, Some(&count), "").is_empty());
            if enough || started.elapsed() > ARRIVAL {
                break requests;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.extend(mocks.iter().map(|told| (told.key.clone(), told.mock.journal().next_sequence())));
        drop(looked);
        self.judge_received(step, number, &upstream.name, &requests, expected.as_ref())?;
        let seen: Vec<Value> = requests.into_iter().map(|arrived| arrived.seen).collect();
        self.capture(step, &serde_json::json!({ "count": seen.len(), "requests": seen }))
    }

    /// The mocks that a step asks: one, or all those behind the target.
    fn told<'w>(&'w self, upstream: &'w Key) -> Result<Vec<Told<'w>>, Stop> {
        if let Some(mock) = self.instance.mock_named(&upstream.name) {
            return Ok(vec![Told { name: &upstream.name, key: upstream.name.clone(), mock }]);
        }
        if upstream.name == ALL && !self.instance.upstreams.is_empty() {
            let upstreams = self.instance.upstreams.iter();
            return Ok(upstreams.map(|(name, mock)| Told { name, key: format!("{ALL}.{name}"), mock }).collect());
        }
        let reason = match upstream.name.as_str() {
            ALL => "there is no mock behind the target that could tell what it got".to_owned(),
            name => format!("there is no mock `{name}` that could tell what it got"),
        };
        Err(Stop::untestable(reason, Some(upstream.span)))
    }

    fn judge_received(
        &self,
        step: &Step,
        number: usize,
        upstream: &str,
        requests: &[Arrived],
        expected: Option<&Node>,
    ) -> Result<(), Stop> {
        let nothing = || Arrival { mock: upstream.into(), sequence: None };
        let first = requests.first().map_or_else(nothing, Arrived::place);
        let origin = Origin { arrived: Some(first), ..Origin::of_step(number) };
        let count = Value::from(requests.len());
        if let Some(pattern) = expected {
            let ids = match step.expect.first() {
                Some(block) => self.with_checks(|c| c.ids_of(block)).unwrap_or_default(),
                None => self.with_checks(|c| c.ids_of_scenario()),
            };
            self.with_checks(|c| c.value(&origin, "count".to_owned(), &ids, None, pattern, Some(&count)));
        }
        for block in &step.expect {
            let Some(ids) = self.with_checks(|c| c.ids_of(block)) else { continue };
            let because = block.because.as_deref();
            for (key, pattern) in self.resolve_members(step, block)? {
                let judge = |origin: &Origin, label: String, actual: Option<&Value>| {
                    self.with_checks(|c| c.value(origin, label, &ids, because, &pattern, actual));
                };
                let name = key.name.as_str();
                match name {
                    "compare" => {
                        let block = Block { ids: &ids, because };
                        self.compare(&origin, step.client.as_deref(), &block, &pattern, requests)?;
                    }
                    "count" => judge(&origin, name.to_owned(), Some(&count)),
                    "requests" => {
                        let list = Value::Array(requests.iter().map(|arrived| arrived.seen.clone()).collect());
                        judge(&origin, name.to_owned(), Some(&list));
                    }
                    // Nothing arrived, so nothing has this member; an absence is judged by `count: 0`.
                    _ if requests.is_empty() => judge(&origin, name.to_owned(), None),
                    "connections" => {
                        let connections: BTreeSet<_> = requests.iter().map(|a| (&a.mock, a.entry.connection)).collect();
                        judge(&origin, name.to_owned(), Some(&connections.len().into()));
                    }
                    _ => {
                        for (i, arrived) in requests.iter().enumerate() {
                            let label =
                                if requests.len() == 1 { name.to_owned() } else { format!("requests[{i}].{name}") };
                            let origin = Origin { arrived: Some(arrived.place()), ..origin.clone() };
                            judge(&origin, label, arrived.seen.get(name));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The node with its variables replaced, as the client that the step names if it names one.
    fn resolve_for(&self, step: &Step, node: &Node) -> Result<Node, Stop> {
        resolve(node, &self.acting(step)).map_err(|e| Stop::error(e.to_string(), Some(e.span)))
    }
}
