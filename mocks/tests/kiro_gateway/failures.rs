//! What goes wrong behind the gateway is told, and told apart.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::requests::*;

/// Ways in which the runtime fails: its configuration, the error code of the block, the status of an answer of its own.
fn failures() -> Vec<(Value, &'static str, u16)> {
    let forced = |status: u16| json!({ "respond": [{ "status": status, "body": { "message": "secret words", "reason": null } }] });
    let fault = |fault: Value| {
        let mut fault = fault;
        fault["path"] = json!("/mcp");
        json!({ "faults": [fault] })
    };
    vec![
        (forced(400), "unavailable", 502),
        (json!({ "quota": "monthly" }), "unavailable", 402),
        (json!({ "accounts": [{ "kind": "identity-center", "authorized": false }] }), "unavailable", 502),
        (forced(500), "unavailable", 502),
        (forced(503), "unavailable", 502),
        (json!({ "rate": {} }), "too_many_requests", 429),
        (json!({ "tool_failure": "backend" }), "unavailable", 502),
        (json!({ "tool_failure": "is-error-text" }), "unavailable", 502),
        (json!({ "tool_failure": "is-error-json" }), "unavailable", 502),
        (json!({ "tool_failure": "inner-error" }), "unavailable", 502),
        (json!({ "result_shape": "not-json" }), "unavailable", 502),
        (json!({ "result_shape": "results-null" }), "unavailable", 502),
        (json!({ "result_shape": "content-empty" }), "unavailable", 502),
        (json!({ "result_shape": "html" }), "unavailable", 502),
        (json!({ "result_shape": "event-stream" }), "unavailable", 502),
        (fault(json!({ "garbage": true })), "unavailable", 502),
        (fault(json!({ "wrong_id": true })), "unavailable", 502),
        (fault(json!({ "cut_after_bytes": 40 })), "unavailable", 502),
        (fault(json!({ "reset": true })), "unavailable", 502),
        (fault(json!({ "hang": true })), "unavailable", 504),
    ]
}

#[tokio::test]
async fn each_failure_is_a_block_or_a_status() {
    for (runtime, code, status) in failures() {
        // Only what hangs is waited for.
        let timeout = if status == 504 { "300ms" } else { "20s" };
        let forms = json!({ "timeout": timeout, "rate_limits": "block" });
        let pair = Pair::start(runtime.clone(), forms).await;
        let seen = pair.ask(&side_query("rust", false)).await;
        assert_eq!((seen.status, error_code(&seen).as_str()), (200, code), "{runtime}");
        assert!(!seen.body.contains("secret words"), "{runtime}: {}", seen.body);

        pair.gateway
            .control(&json!({ "set": { "failures": "status", "rate_limits": "status" } }))
            .await
            .expect("forms");
        for stream in [false, true] {
            let seen = pair.ask(&side_query("rust", stream)).await;
            assert_eq!((seen.status, &seen.json()["type"]), (status, &json!("error")), "{runtime}, {stream}");
            assert!(!seen.body.contains("secret words"), "{runtime}: {}", seen.body);
        }
    }
}

#[tokio::test]
async fn the_journal_knows_what_the_runtime_said() {
    let pair = Pair::start(json!({}), json!({ "defects": ["profile-arn-omitted"] })).await;
    for stream in [false, true] {
        pair.ask(&side_query("rust", stream)).await;
    }
    for entry in pair.gateway.journal().entries() {
        assert_eq!(entry.note.as_deref(), Some("the runtime answered 400 profileArn is required for this request."));
    }
}

#[tokio::test]
async fn a_rate_limit_is_passed_on_and_not_repeated() {
    let pair = Pair::start(json!({ "rate": { "retry_after": 7 } }), json!({})).await;
    for stream in [false, true] {
        let seen = pair.ask(&side_query("rust", stream)).await;
        assert_eq!((seen.status, seen.header("retry-after")), (429, Some("7")), "{stream}");
        assert_eq!(seen.json()["error"]["type"], "rate_limit_error");
    }
    assert_eq!(pair.arrived().len(), 2);
}

#[tokio::test]
async fn queries_that_the_tool_does_not_take_never_leave() {
    let pair = Pair::start(json!({}), json!({})).await;
    for (query, code) in [("", "invalid_tool_input"), (&*"ä".repeat(201), "query_too_long")] {
        assert_eq!(error_code(&pair.ask(&side_query(query, false)).await), code);
    }
    assert!(pair.arrived().is_empty());
    assert_eq!(pair.ask(&side_query(&"ä".repeat(200), false)).await.status, 200);
}

#[tokio::test]
async fn twice_encoded_results_are_read() {
    let pair = Pair::start(json!({ "result_shape": "double-encoded" }), json!({})).await;
    let message = pair.ask(&side_query("rust", false)).await.json();
    assert_eq!(message["content"][1]["content"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn whether_ids_are_looked_at_is_a_switch() {
    let runtime = json!({ "defects": ["id-not-echoed"] });
    let strict = Pair::start(runtime.clone(), json!({})).await;
    assert_eq!(error_code(&strict.ask(&side_query("rust", false)).await), "unavailable");
    let lenient = Pair::start(runtime, json!({ "check_answer_id": false })).await;
    assert!(lenient.ask(&side_query("rust", false)).await.json()["content"][1]["content"].is_array());
}

#[tokio::test]
async fn silence_is_filled_with_pings_and_bounded() {
    let runtime = json!({ "faults": [{ "hang": true, "path": "/mcp" }] });
    let pair = Pair::start(runtime, json!({ "keep_alive": "50ms", "timeout": "1s" })).await;
    let started = Instant::now();
    let events = events(&pair.ask(&side_query("rust", true)).await);
    assert!(started.elapsed() < Duration::from_secs(20));
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..3], ["message_start", "ping", "ping"]);
    assert_eq!(names.last(), Some(&"message_stop"));
    assert!(events.iter().any(|(_, data)| data["content_block"]["content"]["error_code"] == "unavailable"));
}

#[tokio::test]
async fn after_a_ping_a_status_becomes_an_event() {
    let runtime = json!({ "rate": { "retry_after": 7 }, "faults": [{ "delay": "600ms", "path": "/mcp" }] });
    let pair = Pair::start(runtime, json!({ "keep_alive": "50ms" })).await;
    let seen = pair.ask(&side_query("rust", true)).await;
    assert_eq!(seen.status, 200);
    let (name, data) = events(&seen).pop().expect("an event");
    assert_eq!((name.as_str(), &data["error"]["type"]), ("error", &json!("rate_limit_error")));
}

#[tokio::test]
async fn without_a_runtime_there_is_an_answer_all_the_same() {
    let pair = Pair::start(json!({}), json!({ "upstreams": { "runtime": "http://127.0.0.1:9" } })).await;
    assert_eq!(error_code(&pair.ask(&side_query("rust", false)).await), "unavailable");
    assert_eq!(pair.ask(&turn("Good morning.", false, false)).await.status, 502);
}
