use std::time::UNIX_EPOCH;

use serde_json::json;

use super::chain::Environment;
use super::*;

fn nothing() -> Arc<AwsChain> {
    Arc::new(AwsChain::new(Environment::default()))
}

fn made(value: &Value) -> Result<SigV4, String> {
    SigV4::from_value(value, &nothing(), &Secrets::default())
}

fn captured() -> (SigV4, Request) {
    let mut signer = made(&json!({
        "service": "aws-mcp", "region": "us-east-1",
        "access_key_id": "AKIAFAKEENVKEY000001", "secret_access_key": "fake/secret+key/env",
        "session_token": "",
    }))
    .unwrap();
    // 2026-11-20T23:08:13Z
    signer.at = Some(UNIX_EPOCH + Duration::from_secs(1_795_216_093));
    let body = r#"{"method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {"sampling": {}, "elicitation": {"form": {}, "url": {}}, "roots": {"listChanged": true}}, "clientInfo": {"name": "mcp", "version": "0.1.0"}, "_meta": {"AWS_REGION": "eu-central-1"}}, "jsonrpc": "2.0", "id": 0}"#;
    let headers = [
        ("accept-encoding", "gzip, deflate"),
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
        ("content-length", "294"),
    ];
    let request = Request {
        method: "POST".into(),
        url: "http://127.0.0.1:43311/mcp".into(),
        headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        body: body.as_bytes().to_vec(),
    };
    (signer, request)
}

fn authorization(request: &Request) -> &str {
    &request.headers.iter().find(|(n, _)| n == "authorization").unwrap().1
}

/// A request that mcp-proxy-for-aws 1.7.0 signed with botocore gets the same signature here.
#[test]
fn agrees_with_a_request_signed_by_another_implementation() {
    let (signer, mut request) = captured();
    assert_eq!(request.body.len(), 294);
    signer.sign(&mut request).unwrap();
    let value = authorization(&request);
    assert!(
        value.contains("SignedHeaders=accept;accept-encoding;content-length;content-type;host;x-amz-date"),
        "{value}"
    );
    assert!(value.ends_with("05bea9bf2b1ab0c457310d6143e6c2815791b3c002d2e3882f47cf9e04155b5d"), "{value}");
}

#[test]
fn another_body_gets_another_signature() {
    let (signer, mut request) = captured();
    request.body.push(b' ');
    signer.sign(&mut request).unwrap();
    assert!(!authorization(&request).ends_with("05bea9bf2b1ab0c457310d6143e6c2815791b3c002d2e3882f47cf9e04155b5d"));
}

#[test]
fn settings_of_a_step_go_over_those_of_the_target() {
    let secrets = Secrets::default();
    let (target, _) = captured();
    let step = json!({ "session_token": null, "signed_ago": "20m", "unsigned": ["Host"], "content_sha256": true,
        "after_signing": { "headers": { "Accept": null, "x-forwarded-for": "192.0.2.1" }, "body": "altered" } });
    let signer = SigV4 { at: target.at, ..target.over(&step, &secrets).unwrap() };
    let (_, mut request) = captured();
    signer.sign(&mut request).unwrap();
    let header =
        |wanted: &str| request.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    assert_eq!(header("x-amz-date"), Some("20261120T224813Z"));
    assert_eq!((header("accept"), header("x-forwarded-for")), (None, Some("192.0.2.1")));
    assert_eq!(header("x-amz-content-sha256").map(str::len), Some(64));
    assert_eq!(header("x-amz-security-token"), None);
    assert_eq!(request.body, b"altered");
    let signed = "SignedHeaders=accept;accept-encoding;content-length;content-type;x-amz-content-sha256;x-amz-date";
    assert!(authorization(&request).contains(signed), "{}", authorization(&request));
}

#[test]
fn what_is_to_be_wrong_must_be_well_formed() {
    let (target, _) = captured();
    for (member, value) in [
        ("signed_ago", json!("soon")),
        ("signed_in", json!(5)),
        ("unsigned", json!("host")),
        ("unsigned", json!([1])),
        ("content_sha256", json!("yes")),
        ("after_signing", json!({ "header": {} })),
        ("after_signing", json!({ "headers": { "a": 1 } })),
        ("after_signing", json!({ "body": {} })),
    ] {
        let error = target.over(&json!({ member: value }), &Secrets::default()).unwrap_err();
        assert!(error.contains(&format!("`auth.sigv4.{member}`")), "{member}: {error}");
    }
}

#[test]
fn a_misspelt_member_is_named() {
    let error = made(&json!({"servce": "x"})).unwrap_err();
    assert_eq!(error, "`auth.sigv4` has no `servce`; did you mean `service`?");
}

#[test]
fn keys_are_whole_and_beside_no_profile() {
    for (value, told) in [
        (json!({ "access_key_id": "AKIA" }), "`auth.sigv4` has `access_key_id` and no `secret_access_key`"),
        (json!({ "secret_access_key": "s" }), "`auth.sigv4` has `secret_access_key` and no `access_key_id`"),
        (
            json!({ "profile": "dev", "access_key_id": "AKIA", "secret_access_key": "s" }),
            "`auth.sigv4` has `profile` and keys; it takes one of them",
        ),
        (json!({ "profile": 5 }), "`auth.sigv4.profile` is a text"),
    ] {
        assert_eq!(made(&value).unwrap_err(), told);
    }
}

#[test]
fn a_profile_of_a_step_stands_in_for_the_keys_of_the_target() {
    let (target, _) = captured();
    let step = target.over(&json!({ "profile": "prod" }), &Secrets::default()).unwrap();
    assert!(matches!(step.source, Source::Chain { token: None }));
    let back = json!({ "access_key_id": "AKIA", "secret_access_key": "s" });
    assert!(matches!(step.over(&back, &Secrets::default()).unwrap().source, Source::Keys(_)));
}

fn to(url: &str) -> Request {
    Request { url: url.to_owned(), ..captured().1 }
}

fn scope_signed(value: &Value, chain: &Arc<AwsChain>, url: &str) -> Result<String, String> {
    let mut members = json!({ "access_key_id": "AKIA", "secret_access_key": "s" });
    members.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    let mut request = to(url);
    SigV4::from_value(&members, chain, &Secrets::default())?.sign(&mut request)?;
    let value = authorization(&request);
    let scope = value.split(['/', ',']).skip(2).take(2).collect::<Vec<_>>().join("/");
    Ok(scope)
}

#[test]
fn service_and_region_are_as_written_else_as_the_host_says_else_as_the_environment_says() {
    let in_rome = Arc::new(AwsChain::new(Environment::from([("AWS_REGION", "eu-south-1")])));
    let gateway = "https://gw.gateway.bedrock-agentcore.eu-west-1.amazonaws.com/mcp";
    for (value, url, scope) in [
        (json!({}), "https://aws-mcp.us-east-1.api.aws/mcp", "us-east-1/aws-mcp"),
        (json!({}), gateway, "eu-west-1/bedrock-agentcore"),
        (json!({ "service": "mine", "region": "us-west-2" }), gateway, "us-west-2/mine"),
        (json!({ "service": "mine" }), "http://127.0.0.1:1/mcp", "eu-south-1/mine"),
        (json!({}), "https://sts.amazonaws.com/", "eu-south-1/sts"),
    ] {
        assert_eq!(scope_signed(&value, &in_rome, url).as_deref(), Ok(scope), "{value} {url}");
    }
}

#[test]
fn what_nothing_says_is_asked_for() {
    let nowhere = Arc::new(AwsChain::new(Environment::from([("HOME", "/nonexistent")])));
    assert_eq!(
        scope_signed(&json!({}), &nowhere, "http://127.0.0.1:1/mcp").unwrap_err(),
        "the host 127.0.0.1 does not say which AWS service it is; write `service` into `auth.sigv4`"
    );
    assert_eq!(
        scope_signed(&json!({ "service": "mine" }), &nowhere, "https://a.example.com/mcp").unwrap_err(),
        "neither the host a.example.com nor the environment nor the profile says which AWS region it is in; write `region` \
         into `auth.sigv4`, or set AWS_REGION"
    );
}
