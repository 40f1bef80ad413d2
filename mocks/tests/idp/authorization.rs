//! The authorization endpoint.

use serde_json::json;

use crate::requests::*;
use crate::support::{Probe, var};

#[tokio::test]
async fn a_request_gives_a_code_each_time() {
    let mock = idp(json!({})).await;
    let form = request(&mock);
    let seen = authorize(&mock, &form).await;
    assert_eq!(seen.status, 302);
    assert_eq!(seen.header("cache-control"), Some("no-store"));
    let landed = response(&seen);
    assert_eq!(landed["state"], "a state/+ä");
    assert_eq!(landed["iss"], mock.url());
    assert!(seen.header("location").expect("location").starts_with(&format!("{REDIRECT}?code=")));
    let again = response(&authorize(&mock, &form).await);
    assert_ne!(landed["code"], again["code"]);
    for code in [&landed["code"], &again["code"]] {
        assert_eq!(token(&mock, &exchange(&mock, code)).await.status, 200);
    }
    let posted = send(&mock, &form_probe(&path_of(&mock, "authorization_endpoint"), &form)).await;
    assert!(response(&posted).contains_key("code"));
}

#[tokio::test]
async fn state_comes_back_byte_for_byte() {
    let mock = idp(json!({})).await;
    let path = path_of(&mock, "authorization_endpoint");
    let rest = request(&mock).without("state").encoded();
    for state in ["a%20b+c%2f%2F", "%FF%00", "", "~!*()", "%7B%22x%22%3A1%7D", "a=b"] {
        let seen = get(&mock, &format!("{path}?{rest}&state={state}")).await;
        let location = seen.header("location").expect("a redirect");
        assert!(location.contains(&format!("&state={state}&iss=")), "{state}: {location}");
    }
    let without = authorize(&mock, &request(&mock).without("state")).await;
    assert!(!response(&without).contains_key("state"));
}

#[tokio::test]
async fn nothing_is_sent_to_a_place_that_is_not_trusted() {
    let mock =
        idp(json!({ "clients": [{ "id": "two", "redirect_uris": ["https://a.example/cb", "https://b.example/cb"] }] }))
            .await;
    let form = request(&mock);
    for (what, wrong) in [
        ("no client", form.clone().without("client_id")),
        ("unknown client", form.clone().with("client_id", "nobody")),
        ("client twice", form.clone().and("client_id", "nobody")),
        ("foreign redirect", form.clone().with("redirect_uri", "https://evil.example/callback")),
        ("longer path", form.clone().with("redirect_uri", &format!("{REDIRECT}/more"))),
        ("query", form.clone().with("redirect_uri", &format!("{REDIRECT}?x=1"))),
        ("fragment", form.clone().with("redirect_uri", &format!("{REDIRECT}#x"))),
        ("user information", form.clone().with("redirect_uri", "http://127.0.0.1:1@evil.example/callback")),
        ("relative", form.clone().with("redirect_uri", "/callback")),
        ("script", form.clone().with("redirect_uri", "javascript:alert(1)")),
        ("redirect twice", form.clone().and("redirect_uri", "https://evil.example/")),
        ("no redirect of several", form.clone().with("client_id", "two").without("redirect_uri")),
        ("redirect of another client", form.clone().with("client_id", "two")),
    ] {
        let seen = authorize(&mock, &wrong).await;
        assert_eq!(seen.status, 400, "{what}");
        assert_eq!(seen.header("location"), None, "{what}");
        assert!(seen.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{what}");
        assert!(seen.body.contains("role=\"alert\""), "{what}");
    }
    let path = format!("{}?{}", path_of(&mock, "authorization_endpoint"), form.with("client_id", "nobody").encoded());
    let told = send(&mock, &Probe::new("GET", &path).header("accept", "application/json")).await;
    assert_eq!((told.status, text(&told.json(), "error")), (400, "invalid_client"));
    let note = mock.journal().entries().last().and_then(|entry| entry.note.clone()).expect("a note");
    assert!(note.starts_with("invalid_client: "), "{note}");
}

#[tokio::test]
async fn loopback_ports_are_free_and_one_redirect_needs_no_name() {
    let mock = idp(json!({ "clients": [{ "id": "one", "redirect_uris": ["https://app.example.com/cb?x=1"] }] })).await;
    for uri in
        ["http://127.0.0.1:5/callback", "http://localhost:70/oauth/callback", "http://[::1]:9/", "http://127.0.0.1:8"]
    {
        let seen = authorize(&mock, &request(&mock).with("redirect_uri", uri)).await;
        assert!(seen.header("location").is_some_and(|to| to.starts_with(&format!("{uri}?code="))), "{uri}");
    }
    let seen = authorize(&mock, &request(&mock).with("client_id", "one").without("redirect_uri")).await;
    assert!(seen.header("location").is_some_and(|to| to.starts_with("https://app.example.com/cb?x=1&code=")));
    let code = response(&seen).remove("code").expect("a code");
    let form = exchange(&mock, &code).with("client_id", "one").without("redirect_uri");
    assert_eq!(token(&mock, &form).await.status, 200);
}

#[tokio::test]
async fn other_errors_go_to_the_client() {
    let mock = idp(json!({ "clients": [
        { "id": "few", "scopes": ["gateway/invoke"] },
        { "id": "service", "secret": "s3cret-of-a-test", "grants": ["client_credentials"] },
    ] }))
    .await;
    let form = request(&mock);
    for (expected, wrong) in [
        ("invalid_request", form.clone().without("response_type")),
        ("unsupported_response_type", form.clone().with("response_type", "token")),
        ("unsupported_response_type", form.clone().with("response_type", "code id_token")),
        ("invalid_request", form.clone().without("code_challenge").without("code_challenge_method")),
        ("invalid_request", form.clone().without("code_challenge")),
        ("invalid_request", form.clone().without("code_challenge_method")),
        ("invalid_request", form.clone().with("code_challenge_method", "plain")),
        ("invalid_request", form.clone().with("code_challenge_method", "S512")),
        ("invalid_request", form.clone().with("code_challenge", "short")),
        ("invalid_request", form.clone().and("scope", "openid").and("scope", "email")),
        ("invalid_request", form.clone().with("response_mode", "fragment")),
        ("invalid_request", form.clone().with("prompt", "nonsense")),
        ("invalid_request", form.clone().with("prompt", "none login")),
        ("request_not_supported", form.clone().with("request", "x.y.z")),
        ("request_uri_not_supported", form.clone().with("request_uri", "https://a.example/")),
        ("invalid_scope", form.clone().with("scope", "gateway/invoke nothing")),
        ("invalid_scope", form.clone().with("client_id", "few").with("scope", "gateway/admin")),
        ("unauthorized_client", form.clone().with("client_id", "service")),
        ("invalid_target", form.clone().with("resource", "not a URI")),
        ("invalid_target", form.clone().with("resource", "https://gateway.example.com/mcp#x")),
    ] {
        let seen = authorize(&mock, &wrong).await;
        assert_eq!(seen.status, 302, "{wrong:?}");
        let landed = response(&seen);
        assert_eq!(landed["error"], expected, "{wrong:?}");
        assert_eq!(landed["state"], "a state/+ä");
        assert_eq!(landed["iss"], mock.url());
        assert!(!landed["error_description"].is_empty());
        assert!(!landed.contains_key("code"));
    }
    let denying = idp(json!({ "consent": "deny" })).await;
    assert_eq!(response(&authorize(&denying, &request(&denying)).await)["error"], "access_denied");
}

#[tokio::test]
async fn switches_of_the_authorization_endpoint() {
    let mock = idp(json!({ "state": "required", "pkce": "optional", "pkce_methods": ["S256", "plain"], "iss": false,
        "resources": [RESOURCE], "unknown_scope": "drop", "without_scope": "refuse" }))
    .await;
    let form = request(&mock).with("scope", "gateway/invoke");
    let error = async |form: Form| response(&authorize(&mock, &form).await).remove("error");
    assert_eq!(error(form.clone().without("state")).await.as_deref(), Some("invalid_request"));
    assert_eq!(error(form.clone().without("scope")).await.as_deref(), Some("invalid_scope"));
    assert_eq!(error(form.clone().with("scope", "nothing")).await.as_deref(), Some("invalid_scope"));
    assert_eq!(error(form.clone().with("scope", "gateway/admin nothing")).await, None);
    assert_eq!(
        error(form.clone().with("resource", "https://other.example/mcp")).await.as_deref(),
        Some("invalid_target")
    );
    assert_eq!(error(form.clone().with("resource", RESOURCE)).await, None);
    assert!(!response(&authorize(&mock, &form).await).contains_key("iss"));

    let bare = form.clone().without("code_challenge").without("code_challenge_method");
    let code_without = code(&mock, &bare).await;
    let with_verifier = token(&mock, &exchange(&mock, &code_without)).await;
    assert_eq!(text(&with_verifier.json(), "error"), "invalid_grant", "a verifier that belongs to no challenge");
    let without = exchange(&mock, &code_without).without("code_verifier");
    assert_eq!(token(&mock, &without).await.status, 200);
    let plain = form.with("code_challenge", VERIFIER).with("code_challenge_method", "plain");
    let code_plain = code(&mock, &plain).await;
    assert_eq!(token(&mock, &exchange(&mock, &code_plain)).await.status, 200);
}

#[tokio::test]
async fn the_first_user_or_the_one_hinted_at_consents() {
    let mock =
        idp(json!({ "users": [{ "username": "ann" }, { "username": "bob", "claims": { "team": "red" } }] })).await;
    let ann = signed_in(&mock, &request(&mock)).await;
    assert_eq!(claims(text(&ann, "access_token"))["sub"], "ann");
    let bob = claims(text(&signed_in(&mock, &request(&mock).with("login_hint", "bob")).await, "access_token"));
    assert_eq!((&bob["sub"], &bob["team"]), (&json!("bob"), &json!("red")));
    assert_eq!(var(&mock, "username"), "ann");
}
