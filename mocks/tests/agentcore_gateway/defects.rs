//! Each defect shows.

use gauntlet_mocks::{MockHandle, info};
use serde_json::{Value, json};

use crate::requests::*;
use crate::support::{Probe, send, var};
use crate::{bad_tokens, iam};

type Show = fn(&MockHandle) -> Vec<Probe>;

/// For each defect: the configuration, and requests whose answers must differ.
fn shows() -> Vec<(&'static str, Value, Show)> {
    let empty = || json!({});
    let sessions = || json!({ "sessions": {} });
    let needs = || json!({ "required_scopes": { "tools/list": ["read", "write"] } });
    let scoped = |scopes: &[&str]| json!({ "tokens": [{ "token": "t", "subject": "alice", "scopes": scopes }] });
    let no_token: Show = |m| vec![modern(m, "tools/list", json!({})).without("authorization")];
    let bad_token: Show = |m| vec![token(modern(m, "tools/list", json!({})), var(m, "unknown_token"))];
    let metadata: Show = |_| vec![Probe::new("GET", "/.well-known/oauth-protected-resource")];
    let list: Show = |m| vec![modern(m, "tools/list", json!({}))];
    let later_page: Show = |m| {
        // "tools:4" and "tools:8"
        ["dG9vbHM6NA", "dG9vbHM6OA"].map(|cursor| modern(m, "tools/list", json!({ "cursor": cursor }))).to_vec()
    };
    let whoami: Show = |m| {
        let call = modern(m, "tools/call", json!({ "name": "Demo___whoami", "arguments": {} }));
        vec![token(call.clone(), var(m, "bob_token")), call]
    };
    vec![
        ("no-challenge", empty(), no_token),
        ("challenge-without-resource-metadata", empty(), no_token),
        ("challenge-metadata-foreign-host", empty(), no_token),
        ("challenge-metadata-404", empty(), no_token),
        ("challenge-wrong-scheme", empty(), no_token),
        ("missing-scope-in-challenge", empty(), no_token),
        ("prm-missing", empty(), metadata),
        ("prm-resource-mismatch", empty(), metadata),
        ("prm-without-authorization-servers", empty(), metadata),
        ("prm-requires-auth", empty(), metadata),
        ("prm-not-json", empty(), metadata),
        ("accepts-no-token", empty(), no_token),
        ("accepts-any-token", empty(), bad_token),
        ("accepts-expired-token", empty(), |m| {
            vec![token(modern(m, "tools/list", json!({})), var(m, "expired_token"))]
        }),
        ("accepts-insufficient-scope", empty(), |m| {
            vec![token(modern(m, "tools/list", json!({})), var(m, "unscoped_token"))]
        }),
        ("token-in-query-accepted", empty(), |m| {
            let probe = modern(m, "tools/list", json!({})).without("authorization");
            vec![Probe { path: format!("/mcp?access_token={}", var(m, "token")), ..probe }]
        }),
        ("lists-without-token", empty(), no_token),
        ("401-as-403", empty(), no_token),
        ("invalid-token-as-200-error", empty(), bad_token),
        ("wrong-error-code", empty(), no_token),
        ("body-not-jsonrpc", empty(), no_token),
        ("two-underscores", empty(), list),
        ("pagination-loops", empty(), later_page),
        ("pagination-drops", empty(), later_page),
        ("invalid-cursor-accepted", empty(), |m| vec![modern(m, "tools/list", json!({ "cursor": "x" }))]),
        ("duplicate-tools", empty(), list),
        ("echo-altered", empty(), |m| vec![modern(m, "tools/call", echo(" Text "))]),
        ("leaks-token", empty(), whoami),
        ("shared-identity", empty(), whoami),
        ("unknown-tool-as-result", empty(), |m| vec![modern(m, "tools/call", json!({ "name": "no" }))]),
        ("arguments-unchecked", empty(), |m| vec![modern(m, "tools/call", json!({ "name": "Demo___echo" }))]),
        ("tool-error-as-success", empty(), |m| vec![modern(m, "tools/call", json!({ "name": "Demo___fail" }))]),
        ("unknown-method-as-result", empty(), |m| vec![legacy(m, "2025-06-18", "no/such", json!({}))]),
        ("id-not-echoed", empty(), list),
        ("version-not-echoed", empty(), |m| vec![initialize(m, "2025-11-25")]),
        ("unsupported-version-accepted", empty(), |m| vec![legacy(m, "1900-01-01", "tools/list", json!({}))]),
        ("header-mismatch-accepted", empty(), |m| {
            vec![modern(m, "tools/list", json!({})).header("mcp-method", "tools/call")]
        }),
        ("meta-unchecked", empty(), |m| {
            vec![legacy(m, MODERN, "tools/list", json!({})).header("mcp-method", "tools/list")]
        }),
        ("discover-missing", empty(), |m| vec![modern(m, "server/discover", json!({}))]),
        ("result-type-missing", empty(), list),
        ("cache-hints-missing", empty(), list),
        ("method-not-found-as-200", empty(), |m| vec![modern(m, "no/such", json!({}))]),
        ("notification-answered", empty(), |m| {
            vec![post(m, &json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))]
        }),
        ("batch-served", empty(), |m| {
            let batch = json!([{ "jsonrpc": "2.0", "id": 1, "method": "ping" }]);
            vec![post(m, &batch).header("mcp-protocol-version", "2025-11-25")]
        }),
        ("origin-unchecked", empty(), |m| {
            vec![modern(m, "tools/list", json!({})).header("origin", "http://evil.example")]
        }),
        ("get-served", empty(), |m| vec![Probe { method: "GET", ..post(m, &json!({})) }]),
        ("unknown-domain-accepted", empty(), |_| {
            let metadata = Probe::new("GET", "/.well-known/oauth-protected-resource");
            vec![metadata.header("x-amzn-bedrock-agentcore-gateway-domain", "evil.example")]
        }),
        ("registration-offered", empty(), |_| vec![Probe::new("POST", "/register").text("{}")]),
        ("server-metadata-offered", empty(), |_| vec![Probe::new("GET", "/.well-known/oauth-authorization-server")]),
        ("token-in-other-header-accepted", empty(), |m| {
            let list = modern(m, "tools/list", json!({})).without("authorization");
            vec![list.header("cookie", &format!("access_token={}", var(m, "token")))]
        }),
        ("scheme-case-sensitive", empty(), |m| {
            let authorization = format!("bearer {}", var(m, "token"));
            vec![modern(m, "tools/list", json!({})).header("authorization", &authorization)]
        }),
        ("any-authorization-counts", empty(), |m| {
            let mut list = token(modern(m, "tools/list", json!({})), "first");
            list.headers.push(("authorization".to_owned(), "Bearer second".to_owned()));
            vec![list]
        }),
        ("left-out-version-agreed", json!({ "supported_versions": ["2025-03-26"] }), |m| {
            vec![initialize(m, "2025-11-25")]
        }),
        ("delete-served", empty(), |m| vec![Probe { method: "DELETE", ..post(m, &json!({})) }]),
        ("session-uninvited", empty(), |m| vec![modern(m, "tools/list", json!({}))]),
        ("scopes-compared-as-substring", scoped(&["gateway/invoke-nothing"]), list),
        (
            "scope-hierarchy-ignored",
            json!({ "scope_implies": { "admin": ["gateway/invoke"] }, "tokens": scoped(&["admin"])["tokens"] }),
            list,
        ),
        ("required-scopes-not-checked", needs(), list),
        ("403-without-challenge", needs(), list),
        ("403-without-scope", needs(), list),
        ("insufficient-scope-as-401", needs(), list),
        ("challenge-incomplete", needs(), list),
        ("revoked-accepted", json!({ "revoked": ["fake-gateway-token-alice-0000000000000001"] }), list),
        ("first-of-two-headers-counts", empty(), |m| {
            let mut list = modern(m, "tools/list", json!({}));
            list.headers.push(("authorization".to_owned(), "Bearer second".to_owned()));
            vec![list]
        }),
        ("offline-access-in-scopes", empty(), metadata),
        ("reason-in-body", empty(), bad_token),
        ("session-unchecked", sessions(), |m| vec![legacy(m, "2025-06-18", "tools/list", json!({}))]),
    ]
}

async fn answers(config: &Value, show: Show) -> Vec<(u16, Vec<(String, String)>, String)> {
    let mock = gateway(config.clone()).await;
    let mut seen = Vec::new();
    for probe in show(&mock) {
        seen.push(send(&mock, &probe).await.stable(mock.origin()));
    }
    seen
}

#[tokio::test]
async fn every_defect_changes_an_answer() {
    let shows = shows();
    // Need a session or a token first; have tests of their own.
    let alone = [
        "session-shared-between-identities",
        "session-never-ends",
        "session-delete-ignored",
        "session-instead-of-token",
        "validated-once",
        "keys-never-refreshed",
    ];
    let elsewhere = [&alone, bad_tokens::SHOWN, iam::SHOWN].concat();
    let info = info("agentcore-gateway").expect("registered");
    for defect in info.defects.iter().filter(|defect| !elsewhere.contains(&defect.id)) {
        let (_, config, show) =
            shows.iter().find(|(id, ..)| *id == defect.id).unwrap_or_else(|| panic!("no row for {}", defect.id));
        let right = answers(config, *show).await;
        let mut config = config.clone();
        config["defects"] = json!([defect.id]);
        let wrong = answers(&config, *show).await;
        assert_ne!(right, wrong, "{} changes nothing", defect.id);
    }
    assert_eq!(shows.len() + elsewhere.len(), info.defects.len(), "a row for a defect that does not exist");
}
