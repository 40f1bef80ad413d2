//! Signed tokens: who is let in, who is not, and why not.

use gauntlet_mocks::{MockHandle, info};
use serde_json::{Value, json};

use crate::issuer::*;
use crate::requests::*;
use crate::support::{Probe, Seen, send, send_by};

/// Defects that a bad token shows.
pub(crate) const SHOWN: &[&str] = &[
    "signature-not-verified",
    "alg-none-accepted",
    "hmac-with-public-key-accepted",
    "embedded-key-accepted",
    "unknown-kid-uses-first-key",
    "any-issuer-keys",
    "issuer-not-checked",
    "not-before-not-checked",
    "audience-not-checked",
    "missing-audience-accepted",
    "audience-prefix-accepted",
    "client-not-checked",
    "claim-equals-not-checked",
    "claim-contains-not-checked",
    "claim-contains-any-not-checked",
    "missing-claim-accepted",
];

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

/// A bad token: the reason in the journal, and the defects that let it in.
struct Bad(&'static str, String, &'static str, &'static [&'static str]);

fn bad_tokens(issuer: &Issuer, other: &Issuer) -> Vec<Bad> {
    let good = issuer.claims(&json!({}));
    let with = |change: Value| RSA.sign(&issuer.claims(&change));
    let token = issuer.token();
    let (signed, signature) = token.rsplit_once('.').expect("a token");
    let (header, _) = signed.split_once('.').expect("a token");
    let at_other = |member: &str| format!("{}{member}", other.url());
    vec![
        Bad(
            "altered claims",
            format!("{header}.{}.{signature}", part(&issuer.claims(&json!({ "sub": "eve" })))),
            "bad-signature",
            &["signature-not-verified"],
        ),
        Bad(
            "a foreign key under our id",
            FOREIGN.sign_with(&json!({ "kid": "p256" }), &good),
            "bad-signature",
            &["signature-not-verified"],
        ),
        Bad("no signature", format!("{signed}."), "bad-signature", &["signature-not-verified"]),
        Bad("a corrupt signature", format!("{signed}.%%%"), "bad-signature", &["signature-not-verified"]),
        Bad("alg none", unsigned(&json!({ "alg": "none" }), &good, ""), "algorithm", &["alg-none-accepted"]),
        Bad(
            "alg None",
            unsigned(&json!({ "alg": "None", "kid": "rsa" }), &good, ""),
            "algorithm",
            &["alg-none-accepted"],
        ),
        Bad("alg none with a signature", unsigned(&json!({ "alg": "none" }), &good, signature), "algorithm", &[]),
        Bad(
            "unknown algorithm",
            unsigned(&json!({ "alg": "RS257", "kid": "rsa" }), &good, signature),
            "algorithm",
            &[],
        ),
        Bad(
            "RSA key as a secret",
            hmac("rsa", &good, RSA.public_pem.as_bytes()),
            "algorithm",
            &["hmac-with-public-key-accepted"],
        ),
        Bad(
            "EC key as a secret",
            hmac("p256", &good, P256.public_pem.trim_end().as_bytes()),
            "algorithm",
            &["hmac-with-public-key-accepted"],
        ),
        Bad("a guessed secret", hmac("rsa", &good, b"secret"), "algorithm", &[]),
        Bad("an algorithm for another key", FOREIGN.sign_with(&json!({ "kid": "rsa" }), &good), "algorithm", &[]),
        Bad(
            "our key under an unknown id",
            RSA.sign_with(&json!({ "kid": "never-issued" }), &good),
            "unknown-kid",
            &["unknown-kid-uses-first-key"],
        ),
        Bad("a foreign key under its own id", FOREIGN.sign(&good), "unknown-kid", &[]),
        Bad(
            "a foreign key set in jku",
            FOREIGN.sign_with(&json!({ "jku": at_other("/v1/keys") }), &good),
            "unknown-kid",
            &["any-issuer-keys"],
        ),
        Bad(
            "a foreign key in jwk",
            FOREIGN.sign_with(&json!({ "jwk": FOREIGN.jwk }), &good),
            "unknown-kid",
            &["embedded-key-accepted"],
        ),
        Bad(
            "another issuer's token",
            FOREIGN.sign(&issuer.claims(&json!({ "iss": other.url() }))),
            "unknown-kid",
            &["any-issuer-keys"],
        ),
        Bad(
            "another issuer's name",
            with(json!({ "iss": "http://127.0.0.1:1/other" })),
            "wrong-issuer",
            &["issuer-not-checked"],
        ),
        Bad(
            "the issuer with a slash",
            with(json!({ "iss": format!("{}/", issuer.url()) })),
            "wrong-issuer",
            &["issuer-not-checked"],
        ),
        Bad("no issuer", with(json!({ "iss": null })), "wrong-issuer", &["issuer-not-checked"]),
        Bad("expired", with(json!({ "exp": now() - 1 })), "expired", &["accepts-expired-token"]),
        Bad("no expiry", with(json!({ "exp": null })), "expired", &["accepts-expired-token"]),
        Bad("expiry as text", with(json!({ "exp": "2099-01-01" })), "expired", &["accepts-expired-token"]),
        Bad("not yet valid", with(json!({ "nbf": now() + 600 })), "not-yet-valid", &["not-before-not-checked"]),
        Bad("nbf as text", with(json!({ "nbf": "soon" })), "not-yet-valid", &["not-before-not-checked"]),
        Bad(
            "another audience",
            with(json!({ "aud": "https://other.example/mcp" })),
            "wrong-audience",
            &["audience-not-checked"],
        ),
        Bad(
            "other audiences",
            with(json!({ "aud": ["https://other.example/mcp", 7, {}] })),
            "wrong-audience",
            &["audience-not-checked"],
        ),
        Bad(
            "no audience",
            with(json!({ "aud": null })),
            "wrong-audience",
            &["audience-not-checked", "missing-audience-accepted"],
        ),
        Bad(
            "a deeper audience",
            with(json!({ "aud": format!("{AUDIENCE}/deeper") })),
            "wrong-audience",
            &["audience-not-checked", "audience-prefix-accepted"],
        ),
        Bad("another client", with(json!({ "client_id": "client-3" })), "wrong-client", &["client-not-checked"]),
        Bad(
            "the client elsewhere",
            with(json!({ "client_id": null, "cid": "client-1", "azp": "client-1" })),
            "wrong-client",
            &["client-not-checked"],
        ),
        Bad("no scope", with(json!({ "scope": null })), "missing-scope", &["accepts-insufficient-scope"]),
        Bad(
            "a longer scope",
            with(json!({ "scope": "gateway/invoke-nothing" })),
            "missing-scope",
            &["accepts-insufficient-scope", "scopes-compared-as-substring"],
        ),
        Bad("EQUALS", with(json!({ "department": "legal" })), "claim-rule", &["claim-equals-not-checked"]),
        Bad("CONTAINS", with(json!({ "groups": ["sales"] })), "claim-rule", &["claim-contains-not-checked"]),
        Bad("CONTAINS_ANY", with(json!({ "roles": ["guest"] })), "claim-rule", &["claim-contains-any-not-checked"]),
        Bad(
            "no claim",
            with(json!({ "department": null })),
            "claim-rule",
            &["claim-equals-not-checked", "missing-claim-accepted"],
        ),
        Bad("no token at all", "fake-token-that-nobody-issued".to_owned(), "malformed", &[]),
    ]
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
