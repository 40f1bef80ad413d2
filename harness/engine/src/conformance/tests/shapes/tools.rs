//! `tools/list` and `tools/call`.

use super::*;

#[test]
fn tools_have_a_name_and_an_input_schema() {
    let tool = json!({"name": "t", "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}}}});
    let list =
        |tool: Value| answer(json!({"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "tools": [tool]}));
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
fn a_hostile_answer_does_not_drown_the_report() {
    let tools: Vec<Value> = (0..100_000).map(|_| json!({})).collect();
    let found = judge(Some(V2025_11_25), ServerToClient, Some("tools/list"), &answer(json!({"tools": tools})));
    assert_eq!(found.len(), 20);
}
