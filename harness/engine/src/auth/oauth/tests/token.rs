//! What the token endpoint is sent, and what is taken from it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gauntlet_format::Version;
use serde_json::{Value, json};

use super::super::{Changes, Leg, OauthClient, OauthSettings, Parameters, TokenSet, Who};
use super::lab::{Answer, Lab, Seen};
use crate::auth::jwt::unix_now;

const MACHINE: &str = "machine:7";

fn machine(extra: &Value) -> Value {
    let mut settings = json!({ "grant": "client_credentials", "client_id": MACHINE, "client_secret": "s/cr&t+1" });
    settings.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    settings
}

async fn authorize(lab: &Lab, settings: &Value) -> Leg<TokenSet> {
    lab.client(settings).authorize(None, &Changes::default()).await
}

/// The outcome of one token answer.
async fn taken(lab: &Lab, answer: Answer) -> Leg<TokenSet> {
    lab.idp.on("/v1/token", move |_| answer.clone());
    authorize(lab, &machine(&json!({}))).await
}

fn good(extra: &Value) -> Value {
    let mut document = json!({ "access_token": "at-x", "token_type": "Bearer", "expires_in": 60 });
    for (name, value) in extra.as_object().unwrap() {
        document[name] = value.clone();
    }
    document
}

async fn first_token_request(lab: &Lab, settings: &Value) -> Seen {
    authorize(lab, settings).await.result.unwrap();
    lab.idp.at("/v1/token")[0].clone()
}

#[tokio::test]
async fn a_secret_goes_by_basic_encoded_as_a_form() {
    let lab = Lab::start().await;
    let seen = first_token_request(&lab, &machine(&json!({ "scopes": ["a", "b"] }))).await;
    let expected = STANDARD.encode("machine%3A7:s%2Fcr%26t%2B1");
    assert_eq!(seen.header("authorization"), Some(format!("Basic {expected}").as_str()));
    let form = seen.form();
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(form["scope"], "a b");
    assert_eq!(form["resource"], format!("{}/mcp", lab.gateway.origin));
    assert_eq!((form.get("client_id"), form.get("client_secret")), (None, None));
    assert_eq!(lab.idp.at("/v1/authorize").len(), 0);
}

#[tokio::test]
async fn a_secret_goes_by_post_where_that_is_chosen() {
    let lab = Lab::start().await;
    let seen = first_token_request(&lab, &machine(&json!({ "token_auth": "client_secret_post" }))).await;
    assert_eq!(seen.header("authorization"), None);
    assert_eq!((seen.form()["client_id"].as_str(), seen.form()["client_secret"].as_str()), (MACHINE, "s/cr&t+1"));
}

#[tokio::test]
async fn an_assertion_is_for_the_issuer_and_for_a_minute() {
    let lab = Lab::start().await;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let settings = json!({
        "grant": "client_credentials", "client_id": MACHINE, "private_key": key.serialize_pem(), "key_id": "k1",
    });
    let form = first_token_request(&lab, &settings).await.form();
    assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    assert_eq!(form.get("client_secret"), None);
    let decoding = jsonwebtoken::DecodingKey::from_ec_pem(key.public_key_pem().as_bytes()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_audience(&[&lab.idp.origin]);
    let token = jsonwebtoken::decode::<Value>(&form["client_assertion"], &decoding, &validation).unwrap();
    assert_eq!(token.header.kid.as_deref(), Some("k1"));
    assert_eq!((&token.claims["iss"], &token.claims["sub"]), (&json!(MACHINE), &json!(MACHINE)));
    assert_eq!(token.claims["exp"].as_u64().unwrap() - token.claims["iat"].as_u64().unwrap(), 60);
    assert_eq!(token.claims["jti"].as_str().map(str::len), Some(43));
    let shown = lab.secrets.redactor().redact(&form["client_assertion"]);
    assert_eq!(shown, "${client_assertion}");
}

#[tokio::test]
async fn a_code_is_redeemed_without_a_client_id_in_the_body_when_basic_is_used() {
    let lab = Lab::start().await;
    let seen = first_token_request(&lab, &json!({ "client_id": "me", "client_secret": "s3cret" })).await;
    assert!(seen.header("authorization").is_some());
    assert_eq!(seen.form().get("client_id"), None);
}

#[tokio::test]
async fn what_a_good_answer_says_is_kept() {
    let lab = Lab::start().await;
    let document = good(&json!({ "token_type": "BEARER", "scope": "a c", "refresh_token": "rt-x" }));
    let leg = taken(&lab, Answer::json(200, &document)).await;
    assert_eq!(leg.warnings, []);
    let tokens = leg.result.unwrap();
    assert_eq!(tokens.scopes, ["a", "c"]);
    assert_eq!(tokens.refresh_token.as_ref().unwrap().expose(), "rt-x");
    assert_eq!((tokens.issuer.as_str(), tokens.client_id.as_str()), (lab.idp.origin.as_str(), MACHINE));
    assert_eq!(tokens.resource, Some(format!("{}/mcp", lab.gateway.origin)));
    let left = tokens.expires_at.unwrap() - unix_now();
    assert!((58..=60).contains(&left), "{left}");
}

#[tokio::test]
async fn a_lifetime_is_read_leniently_and_noted() {
    let lab = Lab::start().await;
    for (value, seconds, code) in [
        (json!("60"), Some(60), Some("expires-in-malformed")),
        (json!(60.9), Some(60), None),
        (json!(-1), None, Some("expires-in-malformed")),
        (json!("soon"), None, Some("expires-in-malformed")),
        (json!([60]), None, Some("expires-in-malformed")),
        (json!(1e300), None, Some("expires-in-malformed")),
        (json!(u64::MAX), Some(315_360_000), Some("token-long-lived")),
        (json!(86_401), Some(86_401), Some("token-long-lived")),
        (Value::Null, None, None),
    ] {
        let leg = taken(&lab, Answer::json(200, &good(&json!({ "expires_in": value })))).await;
        assert_eq!(leg.warnings.first().map(|w| w.code), code, "{value}");
        let expires_at = leg.result.unwrap().expires_at;
        match seconds {
            None => assert_eq!(expires_at, None, "{value}"),
            Some(seconds) => assert!(unix_now() + seconds - expires_at.unwrap() <= 2, "{value}"),
        }
    }
}

#[tokio::test]
async fn answers_that_are_no_tokens_are_refused() {
    let lab = Lab::start().await;
    for document in [
        json!({}),
        good(&json!({ "access_token": null })),
        good(&json!({ "access_token": "" })),
        good(&json!({ "access_token": 7 })),
        good(&json!({ "access_token": "a b" })),
        good(&json!({ "access_token": "a\r\nx-evil: 1" })),
        good(&json!({ "access_token": "ä" })),
        good(&json!({ "access_token": "x".repeat(70_000) })),
        good(&json!({ "refresh_token": ["x"] })),
        good(&json!({ "token_type": null })),
        good(&json!({ "token_type": "DPoP" })),
        good(&json!({ "token_type": "mac" })),
    ] {
        let leg = taken(&lab, Answer::json(200, &document)).await;
        let problem = leg.result.unwrap_err();
        assert_eq!((problem.code, problem.who), ("token-malformed", Who::AuthorizationServer), "{document}");
        assert_eq!(problem.exchange, leg.exchanges.last().copied());
    }
    for body in ["", "[]", "\"at\"", "access_token=at-x&token_type=bearer", "<html>"] {
        assert_eq!(taken(&lab, Answer::text(200, body)).await.result.unwrap_err().code, "not-json", "{body}");
    }
    let huge = good(&json!({ "padding": "x".repeat(300_000) }));
    assert_eq!(taken(&lab, Answer::json(200, &huge)).await.result.unwrap_err().code, "too-large");
}

#[tokio::test]
async fn an_error_is_one_whatever_the_status_says() {
    let lab = Lab::start().await;
    for status in [200, 400, 401, 403, 500] {
        let document = good(&json!({ "error": "invalid_target", "error_description": "AADSTS9010010 \u{1b}[2J" }));
        let problem = taken(&lab, Answer::json(status, &document)).await.result.unwrap_err();
        assert_eq!(problem.code, "token-refused", "{status}");
        assert!(problem.message.contains("invalid_target") && problem.message.contains("AADSTS9010010"), "{problem}");
        assert!(!problem.message.contains('\u{1b}') && !problem.message.contains("at-x"));
    }
    for (answer, code) in [
        (Answer::text(400, "no"), "token-refused"),
        (Answer::text(404, ""), "token-refused"),
        (Answer::text(502, "<html>"), "server-error"),
        (Answer::redirect("https://evil.example/"), "redirected"),
    ] {
        assert_eq!(taken(&lab, answer).await.result.unwrap_err().code, code);
    }
    let mut cacheable = Answer::json(200, &good(&json!({})));
    cacheable.headers.retain(|(name, _)| *name == "content-type");
    let leg = taken(&lab, cacheable).await;
    assert_eq!(leg.warnings[0].code, "token-cacheable");
    assert!(leg.result.is_ok());
}

#[tokio::test]
async fn a_refresh_that_gives_no_new_token_keeps_the_old_one() {
    let lab = Lab::start().await;
    let client = lab.client(&json!(true));
    client.authorize(None, &Changes::default()).await.result.unwrap();
    lab.idp.on("/v1/token", |_| Answer::json(200, &good(&json!({ "access_token": "at-new" }))));
    let tokens = client.refresh(None, &Parameters::new()).await.result.unwrap();
    assert_eq!(
        (tokens.access_token.expose(), tokens.refresh_token.unwrap().expose().to_owned()),
        ("at-new", "rt-1".into())
    );
}

#[tokio::test]
async fn a_refresh_repeats_configured_scopes_and_takes_changes() {
    let lab = Lab::start().await;
    let client = lab.client(&json!({ "scopes": ["a"] }));
    client.authorize(None, &Changes::default()).await.result.unwrap();
    let changes: Parameters = [("refresh_token", Some("stolen")), ("resource", None)]
        .map(|(name, value)| (name.to_owned(), value.map(str::to_owned)))
        .into();
    client.refresh(None, &changes).await.result.unwrap();
    let form = lab.idp.at("/v1/token")[1].form();
    assert_eq!((form["scope"].as_str(), form["refresh_token"].as_str(), form.get("resource")), ("a", "stolen", None));
}

#[tokio::test]
async fn without_a_refresh_token_a_refresh_says_so() {
    let lab = Lab::start().await;
    let client = lab.client(&json!(true));
    assert_eq!(client.refresh(None, &Parameters::new()).await.result.unwrap_err().code, "no-refresh-token");
    assert_eq!(lab.idp.seen().len(), 0);
}

#[tokio::test]
async fn tokens_are_given_back_as_rfc_7009_has_it() {
    let lab = Lab::start().await;
    let client = lab.client(&json!(true));
    assert_eq!(client.revoke(None, &Parameters::new()).await.result.unwrap_err().code, "no-token");
    client.authorize(None, &Changes::default()).await.result.unwrap();
    client.revoke(None, &Parameters::new()).await.result.unwrap();
    let form = lab.idp.at("/v1/revoke")[0].form();
    assert_eq!((form["token"].as_str(), form["token_type_hint"].as_str()), ("rt-1", "refresh_token"));
    assert_eq!(form["client_id"], "registered-1");
    assert_eq!(client.current().await, None);
    client.authorize(None, &Changes::default()).await.result.unwrap();
    lab.idp.on("/v1/revoke", |_| Answer::json(400, &json!({ "error": "unsupported_token_type" })));
    let problem = client.revoke(None, &Parameters::new()).await.result.unwrap_err();
    assert!(problem.message.contains("unsupported_token_type"), "{problem}");
    assert!(client.current().await.is_some(), "what was not given back is still there");
}

#[tokio::test]
async fn a_server_without_revocation_is_named() {
    let lab = Lab::start().await;
    lab.metadata_with(&json!({ "revocation_endpoint": null }));
    let client = lab.client(&json!(true));
    client.authorize(None, &Changes::default()).await.result.unwrap();
    let problem = client.revoke(None, &Parameters::new()).await.result.unwrap_err();
    assert_eq!(problem.code, "revocation-unavailable");
}

#[tokio::test]
async fn metadata_without_a_token_endpoint_ends_before_anything_is_sent() {
    let lab = Lab::start().await;
    lab.metadata_with(&json!({ "token_endpoint": null }));
    let problem = authorize(&lab, &machine(&json!({}))).await.result.unwrap_err();
    assert_eq!((problem.code, problem.requirement), ("metadata-incomplete", Some("auth.as.metadata-fields")));
}

#[tokio::test]
async fn a_whole_sign_in_works_with_the_default_endpoints_of_2025_03_26() {
    let lab = Lab::start().await;
    let gateway = &lab.gateway;
    gateway.on("/register", |_| Answer::json(201, &json!({ "client_id": "c", "client_secret": "s3cret" })));
    gateway.on("/authorize", |seen| {
        let to = &seen.query["redirect_uri"];
        Answer::redirect(format!("{to}?code=c0de&state={}", seen.query["state"]))
    });
    gateway.on("/token", |_| Answer::json(200, &good(&json!({}))));
    let client = OauthClient::new(lab.context(Version::V2025_03_26), OauthSettings::default());
    let leg = client.authorize(None, &Changes::default()).await;
    assert_eq!(leg.result.unwrap().access_token.expose(), "at-x");
    let paths: Vec<String> = gateway.seen().into_iter().map(|s| s.path).collect();
    assert_eq!(paths, ["/mcp", "/.well-known/oauth-authorization-server", "/register", "/authorize", "/token"]);
    assert_eq!(gateway.at("/token")[0].form().get("resource"), None);
    assert_eq!(lab.idp.seen().len(), 0);
}

#[test]
fn a_challenge_and_its_verifier_are_unpadded_base64url() {
    let encoded = super::super::authorization::s256("x");
    assert_eq!(URL_SAFE_NO_PAD.decode(encoded).unwrap().len(), 32);
}
