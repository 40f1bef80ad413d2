//! Becoming known to an authorization server.

use gauntlet_format::Version;
use serde_json::{Value, json};

use super::super::authorization::AuthorizationRequest;
use super::super::registration::RegisteredBy;
use super::super::settings::TokenAuth;
use super::super::{Changes, Leg, Who};
use super::lab::{Answer, Lab, METADATA, PRM, Server};

async fn start(lab: &Lab, settings: &Value) -> Leg<AuthorizationRequest> {
    lab.client(settings).start(None, &Changes::default()).await
}

const DOCUMENT: &str = "https://app.example/oauth/client.json";

#[tokio::test]
async fn the_order_is_configured_then_document_then_dynamic() {
    let lab = Lab::start().await;
    lab.metadata_with(&json!({ "client_id_metadata_document_supported": true }));
    let both = json!({ "client_id": "me", "client_metadata_url": DOCUMENT });
    let registration = start(&lab, &both).await.result.unwrap().registration;
    assert_eq!((registration.by, registration.client_id.as_str()), (RegisteredBy::Configuration, "me"));
    let document = json!({ "client_metadata_url": DOCUMENT });
    let registration = start(&lab, &document).await.result.unwrap().registration;
    assert_eq!((registration.by, registration.client_id.as_str()), (RegisteredBy::MetadataDocument, DOCUMENT));
    assert_eq!(registration.token_auth, TokenAuth::None);
    assert_eq!(lab.idp.at("/v1/register").len(), 0);
    let registration = start(&lab, &json!(true)).await.result.unwrap().registration;
    assert_eq!((registration.by, registration.client_id.as_str()), (RegisteredBy::Dynamic, "registered-1"));
    assert_eq!(registration.issuer, lab.idp.origin);
}

#[tokio::test]
async fn a_document_is_used_only_where_it_is_advertised_and_known() {
    let lab = Lab::start().await;
    let settings = json!({ "client_metadata_url": DOCUMENT });
    let registration = start(&lab, &settings).await.result.unwrap().registration;
    assert_eq!(registration.by, RegisteredBy::Dynamic);
    lab.metadata_with(&json!({ "client_id_metadata_document_supported": true }));
    let client = lab.client_of(&settings, Version::V2025_06_18);
    let registration = client.start(None, &Changes::default()).await.result.unwrap().registration;
    assert_eq!(registration.by, RegisteredBy::Dynamic);
}

#[tokio::test]
async fn where_nothing_is_offered_the_problem_says_what_to_do() {
    let lab = Lab::start().await;
    lab.metadata_with(&json!({ "registration_endpoint": null }));
    let problem = start(&lab, &json!(true)).await.result.unwrap_err();
    assert_eq!((problem.code, problem.who), ("registration-unavailable", Who::Harness));
    assert!(problem.message.contains("`client_id`"), "{problem}");
    lab.metadata_with(&json!({ "registration_endpoint": null, "client_id_metadata_document_supported": true }));
    let problem = start(&lab, &json!(true)).await.result.unwrap_err();
    assert!(problem.message.contains("`client_metadata_url`"), "{problem}");
}

#[tokio::test]
async fn a_registration_asks_for_a_method_that_the_server_lists() {
    for (listed, asked) in [
        (json!(["client_secret_basic", "none"]), "none"),
        (json!(["client_secret_basic", "client_secret_post"]), "client_secret_post"),
        (json!(["client_secret_basic"]), "client_secret_basic"),
        (json!(["private_key_jwt"]), "none"),
        (Value::Null, "client_secret_basic"),
    ] {
        let lab = Lab::start().await;
        lab.metadata_with(&json!({ "token_endpoint_auth_methods_supported": listed }));
        lab.idp.on("/v1/register", |_| Answer::json(201, &json!({ "client_id": "c", "client_secret": "s3cret" })));
        let registration = start(&lab, &json!(true)).await.result.unwrap().registration;
        assert_eq!(lab.idp.at("/v1/register")[0].json()["token_endpoint_auth_method"], asked);
        // A secret without a method is for `client_secret_basic` (RFC 7591 §2) unless another was asked for.
        let expected = if asked == "none" { "client_secret_basic" } else { asked };
        assert_eq!(registration.token_auth.as_str(), expected);
    }
}

#[tokio::test]
async fn the_answer_decides_over_what_was_asked_for() {
    let lab = Lab::start().await;
    lab.idp.on("/v1/register", |_| {
        let method = "client_secret_post";
        Answer::json(201, &json!({ "client_id": "c", "client_secret": "s3cret", "token_endpoint_auth_method": method }))
    });
    let client = lab.client(&json!(true));
    client.authorize(None, &Changes::default()).await.result.unwrap();
    let form = lab.idp.at("/v1/token")[0].form();
    assert_eq!((form["client_id"].as_str(), form["client_secret"].as_str()), ("c", "s3cret"));
}

#[tokio::test]
async fn answers_that_cannot_be_used_are_told_apart() {
    let lab = Lab::start().await;
    for (answer, code) in [
        (
            Answer::json(400, &json!({ "error": "invalid_redirect_uri", "error_description": "no" })),
            "registration-refused",
        ),
        (Answer::text(403, "no"), "registration-refused"),
        (Answer::text(404, ""), "registration-refused"),
        (Answer::redirect("/elsewhere"), "registration-refused"),
        (Answer::text(201, "<html>"), "not-json"),
        (Answer::json(201, &json!({})), "registration-malformed"),
        (Answer::json(201, &json!({ "client_id": "" })), "registration-malformed"),
        (Answer::json(201, &json!({ "client_id": 7 })), "registration-malformed"),
        (Answer::json(201, &json!({ "client_id": "x".repeat(5000) })), "registration-malformed"),
        (
            Answer::json(201, &json!({ "client_id": "c", "token_endpoint_auth_method": "tls" })),
            "registration-malformed",
        ),
        (
            Answer::json(201, &json!({ "client_id": "c", "token_endpoint_auth_method": "client_secret_post" })),
            "registration-malformed",
        ),
    ] {
        let shown = format!("{answer:?}");
        lab.idp.on("/v1/register", move |_| answer.clone());
        let leg = start(&lab, &json!(true)).await;
        let problem = leg.result.unwrap_err();
        assert_eq!((problem.code, problem.who), (code, Who::AuthorizationServer), "{shown}");
        assert_eq!(problem.exchange, leg.exchanges.last().copied());
    }
}

#[tokio::test]
async fn the_refusals_own_words_are_repeated() {
    let lab = Lab::start().await;
    let refusal = json!({ "error": "invalid_redirect_uri", "error_description": "loopback is not allowed" });
    lab.idp.on("/v1/register", move |_| Answer::json(400, &refusal));
    let problem = start(&lab, &json!(true)).await.result.unwrap_err();
    assert!(problem.message.contains("invalid_redirect_uri") && problem.message.contains("loopback is not allowed"));
}

#[tokio::test]
async fn oddities_of_a_registration_are_noted() {
    let lab = Lab::start().await;
    lab.idp.on("/v1/register", |_| Answer::json(200, &json!({ "client_id": "c", "redirect_uris": ["https://x/"] })));
    let leg = start(&lab, &json!(true)).await;
    let codes: Vec<_> = leg.warnings.iter().map(|w| w.code).collect();
    assert_eq!(codes, ["registration-status", "registration-changed"]);
    assert!(leg.result.is_ok());
}

#[tokio::test]
async fn a_method_that_the_server_does_not_list_is_tried_and_noted() {
    let lab = Lab::start().await;
    lab.metadata_with(&json!({ "token_endpoint_auth_methods_supported": ["private_key_jwt"] }));
    let leg = start(&lab, &json!({ "client_id": "me", "client_secret": "s3cret" })).await;
    assert_eq!(leg.warnings[0].code, "token-auth-not-listed");
    assert_eq!(leg.result.unwrap().registration.token_auth, TokenAuth::Basic);
    lab.metadata_with(&json!({ "token_endpoint_auth_methods_supported": ["client_secret_post"] }));
    let leg = start(&lab, &json!({ "client_id": "me", "client_secret": "s3cret" })).await;
    assert_eq!(leg.result.unwrap().registration.token_auth, TokenAuth::Post);
}

/// Lets the lab's gateway name another authorization server that works as the first.
async fn move_to_another_server(lab: &Lab) -> Server {
    let second = Server::start().await;
    let mut prm = lab.prm();
    prm["authorization_servers"] = json!([second.origin]);
    lab.gateway.json(PRM, prm);
    let metadata = lab.metadata().to_string().replace(&lab.idp.origin, &second.origin);
    second.json(METADATA, serde_json::from_str(&metadata).unwrap());
    second.on("/v1/register", |_| Answer::json(201, &json!({ "client_id": "registered-2" })));
    second
}

#[tokio::test]
async fn another_authorization_server_gets_a_registration_of_its_own() {
    let lab = Lab::start().await;
    let client = lab.client(&json!(true));
    client.authorize(None, &Changes::default()).await.result.unwrap();
    let second = move_to_another_server(&lab).await;
    let leg = client.discover(None, None).await;
    assert!(leg.warnings.iter().any(|w| w.code == "issuer-changed"), "{:?}", leg.warnings);
    assert_eq!(client.current().await, None, "the tokens of the old one are gone");
    let request = client.start(None, &Changes::default()).await.result.unwrap();
    assert_eq!(request.registration.client_id, "registered-2");
    assert_eq!(request.registration.issuer, second.origin);
    let everything: String = second.seen().iter().map(|s| format!("{s:?}")).collect();
    assert!(!everything.contains("registered-1") && !everything.contains("rt-1"), "{everything}");
}

#[tokio::test]
async fn configured_credentials_never_reach_another_server() {
    let lab = Lab::start().await;
    let client = lab.client(&json!({ "client_id": "me", "client_secret": "s3cret-one" }));
    client.authorize(None, &Changes::default()).await.result.unwrap();
    let second = move_to_another_server(&lab).await;
    client.discover(None, None).await.result.unwrap();
    let registration = client.start(None, &Changes::default()).await.result.unwrap().registration;
    assert_eq!(registration.by, RegisteredBy::Dynamic);
    let reached: String = second.seen().iter().map(|s| format!("{s:?}")).collect();
    assert!(!reached.contains("s3cret-one") && !reached.contains("client_id=me"), "{reached}");
    // And where the other one offers no registration, the client says so.
    lab.gateway.json(PRM, lab.prm());
    let client = lab.client(&json!({ "client_id": "me", "client_secret": "s3cret-one" }));
    client.authorize(None, &Changes::default()).await.result.unwrap();
    let second = move_to_another_server(&lab).await;
    let metadata = lab.metadata().to_string().replace(&lab.idp.origin, &second.origin);
    second.json(METADATA, serde_json::from_str(&metadata.replace("registration_endpoint", "none")).unwrap());
    client.discover(None, None).await.result.unwrap();
    let problem = client.start(None, &Changes::default()).await.result.unwrap_err();
    assert_eq!((problem.code, problem.who), ("credentials-other-issuer", Who::Harness));
    assert_eq!(second.lines(), [format!("GET {METADATA}")]);
}
