//! Each defect shows.

use gauntlet_mocks::{MockHandle, info};
use serde_json::{Value, json};

use crate::requests::*;
use crate::support::{Probe, send, var};

type Show = fn(&MockHandle) -> Vec<Probe>;

/// For each defect: the configuration, and requests whose answers must differ.
fn shows() -> Vec<(&'static str, Value, Show)> {
    let empty = || json!({});
    vec![
        ("identity-gate-open", empty(), |m| vec![bare(search(m))]),
        ("identity-gate-ignores-user-agent", empty(), |m| vec![search(m).without("user-agent")]),
        ("identity-gate-ignores-amz-user-agent", empty(), |m| vec![search(m).without("x-amz-user-agent")]),
        ("accepts-missing-profile-arn", empty(), |m| vec![without_arn(m)]),
        ("accepts-empty-profile-arn", empty(), |m| vec![with_arn(m, &json!(""))]),
        ("accepts-malformed-profile-arn", empty(), |m| vec![with_arn(m, &json!("nonsense"))]),
        ("accepts-nested-profile-arn", empty(), |m| {
            let mut body = call(&json!("rust"));
            body["params"]["profileArn"] = json!(var(m, "arn"));
            vec![search(m).json(&body)]
        }),
        ("accepts-query-profile-arn", empty(), |m| {
            vec![Probe { path: format!("/mcp?profileArn={}", var(m, "arn")), ..without_arn(m) }]
        }),
        ("accepts-wrong-arn-header", empty(), |m| {
            vec![without_arn(m).header("x-amzn-codewhisperer-profile-arn", var(m, "arn"))]
        }),
        ("ignores-arn-header", empty(), |m| vec![without_arn(m).header("x-amzn-kiro-profile-arn", var(m, "arn"))]),
        ("accepts-foreign-profile", empty(), |m| vec![with_arn(m, &json!(var(m, "foreign_arn")))]),
        ("accepts-expired-token", empty(), |m| vec![token(search(m), var(m, "expired_token"))]),
        ("accepts-unknown-token", empty(), |m| vec![token(search(m), var(m, "unknown_token"))]),
        ("expired-token-401", empty(), |m| vec![token(search(m), var(m, "expired_token"))]),
        ("accepts-api-key-without-tokentype", json!({ "account": "api-key" }), |m| {
            vec![search(m).without("tokentype").header("host", LEGACY_HOST)]
        }),
        ("wrong-decision-order", empty(), |m| vec![bare(without_arn(m))]),
        ("accepts-non-object-body", empty(), |m| vec![search(m).text("[]")]),
        ("legacy-host-demands-profile", empty(), |m| vec![without_arn(m).header("host", LEGACY_HOST)]),
        ("rpc-spelling-unknown", empty(), |m| {
            let target = "AmazonCodeWhispererStreamingService.InvokeMCP";
            vec![Probe { path: "/".to_owned(), ..search(m).header("x-amz-target", target) }]
        }),
        ("no-results-as-empty-success", empty(), |m| vec![search_for(m, &json!("site:x"))]),
        ("tool-error-as-success", json!({ "tool_failure": "is-error-text" }), |m| vec![search(m)]),
        ("quota-as-429", json!({ "quota": "overage" }), |m| vec![search(m)]),
        ("retry-after-lost", json!({ "rate": { "retry_after": 7 } }), |m| vec![search(m)]),
        ("5xx-as-empty-success", json!({ "respond": [{ "status": 500 }] }), |m| vec![search(m)]),
        ("reason-field-missing", empty(), |m| vec![without_arn(m)]),
        ("message-text-changed", empty(), |m| vec![without_arn(m)]),
        ("ndjson-answer", empty(), |m| vec![search(m)]),
        ("id-not-echoed", empty(), |m| vec![search(m)]),
        ("jsonrpc-member-missing", empty(), |m| vec![search(m)]),
        ("result-text-not-json", empty(), |m| vec![search(m)]),
        ("result-text-double-encoded", empty(), |m| vec![search(m)]),
        ("dates-as-iso", empty(), |m| vec![search(m)]),
        ("results-truncated", empty(), |m| vec![search(m)]),
        ("query-changed", empty(), |m| vec![search(m)]),
        ("query-length-unchecked", empty(), |m| vec![search_for(m, &json!("x".repeat(201)))]),
        ("empty-query-accepted", empty(), |m| vec![search_for(m, &json!(""))]),
        ("tool-list-empty", empty(), |m| {
            vec![with_body(m, json!({ "id": 1, "jsonrpc": "2.0", "method": "tools/list" }))]
        }),
        ("unknown-method-accepted", empty(), |m| {
            vec![with_body(m, json!({ "id": 1, "jsonrpc": "2.0", "method": "initialize" }))]
        }),
        ("refresh-token-reuse-accepted", empty(), |m| {
            vec![oidc_refresh(m, var(m, "refresh_token")), oidc_refresh(m, var(m, "refresh_token"))]
        }),
        ("refresh-token-not-rotated", empty(), |m| vec![oidc_refresh(m, var(m, "refresh_token"))]),
        ("refresh-returns-dead-token", empty(), |m| vec![oidc_refresh(m, var(m, "refresh_token"))]),
        ("token-response-snake-case", empty(), |m| vec![oidc_refresh(m, var(m, "refresh_token"))]),
        ("token-error-type-missing", empty(), |m| vec![oidc_refresh(m, "unknown")]),
        ("client-secret-unchecked", empty(), |m| {
            vec![oidc_refresh(m, var(m, "refresh_token")).json(&json!({ "grantType": "refresh_token",
                "clientId": var(m, "client_id"), "clientSecret": "x", "refreshToken": var(m, "refresh_token") }))]
        }),
        ("desktop-profile-arn-missing", json!({ "account": "desktop" }), |m| {
            vec![desktop_refresh(var(m, "refresh_token"))]
        }),
        ("profiles-empty", empty(), |m| vec![profiles(var(m, "token"), LEGACY_HOST)]),
        ("builder-id-profiles-listed", empty(), |m| vec![profiles(var(m, "builder_id_token"), LEGACY_HOST)]),
        ("identity-gate-for-all-accounts", json!({ "account": "desktop" }), |m| vec![bare(search(m))]),
        ("identity-gate-any-product", empty(), |m| {
            vec![search(m).header("user-agent", "other/1").header("x-amz-user-agent", "other/1")]
        }),
        ("accepts-misspelt-profile-arn", empty(), |m| {
            let mut body = call(&json!("rust"));
            body["profile_arn"] = json!(var(m, "arn"));
            vec![search(m).json(&body)]
        }),
        ("accepts-any-tokentype", json!({ "account": "api-key" }), |m| {
            vec![search(m).header("tokentype", "EXTERNAL_IDP").header("host", LEGACY_HOST)]
        }),
        ("serves-locked-account", json!({ "accounts": [{ "kind": "desktop", "locked": true }] }), |m| vec![search(m)]),
        ("bearer-challenge", empty(), |m| vec![token(search(m), var(m, "expired_token"))]),
        ("body-before-token", empty(), |m| vec![token(search(m).text("[]"), var(m, "unknown_token"))]),
        ("backend-error-as-no-results", json!({ "tool_failure": "backend" }), |m| vec![search(m)]),
        ("session-id-minted", empty(), |m| vec![search(m)]),
        ("unknown-refresh-token-accepted", empty(), |m| vec![oidc_refresh(m, "unknown")]),
        ("external-token-camel-case", json!({ "account": "external-idp" }), |m| {
            let form = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("grant_type", "refresh_token")
                .append_pair("client_id", var(m, "client_id"))
                .append_pair("refresh_token", var(m, "refresh_token"))
                .finish();
            let kind = "application/x-www-form-urlencoded";
            vec![Probe::new("POST", "/token").text(&form).header("content-type", kind)]
        }),
        ("oidc-profile-arn-present", empty(), |m| vec![oidc_refresh(m, var(m, "refresh_token"))]),
        ("profiles-of-all-regions", empty(), |m| vec![profiles(var(m, "token"), "q.eu-central-1.amazonaws.com")]),
        ("completion-checksum-wrong", empty(), |m| vec![completion(m, "Good morning.", json!({}), json!([]))]),
        ("completion-tool-results-unchecked", empty(), |m| {
            let results = json!([{ "toolUseId": "tooluse_1", "content": [{ "text": "x" }], "status": "success" }]);
            vec![completion(m, "", json!({ "toolResults": results }), json!([]))]
        }),
        ("completion-tool-schema-unchecked", empty(), |m| {
            let tool = json!({ "toolSpecification": { "name": "web_search", "inputSchema": { "json": {} } } });
            vec![completion(m, "Good morning.", json!({ "tools": [tool] }), json!([]))]
        }),
        ("external-idp-tokentype-unchecked", empty(), |m| {
            vec![profiles(var(m, "external_idp_token"), "q.eu-central-1.amazonaws.com")]
        }),
    ]
}

async fn answers(config: &Value, show: Show) -> Vec<(u16, Vec<(String, String)>, String)> {
    let mock = runtime(config.clone()).await;
    let mut seen = Vec::new();
    for probe in show(&mock) {
        seen.push(send(&mock, &probe).await.stable(mock.origin()));
    }
    seen
}

#[tokio::test]
async fn every_defect_changes_an_answer() {
    let shows = shows();
    let info = info("kiro-runtime").expect("registered");
    for defect in info.defects {
        let (_, config, show) =
            shows.iter().find(|(id, ..)| *id == defect.id).unwrap_or_else(|| panic!("no row for {}", defect.id));
        let right = answers(config, *show).await;
        let mut config = config.clone();
        config["defects"] = json!([defect.id]);
        let wrong = answers(&config, *show).await;
        assert_ne!(right, wrong, "{} changes nothing", defect.id);
    }
    assert_eq!(shows.len(), info.defects.len(), "a row for a defect that does not exist");
}

#[tokio::test]
async fn a_dead_token_is_really_dead() {
    let mock = runtime(json!({ "defects": ["refresh-returns-dead-token"] })).await;
    let answer = send(&mock, &oidc_refresh(&mock, var(&mock, "refresh_token"))).await.json();
    let dead = answer["accessToken"].as_str().expect("token");
    assert_eq!(send(&mock, &token(search(&mock), dead)).await.body, BEARER);
}
