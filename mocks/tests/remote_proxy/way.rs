//! From the client's token to the remote and back.

use serde_json::json;

use crate::support::{Probe, var};
use crate::world::{World, call, header, principal, role, signed_headers, whoami};

#[tokio::test]
async fn a_call_is_made_under_the_role_of_its_caller() {
    let world = World::start(json!({})).await;
    for (claims, expected) in [
        (json!({ "groups": ["writers", "admins"] }), "Admin/alice-1"),
        (json!({ "groups": ["auditors", "writers"] }), "Writer/alice-1"),
        (json!({ "groups": ["auditors"] }), "Auditor/alice-1"),
        (json!({ "groups": ["admin"] }), "Reader/alice-1"),
        (json!({ "groups": "admins" }), "Reader/alice-1"),
        (json!({}), "Reader/alice-1"),
    ] {
        let probe = world.by(&json!({ "subject": "alice-1", "claims": claims }), whoami());
        let principal = principal(&world.send(&probe).await);
        assert_eq!(principal, format!("arn:aws:sts::123456789012:assumed-role/{expected}"), "{claims}");
    }
}

#[tokio::test]
async fn each_request_is_an_exchange_of_its_own() {
    let world = World::start(json!({ "session_duration": 1800 })).await;
    let token = world.token(&json!({ "subject": "alice-1" }));
    for probe in [whoami(), Probe::new("GET", "/mcp"), Probe::new("DELETE", "/mcp")] {
        world.send(&probe.header("authorization", &format!("Bearer {token}"))).await;
    }
    let exchanges = world.exchanges();
    assert_eq!(exchanges.len(), 3);
    for form in exchanges {
        let expected = json!({
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": role("Reader"),
            "RoleSessionName": "alice-1",
            "WebIdentityToken": token,
            "DurationSeconds": "1800",
        });
        assert_eq!(json!(form), expected);
    }
    for entry in world.sts.journal().entries() {
        assert_eq!((entry.method.as_str(), entry.target.as_str()), ("POST", "/"));
        assert_eq!(header(&entry, "authorization"), None);
        assert_eq!(header(&entry, "amz-sdk-request"), Some("attempt=1; max=3"));
    }
    for entry in world.aws.journal().entries() {
        assert_eq!(entry.note, None, "{entry:?}");
        assert!(
            header(&entry, "authorization").is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256 Credential=ASIA"))
        );
        assert!(header(&entry, "x-amz-security-token").is_some());
        assert_eq!(header(&entry, "x-amz-content-sha256"), None);
        assert!(entry.headers.iter().all(|(_, value)| !value.contains(&token)));
    }
}

#[tokio::test]
async fn with_a_cache_credentials_are_kept_until_they_end() {
    let world = World::start(json!({ "cache": true, "session_duration": 900 })).await;
    let alice = world.token(&json!({ "subject": "alice-1", "lifetime": "12h" }));
    let bob = world.token(&json!({ "subject": "bob-2", "lifetime": "12h" }));
    let mut names = Vec::new();
    for (token, pause) in
        [(&alice, "0s"), (&alice, "0s"), (&bob, "0s"), (&alice, "13m"), (&alice, "2m"), (&alice, "0s")]
    {
        world.advance(pause).await;
        let seen = world.send(&whoami().header("authorization", &format!("Bearer {token}"))).await;
        names.push(principal(&seen).rsplit('/').next().expect("a name").to_owned());
    }
    assert_eq!(names, ["alice-1", "alice-1", "bob-2", "alice-1", "alice-1", "alice-1"]);
    let sessions: Vec<String> =
        world.exchanges().iter().map(|form| form["RoleSessionName"].as_str().expect("a name").to_owned()).collect();
    assert_eq!(sessions, ["alice-1", "bob-2", "alice-1"]);
}

#[tokio::test]
async fn nothing_of_the_way_is_signed_and_the_way_is_told_anew() {
    let world = World::start(json!({})).await;
    let probe = world
        .by(&json!({}), whoami())
        .header("x-forwarded-for", "203.0.113.7")
        .header("x-forwarded-host", "public.example.com")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-prefix", "/a")
        .header("forwarded", "for=203.0.113.7")
        .header("x-real-ip", "203.0.113.7")
        .header("connection", "keep-alive, X-Amz-Date, X-Hop, authorization")
        .header("x-hop", "1")
        .header("te", "trailers")
        .header("proxy-authorization", "Basic ZmFrZTpmYWtl")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .header("x-tenant", "blue");
    principal(&world.send(&probe).await);
    let entries = world.aws.journal().entries();
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!(entry.note, None);
    let signed = signed_headers(entry);
    for name in ["host", "x-amz-date", "x-amz-security-token", "x-tenant", "traceparent", "content-type", "accept"] {
        assert!(signed.iter().any(|signed| signed == name), "{name} of {signed:?}");
        assert!(header(entry, name).is_some(), "{name}");
    }
    for name in ["x-forwarded-for", "x-forwarded-proto", "x-real-ip", "forwarded", "connection", "te", "user-agent"] {
        assert!(!signed.iter().any(|signed| signed == name), "{name} of {signed:?}");
    }
    assert_eq!(header(entry, "x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(header(entry, "x-forwarded-proto"), Some("http"));
    for name in
        ["x-forwarded-host", "x-forwarded-prefix", "forwarded", "connection", "te", "x-hop", "proxy-authorization"]
    {
        assert_eq!(header(entry, name), None, "{name}");
    }
}

#[tokio::test]
async fn the_remotes_path_replaces_the_clients_and_both_queries_pass() {
    let remote = crate::support::started("aws-mcp", json!({})).await;
    let url = format!("{}?tenant=blue%20one", remote.url());
    let world = World::with_remote(json!({}), Some(&url)).await;
    let probe = Probe { path: "/some/where?z=1&a=b%2Fc".to_owned(), ..world.by(&json!({}), whoami()) };
    principal(&world.send(&probe).await);
    let entries = remote.journal().entries();
    assert_eq!(entries[0].target, "/mcp?tenant=blue%20one&z=1&a=b%2Fc");
    assert_eq!(entries[0].note, None);
}

#[tokio::test]
async fn a_session_passes_in_both_directions() {
    let world = World::start(json!({})).await;
    let token = format!("Bearer {}", world.token(&json!({})));
    let legacy = |method: &str, id: Option<&str>| {
        let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
        let probe = Probe::new("POST", "/mcp")
            .json(&json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("authorization", &token);
        match id {
            Some(id) => probe.header("mcp-session-id", id).header("mcp-protocol-version", "2025-11-25"),
            None => probe,
        }
    };
    let opened = world.send(&legacy("initialize", None)).await;
    let id = opened.header("mcp-session-id").expect("a session").to_owned();
    let listed = world.send(&legacy("tools/list", Some(&id))).await;
    assert_eq!(listed.status, 200, "{listed:?}");
    let ended = world.send(&Probe { method: "DELETE", ..legacy("", Some(&id)) }.text("")).await;
    assert!((200..300).contains(&ended.status), "{ended:?}");
    assert_eq!(world.send(&legacy("tools/list", Some(&id))).await.status, 404);
}

#[tokio::test]
async fn metadata_and_challenge_are_those_of_the_resource() {
    let world =
        World::start(json!({ "resource_url": "https://proxy.example.com/team/mcp", "scopes": ["openid", "mcp"] }))
            .await;
    let issuer = var(&world.idp, "issuer").to_owned();
    for path in ["", "/team/mcp", "/team/mcp/below"] {
        let seen = world.send(&Probe::new("GET", &format!("/.well-known/oauth-protected-resource{path}"))).await;
        let expected = json!({
            "resource": "https://proxy.example.com/team/mcp",
            "authorization_servers": [issuer],
            "bearer_methods_supported": ["header"],
            "scopes_supported": ["openid", "mcp"],
        });
        assert_eq!((seen.status, seen.json()), (200, expected), "{path}");
        assert_eq!(seen.header("access-control-allow-origin"), Some("*"));
    }
    let seen = world.send(&call("tools/list", json!({}))).await;
    assert_eq!(seen.status, 401);
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(
        seen.json(),
        json!({ "error": "invalid_request", "error_description": "authorization header required" })
    );
    let challenge = format!(
        "Bearer realm=\"{issuer}\", \
         resource_metadata=\"https://proxy.example.com/.well-known/oauth-protected-resource/team/mcp\", \
         scope=\"openid mcp\", error=\"invalid_request\", error_description=\"authorization header required\""
    );
    assert_eq!(seen.header("www-authenticate"), Some(challenge.as_str()));
}

#[tokio::test]
async fn without_a_resource_there_is_no_metadata() {
    let world = World::start(json!({ "resource_url": null })).await;
    let metadata = world.send(&Probe::new("GET", "/.well-known/oauth-protected-resource/mcp")).await;
    assert_eq!((metadata.status, metadata.body.as_str()), (404, ""));
    let other = world.send(&Probe::new("GET", "/.well-known/openid-configuration")).await;
    assert_eq!((other.status, other.json()), (404, json!({ "error": "not_found" })));
    let preflight = world.send(&Probe::new("OPTIONS", "/.well-known/oauth-protected-resource")).await;
    assert_eq!(preflight.status, 204);
    let refused = world.send(&call("tools/list", json!({}))).await;
    let challenge = refused.header("www-authenticate").expect("a challenge");
    assert!(!challenge.contains("resource_metadata"), "{challenge}");
}
