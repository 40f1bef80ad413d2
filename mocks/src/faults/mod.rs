//! Misbehaviour on the wire.
//!
//! A fault is one object of the scenario format: which requests it hits (`path`, `method`, `times`) and what happens to them.
//! Faults of the HTTP level rewrite the answer (`rewrite`); those below it end or slow the connection and are carried out by
//! the [`front`](crate::front).

pub(crate) mod rewrite;
pub(crate) mod sse;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde::Deserialize;

use crate::duration;

/// One fault, as written in a scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// Only requests to this path (without query).
    pub path: Option<String>,
    /// Only requests whose body is a JSON-RPC message with this method.
    pub method: Option<String>,
    /// Only so many requests; none means every one.
    pub times: Option<u64>,
    /// The answer begins so much later.
    #[serde(deserialize_with = "duration::deserialize_option")]
    pub delay: Option<Duration>,
    /// The body comes in small pieces.
    pub drip: Option<Drip>,
    /// The connection closes after so many bytes of the body.
    pub cut_after_bytes: Option<usize>,
    /// The connection closes after so many events of an event stream.
    pub cut_after_events: Option<usize>,
    /// The connection is reset without an answer.
    pub reset: bool,
    /// No answer; the connection stays open.
    pub hang: bool,
    /// This status with an empty body, instead of the answer.
    pub status: Option<u16>,
    /// Headers that the answer has in place of its own of these names.
    pub headers: BTreeMap<String, String>,
    /// The JSON-RPC answer carries another id.
    pub wrong_id: bool,
    /// In an event stream the JSON-RPC answer comes twice.
    pub duplicate: bool,
    /// In an event stream the events come in reverse order, when the stream has ended.
    pub reorder: bool,
    /// Lines outside the event-stream grammar stand between the events.
    pub malformed_sse: bool,
    /// The body is not JSON; in an event stream, the data of every event is not.
    pub garbage: bool,
}

/// How a body is handed out in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drip {
    /// Size of a piece.
    pub bytes: usize,
    /// Pause between pieces.
    #[serde(deserialize_with = "duration::deserialize")]
    pub every: Duration,
}

impl Fault {
    /// Why this fault cannot be carried out; none if it can.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let blank = Self { path: self.path.clone(), method: self.method.clone(), times: self.times, ..Self::default() };
        if *self == blank {
            return Some(
                "says nothing that should happen; name one of delay, drip, cut_after_bytes, cut_after_events, reset, \
                 hang, status, headers, wrong_id, duplicate, reorder, malformed_sse, garbage"
                    .to_owned(),
            );
        }
        if let Some(status) = self.status
            && !(200..=599).contains(&status)
        {
            return Some(format!("status {status} is not a final HTTP status; write 200 to 599"));
        }
        if let Some((name, value)) = self.headers.iter().find(|(name, value)| header(name, value).is_none()) {
            let (name, value) = (name.escape_debug(), value.escape_debug());
            return Some(format!("headers: `{name}: {value}` is no header; write a name and printable ASCII"));
        }
        if self.drip.is_some_and(|drip| drip.bytes == 0) {
            return Some("drip.bytes is 0; a piece has at least one byte".to_owned());
        }
        None
    }

    fn hits(&self, path: &str, method: Option<&str>) -> bool {
        self.path.as_deref().is_none_or(|wanted| wanted == path)
            && self.method.as_deref().is_none_or(|wanted| Some(wanted) == method)
    }
}

fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    Some((name.parse().ok()?, value.parse().ok()?))
}

/// Everything that will go wrong with one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FaultPlan {
    pub(crate) delay: Duration,
    pub(crate) drip: Option<Drip>,
    pub(crate) cut_after_bytes: Option<usize>,
    pub(crate) cut_after_events: Option<usize>,
    pub(crate) reset: bool,
    pub(crate) hang: bool,
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) rewrite: rewrite::Rewrite,
}

impl FaultPlan {
    /// Adds what a fault does; the earlier fault wins where both speak of the same thing, delays add up.
    pub(crate) fn add(&mut self, fault: &Fault) {
        self.delay += fault.delay.unwrap_or_default();
        self.drip = self.drip.or(fault.drip);
        self.cut_after_bytes = self.cut_after_bytes.or(fault.cut_after_bytes);
        self.cut_after_events = self.cut_after_events.or(fault.cut_after_events);
        self.reset |= fault.reset;
        self.hang |= fault.hang;
        self.status = self.status.or(fault.status);
        // What is no header was refused when the fault was read.
        self.headers.extend(fault.headers.iter().filter_map(|(name, value)| header(name, value)));
        self.rewrite.wrong_id |= fault.wrong_id;
        self.rewrite.duplicate |= fault.duplicate;
        self.rewrite.reorder |= fault.reorder;
        self.rewrite.malformed_sse |= fault.malformed_sse;
        self.rewrite.garbage |= fault.garbage;
    }
}

/// The faults in force, with what is left of their `times`.
#[derive(Debug, Default)]
pub(crate) struct FaultSet {
    active: Mutex<Vec<Active>>,
}

#[derive(Debug)]
struct Active {
    fault: Fault,
    left: Option<u64>,
}

impl FaultSet {
    /// Puts other faults in force, counted afresh.
    pub(crate) fn replace(&self, faults: Vec<Fault>) {
        let active = faults.into_iter().map(|fault| Active { left: fault.times, fault }).collect();
        *self.active.lock().unwrap_or_else(PoisonError::into_inner) = active;
    }

    /// What goes wrong with a request, counting it against `times`. `method` is asked for only when a fault needs it.
    pub(crate) fn plan(&self, path: &str, method: impl FnOnce() -> Option<String>) -> FaultPlan {
        let mut plan = FaultPlan::default();
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        if active.is_empty() {
            return plan;
        }
        let method = if active.iter().any(|active| active.fault.method.is_some()) { method() } else { None };
        for active in active.iter_mut() {
            if active.left == Some(0) || !active.fault.hits(path, method.as_deref()) {
                continue;
            }
            if let Some(left) = &mut active.left {
                *left -= 1;
            }
            plan.add(&active.fault);
        }
        plan
    }
}

/// The method of a JSON-RPC message, or of the first one in a batch.
pub(crate) fn json_rpc_method(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let message = match &value {
        serde_json::Value::Array(batch) => batch.first()?,
        other => other,
    };
    message.get("method")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(faults: serde_json::Value) -> FaultSet {
        let set = FaultSet::default();
        set.replace(serde_json::from_value(faults).expect("faults of the test"));
        set
    }

    #[test]
    fn times_are_counted_only_for_requests_that_are_hit() {
        let set = set(serde_json::json!([{ "status": 503, "times": 2, "path": "/mcp", "method": "tools/call" }]));
        let call = || Some("tools/call".to_owned());
        assert_eq!(set.plan("/other", call).status, None);
        assert_eq!(set.plan("/mcp", || Some("tools/list".to_owned())).status, None);
        assert_eq!(set.plan("/mcp", call).status, Some(503));
        assert_eq!(set.plan("/mcp", call).status, Some(503));
        assert_eq!(set.plan("/mcp", call).status, None);
    }

    #[test]
    fn faults_combine() {
        let set = set(serde_json::json!([{ "delay": "10ms" }, { "delay": "5ms", "cut_after_bytes": 3 }]));
        let plan = set.plan("/", || None);
        assert_eq!(plan.delay, Duration::from_millis(15));
        assert_eq!(plan.cut_after_bytes, Some(3));
    }

    #[test]
    fn unknown_members_and_empty_faults_are_refused() {
        assert!(serde_json::from_value::<Fault>(serde_json::json!({ "resett": true })).is_err());
        let empty: Fault = serde_json::from_value(serde_json::json!({ "path": "/mcp" })).expect("parses");
        assert!(empty.problem().is_some());
        let bad: Fault = serde_json::from_value(serde_json::json!({ "status": 99 })).expect("parses");
        assert!(bad.problem().is_some());
        for header in [serde_json::json!({ "retry after": "7" }), serde_json::json!({ "allow": "a\nb" })] {
            let bad: Fault = serde_json::from_value(serde_json::json!({ "headers": header })).expect("parses");
            assert!(bad.problem().is_some_and(|problem| problem.contains("is no header")), "{header}");
        }
    }
}
