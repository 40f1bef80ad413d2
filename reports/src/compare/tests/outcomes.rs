//! What an exchange comes to.

use serde_json::json;

use super::harness::*;

fn fails(code: i64) -> crate::model::Exchange {
    error(json!({ "code": code, "message": "the server is tired" }))
}

fn tool_error() -> crate::model::Exchange {
    call(json!({ "isError": true, "content": [{ "type": "text", "text": "the server is tired" }] }))
}

pub(super) const CASES: &[Case] = &[
    Case { rule: "answer-lost", fires: || pair(said("a"), silence()), misses: || pair(silence(), silence()) },
    Case { rule: "failure-as-success", fires: || pair(fails(1), call(json!({}))), misses: || pair(fails(1), fails(1)) },
    Case {
        rule: "error-as-tool-error",
        fires: || pair(fails(1), tool_error()),
        misses: || pair(tool_error(), tool_error()),
    },
    Case { rule: "tool-error-as-error", fires: || pair(tool_error(), fails(1)), misses: || pair(bare(403), fails(1)) },
    Case { rule: "error-body-lost", fires: || pair(fails(1), bare(502)), misses: || pair(bare(502), bare(502)) },
    Case { rule: "refusal-as-error", fires: || pair(bare(403), fails(1)), misses: || pair(bare(302), fails(1)) },
    Case { rule: "failure-told", fires: || pair(silence(), bare(504)), misses: || pair(silence(), said("a")) },
    Case { rule: "success-as-failure", fires: || pair(said("a"), fails(1)), misses: || pair(silence(), fails(1)) },
    Case { rule: "answer-changed", fires: || pair(bare(302), bare(403)), misses: || pair(bare(204), bare(403)) },
    Case { rule: "status", fires: || pair(bare(403), bare(404)), misses: || pair(bare(403), bare(403)) },
    Case {
        rule: "id-changed",
        fires: || {
            let other = crate::model::Body::Json(json!({ "jsonrpc": "2.0", "id": "7", "result": {} }));
            pair(call(json!({})), exchange("tools/call", json!({ "name": "echo" }), Some(200), other))
        },
        misses: || {
            let mut elsewhere = call(json!({}));
            elsewhere.request.body = crate::model::Body::Json(
                json!({ "jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": { "name": "echo" } }),
            );
            if let Some(response) = &mut elsewhere.response {
                response.body = crate::model::Body::Json(json!({ "jsonrpc": "2.0", "id": 8, "result": {} }));
            }
            pair(call(json!({})), elsewhere)
        },
    },
];

#[test]
fn a_line_says_what_became_of_what() {
    let told = |pair: [crate::model::Exchange; 2]| {
        let [left, right] = pair;
        compared(&[left], &[], &[right]).findings.iter().map(|f| f.text.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        told([fails(-32602), tool_error()]),
        ["an error became an isError result: JSON-RPC error -32602 → isError result, its message kept  (echo)"]
    );
    assert_eq!(
        told([tool_error(), error(json!({ "code": -32603, "message": "internal" }))]),
        ["an isError result became an error: isError result → JSON-RPC error -32603, its message lost  (echo)"]
    );
    assert_eq!(
        told([fails(-32603), call(json!({ "content": [], "_meta": { "a": 1 } }))]),
        ["a failure became a success: JSON-RPC error -32603 → result, an empty one  (echo)"]
    );
    assert_eq!(told([bare(403), bare(404)]), ["another HTTP status: 403 → 404  (echo)"]);
}
