use serde_json::json;

use super::*;
use crate::fixture;
use crate::model::{Body, Exchange, WireResponse};

fn exchange(sent: serde_json::Value, headers: &[(&str, &str)], answer: serde_json::Value) -> Exchange {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let mut exchange = fixture::exchange(sent, WireResponse { status: Some(200), headers, body: Body::Json(answer) });
    exchange.hop.to = "gateway".into();
    exchange.request.url = "http://127.0.0.1:41873/mcp".into();
    exchange
}

fn replaced(text: &str) -> String {
    let rules = Rules::builtin();
    let mut text = text.to_owned();
    Normaliser::new(&rules).line(&mut text);
    text
}

#[test]
fn the_built_in_patterns_compile_and_names_are_unique() {
    for rule in BUILTIN {
        for pattern in rule.patterns {
            assert!(Regex::new(pattern).is_ok_and(|r| r.capture_names().flatten().eq(["v"])), "{pattern}");
        }
        assert_eq!(BUILTIN.iter().filter(|other| other.name == rule.name).count(), 1, "{}", rule.name);
    }
    assert!(Rules::builtin().texts.is_some());
}

#[test]
fn every_kind_of_value_has_its_placeholder() {
    for (text, expected) in [
        ("at 2026-11-21T20:21:38.123Z or 2026-11-21 20:21:38+01:00", "at <date> or <date>"),
        ("Sat, 21 Nov 2026 00:00:00 GMT", "<date>"),
        ("version 2025-06-18 is a name", "version 2025-06-18 is a name"),
        ("20261121T202138Z", "<date>"),
        ("id 0d4f3a1c-7e1b-4c1f-9a55-0123456789ab.", "id <uuid:1>."),
        (
            "http://127.0.0.1:41873/a and http://localhost:8080",
            "http://127.0.0.1:<port:1>/a and http://localhost:<port:2>",
        ),
        ("iss=http%3A%2F%2F127.0.0.1%3A41873%2Fx", "iss=http%3A%2F%2F127.0.0.1%3A<port:1>%2Fx"),
        ("Credential ASIA0123456789ABCDEF", "Credential <access-key:1>"),
        (
            "Credential=AKIA0123456789ABCDEF/20261121/us-east-1/x/aws4_request",
            "Credential=<access-key:1>/<signature>/us-east-1/x/aws4_request",
        ),
        (
            "Credential=AKIA0123456789ABCDEF%2F20261121%2Fus-east-1%2Fx%2Faws4_request",
            "Credential=<access-key:1>%2F<signature>%2Fus-east-1%2Fx%2Faws4_request",
        ),
        ("https://gateway.example.com:8443/mcp", "https://gateway.example.com:8443/mcp"),
        ("Bearer eyJhbGciOiJub25lIn0.eyJhIjoxfQ.c2ln", "Bearer <token:1>"),
        (
            "https://idp/authorize?client_id=a&state=xyz123&code=c1",
            "https://idp/authorize?client_id=a&state=<token:1>&code=<token:2>",
        ),
        ("srvtoolu_01AbCdEfGh", "<id:1>"),
        ("message_of_the_day", "message_of_the_day"),
        (
            "AWS4-HMAC-SHA256 Credential=AKID/20261121/us-east-1/x/aws4_request, Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "AWS4-HMAC-SHA256 Credential=AKID/<signature>/us-east-1/x/aws4_request, Signature=<signature>",
        ),
        ("cannot read /tmp/.tmpAbC123/config", "cannot read <folder:1>/config"),
    ] {
        assert_eq!(replaced(text), expected, "{text}");
    }
}

#[test]
fn the_same_value_is_the_same_everywhere_and_another_one_shows() {
    let said = |cursor: &str| {
        let sent = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {"cursor": cursor}});
        let answer = json!({"jsonrpc": "2.0", "id": 7, "result": {"nextCursor": "c-1", "tools": [{"name": "c-1"}]}});
        let mut exchange = exchange(sent, &[("Mcp-Session-Id", "s1"), ("date", "now"), ("x-echo", "s1")], answer);
        let rules = Rules::builtin();
        Normaliser::new(&rules).exchange(&mut exchange);
        exchange
    };
    let same = said("c-1");
    let expected =
        json!({"jsonrpc": "2.0", "id": "<rpc-id:1>", "method": "tools/list", "params": {"cursor": "<cursor:1>"}});
    assert_eq!(same.request.body, Body::Json(expected));
    assert_eq!(same.request.url, "http://127.0.0.1:<port:1>/mcp");
    let response = same.response.unwrap();
    // A value that was replaced somewhere is replaced everywhere.
    let expected = json!({
        "jsonrpc": "2.0", "id": "<rpc-id:1>", "result": {"nextCursor": "<cursor:1>", "tools": [{"name": "<cursor:1>"}]}
    });
    assert_eq!(response.body, Body::Json(expected));
    let values: Vec<&str> = response.headers.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(values, ["<session:1>", "<date>", "<session:1>"]);
    let other = said("c-2").response.unwrap();
    let Body::Json(body) = other.body else { panic!("not JSON") };
    assert_eq!(body["result"]["nextCursor"], "<cursor:2>");
}

#[test]
fn two_runs_with_other_values_read_alike_unless_a_value_is_wrong() {
    let run = |port: u16, id: &str, echoed: &str| {
        let sent = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"arguments": {"key": id}}});
        let mut exchange =
            exchange(sent, &[("date", id)], json!({"jsonrpc": "2.0", "id": 1, "result": {"key": echoed}}));
        exchange.request.url = format!("http://127.0.0.1:{port}/mcp");
        transcript(&Rules::builtin(), vec![exchange], "gateway")
    };
    let (a, b) = ("0d4f3a1c-7e1b-4c1f-9a55-0123456789ab", "11111111-7e1b-4c1f-9a55-0123456789ab");
    assert_eq!(run(1001, a, a), run(2002, b, b));
    assert_ne!(run(1001, a, a), run(1001, a, b), "the second place has another value");
    assert!(run(1001, a, a).starts_with("### client → target\nPOST /mcp\n"), "{}", run(1001, a, a));
}

#[test]
fn rules_are_added_and_switched_off() {
    let spec = VolatileSpec {
        rules: vec![
            RuleSpec { name: "order".into(), pattern: Some("ORD-([0-9]+)".into()), ..RuleSpec::default() },
            RuleSpec { name: "took".into(), path: Some("result.took".into()), ..RuleSpec::default() },
            RuleSpec { name: "first".into(), path: Some("result.list[*].n".into()), ..RuleSpec::default() },
            RuleSpec { name: "build".into(), header: Some("X-Build".into()), ..RuleSpec::default() },
        ],
        keep: vec!["uuid".into()],
    };
    let rules = Rules::builtin().with(&spec).unwrap();
    let id = "0d4f3a1c-7e1b-4c1f-9a55-0123456789ab";
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {
        "took": {"ms": 3}, "text": "ORD-17, ORD-18, ORD-17", "uuid": id, "list": [{"n": 5}, {"n": 6}],
    }});
    let mut exchange = exchange(json!({"jsonrpc": "2.0", "id": 1}), &[("x-build", "abc")], answer);
    Normaliser::new(&rules).exchange(&mut exchange);
    let response = exchange.response.unwrap();
    let expected = json!({"jsonrpc": "2.0", "id": "<rpc-id:1>", "result": {
        "took": "<took:1>", "text": "ORD-<order:1>, ORD-<order:2>, ORD-<order:1>", "uuid": id,
        "list": [{"n": "<first:1>"}, {"n": "<first:2>"}],
    }});
    assert_eq!(response.body, Body::Json(expected));
    assert_eq!(response.headers[0].1, "<build:1>");
    let exact = rules.without("order").unwrap();
    let mut text = "ORD-17".to_owned();
    Normaliser::new(&exact).line(&mut text);
    assert_eq!(text, "ORD-17");
    let mut text = id.to_owned();
    Normaliser::new(&Rules::none()).line(&mut text);
    assert_eq!(text, id);
}

#[test]
fn what_is_no_rule_is_refused_in_words() {
    let refused = |rule: RuleSpec| {
        let spec = VolatileSpec { rules: vec![rule], keep: Vec::new() };
        Rules::builtin().with(&spec).unwrap_err().to_string()
    };
    let rule = |name: &str| RuleSpec { name: name.into(), ..RuleSpec::default() };
    assert!(refused(rule("x")).contains("just one of"), "{}", refused(rule("x")));
    assert!(refused(RuleSpec { pattern: Some("(".into()), ..rule("x") }).contains("not a regular expression"));
    assert!(refused(RuleSpec { path: Some("a..b".into()), ..rule("x") }).contains("not a path"));
    assert!(refused(RuleSpec { header: Some("a".into()), ..rule("uuid") }).contains("take another"));
    assert!(refused(RuleSpec { header: Some("a".into()), ..rule("a b") }).contains("letters"));
    let unknown = Rules::builtin().without("uid").unwrap_err();
    assert_eq!(unknown, RuleError::Unknown("uid".into()));
    let many = VolatileSpec {
        rules: (0..=MOST).map(|i| RuleSpec { header: Some("a".into()), ..rule(&format!("r{i}")) }).collect(),
        keep: Vec::new(),
    };
    assert!(Rules::builtin().with(&many).is_err());
}

#[test]
fn what_happens_at_the_same_time_is_told_in_the_order_of_the_scenario() {
    let by = |client: &str, step: Option<usize>, cause: Option<usize>| {
        let mut exchange = exchange(json!({"step": step, "cause": cause}), &[], json!(null));
        exchange.hop.from = client.to_owned();
        exchange.step = step;
        exchange.cause = cause;
        exchange
    };
    let one = vec![
        by("a", None, None),
        by("b", None, None),
        by("a", Some(1), None),
        by("gateway", None, Some(2)),
        by("b", Some(2), None),
    ];
    let other = vec![
        by("b", None, None),
        by("b", Some(2), None),
        by("a", None, None),
        by("a", Some(1), None),
        by("gateway", None, Some(3)),
    ];
    let text = |exchanges| transcript(&Rules::builtin(), exchanges, "gateway").replace("\"cause\":3", "\"cause\":2");
    assert_eq!(text(one), text(other));
}

#[test]
fn each_step_has_a_text_of_its_own() {
    let by = |step: Option<usize>, cause: Option<usize>, what: &str| Exchange {
        step,
        cause,
        ..exchange(json!({"what": what, "sessionId": "s"}), &[], json!(null))
    };
    let said = [
        by(None, None, "open"),
        by(Some(0), None, "zero"),
        by(Some(1), None, "one"),
        by(None, Some(2), "behind one"),
        by(None, None, "nobody's"),
        by(Some(2), None, "two"),
        by(None, None, "close"),
    ];
    let texts = of_steps(&Rules::builtin(), &said, "gateway", &[1, 2]);
    let whats: Vec<(usize, Vec<&str>)> = texts
        .iter()
        .map(|(step, text)| (*step, text.split("\"what\":\"").skip(1).map(|t| t.split('"').next().unwrap()).collect()))
        .collect();
    assert_eq!(whats, [(1, vec!["one", "behind one"]), (2, vec!["two"])]);
    assert!(texts.iter().all(|(_, text)| text.contains("<session:1>") && text.starts_with("### client → target\n")));
}

#[test]
fn the_version_of_gauntlet_means_nothing_and_that_of_others_does() {
    let said = json!({"a": {"name": "gauntlet-x", "version": "0.1.0"}, "b": {"name": "other", "version": "0.1.0"}});
    let mut exchange = exchange(json!(null), &[("user-agent", "gauntlet/0.1.0"), ("server", "x/0.1.0")], said);
    Normaliser::new(&Rules::builtin()).exchange(&mut exchange);
    let response = exchange.response.unwrap();
    assert_eq!(response.headers[0].1, "gauntlet/<harness>");
    assert_eq!(response.headers[1].1, "x/0.1.0");
    let expected =
        json!({"a": {"name": "gauntlet-x", "version": "<harness>"}, "b": {"name": "other", "version": "0.1.0"}});
    assert_eq!(response.body, Body::Json(expected));
}

#[test]
fn members_of_a_key_are_replaced_in_a_key_only() {
    let keys = json!({"keys": [{"kty": "RSA", "kid": "a1", "n": "zzz", "e": "AQAB"}], "point": {"x": 1, "n": "zz"}});
    let mut exchange = exchange(json!(null), &[], keys);
    Normaliser::new(&Rules::builtin()).exchange(&mut exchange);
    let expected =
        json!({"keys": [{"kty": "RSA", "kid": "<key:1>", "n": "<key:2>", "e": "AQAB"}], "point": {"x": 1, "n": "zz"}});
    assert_eq!(exchange.response.unwrap().body, Body::Json(expected));
}
