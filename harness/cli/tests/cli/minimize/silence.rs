//! Cases that end in an error: the target does not answer.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use serde_json::Value;

use super::{json, minimize};
use crate::support::{Folder, nowhere, response, serve};

/// A server that answers calls as the function says where an argument is `bad`.
fn server(bad: impl Fn(&Value) -> Vec<u8> + Send + Sync + 'static) -> String {
    serve(move |_, body| {
        let request: Value = serde_json::from_str(body).unwrap_or_default();
        let Some(id) = request.get("id") else { return response("202 Accepted", "", "") };
        let result = match request["method"].as_str().unwrap_or_default() {
            "initialize" => json!({
                "protocolVersion": "2025-06-18", "capabilities": { "tools": {} }, "serverInfo": { "name": "little", "version": "1" },
            }),
            "tools/list" => json!({ "tools": [
                { "name": "look", "inputSchema": { "type": "object" }, "annotations": { "readOnlyHint": true } },
            ] }),
            "tools/call" if request.pointer("/params/arguments/value") == Some(&json!("bad")) => return bad(id),
            "tools/call" => json!({ "content": [] }),
            _ => json!({}),
        };
        let answer = json!({ "jsonrpc": "2.0", "id": id, "result": result });
        response("200 OK", "content-type: application/json\r\n", answer.to_string())
    })
}

fn folder(url: &str) -> Folder {
    let config = format!("targets:\n  little: {{ role: mcp-server, url: '{url}', versions: ['2025-06-18'] }}\n");
    let call = |value: &str| {
        format!("  - call: tools/call\n    params: {{ name: look, arguments: {{ value: {value}, more: 1 }} }}\n")
    };
    let text = format!(
        "id: bug.silent\ntitle: It is answered\ntarget: mcp-server\nversions: 2025-06-18\nsteps:\n{}{}{}    expect: {{ status: 200, result: {{ content: [] }} }}\n  - call: ping\n",
        "  - call: ping\n",
        call("good"),
        call("bad")
    );
    Folder::new(&[("bug.yaml", &text), ("gauntlet.yaml", &config)])
}

#[test]
fn an_answer_that_breaks_off_is_kept_while_all_else_goes() {
    // Announces more than comes.
    let folder = folder(&server(|_| {
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{".to_vec()
    }));
    let report = json(minimize(&folder, &["--target", "little", "--format", "json"]).assert_code(0));
    assert_eq!((&report["kind"], &report["verified"]), (&json!("error"), &json!(true)), "{report:#}");
    assert_eq!((&report["steps"]["before"], &report["steps"]["after"]), (&json!(4), &json!(1)));
    assert_eq!((&report["kept"][0]["was"], &report["kept"][0]["why"]), (&json!(3), &json!("it gets no answer")));
    let small = folder.read("small.yaml");
    assert!(small.contains("arguments: {value: bad}") && small.contains("# How it ends"), "{small}");
    assert_eq!(report["checks"]["after"], 1, "{small}");
    folder.run(&["run", "small.yaml", "--target", "little"]).assert_code(3);
}

#[test]
fn a_target_that_hangs_is_waited_for_no_longer_than_it_must_be() {
    let folder = folder(&server(|_| Vec::new()));
    let hang = ["--target", "little", "--step-timeout", "1200ms", "--confirm", "1", "--max-requests", "20"];
    let said = minimize(&folder, &hang);
    said.assert_code(0).assert_says("ends      step 3: ").assert_says("4 → 1").assert_says("failed in the same way");
}

#[test]
fn a_handshake_that_ends_without_an_answer_is_one_step() {
    let folder = Folder::new(&[]);
    let closed = ["--mcp-version", "2025-06-18", "--defect", "mcp-server:sse-closed-before-answer", "--format", "json"];
    let said = folder.run(&[&["minimize", "mcp.sse.framing", "-o", "small.yaml"], &closed[..]].concat());
    let report = json(said.assert_code(0));
    assert_eq!(report["failure"], "the session did not open: the event stream ended without the answer");
    assert!(report["steps"]["after"].as_u64().is_some_and(|left| left <= 3), "{report:#}");
    assert_eq!((&report["checks"]["after"], &report["verified"]), (&json!(1), &json!(true)), "{report:#}");
    folder.run(&["run", "small.yaml"]).assert_code(0);
    folder.run(&["run", "small.yaml", closed[2], closed[3]]).assert_code(3);
}

#[test]
fn what_passes_on_one_target_and_gets_no_answer_on_another() {
    let bad = server(|_| b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{".to_vec());
    let folder = folder(&bad);
    let good = server(|id| {
        let answer = json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [] } });
        response("200 OK", "content-type: application/json\r\n", answer.to_string())
    });
    let side =
        |name: &str, url: &str| format!("  {name}: {{ role: mcp-server, url: '{url}', versions: ['2025-06-18'] }}\n");
    folder.write("gauntlet.yaml", format!("targets:\n{}{}", side("good", &good), side("bad", &bad)));
    let said = minimize(&folder, &["--good", "good", "--bad", "bad", "--format", "json"]);
    let report = json(said.assert_code(0));
    assert_eq!((&report["kind"], &report["good"]), (&json!("error"), &json!("good")), "{report:#}");
    assert_eq!((&report["outcome"], &report["verified"]), (&json!("minimal"), &json!(true)), "{report:#}");
}

#[test]
fn what_the_harness_cannot_do_is_no_failure_of_the_target() {
    let asked = Arc::new(AtomicU64::new(0));
    let folder = folder(&super::server(Arc::clone(&asked)));
    minimize(&folder, &["--target", &nowhere()]).assert_code(3).assert_says("not because the target left a request");
    folder.write("bug.yaml", folder.read("bug.yaml").replace("value: bad", "value: \"${nobody}\""));
    let said = minimize(&folder, &["--target", "little"]);
    said.assert_code(3).assert_says("`${nobody}`: there is no such variable");
}
