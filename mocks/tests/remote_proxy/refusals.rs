//! Who is not let in, and what they are told.

use serde_json::{Value, json};

use crate::support::{Probe, Seen};
use crate::world::{World, role, whoami};

fn note(world: &World) -> Option<String> {
    world.proxy.journal().entries().last().and_then(|entry| entry.note.clone())
}

fn assert_plain(seen: &Seen, status: u16, text: &str) {
    assert_eq!((seen.status, seen.body.as_str()), (status, format!("{text}\n").as_str()));
    assert_eq!(seen.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(seen.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn tokens_with_one_thing_wrong() {
    let world = World::start(json!({})).await;
    for (spec, expected) in [
        (json!({ "claims": { "iss": "https://idp.example.com" } }), "wrong-issuer"),
        (json!({ "claims": { "iss": null } }), "wrong-issuer"),
        (json!({ "audience": ["a", "b"] }), "wrong-audience"),
        (json!({ "claims": { "aud": null } }), "wrong-audience"),
        (json!({ "issued_ago": "2h", "lifetime": "1h" }), "expired"),
        (json!({ "claims": { "exp": null } }), "expired"),
        (json!({ "not_before_in": "10m" }), "not-yet-valid"),
        (json!({ "sign": "corrupt" }), "bad-signature"),
        (json!({ "sign": "foreign" }), "bad-signature"),
        (json!({ "sign": "none" }), "algorithm"),
        (json!({ "sign": "public-as-hmac" }), "algorithm"),
        (json!({ "header": { "kid": "unknown" } }), "unknown-kid"),
    ] {
        let seen = world.send(&world.by(&spec, whoami())).await;
        assert_eq!(seen.status, 401, "{spec}");
        assert_eq!(seen.json()["error"], "invalid_token", "{spec}");
        assert!(seen.header("www-authenticate").expect("a challenge").contains("error=\"invalid_token\""));
        assert_eq!(note(&world).as_deref(), Some(expected), "{spec}");
    }
    for (authorization, expected) in [
        (None, "no-header"),
        (Some("Bearer "), "not-bearer"),
        (Some("bearer abc"), "not-bearer"),
        (Some("Basic ZmFrZTpmYWtl"), "not-bearer"),
        (Some("Bearer abc"), "malformed"),
    ] {
        let probe = authorization.map_or_else(whoami, |value| whoami().header("authorization", value));
        assert_eq!(world.send(&probe).await.status, 401);
        assert_eq!(note(&world).as_deref(), Some(expected), "{authorization:?}");
    }
    assert!(world.exchanges().is_empty());
    assert!(world.aws.journal().is_empty());
}

#[tokio::test]
async fn callers_without_a_role_or_a_name() {
    let world = World::start(json!({ "fallback_role_arn": null })).await;
    let admin = |sub: Value| json!({ "claims": { "groups": ["admins"], "sub": sub } });
    let long = "a".repeat(65);
    for (spec, status, text, expected) in [
        (json!({ "claims": { "groups": ["guests"] } }), 403, "Failed to determine IAM role", "no-role"),
        (admin(json!("auth0|x")), 401, "Invalid session name", "bad-session-name"),
        (admin(json!("é")), 401, "Invalid session name", "bad-session-name"),
        (admin(json!("a")), 401, "Invalid session name", "bad-session-name"),
        (admin(json!(long)), 401, "Invalid session name", "bad-session-name"),
        (admin(json!("")), 401, "Missing session name claim", "no-session-name"),
        (admin(json!(["alice"])), 401, "Missing session name claim", "no-session-name"),
        (admin(Value::Null), 401, "Missing session name claim", "no-session-name"),
    ] {
        let seen = world.send(&world.by(&spec, whoami())).await;
        assert_plain(&seen, status, text);
        assert_eq!(note(&world).as_deref(), Some(expected), "{spec}");
    }
    assert!(world.exchanges().is_empty());
}

#[tokio::test]
async fn another_claim_can_give_the_name() {
    let world = World::start(json!({ "session_name_claim": "email" })).await;
    let spec = json!({ "subject": "auth0|x", "claims": { "email": "alice@example.com" } });
    assert_eq!(world.send(&world.by(&spec, whoami())).await.status, 200);
    assert_eq!(world.exchanges()[0]["RoleSessionName"], "alice@example.com");
}

#[tokio::test]
async fn every_refusal_of_sts_is_told_in_the_same_words() {
    let world = World::start(json!({ "fallback_role_arn": role("NobodyMayAssume") })).await;
    let seen = world.send(&world.by(&json!({}), whoami())).await;
    assert_plain(&seen, 401, "AWS credential exchange failed");
    assert_eq!(note(&world).as_deref(), Some("sts-AccessDenied"));
    assert!(world.aws.journal().is_empty());
}

#[tokio::test]
async fn sts_gets_three_attempts() {
    let world = World::start(json!({})).await;
    let probe = world.by(&json!({}), whoami());
    for (failures, status, attempts) in [(2, 200, 3), (3, 401, 3)] {
        let before = world.sts.journal().len();
        world.sts.control(&json!({ "faults": [{ "status": 503, "times": failures }] })).await.expect("faults");
        assert_eq!(world.send(&probe).await.status, status);
        let entries = world.sts.journal().entries();
        let tries: Vec<&str> =
            entries[before..].iter().filter_map(|entry| crate::world::header(entry, "amz-sdk-request")).collect();
        assert_eq!(tries, ["attempt=1; max=3", "attempt=2; max=3", "attempt=3; max=3"][..attempts]);
    }
    assert_eq!(note(&world).as_deref(), Some("sts-unavailable"));
}

#[tokio::test]
async fn bodies_over_ten_mebibytes_are_not_signed() {
    let world = World::start(json!({})).await;
    let large = |bytes: usize| world.by(&json!({}), Probe::new("POST", "/mcp")).text(&" ".repeat(bytes));
    let seen = world.send(&large((10 << 20) + 1)).await;
    assert_plain(&seen, 500, "Request signing failed");
    assert_eq!(note(&world).as_deref(), Some("body-too-large"));
    assert!(world.aws.journal().is_empty());
    world.send(&large(10 << 20)).await;
    assert_eq!(world.aws.journal().len(), 1);
}
