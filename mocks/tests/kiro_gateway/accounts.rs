//! Kinds of accounts, the renewal of their tokens, and where their profiles come from.

use serde_json::json;

use crate::requests::*;
use crate::support::var;

const ALL: [&str; 5] = ["desktop", "identity-center", "builder-id", "api-key", "external-idp"];

fn paths(pair: &Pair) -> Vec<String> {
    pair.arrived().into_iter().map(|(path, _)| path).collect()
}

#[tokio::test]
async fn every_kind_searches() {
    for kind in ALL {
        let pair = Pair::start(json!({ "account": kind }), json!({})).await;
        let seen = pair.ask(&side_query("rust", false)).await;
        assert_eq!(seen.json()["content"][1]["content"].as_array().map(Vec::len), Some(2), "{kind}: {}", seen.body);
        assert_eq!(pair.arrived(), [("/mcp".to_owned(), 200)], "{kind}");
        let legacy = matches!(kind, "builder-id" | "api-key");
        let host = pair.search_header("host")[0].clone().unwrap_or_default();
        assert_eq!(host.starts_with("q."), legacy, "{kind}: {host}");
    }
}

#[tokio::test]
async fn every_kind_without_a_token_renews_it_first() {
    for kind in ALL.into_iter().filter(|kind| *kind != "api-key") {
        let pair = Pair::start(json!({ "account": kind }), json!({ "cached_token": null })).await;
        assert_eq!(pair.ask(&side_query("rust", false)).await.status, 200, "{kind}");
        let endpoint = if kind == "desktop" { "/refreshToken" } else { "/token" };
        assert_eq!(pair.arrived(), [(endpoint.to_owned(), 200), ("/mcp".to_owned(), 200)], "{kind}");
        assert!(!pair.gateway.secrets().is_empty());
    }
}

#[tokio::test]
async fn a_profile_that_is_not_stored_is_found_once() {
    for (kind, way) in [
        ("desktop", vec!["/refreshToken"]),
        ("identity-center", vec!["/"]),
        // Its profile is in the second region.
        ("external-idp", vec!["/", "/"]),
    ] {
        let pair = Pair::start(json!({ "account": kind }), json!({ "stored_profile": false })).await;
        for _ in 0..2 {
            let seen = pair.ask(&side_query("rust", false)).await;
            assert_eq!(seen.json()["content"][1]["content"].as_array().map(Vec::len), Some(2), "{kind}: {}", seen.body);
        }
        let expected: Vec<&str> = way.into_iter().chain(["/mcp", "/mcp"]).collect();
        assert_eq!(paths(&pair), expected, "{kind}");
        assert_eq!(pair.bodies("/mcp")[1]["profileArn"], var(&pair.runtime, "arn"), "{kind}");
    }
}

#[tokio::test]
async fn a_desktop_refresh_without_a_profile_leads_to_a_lookup() {
    let runtime = json!({ "account": "desktop", "tokens": { "desktop_profile_arn": false } });
    let pair = Pair::start(runtime, json!({ "stored_profile": false })).await;
    assert_eq!(pair.ask(&side_query("rust", false)).await.status, 200);
    assert_eq!(paths(&pair), ["/refreshToken", "/", "/mcp"]);
}

#[tokio::test]
async fn no_profile_anywhere_is_a_failure_without_a_search() {
    let pair = Pair::start(json!({ "defects": ["profiles-empty"] }), json!({ "stored_profile": false })).await;
    assert_eq!(error_code(&pair.ask(&side_query("rust", false)).await), "unavailable");
    assert_eq!(paths(&pair), ["/", "/"]);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let pair = Pair::start(json!({}), json!({})).await;
    pair.runtime.control(&json!({ "advance": "2h" })).await.expect("an hour and more");
    assert_eq!(pair.ask(&side_query("rust", false)).await.status, 200);
    let statuses: Vec<u16> = pair.arrived().into_iter().map(|(_, status)| status).collect();
    assert_eq!(statuses, [403, 200, 200]);

    let dead = Pair::start(json!({ "defects": ["refresh-returns-dead-token"] }), json!({})).await;
    dead.runtime.control(&json!({ "advance": "2h" })).await.expect("an hour and more");
    assert_eq!(error_code(&dead.ask(&side_query("rust", false)).await), "unavailable");
    assert_eq!(paths(&dead), ["/mcp", "/token", "/mcp"]);
}

#[tokio::test]
async fn searches_at_the_same_time_share_one_renewal() {
    let runtime = json!({ "faults": [{ "delay": "200ms", "path": "/token" }] });
    let pair = Pair::start(runtime, json!({ "cached_token": null })).await;
    let body = side_query("rust", false);
    let seen = futures_util::future::join_all((0..8).map(|_| pair.ask(&body))).await;
    assert!(seen.iter().all(|seen| seen.json()["content"][1]["content"].is_array()));
    let paths = paths(&pair);
    assert_eq!(paths.iter().filter(|path| *path == "/token").count(), 1, "{paths:?}");
    assert_eq!(paths.iter().filter(|path| *path == "/mcp").count(), 8, "{paths:?}");
}

#[tokio::test]
async fn a_token_is_renewed_before_its_time_is_over() {
    let pair = Pair::start(json!({}), json!({ "cached_token": "11m" })).await;
    pair.ask(&side_query("rust", false)).await;
    pair.gateway.control(&json!({ "advance": "2m" })).await.expect("two minutes");
    pair.ask(&side_query("rust", false)).await;
    assert_eq!(paths(&pair), ["/mcp", "/token", "/mcp"]);
}

#[tokio::test]
async fn changes_of_the_configuration_and_restarts() {
    let pair = Pair::start(json!({}), json!({ "stored_profile": false })).await;
    pair.ask(&side_query("rust", false)).await;
    pair.gateway.control(&json!({ "set": { "failures": "status" } })).await.expect("a change");
    pair.ask(&side_query("rust", false)).await;
    assert_eq!(paths(&pair), ["/", "/mcp", "/mcp"], "what is found is kept");
    pair.gateway.control(&json!({ "restart": true })).await.expect("a restart");
    pair.ask(&side_query("rust", false)).await;
    assert_eq!(paths(&pair)[3..], ["/", "/mcp"], "a restart forgets it");
    pair.gateway.control(&json!({ "set": { "stored_profile": true } })).await.expect("a change");
    pair.ask(&side_query("rust", false)).await;
    assert_eq!(paths(&pair)[5..], ["/mcp"]);
}
