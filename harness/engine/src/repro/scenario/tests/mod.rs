mod behind;
mod known;
mod round_trip;

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
fn a_bad_answer_is_expected_to_be_good() {
    let mut tape = Tape::default();
    tape.rpc(&[], call(1, "tools/call", json!({"name": "search"})), 403, json!({"message": "no"}));
    let (scenario, text) = tape.read(&Options::default());
    assert_eq!(scenario["lifecycle"], "bare");
    assert_eq!(
        scenario["steps"][0]["expect"],
        json!({"status": 200, "result": {"isError": {"$oneOf": [false, {"$absent": true}]}}})
    );
    assert_eq!(scenario["title"], "tools/call search gives a result, not HTTP 403 (no)");
    assert!(text.contains("(`--expect fixed`): tools/call search got HTTP 403 (no)"), "{text}");
    let seen = tape.read(&Options { expect: Expect::Seen, ..Options::default() }).0;
    assert_eq!(seen["steps"][0]["expect"], json!({"status": 403, "body": {"message": "no"}}));
    let conforming = tape.read(&Options { expect: Expect::Conforming, ..Options::default() }).0;
    assert_eq!(conforming["steps"][0]["expect"], json!({"outcome": "answered"}));
    // Tried again, and good then: that is no bug.
    tape.rpc(&[], call(2, "tools/call", json!({"name": "search"})), 200, result(2, json!({"content": []})));
    assert_eq!(tape.draft(&Options::default()).expect, Expect::Seen);
}

#[test]
fn headers_that_the_harness_or_a_browser_sends_are_left_out() {
    let mut tape = Tape::default();
    let sent = [
        ("host", "gateway.example.com"),
        ("user-agent", "Mozilla/5.0"),
        ("sec-fetch-mode", "cors"),
        ("accept-encoding", "gzip"),
        ("origin", "https://app.example.com"),
        ("x-tenant", "blue"),
    ];
    tape.rpc(&sent, call(1, "ping", json!({})), 200, result(1, json!({})));
    let (scenario, text) = tape.read(&Options::default());
    assert_eq!(scenario["steps"][0]["headers"], json!({"x-tenant": "blue"}));
    assert!(text.contains("left out: the headers origin, sec-fetch-mode, user-agent;"), "{text}");
    let all = tape.read(&Options { all_headers: true, ..Options::default() }).0;
    assert_eq!(
        all["steps"][0]["headers"],
        json!({"$only": ["accept", "content-type"], "user-agent": "Mozilla/5.0", "sec-fetch-mode": "cors", "origin": "https://app.example.com", "x-tenant": "blue"})
    );
    let mut bare = Tape::default();
    bare.add(
        "POST",
        URL,
        &[("content-type", "application/json")],
        &call(1, "ping", json!({})).to_string(),
        200,
        &[],
        &result(1, json!({})).to_string(),
    );
    assert_eq!(bare.read(&Options::default()).0["steps"][0]["headers"], json!({"$drop": ["accept"]}));
}

#[test]
fn the_page_of_a_browser_is_kept_where_a_target_may_judge_it() {
    let origin = [("origin", "https://app.example.com")];
    let headers = |status: u16, answer: &str| {
        let mut tape = Tape::default();
        tape.rpc(&origin, call(1, "ping", json!({})), status, json!({ "message": answer }));
        tape.read(&Options { expect: Expect::Seen, ..Options::default() }).0["steps"][0].get("headers").cloned()
    };
    let kept = json!({"origin": "https://app.example.com"});
    assert_eq!(headers(403, "Forbidden").as_ref(), Some(&kept));
    assert_eq!(headers(400, "Invalid Origin").as_ref(), Some(&kept));
    assert_eq!(headers(400, "Bad Request"), None);
    assert_eq!(headers(200, "Origin"), None);
    assert_eq!(headers(0, "").as_ref(), Some(&kept), "nothing is known of the answer");
    // Of several requests those keep it whose answers may depend on it.
    let mut tape = Tape::default();
    tape.rpc(&origin, call(1, "ping", json!({})), 403, Value::Null);
    tape.rpc(&origin, call(2, "ping", json!({})), 200, result(2, json!({})));
    let scenario = tape.read(&Options { expect: Expect::Seen, ..Options::default() }).0;
    assert_eq!(scenario["steps"][0]["headers"], kept);
    assert_eq!(scenario["steps"][1].get("headers"), None);
}

#[test]
fn titles_say_what_is_true() {
    let title = |status: u16, answer: Value, expect: Expect| {
        let mut tape = Tape::default();
        tape.rpc(&[], call(1, "tools/call", json!({"name": "search"})), status, answer);
        let (scenario, text) = tape.read(&Options { expect, ..Options::default() });
        (scenario["title"].as_str().unwrap().to_owned(), text)
    };
    let failed = |text: &str| result(1, json!({"content": [{"type": "text", "text": text}], "isError": true}));
    let error = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "Unknown tool: search"}});
    let (fixed, seen) = (Expect::Auto, Expect::Seen);
    assert_eq!(title(0, Value::Null, fixed).0, "tools/call search gives a result");
    assert!(title(0, Value::Null, fixed).1.starts_with(
        "# Requests to https://gateway.example.com by Browser 1.\n# No answer was recorded; a good one is expected.\n"
    ));
    assert_eq!(title(401, Value::Null, fixed).0, "tools/call search gives a result, not HTTP 401");
    assert_eq!(
        title(200, error.clone(), fixed).0,
        "tools/call search gives a result, not JSON-RPC error -32602 (Unknown tool: search)"
    );
    assert_eq!(
        title(200, error, seen).0,
        "tools/call search is answered with JSON-RPC error -32602 (Unknown tool: search)"
    );
    assert_eq!(title(200, failed("no\nsuch"), fixed).0, "tools/call search gives a result, not `isError` (no)");
    assert_eq!(
        title(200, result(1, json!({"content": []})), fixed).0,
        "tools/call search is answered as it was recorded"
    );
    let mut tape = Tape::default();
    tape.opened();
    for (id, method) in ["tools/list", "ping", "ping", "prompts/list"].iter().enumerate() {
        tape.rpc(&SESSION, call(id as u64, method, json!({})), 200, result(id as u64, json!({})));
    }
    let told = |tape: &Tape| tape.read(&Options::default()).0["title"].as_str().unwrap().to_owned();
    assert_eq!(told(&tape), "tools/list, ping and prompts/list are answered as they were recorded");
    tape.rpc(&SESSION, call(9, "resources/list", json!({})), 200, result(9, json!({})));
    assert_eq!(told(&tape), "resources/list, and what comes before it, are answered as they were recorded");
}

#[test]
fn titles_of_what_had_no_answer_and_of_sign_ins() {
    let mut tape = Tape::default();
    tape.rpc(&[], call(1, "tools/call", json!({"name": "search"})), 0, Value::Null);
    tape.0[0].failure = Some("connection reset".to_owned());
    let title = |tape: &Tape, expect: Expect| {
        tape.read(&Options { expect, ..Options::default() }).0["title"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        title(&tape, Expect::Auto),
        "tools/call search gives a result; the recording has no whole answer (connection reset)"
    );
    assert_eq!(title(&tape, Expect::Seen), "tools/call search gets no whole answer (connection reset)");
    let mut tape = Tape::default();
    let json_type = [("content-type", "application/json")];
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let token = r#"{"access_token":"token-7f3a9ce1","token_type":"Bearer"}"#;
    let site = |path: &str| format!("https://gateway.example.com{path}");
    tape.add("GET", &site("/.well-known/openid-configuration"), &[], "", 200, &json_type, "{}");
    tape.add("POST", &site("/token"), &form, "grant_type=client_credentials", 200, &json_type, token);
    assert_eq!(tape.read(&Options::default()).0["target"], "idp");
    assert_eq!(tape.read(&Options::default()).0["steps"][1].get("headers"), None, "no accept says what any does");
    for method in ["ping", "tools/list"] {
        tape.rpc(&[("authorization", "Bearer token-7f3a9ce1")], call(1, method, json!({})), 200, result(1, json!({})));
    }
    assert_eq!(title(&tape, Expect::Auto), "tools/list after a sign-in is answered as it was recorded");
    assert_eq!(tape.read(&Options::default()).0["target"], "mcp-server");
    let mut tape = Tape::default();
    tape.add("POST", &site("/v1/messages"), &json_type, r#"{"model":"m"}"#, 500, &json_type, "{}");
    assert_eq!(tape.read(&Options::default()).0["target"], "kiro-gateway");
}

#[test]
fn a_session_that_its_client_ended_is_not_missed() {
    let mut tape = Tape::default();
    tape.opened();
    tape.asked(1, "ping", json!({}));
    tape.add("DELETE", URL, &SESSION, "", 204, &[], "");
    tape.rpc(&SESSION, call(2, "ping", json!({})), 404, Value::Null);
    assert_eq!(tape.draft(&Options::default()).expect, Expect::Seen);
    tape.0.remove(3);
    assert_eq!(tape.draft(&Options::default()).expect, Expect::Fixed);
}

#[test]
fn what_a_server_never_offered_is_no_bug() {
    let mut tape = Tape::default();
    let refused =
        |id: u64| json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "Method not found"}});
    tape.opened();
    tape.rpc(&SESSION, call(1, "resources/list", json!({})), 200, refused(1));
    let draft = tape.draft(&Options::default());
    assert_eq!(draft.expect, Expect::Seen, "{}", draft.yaml);
    // Tools were offered.
    tape.rpc(&SESSION, call(2, "tools/list", json!({})), 200, refused(2));
    let (scenario, text) = tape.read(&Options::default());
    assert_eq!(scenario["steps"][0]["expect"]["error"]["code"], -32601, "{text}");
    assert_eq!(scenario["steps"][1]["expect"], json!({"status": 200, "result": {"$type": "object"}}), "{text}");
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

#[test]
fn requests_that_overlapped_are_sent_at_the_same_time() {
    let mut tape = Tape::default();
    tape.opened();
    tape.asked(1, "tools/list", json!({})).at(0, 40);
    tape.asked(2, "prompts/list", json!({})).at(3, 40);
    // Almost at the same time is one after the other.
    tape.asked(3, "ping", json!({})).at(42, 10);
    // A long one, and two others in its time, the second after the first.
    tape.asked(4, "tools/call", json!({"name": "slow"})).at(100, 5000);
    tape.rpc(
        &SESSION,
        call(5, "resources/list", json!({})),
        200,
        result(5, json!({"resources": [{"name": "a", "uri": "test://static/one"}]})),
    )
    .at(400, 20);
    tape.asked(6, "resources/read", json!({"uri": "test://static/one"})).at(800, 20);
    tape.asked(7, "resources/read", json!({"uri": "test://static/one"})).at(6000, 20);
    let (scenario, text) = tape.read(&Options::default());
    let steps = &scenario["steps"];
    assert_eq!(steps[0]["parallel"][0]["call"], "tools/list", "{text}");
    assert_eq!(steps[0]["parallel"][1]["call"], "prompts/list", "{text}");
    assert_eq!(steps[1]["call"], "ping", "{text}");
    let beside = &steps[2]["parallel"];
    assert_eq!(beside[0]["call"], "tools/call", "{text}");
    assert_eq!(beside[1]["times"], 1, "{text}");
    let branch = &beside[1]["repeat"];
    assert_eq!(branch[0], json!({"wait": "300ms"}), "{text}");
    assert_eq!(branch[1]["capture"], json!({"uri": "$.result.resources[0].uri"}), "{text}");
    assert_eq!(branch[2]["params"], json!({"uri": "${uri}"}), "{text}");
    assert_eq!(steps[3]["params"], json!({"uri": "${uri}"}), "{text}");
    assert_eq!(steps.as_array().unwrap().len(), 4);
    // Many at once are many at once, however long it took to send them.
    let mut tape = Tape::default();
    tape.opened();
    for n in 0..10 {
        tape.asked(n, "ping", json!({})).at(n * 20, 1000);
    }
    let steps = tape.read(&Options::default()).0["steps"].clone();
    let together = steps[0]["parallel"].as_array().unwrap();
    assert!(together.len() == 10 && together.iter().all(|step| step["call"] == "ping"), "{steps}");
}

#[test]
fn a_request_that_is_taken_back_keeps_its_id() {
    let mut tape = Tape::default();
    tape.opened();
    tape.asked(7, "tools/call", json!({"name": "slow"})).at(0, 900);
    tape.0[2].response = None;
    tape.0[2].failure = Some(crate::repro::record::CLIENT_ENDED.to_owned());
    let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}});
    tape.rpc(&SESSION, cancelled, 202, Value::Null).at(200, 5);
    tape.asked(8, "ping", json!({})).at(2000, 5);
    let draft = tape.draft(&Options::default());
    assert_eq!(draft.expect, Expect::Seen, "{}", draft.yaml);
    let (scenario, text) = tape.read(&Options::default());
    let beside = &scenario["steps"][0]["parallel"];
    assert_eq!(beside[0]["id"], "request-7", "{text}");
    assert_eq!(beside[0]["timeout"], "900ms", "{text}");
    assert_eq!(beside[0]["expect"], json!({"outcome": "timeout"}), "{text}");
    assert_eq!(beside[1]["repeat"][0], json!({"wait": "200ms"}), "{text}");
    assert_eq!(beside[1]["repeat"][1]["params"], json!({"requestId": "request-7"}), "{text}");
}

#[test]
fn a_stream_that_a_server_need_not_have_is_no_step() {
    let mut tape = Tape::default();
    tape.opened();
    tape.add("GET", URL, &SESSION, "", 405, &[], "");
    tape.asked(1, "ping", json!({}));
    let (scenario, text) = tape.read(&Options::default());
    assert_eq!(scenario.get("lifecycle"), None, "{text}");
    assert_eq!(scenario["steps"].as_array().unwrap().len(), 1, "{text}");
    assert!(text.contains("# left out: GET, which was answered that there is no stream (405)"), "{text}");
    // Alone it is what the recording is about.
    tape.0.pop();
    assert_eq!(tape.read(&Options::default()).0["lifecycle"], "manual");
}

#[test]
fn a_stream_beside_other_requests_is_listened_to_for_what_it_brought() {
    let stream = |data: &str, arrivals: &[(u64, usize)]| {
        let mut tape = Tape::default();
        tape.opened();
        let mut sent = SESSION.to_vec();
        sent.push(("accept", "text/event-stream"));
        tape.add("GET", URL, &sent, "", 200, &[("content-type", "text/event-stream")], data).at(0, 9000);
        let last = tape.0.last_mut().unwrap();
        last.failure = Some(crate::repro::record::CLIENT_ENDED.to_owned());
        let arrivals = arrivals
            .iter()
            .map(|(at, length)| crate::repro::recording::Arrival { at: Duration::from_millis(*at), length: *length });
        last.response.as_mut().unwrap().arrivals = arrivals.collect();
        tape.asked(1, "tools/call", json!({"name": "change"})).at(500, 20);
        tape.asked(2, "ping", json!({})).at(3000, 20);
        tape.read(&Options::default())
    };
    let told = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n";
    let (scenario, text) = stream(told, &[(510, told.len())]);
    assert_eq!(
        scenario["steps"][0],
        json!({"parallel": [
            {"listen": "1510ms", "count": 1, "expect": {"messages": {"$inOrder": [{"method": "notifications/tools/list_changed"}]}}},
            {"repeat": [{"wait": "500ms"}, {"call": "tools/call", "params": {"name": "change"}, "expect": {"status": 200, "result": {"$type": "object"}}}], "times": 1},
        ]}),
        "{text}"
    );
    assert_eq!(scenario["steps"][1]["call"], "ping", "{text}");
    assert!(text.contains("are answered as they were recorded"), "a stream that a client leaves is no bug: {text}");
    // Nothing that a test would miss, or not known when.
    for (data, arrivals) in [(": ping\n\n", &[(510, 8)][..]), (told, &[])] {
        let (scenario, text) = stream(data, arrivals);
        assert_eq!(scenario["steps"].as_array().unwrap().len(), 2, "{text}");
        assert!(text.contains("left out: GET streams"), "{text}");
    }
}

#[test]
fn requests_of_the_kiro_runtime_are_as_they_were() {
    let mut tape = Tape::default();
    let url = "https://runtime.us-east-1.kiro.dev/mcp";
    let agent = "KiroIDE-0.7.45";
    let mut message = call(1, "tools/call", json!({"name": "web_search", "arguments": {"query": "rust"}}));
    let sent = [
        ("content-type", "application/json"),
        ("authorization", "Bearer aoaAAAAAGcanary0123456789"),
        ("user-agent", agent),
        ("host", "runtime.us-east-1.kiro.dev"),
    ];
    tape.add(
        "POST",
        url,
        &sent,
        &message.to_string(),
        400,
        &[("content-type", "application/json")],
        r#"{"message":"profileArn is required for this request."}"#,
    );
    message["profileArn"] = "arn:aws:codewhisperer:us-east-1:123456789012:profile/X".into();
    tape.add(
        "POST",
        url,
        &sent,
        &message.to_string(),
        403,
        &[("content-type", "application/json")],
        r#"{"message":"User is not authorized to make this call.","reason":null}"#,
    );
    let (scenario, text) = tape.read(&Options { expect: Expect::Seen, ..Options::default() });
    assert_eq!(scenario["target"], "kiro-runtime", "{text}");
    assert_eq!(scenario["lifecycle"], "bare");
    assert_eq!(scenario["steps"][0]["envelope"], json!({"profileArn": null}));
    assert_eq!(
        scenario["steps"][1]["envelope"],
        json!({"profileArn": "arn:aws:codewhisperer:us-east-1:123456789012:profile/X"})
    );
    assert_eq!(scenario["steps"][1]["headers"], json!({"$only": ["content-type", "authorization", "user-agent"]}));
    assert_eq!(
        scenario["steps"][1]["expect"]["body"],
        json!({"message": "User is not authorized to make this call.", "reason": null})
    );
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
fn a_challenge_a_redirect_and_an_answer_that_never_came() {
    let mut tape = Tape::default();
    let challenge = r#"Bearer error="invalid_token", resource_metadata="https://gateway.example.com/.well-known/oauth-protected-resource/mcp""#;
    tape.rpc_with(&[], call(1, "tools/list", json!({})), 401, &[("www-authenticate", challenge)], Value::Null);
    tape.rpc(&[], call(2, "tools/list", json!({})), 200, result(2, json!({"tools": []})));
    tape.add("GET", "https://gateway.example.com/slow", &[], "", 0, &[], "");
    tape.0[2].failure = Some("the request timed out".to_owned());
    let (scenario, _) = tape.read(&Options { expect: Expect::Seen, ..Options::default() });
    assert_eq!(
        scenario["steps"][0]["expect"],
        json!({"status": 401, "headers": {"www-authenticate": {"$challenge": {"scheme": "Bearer", "error": "invalid_token", "resource_metadata": {"$url": {"path": "/.well-known/oauth-protected-resource/mcp"}}}}}})
    );
    assert_eq!(scenario["steps"][2]["expect"], json!({"outcome": "timeout"}));
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
