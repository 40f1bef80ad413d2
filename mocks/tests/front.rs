//! The front, seen by a client that reads bytes: faults, streams, journal, starting and stopping.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gauntlet_mocks::stub::{self, Overlay, StubAnswer, StubBody, StubLogic, StubRequest};
use gauntlet_mocks::{JournalLimits, MockHandle, StartError, StartOptions, start};
use serde_json::{Value, json};
use support::{Probe, send};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Answers every request alike.
struct Always(StubAnswer);

impl StubLogic for Always {
    fn answer(&self, _request: &StubRequest) -> StubAnswer {
        self.0.clone()
    }
}

fn document(body: &'static str) -> StubAnswer {
    StubAnswer {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: StubBody::Bytes(Bytes::from_static(body.as_bytes())),
        faults: Vec::new(),
        note: None,
    }
}

fn events(pieces: &[(u64, &'static str)]) -> StubAnswer {
    let pieces =
        pieces.iter().map(|(pause, text)| (Duration::from_millis(*pause), Bytes::from_static(text.as_bytes())));
    StubAnswer {
        headers: vec![("content-type".to_owned(), "text/event-stream".to_owned())],
        body: StubBody::Events(pieces.collect()),
        ..document("")
    }
}

async fn stubbed(answer: StubAnswer, config: Value) -> MockHandle {
    let options = StartOptions { config, ..StartOptions::default() };
    stub::start(Arc::new(Always(answer)), options).await.unwrap_or_else(|error| panic!("{error}"))
}

const REQUEST: &[u8] =
    b"POST /mcp HTTP/1.1\r\nhost: x\r\ncontent-length: 42\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"abc/de\"}";

async fn connect(mock: &MockHandle) -> TcpStream {
    let address = mock.origin().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("connect");
    stream.write_all(REQUEST).await.expect("write");
    stream
}

/// Everything up to the end of the connection.
async fn read_to_end(mock: &MockHandle) -> (Vec<u8>, std::io::Result<()>) {
    let mut stream = connect(mock).await;
    let mut bytes = Vec::new();
    let outcome = stream.read_to_end(&mut bytes).await.map(|_| ());
    (bytes, outcome)
}

fn body_of(bytes: &[u8]) -> &[u8] {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    &bytes[head + 4..]
}

const HELLO: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"hello":"world"}}"#;

#[tokio::test]
async fn a_body_is_cut_after_exactly_so_many_bytes() {
    let mock = stubbed(document(HELLO), json!({ "faults": [{ "cut_after_bytes": 10 }] })).await;
    let (bytes, _) = read_to_end(&mock).await;
    let head = String::from_utf8_lossy(&bytes).to_lowercase();
    assert!(head.contains(&format!("content-length: {}", HELLO.len())), "the length told is the whole one: {head}");
    assert_eq!(body_of(&bytes), &HELLO.as_bytes()[..10]);
    let entries = mock.journal().entries();
    let response = entries[0].response.as_ref().expect("an answer began");
    assert_eq!(response.body, &HELLO.as_bytes()[..10]);
    assert!(!response.complete && response.broke_off);
}

#[tokio::test]
async fn nothing_of_a_body_may_arrive() {
    let mock = stubbed(document(HELLO), json!({ "faults": [{ "cut_after_bytes": 0 }] })).await;
    let (bytes, _) = read_to_end(&mock).await;
    assert!(bytes.starts_with(b"HTTP/1.1 200"));
    assert_eq!(body_of(&bytes), b"");
}

#[tokio::test]
async fn a_stream_is_cut_after_so_many_events() {
    let answer = events(&[(0, "data: 1\n\ndata: 2\n\nda"), (0, "ta: 3\n\n"), (0, "data: 4\n\n")]);
    let mock = stubbed(answer, json!({ "faults": [{ "cut_after_events": 3 }] })).await;
    let (bytes, _) = read_to_end(&mock).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains("data: 3\n\n") && !text.contains("data: 4"), "{text}");
    assert!(!text.ends_with("0\r\n\r\n"), "the body is not ended properly");
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let mock = stubbed(document(HELLO), json!({ "faults": [{ "reset": true, "times": 1 }] })).await;
    let (bytes, outcome) = read_to_end(&mock).await;
    assert!(bytes.is_empty());
    assert_eq!(outcome.expect_err("reset").kind(), std::io::ErrorKind::ConnectionReset);
    assert!(mock.journal().entries()[0].response.is_none());
    assert_eq!(send(&mock, &Probe::new("POST", "/mcp")).await.body, HELLO, "only once");
}

#[tokio::test]
async fn a_hang_hangs_and_ends_with_the_client() {
    let mock = stubbed(document(HELLO), json!({ "faults": [{ "hang": true }] })).await;
    let mut finished = mock.journal().subscribe();
    let mut stream = connect(&mock).await;
    let mut byte = [0];
    let waited = tokio::time::timeout(Duration::from_millis(150), stream.read(&mut byte)).await;
    assert!(waited.is_err(), "neither an answer nor a close");
    drop(stream);
    let entry = tokio::time::timeout(Duration::from_secs(5), finished.recv()).await.expect("in time").expect("entry");
    assert!(entry.response.is_none());
}

#[tokio::test]
async fn delay_and_drip_take_their_time() {
    let mock = stubbed(document("0123456789"), json!({ "faults": [{ "delay": "100ms" }] })).await;
    let begin = Instant::now();
    assert_eq!(send(&mock, &Probe::new("POST", "/mcp")).await.body, "0123456789");
    assert!(begin.elapsed() >= Duration::from_millis(100));

    let drip = json!({ "faults": [{ "drip": { "bytes": 3, "every": "40ms" } }] });
    let mock = stubbed(document("0123456789"), drip).await;
    let begin = Instant::now();
    let mut stream = connect(&mock).await;
    let mut buffer = [0; 1024];
    let mut reads = Vec::new();
    let mut total = Vec::new();
    while !total.ends_with(b"0123456789") {
        let read = stream.read(&mut buffer).await.expect("read");
        assert_ne!(read, 0, "closed early");
        total.extend_from_slice(&buffer[..read]);
        reads.push(read);
    }
    assert!(begin.elapsed() >= Duration::from_millis(120), "three pauses between four pieces");
    assert!(reads.len() >= 4, "{reads:?}");
}

#[tokio::test]
async fn statuses_come_in_bursts_and_by_method() {
    let faults = json!({ "faults": [{ "status": 503, "times": 2, "method": "abc/de", "path": "/mcp" }] });
    let mock = stubbed(document(HELLO), faults).await;
    let call = || Probe::new("POST", "/mcp").text(r#"{"jsonrpc":"2.0","id":1,"method":"abc/de"}"#);
    assert_eq!(send(&mock, &Probe::new("POST", "/mcp").text("{}")).await.status, 200);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(send(&mock, &call()).await.status);
    }
    assert_eq!(statuses, [503, 503, 200]);
    mock.control(&json!({ "faults": [{ "garbage": true }] })).await.expect("other faults");
    let seen = send(&mock, &call()).await;
    assert!(serde_json::from_str::<Value>(&seen.body).is_err());
}

#[tokio::test]
async fn answers_bring_their_own_faults() {
    let fault = serde_json::from_value(json!({ "wrong_id": true })).expect("fault");
    let mock = stubbed(StubAnswer { faults: vec![fault], ..document(HELLO) }, json!({})).await;
    assert_ne!(send(&mock, &Probe::new("POST", "/mcp")).await.json()["id"], 1);
}

#[tokio::test]
async fn events_pass_as_they_come() {
    // Nobody waits for the second one.
    let mock = stubbed(events(&[(0, "data: 1\n\n"), (60_000, "data: 2\n\n")]), json!({})).await;
    let mut stream = connect(&mock).await;
    let begin = Instant::now();
    let mut total = String::new();
    let mut buffer = [0; 1024];
    while !total.contains("data: 1\n\n") {
        let read = stream.read(&mut buffer).await.expect("read");
        total.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    assert!(begin.elapsed() < Duration::from_secs(30), "the first event did not wait for the second");
    assert!(!total.contains("data: 2"));
    let entries = mock.journal().entries();
    let response = entries[0].response.as_ref().expect("begun");
    assert_eq!(response.body, "data: 1\n\n");
    assert!(response.finished_at.is_none());
}

#[tokio::test]
async fn the_journal_keeps_what_arrived_within_bounds() {
    let limits = JournalLimits { entries: 2, body_bytes: 4, ..JournalLimits::default() };
    let options = StartOptions { journal_limits: limits, ..StartOptions::default() };
    let mock = stub::start(Arc::new(Always(document("abcdef"))), options).await.expect("started");
    for index in 0..3 {
        let probe = Probe::new("POST", &format!("/p{index}?q=1")).header("x-b", "1").header("x-a", "2").text("123456");
        send(&mock, &probe).await;
    }
    let journal = mock.journal();
    assert_eq!((journal.len(), journal.dropped(), journal.next_sequence()), (2, 1, 3));
    let entry = &journal.since(2)[0];
    assert_eq!((entry.method.as_str(), entry.target.as_str()), ("POST", "/p2?q=1"));
    assert_eq!((&entry.body[..], entry.body_truncated), (&b"1234"[..], 2));
    let names: Vec<&str> = entry.headers.iter().map(|(name, _)| name.as_str()).collect();
    let position = |wanted: &str| names.iter().position(|name| *name == wanted).expect("header");
    assert!(position("x-b") < position("x-a"), "{names:?}");
    let response = entry.response.as_ref().expect("answer");
    assert_eq!((&response.body[..], response.body_truncated, response.complete), (&b"abcd"[..], 2, true));
}

/// Answers in the place of a mock what is sent to one path.
struct Instead;

impl Overlay for Instead {
    fn answer(&self, request: &StubRequest) -> Option<StubAnswer> {
        let note = Some("instead".to_owned());
        (request.path == "/mine").then(|| StubAnswer { note, ..document(HELLO) })
    }
}

#[tokio::test]
async fn an_overlay_answers_what_it_wants_and_the_mock_the_rest() {
    let config = json!({ "faults": [{ "status": 503, "path": "/mine", "times": 1 }] });
    let options = StartOptions { config, overlay: Some(Arc::new(Instead)), ..StartOptions::default() };
    let mock = start("mcp-server", options).await.expect("started");
    let mine = Probe::new("POST", "/mine").text("{}");
    assert_eq!(send(&mock, &mine).await.status, 503, "faults are the mock's");
    let answer = send(&mock, &mine).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, HELLO));
    assert_eq!(send(&mock, &Probe::new("POST", "/other").text("{}")).await.status, 404);
    let notes: Vec<Option<String>> = mock.journal().entries().iter().map(|entry| entry.note.clone()).collect();
    assert_eq!(notes, [None, Some("instead".to_owned()), None]);
}

#[tokio::test]
async fn a_restart_closes_connections_and_stays_reachable() {
    let mock = stubbed(document(HELLO), json!({ "faults": [{ "hang": true, "times": 1 }] })).await;
    let mut stream = connect(&mock).await;
    while mock.journal().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    mock.control(&json!({ "restart": true })).await.expect("restart");
    let mut byte = [0];
    let ended = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut byte)).await.expect("in time");
    assert!(matches!(ended, Ok(0) | Err(_)));
    assert_eq!(send(&mock, &Probe::new("POST", "/mcp")).await.status, 200);
}

#[tokio::test]
async fn a_dropped_mock_is_gone() {
    let mock = stubbed(document(HELLO), json!({})).await;
    let address = mock.origin().trim_start_matches("http://").to_owned();
    drop(mock);
    let gone = async {
        while TcpStream::connect(&address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("nobody listens any more");
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map(|tasks| tasks.count()).unwrap_or_default()
}

#[tokio::test]
async fn two_hundred_mocks_start_and_stop_quickly() {
    for name in ["kiro-runtime", "agentcore-gateway"] {
        // The first one starts the server that the others use again.
        drop(start(name, StartOptions::default()).await.expect("first"));
        let before = threads();
        let begin = Instant::now();
        for _ in 0..200 {
            let mock = start(name, StartOptions::default()).await.expect("started");
            assert_ne!(send(&mock, &Probe::new("POST", "/mcp").text("{}")).await.status, 502);
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "{name}: {:?}", begin.elapsed());
        // Other tests run beside this one and have mocks too.
        assert!(threads() < before + 20, "{name}: {before} threads before, {} after", threads());
    }
}

#[tokio::test]
async fn mistakes_are_named() {
    let error = |name: &'static str, config: Value| async move {
        let options = StartOptions { config, ..StartOptions::default() };
        start(name, options).await.expect_err("a mistake").to_string()
    };
    assert_eq!(error("kiro-runtme", Value::Null).await, "there is no mock `kiro-runtme`; did you mean `kiro-runtime`?");
    assert_eq!(
        error("kiro-runtime", json!({ "accounts": [{ "kind": "desktpo" }] })).await,
        "configuration of kiro-runtime, accounts[0].kind: unknown variant `desktpo`, expected one of `desktop`, \
         `identity-center`, `builder-id`, `api-key`, `external-idp`; did you mean `desktop`?"
    );
    assert_eq!(
        error("kiro-runtime", json!({ "defects": ["identity-gate-opne"] })).await,
        "configuration of kiro-runtime, defects[0]: kiro-runtime has no defect `identity-gate-opne`; did you mean \
         `identity-gate-open`?"
    );
    assert_eq!(
        error("agentcore-gateway", json!({ "supported_versions": ["2025-06-19"] })).await,
        "configuration of agentcore-gateway, supported_versions[0]: the service does not speak `2025-06-19`; it speaks \
         2025-03-26, 2025-06-18, 2025-11-25, 2026-07-28; did you mean `2025-06-18`?"
    );
    assert_eq!(
        error("kiro-runtime", json!({ "respond": [{ "status": 99 }] })).await,
        "configuration of kiro-runtime, respond[0].status: 99 is not a final HTTP status; write 200 to 599"
    );
    let taken = start("kiro-runtime", StartOptions::default()).await.expect("started");
    let port = taken.origin().rsplit(':').next().and_then(|port| port.parse().ok());
    let options = StartOptions { port, ..StartOptions::default() };
    assert!(matches!(start("kiro-runtime", options).await, Err(StartError::Bind { .. })));
}

#[tokio::test]
async fn connections_that_somebody_brings_count_as_one() {
    let mock = stubbed(document(HELLO), Value::Null).await;
    let entrance = mock.entrance();
    let number = entrance.number();
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = entrance.connect(number).await.expect("connect");
        stream.write_all(REQUEST).await.expect("write");
        stream.read_u8().await.expect("an answer");
        streams.push(stream);
    }
    send(&mock, &Probe::new("POST", "/mcp")).await;
    let numbers: Vec<u64> = mock.journal().entries().iter().map(|entry| entry.connection).collect();
    assert_eq!(numbers[..3], [number.0; 3]);
    assert_ne!(numbers[3], number.0, "a connection of its own has a number of its own");
}
