//! The authorization request and how its answer is judged.

use std::collections::BTreeMap;

use gauntlet_format::Version;
use serde_json::{Value, json};
use url::Url;

use super::super::authorization::AuthorizationRequest;
use super::super::authorization::s256;
use super::super::{Changes, OauthClient, Problem, Who};
use super::lab::{Lab, PRM};

fn query(url: &Url) -> BTreeMap<String, String> {
    url.query_pairs().into_owned().collect()
}

async fn start(lab: &Lab, settings: &Value) -> BTreeMap<String, String> {
    let leg = lab.client(settings).start(None, &Changes::default()).await;
    query(&leg.result.unwrap().url)
}

#[test]
fn the_challenge_is_that_of_rfc_7636() {
    // Appendix B.
    assert_eq!(s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

#[tokio::test]
async fn verifier_and_state_are_new_each_time() {
    let lab = Lab::start().await;
    let client = lab.client(&json!(true));
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let request = client.start(None, &Changes::default()).await.result.unwrap();
        let query = query(&request.url);
        assert!(seen.insert(query["state"].clone()) && seen.insert(query["code_challenge"].clone()));
    }
}

#[tokio::test]
async fn the_query_of_the_endpoint_is_kept() {
    let lab = Lab::start().await;
    let endpoint = format!("{}/v1/authorize?tenant=a%26b#gone", lab.idp.origin);
    lab.metadata_with(&json!({ "authorization_endpoint": endpoint }));
    let request = lab.client(&json!(true)).start(None, &Changes::default()).await.result.unwrap();
    assert_eq!(query(&request.url)["tenant"], "a&b");
    assert_eq!(query(&request.url)["response_type"], "code");
    assert_eq!(request.url.fragment(), None);
}

#[tokio::test]
async fn scopes_come_from_the_configuration_the_challenge_or_the_metadata() {
    let lab = Lab::start().await;
    let prm_with = |scopes: Value| {
        let mut prm = lab.prm();
        prm["scopes_supported"] = scopes;
        lab.gateway.json(PRM, prm);
    };
    let scope = |query: BTreeMap<String, String>| query.get("scope").cloned();
    assert_eq!(scope(start(&lab, &json!(true)).await), None, "nobody names any");
    prm_with(json!([]));
    assert_eq!(scope(start(&lab, &json!(true)).await), None, "an empty list is none");
    prm_with(json!(["openid", "b"]));
    assert_eq!(scope(start(&lab, &json!(true)).await), Some("openid b".to_owned()));
    lab.challenge(&format!(r#"Bearer scope="a", resource_metadata="{}{PRM}""#, lab.gateway.origin));
    assert_eq!(scope(start(&lab, &json!(true)).await), Some("a".to_owned()), "the challenge wins");
    assert_eq!(scope(start(&lab, &json!({ "scopes": ["x", "y"] })).await), Some("x y".to_owned()));
    // What the authorization server lists is not asked for.
    prm_with(Value::Null);
    lab.challenge("Bearer");
    lab.metadata_with(&json!({ "scopes_supported": ["everything"] }));
    assert_eq!(scope(start(&lab, &json!(true)).await), None);
}

#[tokio::test]
async fn offline_access_is_asked_for_where_it_is_listed_and_wanted() {
    let lab = Lab::start().await;
    lab.metadata_with(&json!({ "scopes_supported": ["offline_access"] }));
    let asks = |query: &BTreeMap<String, String>| {
        let asks = query.get("scope").is_some_and(|s| s.contains("offline_access"));
        assert_eq!(query.get("prompt").map(String::as_str), asks.then_some("consent"));
        asks
    };
    assert!(asks(&start(&lab, &json!(true)).await));
    assert!(!asks(&start(&lab, &json!({ "offline_access": false })).await));
    assert!(!asks(&start(&lab, &json!({ "scopes": ["a"] })).await), "configured scopes are all there is");
    assert!(asks(&start(&lab, &json!({ "scopes": ["a"], "offline_access": true })).await));
    let older = lab.client_of(&json!(true), Version::V2025_11_25).start(None, &Changes::default()).await;
    assert!(!asks(&query(&older.result.unwrap().url)));
    lab.metadata_with(&json!({}));
    assert!(!asks(&start(&lab, &json!({ "offline_access": true })).await), "it is not listed");
}

#[tokio::test]
async fn the_resource_parameter_can_be_replaced_and_left_out() {
    let lab = Lab::start().await;
    assert_eq!(start(&lab, &json!({ "resource": "urn:x" })).await["resource"], "urn:x");
    assert_eq!(start(&lab, &json!({ "resource": false })).await.get("resource"), None);
    let client = lab.client_of(&json!({ "issuer": lab.idp.origin }), Version::V2025_03_26);
    let old = client.start(None, &Changes::default()).await.result.unwrap();
    assert_eq!(query(&old.url).get("resource"), None);
}

#[tokio::test]
async fn every_parameter_can_be_changed() {
    let lab = Lab::start().await;
    let client = lab.client(&json!(true));
    let changes = Changes {
        authorization: [("state", None), ("code_challenge_method", Some("plain")), ("audience", Some("x"))]
            .map(|(n, v)| (n.to_owned(), v.map(str::to_owned)))
            .into(),
        token: [("code_verifier", None), ("resource", Some("https://else"))]
            .map(|(n, v)| (n.to_owned(), v.map(str::to_owned)))
            .into(),
        scopes: Some(vec!["only".to_owned()]),
    };
    let request = client.start(None, &changes).await.result.unwrap();
    let sent = query(&request.url);
    assert_eq!((sent.get("state"), sent["code_challenge_method"].as_str()), (None, "plain"));
    assert_eq!((sent["audience"].as_str(), sent["scope"].as_str()), ("x", "only"));
    lab.idp.on("/v1/token", |_| super::lab::Answer::json(400, &json!({ "error": "invalid_request" })));
    let redirected = answer(&request, &[("code", "c0de"), ("iss", &lab.idp.origin)]);
    let leg = client.finish(None, &request, &redirected, &changes).await;
    assert_eq!(leg.result.unwrap_err().code, "token-refused");
    let form = lab.idp.at("/v1/token")[0].form();
    assert_eq!((form.get("code_verifier"), form["resource"].as_str()), (None, "https://else"));
}

/// The redirect URI with this answer.
fn answer(request: &AuthorizationRequest, parameters: &[(&str, &str)]) -> Url {
    let mut url = Url::parse(&request.redirect_uri).unwrap();
    url.query_pairs_mut().extend_pairs(parameters);
    url
}

/// The problem of an answer to a fresh request; `${state}` and `${iss}` stand for the right values.
async fn judged(lab: &Lab, client: &OauthClient, parameters: &[(&str, &str)]) -> Result<(), Problem> {
    let request = client.start(None, &Changes::default()).await.result.unwrap();
    let state = query(&request.url)["state"].clone();
    let filled: Vec<(&str, String)> = parameters
        .iter()
        .map(|(n, v)| (*n, v.replace("${state}", &state).replace("${iss}", &lab.idp.origin)))
        .collect();
    let parameters: Vec<(&str, &str)> = filled.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let before = lab.idp.at("/v1/token").len();
    let leg = client.finish(None, &request, &answer(&request, &parameters), &Changes::default()).await;
    let sent = lab.idp.at("/v1/token").len() - before;
    match leg.result {
        // The code is not the lab's, so that far is all the way.
        Err(problem) if problem.code == "token-refused" && sent == 1 => Ok(()),
        Err(problem) => {
            assert_eq!(sent, 0, "no token request after {problem}");
            Err(problem)
        }
        Ok(_) => panic!("the lab takes no such code"),
    }
}

#[tokio::test]
async fn state_is_judged_first() {
    let lab = Lab::start().await;
    let client = lab.client(&json!(true));
    for parameters in [
        &[("code", "c0de"), ("iss", "${iss}")][..],
        &[("code", "c0de"), ("state", ""), ("iss", "${iss}")],
        &[("code", "c0de"), ("state", "${state}x"), ("iss", "${iss}")],
        &[("error", "access_denied"), ("state", "wrong"), ("iss", "https://evil.example")],
    ] {
        let problem = judged(&lab, &client, parameters).await.unwrap_err();
        assert_eq!((problem.code, problem.who), ("state-mismatch", Who::AuthorizationServer), "{parameters:?}");
        assert!(!problem.message.contains("access_denied") && !problem.message.contains("evil"));
    }
    judged(&lab, &client, &[("code", "c0de"), ("state", "${state}"), ("iss", "${iss}")]).await.unwrap();
}

#[tokio::test]
async fn iss_is_judged_before_anything_else_is_read() {
    let lab = Lab::start().await;
    for advertised in [json!(true), json!(false), Value::Null] {
        lab.metadata_with(&json!({ "authorization_response_iss_parameter_supported": advertised }));
        let client = lab.client(&json!(true));
        for iss in ["https://evil.example", "${iss}/", "", "${iss}%2F"] {
            let parameters = [("code", "c0de"), ("state", "${state}"), ("iss", iss)];
            assert_eq!(judged(&lab, &client, &parameters).await.unwrap_err().code, "iss-mismatch", "{iss}");
        }
        let without = judged(&lab, &client, &[("code", "c0de"), ("state", "${state}")]).await;
        if advertised == json!(true) {
            assert_eq!(without.unwrap_err().code, "iss-missing");
        } else {
            without.unwrap();
        }
    }
}

#[tokio::test]
async fn of_an_error_from_the_wrong_issuer_nothing_is_shown() {
    let lab = Lab::start().await;
    let client = lab.client(&json!(true));
    let error = [("error", "access_denied"), ("error_description", "call this number"), ("state", "${state}")];
    for (iss, code) in [(Some("https://evil.example"), "iss-mismatch"), (None, "iss-missing")] {
        let mut parameters = error.to_vec();
        parameters.extend(iss.map(|iss| ("iss", iss)));
        let problem = judged(&lab, &client, &parameters).await.unwrap_err();
        assert_eq!(problem.code, code);
        assert!(!problem.message.contains("access_denied") && !problem.message.contains("number"), "{problem}");
    }
    let mut parameters = error.to_vec();
    parameters.push(("iss", "${iss}"));
    let problem = judged(&lab, &client, &parameters).await.unwrap_err();
    assert_eq!(problem.code, "authorization-refused");
    assert!(problem.message.contains("access_denied") && problem.message.contains("call this number"), "{problem}");
}

#[tokio::test]
async fn answers_that_say_nothing_or_too_much_are_refused() {
    let lab = Lab::start().await;
    let client = lab.client(&json!(true));
    let long = "x".repeat(9000);
    for extra in [
        &[][..],
        &[("code", "")],
        &[("code", long.as_str())],
        &[("code", "a"), ("code", "b")],
        &[("code", "a"), ("state", "${state}")],
        &[("error", "a"), ("error", "b")],
        &[("iss", "${iss}"), ("code", "a")],
    ] {
        let mut parameters = vec![("state", "${state}"), ("iss", "${iss}")];
        parameters.extend(extra);
        let problem = judged(&lab, &client, &parameters).await.unwrap_err();
        assert_eq!(problem.code, "response-malformed", "{extra:?}");
    }
}

#[tokio::test]
async fn an_answer_in_the_fragment_is_told_apart() {
    let lab = Lab::start().await;
    let client = lab.client(&json!(true));
    let request = client.start(None, &Changes::default()).await.result.unwrap();
    let state = query(&request.url)["state"].clone();
    let mut url = answer(&request, &[("state", &state), ("iss", &lab.idp.origin)]);
    url.set_fragment(Some("code=abc"));
    let problem = client.finish(None, &request, &url, &Changes::default()).await.result.unwrap_err();
    assert!(problem.message.contains("fragment"), "{problem}");
}
