//! `received`: what a mock behind the target, or the mock under test, got.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use gauntlet_format::{Key, Node, Step, matching};
use gauntlet_mocks::MockHandle;
use serde_json::Value;

use super::super::case::{Stop, World};
use super::super::check::Origin;
use super::super::view::received;

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

/// What arrived from the positions on, in the order of arrival.
fn arrivals(mocks: &[Told<'_>], from: &[u64]) -> Vec<Value> {
    let mut arrived: Vec<(Instant, Value)> = Vec::new();
    for (told, from) in mocks.iter().zip(from) {
        let entries = told.mock.journal().since(*from);
        arrived.extend(entries.iter().map(|entry| (entry.at, received(told.name, entry))));
    }
    if mocks.len() > 1 {
        // Stable: each journal is in order already.
        arrived.sort_by_key(|(at, _)| *at);
    }
    arrived.into_iter().map(|(_, request)| request).collect()
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
        let filter = filter.map(|n| self.resolve(n)).transpose()?;
        let expected = expected.map(|n| self.resolve(n)).transpose()?;
        let from: Vec<u64> = {
            let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            let position = |told: &Told<'_>| looked.get(&told.key).copied().filter(|_| !since_start).unwrap_or(0);
            mocks.iter().map(position).collect()
        };
        let started = Instant::now();
        let requests = loop {
            let requests: Vec<Value> = arrivals(&mocks, &from)
                .into_iter()
                .filter(|request| filter.as_ref().is_none_or(|f| matching::matches(f, Some(request), "").is_empty()))
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
        self.judge_received(step, number, &requests, expected.as_ref())?;
        let whole = serde_json::json!({ "count": requests.len(), "requests": requests });
        self.capture(step, &whole)
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
        requests: &[Value],
        expected: Option<&Node>,
    ) -> Result<(), Stop> {
        let origin = Origin { step: number, exchange: None };
        let count = Value::from(requests.len());
        if let Some(pattern) = expected {
            let ids = match step.expect.first() {
                Some(block) => self.with_checks(|c| c.ids_of(block)).unwrap_or_default(),
                None => self.with_checks(|c| c.ids_of_scenario()),
            };
            self.with_checks(|c| c.value(origin, "count".to_owned(), &ids, None, pattern, Some(&count)));
        }
        for block in &step.expect {
            let Some(ids) = self.with_checks(|c| c.ids_of(block)) else { continue };
            for (key, pattern) in self.resolve_members(block)? {
                let because = block.because.as_deref();
                match key.name.as_str() {
                    "count" => {
                        self.with_checks(|c| {
                            c.value(origin, "count".to_owned(), &ids, because, &pattern, Some(&count));
                        });
                    }
                    "requests" => {
                        let list = Value::Array(requests.to_vec());
                        self.with_checks(|c| {
                            c.value(origin, "requests".to_owned(), &ids, because, &pattern, Some(&list));
                        });
                    }
                    name if requests.is_empty() => {
                        // Nothing arrived, so nothing has this member; an absence is judged by `count: 0`.
                        self.with_checks(|c| c.value(origin, name.to_owned(), &ids, because, &pattern, None));
                    }
                    name => {
                        for (i, request) in requests.iter().enumerate() {
                            let label =
                                if requests.len() == 1 { name.to_owned() } else { format!("requests[{i}].{name}") };
                            self.with_checks(|c| c.value(origin, label, &ids, because, &pattern, request.get(name)));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
