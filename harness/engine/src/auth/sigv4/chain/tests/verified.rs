//! The chain against the mock of STS, and what it gives against the mock of a server that verifies signatures.

use std::sync::Arc;
use std::time::Duration;

use gauntlet_mocks::{MockHandle, StartOptions};
use serde_json::{Value, json};

use super::super::super::SigV4;
use super::lab::Lab;
use crate::transport::http::{HttpClient, Until};
use crate::transport::{Content, Limits, Request};

async fn start(mock: &str) -> MockHandle {
    gauntlet_mocks::start(mock, StartOptions::default()).await.unwrap()
}

fn var<'a>(mock: &'a MockHandle, name: &str) -> &'a str {
    mock.vars()[name].as_str().unwrap()
}

/// Alice may take on a role that names who asks; the last profile does so from the first.
fn lab(sts: &MockHandle, more: &str) -> Lab {
    let config = format!(
        "[profile alice]\naws_access_key_id = {}\naws_secret_access_key = {}\n\
         [profile role]\nrole_arn = {}\nsource_profile = alice\nrole_session_name = of-a-test\n{more}",
        var(sts, "alice_access_key_id"),
        var(sts, "alice_secret_access_key"),
        var(sts, "operator_role_arn"),
    );
    Lab::new().config(&config).set("AWS_ENDPOINT_URL_STS", sts.url())
}

#[tokio::test]
async fn a_role_of_the_mock_of_sts_is_known_to_the_mock_that_verifies() {
    let (sts, aws) = (start("sts").await, start("aws-mcp").await);
    let lab = lab(&sts, "");
    let signer = json!({ "profile": "role", "service": "aws-mcp", "region": "us-east-1" });
    let signer = SigV4::from_value(&signer, &Arc::new(lab.chain()), &lab.witness.secrets).unwrap();
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "aws___call_aws", "arguments": { "cli_command": "aws sts get-caller-identity" },
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    } });
    let headers = [
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "aws___call_aws"),
    ];
    let mut request = Request {
        method: "POST".to_owned(),
        url: aws.url().to_owned(),
        headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        body: message.to_string().into_bytes(),
    };
    signer.ready(&lab.witness).await.unwrap().sign(&mut request).unwrap();
    let client = HttpClient::new(&aws.url().parse().unwrap(), Limits::default()).unwrap();
    let reply = client.send(&request, Until::default(), Duration::from_secs(5)).await;
    let Content::Json(answer) = &reply.content else { panic!("{reply:?}") };
    let text = answer.pointer("/result/content/0/text").and_then(Value::as_str).unwrap_or_else(|| panic!("{answer}"));
    let identity: Value = serde_json::from_str(text).unwrap();
    assert_eq!(identity["principal"], "arn:aws:sts::123456789012:assumed-role/Operator/of-a-test");
}

#[tokio::test]
async fn what_the_mock_of_sts_refuses_is_told_in_its_words() {
    let sts = start("sts").await;
    let wrong = format!(
        "[profile wrong]\naws_access_key_id = {}\naws_secret_access_key = not-the-secret\n\
         [profile of-wrong]\nrole_arn = {}\nsource_profile = wrong\n",
        var(&sts, "alice_access_key_id"),
        var(&sts, "operator_role_arn"),
    );
    let why = lab(&sts, &wrong).refusal(Some("of-wrong")).await;
    assert!(why.contains("SignatureDoesNotMatch: The request signature we calculated does not match"), "{why}");
}
