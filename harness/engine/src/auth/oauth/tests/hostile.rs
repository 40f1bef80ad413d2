//! Metadata and challenges that mean harm.

use std::time::{Duration, Instant};

use gauntlet_format::Version;
use serde_json::json;
use url::Url;

use super::super::{OauthClient, OauthSettings, Problem, Who};
use super::lab::{Answer, Lab, METADATA, PRM, unauthorized};
use crate::transport::Limits;

async fn refusal(lab: &Lab) -> Problem {
    lab.client(&json!(true)).discover(None, None).await.result.unwrap_err()
}

/// Discovery for a target at a public address, which is never spoken to, from a challenge.
async fn of_public_target(lab: &Lab, challenge: &str) -> Problem {
    let mut context = lab.context(Version::V2026_07_28);
    context.endpoint = Url::parse("https://203.0.113.7/mcp").unwrap();
    let client = OauthClient::new(context, OauthSettings::default());
    client.discover(None, Some(&unauthorized(&[challenge]))).await.result.unwrap_err()
}

#[tokio::test]
async fn a_public_target_leads_to_nothing_that_is_near() {
    let lab = Lab::start().await;
    let mut urls = vec![format!("{}{PRM}", lab.gateway.origin)];
    urls.extend(
        [
            "https://127.0.0.1/prm",
            "https://localhost/prm",
            "https://x.localhost./prm",
            "https://0.0.0.0/prm",
            "https://[::1]/prm",
            "https://[::ffff:127.0.0.1]/prm",
            "https://[64:ff9b::7f00:1]/prm",
            "https://2130706433/prm",
            "https://10.1.2.3/prm",
            "https://172.16.0.1/prm",
            "https://192.168.0.1/prm",
            "https://100.64.0.1/prm",
            "https://[fd00::1]/prm",
            "https://169.254.169.254/latest/meta-data",
            "https://[fe80::1]/prm",
            "http://203.0.113.8/prm",
            "file:///etc/passwd",
            "ftp://203.0.113.8/prm",
            "https://user:secret@203.0.113.8/prm",
        ]
        .map(str::to_owned),
    );
    for url in urls {
        let problem = of_public_target(&lab, &format!(r#"Bearer resource_metadata="{url}""#)).await;
        assert_eq!((problem.code, problem.who), ("insecure-url", Who::Server), "{url}: {problem}");
    }
    for url in ["/prm", "prm", "https://", "http://[::1"] {
        let problem = of_public_target(&lab, &format!(r#"Bearer resource_metadata="{url}""#)).await;
        assert_eq!(problem.code, "bad-url", "{url}");
    }
    assert_eq!(lab.recorder.since(0).len(), 0, "nothing was sent");
}

#[tokio::test]
async fn an_issuer_may_not_lead_where_its_target_is_not() {
    let lab = Lab::start().await;
    for issuer in ["file:///etc", "http://idp.example", "https://169.254.169.254", "https://[fe80::1]"] {
        let mut prm = lab.prm();
        prm["authorization_servers"] = json!([issuer]);
        lab.gateway.json(PRM, prm);
        assert_eq!(refusal(&lab).await.code, "insecure-url", "{issuer}");
    }
    for issuer in ["https://idp.example/?a=b", "https://idp.example/#x"] {
        let mut prm = lab.prm();
        prm["authorization_servers"] = json!([issuer]);
        lab.gateway.json(PRM, prm);
        assert_eq!(refusal(&lab).await.code, "issuer-invalid", "{issuer}");
    }
}

#[tokio::test]
async fn a_document_is_bounded_in_size() {
    let lab = Lab::start().await;
    let mut metadata = lab.metadata();
    metadata["padding"] = "x".repeat(256 * 1024).into();
    lab.idp.json(METADATA, metadata);
    let problem = refusal(&lab).await;
    assert_eq!((problem.code, problem.who), ("too-large", Who::AuthorizationServer));
    let mut prm = lab.prm();
    prm["padding"] = "x".repeat(300_000).into();
    lab.gateway.json(PRM, prm);
    let leg = lab.client(&json!(true)).discover(None, None).await;
    assert_eq!(leg.warnings[0].code, "too-large", "the announced document");
    assert_eq!(leg.result.unwrap_err().code, "too-large", "the same document at its well-known place");
}

#[tokio::test]
async fn a_tighter_bound_of_the_run_holds_here_too() {
    let lab = Lab::start().await;
    let mut context = lab.context(Version::V2026_07_28);
    context.limits = Limits { body: 100, ..Limits::default() };
    let client = OauthClient::new(context, OauthSettings::default());
    assert_eq!(client.discover(None, None).await.result.unwrap_err().code, "too-large");
}

#[tokio::test]
async fn a_document_is_bounded_in_time() {
    let lab = Lab::start().await;
    let slow = Answer { delay: Duration::from_secs(60), ..Answer::json(200, &lab.metadata()) };
    lab.idp.on(METADATA, move |_| slow.clone());
    let started = Instant::now();
    let problem = refusal(&lab).await;
    assert_eq!((problem.code, problem.who), ("timed-out", Who::Network));
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_document_that_is_not_json_is_said_to_be_none() {
    let lab = Lab::start().await;
    let deep = "[".repeat(100_000);
    for body in ["", "{", "null", "[]", "\"x\"", "<html>", &deep] {
        for media_type in ["application/json", "text/html"] {
            let mut answer = Answer::text(200, body);
            answer.headers = vec![("content-type", media_type.to_owned())];
            lab.idp.on(METADATA, move |_| answer.clone());
            assert_eq!(refusal(&lab).await.code, "not-json", "{media_type}");
        }
    }
}

#[tokio::test]
async fn a_document_of_another_media_type_is_taken_and_noted() {
    let lab = Lab::start().await;
    let answer = Answer::text(200, lab.metadata().to_string());
    lab.idp.on(METADATA, move |_| answer.clone());
    let leg = lab.client(&json!(true)).discover(None, None).await;
    assert!(leg.result.is_ok());
    assert_eq!(leg.warnings[0].code, "wrong-media-type");
}

#[tokio::test]
async fn metadata_that_names_itself_ends() {
    let lab = Lab::start().await;
    let gateway = lab.gateway.origin.clone();
    let place = format!("{gateway}{PRM}");
    let mut prm = lab.prm();
    prm["authorization_servers"] = json!([place]);
    // The same document wherever one looks.
    for path in [PRM.to_owned(), format!("{METADATA}{PRM}"), format!("/.well-known/openid-configuration{PRM}")] {
        lab.gateway.json(&path, prm.clone());
    }
    let problem = refusal(&lab).await;
    assert_eq!(problem.code, "metadata-malformed");
    assert!(problem.message.contains("names itself"), "{problem}");
    assert_eq!(lab.gateway.seen().len(), 3);
    // Or redirects in a circle, of which not even the first is followed.
    lab.gateway.on(&format!("{METADATA}{PRM}"), |seen| Answer::redirect(seen.path.clone()));
    assert_eq!(refusal(&lab).await.code, "redirected");
    assert_eq!(lab.gateway.seen().len(), 6);
}

#[tokio::test]
async fn nasty_challenges_are_noted_and_discovery_goes_on() {
    let lab = Lab::start().await;
    for line in ["", "Bearer resource_metadata=\"unfinished", "Bearer a=1, a=2", "=", "Bearer realm=\"x\" scope", ",,,"]
    {
        let leg = lab.client(&json!(true)).discover(None, Some(&unauthorized(&[line]))).await;
        let codes: Vec<_> = leg.warnings.iter().map(|w| w.code).collect();
        assert_eq!(codes, ["challenge-malformed"], "{line}");
        assert!(leg.result.is_ok(), "{line}");
    }
}

#[tokio::test]
async fn the_bearer_challenge_counts_whatever_stands_around_it() {
    let lab = Lab::start().await;
    let own = format!(r#"bEaReR error="invalid_token" , resource_metadata="{}{PRM}""#, lab.gateway.origin);
    for lines in [
        vec!["Basic realm=\"a, Bearer b\"", own.as_str()],
        vec!["Negotiate YII=, Basic realm=x", &own],
        vec![own.as_str(), "Bearer resource_metadata=\"https://evil.example/prm\""],
        vec!["DPoP resource_metadata=\"https://evil.example/prm\"", &own],
    ] {
        let leg = lab.client(&json!(true)).discover(None, Some(&unauthorized(&lines))).await;
        let found = leg.result.unwrap();
        assert_eq!(found.prm_url, Some(format!("{}{PRM}", lab.gateway.origin)), "{lines:?}");
    }
}

#[tokio::test]
async fn what_a_peer_says_is_cut_and_cleaned_in_messages() {
    let lab = Lab::start().await;
    lab.metadata_with(&json!({ "issuer": format!("https://\u{1b}[31m\u{202e}{}", "x".repeat(100_000)) }));
    let problem = refusal(&lab).await;
    assert_eq!(problem.code, "issuer-mismatch");
    assert!(problem.message.len() < 1500, "{}", problem.message.len());
    assert!(!problem.message.contains(['\u{1b}', '\u{202e}']));
}
