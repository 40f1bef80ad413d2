//! What goes wrong upstream, and how it is told.

use serde_json::{Value, json};

use crate::support::{Lab, StdioClient, call, initialize, told};

fn text(answer: &Value) -> &str {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    answer["result"]["content"][0]["text"].as_str().expect("text")
}

#[tokio::test]
async fn each_failure_is_a_tool_error_once() {
    let lab = Lab::new(json!({}), json!({ "read_timeout": "2s" })).await;
    let client = lab.http().await;
    for (fault, said) in [
        (
            json!({ "status": 500, "times": 1 }),
            "Error calling tool 'aws___call_aws': Server error '500 Internal Server Error'",
        ),
        (json!({ "status": 400, "times": 1 }), "Client error '400 Bad Request' for url 'http://127.0.0.1:"),
        (
            json!({ "status": 429, "times": 1 }),
            "failed: Rate limited by upstream API, please retry later. Please retry.",
        ),
        (json!({ "status": 401, "times": 1 }), "failed due to expired or invalid AWS credentials."),
        (json!({ "status": 307, "times": 1 }), "307 Temporary Redirect"),
        (json!({ "hang": true, "times": 1 }), "failed: Upstream request timed out, please retry. Please retry."),
        (json!({ "cut_after_bytes": 9, "times": 1 }), "broke off"),
        (json!({ "garbage": true, "times": 1 }), "not JSON"),
    ] {
        lab.aws.control(&json!({ "faults": [fault] })).await.expect("set");
        let answer = client.ask(call(1, "aws s3api list-buckets", None)).await;
        assert!(text(&answer).contains(said), "{fault}: {answer}");
        let next = client.ask(call(2, "aws sts get-caller-identity", None)).await;
        assert_eq!(told(&next)["action"], "sts:GetCallerIdentity");
    }
}

#[tokio::test]
async fn a_json_rpc_error_is_told_as_configured() {
    let unknown = || json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "none" } });
    let lab = Lab::new(json!({}), json!({})).await;
    let answer = lab.http().await.ask(unknown()).await;
    assert_eq!(text(&answer), "Tool call 'none' failed: Error calling tool 'none': Unknown tool: none. Please retry.");
    let lab = Lab::new(json!({}), json!({ "call_errors": "json_rpc" })).await;
    let answer = lab.http().await.ask(unknown()).await;
    assert_eq!(answer["error"], json!({ "code": -32602, "message": "Unknown tool: none" }));
}

#[tokio::test]
async fn without_credentials_initialize_fails() {
    let lab = Lab::new(json!({}), json!({ "profiles": { "dev": {} } })).await;
    let mut client = StdioClient::start(Value::Object(lab.config.clone()));
    let answer = client.ask(initialize()).await;
    assert_eq!(answer["error"]["code"], -32603);
    let message = "No AWS credentials available. Configure credentials or use --skip-auth to send unsigned requests.";
    assert_eq!(answer["error"]["message"], message);
    assert!(lab.aws.journal().is_empty());
    client.close().await;
}

#[tokio::test]
async fn credentials_that_change_are_taken_with_the_next_request() {
    let lab = Lab::new(json!({}), json!({})).await;
    let client = lab.http().await;
    let mut wrong = lab.config["profiles"]["dev"].clone();
    wrong["secret_access_key"] = json!("fake/secret/of-nobody");
    client.proxy.control(&json!({ "set": { "profiles": { "dev": wrong } } })).await.expect("set");
    let answer = client.ask(call(1, "aws s3api list-buckets", None)).await;
    assert!(text(&answer).contains("credentials") && !answer.to_string().contains("of-nobody"), "{answer}");
    assert!(client.proxy.secrets().contains(&"fake/secret/of-nobody".to_owned()));
    let right = lab.config["profiles"]["dev"].clone();
    client.proxy.control(&json!({ "set": { "profiles": { "dev": right } } })).await.expect("set");
    let answer = client.ask(call(2, "aws s3api list-buckets", None)).await;
    assert_eq!(told(&answer)["account"], lab.var("dev_account"));
}

#[tokio::test]
async fn a_cancelled_call_is_cancelled_upstream_and_not_answered() {
    let lab = Lab::new(json!({ "delays": { "aws___call_aws": "5s" } }), json!({})).await;
    let mut client = lab.stdio().await;
    client.tell(call(41, "aws s3api list-buckets", None)).await;
    while lab.arrived("tools/call").is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let cancelled = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 41 } });
    client.tell(cancelled).await;
    // What comes next is the answer to what was asked next.
    let pong = client.ask(json!({ "jsonrpc": "2.0", "id": 42, "method": "ping" })).await;
    assert_eq!(pong, json!({ "jsonrpc": "2.0", "id": 42, "result": {} }));
    client.close().await;
    let upstream = lab.arrived("tools/call")[0].0["id"].clone();
    assert_eq!(lab.arrived("notifications/cancelled")[0].0["params"]["requestId"], upstream);
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_told() {
    let lab = Lab::new(json!({}), json!({})).await;
    let client = lab.http().await;
    client.proxy.control(&json!({ "set": { "upstreams": { "aws": "http://127.0.0.1:9" } } })).await.expect("set");
    let answer = client.ask(call(1, "aws s3api list-buckets", None)).await;
    assert!(text(&answer).contains("broke off"), "{answer}");
    let listed = client.ask(json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" })).await;
    assert_eq!(listed["error"]["code"], -32603);
}
