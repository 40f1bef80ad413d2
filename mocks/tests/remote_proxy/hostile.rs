//! Upstreams and callers that nobody means well with: the proxy answers and goes on.

use std::sync::Arc;

use gauntlet_mocks::stub::{self, StubAnswer, StubBody, StubLogic, StubRequest};
use gauntlet_mocks::{MockHandle, StartOptions, start};
use serde_json::{Value, json};

use crate::support::{Probe, started};
use crate::world::{World, whoami};

/// Answers every request in one way.
struct Always(StubAnswer);

impl StubLogic for Always {
    fn answer(&self, _: &StubRequest) -> StubAnswer {
        self.0.clone()
    }
}

async fn answering(status: u16, body: impl Into<Vec<u8>>) -> MockHandle {
    let body = StubBody::Bytes(body.into().into());
    let answer = StubAnswer { status, headers: Vec::new(), body, faults: Vec::new(), note: None };
    stub::start(Arc::new(Always(answer)), StartOptions::default()).await.expect("a stub")
}

async fn set(world: &World, upstream: &str, address: &str) {
    world.proxy.control(&json!({ "set": { "upstreams": { upstream: address } } })).await.expect("another address");
}

fn note(world: &World) -> Option<String> {
    world.proxy.journal().entries().last().and_then(|entry| entry.note.clone())
}

#[tokio::test]
async fn an_sts_that_answers_nonsense() {
    let world = World::start(json!({})).await;
    let probe = world.by(&json!({}), whoami());
    for (status, body, expected) in [
        (200, b"".to_vec(), "sts-unreadable"),
        (200, b"{\"Credentials\":{}}".to_vec(), "sts-unreadable"),
        (200, b"\xff\xfe<\x00".to_vec(), "sts-unreadable"),
        (200, "<a>".repeat(40_000).into_bytes(), "sts-unreadable"),
        (200, vec![b' '; 300 << 10], "sts-unreachable"),
        (
            200,
            b"<AccessKeyId>\n</AccessKeyId><SecretAccessKey/><SessionToken>a\nb</SessionToken>".to_vec(),
            "sts-unreadable",
        ),
        (302, b"".to_vec(), "sts-unreadable"),
        (400, b"<Error><Code>ValidationError</Code></Error>".to_vec(), "sts-ValidationError"),
        (403, b"<html>no</html>".to_vec(), "sts-unreadable"),
    ] {
        let sts = answering(status, body).await;
        set(&world, "sts", sts.origin()).await;
        let seen = world.send(&probe).await;
        assert_eq!((seen.status, seen.body.as_str()), (401, "AWS credential exchange failed\n"));
        assert_eq!(note(&world).as_deref(), Some(expected));
    }
    set(&world, "sts", "http://127.0.0.1:1").await;
    assert_eq!(world.send(&probe).await.status, 401);
    assert_eq!(note(&world).as_deref(), Some("sts-unreachable"));
    set(&world, "sts", world.sts.origin()).await;
    assert_eq!(world.send(&probe).await.status, 200);
}

#[tokio::test]
async fn credentials_that_cannot_be_sent() {
    let world = World::start(json!({})).await;
    let body =
        "<C><AccessKeyId>A</AccessKeyId><SecretAccessKey>b</SecretAccessKey><SessionToken>a\u{1}b</SessionToken></C>";
    let sts = answering(200, body).await;
    set(&world, "sts", sts.origin()).await;
    let seen = world.send(&world.by(&json!({}), whoami())).await;
    assert_eq!((seen.status, seen.body.as_str()), (500, "Request signing failed\n"));
    assert_eq!(note(&world).as_deref(), Some("not-signable"));
}

#[tokio::test]
async fn a_remote_that_is_gone_or_breaks_off() {
    let world = World::start(json!({})).await;
    let probe = world.by(&json!({}), whoami());
    for fault in [json!({ "reset": true }), json!({ "cut_after_bytes": 10 })] {
        world.aws.control(&json!({ "faults": [fault] })).await.expect("faults");
        let client = reqwest::Client::new();
        let mut request = client.post(world.proxy.url()).body(probe.body.clone());
        for (name, value) in &probe.headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.expect("an answer");
        match answer.status().as_u16() {
            502 => assert_eq!(note(&world).as_deref(), Some("remote-unreachable")),
            status => {
                assert_eq!(status, 200);
                assert!(answer.bytes().await.is_err(), "the cut is visible");
            }
        }
    }
    world.aws.control(&json!({ "faults": [] })).await.expect("no faults");
    assert_eq!(world.send(&probe).await.status, 200);
    set(&world, "aws", "http://127.0.0.1:1/mcp").await;
    assert_eq!(world.send(&probe).await.status, 502);
}

#[tokio::test]
async fn an_issuer_whose_keys_are_not_to_be_had() {
    let world = World::start(json!({})).await;
    let probe = world.by(&json!({}), whoami());
    world.idp.control(&json!({ "faults": [{ "status": 500 }] })).await.expect("faults");
    assert_eq!(world.send(&probe).await.status, 401);
    assert_eq!(note(&world).as_deref(), Some("keys-unavailable"));
    // Another issuer's document under this issuer's address.
    let other = started("idp", json!({})).await;
    set(&world, "idp", other.origin()).await;
    let token = world.token(&json!({}));
    let seen = world.send(&whoami().header("authorization", &format!("Bearer {token}"))).await;
    assert_eq!(seen.status, 401);
}

#[tokio::test]
async fn tokens_and_requests_out_of_shape() {
    let world = World::start(json!({})).await;
    for token in ["x".repeat(70_000), ".".repeat(5_000), "a.b.c".to_owned(), "..".to_owned()] {
        let seen = world.send(&whoami().header("authorization", &format!("Bearer {token}"))).await;
        assert_eq!(seen.status, 401);
    }
    let groups: Vec<Value> = (0..3_000).map(|number| json!(number)).collect();
    let seen = world.send(&world.by(&json!({ "claims": { "groups": groups } }), whoami())).await;
    assert_eq!(seen.status, 200);
    for body in ["", "[", "\u{0}", "[[[[]]]]"] {
        let seen = world.send(&world.by(&json!({}), Probe::new("POST", "/mcp").text(body))).await;
        assert!((400..500).contains(&seen.status), "{seen:?}");
    }
    let connection = world.by(&json!({}), whoami()).header("connection", "@@,,\t,;, host ,content-length");
    assert_eq!(world.send(&connection).await.status, 200);
}

#[tokio::test]
async fn configurations_that_cannot_be() {
    let good = json!({
        "upstreams": { "idp": "http://127.0.0.1:1", "sts": "http://127.0.0.1:1", "aws": "http://127.0.0.1:1/mcp" },
        "fallback_role_arn": "arn:aws:iam::123456789012:role/Reader",
    });
    for (member, value, told) in [
        ("upstreams", json!({}), "upstreams.idp: is needed"),
        ("upstrems", json!({}), "did you mean `upstreams`?"),
        ("fallback_role_arn", json!("Reader"), "fallback_role_arn: `Reader` is not the ARN of a role"),
        ("session_duration", json!(60), "session_duration: 60 is not between 900 and 43200 seconds"),
        ("defects", json!(["no-chalenge"]), "did you mean `no-challenge`?"),
    ] {
        let mut config = good.clone();
        config[member] = value;
        let error = start("remote-proxy", StartOptions { config, ..StartOptions::default() }).await;
        let error = error.expect_err("a mistake").to_string();
        assert!(error.contains(told), "{error}");
    }
}
