use gauntlet_reports::{WireRequest, WireResponse};
use serde_json::json;

use super::*;

/// An exchange from 0 to 100 ms; one behind the gateway from 10 to 50 ms, during the first.
fn exchange(from: &str, to: &str, method: &str, status: Option<u16>, body: Value) -> Exchange {
    let is_behind = from == "gateway";
    Exchange {
        hop: Hop { from: from.into(), to: to.into() },
        step: None,
        request: WireRequest {
            method: "POST".into(),
            url: "/mcp".into(),
            headers: Vec::new(),
            body: Body::Json(json!({ "jsonrpc": "2.0", "id": 1, "method": method })),
        },
        response: status.map(|status| WireResponse {
            status: Some(status),
            headers: Vec::new(),
            body: Body::Json(body),
        }),
        failure: None,
        cause: is_behind.then_some(0),
        note: None,
        started_ms: if is_behind { 10.0 } else { 0.0 },
        began_ms: (is_behind && status.is_some()).then_some(20.0),
        elapsed_ms: if is_behind { 40.0 } else { 100.0 },
    }
}

fn outer(status: Option<u16>, body: Value) -> Exchange {
    exchange("client", "gateway", "tools/call", status, body)
}

fn inner(status: Option<u16>, body: Value) -> Exchange {
    exchange("gateway", "server", "tools/call", status, body)
}

fn result(text: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "result": { "text": text } })
}

fn error() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -32602, "message": "no" } })
}

/// `gateway on client → gateway: reason`
fn told(charge: Charge, transcript: &[Exchange]) -> String {
    told_unreached(charge, transcript, &[])
}

fn told_unreached(charge: Charge, transcript: &[Exchange], unreached: &[usize]) -> String {
    let upstreams = ["server".to_owned(), "idp".to_owned()];
    let scene = Scene { target: "gateway", upstreams: &upstreams, transcript, unreached };
    let blame = scene.blame(&charge);
    blame.map_or_else(String::new, |b| format!("{:?} {} on {}: {}", b.party, b.who, b.hop, b.reason))
}

#[test]
fn a_target_with_nothing_behind_it_is_alone() {
    let transcript = [outer(Some(200), result("a"))];
    let scene = Scene { target: "gateway", upstreams: &[], transcript: &transcript, unreached: &[] };
    assert_eq!(scene.blame(&Charge::Answer(0, About::Content)), None);
}

#[test]
fn what_arrived_is_what_the_target_sent() {
    let mut transcript = vec![outer(Some(200), result("a")), inner(Some(200), result("a"))];
    assert_eq!(
        told(Charge::Arrived(1), &transcript),
        "Target gateway on gateway → server: what gateway sent to server is not what it is to send"
    );
    transcript[1] = Exchange { note: Some("signature-mismatch".into()), ..inner(Some(403), json!({})) };
    assert_eq!(
        told(Charge::Arrived(1), &transcript),
        "Target gateway on gateway → server: server refused what gateway sent: signature-mismatch"
    );
}

#[test]
fn what_did_not_arrive_was_not_sent() {
    let transcript = [outer(Some(200), result("a")), inner(Some(200), result("a"))];
    let number = |mock: &str| Charge::Number { mock: mock.to_owned() };
    assert_eq!(told(number("idp"), &transcript), "Target gateway on gateway → idp: gateway never asked idp");
    assert!(
        told(number("server"), &transcript).ends_with("gateway did not ask server what it was to ask, or not as often")
    );
}

#[test]
fn nobody_was_asked() {
    assert_eq!(
        told(Charge::Answer(0, About::Content), &[outer(Some(200), result("a"))]),
        "Target gateway on client → gateway: gateway answered by itself: it asked nothing behind it meanwhile"
    );
    assert!(
        told(Charge::Answer(0, About::Content), &[outer(None, json!(null))])
            .contains("gateway gave no answer: it asked nothing")
    );
    // What went wrong before is told, since it may be why.
    let mut second = outer(Some(502), json!({}));
    second.started_ms = 200.0;
    let transcript = [outer(Some(200), result("a")), inner(Some(503), json!({})), second];
    assert!(
        told(Charge::Answer(2, About::Content), &transcript)
            .ends_with("; before that, server answered `tools/call` with HTTP 503")
    );
}

#[test]
fn the_upstream_failed_and_that_was_passed_on() {
    let gone = |child: Exchange, outer: Exchange| told(Charge::Answer(0, About::Content), &[outer, child]);
    assert_eq!(
        gone(inner(Some(503), json!({})), outer(Some(502), json!({}))),
        "Upstream server on gateway → server: server answered `tools/call` with HTTP 503, and gateway passed that on"
    );
    assert!(
        gone(inner(Some(404), json!({})), outer(Some(404), json!({})))
            .ends_with("; what gateway sent may be the cause")
    );
    assert!(
        gone(inner(Some(200), error()), outer(Some(200), error()))
            .contains("server answered `tools/call` with the error -32602")
    );
    let cut = Exchange { failure: Some("the answer broke off".into()), ..inner(Some(200), result("a")) };
    assert!(
        gone(cut.clone(), outer(Some(502), json!({})))
            .starts_with("Upstream server on gateway → server: server broke off its answer")
    );
    let silent = inner(None, json!(null));
    assert!(gone(silent.clone(), outer(Some(504), json!({}))).contains("server gave no answer to `tools/call`"));
    let timed_out = Exchange { failure: Some("no answer within 1 s".into()), ..outer(None, json!(null)) };
    assert!(gone(silent, timed_out.clone()).starts_with("Upstream server"));
    assert!(gone(cut, timed_out).starts_with("Upstream server"));
}

#[test]
fn the_upstream_says_what_was_wrong_with_the_request() {
    let refused = Exchange { note: Some("signature-mismatch".into()), ..inner(Some(403), json!({})) };
    assert_eq!(
        told(Charge::Answer(0, About::Content), &[outer(Some(403), json!({})), refused]),
        "Target gateway on gateway → server: server refused what gateway sent: signature-mismatch"
    );
}

#[test]
fn a_failure_was_hidden() {
    for child in [inner(Some(503), json!({})), inner(Some(200), error())] {
        let told = told(Charge::Answer(0, About::Content), &[outer(Some(200), result("")), child]);
        assert!(told.starts_with("Target gateway on client → gateway: server answered `tools/call` with "), "{told}");
        assert!(told.ends_with(", and gateway made a success of it"), "{told}");
    }
    let told = told(Charge::Answer(0, About::Content), &[outer(None, json!(null)), inner(Some(503), json!({}))]);
    assert!(told.ends_with("with HTTP 503, and gateway passed nothing on"), "{told}");
}

#[test]
fn the_way_back() {
    let of = |outer: Exchange| told(Charge::Answer(0, About::Content), &[outer, inner(Some(200), result("a"))]);
    assert_eq!(
        of(outer(Some(502), json!({}))),
        "Target gateway on client → gateway: server answered `tools/call` well, but gateway answered with HTTP 502"
    );
    assert!(of(outer(None, json!(null))).ends_with("but gateway gave no answer"));
    let cut = Exchange { failure: Some("closed".into()), ..outer(Some(200), result("a")) };
    assert!(of(cut).ends_with("but gateway broke off its answer"));
    assert!(of(outer(Some(200), result("b"))).ends_with("gateway made something else of it on the way back"));
    assert_eq!(
        of(outer(Some(200), result("a"))),
        "Upstream server on gateway → server: gateway passed on what server answered"
    );
}

#[test]
fn who_passes_an_answer_on_answers_for_how_it_comes() {
    let of = |about, inner_ms: f64| {
        let inner = Exchange { elapsed_ms: inner_ms, ..inner(Some(200), result("a")) };
        told(Charge::Answer(0, about), &[outer(Some(200), result("a")), inner])
    };
    assert!(of(About::Form, 40.0).starts_with("Target gateway on client → gateway"));
    assert!(
        of(About::Time, 40.0).ends_with("server answered `tools/call` well; how and when it came is up to gateway")
    );
    assert_eq!(of(About::Time, 90.0), "Upstream server on gateway → server: server took 90 ms of the 100 ms");
    assert_eq!(
        [About::of("result"), About::of("within"), About::of("$sse")],
        [About::Content, About::Time, About::Form]
    );
}

#[test]
fn an_answer_before_the_upstream_had_one() {
    let late = Exchange { began_ms: Some(200.0), ..inner(Some(200), result("a")) };
    for child in [late, inner(None, json!(null))] {
        assert_eq!(
            told(Charge::Answer(0, About::Content), &[outer(Some(200), result("b")), child]),
            "Target gateway on client → gateway: gateway answered before server had answered `tools/call`"
        );
    }
}

#[test]
fn the_last_try_of_the_same_method_decides() {
    let transcript = [
        outer(Some(200), result("b")),
        inner(Some(404), json!({})),
        exchange("gateway", "server", "initialize", Some(200), result("open")),
        inner(Some(200), result("a")),
        exchange("gateway", "idp", "notify", Some(500), json!({})),
    ];
    assert!(told(Charge::Answer(0, About::Content), &transcript).contains("server answered `tools/call` well"));
}

#[test]
fn nobody_was_reached() {
    let refused = Exchange { failure: Some("connection refused".into()), ..outer(None, json!(null)) };
    assert_eq!(
        told_unreached(Charge::Answer(0, About::Content), &[refused], &[0]),
        "Connection gateway on client → gateway: gateway cannot be reached"
    );
}

#[test]
fn an_event_stream_is_looked_into() {
    let text = format!("event: message\ndata: {}\n\n", error());
    let mut child = inner(Some(200), json!(null));
    child.response =
        Some(WireResponse { status: Some(200), headers: Vec::new(), body: Body::Text { text, truncated: 0 } });
    assert!(
        told(Charge::Answer(0, About::Content), &[outer(Some(200), result("")), child]).contains("the error -32602")
    );
}

#[test]
fn a_client_under_test() {
    let asked = |status, note: Option<&str>| Exchange {
        cause: None,
        note: note.map(str::to_owned),
        ..inner(Some(status), json!({}))
    };
    assert_eq!(
        told(Charge::Outcome, &[asked(200, None), asked(401, Some("expired"))]),
        "Target gateway on gateway → server: server refused what gateway sent: expired"
    );
    assert!(told(Charge::Outcome, &[asked(400, None)]).starts_with("Target gateway on gateway → server"));
    assert!(told(Charge::Outcome, &[asked(503, None)]).starts_with("Upstream server on gateway → server"));
    // A challenge at the beginning is nothing to stumble over.
    let signed_in = told(Charge::Outcome, &[asked(401, Some("no-header")), asked(200, None)]);
    assert!(signed_in.ends_with("gateway went wrong although server answered `tools/call` well"), "{signed_in}");
    assert_eq!(told(Charge::Outcome, &[]), "");
}
