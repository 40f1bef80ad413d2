//! Recordings of both sides of a target.

use super::super::stubs::MOST;
use super::*;
use crate::repro::record::CLIENT_ENDED;

const RUNTIME: &str = "http://127.0.0.1:9001/mcp";

impl Tape {
    /// A client calls a tool and waits while the target asks.
    fn waits(&mut self, arguments: Value) -> &mut Self {
        let asked = call(1, "tools/call", json!({ "name": "search", "arguments": arguments }));
        self.rpc(&[], asked, 200, result(1, json!({ "content": [] })));
        self.0.last_mut().unwrap().elapsed = Duration::from_millis(900);
        self
    }

    /// What the target asks meanwhile, and the status and the body that come back.
    fn asks(&mut self, url: &str, body: &Value, status: u16, media: &str, answer: &str) -> &mut Self {
        let received = [("content-type", media), ("date", "Sun, 22 Nov 2026 03:00:00 GMT"), ("x-told", "yes")];
        self.add("POST", url, &[("content-type", "application/json")], &body.to_string(), status, &received, answer);
        let [.., front, last] = self.0.as_mut_slice() else { panic!("a client comes first") };
        last.behind = Some("runtime".to_owned());
        // Right behind what was asked before.
        last.started_at = front.started_at + Duration::from_millis(10);
        self
    }

    fn searches(&mut self, id: u64, arguments: Value, answer: &Value) -> &mut Self {
        let asked = call(id, "tools/call", json!({ "name": "web_search", "arguments": arguments }));
        self.asks(RUNTIME, &asked, 200, "application/json", &answer.to_string())
    }

    fn breaks(&mut self, failure: &str) -> &mut Self {
        self.0.last_mut().unwrap().failure = Some(failure.to_owned());
        self
    }

    fn stubs(&self) -> Value {
        self.read(&Options::default()).0.get("stubs").cloned().unwrap_or_default()
    }
}

fn found(text: &str) -> Value {
    json!({ "content": [{ "type": "text", "text": text }] })
}

#[test]
fn what_the_upstream_gave_is_a_stub_and_the_rest_is_the_mock_s() {
    let mut tape = Tape::default();
    tape.waits(json!({ "query": "find rust 2026", "limit": 3 }));
    let hello = call(0, "initialize", json!({ "protocolVersion": "2025-06-18", "capabilities": {} }));
    tape.asks(RUNTIME, &hello, 200, "application/json", &result(0, json!({})).to_string());
    tape.asks(RUNTIME, &call(1, "tools/list", json!({})), 200, "application/json", &result(1, json!({})).to_string());
    tape.asks("http://127.0.0.1:9001/token", &json!({ "grant_type": "x" }), 200, "application/json", "{}");
    // The client asked for `rust 2026` and for 3; the language is the target's own.
    tape.searches(7, json!({ "query": "rust 2026", "limit": 3, "language": "en" }), &result(7, found("a ${b}")));
    let draft = tape.draft(&Options::default());
    clean(&draft.yaml);
    assert_eq!(draft.target, "gateway");
    let (scenario, _) = tape.read(&Options::default());
    assert_eq!(scenario["requires"], json!({ "upstreams": ["runtime"] }));
    assert_eq!(scenario["steps"].as_array().map(Vec::len), Some(1), "{}", draft.yaml);
    assert_eq!(
        scenario["stubs"],
        json!([{
            "at": "runtime",
            "match": { "body": { "method": "tools/call", "params": { "name": "web_search", "arguments": { "query": "rust 2026", "limit": 3 } } } },
            "respond": {
                "headers": { "x-told": "yes" },
                "json": { "jsonrpc": "2.0", "id": "${request.body.id}", "result": found("a $${b}") },
            },
        }])
    );
    assert!(draft.yaml.contains("# one stub answers as runtime did; sessions, lists, sign-ins and what was refused"));
    assert!(!draft.yaml.contains("left out"), "{}", draft.yaml);
}

#[test]
fn answers_to_the_same_request_come_in_order() {
    let mut tape = Tape::default();
    let asked = json!({ "query": "rust" });
    tape.waits(asked.clone());
    let busy = json!({ "message": "busy" }).to_string();
    for id in 1..3 {
        let call = call(id, "tools/call", json!({ "name": "web_search", "arguments": asked }));
        tape.asks(RUNTIME, &call, 503, "application/json", &busy);
    }
    tape.searches(3, asked.clone(), &result(3, found("a"))).searches(4, asked.clone(), &result(4, found("b")));
    let told = |stubs: &Value| -> Vec<(Value, Value)> {
        let list = stubs.as_array().unwrap().iter();
        list.map(|stub| (stub["times"].clone(), stub["respond"]["status"].clone())).collect()
    };
    assert_eq!(told(&tape.stubs()), [(json!(2), json!(503)), (json!(1), Value::Null), (Value::Null, Value::Null)]);
    // A failure is not for ever.
    tape.asks(
        RUNTIME,
        &call(5, "tools/call", json!({ "name": "web_search", "arguments": asked })),
        429,
        "text/plain",
        "slow",
    );
    let stubs = tape.stubs();
    assert_eq!(told(&stubs)[3], (json!(1), json!(429)));
    assert_eq!(stubs[3]["respond"]["body"], "slow");
    assert_eq!(stubs[3]["respond"]["headers"], json!({ "content-type": "text/plain", "x-told": "yes" }));
}

#[test]
fn refusals_and_secrets_are_left_to_the_mock() {
    let mut tape = Tape::default();
    tape.waits(json!({ "query": "rust" }));
    let asked = |id| call(id, "tools/call", json!({ "name": "web_search", "arguments": { "query": "rust" } }));
    for status in [400, 401, 403, 404] {
        tape.asks(RUNTIME, &asked(1), status, "application/json", "{}");
    }
    tape.searches(2, json!({ "query": "rust" }), &result(2, json!({ "access_token": "canary-0815-4711-abcdef" })));
    tape.asks(RUNTIME, &asked(3), 200, "application/json", "{\"a\":").breaks(CLIENT_ENDED);
    let draft = tape.draft(&Options::default());
    clean(&draft.yaml);
    assert!(!draft.yaml.contains("stubs:\n") && !draft.yaml.contains("canary"), "{}", draft.yaml);
    assert!(
        draft.yaml.contains("# left to the mock behind the target: answers that hold secrets (1)\n"),
        "{}",
        draft.yaml
    );
    assert!(draft.yaml.contains("target: answers that nobody waited for (1)\n"), "{}", draft.yaml);
}

#[test]
fn a_tool_s_error_is_of_its_arguments_and_a_broken_answer_breaks() {
    let mut tape = Tape::default();
    tape.waits(json!({ "query": "rust" }));
    let error = json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -32602, "message": "no such argument" } });
    tape.searches(1, json!({ "query": "rust", "profile": "dev" }), &error);
    let stubs = tape.stubs();
    assert_eq!(
        stubs[0]["match"]["body"]["params"],
        json!({ "name": "web_search", "arguments": { "$exact": { "query": "rust", "profile": "dev" } } }),
        "without the argument that the target added it is another request"
    );
    assert_eq!(stubs[0]["times"], 1);

    let read = call(2, "resources/read", json!({ "uri": "note://1" }));
    let events = "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\ndata: half\n\n";
    tape.asks(RUNTIME, &read, 200, "text/event-stream", events).breaks("the upstream broke the answer off");
    tape.asks("http://127.0.0.1:9001/v1/things", &json!({ "a": "rust" }), 200, "application/json", "{\"a\"");
    tape.breaks("the upstream broke the answer off");
    tape.asks("http://127.0.0.1:9001/v1/others", &json!({}), 0, "", "").breaks("the upstream did not answer");
    let stubs = tape.stubs();
    let of =
        |part: &str| stubs.as_array().unwrap().iter().find(|s| s["match"].to_string().contains(part)).unwrap().clone();
    assert_eq!(
        of("note://1")["respond"]["sse"],
        json!([{ "data": { "jsonrpc": "2.0", "method": "notifications/message", "params": {} } }, { "data": "half" }])
    );
    assert_eq!(of("note://1")["faults"], json!([{ "cut_after_events": 2 }]));
    assert_eq!(of("things")["match"], json!({ "method": "POST", "path": "/v1/things", "body": { "a": "rust" } }));
    assert_eq!(
        (&of("things")["respond"]["body"], &of("things")["faults"]),
        (&json!("{\"a\"…"), &json!([{ "cut_after_bytes": 4 }]))
    );
    assert_eq!(of("others")["faults"], json!([{ "reset": true }]));
}

#[test]
fn progress_is_told_to_who_asks() {
    let mut tape = Tape::default();
    tape.waits(json!({ "query": "rust" }));
    let asked = call(5, "tools/call", json!({ "name": "web_search", "_meta": { "progressToken": "p-1" } }));
    let told = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": "p-1", "progress": 1 } });
    let events = format!("data: {told}\n\ndata: {}\n\n", result(5, json!({})));
    tape.asks(RUNTIME, &asked, 200, "text/event-stream", &events);
    let sse = &tape.stubs()[0]["respond"]["sse"];
    assert_eq!(sse[0]["data"]["params"]["progressToken"], "${request.body.params._meta.progressToken}");
    assert_eq!(sse[1]["data"]["id"], "${request.body.id}");
}

#[test]
fn many_answers_make_no_endless_scenario() {
    let mut tape = Tape::default();
    tape.waits(json!({ "query": "rust" }));
    for id in 0..400 {
        tape.searches(id, json!({ "query": "rust" }), &result(id, found(&format!("answer {id}"))));
    }
    let asked = |id: usize| call(7, "resources/read", json!({ "uri": format!("note://{id}") }));
    for id in 0..400 {
        tape.asks(RUNTIME, &asked(id), 200, "application/json", &result(7, json!({ "contents": [] })).to_string());
    }
    let draft = tape.draft(&Options::default());
    clean(&draft.yaml);
    let stubs = tape.stubs();
    assert_eq!(stubs.as_array().map(Vec::len), Some(MOST));
    let searches = stubs.as_array().unwrap().iter().filter(|stub| stub.to_string().contains("web_search")).count();
    assert_eq!(searches, 20, "what is asked again and again leaves room for others");
    assert!(
        draft.notes.iter().any(|note| note == "left out: 740 answers more behind the target than the first"),
        "{:?}",
        draft.notes
    );
}
