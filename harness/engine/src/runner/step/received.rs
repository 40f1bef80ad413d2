//! `received`: what a mock behind the target, or the mock under test, got.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use gauntlet_format::{Key, Node, Step, matching};
use serde_json::Value;

use super::super::case::{Stop, World};
use super::super::check::Origin;
use super::super::view::received;

/// How long a mock may take to get what a `received` step waits for.
const ARRIVAL: Duration = Duration::from_millis(500);

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
        let Some(mock) = self.instance.mock_named(&upstream.name) else {
            let reason = format!("there is no mock `{}` that could tell what it got", upstream.name);
            return Err(Stop::untestable(reason, Some(upstream.span)));
        };
        let filter = filter.map(|n| self.resolve(n)).transpose()?;
        let expected = expected.map(|n| self.resolve(n)).transpose()?;
        let from = if since_start {
            0
        } else {
            self.looked.lock().unwrap_or_else(PoisonError::into_inner).get(&upstream.name).copied().unwrap_or(0)
        };
        let started = Instant::now();
        let requests = loop {
            let requests: Vec<Value> = mock
                .journal()
                .since(from)
                .iter()
                .map(|entry| received(entry))
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
        self.looked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(upstream.name.clone(), mock.journal().next_sequence());
        self.judge_received(step, number, &requests, expected.as_ref())?;
        let whole = serde_json::json!({ "count": requests.len(), "requests": requests });
        self.capture(step, &whole)
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
            let ids = step.expect.first().and_then(|b| self.with_checks(|c| c.ids_of(b))).unwrap_or_default();
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
