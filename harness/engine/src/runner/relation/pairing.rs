//! Which request of a client caused a request of the target.
//!
//! A target does not say why it asks. What it asks while a client waits for it, it asks for that client; where several wait,
//! the one whose request has most in common with what arrived.

use std::collections::HashSet;
use std::time::Instant;

use gauntlet_mocks::JournalEntry;
use serde_json::Value;
use time::OffsetDateTime;

use crate::repro::recording::Entry;
use crate::transcript::Recorded;
use crate::transport::Request;

/// What one method in common weighs: more than any number of values.
const METHOD: usize = 1 << 20;

/// Values of one request that are looked at.
const MOST_VALUES: usize = 1000;

/// Exchanges of clients before a request of the target among which its cause is looked for.
const LOOKED_BACK: usize = 2000;

/// Pairs that are weighed, shared out among the requests of the target; each has at least [`LEAST_PAIRS`].
const MOST_PAIRS: usize = 1 << 18;
const LEAST_PAIRS: usize = 16;

/// A client's exchange, as far as it matters here. Its times are of one clock with those of what arrived.
#[derive(Debug)]
pub(crate) struct Cause<T = Instant> {
    from: T,
    /// `None`: not answered.
    until: Option<T>,
    traits: Traits,
}

/// A request of the target that arrived behind it.
#[derive(Debug)]
pub(crate) struct Arrived<T = Instant> {
    at: T,
    traits: Traits,
}

impl Cause {
    pub(crate) fn of(recorded: &Recorded) -> Self {
        let Request { headers, body, .. } = recorded.request.as_ref();
        let until = recorded.reply.as_ref().map(|reply| recorded.at + reply.elapsed);
        Self { from: recorded.at, until, traits: Traits::of(headers, body) }
    }
}

impl Cause<OffsetDateTime> {
    pub(crate) fn of_entry(entry: &Entry) -> Self {
        let is_over = entry.response.is_some() || entry.failure.is_some();
        let until = is_over.then(|| entry.started_at.saturating_add(entry.elapsed.try_into().unwrap_or_default()));
        Self { from: entry.started_at, until, traits: Traits::of(&entry.request.headers, &entry.request.body.bytes) }
    }
}

impl<T: Ord + Copy> Cause<T> {
    fn is_open_at(&self, at: T) -> bool {
        self.from <= at && self.until.is_none_or(|until| at <= until)
    }
}

impl Arrived {
    pub(crate) fn of(entry: &JournalEntry) -> Self {
        Self { at: entry.at, traits: Traits::of(&entry.headers, &entry.body) }
    }
}

impl Arrived<OffsetDateTime> {
    pub(crate) fn of_entry(entry: &Entry) -> Self {
        Self { at: entry.started_at, traits: Traits::of(&entry.request.headers, &entry.request.body.bytes) }
    }
}

/// What can be recognised of a request after it went through a gateway.
#[derive(Debug)]
struct Traits {
    method: Option<String>,
    /// Values of the body, and headers.
    values: HashSet<String>,
}

impl Traits {
    fn of(headers: &[(String, String)], body: &[u8]) -> Self {
        let message: Value = serde_json::from_slice(body).unwrap_or_default();
        let mut values: HashSet<String> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        leaves(&message, &mut values);
        let method = message.get("method").and_then(Value::as_str).map(str::to_owned);
        Self { method, values }
    }

    fn in_common(&self, other: &Self) -> usize {
        let method = self.method.is_some() && self.method == other.method;
        usize::from(method) * METHOD + self.values.intersection(&other.values).count()
    }
}

/// Documents are nested as deeply as their parser lets them.
fn leaves(value: &Value, into: &mut HashSet<String>) {
    match value {
        Value::Object(members) => members.values().for_each(|member| leaves(member, into)),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, into)),
        leaf if into.len() < MOST_VALUES => drop(into.insert(leaf.to_string())),
        _ => {}
    }
}

/// For each request that arrived the position of the exchange that caused it; `None`: it came before any client spoke. The clients'
/// exchanges are in the order in which they began.
///
/// A client's request is taken for the cause of one request of each kind, as long as there are others.
pub(crate) fn causes<T: Ord + Copy>(clients: &[Cause<T>], arrived: &[Arrived<T>]) -> Vec<Option<usize>> {
    let most = (MOST_PAIRS / arrived.len().max(1)).max(LEAST_PAIRS);
    let mut pairs: Vec<(usize, usize, usize)> = Vec::new();
    for (u, entry) in arrived.iter().enumerate() {
        let before = clients.partition_point(|cause| cause.from <= entry.at);
        let first = before.saturating_sub(LOOKED_BACK);
        let mut open: Vec<usize> =
            (first..before).rev().filter(|c| clients[*c].is_open_at(entry.at)).take(most).collect();
        open.reverse();
        if let (true, Some(last)) = (open.is_empty(), before.checked_sub(1)) {
            // A gateway may answer first and ask later: what the last request before it set off.
            pairs.push((0, u, last));
        }
        pairs.extend(open.into_iter().map(|c| (clients[c].traits.in_common(&entry.traits), u, c)));
    }
    // Stable: where nothing tells them apart, the first request is of the first client.
    pairs.sort_by_key(|(common, ..)| std::cmp::Reverse(*common));
    let mut found = vec![None; arrived.len()];
    let mut taken: HashSet<(usize, Option<&str>)> = HashSet::new();
    for may_share in [false, true] {
        for (_, u, c) in &pairs {
            let key = (*c, arrived[*u].traits.method.as_deref());
            if found[*u].is_none() && (may_share || !taken.contains(&key)) {
                found[*u] = Some(*c);
                taken.insert(key);
            }
        }
    }
    found
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn client(start: Instant, from: u64, until: Option<u64>, headers: &[(&str, &str)], body: &Value) -> Cause {
        let headers: Vec<_> = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Cause {
            from: start + ms(from),
            until: until.map(|until| start + ms(until)),
            traits: Traits::of(&headers, body.to_string().as_bytes()),
        }
    }

    /// Positions of the causes of requests with these times and bodies.
    fn found(start: Instant, clients: &[Cause], arrived: &[(u64, Value)]) -> Vec<Option<usize>> {
        let arrived: Vec<Arrived> = arrived
            .iter()
            .map(|(at, body)| {
                let body = body.to_string().into();
                Arrived::of(&JournalEntry { at: start + ms(*at), body, ..JournalEntry::blank(0) })
            })
            .collect();
        causes(clients, &arrived)
    }

    fn call(message: &str) -> Value {
        json!({ "id": message.len(), "method": "tools/call", "params": { "name": "echo", "arguments": { "message": message } } })
    }

    #[test]
    fn the_request_that_was_open_is_the_cause() {
        let start = Instant::now();
        let clients = [client(start, 0, Some(10), &[], &call("a")), client(start, 20, Some(30), &[], &call("a"))];
        let arrived = [(5, call("a")), (25, call("a")), (15, call("b")), (40, call("c"))];
        // What came between or after belongs to the last that had been sent.
        assert_eq!(found(start, &clients, &arrived), [Some(0), Some(1), Some(0), Some(1)]);
    }

    #[test]
    fn what_came_before_any_client_has_no_cause() {
        let start = Instant::now();
        assert_eq!(found(start, &[client(start, 10, None, &[], &call("a"))], &[(5, call("a"))]), [None]);
        assert_eq!(found(start, &[], &[(5, call("a"))]), [None]);
    }

    #[test]
    fn parallel_requests_are_told_apart_by_what_they_say() {
        let start = Instant::now();
        let messages = ["one", "two", "three", "four"];
        let clients: Vec<Cause> = messages.iter().map(|m| client(start, 0, None, &[], &call(m))).collect();
        let arrived: Vec<(u64, Value)> = messages.iter().rev().zip(1..).map(|(m, at)| (at, call(m))).collect();
        assert_eq!(found(start, &clients, &arrived), [Some(3), Some(2), Some(1), Some(0)]);
    }

    #[test]
    fn the_one_that_was_altered_gets_the_cause_that_is_left() {
        let start = Instant::now();
        let clients: Vec<Cause> = ["one", "two", "six"].iter().map(|m| client(start, 0, None, &[], &call(m))).collect();
        let arrived = [(1, call("altered")), (2, call("one")), (3, call("six"))];
        assert_eq!(found(start, &clients, &arrived), [Some(1), Some(0), Some(2)]);
    }

    #[test]
    fn one_request_may_cause_several() {
        let start = Instant::now();
        let clients = [client(start, 0, None, &[], &call("a"))];
        let arrived = [(1, json!({ "method": "initialize" })), (2, call("a")), (3, call("a"))];
        assert_eq!(found(start, &clients, &arrived), [Some(0), Some(0), Some(0)]);
    }

    #[test]
    fn a_method_outweighs_values_and_headers_count() {
        let start = Instant::now();
        let list = json!({ "id": 7, "method": "tools/list", "params": { "a": 1, "b": 2, "c": 3 } });
        let clients = [client(start, 0, None, &[], &list), client(start, 0, None, &[], &call("z"))];
        let asked = json!({ "id": 7, "method": "tools/call", "params": { "a": 1, "b": 2, "c": 3 } });
        assert_eq!(found(start, &clients, &[(1, asked)]), [Some(1)]);
        let clients = [
            client(start, 0, None, &[("x-tenant", "a")], &call("s")),
            client(start, 0, None, &[("x-tenant", "b")], &call("s")),
        ];
        let mut entry = JournalEntry::blank(0);
        entry.at = start + ms(1);
        entry.headers = vec![("x-tenant".to_owned(), "b".to_owned())];
        entry.body = serde_json::to_vec(&call("s")).unwrap().into();
        assert_eq!(causes(&clients, &[Arrived::of(&entry)]), [Some(1)]);
    }
}
