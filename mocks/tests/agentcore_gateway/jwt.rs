//! Signed tokens: who is let in, who is not, and why not.

use gauntlet_mocks::{MockHandle, info};
use serde_json::{Value, json};

use crate::bad_tokens::*;
use crate::issuer::*;
use crate::requests::*;
use crate::support::{Probe, Seen, send, send_by};

/// A request with a token.
async fn with(mock: &MockHandle, bearer: &str) -> Seen {
    send(mock, &token(modern(mock, "tools/list", json!({})), bearer)).await
}

/// The note of the last request.
fn note(mock: &MockHandle) -> Option<String> {
    mock.journal().entries().last().expect("a request").note.clone()
}

fn is_served(seen: &Seen) -> bool {
    seen.status == 200 && seen.json().get("result").is_some()
}

#[tokio::test]
async fn each_bad_token_has_its_reason_and_its_defect() {
    let issuer = Issuer::start(&[&RSA, &P256]).await;
    let other = Issuer::start(&[&FOREIGN]).await;
    let right = issuer.gateway(&json!({ "insufficient_scope": "invalid-token" })).await;
    let bad = bad_tokens(&issuer, &other);
    let body = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32001,"message":"Invalid Bearer token"}}"#;
    for Bad(what, token, reason, _) in &bad {
        let seen = with(&right, token).await;
        assert_eq!((seen.status, seen.body.as_str()), (401, body), "{what}");
        assert_eq!(note(&right).as_deref(), Some(*reason), "{what}");
        assert!(seen.headers.iter().all(|(name, _)| !name.contains("gauntlet")), "{what}");
    }
    assert!(is_served(&with(&right, &issuer.token()).await));
    assert_eq!(note(&right), None);
    for defect in SHOWN {
        assert!(bad.iter().any(|Bad(.., let_in_by)| let_in_by.contains(defect)), "no token shows {defect}");
    }
    let client = reqwest::Client::new();
    for defect in info("agentcore-gateway").expect("registered").defects {
        let wrong = issuer.gateway(&json!({ "defects": [defect.id] })).await;
        for Bad(what, bad, _, let_in_by) in &bad {
            let expected = let_in_by.contains(&defect.id) || defect.id == "accepts-any-token";
            let seen = send_by(&client, &wrong, &token(modern(&wrong, "tools/list", json!({})), bad)).await;
            assert_eq!(is_served(&seen), expected, "{what} under {}", defect.id);
        }
    }
}

#[tokio::test]
async fn good_tokens_in_every_form() {
    let issuer = Issuer::start(&[&RSA, &P256, &P384, &ED25519]).await;
    let mock = issuer.gateway(&json!({})).await;
    let good = issuer.claims(&json!({}));
    for signer in [&*RSA, &P256, &P384, &ED25519] {
        let seen = with(&mock, &signer.sign(&good)).await;
        assert!(is_served(&seen), "{:?}: {} {:?}", signer.algorithm, seen.body, note(&mock));
        // Each kind of key is there once, so that the algorithm tells which one is meant.
        assert!(is_served(&with(&mock, &signer.sign_with(&json!({ "kid": null }), &good)).await));
    }
    for change in [
        json!({ "aud": ["https://other.example", AUDIENCE] }),
        json!({ "aud": "https://second.example/mcp" }),
        json!({ "client_id": "client-2" }),
        json!({ "scope": "gateway/invoke" }),
        json!({ "scope": null, "scp": "openid gateway/invoke" }),
        json!({ "scope": null, "scp": ["gateway/invoke"] }),
        json!({ "nbf": now() - 5, "exp": now() as f64 + 60.5 }),
        json!({ "roles": ["guest", "admin"] }),
        json!({ "sub": null }),
    ] {
        let seen = with(&mock, &RSA.sign(&issuer.claims(&change))).await;
        assert!(is_served(&seen), "{change}: {} {:?}", seen.body, note(&mock));
    }
    let lower = modern(&mock, "tools/list", json!({})).header("authorization", &format!("bEARER {}", issuer.token()));
    assert!(is_served(&send(&mock, &lower).await));
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn clients_of_other_providers() {
    let issuer = Issuer::start(&[&RSA]).await;
    let mock = issuer.gateway(&json!({ "client_claims": ["client_id", "cid", "azp"] })).await;
    for claim in ["cid", "azp"] {
        let token = RSA.sign(&issuer.claims(&json!({ "client_id": null, claim: "client-1" })));
        assert!(is_served(&with(&mock, &token).await), "{claim}");
    }
    let token = RSA.sign(&issuer.claims(&json!({ "client_id": "client-3", "cid": "client-1" })));
    assert!(!is_served(&with(&mock, &token).await));
}

#[tokio::test]
async fn without_rules_only_the_issuer_counts() {
    let issuer = Issuer::start(&[&RSA]).await;
    let mock = gateway(json!({ "authorizer": "jwt", "discovery_url": issuer.discovery_url() })).await;
    let bare = json!({ "iss": issuer.url(), "exp": now() + 60 });
    assert!(is_served(&with(&mock, &RSA.sign(&bare)).await));
    assert!(!is_served(&with(&mock, &FOREIGN.sign(&bare)).await));
    assert_eq!(mock.bearer(), None);
    assert_eq!(mock.vars().keys().filter(|name| name.ends_with("token")).count(), 0);
    assert_eq!(mock.vars()["issuer"], issuer.url());
    assert_eq!(mock.vars()["scope"], "");
    let document = send(&mock, &Probe::new("GET", "/.well-known/oauth-protected-resource")).await;
    let expected = json!({ "authorization_servers": [issuer.url()], "resource": mock.url() });
    assert_eq!(document.json(), expected);
    let missing = send(&mock, &modern(&mock, "tools/list", json!({})).without("authorization")).await;
    let challenge = format!("Bearer resource_metadata=\"{}/.well-known/oauth-protected-resource\"", mock.origin());
    assert_eq!(missing.header("www-authenticate"), Some(challenge.as_str()));
    assert_eq!(note(&mock).as_deref(), Some("no-header"));
}

#[tokio::test]
async fn a_token_for_the_resource_of_the_metadata() {
    let issuer = Issuer::start(&[&RSA]).await;
    let config = json!({ "authorizer": "jwt", "discovery_url": issuer.discovery_url(), "own_audience": true });
    let mock = gateway(config).await;
    let status =
        async |audience: Value| with(&mock, &RSA.sign(&issuer.claims(&json!({ "aud": audience })))).await.status;
    assert_eq!(status(json!(mock.url())).await, 200);
    assert_eq!(status(json!(["https://other.example/mcp", mock.url()])).await, 200);
    for wrong in [json!(mock.origin()), json!(format!("{}/", mock.url())), json!(null), json!(AUDIENCE), json!("")] {
        assert_eq!(status(wrong.clone()).await, 401, "{wrong}");
        assert_eq!(note(&mock).as_deref(), Some("wrong-audience"));
    }
    let public = json!({ "set": { "public_origin": "https://tools.example.com", "allowed_audience": [AUDIENCE] } });
    mock.control(&public).await.expect("sets");
    assert_eq!(status(json!("https://tools.example.com/mcp")).await, 200);
    assert_eq!((status(json!(AUDIENCE)).await, status(json!(mock.url())).await), (200, 401));
}

#[tokio::test]
async fn the_clock_of_the_mock_counts() {
    let issuer = Issuer::start(&[&RSA]).await;
    let mock = issuer.gateway(&json!({})).await;
    let later = RSA.sign(&issuer.claims(&json!({ "nbf": now() + 1800, "exp": now() + 7200 })));
    assert!(is_served(&with(&mock, &issuer.token()).await));
    assert!(!is_served(&with(&mock, &later).await));
    mock.control(&json!({ "advance": "61m" })).await.expect("advances");
    assert!(!is_served(&with(&mock, &issuer.token()).await));
    assert_eq!(note(&mock).as_deref(), Some("expired"));
    assert!(is_served(&with(&mock, &later).await));
}

#[tokio::test]
async fn keys_that_change_are_fetched_again_but_not_too_often() {
    let issuer = Issuer::start(&[&RSA]).await;
    let mock = issuer.gateway(&json!({})).await;
    let stuck = issuer.gateway(&json!({ "defects": ["keys-never-refreshed"] })).await;
    let good = issuer.claims(&json!({ "exp": now() + 36_000 }));
    let (old, new) = (RSA.sign(&good), P256.sign(&good));
    assert!(is_served(&with(&mock, &old).await) && is_served(&with(&stuck, &old).await));
    assert_eq!(issuer.fetches(), 2);
    issuer.set(|served| served.keys = json!([P256.jwk]));
    for _ in 0..5 {
        assert!(!is_served(&with(&mock, &new).await));
        assert_eq!(note(&mock).as_deref(), Some("unknown-kid"));
    }
    assert_eq!(issuer.fetches(), 2, "an unknown key costs a fetch at most every few seconds");
    for mock in [&mock, &stuck] {
        mock.control(&json!({ "advance": "6s" })).await.expect("advances");
    }
    assert!(is_served(&with(&mock, &new).await));
    assert!(!is_served(&with(&mock, &old).await));
    assert!(!is_served(&with(&stuck, &new).await) && is_served(&with(&stuck, &old).await));
    assert_eq!(issuer.fetches(), 3);
    // Old keys are looked after, too.
    mock.control(&json!({ "advance": "61m" })).await.expect("advances");
    assert!(is_served(&with(&mock, &new).await));
    assert_eq!(issuer.fetches(), 4);
    // An issuer that is gone does not take its keys along.
    issuer.set(|served| served.discovery = Some(wiremock::ResponseTemplate::new(500)));
    mock.control(&json!({ "advance": "61m" })).await.expect("advances");
    assert!(is_served(&with(&mock, &new).await));
    mock.control(&json!({ "restart": true })).await.expect("restarts");
    assert!(!is_served(&with(&mock, &new).await));
    assert_eq!(note(&mock).as_deref(), Some("keys-unavailable"));
}

#[tokio::test]
async fn a_crowd_causes_one_fetch() {
    let issuer = Issuer::start(&[&RSA]).await;
    let mock = issuer.gateway(&json!({})).await;
    let token = issuer.token();
    let crowd = (0..20).map(|_| with(&mock, &token));
    let seen = futures_util::future::join_all(crowd).await;
    assert!(seen.iter().all(is_served));
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn keys_that_cannot_be_had() {
    let answer = |status: u16, body: &Value| wiremock::ResponseTemplate::new(status).set_body_json(body);
    let text = |body: String| wiremock::ResponseTemplate::new(200).set_body_string(body);
    let issuer = Issuer::start(&[&RSA]).await;
    let keys = format!("{}/v1/keys", issuer.url());
    let whole = json!({ "issuer": issuer.url(), "jwks_uri": keys, "padding": "x".repeat(2 << 20) });
    let many = vec![RSA.jwk.clone(); 1_001];
    let redirect = wiremock::ResponseTemplate::new(307).insert_header("location", keys.as_str());
    let discovery = [
        answer(500, &json!({})),
        answer(404, &json!({ "issuer": issuer.url(), "jwks_uri": keys })),
        answer(200, &whole),
        answer(200, &json!({ "issuer": issuer.url() })),
        answer(200, &json!({ "jwks_uri": keys })),
        answer(200, &json!({ "issuer": issuer.url(), "jwks_uri": "file:///etc/passwd" })),
        answer(200, &json!({ "issuer": issuer.url(), "jwks_uri": "/v1/keys" })),
        answer(200, &json!({ "issuer": 7, "jwks_uri": keys })),
        text("<html>".to_owned()),
        text("[".repeat(100_000)),
        text(String::new()),
        redirect.clone(),
    ];
    let key_set = [
        answer(503, &json!({})),
        answer(200, &json!({ "keys": many })),
        answer(200, &json!({ "keys": {} })),
        text("null".to_owned()),
        redirect,
    ];
    let mock = issuer.gateway(&json!({ "key_refetch_interval": "0s" })).await;
    for (discovery, key_set) in
        discovery.into_iter().map(|wrong| (Some(wrong), None)).chain(key_set.map(|k| (None, Some(k))))
    {
        issuer.set(|served| (served.discovery, served.key_set) = (discovery.clone(), key_set.clone()));
        let seen = with(&mock, &issuer.token()).await;
        assert_eq!(seen.status, 401, "{discovery:?} {key_set:?}");
        assert_eq!(note(&mock).as_deref(), Some("keys-unavailable"), "{discovery:?} {key_set:?}");
    }
    issuer.set(|served| (served.discovery, served.key_set) = (None, None));
    assert!(is_served(&with(&mock, &issuer.token()).await));
    // Keys that nobody understands stand beside those that are good.
    let mut keys: Vec<Value> =
        (0..997).map(|n| json!({ "kty": "RSA", "kid": n.to_string(), "n": "AQAB", "e": "AQAB" })).collect();
    keys.extend([json!(7), json!({ "kty": "oct", "kid": "rsa", "k": "AA" }), RSA.jwk.clone()]);
    issuer.set(|served| served.keys = json!(keys));
    mock.control(&json!({ "restart": true })).await.expect("restarts");
    assert!(is_served(&with(&mock, &issuer.token()).await));
}

#[tokio::test]
async fn an_issuer_that_is_not_there() {
    let mock = gateway(json!({
        "authorizer": "jwt",
        "discovery_url": "http://127.0.0.1:1/.well-known/openid-configuration",
    }))
    .await;
    assert_eq!(with(&mock, &RSA.sign(&json!({ "exp": now() + 60 }))).await.status, 401);
    assert_eq!(note(&mock).as_deref(), Some("keys-unavailable"));
    assert_eq!(with(&mock, "x").await.status, 401);
    assert_eq!(note(&mock).as_deref(), Some("malformed"));
}

#[tokio::test]
async fn callers_are_told_apart_by_subject_and_client() {
    let issuer = Issuer::start(&[&RSA]).await;
    let mock = issuer.gateway(&json!({ "sessions": {} })).await;
    let of = |change: Value| RSA.sign(&issuer.claims(&change));
    let whoami = modern(&mock, "tools/call", json!({ "name": "Demo___whoami", "arguments": {} }));
    for (change, name) in [(json!({}), "alice"), (json!({ "sub": "bob" }), "bob"), (json!({ "sub": null }), "client-1")]
    {
        let seen = send(&mock, &token(whoami.clone(), &of(change))).await.json();
        assert_eq!(seen["result"]["content"][0]["text"], name);
    }
    let open = send(&mock, &token(initialize(&mock, "2025-06-18"), &of(json!({})))).await;
    let id = open.header("mcp-session-id").expect("session").to_owned();
    let list = legacy(&mock, "2025-06-18", "tools/list", json!({})).header("mcp-session-id", &id);
    for (change, status) in [
        (json!({ "jti": "another token of hers" }), 200),
        (json!({ "sub": "bob" }), 404),
        (json!({ "client_id": "client-2" }), 404),
    ] {
        assert_eq!(send(&mock, &token(list.clone(), &of(change.clone()))).await.status, status, "{change}");
    }
}
