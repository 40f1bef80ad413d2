use std::io::{self, Read};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use time::macros::datetime;

use super::*;
use crate::repro::recording::{Arrival, Entry, Payload, Received, STDIN, Sent, Transport};

fn entry(second: u8) -> Entry {
    Entry {
        transport: Transport::Http,
        session: Some("s-1".to_owned()),
        behind: None,
        started_at: datetime!(2026-03-04 05:06:07.25 UTC).replace_second(second).expect("a second"),
        began: Some(Duration::from_millis(20)),
        elapsed: Duration::from_micros(31_500),
        request: Sent {
            method: "POST".to_owned(),
            url: "https://gateway.example.com/mcp?a=1&b=%20".to_owned(),
            http_version: Some("h2".to_owned()),
            headers: vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                ("x-twice".to_owned(), "1".to_owned()),
                ("x-twice".to_owned(), "2".to_owned()),
            ],
            body: Payload::whole(r#"{"jsonrpc":"2.0"}"#),
        },
        response: Some(Received {
            status: Some(200),
            http_version: Some("HTTP/1.1".to_owned()),
            headers: vec![("content-type".to_owned(), "text/event-stream".to_owned())],
            body: Payload::whole("data: {}\n\ndata: 1\n\n"),
            arrivals: vec![
                Arrival { at: Duration::from_millis(20), length: 10 },
                Arrival { at: Duration::from_micros(31_500), length: 19 },
            ],
        }),
        failure: None,
    }
}

fn entries() -> Vec<Entry> {
    let plain = entry(1);
    let binary = Entry {
        session: None,
        request: Sent { body: Payload { bytes: vec![0xff, 0, 1].into(), left_out: 7 }, ..plain.request.clone() },
        response: plain.response.clone().map(|response| Received {
            body: Payload { bytes: vec![0xfe].into(), left_out: 9 },
            arrivals: Vec::new(),
            ..response
        }),
        ..entry(2)
    };
    let behind = Entry { session: None, behind: Some("runtime".to_owned()), ..entry(2) };
    let unanswered =
        Entry { response: None, began: None, failure: Some("the connection broke".to_owned()), ..entry(3) };
    let stdio = Entry {
        transport: Transport::Stdio,
        request: Sent {
            method: STDIN.to_owned(),
            url: "stdio:server".to_owned(),
            http_version: None,
            headers: Vec::new(),
            body: Payload::whole("{}"),
        },
        response: Some(Received {
            status: None,
            http_version: None,
            headers: Vec::new(),
            body: Payload::whole("{}\n[]\n"),
            arrivals: Vec::new(),
        }),
        ..entry(4)
    };
    let notification =
        Entry { response: None, began: None, ..Entry { started_at: entry(5).started_at, ..stdio.clone() } };
    vec![plain, binary, behind, unanswered, stdio, notification]
}

fn written(entries: &[Entry]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.har");
    let mut writer = Writer::create(&path).expect("a file");
    for (done, entry) in entries.iter().enumerate() {
        let (so_far, info) = load(&path, &Limits::default()).expect("whole after each entry");
        assert_eq!((so_far.entries.as_slice(), info.is_cut), (&entries[..done], false));
        writer.add(entry).expect("written");
    }
    writer.finish().expect("synced");
    std::fs::read(&path).expect("a file")
}

fn held(text: &[u8]) -> Result<(Recording, Info), Error> {
    hold(text, &Limits::default())
}

fn wrong(value: &Value) -> String {
    held(value.to_string().as_bytes()).expect_err("refused").to_string()
}

#[test]
fn what_is_written_is_read_again() {
    let entries = entries();
    let text = written(&entries);
    let (recording, info) = held(&text).expect("a HAR file");
    assert_eq!(recording.entries, entries);
    assert_eq!(info, Info { creator: recording.creator.clone(), entries: 6, ..Info::default() });
    assert_eq!(recording.creator, Some(format!("gauntlet {}", env!("CARGO_PKG_VERSION"))));
    let value: Value = serde_json::from_slice(&text).expect("JSON");
    // What HAR 1.2 demands of every entry.
    for entry in value["log"]["entries"].as_array().expect("a list") {
        for path in [
            "/time",
            "/cache",
            "/timings/send",
            "/timings/wait",
            "/timings/receive",
            "/request/httpVersion",
            "/request/cookies",
            "/request/headers",
            "/request/queryString",
            "/request/headersSize",
            "/request/bodySize",
            "/response/status",
            "/response/statusText",
            "/response/httpVersion",
            "/response/cookies",
            "/response/headers",
            "/response/content/size",
            "/response/content/mimeType",
            "/response/redirectURL",
            "/response/headersSize",
            "/response/bodySize",
        ] {
            assert!(entry.pointer(path).is_some(), "{path} in {entry}");
        }
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.har");
    Writer::create(&path).expect("a file");
    assert_eq!(std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_file_cut_anywhere_gives_what_is_whole() {
    let entries = entries();
    let text = written(&entries);
    let mut seen = Vec::new();
    for end in 0..text.len() {
        match held(&text[..end]) {
            Ok((recording, info)) => {
                assert!(info.is_cut || text[end..].iter().all(u8::is_ascii_whitespace), "cut at {end}");
                assert_eq!(recording.entries, entries[..recording.entries.len()]);
                seen.push(recording.entries.len());
            }
            Err(error) => assert!(matches!(error, Error::Foreign(_)), "cut at {end}: {error}"),
        }
    }
    seen.dedup();
    assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn the_forms_of_exporters_are_understood() {
    let value = json!({ "log": { "pages": [{}], "entries": [
        {
            "startedDateTime": "2026-03-04T05:06:07.250+01:00", "time": 12.5, "connection": "443",
            "request": {
                "method": "POST", "url": "https://idp.example.com/token", "headers": [{ "name": ":path", "value": "/token" }, { "name": "Accept", "value": "*/*" }, { "name": 1 }],
                "postData": { "mimeType": "application/x-www-form-urlencoded", "params": [{ "name": "grant type", "value": "a&b" }, { "name": "x" }] },
            },
            "response": { "status": 200, "httpVersion": "http/2.0", "headers": null, "content": { "mimeType": "application/json", "text": "eyJhIjoxfQ==", "encoding": "base64" } },
            "timings": { "blocked": -1, "dns": 1, "connect": 2, "send": 0.5, "wait": 4, "receive": 5 },
        },
        { "startedDateTime": "2026-03-04T03:06:07Z", "time": null, "request": { "method": "GET", "url": "https://a.example.com/" },
          "response": { "status": 0, "_error": "net::ERR_CONNECTION_REFUSED", "content": {} } },
        { "startedDateTime": "2026-03-04T05:06:08Z", "request": { "method": "GET", "url": "https://a.example.com/" },
          "response": { "status": 204, "content": { "size": 44, "mimeType": "x-unknown" } } },
    ] } });
    let (recording, _) = held(format!("\u{feff}{value}").as_bytes()).expect("a HAR file");
    let [refused, form, empty] = recording.entries.as_slice() else { panic!("three entries, sorted by time") };
    assert_eq!((refused.failure.as_deref(), &refused.response), (Some("net::ERR_CONNECTION_REFUSED"), &None));
    assert_eq!(form.request.body.text(), Some("grant+type=a%26b&x="));
    assert_eq!(form.request.headers.len(), 2);
    assert_eq!(form.request.header("content-type"), Some("application/x-www-form-urlencoded"));
    let response = form.response.as_ref().expect("an answer");
    assert_eq!(
        (response.body.json(), response.header("content-type")),
        (Some(json!({ "a": 1 })), Some("application/json"))
    );
    assert_eq!((form.began, form.session.as_deref()), (Some(Duration::from_micros(7500)), Some("443")));
    assert_eq!(empty.response.as_ref().map(|response| response.body.left_out), Some(44));
}

#[test]
fn bodies_are_read_whether_the_exporter_decoded_them_or_not() {
    let json = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#;
    // As it is in Brotli.
    let brotli = [&[139, 22, 128], json.as_bytes(), &[3]].concat();
    let image = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR".to_vec();
    let base64 = |bytes: &[u8]| STANDARD.encode(bytes);
    for (content, expected) in [
        // Browsers.
        (json!({ "text": json }), json.as_bytes()),
        (json!({ "text": base64(json.as_bytes()), "encoding": "base64" }), json.as_bytes()),
        (json!({ "text": base64(&image), "encoding": "base64" }), &image),
        // Proxies that write what was on the wire.
        (json!({ "text": base64(&brotli), "encoding": "base64" }), json.as_bytes()),
        // Not all of it.
        (json!({ "text": base64(&brotli[..30]), "encoding": "base64" }), &brotli[..30]),
    ] {
        let entry = json!({
            "startedDateTime": "2026-03-04T03:06:07Z",
            "request": { "method": "GET", "url": "https://a.example.com/" },
            "response": { "status": 200, "headers": [{ "name": "Content-Encoding", "value": "br" }], "content": content },
        });
        let (recording, _) = held(json!({ "log": { "entries": [entry] } }).to_string().as_bytes()).expect("a HAR file");
        let response = recording.entries[0].response.as_ref().expect("an answer");
        assert_eq!((&response.body.bytes[..], response.body.left_out), (expected, 0), "{content}");
        assert_eq!(response.header("content-encoding"), Some("br"));
    }
}

#[test]
fn what_is_no_har_file_is_told() {
    assert_eq!(
        wrong(&json!({ "mcpServers": {}, "b": 1 })),
        "this is no HAR file: it has no `log` with `entries`, but `mcpServers`, `b`"
    );
    assert_eq!(wrong(&json!({})), "this is no HAR file: it has no `log` with `entries`, but no members");
    assert!(wrong(&json!([1])).contains("expected an object with a `log`"));
    assert!(wrong(&json!({ "log": { "entries": {} } })).contains("expected `entries`, which is a list"));
    let entry = |entry: Value| {
        let text = wrong(&json!({ "log": { "entries": [entry] } }));
        text.strip_prefix("line 1, column 20: entry 1: ").expect("its place").to_owned()
    };
    assert_eq!(entry(json!(1)), "it has no `request`");
    assert_eq!(entry(json!({ "request": {} })), "it has no `startedDateTime`");
    let at = "2026-03-04T03:06:07Z";
    assert_eq!(
        entry(json!({ "request": {}, "startedDateTime": "today" })),
        "`startedDateTime` is no RFC 3339 time: \"today\""
    );
    assert_eq!(entry(json!({ "request": {}, "startedDateTime": at })), "`request` has no `method`");
    let relative = json!({ "request": { "method": "GET", "url": "/a\u{1b}" }, "startedDateTime": at });
    assert!(entry(relative).ends_with("(relative URL without a base): \"/a\\u{1b}\""));
    let behind = json!({ "request": { "method": "GET", "url": "http://a/" }, "startedDateTime": at, "_behind": "a b" });
    assert_eq!(
        entry(behind),
        "`_behind` is no name of an upstream (letters, digits, `-`, `_` and `.`, at most 64): \"a b\""
    );
    let error = held(br#"{"log":{"entries":[{]}}"#).expect_err("broken");
    assert!(error.to_string().starts_with("line 1, column 21: "), "{error}");
    assert!(held(&b"[".repeat(100_000)).is_err());
    let begin = br#"{"log":{"entries":["#.as_slice();
    let deep = [begin, &b"[".repeat(100_000), &b"]".repeat(100_000), b"]}}"].concat();
    assert!(held(&deep).expect_err("refused").to_string().ends_with("entry 1: recursion limit exceeded"));
    let (recording, info) = held(&[begin, &b"[".repeat(100_000)].concat()).expect("cut off");
    assert_eq!((recording.entries.len(), info.is_cut), (0, true));
}

#[test]
fn an_entry_that_cannot_be_read_is_left_out_and_told() {
    let good = |second: u8| entry::to_json(&entry(second)).to_string();
    let texts = [
        good(1),
        r#"{"request":{"method":"GET","url":"http://a/"}}"#.to_owned(),
        good(2),
        // Half of a character, as where a browser cut a text; and a number beyond all.
        good(3).replacen("data: {}", "data: \\ud83d", 1),
        "  {\n\"time\": 1e999 }".to_owned(),
        "[]".to_owned(),
        good(4),
    ];
    let text = format!("{{ \"log\": {{\n \"entries\": [ {} ] }} }}", texts.join(",\n   "));
    let (recording, info) = held(text.as_bytes()).expect("a HAR file");
    assert_eq!(recording.entries, [entry(1), entry(2), entry(4)]);
    assert_eq!(
        (info.entries, info.notes("bug.har")),
        (
            3,
            vec![
                "entry 2 at bug.har:3:4 is left out: it has no `startedDateTime`".to_owned(),
                "entry 4 at bug.har:5:4 is left out: unexpected end of hex escape".to_owned(),
                "entry 5 at bug.har:6:6 is left out: number out of range".to_owned(),
                "entry 6 at bug.har:8:4 is left out: it has no `request`".to_owned(),
            ]
        )
    );
    // Cut off behind them.
    let (_, info) = held(&text.as_bytes()[..text.len() - 40]).expect("a HAR file");
    assert_eq!((info.entries, info.left_out.len(), info.is_cut), (2, 4, true));
}

#[test]
fn entries_that_cannot_be_read_are_listed_up_to_a_bound() {
    let good = entry::to_json(&entry(1)).to_string();
    let text = |bad: usize| format!("{{\"log\":{{\"entries\":[{}{good}]}}}}", "{},".repeat(bad));
    let notes = |bad: usize| held(text(bad).as_bytes()).expect("a HAR file").1.notes("a.har");
    assert_eq!(notes(20).len(), 20);
    assert_eq!(notes(21)[20], "1 more entry is left out that cannot be read");
    assert_eq!(notes(500)[20], "480 more entries are left out that cannot be read");
    let few = Limits { entries: 20, ..Limits::default() };
    assert_eq!(hold(text(20).as_bytes(), &few).expect_err("refused").to_string(), "it has more than 20 entries");
}

/// Endless text.
struct Endless(&'static [u8]);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.0.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.0[..length]);
        Ok(length)
    }
}

#[test]
fn bounds_hold() {
    let text = written(&entries());
    let small = |limits: Limits| hold(text.as_slice(), &limits).expect_err("refused").to_string();
    assert_eq!(small(Limits { entries: 2, ..Limits::default() }), "it has more than 2 entries");
    assert!(small(Limits { held: 1000, ..Limits::default() }).starts_with("its entries hold more than 0 MiB"));
    let limits = Limits { entry: 1 << 20, ..Limits::default() };
    for start in [r#"{"log":{"entries":[{"a":""#, r#"{"log":{"entries":[{}],"a":""#, r#"{"log":{"comment":""#, "\"", ""]
    {
        let endless = start.as_bytes().chain(Endless(b"aaaaaaaaaaaaaaaa"));
        assert!(hold(endless, &limits).is_err(), "{start}");
    }
    let endless = br#"{"log":{"entries":[{"a":""#.as_slice().chain(Endless(b"aaaaaaaaaaaaaaaa"));
    assert_eq!(hold(endless, &limits).expect_err("refused").to_string(), "entry 1 is larger than 1 MiB");
}

#[test]
fn a_large_file_is_read_entry_by_entry() {
    // Only its entries one at a time: the limit of an entry is far below the whole.
    let entry = entry::to_json(&entry(1)).to_string();
    let many = format!("{{\"log\":{{\"entries\":[{}]}}}}", vec![entry.as_str(); 2000].join(","));
    let limits = Limits { entry: 16 << 10, ..Limits::default() };
    let mut count = 0;
    let info = read(many.as_bytes(), &limits, &mut |_| {
        count += 1;
        Ok(())
    });
    assert_eq!((info.expect("read").entries, count), (2000, 2000));
}
