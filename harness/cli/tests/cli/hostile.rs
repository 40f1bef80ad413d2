//! What a target says is data: nothing in it reaches the terminal as anything else.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::support::{Folder, Running, Said, response, serve, wait_for};

/// Control sequences, direction overrides, NUL, a fake verdict on a line of its own.
const NASTY: &str =
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}live\u{2066}\u{0}\u{8}\u{9b}31m\r\n   PASS everything\n\u{feff}\u{200b}";

fn assert_inert(said: &Said) {
    for (name, text) in [("stdout", &said.out), ("stderr", &said.err)] {
        let bad = text.chars().find(|c| {
            (c.is_control() && *c != '\n')
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
        });
        assert_eq!(bad, None, "{name} holds {bad:?}:\n{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("   PASS everything")), "{name} was given a line: {text}");
        let longest = text.lines().map(str::len).max().unwrap_or(0);
        assert!(longest < 20_000, "{name} has a line of {longest} bytes");
    }
}

const SCENARIO: &str = "id: nasty\ntitle: It fails\ntarget: mcp-server\nversions: 2025-06-18\nlifecycle: manual\nsteps:\n  - call: tools/list\n    expect: { status: 299, headers: { x-nasty: tame }, result: { tools: [] }, body: tame }\n";
const AUTO: &str =
    "id: nasty.auto\ntitle: It fails\ntarget: mcp-server\nsteps:\n  - call: tools/list\n    expect: { status: 299 }\n";

fn against(url: &str) {
    let config = format!("targets:\n  mcp-server: {{ url: '{url}', versions: [2025-06-18] }}\n");
    let folder =
        Folder::new(&[("scenarios/nasty.yaml", SCENARIO), ("scenarios/auto.yaml", AUTO), ("gauntlet.yaml", &config)]);
    for arguments in
        [&["run"][..], &["run", "--all", "--keep-all"], &["run", "--quiet"], &["probe", url], &["run", "--target", url]]
    {
        let said = folder.run(arguments);
        assert_ne!(said.code, Some(0), "{}", said.both());
        assert_inert(&said);
    }
}

#[test]
fn in_a_json_body() {
    against(&serve(|_, _| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -32000, "message": NASTY, "data": { NASTY: NASTY } } });
        response("400 Bad Request", "content-type: application/json\r\n", body.to_string())
    }));
}

#[test]
fn in_a_text_body_and_in_headers() {
    against(&serve(|_, _| {
        let headers = "content-type: text/plain\r\nx-nasty: \u{9b}31m\u{202e}evil\r\nwww-authenticate: Bearer realm=\"\u{202e}\u{9b}2J\"\r\nx-\u{7}: y\r\n".replace("x-\u{7}: y\r\n", "");
        response("401 Unauthorized", &headers, NASTY)
    }));
}

#[test]
fn in_an_event_stream() {
    against(&serve(|_, _| {
        let body =
            format!("event: {}\nid: {}\ndata: {}\n\n", "\u{1b}[31mx", "\u{202e}", NASTY.replace(['\r', '\n'], " "));
        response("200 OK", "content-type: text/event-stream\r\n", body)
    }));
}

#[test]
fn in_a_line_of_a_megabyte() {
    against(&serve(|_, _| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": "x".repeat(1 << 20) } });
        response("200 OK", "content-type: application/json\r\n", body.to_string())
    }));
    against(&serve(|_, _| response("200 OK", "content-type: text/plain\r\n", "x".repeat(1 << 20))));
}

#[test]
fn in_what_a_server_says_of_itself() {
    let url = serve(|_, body| {
        let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        let result = match body["method"].as_str() {
            Some("initialize") => {
                json!({ "protocolVersion": body["params"]["protocolVersion"], "capabilities": { "tools": {}, NASTY: {} }, "serverInfo": { "name": NASTY, "version": NASTY } })
            }
            Some("tools/list") => json!({ "tools": [{ "name": NASTY, "inputSchema": { "type": "object" } }] }),
            _ => return response("202 Accepted", "", ""),
        };
        response(
            "200 OK",
            "content-type: application/json\r\n",
            json!({ "jsonrpc": "2.0", "id": body["id"], "result": result }).to_string(),
        )
    });
    let folder = Folder::new(&[("scenarios/auto.yaml", AUTO)]);
    let said = folder.run(&["probe", &url]);
    said.assert_code(0);
    assert_inert(&said);
    assert_inert(&folder.run(&["run", "--target", &url]));
}

#[test]
fn on_stderr_of_a_program() {
    let folder = Folder::new(&[("scenarios/auto.yaml", AUTO), ("said.txt", NASTY)]);
    let script = format!("cat {} >&2; exit 3", folder.path("said.txt").display());
    let config = json!({ "targets": { "mcp-server": { "command": ["sh", "-c", script], "transport": "stdio" } } });
    folder.write("gauntlet.yaml", config.to_string());
    let said = folder.run(&["run", "--all"]);
    said.assert_code(3);
    assert_inert(&said);
}

#[test]
fn in_a_scenario_that_came_with_a_bug_report() {
    let text = "id: nasty\ntitle: \"\\e[2J\\u202eevil\"\ntarget: \"\\e[31mx\"\nmatrix: { a: [\"\\e[2J\"] }\nsteps:\n  - call: tools/list\n    expect: { status: 200 }\n";
    let folder = Folder::new(&[("scenarios/nasty.yaml", text)]);
    for arguments in [&["run", "--all"][..], &["list"], &["check"], &["explain", "nasty"]] {
        assert_inert(&folder.run(arguments));
    }
}

/// Whoever reads the output may take a break, as a pager does; what the cases do to the target does not wait for it.
#[test]
fn output_that_nobody_reads_holds_up_no_case() {
    let came = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&came);
    let url = serve(move |_, body| {
        if body.contains("late") {
            seen.store(true, Ordering::Relaxed);
        }
        // More than a pipe takes that is not read from.
        let message = json!({ "jsonrpc": "2.0", "id": 1, "result": { "text": "x".repeat(500_000) } });
        response("200 OK", "content-type: application/json\r\n", message.to_string())
    });
    let config = format!("targets:\n  t: {{ url: '{url}', lifecycle: bare }}\n");
    let loud = "id: a.loud\ntitle: Fails with a large answer\ntarget: t\nsteps:\n  - call: early\n    expect: { status: 299 }\n";
    let late =
        "id: b.late\ntitle: Asks later\ntarget: t\nsteps:\n  - wait: 1s\n  - call: late\n    expect: { status: 200 }\n";
    let folder = Folder::new(&[("scenarios/a.yaml", loud), ("scenarios/b.yaml", late), ("gauntlet.yaml", &config)]);
    let mut command = folder.command(&["run", "--jobs", "2", "--report", "jsonl=-"]);
    // The worker that writes is the only one that there is.
    command.env("TOKIO_WORKER_THREADS", "1").stdout(Stdio::piped()).stderr(Stdio::null());
    let child = Running::start(&mut command);
    wait_for("the other case has asked", || came.load(Ordering::Relaxed));
    child.said().assert_code(1).assert_says("b.late");
}
