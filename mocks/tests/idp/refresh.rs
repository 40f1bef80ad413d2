//! Refresh, revocation and userinfo.

use serde_json::json;

use crate::requests::*;
use crate::support::{Probe, var};

#[tokio::test]
async fn a_refresh_token_is_replaced_and_its_reuse_ends_the_family() {
    let mock = idp(json!({})).await;
    let first = signed_in(&mock, &request(&mock).with("scope", "gateway/invoke gateway/admin")).await;
    let old = text(&first, "refresh_token");
    let second = token(&mock, &refreshing(&mock, old)).await.json();
    let new = text(&second, "refresh_token");
    assert_ne!(old, new);
    assert_ne!(first["access_token"], second["access_token"]);
    let narrowed = token(&mock, &refreshing(&mock, new).with("scope", "gateway/invoke")).await.json();
    assert_eq!(narrowed["scope"], "gateway/invoke");
    let third = text(&narrowed, "refresh_token");
    let widened = token(&mock, &refreshing(&mock, third)).await.json();
    assert_eq!(widened["scope"], "gateway/invoke gateway/admin", "the grant is not narrowed by one refresh");
    let newest = text(&widened, "refresh_token");

    let reuse = token(&mock, &refreshing(&mock, old)).await;
    assert_eq!((reuse.status, text(&reuse.json(), "error")), (400, "invalid_grant"));
    assert_eq!(token(&mock, &refreshing(&mock, newest)).await.status, 400, "the family is dead");
    assert!(!active(&mock, text(&widened, "access_token")).await);
}

#[tokio::test]
async fn what_a_refresh_token_is_bound_to() {
    let mock = idp(json!({})).await;
    let answer = signed_in(&mock, &request(&mock).with("resource", RESOURCE)).await;
    let right = refreshing(&mock, text(&answer, "refresh_token")).with("resource", RESOURCE);
    for (expected, wrong) in [
        ("invalid_grant", right.clone().with("refresh_token", "unknown")),
        ("invalid_request", right.clone().without("refresh_token")),
        ("invalid_scope", right.clone().with("scope", "gateway/invoke gateway/admin")),
        ("invalid_scope", right.clone().with("scope", "nothing")),
        ("invalid_target", right.clone().with("resource", "https://other.example/mcp")),
        (
            "invalid_grant",
            right
                .clone()
                .with("client_id", var(&mock, "confidential_client_id"))
                .with("client_secret", var(&mock, "confidential_client_secret")),
        ),
    ] {
        let seen = token(&mock, &wrong).await;
        assert_eq!(text(&seen.json(), "error"), expected, "{wrong:?}");
    }
    let good = token(&mock, &right).await.json();
    assert_eq!(claims(text(&good, "access_token"))["aud"], RESOURCE);
}

#[tokio::test]
async fn the_ways_to_refresh() {
    for (mode, new_one, old_stays) in [("rotate", true, false), ("renew", true, true), ("keep", false, true)] {
        let mock = idp(json!({ "tokens": { "refresh": mode } })).await;
        let old = text(&signed_in(&mock, &request(&mock)).await, "refresh_token").to_owned();
        let second = token(&mock, &refreshing(&mock, &old)).await.json();
        assert_eq!(second.get("refresh_token").is_some(), new_one, "{mode}");
        let again = token(&mock, &refreshing(&mock, &old)).await;
        assert_eq!(again.status == 200, old_stays, "{mode}");
    }
    let mock = idp(json!({ "tokens": { "refresh": "refuse" } })).await;
    let old = text(&signed_in(&mock, &request(&mock)).await, "refresh_token").to_owned();
    assert_eq!(text(&token(&mock, &refreshing(&mock, &old)).await.json(), "error"), "invalid_grant");

    let mock = idp(json!({ "tokens": { "refresh_for": "offline-access" } })).await;
    assert_eq!(signed_in(&mock, &request(&mock)).await.get("refresh_token"), None);
    let offline = request(&mock).with("scope", "gateway/invoke offline_access");
    assert!(signed_in(&mock, &offline).await.get("refresh_token").is_some());

    let mock = idp(json!({ "tokens": { "refresh_for": "access-type" } })).await;
    assert_eq!(signed_in(&mock, &offline).await.get("refresh_token"), None);
    let offline = request(&mock).with("access_type", "offline");
    assert!(signed_in(&mock, &offline).await.get("refresh_token").is_some());
}

#[tokio::test]
async fn what_is_revoked_is_dead() {
    let mock = idp(json!({})).await;
    let answer = signed_in(&mock, &request(&mock)).await;
    let (access, refresh) = (text(&answer, "access_token"), text(&answer, "refresh_token"));
    let revoking = |token: &str| Form::of(&[("token", token), ("client_id", var(&mock, "client_id"))]);
    assert!(active(&mock, access).await && active(&mock, refresh).await);
    let seen = post(&mock, "revocation_endpoint", &revoking(access)).await;
    assert_eq!((seen.status, seen.body.as_str()), (200, ""));
    assert!(!active(&mock, access).await);
    assert!(active(&mock, refresh).await, "only the access token was revoked");
    assert_eq!(post(&mock, "revocation_endpoint", &revoking(refresh)).await.status, 200);
    assert!(!active(&mock, refresh).await);
    assert_eq!(text(&token(&mock, &refreshing(&mock, refresh)).await.json(), "error"), "invalid_grant");

    assert_eq!(post(&mock, "revocation_endpoint", &revoking("unknown")).await.status, 200);
    let nothing = Form::of(&[("client_id", var(&mock, "client_id"))]);
    assert_eq!(text(&post(&mock, "revocation_endpoint", &nothing).await.json(), "error"), "invalid_request");
    let stranger = revoking(access).with("client_id", "nobody");
    assert_eq!(post(&mock, "revocation_endpoint", &stranger).await.status, 401);
    let other = signed_in(&mock, &request(&mock)).await;
    let foreign = revoking(text(&other, "access_token"))
        .with("client_id", var(&mock, "service_client_id"))
        .with("client_secret", var(&mock, "service_client_secret"));
    assert_eq!(text(&post(&mock, "revocation_endpoint", &foreign).await.json(), "error"), "unauthorized_client");
    assert!(active(&mock, text(&other, "access_token")).await);
    let refused = get(&mock, &path_of(&mock, "revocation_endpoint")).await;
    assert_eq!(refused.status, 405);
}

#[tokio::test]
async fn userinfo_wants_a_good_token_with_openid() {
    let mock = idp(json!({})).await;
    let path = path_of(&mock, "userinfo_endpoint");
    let by = async |token: &str| {
        send(&mock, &Probe::new("GET", &path).header("authorization", &format!("Bearer {token}"))).await
    };
    let bare = get(&mock, &path).await;
    assert_eq!((bare.status, bare.header("www-authenticate")), (401, Some("Bearer realm=\"idp\"")));
    let unknown = by("unknown").await;
    assert_eq!(unknown.status, 401);
    assert!(unknown.header("www-authenticate").is_some_and(|value| value.contains("error=\"invalid_token\"")));
    let plain = signed_in(&mock, &request(&mock)).await;
    assert_eq!(by(text(&plain, "access_token")).await.status, 403);
    let openid = signed_in(&mock, &request(&mock).with("scope", "openid email")).await;
    let seen = by(text(&openid, "access_token")).await;
    assert_eq!(seen.json(), json!({ "sub": "alice", "email": "alice@example.com" }));
}

#[tokio::test]
async fn a_restart_forgets_tokens_and_keeps_keys() {
    let mock = idp(json!({})).await;
    let answer = signed_in(&mock, &request(&mock)).await;
    mock.control(&json!({ "restart": true })).await.expect("a restart");
    assert_eq!(token(&mock, &refreshing(&mock, text(&answer, "refresh_token"))).await.status, 400);
    verified(&mock, text(&answer, "access_token")).await.expect("the same keys");
    signed_in(&mock, &request(&mock)).await;
}
