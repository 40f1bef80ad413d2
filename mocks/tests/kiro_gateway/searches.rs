//! Turns that are nothing but a search.

use gauntlet_mocks::{StartOptions, start};
use serde_json::{Value, json};

use crate::requests::*;
use crate::support::{Probe, started, var};

#[tokio::test]
async fn a_side_query_is_one_search_with_the_whole_identity() {
    let pair = Pair::start(json!({}), json!({})).await;
    let seen = pair.ask(&side_query("rust 2026 edition", false)).await;
    assert_eq!(seen.status, 200, "{}", seen.body);
    let message = seen.json();
    let kinds: Vec<&str> =
        message["content"].as_array().expect("blocks").iter().flat_map(|b| b["type"].as_str()).collect();
    assert_eq!(kinds, ["server_tool_use", "web_search_tool_result", "text"]);
    assert_eq!(message["content"][0]["input"], json!({ "query": "rust 2026 edition" }));
    assert_eq!(message["content"][0]["id"], message["content"][1]["tool_use_id"]);
    assert_eq!(
        message["content"][1]["content"][1],
        json!({ "type": "web_search_result", "title": "Announcing Rust", "url": "https://blog.rust-lang.org/",
            "encrypted_content": "Empowering everyone to build reliable and efficient software.", "page_age": "April 7, 2026" })
    );
    assert_eq!(message["usage"]["server_tool_use"]["web_search_requests"], 1);
    assert_eq!(message["stop_reason"], "end_turn");

    assert_eq!(pair.arrived(), [("/mcp".to_owned(), 200)]);
    let body = &pair.bodies("/mcp")[0];
    assert_eq!(body["profileArn"], var(&pair.runtime, "arn"));
    assert_eq!(body["params"], json!({ "name": "web_search", "arguments": { "query": "rust 2026 edition" } }));
    let id = body["id"].as_str().expect("an id");
    let parts: Vec<&str> = id.strip_prefix("web_search_tooluse_").expect("the prefix").split('_').collect();
    assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [22, 13, 8], "{id}");
    let user_agent = pair.search_header("user-agent")[0].clone().expect("a user agent");
    let mark = user_agent.rsplit(' ').next().expect("a mark");
    assert_eq!(mark.len(), "KiroIDE-0.11.107-".len() + 64, "{mark}");
    assert!(pair.search_header("x-amz-user-agent")[0].as_ref().is_some_and(|agent| agent.ends_with(mark)));
    assert_eq!(pair.search_header("host"), [Some("runtime.us-east-1.kiro.dev".to_owned())]);
    for absent in ["x-amz-target", "x-api-key", "tokentype", "x-amzn-kiro-profile-arn"] {
        assert_eq!(pair.search_header(absent), [None], "{absent}");
    }
}

#[tokio::test]
async fn a_stream_says_the_same_in_order() {
    let pair = Pair::start(json!({}), json!({})).await;
    let whole = pair.ask(&side_query("rust", false)).await.json();
    let seen = pair.ask(&side_query("rust", true)).await;
    assert!(seen.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")));
    let events = events(&seen);
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    for (name, data) in &events {
        assert_eq!(data["type"], name.as_str());
    }
    let input: Value =
        serde_json::from_str(events[2].1["delta"]["partial_json"].as_str().expect("text")).expect("JSON");
    assert_eq!(input, whole["content"][0]["input"]);
    assert_eq!(events[4].1["index"], 1);
    assert_eq!(events[4].1["content_block"]["content"], whole["content"][1]["content"]);
    assert_eq!(events[7].1["delta"]["text"], whole["content"][2]["text"]);
    assert_eq!(events[9].1["delta"]["stop_reason"], whole["stop_reason"]);
    assert_eq!(events[9].1["usage"], whole["usage"]);
}

#[tokio::test]
async fn nothing_found_is_no_failure() {
    let pair = Pair::start(json!({ "search_results": [] }), json!({})).await;
    let message = pair.ask(&side_query("nothing", false)).await.json();
    assert_eq!(message["content"][1]["content"], json!([]));
    assert_eq!(message["content"][2]["text"], "No results found for \"nothing\".");
}

#[tokio::test]
async fn the_last_message_of_the_user_is_searched_for() {
    let pair = Pair::start(json!({}), json!({})).await;
    let mut body = side_query("first", false);
    let messages = body["messages"].as_array_mut().expect("messages");
    messages.push(json!({ "role": "assistant", "content": "x" }));
    messages.push(json!({ "role": "user", "content": "second, in other words" }));
    assert_eq!(pair.ask(&body).await.status, 200);
    assert_eq!(pair.bodies("/mcp")[0]["params"]["arguments"]["query"], "second, in other words");
}

#[tokio::test]
async fn the_profile_goes_where_it_is_told_to() {
    for (place, in_body, in_header) in [("body", true, false), ("header", false, true), ("both", true, true)] {
        let runtime = json!({ "identity_gate": { "kinds": [] } });
        let pair = Pair::start(runtime, json!({ "profile_arn": place })).await;
        assert_eq!(pair.ask(&side_query("rust", false)).await.status, 200, "{place}");
        assert_eq!(pair.bodies("/mcp")[0].get("profileArn").is_some(), in_body, "{place}");
        assert_eq!(pair.search_header("x-amzn-kiro-profile-arn")[0].is_some(), in_header, "{place}");
    }
}

#[tokio::test]
async fn clients_log_in_with_either_header() {
    let pair = Pair::start(json!({}), json!({})).await;
    let key = var(&pair.gateway, "api_key");
    let probe = pair.messages(&side_query("rust", false)).without("x-api-key");
    for (name, value) in [("x-api-key", key.to_owned()), ("authorization", format!("Bearer {key}"))] {
        assert_eq!(pair.send(&probe.clone().header(name, &value)).await.status, 200, "{name}");
    }
    let refused = pair.send(&probe.clone().header("x-api-key", "nobody's")).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.json()["error"]["type"], "authentication_error");
    assert_eq!(pair.send(&probe).await.status, 401);
    let wrapping = Pair::start(json!({}), json!({ "login_errors": "detail" })).await;
    assert_eq!(wrapping.send(&probe).await.json()["detail"]["error"]["type"], "authentication_error");
}

#[tokio::test]
async fn beside_messages_there_are_models_and_health() {
    let pair = Pair::start(json!({}), json!({})).await;
    let key = var(&pair.gateway, "api_key");
    let models = pair.send(&Probe::new("GET", "/v1/models").header("x-api-key", key)).await;
    assert_eq!(models.json()["data"][0]["id"], var(&pair.gateway, "model"));
    assert_eq!(pair.send(&Probe::new("GET", "/v1/models")).await.status, 401);
    assert_eq!(pair.send(&Probe::new("GET", "/health")).await.json(), json!({ "status": "healthy" }));
    assert_eq!(pair.send(&Probe::new("GET", "/v1/messages")).await.status, 405);
    assert_eq!(pair.send(&Probe::new("GET", "/elsewhere")).await.status, 404);
}

#[tokio::test]
async fn a_mistake_in_the_configuration_is_named() {
    for (config, place) in [
        (json!({}), "upstreams.runtime"),
        (json!({ "upstreams": { "runtime": "nonsense" } }), "upstreams.runtime"),
        (json!({ "upstreams": { "runtime": "ftp://127.0.0.1" } }), "upstreams.runtime"),
        (json!({ "upstreams": { "runtime": "http://127.0.0.1:1" }, "timeout": "0s" }), "timeout"),
        (json!({ "upstreams": { "runtime": "http://127.0.0.1:1" }, "api_keys": [] }), "api_keys"),
        (json!({ "upstreams": { "runtime": "http://127.0.0.1:1" }, "cached_token": "soon" }), "cached_token"),
        (
            json!({ "upstreams": { "runtime": "http://127.0.0.1:1" }, "account": "desktop", "credentials": { "kind": "desktop" } }),
            "account",
        ),
    ] {
        let options = StartOptions { config: config.clone(), ..StartOptions::default() };
        let error = start("kiro-gateway", options).await.expect_err("a mistake").to_string();
        assert!(error.contains(place), "{config}: {error}");
    }
    let gateway = started("kiro-gateway", json!({ "upstreams": { "runtime": "http://127.0.0.1:1" } })).await;
    let moved = gateway.control(&json!({ "set": { "upstreams": { "runtime": "http://127.0.0.1:2" } } })).await;
    assert!(moved.expect_err("fixed").to_string().contains("upstreams"));
}
