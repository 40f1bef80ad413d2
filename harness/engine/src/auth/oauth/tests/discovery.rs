//! Finding the authorization server: the orders of the specification, and what is refused on the way.

use gauntlet_format::Version;
use serde_json::{Value, json};
use url::Url;

use super::super::{Discovered, FoundBy, Leg, OauthClient, OauthSettings, Who};
use super::lab::{Answer, Lab, METADATA, PRM, PRM_ROOT};

async fn discover(lab: &Lab) -> Leg<Discovered> {
    lab.client(&json!(true)).discover(None, None).await
}

/// The code of the problem that ended discovery.
async fn refusal(lab: &Lab) -> &'static str {
    discover(lab).await.result.unwrap_err().code
}

fn codes(leg: &Leg<Discovered>) -> Vec<&'static str> {
    leg.warnings.iter().map(|w| w.code).collect()
}

#[tokio::test]
async fn the_announced_document_is_the_only_one_asked_for() {
    let lab = Lab::start().await;
    lab.challenge(&format!(r#"Bearer scope="a b", resource_metadata="{}/custom""#, lab.gateway.origin));
    lab.gateway.json("/custom", lab.prm());
    let found = discover(&lab).await.result.unwrap();
    assert_eq!(found.found_by, Some(FoundBy::Header));
    assert_eq!(lab.gateway.lines(), ["POST /mcp", "GET /custom"]);
    assert_eq!(found.challenge.unwrap().scopes(), Some(vec!["a".to_owned(), "b".to_owned()]));
}

#[tokio::test]
async fn without_an_announcement_the_path_form_comes_before_the_root_form() {
    let lab = Lab::start().await;
    lab.challenge("Bearer");
    assert_eq!(discover(&lab).await.result.unwrap().found_by, Some(FoundBy::Path));
    lab.gateway.gone(PRM);
    lab.gateway.json(PRM_ROOT, lab.prm());
    let lab_lines = lab.gateway.lines().len();
    assert_eq!(discover(&lab).await.result.unwrap().found_by, Some(FoundBy::Root));
    assert_eq!(
        lab.gateway.lines()[lab_lines..],
        ["POST /mcp".to_owned(), format!("GET {PRM}"), format!("GET {PRM_ROOT}")]
    );
}

#[tokio::test]
async fn an_announced_document_that_is_not_there_is_looked_for_where_it_should_be() {
    let lab = Lab::start().await;
    lab.challenge(&format!(r#"Bearer resource_metadata="{}/missing""#, lab.gateway.origin));
    for answer in [Answer::text(404, ""), Answer::text(500, ""), Answer::text(200, "<html>"), Answer::redirect("/x")] {
        lab.gateway.on("/missing", move |_| answer.clone());
        let leg = discover(&lab).await;
        assert_eq!(leg.warnings.len(), 1, "{:?}", leg.warnings);
        assert_eq!(leg.warnings[0].who, Who::Server);
        assert_eq!(leg.result.unwrap().found_by, Some(FoundBy::Path));
    }
}

#[tokio::test]
async fn only_an_answer_like_404_leads_to_the_next_place() {
    for status in [400, 401, 403, 404, 405, 410] {
        let lab = Lab::start().await;
        lab.challenge("Bearer");
        lab.gateway.on(PRM, move |_| Answer::text(status, ""));
        lab.gateway.json(PRM_ROOT, lab.prm());
        assert_eq!(discover(&lab).await.result.unwrap().found_by, Some(FoundBy::Root), "{status}");
    }
    for (answer, code) in [
        (Answer::text(500, ""), "server-error"),
        (Answer::text(503, ""), "server-error"),
        (Answer::text(429, ""), "server-error"),
        (Answer::redirect("/elsewhere"), "redirected"),
        (Answer::text(200, "<html></html>"), "not-json"),
        (Answer::json(200, &json!([1])), "not-json"),
    ] {
        let lab = Lab::start().await;
        lab.challenge("Bearer");
        lab.gateway.on(PRM, move |_| answer.clone());
        lab.gateway.json(PRM_ROOT, lab.prm());
        let problem = discover(&lab).await.result.unwrap_err();
        assert_eq!((problem.code, problem.who, problem.exchange), (code, Who::Server, Some(1)));
        assert_eq!(lab.gateway.at(PRM_ROOT).len(), 0);
    }
}

#[tokio::test]
async fn no_document_anywhere_names_every_place_and_the_requirement() {
    let lab = Lab::start().await;
    lab.challenge("Bearer");
    lab.gateway.gone(PRM);
    let problem = discover(&lab).await.result.unwrap_err();
    assert_eq!(problem.code, "prm-not-found");
    assert_eq!(problem.requirement, Some("auth.401.metadata-discoverable"));
    assert_eq!(problem.exchange, Some(2));
    assert!(problem.message.contains(PRM) && problem.message.contains("HTTP 404"), "{problem}");
}

#[tokio::test]
async fn the_resource_must_be_the_endpoint_or_a_parent_of_it() {
    let lab = Lab::start().await;
    let gateway = &lab.gateway.origin;
    let port = Url::parse(gateway).unwrap().port().unwrap();
    for resource in [format!("{gateway}/mcp"), format!("{gateway}/mcp/"), format!("{gateway}/"), gateway.clone()] {
        let mut prm = lab.prm();
        prm["resource"] = resource.clone().into();
        lab.gateway.json(PRM, prm);
        assert_eq!(discover(&lab).await.result.unwrap().resource, Some(resource));
    }
    for resource in [
        "https://evil.example/mcp".to_owned(),
        format!("http://localhost:{port}/mcp"),
        format!("{gateway}/mcp/deeper"),
        format!("{gateway}/mc"),
        format!("{gateway}/other"),
        format!("{gateway}/mcp#fragment"),
        format!("{gateway}/mcp?tenant=1"),
        "mcp".to_owned(),
    ] {
        let mut prm = lab.prm();
        prm["resource"] = resource.clone().into();
        lab.gateway.json(PRM, prm);
        let problem = discover(&lab).await.result.unwrap_err();
        assert_eq!(problem.code, "prm-resource-mismatch", "{resource}");
        assert_eq!(problem.requirement, Some("auth.prm.resource-identifier"));
    }
    assert_eq!(lab.idp.seen().len(), 4, "the authorization server is asked only for good documents");
}

#[tokio::test]
async fn a_document_without_resource_or_servers_is_refused() {
    let lab = Lab::start().await;
    lab.gateway.json(PRM, json!({ "authorization_servers": [lab.idp.origin] }));
    assert_eq!(refusal(&lab).await, "prm-no-resource");
    for servers in [json!([]), json!("x"), json!([1]), Value::Null] {
        let mut prm = lab.prm();
        prm["authorization_servers"] = servers;
        lab.gateway.json(PRM, prm);
        assert_eq!(refusal(&lab).await, "prm-no-servers");
    }
}

/// Serves metadata for an issuer with a path at one place only, and tells which places were asked for.
async fn asked_of_issuer_with_path(served_at: &str, version: Version) -> (Vec<String>, Result<String, &'static str>) {
    let lab = Lab::start().await;
    let issuer = format!("{}/pool", lab.idp.origin);
    let mut prm = lab.prm();
    prm["authorization_servers"] = json!([issuer]);
    lab.gateway.json(PRM, prm);
    lab.idp.gone(METADATA);
    let mut metadata = lab.metadata();
    metadata["issuer"] = issuer.into();
    lab.idp.json(served_at, metadata);
    let leg = lab.client_of(&json!(true), version).discover(None, None).await;
    let found = leg.result.map(|f| f.metadata_url.unwrap().replace(&lab.idp.origin, "")).map_err(|p| p.code);
    (lab.idp.lines(), found)
}

#[tokio::test]
async fn metadata_is_looked_for_in_the_order_of_the_version() {
    let inserted = "/.well-known/oauth-authorization-server/pool";
    let openid = "/.well-known/openid-configuration/pool";
    let appended = "/pool/.well-known/openid-configuration";
    let get = |path: &str| format!("GET {path}");
    for version in [Version::V2025_11_25, Version::V2026_07_28] {
        let (lines, found) = asked_of_issuer_with_path(inserted, version).await;
        assert_eq!((lines, found.as_deref()), (vec![get(inserted)], Ok(inserted)));
        let (lines, found) = asked_of_issuer_with_path(openid, version).await;
        assert_eq!((lines, found.as_deref()), (vec![get(inserted), get(openid)], Ok(openid)));
        let (lines, found) = asked_of_issuer_with_path(appended, version).await;
        assert_eq!((lines, found.as_deref()), (vec![get(inserted), get(openid), get(appended)], Ok(appended)));
    }
    let (lines, found) = asked_of_issuer_with_path(openid, Version::V2025_06_18).await;
    assert_eq!((lines, found), (vec![get(inserted)], Err("metadata-not-found")));
}

#[tokio::test]
async fn an_issuer_without_a_path_has_two_places() {
    let lab = Lab::start().await;
    lab.idp.gone(METADATA);
    let problem = discover(&lab).await.result.unwrap_err();
    assert_eq!((problem.code, problem.who), ("metadata-not-found", Who::AuthorizationServer));
    assert_eq!(problem.requirement, Some("auth.as.metadata-either"));
    assert_eq!(lab.idp.lines(), [format!("GET {METADATA}"), "GET /.well-known/openid-configuration".to_owned()]);
}

#[tokio::test]
async fn the_issuer_is_compared_character_by_character() {
    let lab = Lab::start().await;
    let idp = &lab.idp.origin;
    for issuer in [format!("{idp}/"), idp.replace("127.0.0.1", "localhost"), idp.replace("http", "HTTP"), "x".into()] {
        lab.metadata_with(&json!({ "issuer": issuer }));
        let problem = discover(&lab).await.result.unwrap_err();
        assert_eq!((problem.code, problem.who), ("issuer-mismatch", Who::AuthorizationServer), "{issuer}");
    }
    // The other way round: the resource's metadata has the slash, the server's has not.
    lab.idp.json(METADATA, lab.metadata());
    let mut prm = lab.prm();
    prm["authorization_servers"] = json!([format!("{idp}/")]);
    lab.gateway.json(PRM, prm);
    assert_eq!(refusal(&lab).await, "issuer-mismatch");
}

#[tokio::test]
async fn a_discovery_url_in_place_of_an_issuer_gets_a_hint() {
    let lab = Lab::start().await;
    let mut prm = lab.prm();
    prm["authorization_servers"] = json!([format!("{}/.well-known/openid-configuration", lab.idp.origin)]);
    lab.gateway.json(PRM, prm);
    let problem = discover(&lab).await.result.unwrap_err();
    assert_eq!(problem.code, "metadata-not-found");
    assert!(problem.message.contains("an issuer is meant"), "{problem}");
}

#[tokio::test]
async fn pkce_that_is_not_advertised_is_judged_as_configured() {
    let lab = Lab::start().await;
    lab.metadata_with(&json!({ "code_challenge_methods_supported": null }));
    let with = |policy: &str| lab.client(&json!({ "pkce": policy }));
    let problem = with("require").discover(None, None).await.result.unwrap_err();
    assert_eq!((problem.code, problem.requirement), ("pkce-not-supported", Some("auth.as.pkce-advertised")));
    let leg = with("warn").discover(None, None).await;
    assert_eq!(codes(&leg), ["pkce-not-supported"]);
    assert!(leg.result.is_ok());
    assert_eq!(codes(&with("ignore").discover(None, None).await), [""; 0]);
    lab.metadata_with(&json!({ "code_challenge_methods_supported": ["plain"] }));
    for policy in ["require", "warn"] {
        let problem = with(policy).discover(None, None).await.result.unwrap_err();
        assert!(problem.message.contains("plain"), "{problem}");
    }
    assert!(with("ignore").discover(None, None).await.result.is_ok());
}

#[tokio::test]
async fn a_client_that_needs_no_code_needs_no_pkce() {
    let lab = Lab::start().await;
    lab.metadata_with(&json!({ "code_challenge_methods_supported": null }));
    let settings =
        json!({ "grant": "client_credentials", "client_id": "me", "client_secret": "s3cret", "pkce": "require" });
    assert!(lab.client(&settings).discover(None, None).await.result.is_ok());
}

#[tokio::test]
async fn endpoints_must_be_https_or_on_loopback() {
    let lab = Lab::start().await;
    for (name, url, code) in [
        ("token_endpoint", "http://idp.example/token", "insecure-url"),
        ("authorization_endpoint", "file:///etc/passwd", "insecure-url"),
        ("registration_endpoint", "https://user:pw@idp.example/register", "insecure-url"),
        ("revocation_endpoint", "/revoke", "bad-url"),
    ] {
        lab.metadata_with(&json!({ name: url }));
        let problem = discover(&lab).await.result.unwrap_err();
        assert_eq!((problem.code, problem.who), (code, Who::AuthorizationServer), "{url}");
        assert!(problem.message.contains(name) && !problem.message.contains("pw"), "{problem}");
    }
}

#[tokio::test]
async fn metadata_that_lacks_endpoints_is_noted() {
    let lab = Lab::start().await;
    lab.metadata_with(&json!({ "token_endpoint": null, "response_types_supported": ["token"] }));
    let leg = discover(&lab).await;
    assert_eq!(codes(&leg), ["metadata-incomplete"]);
    assert_eq!(leg.warnings[0].requirement, Some("auth.as.metadata-fields"));
    assert!(leg.warnings[0].message.contains("token_endpoint"));
}

#[tokio::test]
async fn offline_access_of_a_resource_is_noted() {
    let lab = Lab::start().await;
    let mut prm = lab.prm();
    prm["scopes_supported"] = json!(["tools", "offline_access"]);
    lab.gateway.json(PRM, prm);
    assert_eq!(codes(&discover(&lab).await), ["prm-offline-access"]);
}

#[tokio::test]
async fn a_configured_issuer_is_trusted_without_asking_the_server() {
    let lab = Lab::start().await;
    let leg = lab.client(&json!({ "issuer": lab.idp.origin })).discover(None, None).await;
    let found = leg.result.unwrap();
    assert_eq!(found.issuer, lab.idp.origin);
    assert_eq!(found.resource, Some(format!("{}/mcp", lab.gateway.origin)));
    assert_eq!(lab.gateway.lines(), [""; 0]);
}

#[tokio::test]
async fn a_server_that_lets_strangers_in_is_noted_and_its_session_ended() {
    let lab = Lab::start().await;
    lab.gateway.on("/mcp", |_| Answer {
        headers: vec![("content-type", "application/json".to_owned()), ("mcp-session-id", "s1".to_owned())],
        ..Answer::json(200, &json!({ "jsonrpc": "2.0", "id": 1, "result": {} }))
    });
    let leg = lab.client_of(&json!(true), Version::V2025_11_25).discover(None, None).await;
    assert_eq!(codes(&leg), ["not-challenged"]);
    assert_eq!(leg.result.unwrap().found_by, Some(FoundBy::Path));
    assert_eq!(lab.gateway.lines()[..2], ["POST /mcp", "DELETE /mcp"]);
    assert_eq!(lab.gateway.seen()[1].header("mcp-session-id"), Some("s1"));
}

#[tokio::test]
async fn before_2025_06_18_the_server_is_its_own_authorization_server() {
    let lab = Lab::start().await;
    let version = Version::V2025_03_26;
    let gateway = &lab.gateway.origin;
    let found = lab.client_of(&json!(true), version).discover(None, None).await.result.unwrap();
    assert_eq!(lab.gateway.lines(), ["POST /mcp".to_owned(), format!("GET {METADATA}")]);
    assert_eq!(lab.gateway.at(METADATA)[0].header("mcp-protocol-version"), Some("2025-03-26"));
    assert_eq!(found.metadata_url, None);
    assert_eq!(found.resource, None);
    let endpoint = |url: &Option<Url>| url.as_ref().unwrap().to_string();
    assert_eq!(endpoint(&found.metadata.authorization_endpoint), format!("{gateway}/authorize"));
    assert_eq!(endpoint(&found.metadata.token_endpoint), format!("{gateway}/token"));
    assert_eq!(endpoint(&found.metadata.registration_endpoint), format!("{gateway}/register"));
    lab.gateway.json(METADATA, lab.metadata());
    let found = lab.client_of(&json!(true), version).discover(None, None).await.result.unwrap();
    assert_eq!(endpoint(&found.metadata.token_endpoint), format!("{}/v1/token", lab.idp.origin));
}

#[tokio::test]
async fn version_2025_06_18_knows_only_the_header_and_says_so() {
    let lab = Lab::start().await;
    lab.challenge("Bearer");
    let leg = lab.client_of(&json!(true), Version::V2025_06_18).discover(None, None).await;
    assert_eq!(codes(&leg), ["prm-header-missing"]);
    assert_eq!(leg.warnings[0].requirement, Some("auth.401.www-authenticate.resource-metadata"));
    assert_eq!(leg.result.unwrap().found_by, Some(FoundBy::Path));
}

#[tokio::test]
async fn the_targets_headers_go_to_the_target_alone_and_without_credentials() {
    let lab = Lab::start().await;
    let mut context = lab.context(Version::V2026_07_28);
    context.headers =
        [("x-tenant", "7"), ("authorization", "Bearer x"), ("cookie", "a=b")].map(|(n, v)| (n.into(), v.into())).into();
    let client = OauthClient::new(context, OauthSettings::default());
    client.authorize(None, &super::super::Changes::default()).await.result.unwrap();
    for seen in lab.gateway.seen() {
        assert_eq!(seen.header("x-tenant"), Some("7"));
        assert_eq!((seen.header("authorization"), seen.header("cookie")), (None, None));
    }
    for seen in lab.idp.seen() {
        assert_eq!(seen.header("x-tenant"), None);
    }
}
