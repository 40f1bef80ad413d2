//! Headers that are kept, and that are not.

use super::*;

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
