//! What a server says of itself and of what it has.

use serde_json::{Value, json};

use super::harness::*;
use crate::model::Exchange;

fn opened(change: impl Fn(&mut Value)) -> Exchange {
    let mut value = json!({
        "protocolVersion": "2025-06-18",
        "capabilities": { "tools": { "listChanged": true }, "logging": {} },
        "serverInfo": { "name": "server", "version": "1" },
        "instructions": "Ask nicely.",
    });
    change(&mut value);
    exchange("initialize", json!({ "protocolVersion": "2025-03-26" }), Some(200), answer("result", value))
}

fn as_it_is() -> Exchange {
    opened(|_| {})
}

fn discovered(versions: &[&str]) -> Exchange {
    result("server/discover", json!({ "supportedVersions": versions }))
}

fn named(names: &[&str]) -> Exchange {
    tools(names.iter().map(|name| tool(name)).collect())
}

fn plain() -> Exchange {
    tool_with(|_| {})
}

fn with_meta(meta: Value) -> Exchange {
    tool_with(|tool| tool["_meta"] = meta.clone())
}

fn remove(value: &mut Value, name: &str) {
    if let Some(members) = value.as_object_mut() {
        members.shift_remove(name);
    }
}

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "server-info",
        fires: || pair(as_it_is(), opened(|v| v["serverInfo"]["name"] = "proxy".into())),
        misses: || pair(as_it_is(), opened(|v| remove(v, "serverInfo"))),
    },
    Case {
        rule: "protocol-version-echoed",
        fires: || pair(as_it_is(), opened(|v| v["protocolVersion"] = "2025-03-26".into())),
        misses: || pair(as_it_is(), opened(|v| v["protocolVersion"] = "2024-11-05".into())),
    },
    Case {
        rule: "protocol-version",
        fires: || pair(as_it_is(), opened(|v| v["protocolVersion"] = "2024-11-05".into())),
        misses: || pair(as_it_is(), opened(|v| v["protocolVersion"] = "2025-03-26".into())),
    },
    Case {
        rule: "supported-versions",
        fires: || pair(discovered(&["a", "b"]), discovered(&["b"])),
        misses: || pair(discovered(&["a", "b"]), discovered(&["a", "b"])),
    },
    Case {
        rule: "capability-added",
        fires: || pair(as_it_is(), opened(|v| v["capabilities"]["prompts"] = json!({}))),
        misses: || pair(as_it_is(), opened(|v| v["capabilities"]["tools"] = json!({ "listChanged": false }))),
    },
    Case {
        rule: "capability-lost",
        fires: || pair(as_it_is(), opened(|v| remove(&mut v["capabilities"], "logging"))),
        misses: || pair(as_it_is(), opened(|v| v["capabilities"]["prompts"] = json!({}))),
    },
    Case {
        rule: "instructions-extended",
        fires: || pair(as_it_is(), opened(|v| v["instructions"] = "This is a proxy. Ask nicely.".into())),
        misses: || pair(as_it_is(), opened(|v| v["instructions"] = "This is a proxy.".into())),
    },
    Case {
        rule: "item-lost",
        fires: || pair(named(&["a", "b"]), named(&["a"])),
        misses: || pair(named(&["a", "b"]), named(&["b", "a"])),
    },
    Case {
        rule: "item-renamed",
        fires: || pair(renamed("find"), renamed("server__find")),
        misses: || pair(renamed("find"), renamed("finder")),
    },
    Case {
        rule: "item-duplicated",
        fires: || pair(named(&["a", "b"]), named(&["a", "b", "a"])),
        misses: || pair(named(&["a", "b", "a"]), named(&["a", "b", "a"])),
    },
    Case {
        rule: "item-added",
        fires: || pair(named(&["a"]), named(&["a", "b"])),
        misses: || pair(named(&["a"]), named(&["a", "a"])),
    },
    Case {
        rule: "items-reordered",
        fires: || pair(named(&["a", "b"]), named(&["b", "a"])),
        misses: || pair(named(&["a", "b"]), named(&["a", "x", "b"])),
    },
    Case {
        rule: "argument-added",
        fires: || pair(plain(), tool_with(|t| t["inputSchema"]["properties"]["profile"] = json!({}))),
        misses: || pair(plain(), tool_with(|t| t["inputSchema"]["properties"]["message"] = json!({}))),
    },
    Case {
        rule: "argument-required",
        fires: || pair(plain(), tool_with(|t| t["inputSchema"]["required"] = json!(["message", "profile"]))),
        misses: || pair(plain(), tool_with(|t| t["inputSchema"]["required"] = json!([]))),
    },
    Case {
        rule: "schema-annotated",
        fires: || pair(plain(), tool_with(|t| t["inputSchema"]["title"] = "Echo".into())),
        misses: || pair(plain(), tool_with(|t| t["inputSchema"]["additionalProperties"] = false.into())),
    },
    Case {
        rule: "schema-changed",
        fires: || pair(plain(), tool_with(|t| t["inputSchema"]["properties"]["message"]["type"] = "number".into())),
        misses: || pair(plain(), tool_with(|t| t["description"] = "echoes".into())),
    },
    Case {
        rule: "meta-reserved",
        fires: || pair(plain(), with_meta(json!({ "io.modelcontextprotocol/own": 1 }))),
        misses: || pair(plain(), with_meta(json!({ "com.modelcontextprotocol-proxy/own": 1 }))),
    },
    Case {
        rule: "meta-added",
        fires: || pair(with_meta(json!({ "a": 1 })), with_meta(json!({ "a": 1, "com.example/tags": [] }))),
        misses: || pair(with_meta(json!({ "a": {} })), with_meta(json!({ "a": { "b": 1 } }))),
    },
    Case {
        rule: "meta-lost",
        fires: || pair(with_meta(json!({ "a": 1 })), plain()),
        misses: || pair(with_meta(json!({ "a": 1 })), with_meta(json!({ "a": 2 }))),
    },
    Case {
        rule: "meta-changed",
        fires: || pair(with_meta(json!({ "a": 1 })), with_meta(json!({ "a": 2 }))),
        misses: || pair(with_meta(json!({ "a": 1 })), with_meta(json!({ "a": 1, "b": 2 }))),
    },
];

fn renamed(name: &str) -> Exchange {
    tool_with(|tool| tool["name"] = name.into())
}

#[test]
fn lines_name_what_is_concerned() {
    let with_profile = |names: &[&str]| {
        let changed = names.iter().map(|name| {
            let mut tool = tool(name);
            tool["inputSchema"]["properties"]["aws_profile"] = json!({ "type": "string" });
            tool
        });
        tools(changed.collect())
    };
    let told = |left: Exchange, right: Exchange| compared(&[left], &[], &[right]).findings[0].text.clone();
    assert_eq!(told(named(&["a", "b", "c"]), with_profile(&["a", "b", "c"])), "+ aws_profile in 3 input schemas");
    assert_eq!(told(named(&["a", "b", "c", "d", "e"]), named(&["e"])), "tools lost: a, b, c and 1 more");
    assert_eq!(told(renamed("find"), renamed("server__find")), "tools renamed: find → server__find");
}
