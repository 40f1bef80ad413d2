//! Results and errors.

use serde_json::{Value, json};

use super::harness::*;
use crate::model::Exchange;

fn failed(change: impl Fn(&mut Value)) -> Exchange {
    let mut value = json!({ "code": -32602, "message": "no such tool", "data": { "tool": "x" } });
    change(&mut value);
    error(value)
}

fn as_it_is() -> Exchange {
    failed(|_| {})
}

fn blocks(texts: &[&str]) -> Exchange {
    call(json!({ "content": texts.iter().map(|text| json!({ "type": "text", "text": text })).collect::<Vec<_>>() }))
}

fn other(value: Value) -> Exchange {
    result("completion/complete", value)
}

fn told(text: &str) -> Exchange {
    stream(&[(1.0, json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "data": text } }))])
}

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "error-code",
        fires: || pair(as_it_is(), failed(|e| e["code"] = (-32603).into())),
        misses: || pair(as_it_is(), failed(|e| e["message"] = "no".into())),
    },
    Case {
        rule: "error-message-extended",
        fires: || pair(as_it_is(), failed(|e| e["message"] = "upstream: no such tool".into())),
        misses: || pair(as_it_is(), failed(|e| e["message"] = "upstream: no such".into())),
    },
    Case {
        rule: "error-message",
        fires: || pair(as_it_is(), failed(|e| e["message"] = "internal error".into())),
        misses: || pair(as_it_is(), failed(|e| e["message"] = "upstream: no such tool".into())),
    },
    Case {
        rule: "error-data",
        fires: || pair(as_it_is(), failed(|e| e["data"] = Value::Null)),
        misses: || pair(as_it_is(), failed(|e| e["data"]["more"] = 1.into())),
    },
    Case {
        rule: "is-error-default",
        fires: || pair(call(json!({ "content": [] })), call(json!({ "content": [], "isError": false }))),
        misses: || pair(call(json!({ "content": [] })), call(json!({ "content": [], "isError": null }))),
    },
    Case {
        rule: "number-form",
        fires: || pair(other(json!({ "n": 5 })), other(json!({ "n": 5.0 }))),
        misses: || {
            pair(other(json!({ "n": 9_007_199_254_740_993_u64 })), other(json!({ "n": 9_007_199_254_740_992.0 })))
        },
    },
    Case { rule: "message-changed", fires: || pair(told("a"), told("b")), misses: || pair(told("a"), told("a")) },
    Case {
        rule: "content-lost",
        fires: || pair(blocks(&["a", "b"]), blocks(&["a"])),
        misses: || pair(blocks(&["a"]), blocks(&["b"])),
    },
    Case {
        rule: "content-reordered",
        fires: || pair(blocks(&["a", "b"]), blocks(&["b", "a"])),
        misses: || pair(blocks(&["a", "b"]), blocks(&["b", "c"])),
    },
    Case {
        rule: "text-truncated",
        fires: || pair(blocks(&["all of it"]), blocks(&["all of…"])),
        misses: || pair(blocks(&["all of it"]), blocks(&["some of it"])),
    },
    Case {
        rule: "content-changed",
        fires: || {
            pair(
                call(json!({ "structuredContent": { "a": 1 } })),
                call(json!({ "structuredContent": { "a": 1, "b": 2 } })),
            )
        },
        misses: || pair(call(json!({ "content": [{ "a": 1 }] })), call(json!({ "content": [{ "a": 1, "b": 2 }] }))),
    },
    Case {
        rule: "list-reordered",
        fires: || pair(other(json!({ "values": [1, 2] })), other(json!({ "values": [2, 1] }))),
        misses: || pair(other(json!({ "required": [1, 2] })), other(json!({ "required": [2, 1] }))),
    },
    Case {
        rule: "member-renamed",
        fires: || pair(other(json!({ "total": 12 })), other(json!({ "count": 12 }))),
        misses: || pair(other(json!({ "total": 12 })), other(json!({ "count": 13 }))),
    },
    Case {
        rule: "member-lost",
        fires: || pair(other(json!({ "total": 12 })), other(json!({}))),
        misses: || pair(other(json!({ "total": 12 })), other(json!({ "total": null }))),
    },
    Case {
        rule: "member-added",
        fires: || pair(other(json!({})), other(json!({ "total": 12 }))),
        misses: || pair(call(json!({ "structuredContent": {} })), call(json!({ "structuredContent": { "a": 1 } }))),
    },
    Case {
        rule: "type-changed",
        fires: || pair(other(json!({ "total": 12 })), other(json!({ "total": "12" }))),
        misses: || pair(other(json!({ "total": 12 })), other(json!({ "total": 13 }))),
    },
    Case {
        rule: "value-changed",
        fires: || pair(other(json!({ "total": 12 })), other(json!({ "total": 13 }))),
        misses: || pair(other(json!({ "total": 12 })), other(json!({ "total": "12" }))),
    },
];

#[test]
fn a_single_change_shows_both_values() {
    let report = compared(&[as_it_is()], &[], &[failed(|e| e["code"] = (-32603).into())]);
    assert_eq!(report.findings[0].text, "another error code: error.code -32602 → -32603  (echo)");
    assert_eq!(report.findings[0].requirement, Some("gateway.error-fidelity"));
}
