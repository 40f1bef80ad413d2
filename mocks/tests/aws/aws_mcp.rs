//! The AWS MCP Server.

use std::collections::HashSet;
use std::time::Duration;

use gauntlet_mocks::sigv4::AccessKey;
use serde_json::{Value, json};

use crate::support::{Probe, send, send_by, started, var};
use crate::{ask, call, command, key, last_note, signed, told};

const GUARDRAIL: &str = "BoolIfExists";

fn guarded(operator: &str) -> Value {
    json!([{ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": { operator: { "aws:ViaAWSMCPService": "false" } } },
    ] }])
}

#[tokio::test]
async fn a_tool_runs_for_whoever_signs() {
    let mock = started("aws-mcp", json!({})).await;
    for profile in ["dev_", "prod_", "staging_"] {
        let seen = ask(&mock, key(&mock, profile), command("aws s3api list-buckets")).await;
        assert_eq!(told(&seen)["principal"], var(&mock, &format!("{profile}principal")));
        assert_eq!(told(&seen)["action"], "s3:ListAllMyBuckets");
    }
    assert_eq!(last_note(&mock), None);
    let unsigned = send(&mock, &command("aws s3api list-buckets")).await;
    assert_eq!((unsigned.status, &unsigned.json()["error"]["message"]), (401, &json!("Missing Authentication Token")));
    assert_eq!(last_note(&mock).as_deref(), Some("no-signature"));
    let public = call("aws___search_documentation", &json!({ "search_phrase": "x" }));
    assert_eq!(told(&send(&mock, &public).await)["search_phrase"], "x");
    let expired = ask(&mock, key(&mock, "expired_"), command("aws s3api list-buckets")).await;
    assert!(expired.body.contains("Your AWS session token has expired."), "{}", expired.body);
}

#[tokio::test]
async fn get_is_answered_as_the_service_does() {
    let mock = started("aws-mcp", json!({})).await;
    let seen = send(&mock, &Probe::new("GET", "/mcp")).await;
    assert_eq!(seen.status, 405);
    assert_eq!(
        seen.body,
        r#"{"jsonrpc":"2.0","id":"","result":null,"error":{"code":-32600,"message":"HTTP method not supported."}}"#
    );
    assert_eq!(send(&mock, &Probe::new("GET", "/elsewhere")).await.status, 404);
}

/// 200 calls over three profiles at the same time, each slow, each with an argument of its own.
#[tokio::test]
async fn many_calls_at_the_same_time_are_told_apart() {
    let mock = started("aws-mcp", json!({ "delays": { "aws___run_script": "200ms" } })).await;
    let client = reqwest::Client::new();
    let calls = (0..200).map(|number| {
        let (mock, client) = (&mock, &client);
        async move {
            let profile = ["dev_", "prod_", "staging_"][number % 3];
            let script = format!("print({number})");
            let probe = call("aws___run_script", &json!({ "script": script }));
            let seen = send_by(client, mock, &signed(mock, key(mock, profile), "aws-mcp", probe, Duration::ZERO)).await;
            assert_eq!(
                (told(&seen)["script"].as_str(), told(&seen)["principal"].as_str()),
                (Some(script.as_str()), Some(var(mock, &format!("{profile}principal"))))
            );
            told(&seen)["task_id"].as_str().expect("an id").to_owned()
        }
    });
    let begun = std::time::Instant::now();
    let tasks: HashSet<String> = futures_util::future::join_all(calls).await.into_iter().collect();
    assert_eq!(tasks.len(), 200);
    // One after the other they would take forty seconds.
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn the_guardrail_tells_direct_calls_from_those_through_the_server() {
    for (operator, status) in [(GUARDRAIL, 403), ("Bool", 200)] {
        let mock = started("aws-mcp", json!({ "policies": guarded(operator) })).await;
        let through = ask(&mock, key(&mock, ""), command("aws s3api get-object --bucket b --key k")).await;
        assert_eq!(through.json()["result"]["isError"], false, "{}", through.body);
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let direct = Probe::new("GET", "/s3/b/k");
        let direct = signed(&mock, key(&mock, ""), "s3", direct, Duration::ZERO);
        let without_hash = send(&mock, &direct).await;
        assert!(without_hash.body.contains("Missing required header for this request: x-amz-content-sha256"));
        // The signer takes such a header away, so it is not signed, and S3 wants it signed.
        let unsigned_hash = send(&mock, &direct.header("x-amz-content-sha256", empty)).await;
        assert!(unsigned_hash.body.contains("SignatureDoesNotMatch"), "{}", unsigned_hash.body);
        let url = call("aws___get_presigned_url", &json!({ "bucket": "b", "key": "a b/k" }));
        let url = told(&ask(&mock, key(&mock, "staging_"), url).await)["url"].as_str().expect("a URL").to_owned();
        let path = url.strip_prefix(mock.origin()).expect("here");
        let fetched = send(&mock, &Probe::new("GET", path)).await;
        assert_eq!(fetched.status, status, "{operator}: {}", fetched.body);
        let altered = send(&mock, &Probe::new("GET", &path.replace("/k?", "/l?"))).await;
        assert_eq!(altered.status, 403);
        assert_eq!(last_note(&mock).as_deref(), Some("bad-signature"));
    }
}

fn handshake(version: &str) -> Probe {
    let params =
        json!({ "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
    Probe::new("POST", "/mcp")
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .json(&json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }))
}

fn tasks(session: &str) -> Probe {
    let params = json!({ "name": "aws___get_tasks", "arguments": {} });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    handshake("2025-11-25").header("mcp-session-id", session).json(&body)
}

#[tokio::test]
async fn sessions_belong_to_who_opened_them_and_can_be_lost() {
    for version in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let mock = started("aws-mcp", json!({})).await;
        let opened = ask(&mock, key(&mock, "dev_"), handshake(version)).await;
        assert_eq!(opened.json()["result"]["protocolVersion"], version);
        let session = opened.header("mcp-session-id").expect("a session").to_owned();
        assert_eq!(ask(&mock, key(&mock, "dev_"), tasks(&session)).await.status, 200);
        assert_eq!(ask(&mock, key(&mock, "prod_"), tasks(&session)).await.status, 404);
        assert_eq!(send(&mock, &tasks(&session)).await.status, 401, "credentials come first");
        mock.control(&json!({ "restart": true })).await.expect("restarts");
        assert_eq!(ask(&mock, key(&mock, "dev_"), tasks(&session)).await.status, 404);
    }
}

#[tokio::test]
async fn answers_can_stream() {
    let mock = started("aws-mcp", json!({ "answers": "sse" })).await;
    let seen = ask(&mock, key(&mock, ""), command("aws s3api list-buckets")).await;
    assert_eq!(seen.header("content-type"), Some("text/event-stream"));
    assert!(seen.body.starts_with("event: message\ndata: {\"jsonrpc\""), "{}", seen.body);
}

#[tokio::test]
async fn secrets_are_told_to_whoever_must_hide_them() {
    let mock = started("aws-mcp", json!({})).await;
    for profile in ["dev_", "prod_", "staging_", "expired_"] {
        let AccessKey { secret_access_key, session_token, .. } = key(&mock, profile);
        assert!(mock.secrets().contains(&secret_access_key));
        assert!(session_token.is_none_or(|token| mock.secrets().contains(&token)));
    }
}
