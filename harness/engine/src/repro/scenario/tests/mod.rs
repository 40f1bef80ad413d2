mod behind;
mod headers;
mod known;
mod overlap;
mod round_trip;
mod titles;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gauntlet_format::{Scenario, Source, lint};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::*;
use crate::repro::recording::{Payload, Received, STDIN, Sent, Transport};

const URL: &str = "https://gateway.example.com/mcp";

fn list(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Entries one second apart.
#[derive(Default)]
struct Tape(Vec<Entry>);

impl Tape {
    #[expect(clippy::too_many_arguments, reason = "the parts of an exchange")]
    fn add(
        &mut self,
        method: &str,
        url: &str,
        sent: &[(&str, &str)],
        body: &str,
        status: u16,
        received: &[(&str, &str)],
        answer: &str,
    ) -> &mut Self {
        let transport = if method == STDIN { Transport::Stdio } else { Transport::Http };
        self.0.push(Entry {
            transport,
            session: None,
            behind: None,
            started_at: OffsetDateTime::UNIX_EPOCH + Duration::from_secs(self.0.len() as u64),
            began: None,
            elapsed: Duration::from_millis(5),
            request: Sent {
                method: method.to_owned(),
                url: url.to_owned(),
                http_version: None,
                headers: list(sent),
                body: Payload::whole(Bytes::from(body.to_owned())),
            },
            response: (status > 0).then(|| Received {
                status: (transport == Transport::Http).then_some(status),
                http_version: None,
                headers: list(received),
                body: Payload::whole(Bytes::from(answer.to_owned())),
                arrivals: Vec::new(),
            }),
            failure: None,
        });
        self
    }

    /// A JSON-RPC message and its JSON answer.
    fn rpc(&mut self, sent: &[(&str, &str)], body: Value, status: u16, answer: Value) -> &mut Self {
        self.rpc_with(sent, body, status, &[], answer)
    }

    fn rpc_with(
        &mut self,
        sent: &[(&str, &str)],
        body: Value,
        status: u16,
        received: &[(&str, &str)],
        answer: Value,
    ) -> &mut Self {
        let sent: Vec<_> = [("accept", "application/json, text/event-stream"), ("content-type", "application/json")]
            .iter()
            .chain(sent)
            .copied()
            .collect();
        let received: Vec<_> = [("content-type", "application/json")].iter().chain(received).copied().collect();
        let answer = if answer.is_null() { String::new() } else { answer.to_string() };
        self.add("POST", URL, &sent, &body.to_string(), status, &received, &answer)
    }

    /// A handshake as usual, with the session id `session-0123456789`.
    fn opened(&mut self) -> &mut Self {
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}});
        let agreed = json!({"jsonrpc": "2.0", "id": 0, "result": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}});
        self.rpc_with(&[], hello, 200, &[("mcp-session-id", "session-0123456789")], agreed);
        self.rpc(&SESSION, json!({"jsonrpc": "2.0", "method": "notifications/initialized"}), 202, Value::Null)
    }

    fn draft(&self, options: &Options) -> Draft {
        let recording = Recording { creator: Some("Browser 1".to_owned()), entries: self.0.clone() };
        write(&recording, options).unwrap()
    }

    /// The scenario as a value, and its text.
    fn read(&self, options: &Options) -> (Value, String) {
        let draft = self.draft(options);
        clean(&draft.yaml);
        let source = Source { path: "draft.yaml".into(), text: draft.yaml.as_str().into() };
        (gauntlet_format::yaml::parse(&Arc::new(source), 0).unwrap().to_json(), draft.yaml)
    }
}

impl Tape {
    /// When the last entry began, and how long it took, in milliseconds.
    fn at(&mut self, began: u64, took: u64) -> &mut Self {
        let last = self.0.last_mut().unwrap();
        last.started_at = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(60) + Duration::from_millis(began);
        last.elapsed = Duration::from_millis(took);
        self
    }

    /// A request of the session, answered with an empty result.
    fn asked(&mut self, id: u64, method: &str, params: Value) -> &mut Self {
        self.rpc(&SESSION, call(id, method, params), 200, result(id, json!({})))
    }
}

const SESSION: [(&str, &str); 2] = [("mcp-session-id", "session-0123456789"), ("mcp-protocol-version", "2025-06-18")];

/// Nothing is wrong with the text, not even what only the strict mind.
#[track_caller]
fn clean(yaml: &str) {
    let source = Arc::new(Source { path: "draft.yaml".into(), text: yaml.into() });
    let scenario = Scenario::parse(source, None).unwrap_or_else(|e| panic!("{e:?}\n{yaml}"));
    let found = lint::scenario(&scenario);
    assert!(found.is_empty(), "{found:?}\n{yaml}");
}

fn call(id: u64, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn result(id: u64, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

#[test]
fn an_ordinary_session_is_the_harness_s_business() {
    let mut tape = Tape::default();
    let tool = json!({"name": "echo", "inputSchema": {"type": "object"}});
    tape.opened()
        .rpc(
            &SESSION,
            call(1, "tools/list", json!({})),
            200,
            result(1, json!({"tools": [tool], "nextCursor": "cursor-7f3a"})),
        )
        .rpc(&SESSION, call(2, "tools/list", json!({"cursor": "cursor-7f3a"})), 200, result(2, json!({"tools": []})))
        .rpc(
            &SESSION,
            call(3, "tools/call", json!({"name": "echo", "arguments": {"message": "hi ${env:HOME}"}})),
            200,
            result(3, json!({"content": [{"type": "text", "text": "hi ${env:HOME}"}]})),
        );
    let (scenario, text) = tape.read(&Options::default());
    assert_eq!(scenario["versions"], "2025-06-18");
    assert_eq!(scenario.get("lifecycle"), None);
    assert_eq!(scenario["defaults"], json!({"auth": "none"}));
    assert_eq!(
        scenario["steps"],
        json!([
            {"call": "tools/list", "params": {}, "capture": {"next_cursor": "$.result.nextCursor"},
             "expect": {"status": 200, "result": {"tools": [{"name": "echo"}], "nextCursor": {"$type": "string"}}}},
            {"call": "tools/list", "params": {"cursor": "${next_cursor}"}, "expect": {"status": 200, "result": {"tools": []}}},
            {"call": "tools/call", "params": {"name": "echo", "arguments": {"message": "hi $${env:HOME}"}},
             "expect": {"status": 200, "result": {"content": [{"type": "text", "text": "hi $${env:HOME}"}]}}},
        ]),
        "{text}"
    );
    assert!(text.starts_with("# Recorded from https://gateway.example.com by Browser 1.\n"), "{text}");
}

#[test]
fn an_unusual_handshake_is_written_out() {
    let mut tape = Tape::default();
    tape.opened();
    tape.0.swap_remove(1);
    tape.rpc(&SESSION, call(1, "tools/list", json!({})), 400, json!({"error": "not initialized"}));
    let (scenario, text) = tape.read(&Options { expect: Expect::Seen, ..Options::default() });
    assert_eq!(scenario["lifecycle"], "manual", "{text}");
    assert_eq!(scenario["steps"][0]["capture"], json!({"session_id": "$.headers['mcp-session-id']"}));
    assert_eq!(scenario["steps"][1]["headers"]["mcp-session-id"], "${session_id}");
    assert_eq!(scenario["steps"][1]["expect"], json!({"status": 400, "body": {"error": "not initialized"}}));
    assert!(text.contains("is not followed by `notifications/initialized`"), "{text}");
}

#[test]
fn secrets_become_variables_and_stay_out_of_the_file() {
    let mut tape = Tape::default();
    let header = [("authorization", "Bearer CANARY-7f3a-9ce1"), ("x-api-key", "CANARY-key-1")];
    tape.rpc(
        &header,
        call(1, "tools/list", json!({})),
        200,
        result(1, json!({"tools": [], "note": "you are CANARY-7f3a-9ce1"})),
    );
    tape.rpc(
        &header,
        call(2, "tools/call", json!({"name": "x", "arguments": {"apiKey": "CANARY-arg-1"}})),
        200,
        result(2, json!({"content": []})),
    );
    let draft = tape.draft(&Options::default());
    assert!(!draft.yaml.contains("CANARY"), "{}", draft.yaml);
    assert_eq!(draft.needs, ["api-key", "authorization", "x-api-key"]);
    let (scenario, text) = tape.read(&Options::default());
    assert_eq!(scenario["secrets"], json!(["api-key", "authorization", "x-api-key"]));
    assert_eq!(
        scenario["defaults"],
        json!({"headers": {"x-api-key": "${secret:x-api-key}"}, "auth": {"bearer": "${secret:authorization}"}})
    );
    assert_eq!(scenario["steps"][1]["params"]["arguments"]["apiKey"], "${secret:api-key}");
    assert_eq!(scenario["steps"][0]["expect"]["result"]["note"], json!({"$type": "string"}));
    assert!(text.contains("# redacted: authorization (bearer token): 3 times"), "{text}");
    let own = tape.read(&Options { auth_of_target: true, ..Options::default() }).0;
    assert_eq!(own["defaults"].get("auth"), None);
}

#[test]
fn a_token_that_a_step_obtains_is_captured() {
    let mut tape = Tape::default();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    tape.add(
        "GET",
        "https://gateway.example.com/authorize?response_type=code&state=st-0123456789",
        &[],
        "",
        302,
        &[("location", "http://127.0.0.1/cb?code=code-7f3a9ce1&state=st-0123456789")],
        "",
    );
    tape.add(
        "POST",
        "https://gateway.example.com/token",
        &form,
        "grant_type=authorization_code&code=code-7f3a9ce1",
        200,
        &[("content-type", "application/json")],
        r#"{"access_token":"token-7f3a9ce1","token_type":"Bearer","expires_in":3600}"#,
    );
    tape.rpc(
        &[("authorization", "Bearer token-7f3a9ce1")],
        call(1, "tools/list", json!({})),
        200,
        result(1, json!({"tools": []})),
    );
    let (scenario, text) = tape.read(&Options::default());
    assert_eq!(scenario.get("secrets"), None, "{text}");
    assert_eq!(scenario["steps"][0]["http"], "GET /authorize");
    assert_eq!(
        scenario["steps"][0]["capture"],
        json!({"code": {"from": "$.headers.location", "regex": "[?&#]code=([^&#]+)"}})
    );
    assert_eq!(scenario["steps"][1]["form"]["code"], "${code}");
    assert_eq!(scenario["steps"][1]["capture"], json!({"access_token": "$.body.access_token"}));
    assert_eq!(
        scenario["steps"][1]["expect"]["body"],
        json!({"access_token": {"$type": "string"}, "token_type": "Bearer", "expires_in": {"$type": "integer"}})
    );
    assert_eq!(scenario["steps"][2]["auth"], json!({"bearer": "${access_token}"}));
}

#[test]
fn what_changes_from_run_to_run_is_loosened() {
    let mut tape = Tape::default();
    let body = json!({
        "id": "0193f6e0-77aa-7d3c-8a55-0242ac120002", "at": "2026-11-20T10:00:00Z", "count": 3, "share": 0.25, "ok": true,
        "self": "https://gateway.example.com/items/a", "made": 1_763_632_800_123_u64, "long": "word ".repeat(60),
        "list": [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}], "$schema": {"$x": 1}, "text": "since 2026-11-20 all is well",
    });
    tape.add(
        "GET",
        "https://gateway.example.com/items",
        &[],
        "",
        200,
        &[("content-type", "application/json")],
        &body.to_string(),
    );
    let (scenario, text) = tape.read(&Options::default());
    assert_eq!(scenario["steps"][0]["expect"]["body"], json!({"$type": "object"}), "{text}");
    let mut body = body;
    body.as_object_mut().unwrap().shift_remove("$schema");
    let mut tape = Tape::default();
    tape.add(
        "GET",
        "https://gateway.example.com/items",
        &[],
        "",
        200,
        &[("content-type", "application/json")],
        &body.to_string(),
    );
    let expected = json!({
        "id": {"$type": "string"}, "at": {"$type": "string"}, "count": 3, "share": {"$type": "number"}, "ok": true,
        "self": "${target.origin}/items/a", "made": {"$type": "integer"},
        "long": {"$contains": "word word word word word word word word word word word word"},
        "list": {"$contains": {"n": 1}}, "text": {"$type": "string"},
    });
    let found = tape.read(&Options::default()).0;
    assert_eq!(found["steps"][0]["expect"]["body"], expected);
}

#[test]
fn sessions_are_clients_and_other_hosts_are_left_out() {
    let mut tape = Tape::default();
    tape.opened().opened();
    let second = [("mcp-session-id", "session-9876543210"), ("mcp-protocol-version", "2025-06-18")];
    tape.0[2].response.as_mut().unwrap().headers =
        list(&[("content-type", "application/json"), ("mcp-session-id", "session-9876543210")]);
    tape.0[3]
        .request
        .headers
        .iter_mut()
        .filter(|(name, _)| name == "mcp-session-id")
        .for_each(|(_, value)| *value = "session-9876543210".into());
    tape.rpc(&SESSION, call(1, "ping", json!({})), 200, result(1, json!({})));
    tape.rpc(&second, call(1, "ping", json!({})), 200, result(1, json!({})));
    tape.add("GET", "https://idp.example.com/keys", &[], "", 200, &[], "{}");
    tape.add("DELETE", URL, &SESSION, "", 200, &[], "");
    let (scenario, text) = tape.read(&Options::default());
    assert_eq!(
        scenario["steps"],
        json!([
            {"call": "ping", "params": {}, "expect": {"status": 200, "result": {"$type": "object"}}},
            {"as": "client_2", "call": "ping", "params": {}, "expect": {"status": 200, "result": {"$type": "object"}}},
        ]),
        "{text}"
    );
    assert!(text.contains("# left out: 1 request to https://idp.example.com; a scenario drives one target"), "{text}");
}

#[test]
fn lines_of_a_process() {
    let mut tape = Tape::default();
    let line = |message: Value| format!("{message}\n");
    let hello = call(
        0,
        "initialize",
        json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}),
    );
    let agreed = result(
        0,
        json!({"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}),
    );
    tape.add(STDIN, "stdio:server", &[], &hello.to_string(), 1, &[], &line(agreed));
    tape.add(STDIN, "stdio:server", &[], r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, 0, &[], "");
    tape.add(
        STDIN,
        "stdio:server",
        &[],
        &call(1, "tools/list", json!({})).to_string(),
        1,
        &[],
        &line(result(1, json!({"tools": []}))),
    );
    tape.add(
        STDIN,
        "stdio:server",
        &[],
        "not json",
        1,
        &[],
        &line(json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32700, "message": "Parse error"}})),
    );
    let (scenario, text) = tape.read(&Options { expect: Expect::Seen, ..Options::default() });
    assert_eq!(scenario["transport"], "stdio", "{text}");
    assert_eq!(scenario.get("lifecycle"), None, "{text}");
    assert_eq!(scenario["steps"][0], json!({"call": "tools/list", "params": {}, "expect": {"result": {"tools": []}}}));
    assert_eq!(scenario["steps"][1]["send"], "not json");
}

#[test]
fn nothing_is_no_scenario_and_hostile_texts_are_only_texts() {
    let nothing = write(&Recording::default(), &Options::default()).unwrap_err();
    assert_eq!(nothing.to_string(), "the recording has no request that a scenario could make");
    let mut tape = Tape::default();
    let evil = "a€ é-日本x\u{1b}[2J\nsteps: [{control: {}}]\u{202e} ${secret:file:/etc/passwd} ${upstreams.a.url}";
    tape.add(
        "GET",
        "https://gateway.example.com/a%0Ab?x=1&x=2&y",
        &[("x-evil", "${env:HOME}")],
        "",
        200,
        &[("content-type", "text/plain")],
        evil,
    );
    tape.rpc(&[], json!({"jsonrpc": "2.0", "id": "${env:A}", "method": "tools/call", "params": {"name": evil, "${env:B}": 1}, "extra\n": evil}), 200, result(9, json!({"content": evil})));
    tape.rpc(&[], json!([{"jsonrpc": "2.0", "id": 1, "method": evil}]), 400, Value::Null);
    tape.0[0].failure = Some(evil.to_owned());
    for expect in [Expect::Seen, Expect::Fixed, Expect::Conforming, Expect::Auto] {
        let source = Some(evil.to_owned());
        let (scenario, text) = tape.read(&Options { expect, source, ..Options::default() });
        let names: Vec<String> = {
            let source = Source { path: "draft.yaml".into(), text: text.as_str().into() };
            let node = gauntlet_format::yaml::parse(&Arc::new(source), 0).unwrap();
            gauntlet_format::resolve::variables(node.get("steps").unwrap()).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names, [""; 0], "{text}");
        assert!(scenario["steps"].as_array().unwrap().iter().all(|step| step.get("control").is_none()));
        let head = text.split("\nid: ").next().unwrap();
        assert!(!text.contains('\u{1b}') && !head.contains('\u{202e}'), "{text}");
    }
}
