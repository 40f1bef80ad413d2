use serde_json::json;

use super::*;
use crate::fixture;
use crate::model::{Body, WireResponse};

fn answered(status: u16, headers: &[(&str, &str)], body: Value) -> Vec<Exchange> {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let response = WireResponse { status: Some(status), headers, body: Body::Json(body) };
    vec![fixture::exchange(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call"}), response)]
}

fn result(result: Value) -> Vec<Exchange> {
    answered(200, &[], json!({"jsonrpc": "2.0", "id": 1, "result": result}))
}

fn error(error: Value) -> Vec<Exchange> {
    answered(200, &[], json!({"jsonrpc": "2.0", "id": 1, "error": error}))
}

fn side(name: &str) -> Side {
    Side { name: name.into(), endpoint: "e".into() }
}

fn found(mock: &[Exchange], real: &[Exchange]) -> Vec<(&'static str, String)> {
    let mut drift = Drift::new();
    drift.add("c", mock, real);
    drift.finish(side("m"), side("r")).findings.iter().map(|f| (f.rule, f.path.to_string())).collect()
}

fn one(rule: &'static str, path: &str) -> Vec<(&'static str, String)> {
    vec![(rule, path.to_owned())]
}

#[test]
fn values_are_not_compared() {
    let said = |text: &str, n: u64| result(json!({"content": [{"type": "text", "text": text}], "n": n, "list": []}));
    assert_eq!(found(&said("a", 1), &said("another", 2)), []);
    let listed = |names: &[&str]| {
        result(
            json!({"tools": names.iter().map(|n| json!({"name": n, "inputSchema": {n.to_owned(): 1}})).collect::<Vec<_>>()}),
        )
    };
    assert_eq!(found(&listed(&["a"]), &listed(&["x", "y"])), []);
    let failed = |message: &str| error(json!({"code": -32602, "message": message}));
    assert_eq!(found(&failed("no"), &failed("never")), []);
}

#[test]
fn each_kind_of_drift_is_found() {
    let good = result(json!({"content": [{"type": "text", "text": "a"}], "isError": false}));
    let failed = error(json!({"code": -32602, "message": "no"}));
    assert_eq!(found(&failed, &good), one("outcome", "outcome"));
    assert_eq!(found(&failed, &error(json!({"code": -32000, "message": "no"}))), one("error-code", "error.code"));
    let with_data = error(json!({"code": -32602, "message": "no", "data": {}}));
    assert_eq!(found(&failed, &with_data), one("member-only-real", "error.data"));
    assert_eq!(found(&with_data, &failed), one("member-only-mock", "error.data"));
    let other = result(json!({"content": [{"type": "text", "text": 1}], "isError": false}));
    assert_eq!(found(&good, &other), one("type", "result.content[text].text"));
    let refused =
        |status, challenge: &str| answered(status, &[("www-authenticate", challenge)], json!({"message": "no"}));
    assert_eq!(found(&refused(401, "Bearer"), &refused(403, "Bearer")), one("status", "status"));
    let (plain, with) = ("Bearer error=\"invalid_token\"", "Bearer error=\"expired\", resource_metadata=\"https://x\"");
    assert_eq!(found(&refused(401, plain), &refused(401, with)), one("header-form", "headers.www-authenticate"));
    assert_eq!(found(&refused(401, with), &refused(401, &with.replace("https://x", "https://y"))), []);
    let bare = answered(401, &[], json!({"message": "no"}));
    assert_eq!(found(&refused(401, plain), &bare), one("header-only-mock", "headers.www-authenticate"));
    assert_eq!(found(&bare, &refused(401, plain)), one("header-only-real", "headers.www-authenticate"));
    let body = answered(401, &[], json!({"Message": "no"}));
    let expected =
        vec![("member-only-mock", "body.message".to_owned()), ("member-only-real", "body.Message".to_owned())];
    assert_eq!(found(&bare, &body), expected);
}

#[test]
fn json_inside_a_text_has_a_shape_too() {
    let said = |inside: Value| result(json!({"content": [{"type": "text", "text": inside.to_string()}]}));
    let (mock, real) = (said(json!({"results": [{"url": "a"}]})), said(json!({"results": [{"url": "b", "rank": 1}]})));
    assert_eq!(
        found(&mock, &real),
        one("member-only-real", "result.content[text].text[\"(json)\"].results[\"*\"].rank")
    );
}

#[test]
fn what_need_not_be_there_is_a_note() {
    let listed = |tool: Value| result(json!({"tools": [tool]}));
    let (mock, real) = (listed(json!({"name": "a", "title": "A"})), listed(json!({"name": "b"})));
    assert_eq!(found(&mock, &real), one("list-member", "result.tools[\"*\"].title"));
    let real = listed(json!({"name": 7, "title": "A"}));
    assert_eq!(found(&mock, &real), one("type", "result.tools[\"*\"].name"));
    // Only some have it: nobody can rely on it.
    let mock = result(json!({"content": [{"type": "text", "text": "a", "x": 1}, {"type": "text", "text": "b"}]}));
    assert_eq!(found(&mock, &result(json!({"content": [{"type": "text", "text": "c"}]}))), []);
}

#[test]
fn what_is_declared_does_not_count() {
    let (mock, real) =
        (error(json!({"code": 1, "message": "m"})), error(json!({"code": 2, "message": "m", "data": 1})));
    let report = |allowed: &[&str]| {
        let mut drift = Drift::new();
        allowed.iter().for_each(|allowed| drift.allow(allowed).unwrap());
        drift.add("c", &mock, &real);
        drift.finish(side("m"), side("r"))
    };
    assert_eq!(report(&[]).count(Worth::Drift), 2);
    assert_eq!(report(&["error-code"]).count(Worth::Drift), 1);
    let all = report(&["error-code", "error.data"]);
    assert_eq!((all.count(Worth::Drift), all.count(Worth::Note)), (0, 2));
    assert!(text(&all, false, false).contains("(declared)"));
    assert!(Drift::new().allow("eror-code").unwrap_err().contains("the rules are outcome"));
    assert!(Drift::new().allow("a..b").unwrap_err().contains("is not a path"));
}

#[test]
fn what_is_told_controls_no_terminal() {
    let mut drift = Drift::new();
    drift.add("c\u{1b}[2J", &result(json!({"a\u{1b}[2J": 1})), &result(json!({})));
    drift.leave_open("d", Open::Untestable, "needs \u{1b}[2J");
    let told = text(&drift.finish(side("m\u{1b}"), side("r")), false, true);
    assert!(!told.contains('\u{1b}') && told.contains("untestable on the real system: 1 case"), "{told}");
}
