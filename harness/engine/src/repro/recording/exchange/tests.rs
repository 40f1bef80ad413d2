use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::super::*;

const TARGET: &str = "http://127.0.0.1:8080/mcp";

/// From when until when, in milliseconds.
fn entry(behind: Option<&str>, from: u64, until: u64, body: &Value) -> Entry {
    let url = if behind.is_some() { "http://127.0.0.1:9001/mcp" } else { TARGET };
    Entry {
        transport: Transport::Http,
        session: None,
        behind: behind.map(str::to_owned),
        started_at: OffsetDateTime::UNIX_EPOCH + Duration::from_millis(from),
        began: None,
        elapsed: Duration::from_millis(until - from),
        request: Sent {
            method: "POST".to_owned(),
            url: url.to_owned(),
            http_version: None,
            headers: Vec::new(),
            body: Payload::whole(body.to_string()),
        },
        response: Some(Received {
            status: Some(200),
            http_version: None,
            headers: Vec::new(),
            body: Payload::default(),
            arrivals: Vec::new(),
        }),
        failure: None,
    }
}

fn call(message: &str) -> Value {
    json!({ "id": 1, "method": "tools/call", "params": { "arguments": { "message": message } } })
}

/// Hop and cause of each exchange.
fn hops(entries: Vec<Entry>) -> Vec<(String, Option<usize>)> {
    let exchanges = Recording { creator: None, entries }.exchanges();
    exchanges.into_iter().map(|exchange| (exchange.hop.to_string(), exchange.cause)).collect()
}

#[test]
fn what_the_target_asked_has_its_upstream_and_its_cause() {
    let runtime = Some("runtime");
    let found = hops(vec![
        entry(runtime, 0, 5, &call("early")),
        entry(None, 10, 30, &call("a")),
        entry(runtime, 15, 25, &call("a")),
        entry(Some("sts"), 16, 17, &json!({})),
        // Two at a time, and what they set off the other way round.
        entry(None, 40, 80, &call("b")),
        entry(None, 41, 80, &call("c")),
        entry(runtime, 50, 60, &call("c")),
        entry(runtime, 51, 60, &call("b")),
        // After the answer.
        entry(runtime, 90, 95, &call("d")),
    ]);
    let found: Vec<(&str, Option<usize>)> = found.iter().map(|(hop, cause)| (hop.as_str(), *cause)).collect();
    let front = ("client → 127.0.0.1:8080", None);
    let behind = |cause| ("127.0.0.1:8080 → runtime", cause);
    assert_eq!(
        found,
        [
            behind(None),
            front,
            behind(Some(1)),
            ("127.0.0.1:8080 → sts", Some(1)),
            front,
            front,
            behind(Some(5)),
            behind(Some(4)),
            behind(Some(5)),
        ]
    );
}

#[test]
fn sessions_are_those_of_clients() {
    let of = |session: &str, entry: Entry| Entry { session: Some(session.to_owned()), ..entry };
    let found = hops(vec![
        of("gateway-1", entry(Some("runtime"), 0, 1, &call("x"))),
        of("s-1", entry(None, 10, 20, &call("a"))),
        of("gateway-2", entry(Some("runtime"), 11, 12, &call("a"))),
        of("s-2", entry(None, 30, 40, &call("b"))),
    ]);
    let from: Vec<&str> = found.iter().map(|(hop, _)| hop.split(' ').next().unwrap()).collect();
    assert_eq!(from, ["127.0.0.1:8080", "client", "127.0.0.1:8080", "client-2"]);
}

#[test]
fn both_hops_of_a_transcript_are_kept() {
    let entries = vec![entry(None, 0, 20, &call("a")), entry(Some("runtime"), 5, 10, &call("a"))];
    let exchanges = Recording { creator: None, entries }.exchanges();
    let again = Recording::of_exchanges(&exchanges, OffsetDateTime::UNIX_EPOCH);
    let behind: Vec<Option<&str>> = again.entries.iter().map(|entry| entry.behind.as_deref()).collect();
    assert_eq!(behind, [None, Some("runtime")]);
    assert_eq!(again.exchanges(), exchanges);
}

#[test]
fn names_of_upstreams() {
    for name in ["runtime", "a.b-c_9", &"a".repeat(64)] {
        assert!(is_upstream_name(name), "{name}");
    }
    for name in ["", "a b", "a=b", "ä", "a\u{1b}", &"a".repeat(65)] {
        assert!(!is_upstream_name(name), "{name}");
    }
}

#[test]
fn many_exchanges_that_are_never_answered_take_no_longer() {
    let unanswered = |at| Entry { response: None, ..entry(None, at, at, &call("a")) };
    let mut entries: Vec<Entry> = (0..3000).map(unanswered).collect();
    entries.extend((3000..6000).map(|at| entry(Some("runtime"), at, at, &json!({ "n": at }))));
    let found = hops(entries);
    assert!(found[3000..].iter().all(|(_, cause)| cause.is_some_and(|cause| cause >= 1000)));
}
