//! One upstream session for each profile of each client, opened once and closed at the end.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::http::Probe;
use crate::support::{Lab, StdioClient, call, initialize, post, told};

#[tokio::test]
async fn parallel_calls_on_several_profiles_get_each_their_own_result() {
    const CALLS: i64 = 200;
    let lab = Lab::new(json!({ "faults": [{ "method": "initialize", "delay": "50ms" }] }), json!({})).await;
    let mut client = lab.stdio().await;
    let profiles = ["dev", "prod", "staging"];
    let profile_of = |id: i64| profiles[usize::try_from(id).expect("small") % profiles.len()];
    for id in 1..=CALLS {
        client.tell(call(id, &format!("aws s3api head-bucket --bucket b{id}"), Some(profile_of(id)))).await;
    }
    let mut answered = HashSet::new();
    for _ in 0..CALLS {
        let answer = client.next().await;
        let id = answer["id"].as_i64().expect("an id");
        let told = told(&answer);
        assert_eq!(told["resource"], format!("arn:aws:s3:::b{id}"));
        assert_eq!(told["account"], lab.var(&format!("{}_account", profile_of(id))));
        answered.insert(id);
    }
    assert_eq!(answered.len(), 200);
    assert_eq!(lab.arrived("initialize").len(), profiles.len());
    assert_eq!(lab.arrived("notifications/initialized").len(), profiles.len());
    client.close().await;
    assert_eq!(lab.deleted(), profiles.len());
}

#[tokio::test]
async fn a_client_that_leaves_over_http_closes_its_sessions() {
    let lab = Lab::new(json!({}), json!({})).await;
    let client = lab.http().await;
    client.ask(call(1, "aws s3api list-buckets", Some("prod"))).await;
    assert_eq!(client.send(Probe::new("DELETE", "/mcp")).await.status, 204);
    assert_eq!(lab.deleted(), 2);
    assert_eq!(client.send(post(&call(2, "aws s3api list-buckets", None))).await.status, 404);
    assert_eq!(client.send(Probe::new("DELETE", "/mcp")).await.status, 404);
    assert_eq!(client.send(Probe::new("GET", "/mcp")).await.status, 405);
}

#[tokio::test]
async fn a_session_that_is_lost_is_opened_anew() {
    let lab = Lab::new(json!({}), json!({})).await;
    let client = lab.http().await;
    client.ask(call(1, "aws s3api list-buckets", None)).await;
    lab.aws.control(&json!({ "restart": true })).await.expect("restarted");
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let calls = (2..6).map(|id| client.ask(call(id, "aws sts get-caller-identity", None)));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(told(&answer)["account"], lab.var("dev_account"));
    }
    assert_eq!(lab.arrived("initialize").len(), 2);
}

#[tokio::test]
async fn what_the_first_session_says_is_the_answer_to_initialize() {
    let lab = Lab::new(json!({}), json!({})).await;
    let mut client = StdioClient::start(Value::Object(lab.config.clone()));
    let early = client.ask(call(1, "aws s3api list-buckets", None)).await;
    assert_eq!(early["error"]["code"], -32602);
    client.write("{").await;
    assert_eq!(client.next().await["error"]["code"], -32700);
    let answer = client.ask(initialize()).await;
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(answer["result"]["serverInfo"]["name"], "gauntlet-aws-proxy");
    assert_eq!(answer["result"]["capabilities"], json!({ "tools": { "listChanged": false } }));
    let (body, _) = &lab.arrived("initialize")[0];
    assert_eq!(body["params"]["_meta"], json!({ "AWS_REGION": "eu-central-1" }));
    client.close().await;
}

#[tokio::test]
async fn progress_comes_before_the_answer() {
    let aws = json!({ "progress": 2, "delays": { "aws___call_aws": "100ms" } });
    let lab = Lab::new(aws, json!({})).await;
    let mut client = lab.stdio().await;
    let mut message = call(1, "aws s3api list-buckets", Some("prod"));
    message["params"]["_meta"] = json!({ "progressToken": "t" });
    client.tell(message).await;
    for done in [1, 2] {
        let progress = client.next().await;
        assert_eq!(
            (&progress["method"], &progress["params"]["progress"]),
            (&json!("notifications/progress"), &json!(done))
        );
    }
    assert_eq!(told(&client.next().await)["account"], lab.var("prod_account"));
    client.close().await;
}

#[tokio::test]
async fn batches_are_answered_together_in_their_version() {
    let lab = Lab::new(json!({}), json!({})).await;
    let mut client = StdioClient::start(Value::Object(lab.config.clone()));
    let mut old = initialize();
    old["params"]["protocolVersion"] = json!("2025-03-26");
    client.ask(old).await;
    let batch = json!([call(1, "aws s3api list-buckets", None), call(2, "aws s3api list-buckets", Some("prod"))]);
    let answer = client.ask(batch).await;
    let mut ids: Vec<i64> = answer.as_array().expect("a batch").iter().filter_map(|a| a["id"].as_i64()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2]);
    client.close().await;
}
