//! Recordings of what arrived at a mock, and clients that ask.

use std::time::{Duration, Instant};

use bytes::Bytes;
use gauntlet::repro::har;
use gauntlet::repro::recording::{Arrival, Entry, Payload, Received, Recording, Sent, Transport};
use gauntlet::repro::stub::{RecordedServer, StubOptions};
use gauntlet_mocks::{JournalEntry, MockHandle, StartOptions};
use serde_json::{Value, json};
use time::OffsetDateTime;

/// Everything that a mock got and answered, as a recorder in front of it would have written it down, read from a file again.
pub(crate) fn recording_of(mock: &MockHandle) -> Recording {
    let began = Instant::now();
    let entries = mock.journal().entries();
    through_a_file(entries.iter().map(|entry| entry_of(entry, mock.origin(), began)).collect())
}

/// The entries as they are after a HAR file was written and read.
pub(crate) fn through_a_file(entries: Vec<Entry>) -> Recording {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recorded.har");
    let mut writer = har::Writer::create(&path).unwrap();
    entries.iter().for_each(|entry| writer.add(entry).unwrap());
    writer.finish().unwrap();
    let (recording, info) = har::load(&path, &har::Limits::default()).unwrap();
    assert!(!info.is_cut);
    recording
}

fn entry_of(entry: &JournalEntry, origin: &str, now: Instant) -> Entry {
    let response = entry.response.as_ref();
    let elapsed = response.and_then(|r| r.finished_at).map_or(Duration::ZERO, |end| end - entry.at);
    Entry {
        transport: Transport::Http,
        session: None,
        behind: None,
        started_at: OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) - (now - entry.at),
        began: response.map(|r| r.began_at - entry.at),
        elapsed,
        request: Sent {
            method: entry.method.clone(),
            url: format!("{origin}{}", entry.target),
            http_version: None,
            headers: entry.headers.clone(),
            body: Payload::whole(entry.body.clone()),
        },
        response: response.map(|r| Received {
            status: Some(r.status),
            http_version: None,
            headers: r.headers.clone(),
            body: Payload::whole(r.body.clone()),
            arrivals: Vec::new(),
        }),
        failure: response.filter(|r| r.broke_off).map(|_| "the answer broke off".to_owned()),
    }
}

/// A request over HTTP and its answer, made up.
pub(crate) fn entry(second: u64, request: &Value, response: &str, media_type: &str) -> Entry {
    let headers = |media_type: &str| vec![("content-type".to_owned(), media_type.to_owned())];
    Entry {
        transport: Transport::Http,
        session: None,
        behind: None,
        started_at: OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + second),
        began: Some(Duration::from_millis(20)),
        elapsed: Duration::from_millis(30),
        request: Sent {
            method: "POST".to_owned(),
            url: "https://recorded.example/mcp".to_owned(),
            http_version: None,
            headers: [headers("application/json"), vec![("accept".to_owned(), "*/*".to_owned())]].concat(),
            body: Payload::whole(request.to_string()),
        },
        response: Some(Received {
            status: Some(200),
            http_version: None,
            headers: headers(media_type),
            body: Payload::whole(response.to_owned()),
            arrivals: Vec::new(),
        }),
        failure: None,
    }
}

/// A line over stdio and the lines that came back, made up.
pub(crate) fn line(second: u64, request: &str, answers: &[&str]) -> Entry {
    let mut entry = entry(second, &Value::Null, "", "");
    entry.transport = Transport::Stdio;
    entry.request =
        Sent { method: "stdin".to_owned(), url: "stdio:server".to_owned(), headers: Vec::new(), ..entry.request };
    entry.request.body = Payload::whole(request.to_owned());
    let body: String = answers.iter().map(|answer| format!("{answer}\n")).collect();
    let arrivals = vec![Arrival { at: Duration::from_millis(1), length: body.len() }];
    entry.response = (!answers.is_empty()).then(|| Received {
        status: None,
        http_version: None,
        headers: Vec::new(),
        body: Payload::whole(body),
        arrivals,
    });
    entry
}

/// A tool call.
pub(crate) fn call(id: impl Into<Value>, name: &str, arguments: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": "tools/call", "params": { "name": name, "arguments": arguments } })
}

/// A result.
pub(crate) fn result(id: impl Into<Value>, result: Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id.into(), "result": result }).to_string()
}

pub(crate) async fn serve(recording: Recording, options: StubOptions) -> MockHandle {
    RecordedServer::new(recording, options).start(StartOptions::default()).await.unwrap()
}

/// An answer as a client got it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }
}

/// Posts a message.
pub(crate) async fn post(url: &str, message: &Value, headers: &[(&str, &str)]) -> Answer {
    let mut request = reqwest::Client::new().post(url).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer(request.body(message.to_string())).await
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: response.bytes().await.unwrap() }
}
