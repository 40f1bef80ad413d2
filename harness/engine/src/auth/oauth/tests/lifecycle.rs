//! A token over time: valid, expired, rejected, too narrow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::super::{Changes, OauthClient, Who};
use super::lab::{Answer, Lab, PRM, unauthorized};

/// Issues `at-N` and `rt-N` with the lifetime of the moment.
fn issue_with_lifetime(lab: &Lab) -> Arc<AtomicU64> {
    let lifetime = Arc::new(AtomicU64::new(3600));
    let (told, issued) = (Arc::clone(&lifetime), AtomicU64::new(0));
    lab.idp.on("/v1/token", move |_| {
        let number = issued.fetch_add(1, Ordering::Relaxed) + 1;
        Answer::json(
            200,
            &json!({
                "access_token": format!("at-{number}"), "refresh_token": format!("rt-{number}"),
                "token_type": "Bearer", "expires_in": told.load(Ordering::Relaxed),
            }),
        )
    });
    lifetime
}

fn grants(lab: &Lab) -> Vec<String> {
    lab.idp.at("/v1/token").iter().map(|s| s.form()["grant_type"].clone()).collect()
}

async fn token(client: &OauthClient) -> String {
    client.token(None).await.result.unwrap().access_token.expose().to_owned()
}

#[tokio::test]
async fn a_valid_token_is_used_again_and_an_expired_one_refreshed() {
    let lab = Lab::start().await;
    let lifetime = issue_with_lifetime(&lab);
    let client = lab.client(&json!(true));
    assert_eq!(token(&client).await, "at-1");
    let leg = client.token(None).await;
    assert_eq!((leg.result.unwrap().access_token.expose(), leg.exchanges.len()), ("at-1", 0));
    lifetime.store(0, Ordering::Relaxed);
    client.authorize(None, &Changes::default()).await.result.unwrap();
    lifetime.store(3600, Ordering::Relaxed);
    assert_eq!(token(&client).await, "at-3");
    assert_eq!(grants(&lab), ["authorization_code", "authorization_code", "refresh_token"]);
}

#[tokio::test]
async fn a_refresh_that_is_refused_leads_to_a_new_sign_in() {
    let lab = Lab::start().await;
    lab.idp.on("/v1/token", |seen| match seen.form()["grant_type"].as_str() {
        "refresh_token" => Answer::json(400, &json!({ "error": "invalid_grant" })),
        _ => Answer::json(
            200,
            &json!({ "access_token": "at-1", "refresh_token": "rt", "token_type": "Bearer", "expires_in": 0 }),
        ),
    });
    let client = lab.client(&json!(true));
    token(&client).await;
    let leg = client.token(None).await;
    assert!(leg.result.is_ok());
    assert_eq!(leg.warnings[0].code, "token-refused");
    assert_eq!(grants(&lab), ["authorization_code", "refresh_token", "authorization_code"]);
}

#[tokio::test]
async fn a_server_in_trouble_is_not_asked_for_a_sign_in_instead() {
    let lab = Lab::start().await;
    lab.idp.on("/v1/token", |seen| match seen.form()["grant_type"].as_str() {
        "refresh_token" => Answer::text(503, ""),
        _ => Answer::json(
            200,
            &json!({ "access_token": "at-1", "refresh_token": "rt", "token_type": "Bearer", "expires_in": 0 }),
        ),
    });
    let client = lab.client(&json!(true));
    token(&client).await;
    assert_eq!(client.token(None).await.result.unwrap_err().code, "server-error");
    assert_eq!(lab.idp.at("/v1/authorize").len(), 1);
}

#[tokio::test]
async fn without_a_refresh_token_an_expired_token_leads_to_a_new_sign_in() {
    let lab = Lab::start().await;
    lab.idp.on("/v1/token", |_| {
        Answer::json(200, &json!({ "access_token": "at-1", "token_type": "Bearer", "expires_in": 0 }))
    });
    let client = lab.client(&json!(true));
    token(&client).await;
    token(&client).await;
    assert_eq!(grants(&lab), ["authorization_code", "authorization_code"]);
}

#[tokio::test]
async fn a_rejected_token_is_refreshed_once_then_replaced_once_then_given_up() {
    let lab = Lab::start().await;
    issue_with_lifetime(&lab);
    let client = lab.client(&json!(true));
    assert_eq!(token(&client).await, "at-1");
    let reply = unauthorized(&["Bearer error=\"invalid_token\""]);
    let mut rejected = "at-1".to_owned();
    for _ in 0..2 {
        let fresh = client.on_unauthorized(None, &rejected, &reply).await.result.unwrap();
        rejected = fresh.access_token.expose().to_owned();
    }
    assert_eq!(rejected, "at-3");
    assert_eq!(grants(&lab), ["authorization_code", "refresh_token", "authorization_code"]);
    let leg = client.on_unauthorized(None, &rejected, &reply).await;
    let problem = leg.result.unwrap_err();
    assert_eq!((problem.code, problem.who), ("token-rejected", Who::Server));
    assert!(leg.exchanges.is_empty());
    client.accepted().await;
    assert_eq!(client.on_unauthorized(None, &rejected, &reply).await.result.unwrap().access_token.expose(), "at-4");
}

#[tokio::test]
async fn of_two_requests_that_are_rejected_one_renews_the_token() {
    let lab = Lab::start().await;
    issue_with_lifetime(&lab);
    let client = lab.client(&json!(true));
    token(&client).await;
    let reply = unauthorized(&["Bearer"]);
    let (first, second) =
        tokio::join!(client.on_unauthorized(None, "at-1", &reply), client.on_unauthorized(None, "at-1", &reply));
    assert_eq!(first.result.unwrap().access_token.expose(), "at-2");
    assert_eq!(second.result.unwrap().access_token.expose(), "at-2");
    assert_eq!(grants(&lab), ["authorization_code", "refresh_token"]);
}

#[tokio::test]
async fn a_sign_in_after_a_rejection_finds_the_server_anew() {
    let lab = Lab::start().await;
    issue_with_lifetime(&lab);
    let client = lab.client(&json!(true));
    token(&client).await;
    let reply = unauthorized(&[&format!(r#"Bearer scope="more", resource_metadata="{}{PRM}""#, lab.gateway.origin)]);
    client.on_unauthorized(None, "at-1", &reply).await.result.unwrap();
    client.on_unauthorized(None, "at-2", &reply).await.result.unwrap();
    assert_eq!(lab.gateway.at(PRM).len(), 2);
    assert_eq!(lab.idp.at("/v1/authorize")[1].query["scope"], "more");
}

#[tokio::test]
async fn a_step_up_asks_for_the_union_and_only_so_often() {
    let lab = Lab::start().await;
    issue_with_lifetime(&lab);
    lab.challenge(&format!(r#"Bearer scope="files:read", resource_metadata="{}{PRM}""#, lab.gateway.origin));
    let client = lab.client(&json!(true));
    token(&client).await;
    let forbidden = |scope: &str| {
        let mut reply = unauthorized(&[&format!(r#"Bearer error="insufficient_scope", scope="{scope}""#)]);
        reply.status = Some(403);
        reply
    };
    client.step_up(None, &forbidden("files:write")).await.result.unwrap();
    assert_eq!(lab.idp.at("/v1/authorize")[1].query["scope"], "files:read files:write");
    client.step_up(None, &forbidden("files:write admin")).await.result.unwrap();
    assert_eq!(lab.idp.at("/v1/authorize")[2].query["scope"], "files:read files:write admin");
    client.step_up(None, &forbidden("admin")).await.result.unwrap();
    let problem = client.step_up(None, &forbidden("admin")).await.result.unwrap_err();
    assert_eq!((problem.code, problem.who), ("step-up-limit", Who::Server));
    assert_eq!(lab.idp.at("/v1/authorize").len(), 4);
}

#[tokio::test]
async fn a_step_up_without_scopes_has_nothing_to_ask_for() {
    let lab = Lab::start().await;
    let client = lab.client(&json!(true));
    for line in
        ["Bearer error=\"insufficient_scope\"", "Bearer scope=\"\"", "Bearer scope=\"\\\"\\\"\"", "Basic realm=x"]
    {
        let problem = client.step_up(None, &unauthorized(&[line])).await.result.unwrap_err();
        assert_eq!((problem.code, problem.requirement), ("no-scope-challenged", Some("auth.403.challenge")), "{line}");
    }
}
