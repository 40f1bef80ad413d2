//! A request that another implementation signed: mcp-proxy-for-aws 1.7.0, by botocore.

use std::time::Duration;

use gauntlet_mocks::sigv4::{AccessKey, Check, Rules};

use super::{Kept, failed, ring};

const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIAFAKEENVKEY000001/20261120/us-east-1/aws-mcp/aws4_request, \
     SignedHeaders=accept;accept-encoding;content-length;content-type;host;x-amz-date, \
     Signature=05bea9bf2b1ab0c457310d6143e6c2815791b3c002d2e3882f47cf9e04155b5d";
const BODY: &str = r#"{"method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {"sampling": {}, "elicitation": {"form": {}, "url": {}}, "roots": {"listChanged": true}}, "clientInfo": {"name": "mcp", "version": "0.1.0"}, "_meta": {"AWS_REGION": "eu-central-1"}}, "jsonrpc": "2.0", "id": 0}"#;
/// 2026-11-20T23:08:13Z
const AT: Duration = Duration::from_secs(1_795_216_093);

fn captured() -> Kept {
    let headers = [
        ("host", "127.0.0.1:43311"),
        ("connection", "keep-alive"),
        ("accept-encoding", "gzip, deflate"),
        ("user-agent", "python-httpx/0.28.1 mcp-proxy-for-aws/1.7.0"),
        ("accept", "application/json, text/event-stream"),
        ("content-type", "application/json"),
        ("content-length", "294"),
        ("x-amz-date", "20261120T230813Z"),
        ("authorization", AUTHORIZATION),
    ];
    Kept::new("POST", "/mcp", &headers, BODY.as_bytes())
}

#[test]
fn its_signature_is_good() {
    let keys =
        ring([AccessKey::new("AKIAFAKEENVKEY000001", "fake/secret+key/env", "arn:aws:iam::123456789012:user/env")]);
    let rules = Rules::new("aws-mcp", "us-east-1");
    let caller = captured().verify(&rules, &keys, AT).expect("good");
    assert_eq!(caller.principal, "arn:aws:iam::123456789012:user/env");
    let mut without_blanks = captured();
    without_blanks.set("authorization", &AUTHORIZATION.replace(", ", ","));
    assert!(without_blanks.verify(&rules, &keys, AT).is_ok());
    let mut length_lost = captured();
    length_lost.headers.remove("content-length");
    assert_eq!(failed(length_lost.verify(&rules, &keys, AT)), [Check::HeaderMissing, Check::Signature]);
}
