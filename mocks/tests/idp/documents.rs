//! Metadata and keys.

use serde_json::{Value, json};

use crate::requests::*;
use crate::support::{Probe, var};

#[tokio::test]
async fn metadata_names_everything_there_is() {
    let mock = idp(json!({})).await;
    let origin = mock.origin();
    assert_eq!(var(&mock, "issuer"), origin);
    assert_eq!(mock.url(), origin);
    let oauth = get(&mock, "/.well-known/oauth-authorization-server").await;
    let openid = get(&mock, "/.well-known/openid-configuration").await;
    assert_eq!(oauth.header("content-type"), Some("application/json"));
    assert_eq!(oauth.json(), openid.json());
    let document = oauth.json();
    assert_eq!(document["issuer"], origin);
    for (name, path) in [
        ("authorization_endpoint", "/v1/authorize"),
        ("token_endpoint", "/v1/token"),
        ("registration_endpoint", "/v1/register"),
        ("revocation_endpoint", "/v1/revoke"),
        ("introspection_endpoint", "/v1/introspect"),
        ("userinfo_endpoint", "/v1/userinfo"),
        ("jwks_uri", "/.well-known/jwks.json"),
    ] {
        assert_eq!(document[name], format!("{origin}{path}"), "{name}");
    }
    assert_eq!(document["response_types_supported"], json!(["code"]));
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(document["authorization_response_iss_parameter_supported"], json!(true));
    assert_eq!(document["client_id_metadata_document_supported"], json!(true));
    for name in ["subject_types_supported", "id_token_signing_alg_values_supported", "scopes_supported"] {
        assert!(document[name].as_array().is_some_and(|list| !list.is_empty()), "{name}");
    }
    // Guessed paths lead nowhere.
    for path in ["/authorize", "/token", "/register", "/v1/authorize/"] {
        assert_eq!(get(&mock, path).await.status, 404, "{path}");
    }
    let wrong = send(&mock, &Probe::new("POST", "/.well-known/openid-configuration")).await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, HEAD")));
}

#[tokio::test]
async fn an_issuer_with_a_path_has_its_documents_where_the_rules_put_them() {
    let places = [
        ("oauth", "/.well-known/oauth-authorization-server/tenant/a"),
        ("openid", "/tenant/a/.well-known/openid-configuration"),
        ("openid-inserted", "/.well-known/openid-configuration/tenant/a"),
    ];
    for (form, place) in places {
        let mock = idp(json!({ "path": "/tenant/a", "metadata_forms": [form] })).await;
        assert_eq!(mock.url(), format!("{}/tenant/a", mock.origin()));
        for (_, path) in places {
            let seen = get(&mock, path).await;
            assert_eq!(seen.status, if path == place { 200 } else { 404 }, "{form} {path}");
        }
        let document = get(&mock, place).await.json();
        assert_eq!(document["issuer"], mock.url());
        assert_eq!(document["jwks_uri"], format!("{}/.well-known/jwks.json", mock.url()));
        assert_eq!(get(&mock, "/tenant/a/.well-known/jwks.json").await.status, 200);
    }
}

#[tokio::test]
async fn metadata_is_what_the_configuration_makes_of_it() {
    let config = json!({
        "metadata": { "scopes_supported": null, "service_documentation": "https://docs.example.com" },
        "advertise_pkce": false, "iss": false, "registration": false, "cimd": false,
        "trailing_slash": true, "endpoints_origin": "other",
    });
    let mock = idp(config).await;
    let document = metadata(&mock).await;
    for name in [
        "scopes_supported",
        "code_challenge_methods_supported",
        "authorization_response_iss_parameter_supported",
        "registration_endpoint",
        "client_id_metadata_document_supported",
    ] {
        assert_eq!(document.get(name), None, "{name}");
    }
    assert_eq!(document["service_documentation"], "https://docs.example.com");
    assert_eq!(document["issuer"], format!("{}/", mock.origin()));
    let other = mock.origin().replace("127.0.0.1", "localhost");
    assert_eq!(document["token_endpoint"], format!("{other}/v1/token"));

    let public = json!({ "public_origin": "https://login.example.com", "path": "/t",
        "endpoints_origin": "https://auth.example.com", "default_paths": true });
    let mock = idp(public).await;
    let document = metadata(&mock).await;
    assert_eq!(document["issuer"], "https://login.example.com/t");
    assert_eq!(document["authorization_endpoint"], "https://auth.example.com/v1/authorize");
    assert_eq!(get(&mock, "/authorize").await.status, 400);
}

#[tokio::test]
async fn keys_rotate() {
    let mock = idp(json!({})).await;
    let before = text(&signed_in(&mock, &request(&mock)).await, "access_token").to_owned();
    let claims = verified(&mock, &before).await.expect("a good signature");
    assert_eq!(claims["iss"], mock.url());
    let kids = |document: &Value| -> Vec<String> {
        document["keys"].as_array().expect("keys").iter().map(|key| text(key, "kid").to_owned()).collect()
    };
    let path = path_of(&mock, "jwks_uri");
    let first = get(&mock, &path).await.json();
    assert_eq!(first["keys"].as_array().map(Vec::len), Some(2), "one of each algorithm");
    assert_eq!(first["keys"][0]["use"], "sig");

    mock.control(&json!({ "set": { "keys": { "generation": 2, "retired": 1 } } })).await.expect("rotation");
    let both = get(&mock, &path).await.json();
    assert_eq!(both["keys"].as_array().map(Vec::len), Some(4));
    assert!(kids(&first).iter().all(|kid| kids(&both).contains(kid)));
    verified(&mock, &before).await.expect("still published");
    let after = text(&signed_in(&mock, &request(&mock)).await, "access_token").to_owned();
    assert_ne!(part(&before, 0)["kid"], part(&after, 0)["kid"]);
    verified(&mock, &after).await.expect("the new key");

    mock.control(&json!({ "set": { "keys": { "retired": 0, "alg": "ES256" } } })).await.expect("withdrawal");
    assert_eq!(verified(&mock, &before).await, Err("no such key".to_owned()));
    let elliptic = text(&signed_in(&mock, &request(&mock)).await, "access_token").to_owned();
    assert_eq!(part(&elliptic, 0)["alg"], "ES256");
    verified(&mock, &elliptic).await.expect("the other key");
}

#[tokio::test]
async fn mistakes_in_the_configuration_are_named() {
    use gauntlet_mocks::{StartOptions, start};
    for (config, part) in [
        (json!({ "profil": "okta" }), "profile"),
        (json!({ "profile": "oktaa" }), "okta"),
        (json!({ "path": "tenant" }), "path"),
        (json!({ "path": "/a/" }), "path"),
        (json!({ "public_origin": "https://x.example/path" }), "public_origin"),
        (json!({ "endpoints_origin": "elsewhere" }), "endpoints_origin"),
        (json!({ "keys": { "generation": 0 } }), "keys.generation"),
        (json!({ "users": [] }), "users"),
        (json!({ "scopes": ["a b"] }), "scopes[0]"),
        (json!({ "clients": [{ "id": "x", "auth": ["client_secret_basic"] }] }), "clients[0].auth"),
        (json!({ "clients": [{ "id": "x", "redirect_uris": ["/cb"] }] }), "clients[0].redirect_uris[0]"),
        (json!({ "clients": [{ "id": "x", "public_key": "no key" }] }), "clients[0].public_key"),
        (json!({ "tokens": { "lifetime": "soon" } }), "tokens.lifetime"),
    ] {
        let options = StartOptions { config: config.clone(), ..StartOptions::default() };
        let error = start("idp", options).await.expect_err("a mistake").to_string();
        assert!(error.contains(part), "{config}: {error}");
    }
    let mock = idp(json!({})).await;
    for (change, part) in [
        (json!({ "path": "/other" }), "path"),
        (json!({ "profile": "okta" }), "profile"),
        (json!({ "consent": "maybe" }), "consent"),
    ] {
        let error = mock.control(&json!({ "set": change })).await.expect_err("refused").to_string();
        assert!(error.contains(part), "{error}");
    }
}
