use std::io::Cursor;

use super::*;

fn entry(url: &str, request: Value, response: Value) -> Value {
    let mut request = request;
    request["url"] = url.into();
    json!({ "startedDateTime": "2026-11-21T10:00:00.000Z", "time": 5, "request": request, "response": response })
}

fn har(entries: &[Value]) -> String {
    json!({ "log": { "version": "1.2", "creator": { "name": "test", "version": "1" }, "entries": entries } })
        .to_string()
}

fn get() -> Value {
    json!({ "method": "GET", "headers": [] })
}

fn post(body: &str) -> Value {
    json!({ "method": "POST", "headers": [{ "name": "Content-Type", "value": "application/json" }], "postData": { "mimeType": "application/json", "text": body } })
}

fn ok() -> Value {
    json!({ "status": 200, "headers": [], "content": { "mimeType": "application/json", "text": "{}" } })
}

const LIST: &str = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}";

fn mixed() -> String {
    har(&[
        entry("https://app.example.com/", get(), ok()),
        entry("https://cdn.example.com/app.js", get(), ok()),
        entry("https://api.example.com/rpc", json!({ "method": "OPTIONS", "headers": [] }), ok()),
        entry("https://api.example.com/rpc", post(LIST), ok()),
        entry("https://api.example.com:8443/mcp", get(), ok()),
        entry("https://api.example.com/.well-known/oauth-protected-resource/mcp", get(), ok()),
        entry("https://idp.example.com/v1/authorize?response_type=code&client_id=a", get(), ok()),
        entry("https://idp.example.com/exchange", post("grant_type=authorization_code&code=1"), ok()),
        entry("http://localhost:1234/cb?code=1&state=2", get(), ok()),
        entry("https://app.example.com/api/items", post("{}"), ok()),
        entry(
            "https://api.example.com/x",
            get(),
            json!({ "status": 401, "headers": [{ "name": "WWW-Authenticate", "value": "Bearer resource_metadata=\"https://a\"" }], "content": {} }),
        ),
        entry("https://gw.example.com/v1/messages", post("{\"model\":\"m\"}"), ok()),
        entry("data:text/plain,x", get(), ok()),
    ])
}

fn taken(text: &str, options: &Options) -> (Vec<String>, Vec<String>) {
    let imported = open(text.as_bytes(), "r.har", options).unwrap_or_else(|error| panic!("{error}"));
    let Content::Traffic(recording) = imported.content else { panic!() };
    let urls = recording.entries.iter().map(|entry| entry.request.url.clone()).collect();
    (urls, imported.notes.iter().map(ToString::to_string).collect())
}

#[test]
fn what_matters_is_taken() {
    let (urls, notes) = taken(&mixed(), &Options::default());
    assert_eq!(
        urls,
        [
            "https://api.example.com/rpc",
            "https://api.example.com:8443/mcp",
            "https://api.example.com/.well-known/oauth-protected-resource/mcp",
            "https://idp.example.com/v1/authorize?response_type=code&client_id=a",
            "https://idp.example.com/exchange",
            "http://localhost:1234/cb?code=1&state=2",
            "https://api.example.com/x",
            "https://gw.example.com/v1/messages",
        ]
    );
    assert_eq!(
        notes,
        [
            "1 entry left out: browsers ask by OPTIONS whether they may (`--only all` takes it)",
            "4 entries left out: neither MCP nor a way to its credentials (`--only all` takes it)",
        ]
    );
    let (urls, notes) = taken(&mixed(), &Options { only: Only::All, ..Options::default() });
    assert_eq!((urls.len(), notes.len()), (13, 0));
    let hosts = vec!["API.example.com".to_owned()];
    let (urls, notes) = taken(&mixed(), &Options { hosts, ..Options::default() });
    assert_eq!(urls.len(), 4);
    assert_eq!(notes[1], "8 entries left out: of other hosts than `--host` names");
    let hosts = vec!["api.example.com:8443".to_owned()];
    assert_eq!(taken(&mixed(), &Options { hosts, ..Options::default() }).0, ["https://api.example.com:8443/mcp"]);
    let hosts = vec!["nowhere.example".to_owned()];
    let error = open(mixed().as_bytes(), "r.har", &Options { hosts, ..Options::default() }).unwrap_err().to_string();
    assert!(error.starts_with("r.har: none of 13 entries is of the hosts that `--host` names and is MCP or leads to its credentials; there are api.example.com (4), app.example.com (2)"), "{error}");
    let page = har(&[entry("https://app.example.com/", get(), ok())]);
    assert_eq!(
        refused(&page),
        "report: none of 1 entry is MCP or leads to its credentials; their hosts: app.example.com (1). `--only all` takes them all"
    );
    assert_eq!(refused(&har(&[])), "report: a HAR file without entries: nothing was recorded");
}

#[test]
fn a_file_that_ends_in_the_middle_gives_what_is_whole() {
    let text =
        har(&(0..20).map(|n| entry(&format!("https://a.example/mcp?n={n}"), post(LIST), ok())).collect::<Vec<_>>());
    let mut read = Vec::new();
    for tenth in 1..10 {
        let cut = &text[..text.len() * tenth / 10];
        let (urls, notes) = taken(cut, &Options::default());
        let expected = cut.matches("\"content\"").count();
        // The last entry may be cut behind its content.
        assert!(urls.len() == expected || urls.len() + 1 == expected, "{} of {expected}", urls.len());
        assert_eq!(
            notes,
            [format!(
                "the file ends in the middle, at byte {}: {} whole {} read, what came then is lost",
                cut.len(),
                urls.len(),
                if urls.len() == 1 { "entry was" } else { "entries were" }
            )]
        );
        read.push(urls.len());
    }
    assert!(read.is_sorted() && read[0] > 0 && read[8] < 20, "{read:?}");
    let early = &text[..text.find("\"content\"").unwrap()];
    assert_eq!(
        refused(early),
        format!("report: ends in the middle, at byte {}, before its first entry is whole", early.len())
    );
}

#[test]
fn broken_and_foreign_files() {
    for (text, expected) in [
        ("{\"log\": {\"entries\": [}", "report: line 1, column 22: expected value"),
        (
            "{\"log\": {\"entries\": [{\"startedDateTime\": \"2026-01-01T00:00:00Z\"}]}}",
            "report: line 1, column 22: entry 1: it has no `request`",
        ),
        ("{\"log\": 1}", "report: this is no HAR file"),
        ("{\"log\": {}}", "report: this is no HAR file"),
        ("{\"log\": {\"entries\": {}}}", "`entries`, which is a list"),
        (
            "{\"log\": {\"entries\": [{\"startedDateTime\": \"yesterday\", \"request\": {\"method\": \"GET\", \"url\": \"https://a\"}}]}}",
            "`startedDateTime` is no RFC 3339 time",
        ),
    ] {
        assert!(refused(text).contains(expected), "{text}: {}", refused(text));
    }
}

#[test]
fn an_entry_that_cannot_be_read_is_told_with_its_place() {
    let text = har(&[json!({}), entry("https://a.example/mcp", post(LIST), ok()), json!({ "request": {} })]);
    let (urls, notes) = taken(&text, &Options::default());
    assert_eq!(urls, ["https://a.example/mcp"]);
    let column = text.find("{},").unwrap() + 1;
    assert_eq!(notes[0], format!("entry 1 at r.har:1:{column} is left out: it has no `request`"));
    assert_eq!((notes.len(), notes[1].ends_with("it has no `startedDateTime`")), (2, true), "{notes:?}");
}

#[test]
fn hostile_entries() {
    let deep = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":{}{}}}",
        "[".repeat(5000),
        "]".repeat(5000)
    );
    let headers: Vec<Value> = (0..2000)
        .map(|n| json!({ "name": format!("X-{n}\u{202e}"), "value": "v\u{0}\r\n\u{1b}[2J".repeat(20) }))
        .collect();
    let mut request = post(&deep);
    request["headers"] = headers.into();
    let text = har(&[entry(
        "https://a.example/mcp?\u{202e}=\u{0}",
        request,
        json!({ "status": "NaN", "content": { "encoding": "base64", "text": "!!!" } }),
    )]);
    let (urls, _) = taken(&text, &Options::default());
    assert_eq!(urls.len(), 1);
    let nested = format!("{{\"log\": {{\"entries\": [{}", "[".repeat(100_000));
    assert!(refused(&nested).contains("before its first entry is whole"), "{}", refused(&nested));
    let nested = format!("{nested}{}]}}}}", "]".repeat(100_000));
    assert!(refused(&nested).contains("entry 1: recursion limit"), "{}", refused(&nested));
    let host =
        har(&[entry("https://a.example/\u{1b}[2J", get(), ok()), entry("https://\u{202e}b.example/", get(), ok())]);
    let error = refused(&host);
    assert!(!error.contains(['\u{1b}', '\u{202e}']), "{error:?}");
}

/// Entries without end, made as they are read.
struct Endless {
    part: Cursor<Vec<u8>>,
    left: u64,
    page: Vec<u8>,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.part.read(buffer)?;
            if read > 0 || self.left == 0 {
                return Ok(read);
            }
            self.left = self.left.saturating_sub(self.page.len() as u64);
            let next = if self.left == 0 {
                b"{\"startedDateTime\":\"2026-01-01T00:00:00Z\",\"request\":{\"method\":\"GET\",\"url\":\"https://a.example/mcp\"}}]}}".to_vec()
            } else {
                self.page.clone()
            };
            self.part = Cursor::new(next);
        }
    }
}

#[test]
fn size_does_not_matter() {
    let body = "x".repeat(256 << 10);
    let page = entry("https://cdn.example.com/app.js", get(), json!({ "status": 200, "content": { "text": body } }))
        .to_string()
        + ",";
    let endless = || Endless {
        part: Cursor::new(b"{\"log\":{\"entries\":[".to_vec()),
        left: 7 << 20,
        page: page.clone().into_bytes(),
    };
    // No more is held than is taken: the whole is seven times the bound.
    let mut limits = Limits::default();
    limits.har.held = 1 << 20;
    let options = Options { limits, ..Options::default() };
    let imported = open(endless(), "big", &options).unwrap();
    let Content::Traffic(recording) = imported.content else { panic!() };
    assert_eq!(recording.entries.len(), 1);
    assert_eq!(
        imported.notes[0].text,
        "27 entries left out: neither MCP nor a way to its credentials (`--only all` takes it)"
    );
    let error = open(endless(), "big", &Options { only: Only::All, ..options }).unwrap_err().to_string();
    assert_eq!(
        error,
        "big: its entries hold more than 1 MiB; take a part of them by `--host`, or without `--only all`"
    );
}
