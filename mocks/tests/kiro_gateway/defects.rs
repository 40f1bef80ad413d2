//! Each defect shows: in an answer, or in what arrives at the runtime.

use gauntlet_mocks::info;
use serde_json::{Value, json};

use crate::requests::*;
use crate::support::Probe;

/// What shows one defect.
struct Row {
    id: &'static str,
    runtime: Value,
    gateway: Value,
    /// Time that passes at the runtime before each request.
    passing: Option<&'static str>,
    /// Requests, one after the other; or all at once.
    asked: Vec<Value>,
    at_once: bool,
}

impl Row {
    fn search(id: &'static str, runtime: Value, gateway: Value) -> Self {
        Self { id, runtime, gateway, passing: None, asked: vec![side_query("rust", false)], at_once: false }
    }

    fn ask(id: &'static str, runtime: Value, body: Value) -> Self {
        Self { asked: vec![body], ..Self::search(id, runtime, json!({})) }
    }

    fn after(self, passing: &'static str) -> Self {
        Self { passing: Some(passing), ..self }
    }

    fn times(self, times: usize) -> Self {
        Self { asked: vec![self.asked[0].clone(); times], ..self }
    }
}

fn rows() -> Vec<Row> {
    let none = || json!({});
    let no_profile = || json!({ "stored_profile": false });
    let desktop = || json!({ "account": "desktop" });
    let of = |member: &str, value: &str| json!({ member: value });
    let unauthorized = || json!({ "accounts": [{ "kind": "identity-center", "authorized": false }] });
    let dated = |date: Value| {
        json!({ "search_results": [{ "title": "<A>", "url": "https://example.org/a", "publishedDate": date },
            { "title": "B", "url": "https://example.org/b", "publishedDate": 1 }] })
    };
    let in_europe = || json!({ "accounts": [{ "kind": "identity-center", "profile": "arn:aws:codewhisperer:eu-central-1:123456789012:profile/EU1" }] });
    let searching = || turn("Please search the web for rust.", true, false);
    let two_rounds = || {
        let search = |query: &str| json!({ "tools": [{ "name": "web_search", "input": { "query": query } }] });
        json!({ "completions": { "script": [search("one"), search("two")] } })
    };
    let history = |message: Value| {
        json!({ "model": "m", "max_tokens": 10, "messages": [{ "role": "user", "content": "one" }, message,
            { "role": "user", "content": "two" }] })
    };
    vec![
        Row::search("bare-headers", none(), none()),
        Row::search("user-agents-mismatch", none(), none()),
        Row::search("amz-target-leaked", none(), none()),
        Row::search("tokentype-missing", of("account", "api-key"), none()),
        Row::search("client-key-forwarded", none(), none()),
        Row::search("profile-arn-omitted", none(), none()),
        Row::search("profile-arn-not-resolved", desktop(), no_profile()),
        Row::search("profile-arn-by-refresh-only", none(), no_profile()),
        Row::search("profile-arn-empty", none(), no_profile()),
        Row::search("profile-arn-in-params", none(), none()),
        Row::search("profile-arn-in-query", none(), none()),
        Row::search("profile-arn-wrong-header", none(), none()),
        Row::search("placeholder-profile", none(), none()),
        Row::search("profile-forgotten", none(), no_profile()).times(2),
        Row::search("profile-lookup-one-region", in_europe(), no_profile()),
        Row::search("sign-in-region-used", in_europe(), none()),
        Row::search("builder-id-on-runtime", of("account", "builder-id"), none()),
        Row::search("expired-token-not-refreshed", none(), none()).after("2h"),
        Row::search("expiring-token-used", none(), json!({ "cached_token": "1m" })),
        Row::search("refresh-loop", json!({ "defects": ["refresh-returns-dead-token"] }), none()).after("2h"),
        Row {
            at_once: true,
            ..Row::search(
                "refresh-in-parallel",
                json!({ "faults": [{ "delay": "200ms", "path": "/token" }] }),
                json!({ "cached_token": null }),
            )
            .times(3)
        },
        Row::search("rotated-token-forgotten", none(), none()).after("2h").times(2),
        Row::search("refresh-for-not-authorized", unauthorized(), none()),
        Row::search("retry-after-lost", json!({ "rate": { "retry_after": 7 } }), none()),
        Row::search("rate-limit-as-failure", json!({ "rate": {} }), none()),
        Row::search("retries-rate-limit", json!({ "rate": {} }), none()),
        Row::search("retries-not-authorized", unauthorized(), none()),
        Row::search("status-as-empty-success", json!({ "respond": [{ "status": 500 }] }), none()),
        Row::search("rpc-error-as-empty-success", of("tool_failure", "backend"), none()),
        Row::search("tool-error-as-empty-success", of("tool_failure", "is-error-text"), none()),
        Row::search("malformed-as-empty-success", of("result_shape", "html"), none()),
        Row::search("cut-as-empty-success", json!({ "faults": [{ "reset": true, "path": "/mcp" }] }), none()),
        Row::search(
            "refresh-failure-as-empty-success",
            json!({ "respond": [{ "on": "token", "status": 400 }] }),
            none(),
        )
        .after("2h"),
        Row::search("no-results-as-failure", json!({ "search_results": [] }), none()),
        Row::search("inner-error-ignored", of("tool_failure", "inner-error"), none()),
        Row::ask(
            "completion-cut-as-complete",
            json!({ "defects": ["completion-checksum-wrong"] }),
            turn("Good morning.", false, false),
        ),
        Row::ask("long-query-cut", none(), side_query(&"x".repeat(300), false)),
        Row::search(
            "upstream-error-leaked",
            json!({ "accounts": [{ "kind": "identity-center", "locked": true }] }),
            json!({ "failures": "status" }),
        ),
        Row::search("text-not-decoded", none(), none()),
        Row::search("iso-dates-crash", dated(json!("2026-04-07T00:00:00Z")), none()),
        Row::search("null-dates-dropped", dated(json!(null)), none()),
        Row::search("results-null-crash", of("result_shape", "results-null"), none()),
        Row::search("results-reordered", none(), none()),
        Row::search("result-dropped", none(), none()),
        Row::search("title-escaped", dated(json!(1)), none()),
        Row::search("wrong-id-accepted", json!({ "faults": [{ "wrong_id": true, "path": "/mcp" }] }), none()),
        Row::search("tool-use-id-missing", none(), none()),
        Row::search("search-usage-missing", none(), none()),
        Row {
            asked: vec![side_query("rust", true)],
            ..Row::search(
                "no-keep-alive",
                json!({ "faults": [{ "delay": "300ms", "path": "/mcp" }] }),
                json!({ "keep_alive": "100ms" }),
            )
        },
        Row::search(
            "no-timeout",
            json!({ "faults": [{ "delay": "600ms", "path": "/mcp" }] }),
            json!({ "timeout": "200ms" }),
        ),
        Row::search("login-not-checked", none(), none()),
        Row::search("bearer-not-accepted", none(), none()),
        Row {
            asked: vec![{
                let mut body = side_query("two", false);
                body["messages"] = json!([{ "role": "user", "content": "one" }, { "role": "assistant", "content": "x" },
                    { "role": "user", "content": "two" }]);
                body
            }],
            ..Row::search("query-from-first-message", none(), none())
        },
        Row::search("query-prefix-kept", none(), none()),
        Row::ask("turn-replaced-by-search", none(), turn("Good morning.", true, false)),
        Row::ask("system-role-refused", none(), history(json!({ "role": "system", "content": "x" }))),
        Row::ask(
            "own-blocks-refused",
            none(),
            history(json!({ "role": "assistant", "content": [{ "type": "web_search_tool_result", "content": [] }] })),
        ),
        Row::search("stream-false-ignored", none(), none()),
        Row::ask("server-tool-as-function", none(), turn("Good morning.", true, false)),
        Row::ask("results-never-reach-model", none(), searching()),
        Row::ask("second-round-forgets-first", two_rounds(), turn("Compare.", true, false)),
        Row::ask("leaks-when-not-streaming", none(), searching()),
        Row::ask("leaks-after-failure", of("tool_failure", "backend"), searching()),
        Row::ask("max-uses-ignored", two_rounds(), {
            let mut body = turn("Compare.", true, false);
            body["tools"][0]["max_uses"] = json!(1);
            body
        }),
    ]
}

/// Everything that can be seen, but for what differs from run to run.
async fn seen(row: &Row, defects: &[&str]) -> String {
    let mut gateway = row.gateway.clone();
    gateway["defects"] = json!(defects);
    let pair = Pair::start(row.runtime.clone(), gateway).await;
    let probe = |body: &Value| {
        let probe = pair.messages(body);
        match row.id {
            "login-not-checked" => probe.header("x-api-key", "nobody's"),
            "bearer-not-accepted" => bearer(probe),
            _ => probe,
        }
    };
    let mut answers = Vec::new();
    if row.at_once {
        let probes: Vec<Probe> = row.asked.iter().map(probe).collect();
        answers = futures_util::future::join_all(probes.iter().map(|probe| pair.send(probe))).await;
    } else {
        for body in &row.asked {
            if let Some(by) = row.passing {
                pair.runtime.control(&json!({ "advance": by })).await.expect("time passes");
            }
            answers.push(pair.send(&probe(body)).await);
        }
    }
    let answers: Vec<_> = answers.iter().map(|seen| (seen.status, seen.header("retry-after"), &seen.body)).collect();
    let arrived = pair.runtime.journal().entries();
    let arrived: Vec<_> = arrived.iter().map(|e| (&e.target, &e.headers, String::from_utf8_lossy(&e.body))).collect();
    stable(&format!("{answers:?}\n{arrived:?}"))
}

/// The key in the other header.
fn bearer(probe: Probe) -> Probe {
    let key = probe.headers.iter().find(|(name, _)| name == "x-api-key").map(|(_, key)| key.clone()).expect("a key");
    probe.without("x-api-key").header("authorization", &format!("Bearer {key}"))
}

/// Without ids, marks and times.
fn stable(text: &str) -> String {
    let marks = regex::Regex::new(r"KiroIDE-[0-9.]+-([0-9a-f]{64})").expect("a pattern");
    let mut text = text.to_owned();
    let mut known: Vec<String> = Vec::new();
    for found in marks.captures_iter(&text.clone()) {
        if !known.contains(&found[1].to_owned()) {
            known.push(found[1].to_owned());
            text = text.replace(&found[1], &format!("mark-{}", known.len()));
        }
    }
    let made = r"(web_search_tooluse_|msg_|srvtoolu_|toolu_|tooluse_)[0-9a-f]+(_[0-9]+_[0-9a-f]+)?|[0-9a-f]{8}-[0-9a-f-]{27}|127\.0\.0\.1:[0-9]+";
    let made = regex::Regex::new(made).expect("a pattern");
    made.replace_all(&text, "MADE").into_owned()
}

#[tokio::test]
async fn every_defect_shows() {
    let rows = rows();
    let info = info("kiro-gateway").expect("registered");
    for defect in info.defects {
        let row = rows.iter().find(|row| row.id == defect.id).unwrap_or_else(|| panic!("no row for {}", defect.id));
        let right = seen(row, &[]).await;
        let wrong = seen(row, &[defect.id]).await;
        assert_ne!(right, wrong, "{} changes nothing", defect.id);
        if !row.at_once && row.id != "no-keep-alive" {
            assert_eq!(right, seen(row, &[]).await, "{}: what differs is not the defect", defect.id);
        }
    }
    assert_eq!(rows.len(), info.defects.len(), "a row for a defect that does not exist");
}
