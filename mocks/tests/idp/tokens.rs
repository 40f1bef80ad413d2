//! The token endpoint, and what tokens say.

use serde_json::{Value, json};

use crate::requests::*;
use crate::support::{Probe, var};

#[tokio::test]
async fn a_code_gives_real_tokens() {
    let mock = idp(json!({})).await;
    let form = request(&mock)
        .with("scope", "openid email profile offline_access gateway/invoke")
        .with("resource", RESOURCE)
        .with("nonce", "n-1");
    let code = code(&mock, &form).await;
    let seen = token(&mock, &exchange(&mock, &code).with("resource", RESOURCE)).await;
    assert_eq!(seen.status, 200, "{}", seen.body);
    assert_eq!(seen.header("cache-control"), Some("no-store"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    let answer = seen.json();
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 3600);
    assert_eq!(answer["scope"], "openid email profile offline_access gateway/invoke");
    let access_token = text(&answer, "access_token");
    let access = verified(&mock, access_token).await.expect("a good signature");
    assert_eq!(part(access_token, 0)["typ"], "at+jwt");
    assert_eq!(access["iss"], mock.url());
    assert_eq!(access["aud"], RESOURCE);
    assert_eq!(access["client_id"], var(&mock, "client_id"));
    assert_eq!(access["sub"], "alice");
    assert_eq!(access["scope"], answer["scope"]);
    let (issued, expires) = (access["iat"].as_u64().expect("iat"), access["exp"].as_u64().expect("exp"));
    assert_eq!(expires - issued, 3600);
    assert!(now().abs_diff(issued) < 30);
    let id = verified(&mock, text(&answer, "id_token")).await.expect("a good signature");
    assert_eq!(id["aud"], var(&mock, "client_id"));
    assert_eq!(id["nonce"], "n-1");
    assert_eq!(id["email"], "alice@example.com");
    assert_eq!(id["sub"], "alice");
    for secret in ["access_token", "refresh_token", "id_token"] {
        assert!(mock.secrets().contains(&text(&answer, secret).to_owned()), "{secret} is not among the secrets");
    }
    assert!(mock.secrets().contains(&code));

    let other = signed_in(&mock, &request(&mock)).await;
    assert_eq!(claims(text(&other, "access_token"))["aud"], var(&mock, "client_id"));
    assert_eq!(other.get("id_token"), None, "no ID token without openid");
    assert_ne!(claims(text(&other, "access_token"))["jti"], access["jti"]);
}

#[tokio::test]
async fn what_a_code_is_bound_to() {
    let mock = idp(json!({})).await;
    let form = request(&mock).with("resource", RESOURCE);
    let code = code(&mock, &form).await;
    let right = exchange(&mock, &code);
    let other = "gauntlet-assertion";
    for (what, expected, wrong) in [
        ("no grant", "invalid_request", right.clone().without("grant_type")),
        ("unknown grant", "unsupported_grant_type", right.clone().with("grant_type", "password")),
        ("no code", "invalid_request", right.clone().without("code")),
        ("unknown code", "invalid_grant", right.clone().with("code", "unknown")),
        ("no verifier", "invalid_grant", right.clone().without("code_verifier")),
        ("wrong verifier", "invalid_grant", right.clone().with("code_verifier", &"x".repeat(43))),
        ("short verifier", "invalid_grant", right.clone().with("code_verifier", "x")),
        ("challenge as verifier", "invalid_grant", right.clone().with("code_verifier", CHALLENGE)),
        ("no redirect", "invalid_grant", right.clone().without("redirect_uri")),
        ("other port", "invalid_grant", right.clone().with("redirect_uri", "http://127.0.0.1:1/callback")),
        ("other resource", "invalid_target", right.clone().with("resource", "https://other.example/mcp")),
        ("code twice", "invalid_request", right.clone().and("code", &code)),
        ("other client", "invalid_client", right.clone().with("client_id", other)),
        ("unknown client", "invalid_client", right.clone().with("client_id", "nobody")),
        ("no client", "invalid_client", right.clone().without("client_id")),
    ] {
        let seen = token(&mock, &wrong).await;
        let body = seen.json();
        assert_eq!(text(&body, "error"), expected, "{what}: {body}");
        assert_eq!(seen.status, if expected == "invalid_client" { 401 } else { 400 }, "{what}");
        assert!(!text(&body, "error_description").is_empty());
        assert_eq!(seen.header("cache-control"), Some("no-store"), "{what}");
    }
    let mine = [
        ("client_id", var(&mock, "confidential_client_id")),
        ("client_secret", var(&mock, "confidential_client_secret")),
    ];
    let stolen = mine.iter().fold(right.clone(), |form, (name, value)| form.with(name, value));
    assert_eq!(text(&token(&mock, &stolen).await.json(), "error"), "invalid_grant");
    assert_eq!(token(&mock, &right).await.status, 200, "no failed attempt used the code up");
}

#[tokio::test]
async fn a_code_works_once_and_not_for_long() {
    let mock = idp(json!({})).await;
    let code_text = code(&mock, &request(&mock)).await;
    let form = exchange(&mock, &code_text);
    let first = token(&mock, &form).await.json();
    assert!(active(&mock, text(&first, "access_token")).await);
    let replay = token(&mock, &form).await;
    assert_eq!((replay.status, text(&replay.json(), "error")), (400, "invalid_grant"));
    assert!(!active(&mock, text(&first, "access_token")).await, "the tokens of a replayed code end");
    let refresh = token(&mock, &refreshing(&mock, text(&first, "refresh_token"))).await;
    assert_eq!(text(&refresh.json(), "error"), "invalid_grant");

    let late = code(&mock, &request(&mock)).await;
    mock.control(&json!({ "advance": "61s" })).await.expect("time passes");
    assert_eq!(text(&token(&mock, &exchange(&mock, &late)).await.json(), "error"), "invalid_grant");
}

#[tokio::test]
async fn the_clock_moves_everything() {
    let mock = idp(json!({})).await;
    let answer = signed_in(&mock, &request(&mock)).await;
    let access_token = text(&answer, "access_token");
    let before = claims(access_token)["iat"].as_u64().expect("iat");
    assert!(active(&mock, access_token).await);
    mock.control(&json!({ "advance": "2h" })).await.expect("time passes");
    assert!(!active(&mock, access_token).await, "the token has expired");
    let refreshed = token(&mock, &refreshing(&mock, text(&answer, "refresh_token"))).await.json();
    let after = claims(text(&refreshed, "access_token"))["iat"].as_u64().expect("iat");
    assert!((7200..7260).contains(&(after - before)), "{before} {after}");
    mock.control(&json!({ "advance": "31d" })).await.expect("time passes");
    let late = token(&mock, &refreshing(&mock, text(&refreshed, "refresh_token"))).await;
    assert_eq!(text(&late.json(), "error"), "invalid_grant");
}

#[tokio::test]
async fn requests_come_as_forms_by_post() {
    let mock = idp(json!({})).await;
    let code_text = code(&mock, &request(&mock)).await;
    let form = exchange(&mock, &code_text);
    let path = path_of(&mock, "token_endpoint");
    let got = get(&mock, &format!("{path}?{}", form.encoded())).await;
    assert_eq!((got.status, got.header("allow")), (405, Some("POST")));
    let in_url = send(&mock, &form_probe(&format!("{path}?{}", form.encoded()), &Form::default())).await;
    assert_eq!(in_url.status, 400);
    let members: Value =
        form.0.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<serde_json::Map<_, _>>().into();
    let as_json =
        send(&mock, &Probe::new("POST", &path).header("content-type", "application/json").json(&members)).await;
    assert_eq!(text(&as_json.json(), "error"), "invalid_request");
    let huge = form.clone().with("padding", &"x".repeat(300 << 10));
    assert_eq!(token(&mock, &huge).await.status, 413);
    assert_eq!(token(&mock, &form).await.status, 200);
}

#[tokio::test]
async fn confidential_clients_prove_themselves() {
    let mock =
        idp(json!({ "clients": [{ "id": "a:b c", "secret": "p+q=/&", "grants": ["client_credentials"] }] })).await;
    let path = path_of(&mock, "token_endpoint");
    let granted = Form::of(&[("grant_type", "client_credentials"), ("scope", "gateway/invoke")]);
    let by_basic =
        async |header: &str, form: &Form| send(&mock, &form_probe(&path, form).header("authorization", header)).await;
    let (id, secret) = (var(&mock, "service_client_id"), var(&mock, "service_client_secret"));

    let seen = token(&mock, &service(&mock)).await;
    assert_eq!(seen.status, 200, "{}", seen.body);
    let answer = seen.json();
    assert_eq!(answer.get("refresh_token"), None);
    let own = claims(text(&answer, "access_token"));
    assert_eq!((&own["sub"], &own["client_id"]), (&json!(id), &json!(id)));
    assert_eq!(by_basic(&basic(id, secret), &granted).await.status, 200);
    assert_eq!(
        by_basic(&basic(id, secret), &granted.clone().with("client_id", id)).await.status,
        200,
        "as Python does"
    );
    assert_eq!(by_basic(&basic("a%3Ab+c", "p%2Bq%3D%2F%26"), &granted).await.status, 200, "percent-encoded");

    let wrong = by_basic(&basic(id, "wrong"), &granted).await;
    assert_eq!((wrong.status, text(&wrong.json(), "error")), (401, "invalid_client"));
    assert!(wrong.header("www-authenticate").is_some_and(|value| value.starts_with("Basic ")));
    let posted = token(&mock, &service(&mock).with("client_secret", "wrong")).await;
    assert_eq!((posted.status, posted.header("www-authenticate")), (401, None));
    assert_eq!(token(&mock, &service(&mock).without("client_secret")).await.status, 401);
    let both = by_basic(&basic(id, secret), &service(&mock)).await;
    assert_eq!(text(&both.json(), "error"), "invalid_request");
    let other = by_basic(&basic(id, secret), &granted.clone().with("client_id", "nobody")).await;
    assert_eq!(text(&other.json(), "error"), "invalid_request");
    assert_eq!(by_basic("Bearer x", &granted).await.status, 401);
    let public = token(&mock, &granted.clone().with("client_id", var(&mock, "client_id"))).await;
    assert_eq!(text(&public.json(), "error"), "unauthorized_client");
    let code_grant = service(&mock).with("grant_type", "authorization_code").with("code", "x");
    assert_eq!(text(&token(&mock, &code_grant).await.json(), "error"), "unauthorized_client");
}

#[tokio::test]
async fn assertions_are_checked_one_property_at_a_time() {
    let mock = idp(json!({})).await;
    let right = || assertion_claims(&mock);
    let good = assertion(&mock, &right());
    let seen = token(&mock, &asserting(&good)).await;
    assert_eq!(seen.status, 200, "{}", seen.body);
    let replay = token(&mock, &asserting(&good)).await;
    assert_eq!((replay.status, text(&replay.json(), "error")), (401, "invalid_client"));
    let mut for_endpoint = right();
    for_endpoint["aud"] = json!([var(&mock, "token_endpoint")]);
    assert_eq!(token(&mock, &asserting(&assertion(&mock, &for_endpoint))).await.status, 200);

    let changed = |name: &str, value: Value| {
        let mut claims = right();
        claims[name] = value;
        assertion(&mock, &claims)
    };
    let without = |name: &str| {
        let mut claims = right();
        claims.as_object_mut().expect("claims").remove(name);
        assertion(&mock, &claims)
    };
    let mut tampered = assertion(&mock, &right());
    tampered.truncate(tampered.len() - 8);
    tampered.push_str("AAAAAAAA");
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", assertion(&mock, &right()).split('.').nth(1).expect("claims"));
    for (what, wrong) in [
        ("issuer", changed("iss", json!("somebody"))),
        ("subject", changed("sub", json!("somebody"))),
        ("audience", changed("aud", json!("https://other.example"))),
        ("no audience", without("aud")),
        ("expired", changed("exp", json!(now() - 60))),
        ("no expiry", without("exp")),
        ("too long", changed("exp", json!(now() + 86_400))),
        ("beyond all time", changed("exp", json!(1.8e19))),
        ("not yet", changed("nbf", json!(now() + 600))),
        ("issued in the future", changed("iat", json!(now() + 600))),
        ("no id", without("jti")),
        ("signature", tampered),
        ("no signature", unsigned),
        ("no JWT", "x".to_owned()),
        ("too many parts", "a.b.c.d".to_owned()),
    ] {
        let seen = token(&mock, &asserting(&wrong)).await;
        assert_eq!((seen.status, text(&seen.json(), "error")), (401, "invalid_client"), "{what}: {}", seen.body);
    }
    let untyped = asserting(&assertion(&mock, &right())).without("client_assertion_type");
    assert_eq!(text(&token(&mock, &untyped).await.json(), "error"), "invalid_request");
}
