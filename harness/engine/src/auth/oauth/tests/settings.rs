//! The spelling of `auth: { oauth: … }`, and every requirement that a problem names.

use serde_json::{Value, json};

use super::super::settings::{Grant, PkcePolicy, ResourceParameter, TokenAuth};
use super::super::{BrowserMode, OauthSettings};
use crate::conformance::Requirements;
use crate::transcript::secrets::Secrets;

fn parse(value: &Value) -> Result<OauthSettings, String> {
    OauthSettings::from_value(value, &Secrets::default())
}

#[test]
fn true_and_an_empty_mapping_are_the_defaults() {
    for value in [json!(true), json!({}), Value::Null] {
        let settings = parse(&value).unwrap();
        assert_eq!(format!("{settings:?}"), format!("{:?}", OauthSettings::default()));
    }
    let settings = OauthSettings::default();
    assert_eq!((settings.grant, settings.pkce), (Grant::AuthorizationCode, PkcePolicy::Warn));
    assert_eq!((settings.browser, settings.cache), (BrowserMode::Follow, false));
    assert_eq!(settings.resource, ResourceParameter::Canonical);
}

#[test]
fn every_member_has_its_place() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem();
    let secrets = Secrets::default();
    let settings = OauthSettings::from_value(
        &json!({
            "grant": "client_credentials", "client_id": "me", "client_secret": "s3cret", "private_key": key,
            "key_id": "k", "key_alg": "EdDSA", "client_metadata_url": "https://app.example/client.json",
            "client_name": "Mine", "scopes": "a b", "resource": "urn:r", "issuer": "https://idp.example",
            "redirect": { "host": "localhost", "port": "8080", "path": "/cb" }, "token_auth": "client_secret_post",
            "pkce": "require", "browser": "open", "offline_access": true,
        }),
        &secrets,
    )
    .unwrap();
    assert_eq!((settings.grant, settings.token_auth), (Grant::ClientCredentials, Some(TokenAuth::Post)));
    assert_eq!(settings.scopes, Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!((settings.redirect.host.as_str(), settings.redirect.port), ("localhost", Some(8080)));
    assert_eq!(settings.redirect.path, "/cb");
    assert!(settings.key.is_some() && settings.cache, "a person's sign-in is kept");
    assert_eq!(settings.offline_access, Some(true));
    assert_eq!(secrets.redactor().redact("s3cret"), "${client_secret}");
    assert_eq!(secrets.redactor().redact(&key), "${private_key}");
    assert!(!format!("{settings:?}").contains("s3cret"));
}

#[test]
fn a_mistake_names_the_member_and_what_it_may_be() {
    for (value, parts) in [
        (json!("yes"), &["`auth.oauth`"][..]),
        (json!(false), &["`auth.oauth`"]),
        (json!({ "clientid": "x" }), &["`clientid`", "did you mean `client_id`?"]),
        (json!({ "nonsense": 1 }), &["`nonsense`", "client_metadata_url"]),
        (json!({ "grant": "authorisation_code" }), &["`auth.oauth.grant`", "did you mean `authorization_code`?"]),
        (json!({ "grant": "password" }), &["authorization_code, client_credentials", "\"password\""]),
        (json!({ "pkce": true }), &["`auth.oauth.pkce`", "require, warn, ignore"]),
        (json!({ "browser": "chrome" }), &["follow, open, none"]),
        (json!({ "token_auth": "basic" }), &["client_secret_basic"]),
        (json!({ "client_id": 7 }), &["`auth.oauth.client_id`", "string"]),
        (json!({ "client_id": "" }), &["`auth.oauth.client_id`"]),
        (json!({ "client_secret": "x" }), &["client_secret", "client_id"]),
        (json!({ "scopes": [1] }), &["`auth.oauth.scopes`"]),
        (json!({ "scopes": ["a b"] }), &["`auth.oauth.scopes`", "a b"]),
        (json!({ "scopes": ["\""] }), &["`auth.oauth.scopes`"]),
        (json!({ "resource": 1 }), &["`auth.oauth.resource`", "`false`"]),
        (json!({ "cache": "yes" }), &["`auth.oauth.cache`", "`true` or `false`"]),
        (json!({ "redirect": "x" }), &["`auth.oauth.redirect`", "`host`"]),
        (json!({ "redirect": { "hots": "x" } }), &["did you mean `host`?"]),
        (json!({ "redirect": { "host": "evil.example" } }), &["`auth.oauth.redirect.host`", "127.0.0.1, localhost"]),
        (json!({ "redirect": { "port": 70_000 } }), &["`auth.oauth.redirect.port`"]),
        (json!({ "redirect": { "path": "callback" } }), &["`auth.oauth.redirect.path`"]),
        (json!({ "redirect": { "path": "/a?b" } }), &["`auth.oauth.redirect.path`"]),
        (json!({ "grant": "client_credentials" }), &["`client_id`"]),
        (json!({ "grant": "client_credentials", "client_id": "x" }), &["`client_secret` or a `private_key`"]),
        (json!({ "client_id": "x", "token_auth": "client_secret_basic" }), &["`client_secret`"]),
        (json!({ "token_auth": "private_key_jwt" }), &["`private_key`"]),
        (json!({ "key_id": "k" }), &["`auth.oauth.key_id`", "`private_key`"]),
        (json!({ "key_alg": "RS256" }), &["`auth.oauth.key_alg`"]),
        (json!({ "private_key": "secret-that-is-no-key" }), &["`auth.oauth.private_key`", "PEM"]),
    ] {
        let error = parse(&value).unwrap_err();
        assert!(parts.iter().all(|part| error.contains(part)), "{value}: {error}");
        assert!(!error.contains("secret-that-is-no-key"));
    }
}

#[test]
fn a_client_document_has_an_https_url_with_a_path() {
    for url in [
        "http://app.example/client.json",
        "https://app.example",
        "https://app.example/",
        "https://app.example/a#b",
        "https://u:p@app.example/a",
        "https://app.example/a/../b",
        "https://app.example/./b",
        "client.json",
    ] {
        let error = parse(&json!({ "client_metadata_url": url })).unwrap_err();
        assert!(error.contains("`auth.oauth.client_metadata_url`"), "{url}: {error}");
    }
    assert!(parse(&json!({ "client_metadata_url": "https://app.example/client.json?v=1" })).is_ok());
}

/// A misspelt id would be filtered out without a word.
#[test]
fn every_requirement_that_a_problem_names_exists() {
    let sources = [
        include_str!("../authorization.rs"),
        include_str!("../client/upkeep.rs"),
        include_str!("../discovery.rs"),
        include_str!("../guard.rs"),
        include_str!("../registration.rs"),
        include_str!("../token.rs"),
    ];
    let ids = regex::Regex::new(r#""(auth\.[a-z0-9.-]+)""#).unwrap();
    let catalogue = Requirements::builtin();
    let mut found = 0;
    for id in sources.iter().flat_map(|text| ids.captures_iter(text)).map(|c| c[1].to_owned()) {
        // The prefix of members in messages looks alike.
        if !id.starts_with("auth.oauth") {
            assert!(catalogue.get(&id).is_some(), "{id}");
            found += 1;
        }
    }
    assert!(found > 15, "{found}");
}
