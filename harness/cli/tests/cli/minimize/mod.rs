//! `gauntlet minimize`: fifty steps become two, an interrupted search goes on, and nothing slides to another failure.

mod hidden;
mod silence;
mod snapshot;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::support::{Folder, PASSES, Said, nowhere, response, serve};

/// Forty-nine steps that have nothing to do with it but for the one at `needed`, and one that fails.
fn fifty(needed: usize) -> String {
    let mut text =
        "id: bug.order\ntitle: A list comes in the same order each time\ntarget: mcp-server\nversions: 2025-06-18\nsteps:\n"
            .to_owned();
    for step in 0..49 {
        text.push_str(&match step % 4 {
            _ if step == needed => "  - call: tools/list\n    expect: { result: { tools: { $type: array } } }\n".to_owned(),
            0 => "  - call: prompts/list\n".to_owned(),
            1 => "  - call: ping\n    expect: { result: {} }\n".to_owned(),
            2 => format!(
                "  - call: tools/call\n    params: {{ name: echo, arguments: {{ message: m{step} }} }}\n    headers: {{ x-trace: t{step} }}\n"
            ),
            _ => "  - call: resources/list\n".to_owned(),
        });
    }
    text + "  - name: question\n    call: tools/list\n    headers: { x-trace: t, x-tenant: a }\n    expect: { status: 200, result: { tools: { $inOrder: [{ name: add }, { name: ask }] } } }\n"
}

const UNSTABLE: [&str; 2] = ["--defect", "mcp-server:tools-order-unstable"];

fn minimize(folder: &Folder, more: &[&str]) -> Said {
    folder.run(&[&["minimize", "bug.yaml", "-o", "small.yaml"], more].concat())
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {}", said.both()))
}

#[test]
fn fifty_steps_become_two_within_the_bound() {
    for needed in [0, 24] {
        let folder = Folder::new(&[("bug.yaml", &fifty(needed))]);
        let said = minimize(&folder, &[&UNSTABLE[..], &["--format", "json"]].concat());
        let report = json(said.assert_code(0));
        assert_eq!((&report["steps"]["before"], &report["steps"]["after"]), (&json!(50), &json!(2)), "{report:#}");
        assert_eq!((&report["outcome"], &report["verified"]), (&json!("minimal"), &json!(true)));
        assert_eq!((&report["headers"]["after"], &report["checks"]["after"]), (&json!(0), &json!(1)));
        assert!(report["requests"].as_u64().is_some_and(|made| made <= 300), "{report:#}");
        assert_eq!(report["kept"][0]["was"], needed + 1);
        assert_eq!(report["kept"][0]["why"], "without it: passes");
        // What is written is red by itself, and green without the defect.
        folder.run(&[&["run", "small.yaml", "--target", "mcp-server"], &UNSTABLE[..]].concat()).assert_code(1);
        folder.run(&["run", "small.yaml", "--target", "mcp-server"]).assert_code(0);
        folder.run(&["check", "--strict", "small.yaml"]).assert_code(0);
        assert!(folder.read("small.yaml").starts_with("# bug.order@2025-06-18"), "{}", folder.read("small.yaml"));
        assert!(!folder.path("small.yaml.state.json").exists());
    }
}

#[test]
fn what_went_before_is_not_repeated() {
    let folder = Folder::new(&[("bug.yaml", &fifty(24))]);
    let first = minimize(&folder, &[&UNSTABLE[..], &["--max-requests", "130"]].concat());
    first.assert_code(0).assert_says("as far as the requests went").assert_says("--resume");
    assert!(folder.path("small.yaml.state.json").exists());
    // Not by mistake begun anew.
    minimize(&folder, &UNSTABLE).assert_code(2).assert_says("`--resume` goes on");
    minimize(&folder, &["--resume"]).assert_code(2).assert_says("is of another scenario");
    let second = json(&minimize(&folder, &[&UNSTABLE[..], &["--resume", "--format", "json"]].concat()));
    let resumed = folder.read("small.yaml");
    let once = json(&minimize(&folder, &[&UNSTABLE[..], &["--format", "json"]].concat()));
    assert_eq!(resumed, folder.read("small.yaml"));
    assert_eq!((&second["kept"], &second["steps"]), (&once["kept"], &once["steps"]));
    assert!(second["remembered"].as_u64().is_some_and(|known| known > 1), "{second:#}");
    assert!(second["candidates"].as_u64() < once["candidates"].as_u64());
    // Only what was cut short was asked twice.
    assert!(second["requests"].as_u64().is_some_and(|made| made < 300), "{second:#}");
}

/// A little server that answers a call with an error where an argument is `bad`, and with another one where there is none. It counts
/// what it is asked.
fn server(asked: Arc<AtomicU64>) -> String {
    serve(move |_, body| {
        asked.fetch_add(1, Ordering::Relaxed);
        let request: Value = serde_json::from_str(body).unwrap_or_default();
        let Some(id) = request.get("id") else { return response("202 Accepted", "", "") };
        let value = request.pointer("/params/arguments/value").and_then(Value::as_str);
        let error = |text: &str| json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32602, "message": text } });
        let result = |result: Value| json!({ "jsonrpc": "2.0", "id": id, "result": result });
        let answer = match (request["method"].as_str().unwrap_or_default(), value) {
            ("initialize", _) => result(json!({
                "protocolVersion": "2025-06-18",
                "capabilities": { "tools": {} },
                "serverInfo": { "name": "little", "version": "1" },
            })),
            ("tools/list", _) => {
                let tool = |name: &str, hint: bool| json!({ "name": name, "inputSchema": { "type": "object" }, "annotations": { "readOnlyHint": hint } });
                result(json!({ "tools": [tool("look", true), tool("write", false)] }))
            }
            ("tools/call", Some("bad")) => error("it broke"),
            ("tools/call", None) => error("the value is missing"),
            ("tools/call", _) => result(json!({ "content": [] })),
            _ => result(json!({})),
        };
        response("200 OK", "content-type: application/json\r\n", answer.to_string())
    })
}

fn call(tool: &str) -> String {
    format!(
        "id: bug.call\ntitle: A call is answered\ntarget: mcp-server\nversions: 2025-06-18\nsteps:\n  - call: ping\n  - call: tools/call\n    params: {{ name: {tool}, arguments: {{ value: bad, more: 1 }} }}\n    expect: {{ error: {{ $absent: true }} }}\n"
    )
}

fn little(asked: &Arc<AtomicU64>, more: &str) -> String {
    format!(
        "targets:\n  little: {{ role: mcp-server, url: '{}', versions: ['2025-06-18']{more} }}\n",
        server(Arc::clone(asked))
    )
}

#[test]
fn no_other_failure_is_taken_for_it_and_every_request_is_counted() {
    let asked = Arc::new(AtomicU64::new(0));
    let folder = Folder::new(&[("bug.yaml", &call("look")), ("gauntlet.yaml", &little(&asked, ""))]);
    let report = json(minimize(&folder, &["--target", "little", "--format", "json"]).assert_code(0));
    let small = folder.read("small.yaml");
    assert!(small.contains("arguments: {value: bad}"), "{small}");
    assert_eq!(report["requests"], asked.load(Ordering::Relaxed));
    let before = asked.load(Ordering::Relaxed);
    for most in [11, 17, 23] {
        let path = folder.path("small.yaml.state.json");
        if path.exists() {
            std::fs::remove_file(path).unwrap();
        }
        let asked_before = asked.load(Ordering::Relaxed);
        minimize(&folder, &["--target", "little", "--max-requests", &most.to_string()]).assert_code(0);
        assert!(asked.load(Ordering::Relaxed) - asked_before <= most, "{most}");
    }
    assert!(before > 23);
}

#[test]
fn what_might_do_harm_is_neither_called_nor_altered() {
    let asked = Arc::new(AtomicU64::new(0));
    let folder = Folder::new(&[("bug.yaml", &call("write")), ("gauntlet.yaml", &little(&asked, ""))]);
    minimize(&folder, &["--target", "little"]).assert_code(1).assert_says("read-only");
    // A fixture may be called as it is written.
    let fixture = ", fixtures: { tool: { name: write, arguments: {} } }";
    folder.write("gauntlet.yaml", little(&asked, fixture));
    minimize(&folder, &["--target", "little"]).assert_code(0);
    assert!(folder.read("small.yaml").contains("arguments: {value: bad, more: 1}"), "{}", folder.read("small.yaml"));
    folder.write("gauntlet.yaml", little(&asked, ", allow: [writes]"));
    minimize(&folder, &["--target", "little"]).assert_code(0);
    assert!(folder.read("small.yaml").contains("arguments: {value: bad}"), "{}", folder.read("small.yaml"));
}

#[test]
fn what_passes_on_one_target_and_fails_on_another() {
    let targets = "targets:\n  old: { role: mcp-server, mock: mcp-server }\n  new: { role: mcp-server, mock: mcp-server, defects: [tools-order-unstable] }\n";
    let folder = Folder::new(&[("bug.yaml", &fifty(47)), ("gauntlet.yaml", targets)]);
    let said = minimize(&folder, &["--good", "old", "--bad", "new", "--max-requests", "500", "--format", "json"]);
    let report = json(said.assert_code(0));
    assert_eq!(
        (&report["steps"]["after"], &report["good"], &report["verified"]),
        (&json!(2), &json!("old"), &json!(true))
    );
    folder.run(&["run", "small.yaml", "--target", "old"]).assert_code(0);
    folder.run(&["run", "small.yaml", "--target", "new"]).assert_code(1);
    minimize(&folder, &["--good", "new", "--bad", "new"]).assert_code(1).assert_says("nothing otherwise");
    // The defect that is switched on is that of the bad side.
    let said = folder.run(
        &[
            &["minimize", "bug.yaml", "--good", "mock:mcp-server", "--bad", "mock:mcp-server", "--max-requests", "500"],
            &UNSTABLE[..],
        ]
        .concat(),
    );
    said.assert_code(0)
        .assert_says("mcp-server (bad) (and not on mcp-server (good))")
        .assert_says("bug.order.min.yaml");
}

#[test]
fn usage_and_what_does_not_fail_are_told_apart() {
    let folder = Folder::new(&[("bug.yaml", PASSES)]);
    minimize(&folder, &[]).assert_code(1).assert_says("nothing fails on `mcp-server`: 1 cases pass");
    minimize(&folder, &["--target", &nowhere()]).assert_code(3);
    minimize(&folder, &["--target", "nobody"]).assert_code(2).assert_says("no target is named `nobody`");
    minimize(&folder, &["--good", "mcp-server"]).assert_code(2);
    folder.run(&["minimize", "mcp.*"]).assert_code(2).assert_says("scenarios are meant");
    folder.write("bug.yaml", fifty(0));
    minimize(&folder, &[&UNSTABLE[..], &["--check", "50.status"]].concat())
        .assert_code(2)
        .assert_says("no check `50.status` fails; what fails is `50.result`");
    minimize(&folder, &[&UNSTABLE[..], &["--max-requests", "20"]].concat()).assert_code(2).assert_says("not enough");
    folder.write("bug.yaml", PASSES.replace("steps:", "stepps:"));
    minimize(&folder, &[]).assert_code(2).assert_says("did you mean `steps`?");
}

#[test]
fn what_is_left_still_expects_what_is_right() {
    // Without the fault behind the gateway, 200 is the right answer, and the scenario would be wrong.
    let folder = Folder::new(&[]);
    let gateway =
        ["kiro-gateway.broken-completion-looks-complete", "--defect", "kiro-gateway:completion-cut-as-complete"];
    folder.run(&[&["minimize", "-o", "small.yaml"], &gateway[..]].concat()).assert_code(0);
    let small = folder.read("small.yaml");
    assert!(small.contains("given: {runtime: {faults: [{cut_after_bytes: 200}]}}"), "{small}");
    assert!(!small.contains("stream:") && small.contains("target: kiro-gateway"), "{small}");
    folder.run(&["run", "small.yaml"]).assert_code(0);
    // The header that is missing is what it is about.
    let gate = ["kiro.web-search.identity-headers", "--defect", "kiro-runtime:identity-gate-open"];
    let said = folder.run(&[&["minimize", "-o", "gate.yaml", "--format", "json"], &gate[..]].concat());
    assert_eq!(
        json(said.assert_code(0))["case"],
        "kiro.web-search.identity-headers [dropped=user-agent] on kiro-runtime"
    );
    let small = folder.read("gate.yaml");
    assert!(small.contains("$drop") && small.contains("vars: {dropped: user-agent}"), "{small}");
    folder.run(&["run", "gate.yaml"]).assert_code(0);
    folder.run(&["run", "gate.yaml", "--defect", "kiro-runtime:identity-gate-open"]).assert_code(1);
}

#[test]
fn a_proxy_over_stdio_is_judged_from_both_sides() {
    let folder = Folder::new(&[]);
    // Enough for the steps and what is around them.
    let defect = ["--defect", "aws-proxy:arguments-altered", "--format", "json", "--max-requests", "60"];
    let said =
        folder.run(&[&["minimize", "profiles.numbers-arrive-as-text", "-o", "small.yaml"], &defect[..]].concat());
    let report = json(said.assert_code(0));
    assert_eq!(report["kept"][0]["why"], "without it: body: is missing");
    let small = folder.read("small.yaml");
    assert!(small.contains("limit: 25") && !small.contains("count:"), "{small}");
    folder.run(&["run", "small.yaml"]).assert_code(0);
}

#[test]
fn what_two_targets_answer_otherwise_becomes_an_expectation() {
    let targets = "targets:\n  old: { role: mcp-server, mock: mcp-server }\n  new: { role: mcp-server, mock: mcp-server, defects: [text-altered, unknown-tool-as-success] }\n";
    let scenario = "id: talk\ntitle: Nothing is expected\ntarget: mcp-server\nversions: 2025-06-18\nsteps:\n  - call: ping\n  - call: tools/call\n    params: { name: echo, arguments: { message: x } }\n  - name: umlaut\n    call: tools/call\n    params: { name: echo, arguments: { message: \"ä\" }, _meta: { a: 1 } }\n    headers: { x-a: b }\n  - call: tools/call\n    params: { name: nobody }\n";
    let folder = Folder::new(&[("bug.yaml", scenario), ("gauntlet.yaml", targets)]);
    let sides = ["--good", "old", "--bad", "new"];
    // What no client can rely on comes first.
    for (more, expectation) in [
        (&["--check", "3.result.content[0].text"][..], "expect: {result: {content: {$contains: {text: ä}}}}"),
        (&["--check", "4.outcome"], "expect: {error: {code: -32602}}"),
    ] {
        let said = minimize(&folder, &[&sides[..], more, &["--format", "json"]].concat());
        let report = json(said.assert_code(0));
        assert_eq!((&report["kind"], &report["verified"]), (&json!("difference"), &json!(true)), "{report:#}");
        assert_eq!((&report["steps"]["after"], &report["headers"]["after"]), (&json!(1), &json!(0)));
        let small = folder.read("small.yaml");
        assert!(small.contains(expectation), "{small}");
        folder.run(&["run", "small.yaml", "--target", "old"]).assert_code(0);
        folder.run(&["run", "small.yaml", "--target", "new"]).assert_code(1);
    }
    minimize(&folder, &["--good", "old", "--bad", "old"]).assert_code(1).assert_says("nothing otherwise");
    minimize(&folder, &[&sides[..], &["--check", "1.status"]].concat()).assert_code(2).assert_says("3.result.content");
}

#[test]
fn what_does_not_fail_every_time_is_told() {
    let calls = Arc::new(AtomicU64::new(0));
    let url = serve(move |_, body| {
        let request: Value = serde_json::from_str(body).unwrap_or_default();
        let fails = request["method"] == "tools/call" && calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        let answer = match fails {
            true => json!({ "jsonrpc": "2.0", "id": request["id"], "error": { "code": -32603, "message": "busy" } }),
            false => json!({ "jsonrpc": "2.0", "id": request["id"], "result": { "content": [] } }),
        };
        response("200 OK", "content-type: application/json\r\n", answer.to_string())
    });
    let target = format!("targets:\n  busy: {{ role: mcp-server, url: '{url}', lifecycle: bare, allow: [writes] }}\n");
    let folder = Folder::new(&[("bug.yaml", &call("look")), ("gauntlet.yaml", &target)]);
    minimize(&folder, &["--target", "busy"]).assert_code(1).assert_says("in 1 of 2 runs").assert_says("--attempts");
    let said = minimize(&folder, &["--target", "busy", "--attempts", "3"]);
    said.assert_code(0).assert_says("2 → 1").assert_says("failed in the same way");
    assert!(folder.read("small.yaml").contains("params: {name: look}"), "{}", folder.read("small.yaml"));
}
