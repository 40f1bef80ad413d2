//! The Kiro runtime decides as the real one does.

mod defects;
mod requests;
#[path = "../support/mod.rs"]
mod support;

use requests::*;
use serde_json::{Value, json};
use support::{Probe, send, var};

#[tokio::test]
async fn a_search_succeeds_in_the_exact_form() {
    let mock = runtime(json!({ "search_results": [
        { "title": "A", "url": "https://go.dev/doc/go1.26", "snippet": "s", "publishedDate": 1_775_520_000_000_u64 },
    ] }))
    .await;
    let seen = send(&mock, &search_for(&mock, &json!("latest Go"))).await;
    assert_eq!(seen.status, 200);
    let text = r#"{"results":[{"title":"A","url":"https://go.dev/doc/go1.26","snippet":"s","publishedDate":1775520000000,"id":"1","domain":"go.dev","maxVerbatimWordLimit":30,"publicDomain":true}],"totalResults":1,"query":"latest Go","error":null}"#;
    let expected = format!(
        r#"{{"id":"web_search_tooluse_1","jsonrpc":"2.0","error":null,"result":{{"content":[{{"type":"text","text":{}}}],"isError":false}}}}"#,
        Value::from(text),
    );
    assert_eq!(seen.body, expected);
}

#[tokio::test]
async fn the_runtime_decides_in_order() {
    let mock = runtime(json!({})).await;
    let foreign = json!(var(&mock, "foreign_arn"));
    let rows: Vec<(&str, Probe, u16, &str)> = vec![
        ("no token", search(&mock).without("authorization"), 403, BEARER),
        ("unknown token", token(search(&mock), var(&mock, "unknown_token")), 403, BEARER),
        ("expired token", token(search(&mock), var(&mock, "expired_token")), 403, BEARER),
        ("key without tokentype", token(search(&mock), var(&mock, "api_key_token")), 403, BEARER),
        ("token before body", search(&mock).text("[]").without("authorization"), 403, BEARER),
        ("body not JSON", search(&mock).text("{"), 400, FORMED),
        ("body no object", search(&mock).text("[]"), 400, FORMED),
        ("empty ARN", with_arn(&mock, &json!("")), 400, FORMED),
        ("malformed ARN", with_arn(&mock, &json!("arn:aws:iam::1:x")), 400, FORMED),
        ("ARN not a string", with_arn(&mock, &json!(7)), 400, FORMED),
        ("no ARN", without_arn(&mock), 400, REQUIRED),
        ("no ARN, bare", bare(without_arn(&mock)), 400, REQUIRED),
        (
            "ARN under the wrong header",
            without_arn(&mock).header("x-amzn-codewhisperer-profile-arn", var(&mock, "arn")),
            400,
            REQUIRED,
        ),
        ("foreign ARN", with_arn(&mock, &foreign), 403, NOT_AUTHORIZED),
        (
            "foreign ARN in the header",
            without_arn(&mock).header("x-amzn-kiro-profile-arn", var(&mock, "foreign_arn")),
            403,
            NOT_AUTHORIZED,
        ),
        ("another account's ARN", with_arn(&mock, &json!(var(&mock, "desktop_arn"))), 403, NOT_AUTHORIZED),
        ("bare", bare(search(&mock)), 403, NOT_AUTHORIZED),
        ("no x-amz-user-agent", search(&mock).without("x-amz-user-agent"), 403, NOT_AUTHORIZED),
        ("library User-Agent", search(&mock).header("user-agent", "python-requests/2.32"), 403, NOT_AUTHORIZED),
    ];
    for (what, probe, status, body) in rows {
        assert_refused(&send(&mock, &probe).await, status, body, what);
    }
    let nested = {
        let mut body = call(&json!("rust"));
        body["params"]["profileArn"] = json!(var(&mock, "arn"));
        search(&mock).json(&body)
    };
    assert_refused(&send(&mock, &nested).await, 400, REQUIRED, "nested ARN");
    let mut query = without_arn(&mock);
    query.path = format!("/mcp?profileArn={}", var(&mock, "arn"));
    assert_refused(&send(&mock, &query).await, 400, REQUIRED, "ARN in the query");
}

#[tokio::test]
async fn what_passes() {
    let mock = runtime(json!({})).await;
    let target = "AmazonCodeWhispererStreamingService.InvokeMCP";
    let mut rpc = search(&mock).header("x-amz-target", target).header("content-type", "application/x-amz-json-1.0");
    rpc.path = "/".to_owned();
    let header_form = without_arn(&mock).header("x-amzn-kiro-profile-arn", var(&mock, "arn"));
    let command_line = search(&mock)
        .header("user-agent", "aws-sdk-rust/1.3 ua/2.1 lang/rust/1.90 md/appVersion-1.20 app/AmazonQ-For-CLI")
        .header("x-amz-user-agent", "aws-sdk-rust/1.3 ua/2.1 lang/rust/1.90 m/F app/AmazonQ-For-CLI");
    let desktop = token(with_arn(&mock, &json!(var(&mock, "desktop_arn"))), var(&mock, "desktop_token"));
    let third_form = bare(without_arn(&mock))
        .header("x-amzn-kiro-profile-arn", var(&mock, "arn"))
        .header("content-type", "application/x-amz-json-1.0")
        .header("host", LEGACY_HOST);
    let rows = [
        ("RPC spelling", rpc),
        ("ARN in the header", header_form),
        ("command-line client", command_line),
        ("desktop, bare", bare(desktop)),
        ("legacy, bare, no ARN", bare(without_arn(&mock)).header("host", LEGACY_HOST)),
        ("legacy, third form", third_form),
        ("legacy, Builder ID", token(without_arn(&mock).header("host", LEGACY_HOST), var(&mock, "builder_id_token"))),
    ];
    for (what, probe) in rows {
        let seen = send(&mock, &probe).await;
        assert_eq!(seen.status, 200, "{what}: {}", seen.body);
        assert!(seen.json()["result"]["content"][0]["text"].is_string(), "{what}");
    }
    let bare_elsewhere = bare(without_arn(&mock)).header("host", RUNTIME_HOST);
    assert_eq!(send(&mock, &bare_elsewhere).await.status, 400);
}

#[tokio::test]
async fn the_identity_gate_is_a_policy() {
    let waived = runtime(json!({ "identity_gate": { "arn_header_waives": true } })).await;
    let header_form = bare(without_arn(&waived)).header("x-amzn-kiro-profile-arn", var(&waived, "arn"));
    assert_eq!(send(&waived, &header_form).await.status, 200);
    assert_eq!(send(&waived, &bare(search(&waived))).await.status, 403);

    let everyone = runtime(json!({ "account": "desktop", "identity_gate": { "kinds": ["desktop"] } })).await;
    assert_eq!(send(&everyone, &bare(search(&everyone))).await.status, 403);
    assert_eq!(send(&everyone, &search(&everyone)).await.status, 200);

    let one = runtime(json!({ "identity_gate": { "identity": "user-agent" } })).await;
    assert_eq!(send(&one, &search(&one).without("x-amz-user-agent")).await.status, 200);
    assert_eq!(send(&one, &search(&one).without("user-agent")).await.status, 403);
}

async fn rpc_outcome(config: Value, query: Value) -> Value {
    let mock = runtime(config).await;
    let seen = send(&mock, &search_for(&mock, &query)).await;
    assert_eq!(seen.status, 200);
    seen.json()
}

#[tokio::test]
async fn json_rpc_outcomes() {
    let none = json!({ "code": -32602, "message": "Tool returned no results" });
    let invalid = json!({ "code": -32602, "message": "Invalid tool parameters provided" });
    assert_eq!(rpc_outcome(json!({}), json!("site:example.org x")).await["error"], none);
    assert_eq!(rpc_outcome(json!({ "search_results": [] }), json!("x")).await["error"], none);
    for query in [json!(""), json!(7), json!(null), json!("ü".repeat(201))] {
        assert_eq!(rpc_outcome(json!({}), query.clone()).await["error"], invalid, "{query}");
    }
    assert!(rpc_outcome(json!({}), json!("ü".repeat(200))).await["result"].is_object());
    let failed = rpc_outcome(json!({ "tool_failure": "is-error-text" }), json!("x")).await;
    assert_eq!(failed["result"]["isError"], true);
    let failed = rpc_outcome(json!({ "tool_failure": "backend" }), json!("x")).await;
    assert_eq!(failed["error"]["code"], -32603);
    let failed = rpc_outcome(json!({ "tool_failure": "inner-error" }), json!("x")).await;
    assert_eq!(failed["result"]["isError"], false);
    assert!(failed["result"]["content"][0]["text"].as_str().expect("text").contains("unavailable"));

    let mock = runtime(json!({})).await;
    let list = with_body(&mock, json!({ "id": "tools_list", "jsonrpc": "2.0", "method": "tools/list" }));
    let list = send(&mock, &list).await.json();
    assert_eq!(list["result"]["tools"][0]["inputSchema"]["properties"]["query"]["maxLength"], 200);
    let initialize = with_body(&mock, json!({ "id": 1, "jsonrpc": "2.0", "method": "initialize", "params": {} }));
    assert_eq!(send(&mock, &initialize).await.json()["error"]["code"], -32601);
}

#[tokio::test]
async fn dates_and_shapes_are_switchable() {
    async fn text(config: Value) -> String {
        let answer = rpc_outcome(config, json!("x")).await;
        answer["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned()
    }
    assert!(text(json!({ "dates": "iso" })).await.contains(r#""publishedDate":"2026-04-07T00:00:00Z""#));
    assert!(!text(json!({ "dates": "null" })).await.contains("1775520000000"));
    assert!(!text(json!({ "dates": "milliseconds" })).await.contains(r#""publishedDate":null"#));
    assert!(text(json!({ "result_shape": "double-encoded" })).await.starts_with("\"{\\\"results\\\""));
    assert!(text(json!({ "result_shape": "results-null" })).await.starts_with(r#"{"results":null"#));
    assert_eq!(text(json!({ "result_shape": "content-empty" })).await, "");
    let absent = rpc_outcome(json!({ "error_member": "absent" }), json!("x")).await;
    assert!(absent.get("error").is_none());
    let html = runtime(json!({ "result_shape": "html" })).await;
    assert_eq!(send(&html, &search(&html)).await.header("content-type"), Some("text/html; charset=utf-8"));
}

#[tokio::test]
async fn limits_and_forced_answers() {
    let quota = runtime(json!({ "quota": "monthly" })).await;
    let seen = send(&quota, &search(&quota)).await;
    assert_refused(
        &seen,
        402,
        r#"{"message":"You have reached the limit.","reason":"MONTHLY_REQUEST_COUNT"}"#,
        "quota",
    );

    let rate = runtime(json!({ "rate": { "after": 1, "times": 1, "retry_after": 7 } })).await;
    let statuses =
        [send(&rate, &search(&rate)).await, send(&rate, &search(&rate)).await, send(&rate, &search(&rate)).await];
    assert_eq!(statuses.each_ref().map(|seen| seen.status), [200, 429, 200]);
    assert_eq!(statuses[1].header("retry-after"), Some("7"));
    let body =
        r#"{"message":"Too many requests, please wait before trying again.","reason":"USER_REQUEST_RATE_EXCEEDED"}"#;
    assert_eq!(statuses[1].body, body);

    let locked =
        runtime(json!({ "accounts": [{ "kind": "identity-center", "locked": true, "user_id": "u-1" }] })).await;
    let seen = send(&locked, &search(&locked)).await;
    assert_eq!(seen.status, 403);
    assert!(seen.body.starts_with(r#"{"message":"Your User ID (u-1) temporarily is suspended. We've locked"#));

    let forced = runtime(json!({ "respond": [
        { "status": 503, "times": 1 },
        { "status": 500, "body": { "message": "x", "reason": null }, "headers": { "x-a": "b" }, "times": 1 },
    ] }))
    .await;
    assert_eq!(send(&forced, &bare(search(&forced))).await.body, NOT_AUTHORIZED, "a bad request is not counted");
    let seen = send(&forced, &search(&forced)).await;
    assert_eq!((seen.status, seen.body.as_str()), (503, ""));
    let seen = send(&forced, &search(&forced)).await;
    assert_eq!((seen.status, seen.header("x-a")), (500, Some("b")));
    assert_eq!(send(&forced, &search(&forced)).await.status, 200);
}

#[tokio::test]
async fn tokens_expire_and_are_refreshed() {
    let mock = runtime(json!({})).await;
    assert_eq!(send(&mock, &search(&mock)).await.status, 200);
    mock.control(&json!({ "advance": "61m" })).await.expect("advance");
    assert_eq!(send(&mock, &search(&mock)).await.body, BEARER);
    let first = var(&mock, "refresh_token");
    let refreshed = send(&mock, &oidc_refresh(&mock, first)).await;
    let answer = refreshed.json();
    let members: Vec<&String> = answer.as_object().expect("object").keys().collect();
    assert_eq!(members, ["accessToken", "refreshToken", "expiresIn", "tokenType"]);
    let fresh = answer["accessToken"].as_str().expect("token");
    assert_eq!(send(&mock, &token(search(&mock), fresh)).await.status, 200);
    assert!(mock.secrets().iter().any(|secret| secret == fresh), "minted tokens are secrets");
    let reused = send(&mock, &oidc_refresh(&mock, first)).await;
    let grant = r#"{"error":"invalid_grant","error_description":"Invalid refresh token provided"}"#;
    assert_eq!((reused.status, reused.body.as_str()), (400, grant));
    assert!(reused.header("x-amzn-errortype").expect("error type").starts_with("InvalidGrantException:"));
    mock.control(&json!({ "restart": true })).await.expect("restart");
    assert_eq!(send(&mock, &oidc_refresh(&mock, first)).await.status, 200, "a restart forgets");
}

#[tokio::test]
async fn the_desktop_endpoint_tells_the_profile() {
    let mock = runtime(json!({ "account": "desktop" })).await;
    let answer = send(&mock, &desktop_refresh(var(&mock, "refresh_token"))).await.json();
    assert_eq!(answer["profileArn"], var(&mock, "arn"));
    assert_eq!(answer["expiresIn"], 3600);
    let bad = send(&mock, &desktop_refresh("unknown")).await;
    assert_eq!((bad.status, bad.body.as_str()), (400, r#"{"message":"Invalid refresh token provided"}"#));
}

#[tokio::test]
async fn profiles_are_listed_by_region_and_kind() {
    let mock = runtime(json!({})).await;
    let own = send(&mock, &profiles(var(&mock, "token"), LEGACY_HOST)).await;
    let arn = var(&mock, "arn");
    assert_eq!(own.body, format!(r#"{{"profiles":[{{"arn":"{arn}","profileName":"KiroProfile-us-east-1"}}]}}"#));
    let elsewhere = send(&mock, &profiles(var(&mock, "token"), "q.eu-central-1.amazonaws.com")).await;
    assert_eq!(elsewhere.body, r#"{"profiles":[]}"#);
    let builder = send(&mock, &profiles(var(&mock, "builder_id_token"), LEGACY_HOST)).await;
    let text = r#"{"message":"AWS Builder ID is not supported for this operation.","reason":null}"#;
    assert_refused(&builder, 403, text, "Builder ID");
    let external = profiles(var(&mock, "external_idp_token"), "management.eu-central-1.kiro.dev");
    assert_eq!(send(&mock, &external).await.body, BEARER);
    let external = send(&mock, &external.header("tokentype", "EXTERNAL_IDP")).await;
    assert!(external.body.contains("KiroProfile-eu-central-1"));
    let models = Probe::new("GET", "/ListAvailableModels?origin=AI_EDITOR");
    assert_eq!(send(&mock, &models).await.body, BEARER);
    let models = models.header("authorization", &format!("Bearer {}", var(&mock, "token")));
    assert!(send(&mock, &models).await.body.starts_with(r#"{"models":[{"modelId":"#));
}

#[tokio::test]
async fn configuration_can_change_while_it_runs() {
    let mock = runtime(json!({})).await;
    mock.control(&json!({ "set": { "search_results": [] } })).await.expect("set");
    assert_eq!(send(&mock, &search(&mock)).await.json()["error"]["message"], "Tool returned no results");
    mock.control(&json!({ "set": { "search_results": [{ "title": "T" }] }, "defects": ["id-not-echoed"] }))
        .await
        .expect("set and defects");
    assert_ne!(send(&mock, &search(&mock)).await.json()["id"], "web_search_tooluse_1");
    let error = mock.control(&json!({ "set": { "search_result": [] } })).await.expect_err("unknown member");
    assert_eq!(error.path, "set.search_result");
    assert_eq!(error.hint.as_deref(), Some("did you mean `search_results`?"));
    let error = mock.control(&json!({ "defects": ["id-not-ecohed"] })).await.expect_err("unknown defect");
    assert_eq!(error.hint.as_deref(), Some("did you mean `id-not-echoed`?"));
    assert!(mock.control(&json!({ "restrat": true })).await.is_err());
}
