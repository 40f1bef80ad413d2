//! A small run with one case of every kind.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use gauntlet_reports::*;
use serde_json::{Value, json};

/// What a hostile target puts into its answers.
pub const HOSTILE: &str = "]]>&amp;<b>\u{0}\u{1b}[2J\u{9b}31m\u{202e}\u{fffe}\u{200b}\r\n\"'";

pub fn place(line: u32, column: u32, length: u32, text: &str) -> Place {
    Place { file: "scenarios/kiro/identity-headers.yaml".into(), line, column, length, text: text.into() }
}

pub fn requirement(id: &str, level: Level, statement: &str) -> RequirementRef {
    RequirementRef {
        id: id.into(),
        level,
        statement: statement.into(),
        link: Some(format!("https://example.org/{id}")),
    }
}

pub fn mismatch(path: &str, expected: Value, actual: Option<Value>, reason: &str) -> MismatchReport {
    MismatchReport { path: path.into(), expected, actual, reason: reason.into(), place: None }
}

pub fn exchange() -> Exchange {
    Exchange {
        hop: Hop { from: "client".into(), to: "kiro-runtime".into() },
        step: Some(0),
        request: WireRequest {
            method: "POST".into(),
            url: "http://127.0.0.1:41873/mcp".into(),
            headers: vec![
                ("content-type".into(), "application/json".into()),
                ("authorization".into(), "Bearer ${token}".into()),
            ],
            body: Body::Json(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call"})),
        },
        response: Some(WireResponse {
            status: Some(200),
            headers: vec![("content-type".into(), "application/json".into())],
            body: Body::Json(json!({"jsonrpc": "2.0", "id": 1, "result": {"isError": false}})),
        }),
        failure: None,
        cause: None,
        note: None,
        started_ms: 0.0,
        began_ms: None,
        elapsed_ms: 3.5,
    }
}

/// What the target asked a system behind it during [`exchange`].
pub fn behind() -> Exchange {
    Exchange {
        hop: Hop { from: "kiro-runtime".into(), to: "idp".into() },
        request: WireRequest {
            method: "POST".into(),
            url: "/token".into(),
            headers: Vec::new(),
            body: Body::Text { text: "grant_type=x".into(), truncated: 0 },
        },
        response: Some(WireResponse { status: Some(503), headers: Vec::new(), body: Body::Empty }),
        cause: Some(0),
        note: Some("out-of-order".into()),
        began_ms: Some(1.0),
        ..exchange()
    }
}

pub fn pass_attempt() -> Attempt {
    Attempt {
        duration_ms: 2.0,
        counts: CheckCounts { must: 2, must_passed: 2, should: 1, should_passed: 1 },
        requirements: vec![("mcp.good".into(), Verdict::Pass)],
        ..Attempt::new(Verdict::Pass)
    }
}

pub fn fail_attempt() -> Attempt {
    Attempt {
        verdict: Verdict::Fail,
        counts: CheckCounts { must: 3, must_passed: 1, should: 0, should_passed: 0 },
        duration_ms: 4.0,
        checks: vec![
            Check {
                step: 0,
                label: "status".into(),
                verdict: Verdict::Fail,
                requirements: vec![requirement(
                    "kiro.mcp.identity-gate",
                    Level::Must,
                    "the runtime refuses a search without client identity",
                )],
                because: None,
                mismatches: vec![MismatchReport {
                    place: Some(place(14, 15, 3, "      status: 403")),
                    ..mismatch("status", json!(403), Some(json!(200)), "expected 403, the target answered 200")
                }],
                place: Some(place(14, 7, 6, "      status: 403")),
                exchange: Some(0),
            },
            Check {
                step: 0,
                label: "body".into(),
                verdict: Verdict::Fail,
                requirements: vec![requirement(
                    "kiro.mcp.identity-gate",
                    Level::Must,
                    "the runtime refuses a search without client identity",
                )],
                because: Some("the message tells the user what to do".into()),
                mismatches: vec![
                    mismatch("body.message", json!("no"), None, "there is no `message`"),
                    mismatch("within", json!("2s"), Some(json!("2.31s")), "it took 2.31s"),
                ],
                place: None,
                exchange: Some(0),
            },
        ],
        requirements: vec![("kiro.mcp.identity-gate".into(), Verdict::Fail)],
        blame: Some(Blame {
            party: Party::Target,
            who: "kiro-runtime".into(),
            hop: exchange().hop,
            reason: "idp answered `POST /token` with HTTP 503, and kiro-runtime made a success of it".into(),
            exchange: Some(0),
        }),
        transcript: vec![exchange(), behind()],
        curl: Some("curl -sSi http://127.0.0.1:41873/mcp -H \"authorization: Bearer ${TOKEN}\"".into()),
        hints: vec![Hint {
            id: "kiro.identity-gate-open".into(),
            title: "The endpoint accepts bare clients".into(),
            remedy: "operator: Check that this is the runtime's host".into(),
        }],
        ..pass_attempt()
    }
}

pub fn reason_attempt(verdict: Verdict, reason: &str) -> Attempt {
    Attempt {
        verdict,
        reason: Some(reason.into()),
        counts: CheckCounts::default(),
        requirements: Vec::new(),
        ..pass_attempt()
    }
}

pub fn case(index: usize, scenario: &str, attempts: Vec<Attempt>) -> CaseResult {
    CaseResult {
        index,
        id: CaseId {
            scenario: scenario.into(),
            case: Vec::new(),
            version: Some("2025-06-18".into()),
            target: "kiro-runtime".into(),
        },
        title: format!("{scenario} conforms"),
        pack: Some("kiro".into()),
        tags: vec!["kiro".into()],
        place: place(1, 1, 2, "id: x"),
        endpoint: "http://127.0.0.1:41873".into(),
        verdict: attempts.last().map_or(Verdict::Error, |attempt| attempt.verdict),
        flaky: false,
        standing: None,
        attempts,
        again: format!("gauntlet run {scenario}"),
        volatile: None,
    }
}

pub fn failed(index: usize) -> CaseResult {
    let mut result = case(index, "kiro.web-search.identity-headers", vec![fail_attempt()]);
    result.id.case = vec![("dropped".into(), "user-agent".into())];
    result
}

pub fn warned(index: usize) -> CaseResult {
    let mut attempt = fail_attempt();
    attempt.verdict = Verdict::Warn;
    attempt.checks.truncate(1);
    attempt.checks[0].verdict = Verdict::Warn;
    attempt.checks[0].requirements[0].level = Level::Should;
    attempt.requirements = vec![("mcp.should".into(), Verdict::Warn)];
    attempt.counts = CheckCounts { must: 0, must_passed: 0, should: 1, should_passed: 0 };
    case(index, "kiro.warned", vec![attempt])
}

pub fn errored(index: usize) -> CaseResult {
    let mut attempt = reason_attempt(Verdict::Error, "connection refused");
    attempt.place = Some(place(9, 5, 4, "  - call: tools/list"));
    let mut last = exchange();
    last.response = None;
    last.failure = Some("connection refused".into());
    attempt.transcript = vec![exchange(), last];
    let mut result = case(index, "kiro.down", vec![reason_attempt(Verdict::Error, "first"), attempt]);
    result.pack = Some("other".into());
    result
}

pub fn flaky(index: usize) -> CaseResult {
    let mut result = case(index, "kiro.flaky", vec![fail_attempt(), pass_attempt()]);
    result.flaky = true;
    result
}

/// The events of a whole run: 2 passes (one flaky), 1 fail, 1 error, 1 warn, 3 skips, 1 untestable, 1 broken file.
pub fn run() -> Vec<Event> {
    let skip = |i, reason| case(i, "kiro.skipped", vec![reason_attempt(Verdict::Skip, reason)]);
    let untestable = reason_attempt(Verdict::Untestable, "fixture `tool` is missing");
    let mut no_pack = case(8, "alone", vec![untestable]);
    no_pack.pack = None;
    let cases = vec![
        case(0, "kiro.good", vec![pass_attempt()]),
        failed(1),
        flaky(2),
        warned(3),
        skip(4, "no resources capability"),
        skip(5, "no resources capability"),
        skip(6, "no prompts capability"),
        errored(7),
        no_pack,
    ];
    let mut events = vec![
        Event::RunStarted(RunInfo {
            gauntlet: "0.1.0".into(),
            started_at: "2026-11-21T00:00:00Z".into(),
            cases: Some(cases.len()),
            ..RunInfo::default()
        }),
        Event::Target(TargetSummary { name: "kiro-runtime".into(), kind: "mock".into(), versions: Vec::new() }),
        Event::Target(TargetSummary {
            name: "mcp-server".into(),
            kind: "mock".into(),
            versions: vec!["2025-06-18".into(), "2025-11-25".into()],
        }),
    ];
    for result in cases {
        events.push(Event::CaseStarted { id: result.id.clone() });
        events.push(Event::CaseFinished(Box::new(result)));
    }
    events.push(Event::Broken(BrokenFile {
        file: "scenarios/broken.yaml".into(),
        diagnostics: "error[unknown-key]: unknown key `stats`\n  did you mean `status`?".into(),
        errors: 1,
        index: Some(7),
    }));
    let mut totals = SummaryBuilder::default();
    events.iter().for_each(|event| totals.event(event));
    events.push(Event::RunFinished(totals.build(412.3, Some("Ctrl-C".into()))));
    events
}

/// Shows the events to a reporter.
pub fn feed(reporter: &mut dyn Reporter, events: &[Event]) {
    for event in events {
        reporter.event(event).expect("written to memory");
    }
}

/// A run in which every text is `text`.
pub fn filled(text: &str) -> Vec<Event> {
    let mut events = run();
    // Every kind of body, and of JSON.
    if let Some(Event::CaseFinished(result)) =
        events.iter_mut().find(|e| matches!(e, Event::CaseFinished(r) if r.verdict == Verdict::Fail))
    {
        let transcript = &mut result.attempts[0].transcript;
        for body in [
            Body::Text { text: "x".into(), truncated: 3 },
            Body::Binary { length: 3 },
            Body::Empty,
            Body::Events(vec![StreamEvent {
                at_ms: 1.0,
                event: Some("e".into()),
                id: Some("i".into()),
                data: json!({"a": [{"b": "c"}, null, true, "d"]}),
            }]),
        ] {
            let mut more = exchange();
            more.failure = Some("f".into());
            more.request.body = body.clone();
            if let Some(response) = &mut more.response {
                response.body = body;
            }
            transcript.push(more);
        }
    }
    note(&mut events, "n");
    for event in &mut events {
        event.for_each_text(&mut |t| {
            if t.parse::<i64>().is_err() {
                *t = text.to_owned();
            }
        });
    }
    events
}

/// Notes this in every case.
pub fn note(events: &mut [Event], text: &str) {
    for event in events {
        if let Event::CaseFinished(result) = event {
            result.attempts.iter_mut().for_each(|attempt| attempt.notes.push(text.to_owned()));
        }
    }
}

/// Where a writer's bytes end up when the writer itself is gone.
#[derive(Clone, Default)]
pub struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Shared {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("UTF-8")
    }
}

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub fn console(events: &[Event], style: Style) -> String {
    let mut reporter = ConsoleReporter::new(Vec::new(), style);
    feed(&mut reporter, events);
    String::from_utf8(reporter.into_inner()).expect("UTF-8")
}

pub fn json_report(events: &[Event]) -> String {
    let out = Shared::default();
    let mut reporter = JsonReporter::new(out.clone());
    feed(&mut reporter, events);
    drop(reporter);
    out.text()
}

pub fn junit_report(events: &[Event]) -> String {
    let out = Shared::default();
    let mut reporter = JunitReporter::new(out.clone(), &std::env::temp_dir()).expect("a temporary file");
    feed(&mut reporter, events);
    drop(reporter);
    out.text()
}

pub fn html_report(events: &[Event]) -> String {
    let out = Shared::default();
    let mut reporter = HtmlReporter::new(out.clone());
    feed(&mut reporter, events);
    drop(reporter);
    out.text()
}
