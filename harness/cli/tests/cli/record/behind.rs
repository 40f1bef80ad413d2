//! One recorder on both sides of a gateway.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Stdio;

use gauntlet::repro::har;
use gauntlet::repro::recording::Recording;

use super::lab::{Recorder, ask, entries};
use crate::support::{Folder, Running, answer_on, nowhere, response, serve};

const CALL: &str =
    r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"web_search","arguments":{"query":"rust"}}}"#;
const TOKEN: &str = "t0ken-0f-th3-c4n4ry-9f8e7d6c5b4a";

/// Answers what it was asked by whom.
fn runtime() -> String {
    serve(|head, body| {
        let by = head.lines().find_map(|line| line.strip_prefix("x-by: ")).unwrap_or("nobody");
        let text = format!("{{\"by\":\"{by}\",\"length\":{},\"token\":\"{TOKEN}\"}}", body.len());
        response("200 OK", "content-type: application/json\r\n", text)
    })
}

/// A gateway that asks what is behind it, with the credentials of its client, and answers as that.
fn gateway(listener: TcpListener, behind: Vec<String>) {
    answer_on(listener, move |head, body| {
        let token = head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default();
        let answers = behind.iter().map(|url| {
            let answer = ask(url, &format!("POST /mcp HTTP/1.1\r\nx-by: gateway\r\nauthorization: {token}"), body);
            String::from_utf8(answer).unwrap().split_once("\r\n\r\n").unwrap().1.to_owned()
        });
        let answers: Vec<String> = answers.collect();
        response("200 OK", "content-type: application/json\r\n", answers.last().unwrap())
    });
}

fn asks(url: &str) {
    let head = format!("POST /mcp HTTP/1.1\r\ncontent-type: application/json\r\nauthorization: Bearer {TOKEN}");
    let answer = String::from_utf8(ask(url, &head, CALL)).unwrap();
    assert!(
        answer.ends_with(&format!("{{\"by\":\"gateway\",\"length\":{},\"token\":\"{TOKEN}\"}}", CALL.len())),
        "{answer}"
    );
}

#[test]
fn both_sides_are_in_one_file() {
    let folder = Folder::new(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let front = format!("http://{}/mcp", listener.local_addr().unwrap());
    let (sts, runtime) = (format!("sts={}", runtime()), format!("runtime=127.0.0.1:0,{}", runtime()));
    // The gateway is up later than its recorder.
    let recorder = Recorder::start(&folder, &front, &["--behind", &sts, "--behind", &runtime, "--scenario", "a.yaml"]);
    assert_eq!(recorder.behind.len(), 2);
    gateway(listener, recorder.behind.clone());
    asks(&recorder.url);
    asks(&recorder.url);
    let (code, said) = recorder.end("-INT");
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("   1  → sts tools/call web_search  ") && said.contains("   3  tools/call web_search  "),
        "{said}"
    );
    assert!(said.contains("Recorded 6 exchanges"), "{said}");

    let entries = entries(&folder.path("a.har"));
    let behind: Vec<Option<&str>> = entries.iter().map(|entry| entry.behind.as_deref()).collect();
    assert_eq!(behind, [None, Some("sts"), Some("runtime"), None, Some("sts"), Some("runtime")]);
    for hops in entries.chunks(3) {
        // By one clock: what is behind began and ended in between.
        let end = |at: usize| hops[at].started_at + hops[at].elapsed;
        assert!(
            hops[0].started_at < hops[1].started_at && end(1) <= hops[2].started_at && end(2) <= end(0),
            "{hops:?}"
        );
        // By one set of names.
        for hop in hops {
            assert_eq!(hop.request.header("authorization"), Some("Bearer ${secret:authorization}"));
            let answer = hop.response.as_ref().unwrap().body.json().unwrap();
            assert_eq!(answer["token"], "${secret:authorization}");
        }
    }
    assert_eq!(entries[1].session.as_deref(), Some("sts-connection-1"));
    assert!(!folder.read("a.har").contains(TOKEN) && !said.contains(TOKEN));

    // What is behind is no step of its own.
    let scenario = folder.read("a.yaml");
    assert_eq!(scenario.matches("call: tools/call").count(), 2, "{scenario}");
    assert!(scenario.contains("upstreams:") && scenario.contains("runtime") && !scenario.contains(TOKEN), "{scenario}");
    folder.run(&["check", "--strict", "a.yaml"]).assert_code(0);

    let exchanges = Recording { creator: None, entries }.exchanges();
    let causes: Vec<Option<usize>> = exchanges.iter().map(|exchange| exchange.cause).collect();
    assert_eq!(causes, [None, Some(0), Some(0), None, Some(3), Some(3)]);
    assert!(exchanges[2].hop.to_string().ends_with(" → runtime"), "{}", exchanges[2].hop);
}

#[test]
fn what_a_server_over_stdio_asks_is_behind_it() {
    let folder = Folder::new(&[]);
    let behind = format!("runtime={}", runtime());
    let arguments = ["record", "--stdio", "-v", "--behind", &behind, "-o", "a.har", "--", "cat"];
    let mut command = folder.command(&arguments);
    let mut child = Running::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    let url = line.strip_prefix("recorder at ").and_then(|rest| rest.split(' ').next()).unwrap();
    // Whoever answers asks behind it in between.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(CALL.as_bytes()).unwrap();
    assert!(ask(url, "POST /mcp HTTP/1.1\r\nx-by: server", CALL).ends_with(b"}"));
    stdin.write_all(b"\n").unwrap();
    drop(stdin);
    let said = child.said();
    assert_eq!((said.code, said.out), (Some(0), format!("{CALL}\n")));
    let entries = entries(&folder.path("a.har"));
    let mut behind: Vec<Option<&str>> = entries.iter().map(|entry| entry.behind.as_deref()).collect();
    behind.sort_unstable();
    assert_eq!(behind, [None, Some("runtime")]);
    for option in ["--rewrite", "--keep-host"] {
        let arguments = ["record", "--stdio", option, "-o", "b.har", "--", "cat"];
        folder.run(&arguments).assert_code(2).assert_says(&format!("{option} is for HTTP"));
    }
}

#[test]
fn what_is_behind_is_named_and_can_be_reached() {
    let folder = Folder::new(&[]);
    let with = |behind: &[&str]| {
        let mut arguments = vec!["record", "--upstream", "http://127.0.0.1:1/", "-o", "a.har"];
        behind.iter().for_each(|behind| arguments.extend(["--behind", behind]));
        folder.run(&arguments)
    };
    for (behind, said) in [
        (&["runtime"][..], "runtime=127.0.0.1:9001,https://runtime.example.com"),
        (&["a b=http://127.0.0.1:1"], "`a b` is no name of an upstream"),
        (&["runtime=here,http://127.0.0.1:1"], "expected ADDRESS:PORT"),
        (&["runtime=0,nowhere"], "`nowhere` is no URL"),
        (&["runtime=http://me:pass@127.0.0.1:1"], "the URL of `runtime` cannot be used: it has credentials"),
        (&["a=http://127.0.0.1:1", "a=http://127.0.0.1:2"], "`a` is given twice"),
    ] {
        with(behind).assert_code(2).assert_says(said);
    }
    assert!(!folder.path("a.har").exists());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("runtime={},http://127.0.0.1:1", taken.local_addr().unwrap());
    with(&[&taken]).assert_code(3).assert_says("cannot listen on 127.0.0.1:");
    assert!(!folder.path("a.har").exists());
}

#[test]
fn an_upstream_that_is_gone_is_told_on_its_hop() {
    let folder = Folder::new(&[]);
    let recorder = Recorder::start(&folder, &nowhere(), &["--behind", &format!("runtime={}", nowhere())]);
    for url in [&recorder.url, &recorder.behind[0]] {
        assert!(ask(url, "GET /mcp HTTP/1.1", "").starts_with(b"HTTP/1.1 502"));
    }
    recorder.end("-INT");
    let (recording, _) = har::load(&folder.path("a.har"), &har::Limits::default()).unwrap();
    let [front, behind] = recording.entries.as_slice() else { panic!("two entries") };
    assert_eq!((front.behind.as_deref(), behind.behind.as_deref()), (None, Some("runtime")));
    assert!(recording.entries.iter().all(|entry| entry.failure.is_some()));
}
