//! What happens when everybody does everything right.

use serde_json::json;

use super::super::authorization::s256;
use super::super::registration::RegisteredBy;
use super::super::{Changes, FoundBy, Parameters};
use super::lab::{Lab, METADATA, PRM};

#[tokio::test]
async fn a_sign_in_from_nothing_takes_the_steps_of_the_specification() {
    let lab = Lab::start().await;
    let client = lab.client(&json!(true));
    let leg = client.authorize(Some(3), &Changes::default()).await;
    let tokens = leg.result.unwrap();
    assert_eq!(tokens.access_token.expose(), "at-1");
    assert!(tokens.is_valid());
    assert_eq!(leg.warnings, []);
    assert_eq!(lab.gateway.lines(), ["POST /mcp".to_owned(), format!("GET {PRM}")]);
    assert_eq!(
        lab.idp.lines(),
        [&format!("GET {METADATA}"), "POST /v1/register", "GET /v1/authorize", "POST /v1/token"]
    );
    assert_eq!(leg.exchanges, [0, 1, 2, 3, 4, 5]);
    let recorded = lab.recorder.since(0);
    assert!(recorded.iter().all(|r| r.step == Some(3) && r.reply.is_some()));
    let hops: Vec<&str> = recorded.iter().map(|r| r.to.as_ref()).collect();
    assert_eq!(hops[..2], ["gateway"; 2]);
    assert_eq!(hops[2..], ["authorization-server"; 4]);
}

#[tokio::test]
async fn the_requests_hold_what_the_specification_demands() {
    let lab = Lab::start().await;
    let client = lab.client(&json!({ "scopes": "tools read" }));
    client.authorize(None, &Changes::default()).await.result.unwrap();
    let resource = format!("{}/mcp", lab.gateway.origin);
    let asked = &lab.idp.at("/v1/authorize")[0];
    let query = |name: &str| asked.query.get(name).map(String::as_str);
    assert_eq!(query("response_type"), Some("code"));
    assert_eq!(query("client_id"), Some("registered-1"));
    assert_eq!(query("code_challenge_method"), Some("S256"));
    assert_eq!(query("resource"), Some(resource.as_str()));
    assert_eq!(query("scope"), Some("tools read"));
    assert_eq!(query("state").map(str::len), Some(43));
    assert_eq!(asked.header("authorization"), None);
    let form = lab.idp.at("/v1/token")[0].form();
    assert_eq!(form["code"], "co/de+1");
    assert_eq!(form["resource"], resource);
    assert_eq!(form["redirect_uri"], asked.query["redirect_uri"]);
    assert_eq!(form["client_id"], "registered-1");
    assert_eq!(form["code_verifier"].len(), 43);
    assert_eq!(s256(&form["code_verifier"]), asked.query["code_challenge"]);
    let registration = lab.idp.at("/v1/register")[0].json();
    assert_eq!(registration["application_type"], "native");
    assert_eq!(registration["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(registration["token_endpoint_auth_method"], "none");
    assert_eq!(registration["redirect_uris"], json!([asked.query["redirect_uri"]]));
}

#[tokio::test]
async fn a_refresh_sends_the_resource_and_takes_the_new_refresh_token() {
    let lab = Lab::start().await;
    let client = lab.client(&json!(true));
    client.authorize(None, &Changes::default()).await.result.unwrap();
    for (old, new) in [("rt-1", "rt-2"), ("rt-2", "rt-3")] {
        let leg = client.refresh(None, &Parameters::new()).await;
        assert_eq!(leg.result.unwrap().refresh_token.unwrap().expose(), new);
        let form = lab.idp.at("/v1/token").pop().unwrap().form();
        assert_eq!(form["grant_type"], "refresh_token");
        assert_eq!(form["refresh_token"], old);
        assert_eq!(form["resource"], format!("{}/mcp", lab.gateway.origin));
        assert_eq!(form.get("scope"), None);
    }
}

#[tokio::test]
async fn discovery_tells_what_it_found_and_how() {
    let lab = Lab::start().await;
    let leg = lab.client(&json!({})).discover(None, None).await;
    let found = leg.result.unwrap();
    assert_eq!(found.found_by, Some(FoundBy::Header));
    assert_eq!(found.prm_url, Some(format!("{}{PRM}", lab.gateway.origin)));
    assert_eq!(found.metadata_url, Some(format!("{}{METADATA}", lab.idp.origin)));
    assert_eq!(found.issuer, lab.idp.origin);
    assert_eq!(found.resource, Some(format!("{}/mcp", lab.gateway.origin)));
    assert_eq!(leg.exchanges.len(), 3);
}

#[tokio::test]
async fn nothing_secret_is_shown() {
    let lab = Lab::start().await;
    let client = lab.client(&json!({ "client_id": "me", "client_secret": "s3cret-of-mine" }));
    let leg = client.authorize(None, &Changes::default()).await;
    let text = format!("{:?} {client:?}", leg.result.unwrap());
    assert!(!text.contains("at-1") && !text.contains("rt-1") && !text.contains("s3cret"), "{text}");
    let (exchanges, _) = lab.recorder.transcript("gateway", &[]);
    let redactor = lab.secrets.redactor();
    let shown = redactor.redact(&format!("{exchanges:?}"));
    let seen = &lab.idp.at("/v1/authorize")[0].query;
    let form = lab.idp.at("/v1/token")[0].form();
    let basic = lab.idp.at("/v1/token")[0].header("authorization").unwrap().replace("Basic ", "");
    for secret in [&seen["state"], &form["code_verifier"], "at-1", "rt-1", "co/de+1", "co%2Fde", "s3cret", &basic] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test]
async fn a_registration_is_used_again_within_a_run() {
    let lab = Lab::start().await;
    let client = lab.client(&json!(true));
    for _ in 0..2 {
        client.authorize(None, &Changes::default()).await.result.unwrap();
    }
    assert_eq!(lab.idp.at("/v1/register").len(), 1);
    assert_eq!(lab.idp.at("/v1/authorize").len(), 2);
    let started = client.start(None, &Changes::default()).await.result.unwrap();
    assert_eq!(started.registration.by, RegisteredBy::Dynamic);
}
