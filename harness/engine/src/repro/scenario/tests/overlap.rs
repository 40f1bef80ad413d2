//! Requests beside others.

use super::*;

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
