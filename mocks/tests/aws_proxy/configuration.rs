//! Mistakes in the configuration, each with its place; and who speaks stdio.

use gauntlet_mocks::stdio::serve_stdio;
use gauntlet_mocks::{StartOptions, start};
use serde_json::{Value, json};

async fn mistake(config: Value) -> String {
    let options = StartOptions { config: config.clone(), ..StartOptions::default() };
    let over_http = start("aws-proxy", options).await.expect_err("a mistake").to_string();
    let (reader, writer) = (Box::new(tokio::io::empty()), Box::new(tokio::io::sink()));
    let over_stdio = serve_stdio("aws-proxy", config, reader, writer).await.expect_err("a mistake").to_string();
    assert_eq!(over_http, over_stdio);
    over_http
}

#[tokio::test]
async fn mistakes_name_their_place() {
    for (config, said) in [
        (json!({ "profile": {} }), "`profile`"),
        (json!({ "profiles": { "dev": { "acces_key_id": "x" } } }), "profiles.dev.acces_key_id"),
        (json!({ "profiles": { "dev": { "access_key_id": "x" } } }), "profiles.dev.secret_access_key"),
        (json!({ "profiles": { "dev": { "secret_access_key": "x" } } }), "profiles.dev.access_key_id"),
        (json!({ "profiles": { "dev": { "credentials_url": "here" } } }), "profiles.dev.credentials_url"),
        (json!({ "profiles": { "dev": {} }, "default": "def" }), "did you mean `dev`?"),
        (json!({ "upstreams": { "aws": "aws.example.com" } }), "upstreams.aws"),
        (json!({ "upstreams": { "aws": "ftp://aws.example.com" } }), "upstreams.aws"),
        (json!({ "flavour": "shipped" }), "flavour"),
        (json!({ "read_timeout": 5 }), "read_timeout"),
        (json!({ "defects": ["sessions-not-close"] }), "did you mean `sessions-not-closed`?"),
    ] {
        let message = mistake(config.clone()).await;
        assert!(message.contains(said), "{config}: {message}");
    }
}

#[tokio::test]
async fn without_an_upstream_a_client_is_told_so() {
    let proxy = crate::http::started("aws-proxy", json!({})).await;
    let answer = crate::http::send(&proxy, &crate::support::post(&crate::support::initialize())).await.json();
    assert_eq!(answer["error"]["message"], "No upstream is configured; set upstreams.aws");
}

#[tokio::test]
async fn a_mock_without_stdio_says_who_has_it() {
    let (reader, writer) = (Box::new(tokio::io::empty()), Box::new(tokio::io::sink()));
    let error = serve_stdio("idp", Value::Null, reader, writer).await.expect_err("not spoken");
    assert_eq!(error.to_string(), "`idp` does not speak stdio; `aws-proxy` and `mcp-server` do");
}
