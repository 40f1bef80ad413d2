//! Messages against the shapes of each version.

use gauntlet_format::Version;
use serde_json::{Value, json};

use super::super::{Dialect, Direction, Validator, Violation};

use Direction::{ClientToServer, ServerToClient};
use Version::{V2024_11_05, V2025_03_26, V2025_06_18, V2025_11_25, V2026_07_28};

const UP_TO_2025_11_25: [Version; 4] = [V2024_11_05, V2025_03_26, V2025_06_18, V2025_11_25];

fn judge(version: Option<Version>, from: Direction, answers: Option<&str>, message: &Value) -> Vec<Violation> {
    Validator::for_version(version).check(message, Dialect::default(), from, answers)
}

fn request(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

fn notification(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

fn answer(result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "result": result})
}

fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// `{ …base, …more }`; null takes a member away.
fn with(base: &Value, more: Value) -> Value {
    let mut whole = base.clone();
    for (name, value) in more.as_object().expect("an object") {
        let members = whole.as_object_mut().expect("an object");
        match value {
            Value::Null => members.shift_remove(name),
            value => members.insert(name.clone(), value.clone()),
        };
    }
    whole
}

#[track_caller]
fn passes(version: Option<Version>, from: Direction, answers: Option<&str>, message: Value) {
    assert_eq!(judge(version, from, answers, &message), [], "{version:?} {message}");
}

/// Exactly one violation, at this path, for this requirement, with this in its reason.
#[track_caller]
fn breaks(
    version: Version,
    from: Direction,
    answers: Option<&str>,
    message: Value,
    (path, requirement, reason): (&str, &str, &str),
) {
    let found = judge(Some(version), from, answers, &message);
    let [violation] = found.as_slice() else {
        panic!("{version} {message}: expected one violation of {requirement}, found {found:#?}");
    };
    assert_eq!(violation.path, path, "{version} {message}");
    assert_eq!(violation.requirement, Some(requirement), "{version} {message}");
    assert!(violation.reason.contains(reason), "expected `{reason}` in `{}`", violation.reason);
}

#[test]
fn initialize_opens_the_versions_with_sessions() {
    let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}});
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

#[test]
fn tools_have_a_name_and_an_input_schema() {
    let tool = json!({"name": "t", "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}}}});
    let list = |tool: Value| answer(json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "tools": [tool]}));
    let listing = Some("tools/list");
    let cases = [
        (json!({"name": null}), ("result.tools[0].name", "tools.list.shape", "missing")),
        (json!({"inputSchema": null}), ("result.tools[0].inputSchema", "tools.list.shape", "missing")),
        (json!({"inputSchema": {}}), ("result.tools[0].inputSchema.type", "tools.list.shape", "missing")),
        (
            json!({"inputSchema": {"type": "string"}}),
            ("result.tools[0].inputSchema.type", "tools.list.shape", "must be \"object\""),
        ),
        (json!({"description": 1}), ("result.tools[0].description", "tools.list.shape", "string")),
    ];
    for version in Version::ALL {
        passes(Some(version), ServerToClient, listing, list(tool.clone()));
        for (change, expected) in &cases {
            breaks(version, ServerToClient, listing, list(with(&tool, change.clone())), *expected);
        }
        let missing = answer(json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}));
        breaks(version, ServerToClient, listing, missing, ("result.tools", "tools.list.shape", "missing"));
    }
    let hintless = answer(json!({"resultType": "complete", "tools": []}));
    assert_eq!(judge(Some(V2025_11_25), ServerToClient, listing, &hintless), []);
    let found = judge(Some(V2026_07_28), ServerToClient, listing, &hintless);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|v| v.requirement == Some("caching.hints.tools-list")));
}

#[test]
fn what_a_tool_may_say_depends_on_the_version() {
    let tool = json!({"name": "t", "inputSchema": {"type": "object"}});
    // (change, the versions in which it is a fault, path below the tool)
    let cases: [(Value, &[Version], &str); 7] = [
        (json!({"annotations": {"readOnlyHint": "no"}}), &Version::ALL[1..], "annotations.readOnlyHint"),
        (json!({"title": 1}), &Version::ALL[2..], "title"),
        (json!({"outputSchema": {"type": "array"}}), &[V2025_06_18, V2025_11_25], "outputSchema.type"),
        (json!({"outputSchema": "x"}), &Version::ALL[2..], "outputSchema"),
        (json!({"icons": [{"src": "not a uri"}]}), &Version::ALL[3..], "icons[0].src"),
        (json!({"execution": {"taskSupport": "maybe"}}), &[V2025_11_25], "execution.taskSupport"),
        (
            json!({"inputSchema": {"type": "object", "properties": {"q": true}}}),
            &UP_TO_2025_11_25,
            "inputSchema.properties.q",
        ),
    ];
    for (change, faulty_in, below) in cases {
        for version in Version::ALL {
            let tools = json!([with(&tool, change.clone())]);
            let message =
                answer(json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "tools": tools}));
            let found = judge(Some(version), ServerToClient, Some("tools/list"), &message);
            let paths: Vec<_> = found.iter().map(|v| v.path.clone()).collect();
            let expected: Vec<_> =
                faulty_in.contains(&version).then(|| format!("result.tools[0].{below}")).into_iter().collect();
            assert_eq!(paths, expected, "{version} {change}");
        }
    }
}

#[test]
fn a_tool_is_called_by_name_with_an_object() {
    for version in Version::ALL {
        let call = |params: Value| request("tools/call", with(&params, json!({"_meta": meta()})));
        passes(Some(version), ClientToServer, None, call(json!({"name": "t", "arguments": {"half": 0.5}})));
        let expected = "base.client.envelope";
        breaks(version, ClientToServer, None, call(json!({})), ("params.name", expected, "missing"));
        let array = call(json!({"name": "t", "arguments": []}));
        breaks(version, ClientToServer, None, array, ("params.arguments", expected, "must be of type object"));
    }
}

#[test]
fn content_blocks_are_told_apart_by_type() {
    let call = Some("tools/call");
    let result = |block: Value| answer(json!({"resultType": "complete", "content": [block]}));
    let image = json!({"type": "image", "data": "aGk=", "mimeType": "image/png"});
    let resource = json!({"type": "resource", "resource": {"uri": "file:///a", "text": ""}});
    let good = [json!({"type": "text", "text": ""}), image.clone(), resource.clone()];
    let shape = "tools.call.result-shape";
    let bad = [
        (json!("text"), ("result.content[0]", shape, "must be of type object")),
        (json!({"text": "x"}), ("result.content[0].type", shape, "missing")),
        (json!({"type": "video"}), ("result.content[0].type", shape, "must be one of \"text\", \"image\"")),
        (json!({"type": "text"}), ("result.content[0].text", shape, "missing")),
        (with(&image, json!({"mimeType": null})), ("result.content[0].mimeType", shape, "missing")),
        (with(&image, json!({"data": "%%"})), ("result.content[0].data", "tools.content.base64", "base64")),
        (json!({"type": "resource"}), ("result.content[0].resource", shape, "missing")),
        (
            json!({"type": "resource", "resource": {"uri": "file:///a"}}),
            ("result.content[0].resource.text", shape, "missing"),
        ),
        (
            json!({"type": "resource", "resource": {"uri": "file:///a", "blob": "a b"}}),
            ("result.content[0].resource.blob", "tools.content.base64", "base64"),
        ),
        (
            json!({"type": "resource", "resource": {"uri": "no scheme", "text": ""}}),
            ("result.content[0].resource.uri", shape, "must be an absolute URI"),
        ),
        (
            json!({"type": "text", "text": "x", "annotations": {"priority": 2}}),
            ("result.content[0].annotations.priority", "resources.annotations-ranges", "at most 1"),
        ),
    ];
    for version in Version::ALL {
        for block in &good {
            passes(Some(version), ServerToClient, call, result(block.clone()));
        }
        for (block, expected) in &bad {
            breaks(version, ServerToClient, call, result(block.clone()), *expected);
        }
        passes(Some(version), ServerToClient, call, answer(json!({"resultType": "complete", "content": []})));
        let none = answer(json!({"resultType": "complete", "structuredContent": {}}));
        breaks(version, ServerToClient, call, none, ("result.content", shape, "missing"));
        let flag = answer(json!({"resultType": "complete", "content": [], "isError": "no"}));
        breaks(version, ServerToClient, call, flag, ("result.isError", shape, "boolean"));
    }
    let later = [
        (json!({"type": "audio", "data": "aGk", "mimeType": "audio/wav"}), V2025_03_26),
        (json!({"type": "resource_link", "uri": "tide://BRE", "name": "n"}), V2025_06_18),
    ];
    for (block, since) in later {
        for version in Version::ALL {
            if version < since {
                let expected = ("result.content[0].type", shape, "must be one of");
                breaks(version, ServerToClient, call, result(block.clone()), expected);
            } else {
                passes(Some(version), ServerToClient, call, result(block.clone()));
            }
        }
    }
}

#[test]
fn structured_content_was_an_object_for_two_versions() {
    let structured = answer(json!({"resultType": "complete", "content": [], "structuredContent": [1]}));
    let call = Some("tools/call");
    let expected = ("result.structuredContent", "tools.structured.object", "must be of type object");
    breaks(V2025_06_18, ServerToClient, call, structured.clone(), expected);
    breaks(V2025_11_25, ServerToClient, call, structured.clone(), expected);
    for version in [V2024_11_05, V2025_03_26, V2026_07_28] {
        passes(Some(version), ServerToClient, call, structured.clone());
    }
}

#[test]
fn input_required_asks_for_something() {
    let form = json!({"method": "elicitation/create", "params": {
        "message": "How long?",
        "requestedSchema": {"type": "object", "properties": {"metres": {"type": "number", "minimum": 0.5}}},
    }});
    let asks = |kind: Value| answer(json!({"resultType": "input_required", "inputRequests": {"a": kind}}));
    let call = Some("tools/call");
    passes(Some(V2026_07_28), ServerToClient, call, asks(form.clone()));
    passes(
        Some(V2026_07_28),
        ServerToClient,
        Some("prompts/get"),
        answer(json!({"resultType": "input_required", "requestState": "s"})),
    );
    let url = json!({"method": "elicitation/create", "params": {"mode": "url", "message": "m", "url": "https://a.example/"}});
    passes(Some(V2026_07_28), ServerToClient, call, asks(url));
    let sampling = json!({"method": "sampling/createMessage", "params": {
        "messages": [{"role": "user", "content": {"type": "text", "text": "hi"}}], "maxTokens": 10,
    }});
    passes(Some(V2026_07_28), ServerToClient, call, asks(sampling.clone()));
    passes(Some(V2026_07_28), ServerToClient, call, asks(json!({"method": "roots/list"})));

    let kinds = "mrtr.input-request-kinds";
    let cases = [
        (answer(json!({"resultType": "input_required"})), ("result", "mrtr.result-shape", "neither")),
        (
            answer(json!({"resultType": "input_required", "requestState": 1})),
            ("result.requestState", "mrtr.result-shape", "string"),
        ),
        (asks(json!({"method": "ping"})), ("result.inputRequests.a.method", kinds, "must be one of")),
        (asks(with(&form, json!({"id": 1}))), ("result.inputRequests.a.id", kinds, "does not belong here")),
        (asks(with(&form, json!({"params": null}))), ("result.inputRequests.a.params", kinds, "missing")),
        (
            asks(json!({"method": "elicitation/create", "params": {"mode": "url", "message": "m", "url": "here"}})),
            ("result.inputRequests.a.params.url", "elicitation.url.params", "must be an absolute URI"),
        ),
        (
            asks(json!({"method": "elicitation/create", "params": {
                "message": "m", "requestedSchema": {"type": "object", "properties": {"a": {"type": "object"}}}}})),
            (
                "result.inputRequests.a.params.requestedSchema.properties.a.type",
                "elicitation.schema-flat",
                "must be one of",
            ),
        ),
        (
            asks(json!({"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 0}})),
            ("result.inputRequests.a.params.maxTokens", "sampling.server-request-shape", "at least 1"),
        ),
    ];
    for (message, expected) in cases {
        breaks(V2026_07_28, ServerToClient, call, message, expected);
    }
    let elsewhere = answer(json!({"resultType": "input_required", "requestState": "s"}));
    let expected = ("result.resultType", "mrtr.only-three-methods", "`tools/list` is never answered");
    breaks(V2026_07_28, ServerToClient, Some("tools/list"), elsewhere.clone(), expected);
    passes(Some(V2026_07_28), ServerToClient, Some("acme/own"), elsewhere);
}

#[test]
fn retried_requests_carry_answers() {
    let retry = |response: Value| {
        let params = json!({"_meta": meta(), "name": "t", "requestState": "s", "inputResponses": {"a": response}});
        request("tools/call", params)
    };
    for good in [
        json!({"action": "accept", "content": {"metres": 8.5, "name": "x", "ok": true, "tags": ["a"]}}),
        json!({"action": "decline"}),
        json!({"roots": [{"uri": "file:///a"}]}),
        json!({"role": "assistant", "content": [{"type": "text", "text": "x"}], "model": "m"}),
    ] {
        passes(Some(V2026_07_28), ClientToServer, None, retry(good));
    }
    let cases = [
        (json!({"ok": true}), ("params.inputResponses.a", "base.client.envelope", "none of the shapes")),
        (
            json!({"action": "maybe"}),
            ("params.inputResponses.a.action", "elicitation.result-shape", "\"accept\", \"decline\", \"cancel\""),
        ),
        (
            json!({"action": "accept", "content": {"a": {}}}),
            ("params.inputResponses.a.content.a", "elicitation.result-shape", "this is an object"),
        ),
        (
            json!({"roots": [{"uri": "https://a.example/"}]}),
            ("params.inputResponses.a.roots[0].uri", "roots.file-uris", "file://"),
        ),
    ];
    for (response, expected) in cases {
        breaks(V2026_07_28, ClientToServer, None, retry(response), expected);
    }
}

#[test]
fn servers_ask_clients_up_to_2025_11_25() {
    let elicit = json!({"message": "m", "requestedSchema": {"type": "object", "properties": {}}});
    for version in [V2025_06_18, V2025_11_25] {
        passes(Some(version), ServerToClient, None, request("elicitation/create", elicit.clone()));
        passes(Some(version), ClientToServer, Some("elicitation/create"), answer(json!({"action": "cancel"})));
        let fraction = answer(json!({"action": "accept", "content": {"metres": 8.5}}));
        passes(Some(version), ClientToServer, Some("elicitation/create"), fraction);
        let expected = ("result.action", "elicitation.result-shape", "missing");
        breaks(version, ClientToServer, Some("elicitation/create"), answer(json!({})), expected);
    }
    for version in UP_TO_2025_11_25 {
        passes(Some(version), ServerToClient, None, json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}));
        passes(Some(version), ClientToServer, Some("ping"), answer(json!({"extra": 1})));
        let expected = ("result.role", "sampling.result-shape", "missing");
        let sampled = answer(json!({"content": {"type": "text", "text": "x"}, "model": "m"}));
        breaks(version, ClientToServer, Some("sampling/createMessage"), sampled, expected);
        let expected = ("result.roots", "base.client.envelope", "missing");
        breaks(version, ClientToServer, Some("roots/list"), answer(json!({})), expected);
    }
    let several = answer(json!({"role": "assistant", "model": "m", "content": [{"type": "text", "text": "x"}]}));
    passes(Some(V2025_11_25), ClientToServer, Some("sampling/createMessage"), several.clone());
    let expected = ("result.content", "sampling.result-shape", "must be of type object; this is an array");
    breaks(V2025_06_18, ClientToServer, Some("sampling/createMessage"), several, expected);

    let url = json!({"mode": "url", "message": "m", "url": "https://a.example/"});
    let expected = ("params.elicitationId", "elicitation.url.params", "missing");
    breaks(V2025_11_25, ServerToClient, None, request("elicitation/create", url), expected);

    let expected = ("method", "mrtr.no-server-requests", "`ping`");
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    breaks(V2026_07_28, ServerToClient, None, ping, expected);
}

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
            let found =
                judge(Some(version), ServerToClient, None, &notification(method, with(params, change.clone())));
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
    let error = |code: i64, data: Value| {
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": "m", "data": data}})
    };
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

#[test]
fn a_hostile_answer_does_not_drown_the_report() {
    let tools: Vec<Value> = (0..100_000).map(|_| json!({})).collect();
    let found = judge(Some(V2025_11_25), ServerToClient, Some("tools/list"), &answer(json!({"tools": tools})));
    assert_eq!(found.len(), 20);
}
