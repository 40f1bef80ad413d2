//! Turns of the model, and the searches between its rounds.

use serde_json::{Value, json};

use crate::requests::*;

/// What a completion got besides the current words of the user.
fn context(body: &Value) -> &Value {
    &body["conversationState"]["currentMessage"]["userInputMessage"]["userInputMessageContext"]
}

fn texts(message: &Value) -> String {
    let blocks = message["content"].as_array().expect("blocks");
    blocks.iter().filter_map(|block| block["text"].as_str()).collect()
}

#[tokio::test]
async fn a_plain_answer_comes_whole_and_streamed() {
    let script = json!([{ "text": "Grüße — „eins“ 🦀" }]);
    let pair = Pair::start(json!({ "completions": { "script": script } }), json!({})).await;
    let message = pair.ask(&turn("Good morning.", false, false)).await.json();
    assert_eq!(message["content"], json!([{ "type": "text", "text": "Grüße — „eins“ 🦀" }]));
    assert!(message["usage"].get("server_tool_use").is_none());
    let events = events(&pair.ask(&turn("Good morning.", false, true)).await);
    let deltas: Vec<&str> = events.iter().filter_map(|(_, data)| data["delta"]["text"].as_str()).collect();
    assert_eq!(deltas.len(), 2, "pieces are passed on as they come");
    assert_eq!(deltas.concat(), "Grüße — „eins“ 🦀");
}

#[tokio::test]
async fn a_search_of_the_model_is_carried_out_between_two_rounds() {
    for (declared, stream) in [(false, false), (true, false), (false, true), (true, true)] {
        let pair = Pair::start(json!({}), json!({})).await;
        let seen = pair.ask(&turn("Please search the web for rust editions.", declared, stream)).await;
        assert_eq!(seen.status, 200, "{}", seen.body);
        assert!(seen.body.contains("https://blog.rust-lang.org/"), "{}", seen.body);
        assert!(!seen.body.contains("\"tool_use\""), "{}", seen.body);
        assert_eq!(seen.body.contains("web_search_tool_result"), declared, "{}", seen.body);
        assert_eq!(seen.body.contains("web_search_requests"), declared, "{}", seen.body);
        let completions = pair.bodies("/generateAssistantResponse");
        assert_eq!(completions.len(), 2);
        let result = &context(&completions[1])["toolResults"][0];
        let call = &completions[1]["conversationState"]["history"][1]["assistantResponseMessage"]["toolUses"][0];
        assert_eq!((&result["toolUseId"], &result["status"]), (&call["toolUseId"], &json!("success")));
        assert_eq!(pair.bodies("/mcp")[0]["params"]["arguments"], json!({ "query": "rust editions" }));
    }
}

#[tokio::test]
async fn later_rounds_know_the_earlier_ones() {
    let search = |query: &str| json!({ "tools": [{ "name": "web_search", "input": { "query": query } }] });
    let script = json!([search("one"), search("two"), search("three")]);
    let pair = Pair::start(json!({ "completions": { "script": script } }), json!({})).await;
    let message = pair.ask(&turn("Compare.", true, false)).await.json();
    assert_eq!(message["usage"]["server_tool_use"]["web_search_requests"], 3);
    let text = texts(&message);
    for query in ["one", "two", "three"] {
        assert!(text.contains(&format!("Search results for \"{query}\"")), "{text}");
    }
}

#[tokio::test]
async fn a_failed_search_is_told_to_the_model() {
    let pair = Pair::start(json!({ "tool_failure": "backend" }), json!({})).await;
    let seen = pair.ask(&turn("Please search the web for rust.", true, false)).await;
    assert_eq!(error_code(&seen), "unavailable");
    let completions = pair.bodies("/generateAssistantResponse");
    assert_eq!(context(&completions[1])["toolResults"][0]["status"], "error");
    assert_eq!(seen.json()["stop_reason"], "end_turn");
}

#[tokio::test]
async fn a_client_allows_so_many_searches() {
    let search = json!({ "tools": [{ "name": "web_search", "input": { "query": "x" } }] });
    let pair = Pair::start(json!({ "completions": { "script": [search, search] } }), json!({})).await;
    let mut body = turn("Look into it.", true, false);
    body["tools"][0]["max_uses"] = json!(1);
    let message = pair.ask(&body).await.json();
    assert_eq!(pair.bodies("/mcp").len(), 1);
    assert_eq!(message["content"][3]["content"]["error_code"], "max_uses_exceeded", "{message}");
    assert_eq!(message["usage"]["server_tool_use"]["web_search_requests"], 1);
}

#[tokio::test]
async fn a_model_that_goes_on_searching_is_stopped() {
    let search = json!({ "tools": [{ "name": "web_search", "input": { "query": "x" } }] });
    let script: Vec<Value> = vec![search; 40];
    let pair = Pair::start(json!({ "completions": { "script": script } }), json!({})).await;
    let message = pair.ask(&turn("Look into it.", true, false)).await.json();
    assert_eq!(message["stop_reason"], "end_turn");
    assert_eq!(pair.bodies("/mcp").len(), 10);
}

#[tokio::test]
async fn functions_of_the_client_are_the_clients() {
    let call = json!({ "text": "One moment.", "tools": [{ "name": "read_file", "input": { "path": "a.rs" } }] });
    let pair = Pair::start(json!({ "completions": { "script": [call] } }), json!({})).await;
    let mut body = turn("What is in a.rs?", true, false);
    let message = pair.ask(&body).await.json();
    assert_eq!(message["stop_reason"], "tool_use");
    let tool_use = message["content"][1].clone();
    assert_eq!((&tool_use["name"], &tool_use["input"]), (&json!("read_file"), &json!({ "path": "a.rs" })));

    // The client sends the result of its function, and gets an answer that uses it.
    let messages = body["messages"].as_array_mut().expect("messages");
    messages.push(json!({ "role": "assistant", "content": message["content"] }));
    let result = json!({ "type": "tool_result", "tool_use_id": tool_use["id"], "content": "fn main() {}" });
    messages.push(json!({ "role": "user", "content": [result] }));
    let second = pair.ask(&body).await;
    assert!(texts(&second.json()).contains("fn main() {}"), "{}", second.body);
}

#[tokio::test]
async fn a_function_named_web_search_stays_the_clients() {
    let pair = Pair::start(json!({}), json!({})).await;
    let mut body = turn("Please search the web for rust.", false, false);
    body["tools"][0]["name"] = json!("web_search");
    let message = pair.ask(&body).await.json();
    assert_eq!(message["content"][0]["type"], "tool_use");
    assert!(pair.bodies("/mcp").is_empty());
}

#[tokio::test]
async fn a_search_beside_a_function_is_shown_and_the_function_left_to_the_client() {
    let calls = json!([{ "name": "web_search", "input": { "query": "x" } }, { "name": "read_file", "input": {} }]);
    let pair = Pair::start(json!({ "completions": { "script": [{ "tools": calls }] } }), json!({})).await;
    let message = pair.ask(&turn("Both.", true, false)).await.json();
    let kinds: Vec<&str> =
        message["content"].as_array().expect("blocks").iter().flat_map(|b| b["type"].as_str()).collect();
    assert_eq!(kinds, ["server_tool_use", "web_search_tool_result", "tool_use"]);
    assert_eq!(message["stop_reason"], "tool_use");
}

#[tokio::test]
async fn the_search_tool_is_offered_only_if_declared_when_so_configured() {
    let pair = Pair::start(json!({}), json!({ "inject_search": "declared" })).await;
    for (declared, count) in [(false, 1), (true, 2)] {
        pair.ask(&turn("Good morning.", declared, false)).await;
        let body = pair.bodies("/generateAssistantResponse").pop().expect("a completion");
        assert_eq!(context(&body)["tools"].as_array().map(Vec::len), Some(count));
    }
}

#[tokio::test]
async fn histories_of_clients_are_understood() {
    let pair = Pair::start(json!({}), json!({})).await;
    let blocks = pair.ask(&side_query("rust", false)).await.json()["content"].clone();
    let body = json!({ "model": "m", "max_tokens": 10, "system": "Be kind.", "messages": [
        { "role": "user", "content": "one" },
        { "role": "user", "content": [{ "type": "text", "text": "two" }, { "type": "image", "source": {} }] },
        { "role": "assistant", "content": blocks },
        { "role": "system", "content": "Be brief." },
        { "role": "user", "content": "three" },
    ] });
    let seen = pair.ask(&body).await;
    assert_eq!(seen.status, 200, "{}", seen.body);
    let sent = pair.bodies("/generateAssistantResponse").remove(0);
    let history = &sent["conversationState"]["history"];
    assert_eq!(history[0]["userInputMessage"]["content"], "Be kind.\nBe brief.\none\ntwo");
    let earlier = history[1]["assistantResponseMessage"]["content"].as_str().expect("text");
    assert!(earlier.contains("https://blog.rust-lang.org/"), "{earlier}");
    assert_eq!(sent["conversationState"]["currentMessage"]["userInputMessage"]["content"], "three");
}

#[tokio::test]
async fn completions_renew_a_refused_token_too() {
    let pair = Pair::start(json!({}), json!({})).await;
    pair.runtime.control(&json!({ "advance": "2h" })).await.expect("an hour and more");
    assert_eq!(pair.ask(&turn("Good morning.", false, false)).await.status, 200);
    let statuses: Vec<u16> = pair.arrived().into_iter().map(|(_, status)| status).collect();
    assert_eq!(statuses, [403, 200, 200]);
}

#[tokio::test]
async fn a_completion_that_breaks_off_is_an_error() {
    for runtime in [
        json!({ "defects": ["completion-checksum-wrong"] }),
        json!({ "faults": [{ "cut_after_bytes": 200, "path": "/generateAssistantResponse" }] }),
        json!({ "respond": [{ "on": "completion", "status": 200, "body": "no event stream" }] }),
        json!({ "respond": [{ "on": "completion", "status": 500 }] }),
    ] {
        let pair = Pair::start(runtime.clone(), json!({ "timeout": "500ms" })).await;
        let seen = pair.ask(&turn("Tell me a story, and a long one.", false, false)).await;
        assert_eq!((seen.status, &seen.json()["type"]), (502, &json!("error")), "{runtime}");
    }
}
