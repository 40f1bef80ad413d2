//! Registration and client metadata documents.

use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::requests::*;

#[tokio::test]
async fn a_registration_states_what_holds() {
    let mock = idp(json!({})).await;
    let metadata = json!({ "client_name": "A client", "redirect_uris": ["http://localhost:7777/cb"],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "token_endpoint_auth_method": "none", "application_type": "native", "scope": "gateway/invoke unknown" });
    let seen = register(&mock, &metadata).await;
    assert_eq!(seen.status, 201, "{}", seen.body);
    assert_eq!(seen.header("cache-control"), Some("no-store"));
    let answer = seen.json();
    for (name, value) in [
        ("client_name", json!("A client")),
        ("redirect_uris", json!(["http://localhost:7777/cb"])),
        ("grant_types", json!(["authorization_code", "refresh_token"])),
        ("response_types", json!(["code"])),
        ("token_endpoint_auth_method", json!("none")),
        ("application_type", json!("native")),
        ("scope", json!("gateway/invoke")),
    ] {
        assert_eq!(answer[name], value, "{name}");
    }
    assert_eq!(answer.get("client_secret"), None);
    let id = text(&answer, "client_id");
    let form = request(&mock).with("client_id", id).with("redirect_uri", "http://localhost:7001/cb");
    let code_text = code(&mock, &form).await;
    let exchange = exchange(&mock, &code_text).with("client_id", id).with("redirect_uri", "http://localhost:7001/cb");
    assert_eq!(token(&mock, &exchange).await.status, 200);
    let other = form.with("scope", "gateway/admin");
    assert_eq!(response(&authorize(&mock, &other).await)["error"], "invalid_scope");

    mock.control(&json!({ "restart": true })).await.expect("a restart");
    assert_eq!(authorize(&mock, &request(&mock).with("client_id", id)).await.status, 400, "forgotten");
}

#[tokio::test]
async fn who_says_nothing_gets_a_secret() {
    let mock = idp(json!({})).await;
    let seen = register(&mock, &json!({ "redirect_uris": ["http://127.0.0.1/cb"] })).await;
    let answer = seen.json();
    assert_eq!(answer["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(answer["application_type"], "native");
    assert_eq!(answer["client_secret_expires_at"], 0);
    let (id, secret) = (text(&answer, "client_id"), text(&answer, "client_secret"));
    assert!(mock.secrets().contains(&secret.to_owned()));
    let form = request(&mock).with("client_id", id).with("redirect_uri", "http://127.0.0.1:1/cb");
    let code_text = code(&mock, &form).await;
    let exchange = exchange(&mock, &code_text).with("redirect_uri", "http://127.0.0.1:1/cb");
    let posted = exchange.clone().with("client_id", id).with("client_secret", secret);
    assert_eq!(token(&mock, &posted).await.status, 401, "registered for Basic");
    let path = path_of(&mock, "token_endpoint");
    let probe = form_probe(&path, &exchange.without("client_id")).header("authorization", &basic(id, secret));
    let answer = send(&mock, &probe).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json().get("refresh_token"), None, "it did not register for refresh");
}

#[tokio::test]
async fn what_cannot_be_registered() {
    let mock = idp(json!({})).await;
    let uri = "http://127.0.0.1/cb";
    for (expected, metadata) in [
        ("invalid_redirect_uri", json!({})),
        ("invalid_redirect_uri", json!({ "redirect_uris": [] })),
        ("invalid_redirect_uri", json!({ "redirect_uris": ["/cb"] })),
        ("invalid_redirect_uri", json!({ "redirect_uris": ["http://127.0.0.1/cb#x"] })),
        ("invalid_redirect_uri", json!({ "redirect_uris": ["http://app.example.com/cb"] })),
        ("invalid_redirect_uri", json!({ "redirect_uris": ["javascript:alert(1)"] })),
        ("invalid_redirect_uri", json!({ "redirect_uris": [uri], "application_type": "web" })),
        ("invalid_client_metadata", json!({ "redirect_uris": uri })),
        ("invalid_client_metadata", json!({ "redirect_uris": [uri], "application_type": "desktop" })),
        ("invalid_client_metadata", json!({ "redirect_uris": [uri], "grant_types": ["implicit"] })),
        ("invalid_client_metadata", json!({ "redirect_uris": [uri], "response_types": ["token"] })),
        ("invalid_client_metadata", json!({ "redirect_uris": [uri], "token_endpoint_auth_method": "tls_client_auth" })),
        ("invalid_client_metadata", json!({ "redirect_uris": [uri], "token_endpoint_auth_method": "private_key_jwt" })),
        (
            "invalid_client_metadata",
            json!({ "token_endpoint_auth_method": "none", "grant_types": ["client_credentials"] }),
        ),
        ("invalid_client_metadata", json!({ "redirect_uris": [uri], "client_name": 7 })),
        ("invalid_client_metadata", json!([])),
    ] {
        let seen = register(&mock, &metadata).await;
        assert_eq!((seen.status, text(&seen.json(), "error")), (400, expected), "{metadata}");
    }
    let strict = idp(json!({ "application_type": "required" })).await;
    let seen = register(&strict, &json!({ "redirect_uris": [uri] })).await;
    assert_eq!(text(&seen.json(), "error"), "invalid_client_metadata");
    mock.control(&json!({ "set": { "registration": false } })).await.expect("a change");
    assert_eq!(register(&mock, &json!({ "redirect_uris": [uri] })).await.status, 404);
}

/// Serves one document and gives its URL.
async fn document(server: &MockServer, change: impl FnOnce(&mut Value), headers: &[(&str, &str)]) -> String {
    let id = format!("{}/client.json", server.uri());
    let mut document = json!({ "client_id": id, "client_name": "A client", "redirect_uris": ["http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "none" });
    change(&mut document);
    let mut answer = ResponseTemplate::new(200).set_body_json(document);
    for (name, value) in headers {
        answer = answer.insert_header(*name, *value);
    }
    server.reset().await;
    Mock::given(path("/client.json")).respond_with(answer).mount(server).await;
    id
}

async fn fetches(server: &MockServer) -> usize {
    server.received_requests().await.expect("recorded").len()
}

#[tokio::test]
async fn a_client_id_may_be_the_url_of_a_document() {
    let server = MockServer::start().await;
    let mock = idp(json!({})).await;
    let id = document(&server, |_| {}, &[("cache-control", "max-age=600")]).await;
    let form = request(&mock).with("client_id", &id);
    let code_text = code(&mock, &form).await;
    assert_eq!(fetches(&server).await, 1);
    let answer = token(&mock, &exchange(&mock, &code_text).with("client_id", &id)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(claims(text(&answer.json(), "access_token"))["client_id"], id);
    code(&mock, &form).await;
    assert_eq!(fetches(&server).await, 1, "kept for ten minutes");
    mock.control(&json!({ "advance": "11m" })).await.expect("time passes");
    code(&mock, &form).await;
    assert_eq!(fetches(&server).await, 2);
    let other = form.with("redirect_uri", "http://127.0.0.1:43211/oauth/callback");
    assert_eq!(authorize(&mock, &other).await.status, 400, "not a redirect URI of the document");

    let id = document(&server, |_| {}, &[("cache-control", "no-store")]).await;
    mock.control(&json!({ "restart": true })).await.expect("a restart");
    let form = request(&mock).with("client_id", &id);
    code(&mock, &form).await;
    code(&mock, &form).await;
    assert_eq!(fetches(&server).await, 2, "not kept");
}

#[tokio::test]
async fn documents_that_are_no_good() {
    let server = MockServer::start().await;
    let mock = idp(json!({})).await;
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 8] = [
        ("another id", |document| document["client_id"] = json!("https://other.example/client.json")),
        ("no id", |document| document["client_id"] = Value::Null),
        ("no name", |document| document["client_name"] = Value::Null),
        ("no redirects", |document| document["redirect_uris"] = json!([])),
        ("another redirect", |document| document["redirect_uris"] = json!(["http://127.0.0.1/other"])),
        ("a secret", |document| document["client_secret"] = json!("s3cret-of-a-test")),
        ("a method with a secret", |document| document["token_endpoint_auth_method"] = json!("client_secret_basic")),
        ("too large", |document| document["padding"] = json!("x".repeat(6000))),
    ];
    for (what, change) in changes {
        let id = document(&server, change, &[]).await;
        let seen = authorize(&mock, &request(&mock).with("client_id", &id)).await;
        assert_eq!((seen.status, seen.header("location")), (400, None), "{what}: {}", seen.body);
    }
    let id = format!("{}/client.json", server.uri());
    let form = request(&mock).with("client_id", &id);
    for (what, answer) in [
        ("not found", ResponseTemplate::new(404)),
        ("not JSON", ResponseTemplate::new(200).set_body_raw("<html>", "application/json")),
        ("HTML", ResponseTemplate::new(200).set_body_raw("{}", "text/html")),
        ("redirected", ResponseTemplate::new(302).insert_header("location", "/other.json")),
        ("slow", ResponseTemplate::new(200).set_delay(std::time::Duration::from_secs(4))),
    ] {
        server.reset().await;
        Mock::given(path("/client.json")).respond_with(answer).mount(&server).await;
        assert_eq!(authorize(&mock, &form).await.status, 400, "{what}");
    }
    let closed = idp(json!({ "cimd_loopback": false })).await;
    let id = document(&server, |_| {}, &[]).await;
    assert_eq!(authorize(&closed, &request(&closed).with("client_id", &id)).await.status, 400);
    let without = idp(json!({ "cimd": false })).await;
    assert_eq!(authorize(&without, &request(&without).with("client_id", &id)).await.status, 400);
    assert_eq!(fetches(&server).await, 0, "an address that is not allowed is not asked");
}
