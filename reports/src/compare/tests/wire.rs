//! Headers, form and time.

use serde_json::{Value, json};

use super::harness::*;
use crate::model::{Body, Exchange};

fn steps(pause: f64) -> Exchange {
    stream(&[(1.0, progress(1)), (1.0 + pause, progress(2)), (1.0 + 2.0 * pause, progress(3))])
}

fn with(name: &str, value: &str) -> Exchange {
    with_header(said("a"), name, value)
}

fn one_event() -> Exchange {
    stream(&[])
}

fn as_json() -> Exchange {
    call(json!({ "content": [] }))
}

fn named_events(name: Option<&str>) -> Exchange {
    let mut exchange = steps(0.0);
    if let Some(Body::Events(events)) = exchange.response.as_mut().map(|r| &mut r.body) {
        events.iter_mut().for_each(|event| event.event = name.map(str::to_owned));
    }
    exchange
}

fn log(n: u32) -> Value {
    notice("notifications/message", n)
}

fn sampling(n: u32) -> Value {
    json!({ "jsonrpc": "2.0", "id": n, "method": "sampling/createMessage", "params": {} })
}

fn together(messages: &[Value]) -> Exchange {
    stream(&messages.iter().map(|message| (1.0, message.clone())).collect::<Vec<_>>())
}

/// Two pages, or one.
fn listed(order: [&str; 2]) -> Exchange {
    tools(json!([tool(order[0]), tool(order[1])]))
}

pub(super) const CASES: &[Case] = &[
    Case {
        rule: "session-id",
        fires: || pair(said("a"), with("mcp-session-id", "1")),
        misses: || pair(with("mcp-session-id", "1"), with("mcp-session-id", "2")),
    },
    Case {
        rule: "connection-headers",
        fires: || pair(said("a"), with("via", "1.1 proxy")),
        misses: || pair(said("a"), with("x-via", "proxy")),
    },
    Case {
        rule: "content-type-parameters",
        fires: || pair(said("a"), with("content-type", "application/json; charset=utf-8")),
        misses: || pair(said("a"), with("content-type", "text/json")),
    },
    Case {
        rule: "content-type",
        fires: || pair(said("a"), with("content-type", "text/plain")),
        misses: || pair(said("a"), with("content-type", "Application/JSON;charset=utf-8")),
    },
    Case {
        rule: "header-lost",
        fires: || pair(with_header(bare(429), "retry-after", "3"), bare(429)),
        misses: || pair(with_header(bare(429), "x-quota", "3"), bare(429)),
    },
    Case {
        rule: "header-changed",
        fires: || {
            pair(
                with_header(bare(401), "www-authenticate", "Bearer"),
                with_header(bare(401), "www-authenticate", "Basic"),
            )
        },
        misses: || {
            pair(
                with_header(bare(401), "www-authenticate", "Bearer"),
                with_header(bare(401), "www-authenticate", "Bearer"),
            )
        },
    },
    Case {
        rule: "header-added",
        fires: || pair(said("a"), with("x-served-by", "gateway")),
        misses: || pair(with("x-served-by", "server"), said("a")),
    },
    Case {
        rule: "header-dropped",
        fires: || pair(with("x-served-by", "server"), said("a")),
        misses: || pair(with("retry-after", "1"), said("a")),
    },
    Case {
        rule: "stream-as-json",
        fires: || {
            // What stood in the stream beside the answer is lost as well, which is told for itself.
            let doubled = json!({ "jsonrpc": "2.0", "id": 9, "result": {} });
            pair(together(&[doubled]), as_json())
        },
        misses: || pair(one_event(), as_json()),
    },
    Case { rule: "answer-form", fires: || pair(as_json(), one_event()), misses: || pair(steps(0.0), steps(0.0)) },
    Case { rule: "buffered", fires: || pair(steps(100.0), steps(1.0)), misses: || pair(steps(100.0), steps(60.0)) },
    Case {
        rule: "progress-lost",
        fires: || pair(steps(0.0), together(&[progress(1), progress(3)])),
        misses: || pair(together(&[log(1), log(2)]), together(&[log(1)])),
    },
    Case {
        rule: "notification-lost",
        fires: || pair(together(&[log(1), log(2)]), together(&[log(1)])),
        misses: || pair(together(&[sampling(1), log(2)]), together(&[log(2)])),
    },
    Case {
        rule: "server-request-lost",
        fires: || pair(together(&[sampling(1), log(2)]), together(&[log(2)])),
        misses: || pair(together(&[sampling(1)]), together(&[sampling(2)])),
    },
    Case {
        rule: "message-added",
        fires: || pair(together(&[log(1)]), together(&[log(1), log(2)])),
        misses: || pair(together(&[log(1)]), together(&[log(1)])),
    },
    Case {
        rule: "messages-reordered",
        fires: || pair(together(&[log(1), progress(1)]), together(&[progress(1), log(1)])),
        misses: || pair(together(&[log(1), log(2)]), together(&[log(2), log(1)])),
    },
    Case {
        rule: "event-fields",
        fires: || pair(named_events(None), named_events(Some("progress"))),
        misses: || pair(named_events(None), named_events(Some("message"))),
    },
    Case {
        rule: "page-size",
        fires: || [pages(&[&["a"], &["b"]]), pages(&[&["a", "b"]])],
        misses: || [pages(&[&["a"], &["b", "c"]]), pages(&[&["a", "b"], &["c"]])],
    },
    Case {
        rule: "member-order",
        fires: || pair(call(json!({ "a": 1, "b": 2 })), call(json!({ "b": 2, "a": 1 }))),
        misses: || pair(listed(["a", "b"]), listed(["b", "a"])),
    },
];

/// A list in pages.
pub(super) fn pages(pages: &[&[&str]]) -> Vec<Exchange> {
    let page = |(i, names): (usize, &&[&str])| {
        let mut value = json!({ "tools": names.iter().map(|name| tool(name)).collect::<Vec<_>>() });
        if i + 1 < pages.len() {
            value["nextCursor"] = format!("page {}", i + 1).into();
        }
        let params = if i == 0 { json!({}) } else { json!({ "cursor": format!("page {i}") }) };
        exchange("tools/list", params, Some(200), answer("result", value))
    };
    pages.iter().enumerate().map(page).collect()
}

#[test]
fn a_body_under_a_wrong_label_is_told() {
    let mislabelled = with_header(as_json(), "content-type", "text/plain");
    assert_eq!(rules(pair(one_event(), mislabelled)), ["content-type", "answer-form"]);
}
