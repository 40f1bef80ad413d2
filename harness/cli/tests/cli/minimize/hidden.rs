//! Set-up steps of which nothing says that the failing step needs them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::{json, minimize};
use crate::support::{Folder, response, serve, wait_for};

/// A server that breaks on the question once a session has made all of these calls; and how often it was asked.
fn server(needed: &'static [usize], pause: Duration) -> (String, Arc<AtomicU64>) {
    let asked = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&asked);
    let sessions: Mutex<BTreeMap<String, BTreeSet<usize>>> = Mutex::default();
    let url = serve(move |head, body| {
        let number = counted.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(pause);
        let request: Value = serde_json::from_str(body).unwrap_or_default();
        let Some(id) = request.get("id") else { return response("202 Accepted", "", "") };
        let head = head.to_ascii_lowercase();
        let session =
            head.lines().find_map(|line| line.strip_prefix("mcp-session-id: ")).unwrap_or_default().to_owned();
        let mut sessions = sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let made = sessions.entry(session).or_default();
        let value = request.pointer("/params/arguments/value").and_then(Value::as_str).unwrap_or_default();
        made.extend(value.strip_prefix("step-").and_then(|number| number.parse::<usize>().ok()));
        let breaks = value == "question" && needed.iter().all(|step| made.contains(step));
        let result = match request["method"].as_str().unwrap_or_default() {
            "initialize" => json!({
                "protocolVersion": "2025-06-18", "capabilities": { "tools": {} }, "serverInfo": { "name": "little", "version": "1" },
            }),
            "tools/list" => json!({ "tools": [
                { "name": "look", "inputSchema": { "type": "object" }, "annotations": { "readOnlyHint": true } },
            ] }),
            _ => json!({ "content": [{ "type": "text", "text": if breaks { "broken" } else { "fine" } }] }),
        };
        let answer = json!({ "jsonrpc": "2.0", "id": id, "result": result });
        let headers = format!("content-type: application/json\r\nmcp-session-id: s{number}\r\n");
        response("200 OK", &headers, answer.to_string())
    });
    (url, asked)
}

/// Fifty calls that look alike; the last one expects a good answer.
fn fifty() -> String {
    let mut text = "id: bug.hidden\ntitle: It is fine\ntarget: mcp-server\nversions: 2025-06-18\nsteps:\n".to_owned();
    for step in 1..50 {
        text.push_str(&format!(
            "  - call: tools/call\n    params: {{ name: look, arguments: {{ value: step-{step} }} }}\n"
        ));
    }
    text + "  - call: tools/call\n    params: { name: look, arguments: { value: question } }\n    expect: { result: { content: [{ text: fine }] } }\n"
}

/// The scenario, and the server as the target `little`; and how often it was asked.
fn folder(needed: &'static [usize], pause: Duration) -> (Folder, Arc<AtomicU64>) {
    let (url, asked) = server(needed, pause);
    let config = format!("targets:\n  little: {{ role: mcp-server, url: '{url}', versions: ['2025-06-18'] }}\n");
    (Folder::new(&[("bug.yaml", &fifty()), ("gauntlet.yaml", &config)]), asked)
}

#[test]
fn hidden_steps_far_apart_are_found_within_the_bound() {
    for needed in [&[5, 37][..], &[24], &[3]] {
        let (folder, asked) = folder(needed, Duration::ZERO);
        let report = json(minimize(&folder, &["--target", "little", "--format", "json"]).assert_code(0));
        assert_eq!((&report["outcome"], &report["verified"]), (&json!("minimal"), &json!(true)), "{report:#}");
        let kept: Vec<u64> =
            report["kept"].as_array().unwrap().iter().filter_map(|step| step["was"].as_u64()).collect();
        let expected: Vec<u64> = needed.iter().map(|step| *step as u64).chain([50]).collect();
        assert_eq!(kept, expected, "{report:#}");
        assert_eq!(report["requests"], asked.load(Ordering::Relaxed));
        assert!(report["requests"].as_u64().is_some_and(|made| made <= 300), "{report:#}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_search_leaves_the_best_so_far() {
    use std::process::{Command, Stdio};

    // So slow that there is time to end it.
    let (folder, _) = folder(&[5, 37], Duration::from_millis(5));
    let state = folder.path("small.yaml.state.json");
    let tried = || std::fs::read_to_string(&state).map_or(0, |text| text.matches("\"otherwise\"").count());
    let ended_by = |signal: &str, more: &[&str]| {
        let known = tried();
        let mut command =
            folder.command(&[&["minimize", "bug.yaml", "-o", "small.yaml", "--target", "little"], more].concat());
        let child = crate::support::Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        wait_for("a candidate was tried", || tried() > known);
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        child.said()
    };
    assert_eq!(ended_by("-KILL", &[]).code, None);
    let said = ended_by("-INT", &["--resume"]);
    said.assert_code(3).assert_says("Interrupted; so far").assert_says("--resume");
    folder.run(&["check", "small.yaml"]).assert_code(0);
    let said = minimize(&folder, &["--target", "little", "--resume", "--max-requests", "600"]);
    said.assert_code(0).assert_says("known from before").assert_says("→ 3");
}
