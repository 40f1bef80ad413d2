//! Requests that nobody should send.

use serde_json::json;

use crate::support::{Probe, send, started};
use crate::{ask, call, command, key};

#[tokio::test]
async fn the_server_survives_what_is_no_message() {
    let mock = started("aws-mcp", json!({})).await;
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in ["", "null", "7", "[]", "{}", "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":7}", &deep, "\u{0}", "[1,2]"] {
        let seen = send(&mock, &Probe::new("POST", "/mcp").text(body)).await;
        assert_eq!(seen.status, 400, "{}", &body[..body.len().min(40)]);
    }
    for (tool, arguments) in [
        ("aws___call_aws", json!({})),
        ("aws___call_aws", json!({ "cli_command": 7 })),
        ("aws___call_aws", json!({ "cli_command": "aws ".repeat(100_000) })),
        ("aws___get_presigned_url", json!({ "bucket": "b", "key": "k", "expires_in": 0 })),
        ("aws___get_presigned_url", json!({ "bucket": "b", "key": "k", "expires_in": 604_801 })),
    ] {
        let seen = ask(&mock, key(&mock, ""), call(tool, &arguments)).await;
        assert_eq!((seen.status, &seen.json()["result"]["isError"]), (200, &json!(true)), "{tool}");
    }
    let many = call("aws___get_presigned_url", &json!({ "bucket": "../..", "key": "%2e%2e/?#&" }));
    assert_eq!(ask(&mock, key(&mock, ""), many).await.json()["result"]["isError"], false);
    assert_eq!(ask(&mock, key(&mock, ""), command("aws s3api list-buckets")).await.status, 200);
}

#[tokio::test]
async fn s3_and_sts_survive_odd_requests() {
    let mock = started("aws-mcp", json!({})).await;
    for path in
        ["/s3", "/s3/", "/s3//", "/s3/%00", "/s3/b?X-Amz-Signature=x", "/s3/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256"]
    {
        let seen = send(&mock, &Probe::new("GET", path)).await;
        assert!((400..500).contains(&seen.status) && seen.body.contains("<Code>"), "{path}: {}", seen.body);
    }
    let sts = started("sts", json!({})).await;
    for (method, path, body) in [
        ("POST", "/", "%%%&&&===".to_owned()),
        ("POST", "/", format!("Action={}&Version=2011-06-15", "A".repeat(1_000_000))),
        ("POST", "/", "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=%00%01%3Ca%3E".to_owned()),
        ("POST", "/", "a=1&".repeat(100_000)),
        ("DELETE", "/", String::new()),
        ("GET", "/elsewhere", String::new()),
    ] {
        let probe = Probe::new(method, path).header("content-type", "application/x-www-form-urlencoded").text(&body);
        let seen = send(&sts, &probe).await;
        assert!((400..500).contains(&seen.status), "{method} {path}: {}", seen.status);
        assert!(seen.body.starts_with("<ErrorResponse") && seen.body.len() < 4096, "{}", seen.body.len());
        assert!(!seen.body.contains("<a>") && !seen.body.contains('\u{1}'));
    }
}
