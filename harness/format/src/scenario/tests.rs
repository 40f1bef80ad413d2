#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use super::*;
use crate::version::Version;

fn source(path: &str, text: &str) -> Arc<Source> {
    Arc::new(Source { path: path.into(), text: text.into() })
}

fn parse(text: &str) -> Scenario {
    Scenario::parse(source("a.yaml", text), None).unwrap()
}

const TYPICAL: &str = r#"
id: kiro-gateway.web-search.identity-and-profile
title: The gateway's search call carries the client identity and the profile, and its answer reaches the client whole
proves: [kiro.gateway.identity, kiro.gateway.profile-arn, gateway.result-fidelity]
tags: [kiro, gateway]
target: kiro-gateway
versions: 2025-03-26..
given:
  runtime:
    accounts: [{ kind: identity-center, token: "${secret:token}", profile: "${arn}" }]
    search_results: [{ title: Rust 2026, url: https://example.org/rust, snippet: "…", publishedDate: 1775520000000 }]
vars: { arn: "arn:aws:codewhisperer:us-east-1:1:profile/X" }
secrets: [token]
steps:
  - http: POST /v1/messages
    json: { model: x, messages: [{ role: user, content: search }] }
    expect:
      status: 200
      $sse:
        - { event: message_start }
        - { event: content_block_start, data: { content_block: { type: server_tool_use, name: web_search } } }
        - { event: message_stop, within: 2s }
  - received: runtime
    where: { path: /mcp }
    count: 1
    expect:
      headers:
        user-agent: { $regex: 'KiroIDE-\d+' }
        x-amz-target: { $absent: true }
        content-type: application/json
      body: { method: tools/call, profileArn: "${arn}", params: { name: web_search } }
"#;

#[test]
fn a_typical_scenario() {
    let s = parse(TYPICAL);
    assert_eq!(s.id, "kiro-gateway.web-search.identity-and-profile");
    assert_eq!(s.proves.len(), 3);
    assert_eq!(s.versions.iter().next(), Some(Version::V2025_03_26));
    assert_eq!(s.steps.len(), 2);
    let StepKind::Http { method, path, body: Some(HttpBody::Json(_)), .. } = &s.steps[0].kind else { panic!() };
    assert_eq!((method.as_str(), path.as_deref()), ("POST", Some("/v1/messages")));
    let members: Vec<_> = s.steps[0].expect[0].members.iter().map(|(k, _)| k.name.as_str()).collect();
    assert_eq!(members, ["status", "$sse"]);
    let StepKind::Received { upstream, filter: Some(_), count: Some(_), since_start: false } = &s.steps[1].kind else {
        panic!()
    };
    assert_eq!((upstream.name.as_str(), upstream.span.line), ("runtime", 23));
    assert_eq!(crate::lint::scenario(&s), []);
}

#[test]
fn every_verb() {
    let s = parse(
        r#"
id: a
title: b
target: c
lifecycle: manual
transport: stdio
timeout: 1m
steps:
  - { call: tools/list, params: {}, id: 1, envelope: { x: 1 }, replies: { ping: { result: {} } }, cursor_walk: true, name: n, as: bob, on_purpose: true, timeout: 2s, capture: { t: $.result }, expect: [{ proves: [r], because: why, status: 200 }, { body: 1 }] }
  - { notify: a, params: [1] }
  - { http: GET }
  - { send: "raw" }
  - { listen: 5s, count: 2, last_event_id: "1" }
  - { discover: true }
  - { authorize: true }
  - { refresh: true }
  - { received: target, since: start }
  - { control: { mock: a, restart: true } }
  - parallel: [{ close: true }]
  - { repeat: [{ wait: 1ms }], times: 3, every: 10ms, until: { status: 200 } }
  - { close: true }
  - { wait: 1.5s }
"#,
    );
    assert_eq!(s.steps.len(), 14);
    let call = &s.steps[0];
    assert_eq!((call.name.as_deref(), call.client.as_deref(), call.on_purpose), (Some("n"), Some("bob"), true));
    assert_eq!(call.timeout, Some(Duration::from_secs(2)));
    assert_eq!((call.capture[0].0.name.as_str(), call.capture[0].1.path.name.as_str()), ("t", "$.result"));
    assert_eq!(call.expect.len(), 2);
    assert_eq!(call.expect[0].because.as_deref(), Some("why"));
    assert!(matches!(&call.kind, StepKind::Call { cursor_walk: true, replies: Some(_), id: Some(_), .. }));
    assert!(matches!(&s.steps[2].kind, StepKind::Http { path: None, body: None, .. }));
    assert!(matches!(&s.steps[8].kind, StepKind::Received { since_start: true, .. }));
    assert!(matches!(&s.steps[11].kind, StepKind::Repeat { times: 3, steps, .. } if steps.len() == 1));
    assert!(matches!(s.steps[13].kind, StepKind::Wait(d) if d == Duration::from_millis(1500)));
    assert_eq!(
        (s.lifecycle, s.transport, s.timeout),
        (Some(Lifecycle::Manual), Transport::Stdio, Some(Duration::from_secs(60)))
    );
}

#[test]
fn a_pack_gives_what_the_scenario_does_not_say() {
    let pack = Pack::parse(source(
        "pack.yaml",
        "name: kiro\ntarget: kiro-runtime\nversions: ..2025-06-18\ntags: [kiro, all]\ntimeout: 5s\ngiven: { a: 1, b: 1 }\nvars: { x: 1, y: 1 }\ndefaults: { headers: { h: pack, p: pack } }\n",
    ))
    .unwrap();
    let text = "id: a\ntitle: b\ntags: [own, all]\ngiven: { b: 2 }\nvars: { y: 2 }\ndefaults: { headers: { h: own } }\nsteps: [{ call: x }]\n";
    let s = Scenario::parse(source("a.yaml", text), Some(&pack)).unwrap();
    assert_eq!((s.pack.as_deref(), s.target.name.as_str(), s.target.span.source), (Some("kiro"), "kiro-runtime", 1));
    assert_eq!(s.tags, ["kiro", "all", "own"]);
    assert_eq!(s.versions.iter().last(), Some(Version::V2025_06_18));
    assert_eq!(s.given.as_ref().unwrap().to_json(), serde_json::json!({"a": 1, "b": 2}));
    assert_eq!(s.defaults.headers.as_ref().unwrap().to_json(), serde_json::json!({"h": "own", "p": "pack"}));
    let vars: Vec<_> = s.vars.iter().map(|(k, n)| format!("{}={}", k.name, n.to_json())).collect();
    assert_eq!(vars, ["x=1", "y=2"]);
    assert_eq!(s.source_of(s.target.span).path.to_str(), Some("pack.yaml"));
    assert_eq!(s.timeout, Some(Duration::from_secs(5)));
}

#[test]
fn without_a_target_there_is_no_scenario() {
    let found = Scenario::parse(source("a.yaml", "id: a\ntitle: b\nsteps: [{ call: x }]\n"), None).unwrap_err();
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["a.yaml:1:1: error[missing-key]: neither the scenario nor its pack has a `target`"]
    );
}

#[test]
fn a_request_has_one_body() {
    let text = "id: a\ntitle: b\ntarget: c\nsteps: [{ repeat: [{ http: POST, json: 1, body: x }], times: 1 }]\n";
    let found = Scenario::parse(source("a.yaml", text), None).unwrap_err();
    assert_eq!((found.len(), found[0].code), (1, "two-bodies"));
}

#[test]
fn an_empty_pack_is_refused() {
    let found = Pack::parse(source("pack.yaml", "title: x\nnmae: y\n")).unwrap_err();
    assert_eq!(
        found.iter().map(|d| (d.code, d.span.source)).collect::<Vec<_>>(),
        [("unknown-key", 1), ("missing-key", 1)]
    );
}

/// Prints the time of one parse; run with `--release -- --ignored --nocapture`. The budget is 60 µs for parse and check.
#[test]
#[ignore = "a measurement"]
fn parse_time() {
    let source = source("a.yaml", TYPICAL);
    let _ = crate::lint::scenario(&Scenario::parse(Arc::clone(&source), None).unwrap());
    // The best of many: other work on the machine only adds.
    let best = |work: &dyn Fn()| {
        let once = || {
            let start = Instant::now();
            work();
            start.elapsed()
        };
        (0..3000).map(|_| once()).min().unwrap_or_default()
    };
    let parsed = best(&|| drop(std::hint::black_box(Scenario::parse(Arc::clone(&source), None).unwrap())));
    let scenario = Scenario::parse(Arc::clone(&source), None).unwrap();
    let linted = best(&|| drop(std::hint::black_box(crate::lint::scenario(&scenario))));
    assert!(parsed + linted < Duration::from_micros(60), "parse {parsed:?}, lint {linted:?}");
}

/// Broken files give diagnostics that can be shown, never a panic.
#[test]
fn no_input_panics() {
    let check = |text: &str| match Scenario::parse(source("a.yaml", text), None) {
        Ok(scenario) => {
            crate::lint::scenario(&scenario).iter().map(|d| crate::render::render(d, false)).collect::<String>()
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            problems.iter().map(|d| crate::render::render(d, true)).collect()
        }
    };
    for (at, _) in TYPICAL.char_indices() {
        check(&TYPICAL[..at]);
    }
    let pieces = [
        "\"", "'", "{", "}", "[", "]", ":", "- ", "\n", "\t", "é", "\u{0}", "&a ", "*a", "<<: ", "${", "$", "|\n",
        "!!str ", "0x", "\u{202e}", "#", "%", "\u{feff}",
    ];
    let mut seed = 1_u64;
    for _ in 0..2000 {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let piece = pieces[(seed >> 33) as usize % pieces.len()];
        let mut at = (seed >> 13) as usize % TYPICAL.len();
        while !TYPICAL.is_char_boundary(at) {
            at -= 1;
        }
        check(&format!("{}{piece}{}", &TYPICAL[..at], &TYPICAL[at..]));
    }
}

#[test]
fn a_snapshot_is_a_member_or_stands_alone() {
    let text = "id: a\ntitle: b\ntarget: c\nsteps:\n  - call: ping\n    expect: snapshot\n  - name: two\n    http: GET /x\n    expect: { status: 200, snapshot: true }\n  - wait: 1s\n";
    let s = parse(text);
    let places: Vec<_> =
        s.steps.iter().map(|step| step.expect.iter().find_map(Expect::snapshot).map(|s| s.line)).collect();
    assert_eq!(places, [Some(6), Some(9), None]);
    let titles: Vec<_> = s.steps.iter().map(Step::title).collect();
    assert_eq!(titles, ["call ping", "two", "wait"]);
    let wrong =
        Scenario::parse(source("a.yaml", &text.replace("expect: snapshot", "expect: snapshto")), None).unwrap_err();
    assert_eq!(wrong[0].help.as_deref(), Some("did you mean `snapshot`?"));
    let wrong =
        Scenario::parse(source("a.yaml", &text.replace("snapshot: true", "snapshot: false")), None).unwrap_err();
    assert!(wrong[0].message.contains("expected `true`"), "{}", wrong[0]);
}
