use serde_json::json;

use super::*;
use crate::fixture;
use crate::model::{Body, Exchange, StreamEvent, WireResponse};

fn exchange(body: Body) -> Exchange {
    let headers = vec![("content-type".into(), "application/json".into())];
    let message = json!({"method": "tools/call", "params": {"name": "a"}});
    fixture::exchange(message, WireResponse { status: Some(200), headers, body })
}

fn mismatch(path: &str, expected: Value, actual: Option<Value>) -> MismatchReport {
    MismatchReport { path: path.into(), expected, actual, reason: "differs".into(), place: None }
}

/// The diff as text, and how many mismatches found no place in it.
fn shown(exchange: &Exchange, mismatches: &[MismatchReport]) -> (String, usize) {
    let mismatches: Vec<&MismatchReport> = mismatches.iter().collect();
    let half = Half::of(exchange, &mismatches, "server");
    let comparison = compare(exchange, half, &mismatches);
    let text = lines(&comparison.expected, &comparison.actual)
        .iter()
        .map(|line| {
            let sign = match line.tag {
                Tag::Same => ' ',
                Tag::Expected => '-',
                Tag::Actual => '+',
                Tag::Gap => '~',
            };
            format!("{sign}{}\n", line.text())
        })
        .collect();
    (text, comparison.elsewhere.len())
}

#[test]
fn values_are_replaced_inserted_and_dropped() {
    let actual = json!({"jsonrpc": "2.0", "id": 1, "result": {"isError": false, "extra": 1}});
    let (text, elsewhere) = shown(
        &exchange(Body::Json(actual)),
        &[
            mismatch("status", json!(403), Some(json!(200))),
            mismatch("headers.www-authenticate", json!({"$regex": "Bearer"}), None),
            mismatch("headers.content-type", json!("text/plain"), Some(json!("application/json"))),
            mismatch("result.isError", json!(true), Some(json!(false))),
            mismatch("result.content[0].text", json!("x"), None),
            mismatch("body.result.extra", json!({"$absent": true}), Some(json!(1))),
        ],
    );
    assert_eq!(
        text,
        r#"-HTTP 403
-content-type: text/plain
-www-authenticate: {"$regex":"Bearer"}
-{"jsonrpc":"2.0","id":1,"result":{"isError":true}}
+HTTP 200
+content-type: application/json
+{"jsonrpc":"2.0","id":1,"result":{"isError":false,"extra":1}}
"#
    );
    // There is no `content` that could take an element.
    assert_eq!(elsewhere, 1);
}

#[test]
fn a_path_that_does_not_lead_to_the_actual_value_changes_nothing() {
    let body = || Body::Json(json!({"a": [1, 2]}));
    for wrong in [
        mismatch("body.a[0]", json!(7), Some(json!(2))),
        mismatch("body.a[0]", json!(7), None),
        mismatch("body.b", json!(7), Some(json!(2))),
        mismatch("body.a.b.c", json!(7), Some(json!(2))),
        mismatch("status", json!(7), Some(json!(201))),
        mismatch("headers.content-type", json!("x"), None),
        mismatch("within", json!("2s"), Some(json!(2310))),
        mismatch("not a path..", json!(1), None),
    ] {
        assert_eq!(shown(&exchange(body()), std::slice::from_ref(&wrong)), (String::new(), 1));
    }
}

#[test]
fn the_answer_is_found_in_a_stream() {
    let event = |data| StreamEvent { at_ms: 1.0, event: None, id: None, data };
    let body = Body::Events(vec![
        event(json!({"jsonrpc": "2.0", "method": "notifications/progress"})),
        event(json!({"jsonrpc": "2.0", "id": 1, "result": {"n": 1}})),
    ]);
    let (text, elsewhere) = shown(
        &exchange(body),
        &[
            mismatch("result.n", json!(2), Some(json!(1))),
            mismatch("$sse[2]", json!({"event": "end", "within": "1s"}), None),
        ],
    );
    assert_eq!(elsewhere, 0);
    assert_eq!(
        text,
        r#" HTTP 200
 content-type: application/json
 data: {"jsonrpc":"2.0","method":"notifications/progress"}
-data: {"jsonrpc":"2.0","id":1,"result":{"n":2}}
-event: end
-data: …
+data: {"jsonrpc":"2.0","id":1,"result":{"n":1}}
"#
    );
}

#[test]
fn no_answer_at_all_is_another_body() {
    let (text, _) =
        shown(&exchange(Body::Json(json!({"message": "no"}))), &[mismatch("result", json!({"tools": []}), None)]);
    assert!(text.ends_with("-{\"result\":{\"tools\":[]}}\n+{\"message\":\"no\"}\n"), "{text}");
}

#[test]
fn the_request_is_judged_when_the_values_stand_there() {
    let on_upstream = exchange(Body::Json(json!({})));
    let wrong = mismatch("body.params.name", json!("b"), Some(json!("a")));
    assert_eq!(Half::of(&on_upstream, &[&wrong], "gateway"), Half::Request);
    let missing = mismatch("headers.user-agent", json!("x"), None);
    assert_eq!(Half::of(&on_upstream, &[&missing], "gateway"), Half::Response);
    assert_eq!(Half::of(&on_upstream, &[&missing], "client"), Half::Request);
    let (text, elsewhere) = shown(&on_upstream, &[wrong]);
    assert_eq!(elsewhere, 0);
    assert!(text.contains("-{\"method\":\"tools/call\",\"params\":{\"name\":\"b\"}}"), "{text}");
}

#[test]
fn far_away_lines_are_left_out_and_words_are_marked() {
    let lines_of = |word: &str| -> Vec<String> {
        (0..20).map(|n| if n == 10 { format!("the {word} one") } else { n.to_string() }).collect()
    };
    let diff = lines(&lines_of("old"), &lines_of("new"));
    assert_eq!(diff.first().map(DiffLine::text).as_deref(), Some("… 7 equal lines"));
    assert_eq!(diff.last().map(DiffLine::text).as_deref(), Some("… 6 equal lines"));
    let removed = diff.iter().find(|line| line.tag == Tag::Expected).expect("a removed line");
    assert!(removed.parts.contains(&(true, "old".to_owned())), "{removed:?}");
    assert!(!removed.parts.contains(&(true, "the ".to_owned())), "{removed:?}");
}

#[test]
fn long_lines_are_compared_by_their_ends() {
    let long = |c: char| vec![format!("{}{c}{}", "a".repeat(5000), "z".repeat(5000))];
    let diff = lines(&long('1'), &long('2'));
    assert_eq!(diff[0].parts[1], (true, "1".to_owned()));
    assert_eq!(diff[1].parts[1], (true, "2".to_owned()));
}

#[test]
fn hostile_sizes_end_in_time() {
    let many = |seed: usize| -> Vec<String> { (0..20_000).map(|n| ((n * 7919 + seed) % 4001).to_string()).collect() };
    let began = std::time::Instant::now();
    assert!(!lines(&many(1), &many(2)).is_empty());
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}
