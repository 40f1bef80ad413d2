//! On servers that count, change their minds, limit and misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{ablate, parts, report};
use crate::support::{Folder, nowhere, response, serve};

/// A request with so many headers of its own besides `accept`, `content-type` and `user-agent`.
fn scenario(headers: usize) -> String {
    let headers: Vec<String> = (0..headers).map(|n| format!("x-{n:02}: \"{n}\"")).collect();
    format!(
        "id: t.post\ntitle: It is answered\ntarget: there\nlifecycle: bare\nsteps:\n  - http: POST\n    headers: {{ {} }}\n    \
         json: {{ method: tools/list, arn: a }}\n    expect: {{ status: 200 }}\n",
        headers.join(", ")
    )
}

fn folder(url: &str, scenario: &str) -> Folder {
    let config = format!("targets:\n  there: {{ url: '{url}', lifecycle: bare }}\n");
    Folder::new(&[("gauntlet.yaml", &config), ("post.yaml", scenario)])
}

fn ok(body: &Value) -> Vec<u8> {
    response("200 OK", "content-type: application/json\r\n", body.to_string())
}

fn refused(status: &str, message: &str) -> Vec<u8> {
    response(status, "content-type: application/json\r\n", json!({ "message": message }).to_string())
}

/// A server that counts and answers what the function makes of the count, from 0, and of the request.
fn counting(answer: impl Fn(usize, &str, &str) -> Vec<u8> + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let url = serve(move |head, body| answer(counted.fetch_add(1, Ordering::SeqCst), &head.to_lowercase(), body));
    (url, count)
}

#[test]
fn twenty_headers_take_one_pass() {
    let (url, count) = counting(|_, head, body| match (head.contains("x-07:"), body.contains("arn")) {
        (false, _) => refused("403 Forbidden", "no seven"),
        (_, false) => refused("400 Bad Request", "no arn"),
        _ => ok(&json!({ "ok": true })),
    });
    let folder = folder(&url, &scenario(17));
    let report = report(&folder, &["post.yaml"]);
    assert_eq!(parts(&report, "load-bearing"), "body.arn x-07");
    assert_eq!(parts(&report, "no-effect").split(' ').count(), 19, "{report:#}");
    let sent = count.load(Ordering::SeqCst);
    assert!(sent <= 25, "{sent} requests");
    assert_eq!(report["requests"], sent, "what is told is what was sent");
}

#[test]
fn the_bound_on_requests_holds() {
    let (url, count) = counting(|_, _, _| ok(&json!({})));
    let folder = folder(&url, &scenario(17));
    let said = ablate(&folder, &["post.yaml", "--max-requests", "9"]);
    said.assert_code(0).assert_says("ended early: as many requests as there may be were sent");
    said.assert_says("9 requests of at most 9").assert_says("no effect");
    assert_eq!(count.load(Ordering::SeqCst), 9);
}

#[test]
fn a_header_of_the_answer_is_part_of_it() {
    let url = serve(|head, _| {
        let named = head.to_lowercase().contains("x-02:");
        let challenge = if named { "Bearer error=\"invalid_token\"" } else { "Bearer" };
        // Of the session only that there is one counts, of the date nothing.
        let varies = head.len();
        let headers = format!(
            "content-type: application/json\r\nwww-authenticate: {challenge}\r\nmcp-session-id: s{varies}\r\nx-request-id: r{varies}\r\n"
        );
        response("401 Unauthorized", &headers, json!({ "message": "no" }).to_string())
    });
    let folder = folder(&url, &scenario(5).replace("status: 200", "status: 401"));
    let report = report(&folder, &["post.yaml"]);
    assert_eq!((parts(&report, "changes-answer"), parts(&report, "load-bearing")), ("x-02".into(), String::new()));
    let said = ablate(&folder, &["post.yaml"]);
    said.assert_says("changes answer  x-02").assert_says("header www-authenticate: \"Bearer error=");
}

#[test]
fn query_parameters_are_parts_too() {
    let url = serve(|head, _| match head.contains("q=") {
        true => ok(&json!({ "page": head.contains("page=2") })),
        false => refused("400 Bad Request", "no query"),
    });
    let text = "id: t.get\ntitle: It is found\ntarget: there\nlifecycle: bare\nsteps:\n  - http: GET\n    query: { q: rust, page: 2, lang: en }\n    expect: { status: 200 }\n";
    let folder = folder(&url, text);
    let report = report(&folder, &["post.yaml", "-o", "minimal.yaml"]);
    assert_eq!(parts(&report, "load-bearing"), "?q");
    assert_eq!(parts(&report, "changes-answer"), "?page");
    assert_eq!(report["parts"][3]["differences"], json!([{ "path": "page", "before": "true", "after": "false" }]));
    assert!(folder.read("minimal.yaml").contains("query: {q: rust, page: 2}"), "{}", folder.read("minimal.yaml"));
    folder.run(&["run", "minimal.yaml"]).assert_code(0);
}

#[test]
fn fields_are_followed_down_only_where_something_depends_on_them() {
    let url = serve(|_, body| {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        if body.pointer("/a/list/1/x") == Some(&json!(2)) {
            ok(&json!({}))
        } else {
            refused("422 Unprocessable", "no x")
        }
    });
    let text = "id: t.tree\ntitle: It is taken\ntarget: there\nlifecycle: bare\nsteps:\n  - http: POST\n    json: { a: { list: [{ x: 1 }, { x: 2, y: 3 }], other: { deep: 1 } }, b: { c: { d: 1 } } }\n    expect: { status: 200 }\n";
    let folder = folder(&url, text);
    let report = report(&folder, &["post.yaml", "--yes", "-o", "minimal.yaml"]);
    assert_eq!(parts(&report, "load-bearing"), "body.a body.a.list body.a.list[0] body.a.list[1] body.a.list[1].x");
    assert!(parts(&report, "no-effect").ends_with("body.a.list[1].y body.a.other body.b content-type user-agent"));
    let text = folder.read("minimal.yaml");
    assert!(text.contains("json: {a: {list: [{}, {x: 2}]}}"), "{text}");
    folder.run(&["run", "minimal.yaml"]).assert_code(0);
}

#[test]
fn an_answer_that_varies_is_compared_by_its_shape() {
    let (url, _) = counting(|n, head, _| match head.contains("x-00:") {
        true => ok(&json!({ "served": n })),
        false => ok(&json!({ "served": n, "warning": "no zero" })),
    });
    let report = report(&folder(&url, &scenario(2)), &["post.yaml"]);
    assert_eq!(parts(&report, "changes-answer"), "x-00");
    assert_eq!(report["fresh"], true);
    let notes = report["notes"].to_string();
    assert!(notes.contains("over the same session") && notes.contains("only status, error and shape"), "{notes}");
}

#[test]
fn an_answer_that_is_never_the_same_teaches_nothing() {
    let (url, _) = counting(|n, _, _| if n % 2 == 0 { ok(&json!({})) } else { refused("409 Conflict", "again") });
    let said = ablate(&folder(&url, &scenario(2)), &["post.yaml"]);
    said.assert_code(1).assert_says("gets another answer each time");
}

#[test]
fn a_request_that_came_too_soon_is_sent_again() {
    let (url, _) = counting(|n, head, _| match (n, head.contains("x-01:")) {
        (4, _) => response("429 Too Many Requests", "retry-after: 0\r\n", ""),
        (_, false) => refused("403 Forbidden", "no one"),
        _ => ok(&json!({})),
    });
    let report = report(&folder(&url, &scenario(2)), &["post.yaml"]);
    assert_eq!(parts(&report, "load-bearing"), "x-01");
}

const TOOL: &str = "id: t.tool\ntitle: A tool is called\ntarget: there\nlifecycle: bare\nsteps:\n  - call: tools/call\n    params: { name: pay, arguments: {} }\n    expect: { status: 200 }\n";

#[test]
fn what_may_do_harm_is_not_sent_without_a_word() {
    let (url, count) = counting(|_, _, body| {
        let message: Value = serde_json::from_str(body).unwrap_or_default();
        let tools = json!({ "tools": [{ "name": "pay", "inputSchema": { "type": "object" } }] });
        let result = if message["method"] == "tools/list" { tools } else { json!({ "content": [] }) };
        ok(&json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }))
    });
    let folder = folder(&url, TOOL);
    folder.write("gauntlet.yaml", format!("targets:\n  there: {{ url: '{url}', lifecycle: bare, allow: [writes] }}\n"));
    let said = ablate(&folder, &["post.yaml"]);
    said.assert_code(2).assert_says("the tool `pay` does not declare itself read-only").assert_says("--yes");
    assert_eq!(count.load(Ordering::SeqCst), 1, "the tools were listed, and nothing else was asked");
    folder.write("gauntlet.yaml", format!("targets:\n  there: {{ url: '{url}', lifecycle: bare }}\n"));
    ablate(&folder, &["post.yaml", "--yes"]).assert_code(0).assert_says("no effect");
    // What is no message of MCP may do anything.
    folder.write("post.yaml", scenario(1).replace("method: tools/list, ", ""));
    ablate(&folder, &["post.yaml"]).assert_code(2).assert_says("nobody knows what it does");
}

#[test]
fn exit_codes_say_what_kept_it() {
    let (url, _) = counting(|_, _, _| refused("403 Forbidden", "never"));
    let folder = folder(&url, &scenario(1));
    ablate(&folder, &["post.yaml"]).assert_code(1).assert_says("does not succeed").assert_says("expected 200");
    ablate(&folder, &["post.yaml", "--step", "2"])
        .assert_code(2)
        .assert_says("has 1 step, counted from 1, and no step 2");
    ablate(&folder, &["t.pos"]).assert_code(2).assert_says("there is no scenario `t.pos`");
    ablate(&folder, &["post.yaml", "--target", "nobody"]).assert_code(2).assert_says("no target is named `nobody`");
    ablate(&folder, &["kiro.flow.*"]).assert_code(2).assert_says("scenarios are meant");
    ablate(&folder, &["post.yaml", "--target", &format!("there={}", nowhere())]).assert_code(3);
    folder.write("post.yaml", "id: t.wait\ntitle: Nothing\ntarget: there\nsteps:\n  - wait: 1ms\n");
    ablate(&folder, &["post.yaml"]).assert_code(2).assert_says("none of its steps sends a request");
    folder.write("post.yaml", "id: t.wait\nsteps: 7\n");
    ablate(&folder, &["post.yaml"]).assert_code(2);
}

#[test]
fn what_a_server_says_is_neither_trusted_nor_told_on() {
    let url = serve(|head, _| match head.contains("x-00:") {
        true => ok(&json!({})),
        false => {
            let line = head.lines().find(|line| line.to_lowercase().starts_with("authorization")).unwrap_or_default();
            refused("403 Forbidden", &format!("\u{1b}[2Jyou said {line}"))
        }
    });
    let folder = folder(&url, &scenario(1));
    let config = format!(
        "targets:\n  there: {{ url: '{url}', lifecycle: bare, auth: {{ bearer: '${{secret:env:TOKEN}}' }} }}\n"
    );
    folder.write("gauntlet.yaml", config);
    for format in ["text", "json"] {
        let output =
            folder.command(&["ablate", "post.yaml", "--format", format]).env("TOKEN", "tell-nobody-1234").output();
        let said = crate::support::said(&output.unwrap());
        said.assert_code(0).assert_says("you said");
        assert!(!said.both().contains("tell-nobody-1234") && !said.both().contains('\u{1b}'), "{}", said.both());
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_what_was_found() {
    use std::process::{Command, Stdio};

    let (url, count) = counting(|n, head, _| match (n, head.contains("x-00:")) {
        (7.., _) => Vec::new(),
        (_, false) => refused("403 Forbidden", "no zero"),
        _ => ok(&json!({})),
    });
    let folder = folder(&url, &scenario(9));
    let mut child = folder.command(&["ablate", "post.yaml"]);
    let child = crate::support::Running::start(child.stdout(Stdio::piped()).stderr(Stdio::piped()));
    crate::support::wait_for("the server hangs", || count.load(Ordering::SeqCst) > 7);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let said = child.said();
    said.assert_code(3).assert_says("ended early: interrupted").assert_says("no zero");
}
