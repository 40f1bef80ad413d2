//! What it costs to find secrets in a recording: one with another token in each exchange against one with the same token in all of them.
//! Prints figures, and fails beyond the bounds of docs/speed.md.
//!
//! ```text
//! cargo bench -p gauntlet --bench secrets
//! ```

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench tells its figures")]

use std::time::{Duration, Instant};

use gauntlet::repro::recording::{Entry, Payload, Received, Sent, Transport};
use gauntlet::repro::secrets::Finder;

/// How much longer different tokens may take.
const BOUND: f64 = 20.0;

fn main() {
    // Cargo asks every bench with the arguments of its tests too.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let mut ratios = Vec::new();
    for exchanges in [250, 500, 1000] {
        let (same, different) = (redacted(exchanges, 1), redacted(exchanges, exchanges));
        let ratio = different.as_secs_f64() / same.as_secs_f64();
        println!(
            "{exchanges} exchanges: {same:.1?} with one token, {different:.1?} with {exchanges}: {ratio:.1} times as long"
        );
        ratios.push(ratio);
    }
    assert!(ratios.iter().all(|ratio| *ratio < BOUND), "more than {BOUND} times as long");
}

/// As a recorder does it: each exchange when it is over, and all once more at the end.
fn redacted(exchanges: usize, tokens: usize) -> Duration {
    let mut entries: Vec<Entry> = (0..exchanges).map(|number| entry(number, number % tokens)).collect();
    let began = Instant::now();
    let mut finder = Finder::new();
    for entry in &mut entries {
        finder.learn(entry);
        finder.redact(entry);
    }
    for entry in &mut entries {
        finder.redact(entry);
    }
    let took = began.elapsed();
    assert_eq!(finder.summary().len(), tokens);
    took
}

fn entry(number: usize, token: usize) -> Entry {
    let json = || ("content-type".to_owned(), "application/json".to_owned());
    let token = format!("Bearer {:016x}.{token:08}.Zm9vYmFyYmF6cXV4", token * 0x9e37_79b9);
    let text = "A line of what a tool has found, with nothing secret in it.\\n".repeat(15);
    Entry {
        transport: Transport::Http,
        session: None,
        behind: None,
        started_at: time::OffsetDateTime::UNIX_EPOCH,
        began: None,
        elapsed: Duration::ZERO,
        request: Sent {
            method: "POST".to_owned(),
            url: "https://gateway.example.com/mcp".to_owned(),
            http_version: None,
            headers: vec![json(), ("authorization".to_owned(), token)],
            body: Payload::whole(format!(
                r#"{{"jsonrpc":"2.0","id":{number},"method":"tools/call","params":{{"name":"search","arguments":{{"query":"{number}"}}}}}}"#
            )),
        },
        response: Some(Received {
            status: Some(200),
            http_version: None,
            headers: vec![json()],
            body: Payload::whole(format!(
                r#"{{"jsonrpc":"2.0","id":{number},"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
            )),
            arrivals: Vec::new(),
        }),
        failure: None,
    }
}
