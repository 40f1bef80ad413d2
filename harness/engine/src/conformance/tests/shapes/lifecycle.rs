//! Opening, discovery, and what every request and result carries.

use super::*;

#[test]
fn initialize_opens_the_versions_with_sessions() {
    let params =
        json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}});
    let result = json!({
        "protocolVersion": "2025-06-18",
        "capabilities": {"tools": {"listChanged": true}, "logging": {}},
        "serverInfo": {"name": "s", "version": "1"},
    });
    for version in UP_TO_2025_11_25 {
        let client = |more| request("initialize", with(&params, more));
        passes(Some(version), ClientToServer, None, client(json!({})));
        for missing in ["protocolVersion", "capabilities", "clientInfo"] {
            let path = format!("params.{missing}");
            let expected = (path.as_str(), "lifecycle.initialize.request-fields", "missing");
            breaks(version, ClientToServer, None, client(json!({missing: null})), expected);
        }
        let nameless = client(json!({"clientInfo": {"version": "1"}}));
        let expected = ("params.clientInfo.name", "lifecycle.initialize.request-fields", "missing");
        breaks(version, ClientToServer, None, nameless, expected);

        let server = |more| answer(with(&result, more));
        let opening = Some("initialize");
        passes(Some(version), ServerToClient, opening, server(json!({})));
        for missing in ["protocolVersion", "capabilities", "serverInfo"] {
            let path = format!("result.{missing}");
            let expected = (path.as_str(), "lifecycle.initialize.result-fields", "missing");
            breaks(version, ServerToClient, opening, server(json!({missing: null})), expected);
        }
        let flag = server(json!({"capabilities": {"tools": {"listChanged": "yes"}}}));
        let expected = (
            "result.capabilities.tools.listChanged",
            "lifecycle.initialize.result-fields",
            "must be of type boolean; this is the string \"yes\"",
        );
        breaks(version, ServerToClient, opening, flag, expected);
    }
    let absent = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize"});
    assert_eq!(judge(Some(V2025_06_18), ClientToServer, None, &absent).len(), 3, "each missing member is named");
    // A client that looks for an old server may still open like this.
    passes(Some(V2026_07_28), ClientToServer, None, request("initialize", params));
}

#[test]
fn every_request_of_2026_07_28_introduces_itself() {
    let ask = |method: &str, meta: Value| request(method, json!({"_meta": meta, "name": "t"}));
    let full = with(
        &meta(),
        json!({
            "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
            "io.modelcontextprotocol/logLevel": "info",
            "progressToken": 7,
        }),
    );
    for method in ["server/discover", "tools/list", "tools/call", "resources/read", "acme/own"] {
        passes(Some(V2026_07_28), ClientToServer, None, ask(method, full.clone()));
        passes(Some(V2026_07_28), ClientToServer, None, ask(method, meta()));
        let version = "io.modelcontextprotocol/protocolVersion";
        let capabilities = "io.modelcontextprotocol/clientCapabilities";
        for missing in [version, capabilities] {
            let path = format!("params._meta[\"{missing}\"]");
            let expected = (path.as_str(), "stateless.meta.client-required-fields", "missing");
            breaks(V2026_07_28, ClientToServer, None, ask(method, with(&meta(), json!({missing: null}))), expected);
        }
        let expected = ("params._meta", "stateless.meta.client-required-fields", "missing");
        breaks(V2026_07_28, ClientToServer, None, request(method, json!({"name": "t"})), expected);
        passes(Some(V2025_11_25), ClientToServer, None, request(method, json!({"name": "t"})));
    }
    let token = ask("tools/list", with(&meta(), json!({"progressToken": 1.5})));
    breaks(V2026_07_28, ClientToServer, None, token, ("params._meta.progressToken", "progress.token-type", "1.5"));
    let level = ask("tools/list", with(&meta(), json!({"io.modelcontextprotocol/logLevel": "loud"})));
    let path = "params._meta[\"io.modelcontextprotocol/logLevel\"]";
    breaks(V2026_07_28, ClientToServer, None, level, (path, "stateless.meta.client-required-fields", "\"debug\""));
}

#[test]
fn every_result_of_2026_07_28_has_a_type() {
    for method in [None, Some("completion/complete"), Some("acme/own")] {
        passes(Some(V2026_07_28), ServerToClient, method, answer(json!({"resultType": "complete"})));
        let expected = ("result.resultType", "result-type.present", "missing");
        breaks(V2026_07_28, ServerToClient, method, answer(json!({})), expected);
        passes(Some(V2025_11_25), ServerToClient, method, answer(json!({})));
    }
    let expected = ("result.resultType", "result-type.present", "must be of type string");
    breaks(V2026_07_28, ServerToClient, None, answer(json!({"resultType": 1})), expected);
    // The result of an extension is not held to the shape of the method.
    passes(Some(V2026_07_28), ServerToClient, Some("tools/call"), answer(json!({"resultType": "task", "taskId": "t"})));
    // Metadata may hold anything, fractions and null among it.
    let meta = json!({"acme.example/load": 0.5, "acme.example/none": null, "io.modelcontextprotocol/serverInfo": {"name": "s", "version": "1"}});
    passes(Some(V2026_07_28), ServerToClient, None, answer(json!({"resultType": "complete", "_meta": meta})));
}

#[test]
fn discover_lists_versions_capabilities_and_cache_hints() {
    let result = json!({
        "resultType": "complete", "ttlMs": 0, "cacheScope": "public",
        "supportedVersions": ["2026-07-28"],
        "capabilities": {"extensions": {"acme/x": {"weight": 0.5, "nothing": null}}},
    });
    let cases = [
        (json!({"supportedVersions": null}), ("result.supportedVersions", "discover.result-fields", "missing")),
        (json!({"supportedVersions": [20260728]}), ("result.supportedVersions[0]", "discover.result-fields", "string")),
        (json!({"capabilities": null}), ("result.capabilities", "discover.result-fields", "missing")),
        (json!({"ttlMs": null}), ("result.ttlMs", "caching.hints.discover", "missing")),
        (json!({"cacheScope": null}), ("result.cacheScope", "caching.hints.discover", "missing")),
        (json!({"ttlMs": -1}), ("result.ttlMs", "caching.ttl-range", "must be at least 0; this is the number -1")),
        (json!({"ttlMs": 0.5}), ("result.ttlMs", "caching.ttl-range", "integer")),
        (json!({"cacheScope": "world"}), ("result.cacheScope", "caching.scope-values", "\"public\", \"private\"")),
        (json!({"resultType": null}), ("result.resultType", "result-type.present", "missing")),
    ];
    let discover = Some("server/discover");
    passes(Some(V2026_07_28), ServerToClient, discover, answer(result.clone()));
    for (change, expected) in cases {
        breaks(V2026_07_28, ServerToClient, discover, answer(with(&result, change)), expected);
    }
}
