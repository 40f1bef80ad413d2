//! Tokens to order.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gauntlet_mocks::MockHandle;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Value, json};

use crate::requests::*;
use crate::support::{started, var};

fn minted(mock: &MockHandle, spec: &Value) -> String {
    mock.mint(spec).unwrap_or_else(|error| panic!("{spec}: {error}"))
}

#[tokio::test]
async fn a_token_to_order_is_what_the_token_endpoint_gives() {
    for profile in ["plain", "cognito", "okta", "entra"] {
        let mock = idp(json!({ "profile": profile, "without_scope": "default" })).await;
        let issued = signed_in(&mock, &request(&mock)).await;
        let issued = text(&issued, "access_token");
        let ordered = minted(&mock, &json!({}));
        assert!(mock.secrets().contains(&ordered));
        assert_eq!(part(issued, 0), part(&ordered, 0), "{profile}");
        let (mut left, mut right) = (claims(issued), claims(&ordered));
        for varying in ["jti", "iat", "nbf", "exp", "auth_time", "origin_jti", "uti"] {
            assert_eq!(left.get(varying).is_some(), right.get(varying).is_some(), "{profile} {varying}");
            for claims in [&mut left, &mut right] {
                claims.as_object_mut().expect("claims").remove(varying);
            }
        }
        assert_eq!(left, right, "{profile}");
        verified(&mock, &ordered).await.expect("a good signature");
    }
}

#[tokio::test]
async fn every_member_does_what_it_says() {
    let mock = idp(json!({})).await;
    let order = json!({ "claims": { "groups": ["a"], "jti": null }, "header": { "typ": null, "x": 1 },
        "client": var(&mock, "service_client_id"), "scopes": ["one", "two"], "resource": RESOURCE,
        "lifetime": "10m", "issued_ago": "1h" });
    let token = minted(&mock, &order);
    let said = verified(&mock, &token).await.expect("a good signature");
    assert_eq!((part(&token, 0).get("typ"), &part(&token, 0)["x"]), (None, &json!(1)));
    assert_eq!((&said["groups"], said.get("jti")), (&json!(["a"]), None));
    assert_eq!(said["client_id"], var(&mock, "service_client_id"));
    assert_eq!(said["sub"], var(&mock, "service_client_id"), "a service acts for itself");
    assert_eq!((&said["scope"], &said["aud"]), (&json!("one two"), &json!(RESOURCE)));
    let (issued, expires) = (said["iat"].as_u64().expect("iat"), said["exp"].as_u64().expect("exp"));
    assert_eq!(expires - issued, 600);
    assert!(now().abs_diff(issued + 3600) < 30);

    let said = claims(&minted(&mock, &json!({ "subject": "bob", "audience": ["a", "b"], "not_before_in": "10m" })));
    assert_eq!((&said["sub"], &said["aud"]), (&json!("bob"), &json!(["a", "b"])));
    assert!(now().abs_diff(said["nbf"].as_u64().expect("nbf") - 600) < 30);
    let id = claims(&minted(&mock, &json!({ "kind": "id" })));
    assert_eq!(id["aud"], var(&mock, "client_id"));
    assert_eq!(id.get("scope"), None);
    let elliptic = minted(&mock, &json!({ "alg": "ES256" }));
    assert_eq!(part(&elliptic, 0)["alg"], "ES256");
    verified(&mock, &elliptic).await.expect("a good signature");
    mock.control(&json!({ "advance": "2h" })).await.expect("time passes");
    assert!(now().abs_diff(claims(&minted(&mock, &json!({})))["iat"].as_u64().expect("iat") - 7200) < 30);
}

#[tokio::test]
async fn each_way_to_sign() {
    let mock = idp(json!({})).await;
    let current = part(&minted(&mock, &json!({})), 0);
    for alg in ["RS256", "ES256"] {
        let kid = part(&minted(&mock, &json!({ "alg": alg })), 0)["kid"].clone();
        let foreign = minted(&mock, &json!({ "sign": "foreign", "alg": alg }));
        assert_eq!(part(&foreign, 0)["kid"], kid);
        assert_eq!(verified(&mock, &foreign).await, Err("the signature is wrong".to_owned()));
        let corrupt = minted(&mock, &json!({ "sign": "corrupt", "alg": alg }));
        assert_eq!(verified(&mock, &corrupt).await, Err("the signature is wrong".to_owned()));
        let retired = minted(&mock, &json!({ "sign": "retired", "alg": alg }));
        assert_eq!(verified(&mock, &retired).await, Err("no such key".to_owned()));
        mock.control(&json!({ "set": { "keys": { "retired": 1 } } })).await.expect("a change");
        verified(&mock, &retired).await.expect("published again");
        mock.control(&json!({ "set": { "keys": { "retired": 0 } } })).await.expect("a change");
    }
    let none = minted(&mock, &json!({ "sign": "none" }));
    assert_eq!(part(&none, 0)["alg"], "none");
    assert!(none.ends_with('.') && none.matches('.').count() == 2);

    let confused = minted(&mock, &json!({ "sign": "public-as-hmac" }));
    assert_eq!((&part(&confused, 0)["alg"], &part(&confused, 0)["kid"]), (&json!("HS256"), &current["kid"]));
    let keys = get(&mock, &path_of(&mock, "jwks_uri")).await.json();
    let pem = pem_of(&keys["keys"][0]);
    let (message, signature) = confused.rsplit_once('.').expect("a signature");
    let key = DecodingKey::from_secret(pem.as_bytes());
    let fits = jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, Algorithm::HS256);
    assert!(fits.expect("comparable"), "the secret is the PEM of the public key");
    let unknown = minted(&mock, &json!({ "header": { "kid": "another" } }));
    assert_eq!(verified(&mock, &unknown).await, Err("no such key".to_owned()));
}

/// SubjectPublicKeyInfo of a 2048-bit RSA key, as anybody can make it from the key set.
fn pem_of(jwk: &Value) -> String {
    let modulus = URL_SAFE_NO_PAD.decode(text(jwk, "n")).expect("base64url");
    assert_eq!((modulus.len(), text(jwk, "e")), (256, "AQAB"));
    let mut der = vec![0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    der.extend([0x01, 0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00]);
    der.extend(modulus);
    der.extend([0x02, 0x03, 0x01, 0x00, 0x01]);
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}

#[tokio::test]
async fn mistakes_are_named() {
    let mock = idp(json!({})).await;
    for (spec, parts) in [
        (json!({ "lifetme": "1h" }), ["mint.lifetme", "did you mean `lifetime`"]),
        (json!({ "sign": "forein" }), ["mint.sign", "did you mean `foreign`"]),
        (json!({ "client": "gauntlet-publik" }), ["mint.client", "did you mean `gauntlet-public`"]),
        (json!({ "lifetime": "soon" }), ["mint.lifetime", "not a duration"]),
        (json!({ "alg": "HS256" }), ["mint.alg", "RS256"]),
        (json!([]), ["mint", "expected"]),
    ] {
        let error = mock.mint(&spec).expect_err("a mistake").to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{spec}: {error}");
    }
    let other = started("kiro-runtime", json!({})).await;
    assert!(other.mint(&json!({})).expect_err("no signer").to_string().contains("this mock signs no tokens"));
}
