//! Recordings of both sides of a gateway, and answers in the place of what is behind it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Folder, Running};

/// A mock or a recorder.
struct Server {
    process: Running,
    /// Scheme, host and port.
    origin: String,
    /// What a mock tells of itself.
    vars: BTreeMap<String, String>,
}

impl Server {
    /// `url` finds its address in the first line that it says.
    fn start(folder: &Folder, arguments: &[&str], url: impl Fn(&str) -> Option<&str>) -> Self {
        let mut command = folder.command(arguments);
        let mut process = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::null()));
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let first = lines.next().unwrap_or_default();
        let origin = url(&first).unwrap_or_default().split('/').take(3).collect::<Vec<_>>().join("/");
        assert!(origin.starts_with("http://127.0.0.1:"), "{first}");
        // A recorder says nothing more.
        let most = if arguments[0] == "mock" { usize::MAX } else { 0 };
        let told = lines.by_ref().take(most).take_while(|line| !line.starts_with("Ctrl-C"));
        let vars = told.filter_map(|line| line.trim().split_once(" = ").map(|(n, v)| (n.to_owned(), v.to_owned())));
        let vars = vars.collect();
        // Its journal is read so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, origin, vars }
    }

    fn mock(folder: &Folder, name: &str, config: &Value) -> Self {
        let file = format!("{name}.json");
        folder.write(&file, config.to_string());
        Self::start(folder, &["mock", name, "--port", "0", "--config", &file], |line| line.rsplit(' ').next())
    }

    fn recorder(folder: &Folder, upstream: &str, file: &str) -> Self {
        let arguments = ["record", "--listen", "0", "--upstream", upstream, "-o", file];
        Self::start(folder, &arguments, |line| line.strip_prefix("recorder at ")?.split(' ').next())
    }

    /// Ends it as Ctrl-C does, and waits.
    fn end(self) {
        assert!(Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().unwrap().success());
        assert_eq!(self.process.said().code, Some(0));
    }
}

/// Sends a document and gives the whole answer.
fn post(origin: &str, path: &str, headers: &str, body: &Value) -> String {
    let host = origin.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    let body = body.to_string();
    let length = body.len();
    write!(stream, "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A search through a gateway that falls over a date as a text, which its runtime gives; recorded on both sides.
fn recorded(folder: &Folder) {
    let results = json!([{ "title": "One", "url": "https://example.org/one", "snippet": "First.", "publishedDate": "2026-04-07T00:00:00Z" }]);
    let runtime =
        Server::mock(folder, "kiro-runtime", &json!({ "account": "identity-center", "search_results": results }));
    let behind = Server::recorder(folder, &runtime.origin, "behind.har");
    let credentials: Value = serde_json::from_str(&runtime.vars["credentials"]).unwrap();
    let gateway = Server::mock(
        folder,
        "kiro-gateway",
        &json!({ "upstreams": { "runtime": behind.origin }, "credentials": credentials, "defects": ["iso-dates-crash"] }),
    );
    let front = Server::recorder(folder, &gateway.origin, "front.har");
    let query = json!({
        "model": "claude-sonnet-4.5", "max_tokens": 100, "stream": false,
        "messages": [{ "role": "user", "content": "Perform a web search for the query: rust 2026 edition" }],
        "tools": [{ "type": "web_search_20250305", "name": "web_search" }],
        "tool_choice": { "type": "tool", "name": "web_search" },
    });
    let key = gateway.vars["api_key"].trim_matches('"');
    let answer = post(&front.origin, "/v1/messages", &format!("x-api-key: {key}\r\n"), &query);
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    front.end();
    behind.end();
}

fn entries(folder: &Folder, file: &str) -> Vec<Value> {
    let har: Value = serde_json::from_str(&folder.read(file)).unwrap();
    har["log"]["entries"].as_array().unwrap().clone()
}

#[test]
fn a_bug_that_needs_an_answer_of_the_upstream_is_met_again_on_the_mock() {
    let folder = Folder::new(&[]);
    recorded(&folder);
    let both = ["import", "front.har", "--behind", "runtime=behind.har"];
    folder.run(&[&both[..], &["-o", "both.har"]].concat()).assert_code(0).assert_says("HAR file, 2 requests");
    let sides: Vec<Value> = entries(&folder, "both.har").iter().map(|entry| entry["_behind"].clone()).collect();
    assert_eq!(sides, [Value::Null, json!("runtime")]);

    // The two files, and the one that they make, are the same to every command.
    let role = ["--role", "kiro-gateway"];
    let made = folder.run(&[&both[..], &role, &["-o", "bug.yaml"]].concat());
    made.assert_code(0).assert_says("for the role kiro-gateway, 1 step");
    made.assert_says(
        "one stub answers as runtime did; sessions, lists, sign-ins and what was refused are the mock's own",
    );
    folder.run(&[&["import", "both.har", "-o", "again.yaml"], &role[..]].concat()).assert_code(0);
    let without_head = |name: &str| folder.read(name).lines().skip(1).collect::<Vec<_>>().join("\n");
    assert_eq!(without_head("bug.yaml"), without_head("again.yaml"));
    for arguments in [&["diagnose", "both.har"][..], &["diagnose", "front.har", "--behind", "runtime=behind.har"]] {
        let found = folder.run(arguments);
        found.assert_code(0).assert_says("kiro.date-as-text").assert_says("→ runtime  POST");
    }
    folder.run(&["diagnose", "front.har"]).assert_code(1).assert_says("no known failure");

    let run = |more: &[&str]| {
        let mut command = folder.command(&[&["run", "bug.yaml", "--secret", "x-api-key"], more].concat());
        crate::support::said(&command.env("X_API_KEY", "fake-kiro-gateway-key-0000").output().unwrap())
    };
    let red = run(&["--defect", "kiro-gateway:iso-dates-crash"]);
    red.assert_code(1).assert_says("runtime noted: answered by stubs[0] of the scenario");
    red.assert_says("hint   kiro.date-as-text");
    run(&[]).assert_code(0).assert_says("1 pass");
}

/// A HAR file of requests: second, URL, token, what is asked.
fn har(requests: &[(u8, &str, &str, Value)]) -> String {
    let entry = |(second, url, token, body): &(u8, &str, &str, Value)| {
        json!({
            "startedDateTime": format!("2026-03-04T05:06:{second:02}Z"), "time": 500,
            "request": {
                "method": "POST", "url": url, "headers": [{ "name": "authorization", "value": token }],
                "postData": { "mimeType": "application/json", "text": body.to_string() },
            },
            "response": {
                "status": 200, "headers": [],
                "content": { "mimeType": "application/json", "text": json!({ "jsonrpc": "2.0", "id": 1, "result": { "content": [{ "type": "text", "text": format!("said by {}", &url[17..21]) }] } }).to_string() },
            },
        })
    };
    json!({ "log": { "entries": requests.iter().map(entry).collect::<Vec<_>>() } }).to_string()
}

fn call(tool: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool, "arguments": {} } })
}

const FRONT: &str = "http://127.0.0.1:8000/mcp";
const BEHIND: &str = "http://127.0.0.1:9000/mcp";

#[test]
fn secrets_of_two_recorders_are_told_apart() {
    let token = "Bearer ${secret:authorization}";
    let folder = Folder::new(&[
        ("front.har", &har(&[(1, FRONT, token, call("a")), (3, FRONT, token, call("b"))])),
        ("behind.har", &har(&[(1, BEHIND, token, call("a ${secret:authorization}"))])),
    ]);
    folder.run(&["import", "front.har", "--behind", "runtime=behind.har", "-o", "both.har"]).assert_code(0);
    let entries = entries(&folder, "both.har");
    let tokens: Vec<&str> =
        entries.iter().map(|entry| entry["request"]["headers"][0]["value"].as_str().unwrap()).collect();
    assert_eq!(tokens, [token, "Bearer ${secret:authorization-runtime}", token], "in order of time");
    let body = entries[1]["request"]["postData"]["text"].as_str().unwrap();
    assert!(body.contains("a ${secret:authorization-runtime}"), "{body}");
}

#[test]
fn each_side_is_served_by_itself() {
    let folder = Folder::new(&[
        ("front.har", &har(&[(1, FRONT, "x", call("a")), (3, FRONT, "x", call("b"))])),
        ("behind.har", &har(&[(1, BEHIND, "x", call("a"))])),
    ]);
    folder.run(&["import", "front.har", "--behind", "runtime=behind.har", "-o", "both.har"]).assert_code(0);
    let served = |more: &[&str]| {
        let arguments = [&["mock", "--from", "both.har", "--port", "0"], more].concat();
        let server = Server::start(&folder, &arguments, |line| line.rsplit(' ').next());
        post(&server.origin, "/mcp", "", &call("a"))
    };
    assert!(served(&[]).contains("said by 8000"));
    assert!(served(&["--behind", "runtime"]).contains("said by 9000"));
    let wrong = folder.run(&["mock", "--from", "both.har", "--behind", "rt", "--port", "0"]);
    wrong.assert_code(2).assert_says("nothing in it was asked of an upstream `rt`; of runtime there is");
    let wrong = folder.run(&["mock", "--from", "front.har", "--behind", "runtime", "--port", "0"]);
    wrong.assert_code(2).assert_says("front.har: it was recorded in front of its target only");
    let said = folder.run(&["replay", "both.har", "--target", "mock:mcp-server", "--yes"]);
    said.assert_says("both.har: 1 left out that the target asked of others behind it").assert_says("#2  tools/call b");
}

#[test]
fn a_recording_of_both_sides_stands_behind_a_target_as_its_upstream() {
    let config = |upstream: &str| {
        format!(
            "targets:\n  gateway:\n    mock: gateway\n    given: {{ upstreams: {{ upstream: \"${{upstreams.{upstream}.url}}\" }} }}\n    \
             upstreams: {{ {upstream}: {{ recorded: both.har }} }}\n"
        )
    };
    let folder = Folder::new(&[
        ("front.har", &har(&[(1, FRONT, "x", call("a"))])),
        ("behind.har", &har(&[(1, BEHIND, "x", call("a"))])),
        ("gauntlet.yaml", &config("runtime")),
        (
            "a.yaml",
            "id: a.b\ntitle: t\ntarget: gateway\nlifecycle: bare\nsteps:\n  - call: tools/call\n    params: { name: a, arguments: {} }\n    \
             expect: { result: { content: [{ text: said by 9000 }] } }\n",
        ),
    ]);
    folder.run(&["import", "front.har", "--behind", "runtime=behind.har", "-o", "both.har"]).assert_code(0);
    folder.run(&["run", "a.yaml"]).assert_code(0).assert_says("1 pass");
    folder.write("gauntlet.yaml", config("rt"));
    let wrong = folder.run(&["run", "a.yaml"]);
    wrong.assert_says("both.har: nothing in it was asked of an upstream `rt`; of runtime there is");
}

#[test]
fn what_is_wrong_with_the_other_side_is_told() {
    let folder = Folder::new(&[
        ("front.har", &har(&[(1, FRONT, "x", call("a"))])),
        ("later.har", &har(&[(40, BEHIND, "x", call("a"))])),
        ("mcp.json", r#"{ "mcpServers": { "a": { "url": "https://a.example/mcp" } } }"#),
    ]);
    let import = |file: &str, behind: &str| folder.run(&["import", file, "--behind", behind, "-o", "out.har"]);
    import("front.har", "later.har").assert_code(2).assert_says("--behind later.har: it is NAME=FILE, as");
    import("front.har", "a b=later.har").assert_code(2).assert_says("`a b` is no name of an upstream: letters, digits");
    import("front.har", "runtime=no.har").assert_code(2).assert_says("cannot read no.har");
    import("mcp.json", "runtime=later.har").assert_code(2).assert_says("`--behind` is for a recording in front");
    let noted = import("front.har", "runtime=later.har");
    noted
        .assert_code(0)
        .assert_says("note      later.har: nothing was asked of `runtime` while a request in front was open");
}

/// The server fails once, and then the mock answers.
const COMES_BACK: &str = "\
id: comes-back
title: After a failure of the server the next call goes through
target: gateway
stubs:
  - at: upstream
    match: { body: { method: tools/call } }
    times: 1
    respond: { status: 503, json: { sorry: true } }
steps:
  - call: tools/call
    params: { name: echo, arguments: { message: one } }
    expect: { status: 503 }
  - call: tools/call
    params: { name: echo, arguments: { message: two } }
    expect: { result: { content: [{ text: two }, { type: text }] } }
  - received: upstream
    where: { body: { method: tools/call } }
    count: 2
";

#[test]
fn a_stub_answers_in_the_place_of_an_upstream_so_often() {
    let folder = Folder::new(&[
        ("a.yaml", COMES_BACK),
        ("b.yaml", &COMES_BACK.replace("    times: 1\n", "")),
        ("c.yaml", &COMES_BACK.replace("upstream\n", "backend\n")),
    ]);
    folder.run(&["run", "a.yaml", "--mcp-version", "2025-06-18"]).assert_code(0).assert_says("1 pass");
    let always = folder.run(&["run", "b.yaml", "--mcp-version", "2025-06-18"]);
    always.assert_code(1).assert_says("upstream noted: answered by stubs[0] of the scenario");
    let nowhere = folder.run(&["run", "c.yaml", "--mcp-version", "2025-06-18"]);
    nowhere.assert_code(3).assert_says("the target has no upstream mock `backend` behind it");
}
