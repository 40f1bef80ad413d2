//! Whatever comes, the gateway answers and stays.

use serde_json::{Value, json};

use crate::requests::*;

fn message(change: impl FnOnce(&mut Value)) -> Value {
    let mut body = turn("Good morning.", true, false);
    change(&mut body);
    body
}

#[tokio::test]
async fn requests_that_are_none_are_refused() {
    let pair = Pair::start(json!({}), json!({})).await;
    let refused = [
        json!(null),
        json!([]),
        json!("text"),
        message(|body| body["model"] = json!("")),
        message(|body| body["model"] = json!(7)),
        message(|body| body["max_tokens"] = json!(0)),
        message(|body| body["max_tokens"] = json!(null)),
        message(|body| body["messages"] = json!([])),
        message(|body| body["messages"] = json!({ "role": "user" })),
        message(|body| body["messages"] = json!(["text"])),
        message(|body| body["messages"] = json!([{ "role": "assistant", "content": "x" }])),
        message(|body| body["messages"][0]["role"] = json!("tool")),
        message(|body| body["messages"][0]["content"] = json!(7)),
        message(|body| body["messages"][0]["content"] = json!([7])),
    ];
    for body in refused {
        let seen = pair.ask(&body).await;
        assert_eq!((seen.status, &seen.json()["error"]["type"]), (400, &json!("invalid_request_error")), "{body}");
    }
    let nonsense = pair.messages(&json!({})).text("{");
    assert_eq!(pair.send(&nonsense).await.status, 400);
    assert!(pair.arrived().is_empty());
}

#[tokio::test]
async fn odd_requests_are_answered() {
    let pair = Pair::start(json!({}), json!({})).await;
    let odd = [
        message(|body| body["tools"] = json!([7, {}, { "name": 7 }, { "type": 7 }])),
        message(|body| body["tools"][1]["input_schema"] = json!({})),
        message(|body| body["tool_choice"] = json!("none")),
        message(|body| body["stream"] = json!("yes")),
        message(|body| body["system"] = json!(7)),
        message(|body| body["messages"][0]["content"] = json!("\u{0}\u{7f}\u{2028}🦀")),
        message(|body| {
            body["messages"][0]["content"] = json!([{ "type": "unheard-of" }, { "type": "text", "text": "x" }]);
        }),
        message(|body| {
            let message = body["messages"][0].clone();
            body["messages"] =
                json!([message, { "role": "assistant", "content": "a" }, { "role": "assistant", "content": "b" }]);
        }),
    ];
    for body in odd {
        let seen = pair.ask(&body).await;
        assert_eq!(seen.status, 200, "{body}: {}", seen.body);
    }
}

#[tokio::test]
async fn answers_of_a_hostile_runtime_are_bounded_and_survived() {
    let text = |text: &str| json!({ "respond": [{ "status": 200, "body": text }] });
    let found = |results: Value| {
        let inner = json!({ "results": results, "totalResults": 1, "query": "x", "error": null }).to_string();
        let result = json!({ "content": [{ "type": "text", "text": inner }], "isError": false });
        json!({ "respond": [{ "status": 200, "body": { "jsonrpc": "2.0", "id": "x", "result": result } }] })
    };
    for runtime in [
        text(""),
        text("null"),
        text("[]"),
        text(&"[".repeat(100_000)),
        text(&"x".repeat(5 << 20)),
        found(json!([null])),
        found(json!([{ "title": "no address" }])),
        found(json!([{ "url": 7 }])),
        found(json!({})),
        json!({ "respond": [{ "status": 429, "headers": { "retry-after": "soon" } }] }),
    ] {
        let pair = Pair::start(runtime, json!({ "check_answer_id": false, "rate_limits": "block" })).await;
        let code = error_code(&pair.ask(&side_query("rust", false)).await);
        assert!(matches!(code.as_str(), "unavailable" | "too_many_requests"), "{code}");
    }
    // What is odd but can be shown is shown.
    let odd = found(
        json!([{ "url": "javascript:alert(1)", "publishedDate": 1e300 }, { "url": "", "title": null, "publishedDate": [] }]),
    );
    let pair = Pair::start(odd, json!({ "check_answer_id": false })).await;
    let message = pair.ask(&side_query("rust", false)).await.json();
    assert_eq!(message["content"][1]["content"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_turn() {
    let runtime = json!({ "faults": [{ "delay": "300ms", "path": "/generateAssistantResponse" }] });
    let pair = Pair::start(runtime, json!({})).await;
    let body = turn("Please search the web for rust.", true, true);
    let asked = tokio::time::timeout(std::time::Duration::from_millis(100), pair.ask(&body)).await;
    assert!(asked.is_err(), "the client gave up");
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    assert!(pair.bodies("/mcp").is_empty(), "nobody is there to search for");
}
