//! What servers ask of clients, in requests of their own or as input.

use super::*;

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
    let url =
        json!({"method": "elicitation/create", "params": {"mode": "url", "message": "m", "url": "https://a.example/"}});
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
