//! Tokens that nobody means well with: each is answered 401, and the gateway goes on.

use gauntlet_mocks::MockHandle;
use serde_json::json;

use crate::issuer::*;
use crate::requests::*;
use crate::support::send;

async fn status(client: &reqwest::Client, mock: &MockHandle, authorization: &[u8]) -> u16 {
    let value = reqwest::header::HeaderValue::from_bytes(authorization).expect("a header value");
    let body = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/list" }).to_string();
    let request = client.post(mock.url()).header("authorization", value).body(body);
    request.send().await.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn hostile_tokens_are_refused() {
    let issuer = Issuer::start(&[&RSA, &P256]).await;
    let mock = issuer.gateway(&json!({})).await;
    let client = reqwest::Client::new();
    let good = issuer.token();
    let deep = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    let members: serde_json::Map<_, _> = (0..2_000).map(|n| (format!("claim-{n}"), json!(n))).collect();
    let claims = issuer.claims(&json!({}));
    let tokens: Vec<Vec<u8>> = vec![
        "x".repeat(200_000).into(),
        ".".repeat(50_000).into(),
        "a.".repeat(20_000).into(),
        format!("{good}.").into(),
        format!(".{good}").into(),
        format!("{good}{good}").into(),
        good.replace('.', "..").into(),
        good.replacen('.', ",", 1).into(),
        format!("{good}=").into(),
        b"\xff\xfe\x80.\xff.\xff".to_vec(),
        "tökén.tökén.tökén".as_bytes().to_vec(),
        unsigned(&json!({ "alg": "RS256", "kid": "rsa" }), &claims, &"A".repeat(60_000)).into(),
        unsigned(&json!({ "alg": "RS256", "kid": "x".repeat(40_000) }), &claims, "AAAA").into(),
        unsigned(&json!({ "alg": "x".repeat(40_000) }), &claims, "AAAA").into(),
        unsigned(&json!({ "alg": "RS256", "kid": "rsa" }), &json!(members), "AAAA").into(),
        unsigned(&json!({ "alg": "ES256", "kid": "p256" }), &claims, "").into(),
        unsigned(&json!({ "alg": "RS256", "kid": "../../etc/passwd" }), &claims, "AAAA").into(),
        format!("{}.{}.AAAA", part(&json!({ "alg": "RS256", "kid": "rsa" })), part(&json!(deep))).into(),
        RSA.sign_with(&json!({ "crit": ["b64"], "b64": false }), &claims).into(),
        RSA.sign(&json!([claims])).into(),
        RSA.sign(&json!({ "iss": [issuer.url()], "exp": {}, "aud": { "a": AUDIENCE } })).into(),
        RSA.sign(&issuer.claims(&json!({ "exp": -1 }))).into(),
        RSA.sign(&issuer.claims(&json!({ "nbf": 1e300 }))).into(),
    ];
    for token in tokens {
        let shown = String::from_utf8_lossy(&token[..token.len().min(60)]).into_owned();
        assert_eq!(status(&client, &mock, &[b"Bearer ", token.as_slice()].concat()).await, 401, "{shown}");
    }
    for authorization in [&b"\xff\xff"[..], b"Bearer\t", b"Bearer\tx", b"B", b",", b"Bearer ,Bearer "] {
        assert_eq!(status(&client, &mock, authorization).await, 401, "{authorization:?}");
    }
    let huge_number = issuer.claims(&json!({ "exp": 1e300 }));
    assert_eq!(send(&mock, &token(modern(&mock, "tools/list", json!({})), &RSA.sign(&huge_number))).await.status, 200);
}

/// Any one character changed makes another token.
#[tokio::test]
async fn altered_tokens_are_refused() {
    let issuer = Issuer::start(&[&RSA, &P256]).await;
    let mock = issuer.gateway(&json!({})).await;
    let client = reqwest::Client::new();
    for good in [issuer.token(), P256.sign(&issuer.claims(&json!({})))] {
        let whole = send(&mock, &token(modern(&mock, "tools/list", json!({})), &good)).await;
        assert_eq!(whole.status, 200);
        let step = (good.len() / 60).max(1);
        // The last characters hold bits that only a lenient decoder overlooks.
        for at in (0..good.len()).step_by(step).chain([good.len() - 1]) {
            let mut bytes = format!("Bearer {good}").into_bytes();
            let old = bytes[7 + at];
            for new in [b'A', b'B', b'_', b'.', b'%'] {
                if new != old {
                    bytes[7 + at] = new;
                    assert_eq!(status(&client, &mock, &bytes).await, 401, "{at}: {} for {}", new as char, old as char);
                }
            }
        }
    }
    let whole = send(&mock, &token(modern(&mock, "tools/list", json!({})), &issuer.token())).await;
    assert_eq!(whole.status, 200);
}
