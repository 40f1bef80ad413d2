//! Configurations that cannot be meant.

use gauntlet_mocks::{StartError, StartOptions, start};
use serde_json::{Value, json};

use crate::issuer::put;
use crate::requests::gateway;

#[tokio::test]
async fn contradictions_are_refused_with_their_place() {
    let discovery = "http://127.0.0.1:1/.well-known/openid-configuration";
    let jwt = |change: Value| {
        let mut config = json!({ "authorizer": "jwt", "discovery_url": discovery });
        put(&mut config, &change);
        config
    };
    let many: Value = (0..51).map(|n| (n.to_string(), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    for (config, path) in [
        (json!({ "authorizer": "jwt" }), "discovery_url"),
        (jwt(json!({ "discovery_url": "https://i.example/" })), "discovery_url"),
        (jwt(json!({ "tokens": [] })), "tokens"),
        (jwt(json!({ "client_claims": [] })), "client_claims"),
        (json!({ "discovery_url": discovery }), "discovery_url"),
        (json!({ "allowed_audience": ["a"] }), "allowed_audience"),
        (json!({ "own_audience": true }), "own_audience"),
        (json!({ "authorizer": "none", "allowed_clients": ["a"] }), "allowed_clients"),
        (json!({ "client_claims": ["cid"] }), "client_claims"),
        (jwt(json!({ "advertised_scope_mapping": { "a": "b" } })), "advertised_scope_mapping.a"),
        (json!({ "advertised_scope_mapping": many }), "advertised_scope_mapping"),
        (json!({ "redirect_to": "/elsewhere" }), "redirect_to"),
        (json!({ "redirect_to": "ftp://i.example" }), "redirect_to"),
        (json!({ "redirect_to": "http://i.example/\r\nx-evil: 1" }), "redirect_to"),
        (json!({ "public_origin": "http://i.example\"" }), "public_origin"),
        (json!({ "allowed_scopes": ["a b"] }), "allowed_scopes"),
        (json!({ "required_scopes": { "tools/call": ["a\"b"] } }), "required_scopes"),
        (json!({ "challenge_scopes": ["a\r\nx-evil: 1"] }), "challenge_scopes"),
        (json!({ "metadata_scopes": [""] }), "metadata_scopes"),
        (json!({ "challenge": "loud" }), "challenge"),
        (json!({ "resource_metadata": "mising" }), "resource_metadata"),
        (
            jwt(json!({ "custom_claims": [{
                "inbound_token_claim_name": "a",
                "inbound_token_claim_value_type": "STRING",
                "authorizing_claim_match_value": {
                    "claim_match_operator": "CONTAINS", "claim_match_value": { "match_value_string": "a" },
                },
            }] })),
            "custom_claims[0].inbound_token_claim_value_type",
        ),
    ] {
        let options = StartOptions { config: config.clone(), ..StartOptions::default() };
        match start("agentcore-gateway", options).await {
            Err(StartError::Config { path: named, .. }) => assert_eq!(named, path, "{config}"),
            other => panic!("{config}: {other:?}"),
        }
    }
    let mock = gateway(jwt(json!({}))).await;
    let error = mock.control(&json!({ "set": { "authorizer": "opaque" } })).await.expect_err("a contradiction");
    assert_eq!(error.path, "set.discovery_url");
    mock.control(&json!({ "set": { "authorizer": "opaque", "discovery_url": null } })).await.expect("no contradiction");
}
