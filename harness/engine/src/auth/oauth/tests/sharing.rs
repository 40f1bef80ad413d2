//! Clients of many cases at one target.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use super::super::{Changes, Context, Interaction, OauthClient, OauthSettings, SharedSignIns, Turn, Who};
use super::lab::{Answer, Lab, unauthorized};
use crate::transcript::secrets::Secrets;
use gauntlet_format::Version;

const CASES: usize = 32;

/// The client of one case, which has a collection of secrets of its own.
fn client(lab: &Lab, shared: &SharedSignIns, name: &str, settings: &Value) -> (OauthClient, Secrets) {
    let secrets = Secrets::default();
    let context = Context { secrets: secrets.clone(), ..lab.context(Version::V2026_07_28) };
    let settings = OauthSettings::from_value(settings, &secrets).unwrap();
    (OauthClient::new(context, settings).sharing(shared.of(name)), secrets)
}

/// Somebody who is done with the page after a while; how many were asked, and how many at the same time.
#[derive(Default)]
struct Somebody {
    asked: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
}

fn somebody(turn: &Arc<Turn>, denies: bool) -> (Interaction, Arc<Somebody>) {
    let somebody = Arc::new(Somebody::default());
    let (seen, handle) = (Arc::clone(&somebody), tokio::runtime::Handle::current());
    let open = move |url: &str| {
        seen.asked.fetch_add(1, Ordering::SeqCst);
        seen.most.fetch_max(seen.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let (seen, url) = (Arc::clone(&seen), Url::parse(url).unwrap());
        handle.spawn(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            seen.now.fetch_sub(1, Ordering::SeqCst);
            let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
            let client = client.tls_backend_preconfigured(crate::transport::tls::none()).build().unwrap();
            let answer = client.get(url).send().await.unwrap();
            let mut back = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
            if denies {
                let kept: Vec<_> = back.query_pairs().into_owned().filter(|(name, _)| name != "code").collect();
                back.query_pairs_mut().clear().extend_pairs(kept).append_pair("error", "access_denied");
            }
            client.get(back).send().await.unwrap();
        });
        Ok(())
    };
    let patience = Duration::from_secs(20);
    let turn = Arc::clone(turn);
    (Interaction { open: Arc::new(open), patience, turn, ..Interaction::default() }, somebody)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_cases_as_there_are_open_one_browser() {
    let (lab, shared) = (Lab::start().await, SharedSignIns::default());
    let (interaction, somebody) = somebody(&Arc::default(), false);
    let mut cases = tokio::task::JoinSet::new();
    for _ in 0..CASES {
        let (client, secrets) = client(&lab, &shared, "client", &json!({ "browser": "open", "cache": false }));
        let client = client.with_interaction(interaction.clone());
        cases.spawn(async move {
            let tokens = client.token(None).await.result.unwrap();
            (tokens.access_token.expose().to_owned(), secrets.redactor().redact("at-1 and rt-1"))
        });
    }
    while let Some(case) = cases.join_next().await {
        let (token, shown) = case.unwrap();
        assert_eq!(token, "at-1");
        assert_eq!(shown, "${access_token} and ${refresh_token}", "every case knows what is secret");
    }
    assert_eq!(somebody.asked.load(Ordering::SeqCst), 1);
    assert_eq!((lab.idp.at("/v1/authorize").len(), lab.idp.at("/v1/token").len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_signed_in_apart_and_one_after_the_other() {
    let (lab, shared) = (Lab::start().await, SharedSignIns::default());
    let (interaction, somebody) = somebody(&Arc::default(), false);
    let mut cases = tokio::task::JoinSet::new();
    for name in ["alice", "bob", "alice", "bob", "carol"] {
        let (client, _) = client(&lab, &shared, name, &json!({ "browser": "open", "cache": false }));
        let client = client.with_interaction(interaction.clone());
        cases.spawn(async move { (name, client.token(None).await.result.unwrap().access_token.expose().to_owned()) });
    }
    let mut tokens: Vec<_> = cases.join_all().await;
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 3, "one token a name: {tokens:?}");
    assert_eq!(somebody.asked.load(Ordering::SeqCst), 3);
    assert_eq!(somebody.most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn who_said_no_is_not_asked_again() {
    let (lab, shared) = (Lab::start().await, SharedSignIns::default());
    let (interaction, somebody) = somebody(&Arc::default(), true);
    for _ in 0..3 {
        let (client, _) = client(&lab, &shared, "client", &json!({ "browser": "open", "cache": false }));
        let leg = client.with_interaction(interaction.clone()).token(None).await;
        let problem = leg.result.unwrap_err();
        assert_eq!((problem.code, problem.who), ("authorization-refused", Who::AuthorizationServer));
        assert!(problem.message.contains("access_denied") && problem.is_final(), "{problem}");
    }
    assert_eq!(somebody.asked.load(Ordering::SeqCst), 1);
    // A sign-in that is shared with nobody is asked for.
    let alone = lab.client(&json!({ "browser": "open", "cache": false })).with_interaction(interaction);
    for asked in 2..4 {
        assert!(alone.authorize(None, &Changes::default()).await.result.is_err());
        assert_eq!(somebody.asked.load(Ordering::SeqCst), asked);
    }
}

#[tokio::test]
async fn where_nobody_is_nobody_is_waited_for() {
    let (lab, shared) = (Lab::start().await, SharedSignIns::default());
    let (client, _) = client(&lab, &shared, "client", &json!({ "browser": "open", "cache": false }));
    let began = std::time::Instant::now();
    let problem = client.token(None).await.result.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!((problem.code, problem.who), ("browser-needed", Who::Harness));
    assert!(problem.message.contains("gauntlet probe gateway --sign-in --browser open"), "{problem}");
    assert_eq!(lab.idp.at("/v1/authorize").len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_person_one_sign_in_serves_all_too() {
    let lab = Lab::start().await;
    let credentials = json!({ "grant": "client_credentials", "client_id": "me", "client_secret": "a-secret-of-mine" });
    for (number, settings) in [json!(true), credentials].into_iter().enumerate() {
        let shared = SharedSignIns::default();
        let mut cases = tokio::task::JoinSet::new();
        for _ in 0..CASES {
            let (client, _) = client(&lab, &shared, "client", &settings);
            cases.spawn(async move { client.token(None).await.result.unwrap().access_token.expose().to_owned() });
        }
        let tokens = cases.join_all().await;
        assert!(tokens.iter().all(|token| *token == format!("at-{}", number + 1)), "{tokens:?}");
    }
    assert_eq!(lab.idp.at("/v1/token").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_ended_or_is_about_to_is_refreshed_once() {
    for lifetime in [0, 20] {
        let (lab, shared) = (Lab::start().await, SharedSignIns::default());
        let issued = AtomicUsize::new(0);
        lab.idp.on("/v1/token", move |_| {
            let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
            let lifetime = if number == 1 { lifetime } else { 3600 };
            Answer::json(
                200,
                &json!({
                    "access_token": format!("at-{number}"), "refresh_token": format!("rt-{number}"),
                    "token_type": "Bearer", "expires_in": lifetime,
                }),
            )
        });
        client(&lab, &shared, "client", &json!(true)).0.token(None).await.result.unwrap();
        let mut cases = tokio::task::JoinSet::new();
        for _ in 0..CASES {
            let (client, secrets) = client(&lab, &shared, "client", &json!(true));
            cases.spawn(async move {
                let token = client.token(None).await.result.unwrap().access_token.expose().to_owned();
                (token, secrets.redactor().redact("rt-2"))
            });
        }
        for (token, shown) in cases.join_all().await {
            assert_eq!((token.as_str(), shown.as_str()), ("at-2", "${refresh_token}"));
        }
        let grants: Vec<_> = lab.idp.at("/v1/token").iter().map(|s| s.form()["grant_type"].clone()).collect();
        assert_eq!(grants, ["authorization_code", "refresh_token"]);
    }
}

#[tokio::test]
async fn a_rejection_is_mended_for_all() {
    let (lab, shared) = (Lab::start().await, SharedSignIns::default());
    let (first, _) = client(&lab, &shared, "client", &json!(true));
    let (second, secrets) = client(&lab, &shared, "client", &json!(true));
    let token = first.token(None).await.result.unwrap();
    assert_eq!(second.current().await.as_ref(), Some(&token));
    let reply = unauthorized(&["Bearer error=\"invalid_token\""]);
    first.on_unauthorized(None, "at-1", &reply).await.result.unwrap();
    let leg = second.on_unauthorized(None, "at-1", &reply).await;
    assert_eq!((leg.result.unwrap().access_token.expose(), leg.exchanges.len()), ("at-2", 0));
    assert_eq!(secrets.redactor().redact("at-2"), "${access_token}");
}
