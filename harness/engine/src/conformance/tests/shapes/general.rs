//! Notifications, errors, batches, and messages of no version.

use super::*;

#[test]
fn notifications_have_their_members() {
    let cases = [
        (
            "notifications/progress",
            json!({"progressToken": "t", "progress": 0.5, "total": 1}),
            json!({"progress": "half"}),
            ("params.progress", "base.server.envelope", "number"),
        ),
        (
            "notifications/progress",
            json!({"progressToken": 1, "progress": 1}),
            json!({"progressToken": null}),
            ("params.progressToken", "base.server.envelope", "missing"),
        ),
        (
            "notifications/message",
            json!({"level": "info", "data": null_free()}),
            json!({"level": "loud"}),
            ("params.level", "logging.message-shape", "must be one of"),
        ),
        (
            "notifications/message",
            json!({"level": "info", "data": {}}),
            json!({"data": null}),
            ("params.data", "logging.message-shape", "missing"),
        ),
        (
            "notifications/cancelled",
            json!({"requestId": 1, "reason": "late"}),
            json!({"requestId": true}),
            ("params.requestId", "base.server.envelope", "string or integer"),
        ),
        (
            "notifications/tools/list_changed",
            json!({}),
            json!({"_meta": []}),
            ("params._meta", "base.server.envelope", "object"),
        ),
    ];
    for version in Version::ALL {
        for (method, params, change, expected) in &cases {
            passes(Some(version), ServerToClient, None, notification(method, params.clone()));
            let (path, requirement, reason) = *expected;
            let found = judge(Some(version), ServerToClient, None, &notification(method, with(params, change.clone())));
            assert_eq!(found.len(), 1, "{version} {method} {found:?}");
            assert_eq!((found[0].path.as_str(), found[0].requirement), (path, Some(requirement)), "{version}");
            let words = found[0].reason.replace("integer or string", "string or integer");
            assert!(words.contains(reason), "`{words}`");
        }
        let anonymous = notification("notifications/cancelled", json!({}));
        let faults = judge(Some(version), ServerToClient, None, &anonymous).len();
        assert_eq!(faults, usize::from(version != V2025_11_25), "optional in 2025-11-25 alone");
        let bare = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
        passes(Some(version), ServerToClient, None, bare);
    }
    let subscription = notification(
        "notifications/tools/list_changed",
        json!({"_meta": {"io.modelcontextprotocol/subscriptionId": true}}),
    );
    let path = "params._meta[\"io.modelcontextprotocol/subscriptionId\"]";
    breaks(V2026_07_28, ServerToClient, None, subscription.clone(), (path, "subs.id-on-every-message", "boolean"));
    passes(Some(V2025_11_25), ServerToClient, None, subscription);
}

fn null_free() -> Value {
    json!({"any": ["thing", 0.5]})
}

#[test]
fn errors_of_the_protocol_carry_their_data() {
    let error = |code: i64, data: Value| json!({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": "m", "data": data}});
    let versions = error(-32022, json!({"supported": ["2026-07-28"], "requested": "1900-01-01"}));
    passes(Some(V2026_07_28), ServerToClient, None, versions);
    let expected = ("error.data.requested", "version.unsupported-error", "missing");
    breaks(V2026_07_28, ServerToClient, None, error(-32022, json!({"supported": []})), expected);
    let expected = ("error.data.requiredCapabilities", "stateless.capability-missing-error", "missing");
    breaks(V2026_07_28, ServerToClient, None, error(-32021, json!({})), expected);
    let expected = ("error.data.elicitations", "elicitation.url-required-error", "missing");
    breaks(V2025_11_25, ServerToClient, None, error(-32042, json!({})), expected);
    for retired in [-32002, -32042] {
        let expected = ("error.code", "errors.legacy-codes-retired", "retired");
        breaks(V2026_07_28, ServerToClient, None, error(retired, json!({})), expected);
    }
    passes(Some(V2025_11_25), ServerToClient, None, error(-32002, json!({"uri": "x"})));
    let dataless = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32022, "message": "m"}});
    assert_eq!(judge(Some(V2026_07_28), ServerToClient, None, &dataless).len(), 2, "each missing member is named");
}

#[test]
fn without_a_version_only_what_all_versions_share_is_demanded() {
    let bare = |message: Value, answers| passes(None, ServerToClient, answers, message);
    bare(answer(json!({"tools": [{"name": "t", "inputSchema": {"type": "object"}}]})), Some("tools/list"));
    let blocks = json!([
        {"type": "text", "text": ""},
        {"type": "audio", "data": "", "mimeType": "audio/wav"},
        {"type": "resource_link", "uri": "a:b", "name": "n"},
    ]);
    bare(answer(json!({"content": blocks, "structuredContent": [1]})), Some("tools/call"));
    passes(None, ClientToServer, None, request("tools/call", json!({"name": "web_search"})));
    let found = judge(None, ServerToClient, Some("tools/list"), &answer(json!({"tools": [{"name": "t"}]})));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].requirement, Some("tools.list.shape"));
    assert_eq!(found[0].to_string(), "`result.tools[0].inputSchema`: required, but missing");
}

#[test]
fn known_habits_pass_through_the_validator() {
    let message = json!({"jsonrpc": "2.0", "id": 1, "error": null, "result": {"content": []}});
    let habit = Dialect { null_error_beside_result: true, ..Dialect::default() };
    let validator = Validator::for_version(None);
    assert_eq!(validator.check(&message, habit, ServerToClient, Some("tools/call")), []);
    let found = validator.check(&message, Dialect::default(), ServerToClient, Some("tools/call"));
    assert_eq!(found[0].requirement, Some("base.response.result-xor-error"));
    assert_eq!(found[0].definition, "envelope");
}

#[test]
fn each_message_of_a_batch_is_judged() {
    let batch = json!([
        request("tools/call", json!({"name": "t"})),
        request("tools/call", json!({})),
        notification("notifications/cancelled", json!({})),
    ]);
    let found = judge(Some(V2025_03_26), ClientToServer, None, &batch);
    let paths: Vec<_> = found.iter().map(|v| v.path.as_str()).collect();
    assert_eq!(paths, ["[1].params.name", "[2].params.requestId"]);
}

#[test]
fn methods_of_the_other_side_and_of_extensions_are_held_to_the_envelope() {
    passes(Some(V2025_11_25), ServerToClient, None, request("tools/call", json!({})));
    passes(Some(V2025_11_25), ClientToServer, None, request("acme/own", json!({"anything": [0.5, null]})));
    passes(Some(V2025_11_25), ServerToClient, Some("acme/own"), answer(json!({"tools": 1})));
    let task = answer(json!({"task": {"taskId": "t", "status": "working"}}));
    passes(Some(V2025_11_25), ServerToClient, Some("tools/call"), task.clone());
    let expected = ("result.content", "tools.call.result-shape", "missing");
    breaks(V2025_06_18, ServerToClient, Some("tools/call"), task, expected);
}
