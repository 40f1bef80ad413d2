//! `gauntlet mock --from` and `gauntlet replay`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use serde_json::{Value, json};

use crate::support::{Folder, nowhere, serve, wait_for};

const URL: &str = "https://recorded.example/mcp";

/// An entry of a HAR file.
fn entry(second: u8, request: &Value, response: &Value) -> Value {
    let header = |name: &str, value: &str| json!({ "name": name, "value": value });
    json!({
        "startedDateTime": format!("2026-01-01T00:00:{second:02}.000Z"), "time": 20,
        "request": {
            "method": "POST", "url": URL, "httpVersion": "HTTP/1.1", "cookies": [], "queryString": [],
            "headers": [
                header("content-type", "application/json"), header("accept", "application/json, text/event-stream"),
                header("authorization", "Bearer canary-of-the-recording"),
            ],
            "postData": { "mimeType": "application/json", "text": request.to_string() }, "headersSize": -1, "bodySize": -1,
        },
        "response": {
            "status": if response.is_null() { 202 } else { 200 }, "statusText": "", "httpVersion": "HTTP/1.1", "cookies": [],
            "headers": if response.is_null() { json!([]) } else { json!([header("content-type", "application/json")]) },
            "content": { "size": 1, "mimeType": "application/json", "text": if response.is_null() { String::new() } else { response.to_string() } },
            "redirectURL": "", "headersSize": -1, "bodySize": -1,
        },
        "cache": {}, "timings": { "send": 0, "wait": 20, "receive": 0 },
    })
}

fn har(entries: &[Value]) -> String {
    json!({ "log": { "version": "1.2", "creator": { "name": "test", "version": "1" }, "entries": entries } })
        .to_string()
}

fn call(id: Value, tool: &str, arguments: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool, "arguments": arguments } })
}

fn result(id: Value, text: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [{ "type": "text", "text": text }] } })
}

/// Two searches, of which one gives a token.
fn bug() -> String {
    har(&[
        entry(0, &json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }), &Value::Null),
        entry(1, &call(json!(1), "search", json!({ "query": "rust" })), &result(json!(1), "found rust")),
        entry(
            2,
            &call(json!(2), "search", json!({ "query": "token" })),
            &json!({ "jsonrpc": "2.0", "id": 2, "result": { "access_token": "canary-of-an-answer-0001" } }),
        ),
    ])
}

/// A recording that is served until this is dropped.
struct Served {
    child: Child,
    out: BufReader<ChildStdout>,
    url: String,
}

impl Served {
    fn start(folder: &Folder, more: &[&str]) -> Self {
        let mut command = folder.command(&[&["mock", "--from"], more].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap().to_owned();
        Self { child, out, url }
    }

    /// The rest of what it says, once it has ended.
    fn end(mut self) -> String {
        self.child.kill().unwrap();
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.out, &mut rest).unwrap();
        rest
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_recording_answers_and_is_sent_to_itself() {
    let folder = Folder::new(&[("bug.har", &bug())]);
    let served = Served::start(&folder, &["bug.har"]);
    let said = folder.run(&["replay", "bug.har", "--target", &served.url, "--yes", "-v"]);
    said.assert_code(0).assert_says("same      #2  tools/call search").assert_says("3 same, 0 changed, 0 not sent");
    // Nobody knows whether the tool is harmless.
    let said = folder.run(&["replay", "bug.har", "--target", &served.url]);
    said.assert_code(0).assert_says("not sent  #2  tools/call search").assert_says("`--yes`");
    let role = format!("gateway={}", served.url);
    let said = folder.run(&["replay", "bug.har", "--target", &role, "--yes"]);
    said.assert_code(0).assert_says("3 same, 0 changed, 0 not sent, on gateway at http");
    let journal = served.end();
    assert!(journal.contains("(recorded as #2)") && journal.contains("(not recorded)"), "{journal}");
    assert!(!format!("{journal}{}", said.both()).contains("canary"), "{journal}");
}

#[test]
fn another_answer_is_shown_line_by_line() {
    let other = bug().replace("found rust", "found\\\\u001b[2J nothing");
    let folder = Folder::new(&[("bug.har", &bug()), ("other.har", &other)]);
    let served = Served::start(&folder, &["other.har"]);
    let said = folder.run(&["replay", "bug.har", "--target", &served.url, "--yes"]);
    said.assert_code(1).assert_says("CHANGED   #2  tools/call search").assert_says("2 same, 1 changed, 0 not sent");
    said.assert_says("\"text\":\"found rust\"}]}}").assert_says("\"text\":\"found\\u001b[2J nothing\"}");
    assert!(!said.both().contains('\u{1b}') && !said.both().contains("canary"), "{}", said.both());
    let said = folder.run(&["replay", "bug.har", "--target", &served.url, "--yes", "--format", "json", "-o", "r.json"]);
    said.assert_code(1);
    let report: Value = serde_json::from_str(&folder.read("r.json")).unwrap();
    assert_eq!((&report["format"], &report["changed"]), (&json!("gauntlet-replay/1"), &json!(1)));
    assert_eq!((&report["exchanges"][1]["outcome"], &report["exchanges"][1]["number"]), (&json!("changed"), &json!(2)));
    folder.run(&["replay", "bug.har", "--target", &served.url, "--yes", "--requests", "1,3"]).assert_code(0);
    served.end();
}

#[test]
fn an_interrupt_shows_what_was_answered() {
    let (asked, hangs) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (count, hanging) = (Arc::clone(&asked), Arc::clone(&hangs));
    let url = serve(move |_, body| {
        if count.fetch_add(1, Relaxed) == 1 {
            hanging.store(true, Relaxed);
            return Vec::new();
        }
        let status = if body.contains("notifications/") { "202 Accepted" } else { "200 OK" };
        format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").into_bytes()
    });
    let folder = Folder::new(&[("bug.har", &bug())]);
    let interrupted = |more: &[&str]| {
        asked.store(0, Relaxed);
        hangs.store(false, Relaxed);
        let mut command = folder
            .command(&[&["replay", "bug.har", "--yes", "--step-timeout", "50s", "--target", &url], more].concat());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for("the second request has arrived", || hangs.load(Relaxed));
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let said = interrupted(&[]);
    assert!(said.starts_with("same      #1  notifications/initialized\n"), "{said}");
    assert!(said.ends_with("\ninterrupted; not answered any more: 2\n") && !said.contains("#2"), "{said}");
    let report: Value = serde_json::from_str(&interrupted(&["--format", "json"])).unwrap();
    assert_eq!((&report["same"], &report["interrupted"]), (&json!(1), &json!(2)));
}

#[test]
fn a_request_without_an_answer_is_answered_for_the_first_time() {
    let line = "curl https://recorded.example/mcp -H 'content-type: application/json' -H 'accept: application/json, text/event-stream' \
                --data '{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{\"name\":\"search\",\"arguments\":{\"query\":\"rust\"}}}'";
    let folder = Folder::new(&[("bug.har", &bug()), ("bug.curl", line)]);
    let served = Served::start(&folder, &["bug.har"]);
    let said = folder.run(&["replay", "bug.curl", "--target", &served.url, "--yes"]);
    said.assert_code(0).assert_says("answered  #1  tools/call search").assert_says("found rust");
    served.end();
    let served = Served::start(&folder, &["bug.curl"]);
    let said = folder.run(&["replay", "bug.har", "--target", &served.url, "--yes", "--requests", "2"]);
    said.assert_code(1).assert_says("has the request #1 `tools/call search` without an answer");
    served.end();
}

#[test]
fn it_answers_over_stdio_too() {
    let folder = Folder::new(&[("bug.har", &bug())]);
    let mut command = folder.command(&["mock", "--from", "bug.har", "--stdio"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for query in ["rust", "go"] {
        writeln!(stdin, "{}", call(json!(query), "search", json!({ "query": query }))).unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0], result(json!("rust"), "found rust"));
    assert_eq!(lines[1]["error"]["data"]["differs"], json!(["arguments.query: `rust` recorded, `go` asked"]));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn what_cannot_be_done_is_told() {
    let folder = Folder::new(&[
        ("bug.har", &bug()),
        ("cut.har", &bug()[..bug().len() / 2]),
        ("empty.har", &har(&[])),
        ("servers.json", "{\"mcpServers\":{\"a\":{\"url\":\"https://a.example\"}}}"),
    ]);
    let replay = |more: &[&str]| folder.run(&[&["replay"], more].concat());
    replay(&["bug.har", "--target", &nowhere(), "--yes"]).assert_code(3).assert_says("Connection refused");
    // Nobody is there who could say what a tool does.
    replay(&["bug.har", "--target", &nowhere()]).assert_code(3).assert_says("Connection refused");
    replay(&["bug.har", "--target", &nowhere(), "--requests", "2"]).assert_code(3).assert_says("Connection refused");
    replay(&["bug.har", "--target", "nobody"]).assert_code(2).assert_says("neither a URL nor a target");
    replay(&["none.har", "--target", "mcp-server"]).assert_code(2).assert_says("cannot read none.har");
    replay(&["servers.json", "--target", "mcp-server"]).assert_code(2).assert_says("which servers a client knows");
    replay(&["empty.har", "--target", "mcp-server"]).assert_code(2);
    replay(&["bug.har", "--target", "mcp-server", "--requests", "4"]).assert_code(2).assert_says("the recording has 3");
    replay(&["bug.har", "--target", "mcp-server", "--requests", "x"]).assert_code(2).assert_says("write `3,5-9`");
    replay(&["bug.har", "--target", "mcp-server", "--session", "9"]).assert_code(2).assert_says("no session `9`");
    let mock = |more: &[&str]| folder.run(&[&["mock"], more].concat());
    mock(&["--from", "empty.har"]).assert_code(2);
    mock(&["kiro-runtime", "--from", "bug.har"]).assert_code(2).assert_says("cannot be used with");
    mock(&["kiro-runtime", "--wrap"]).assert_code(2);
    mock(&[]).assert_code(2);
}

#[test]
fn an_upstream_is_a_mock_or_a_recording() {
    let folder = Folder::new(&[("bug.har", &bug())]);
    let with = |upstream: &str| {
        folder.write(
            "gauntlet.yaml",
            format!("targets:\n  gw:\n    command: [x]\n    transport: stdio\n    upstreams: {{ a: {upstream} }}\n"),
        );
        folder.run(&["list"])
    };
    with("{ recorded: bug.har, given: { wrap: true } }").assert_code(0);
    with("{ recorded: bug.har, mock: mcp-server }").assert_code(2).assert_says("either `mock` or `recorded`");
    with("{ given: {} }").assert_code(2).assert_says("either `mock` or `recorded`");
    with("{ recorded: bug.har, defects: [x] }").assert_code(2).assert_says("a recording has no defects");
    with("{ recorder: bug.har }").assert_code(2).assert_says("did you mean `recorded`?");
}
