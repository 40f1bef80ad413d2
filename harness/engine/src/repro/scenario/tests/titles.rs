//! What a scenario is called, and what counts as a bug.

use super::*;

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
