#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;

/// `path: reason` of each mismatch.
fn run(pattern: &Value, actual: &Value) -> Vec<String> {
    let pattern = Node::from_json(pattern, Span::default());
    matches(&pattern, Some(actual), "body").into_iter().map(|m| format!("{}: {}", m.path, m.reason)).collect()
}

#[track_caller]
fn ok(pattern: Value, actual: Value) {
    assert_eq!(run(&pattern, &actual), Vec::<String>::new(), "{pattern} on {actual}");
}

#[track_caller]
fn fails(pattern: Value, actual: Value, expected: &[&str]) {
    assert_eq!(run(&pattern, &actual), expected, "{pattern} on {actual}");
}

fn absent(pattern: Value) -> Vec<String> {
    let pattern = Node::from_json(&pattern, Span::default());
    matches(&pattern, None, "x").into_iter().map(|m| m.reason).collect()
}

#[test]
fn plain_data() {
    ok(
        json!({"a": 1, "b": {"c": [1, "x", null, true]}}),
        json!({"a": 1.0, "b": {"c": [1, "x", null, true], "d": 1}, "e": 2}),
    );
    fails(
        json!({"a": 1, "b": {"c": [1, {"d": 2}]}, "e": 1}),
        json!({"a": 2, "b": {"c": [1, {"d": "2"}]}}),
        &["body.a: expected 1, found 2", "body.b.c[1].d: expected number 2, found string \"2\"", "body.e: is missing"],
    );
    fails(json!([1]), json!([1, 2]), &["body: has 2 elements, expected 1"]);
    fails(json!([1, 2]), json!([1]), &["body[1]: is missing"]);
    fails(json!({}), json!([]), &["body: expected object {…}, found array []"]);
    fails(json!({"a": null}), json!({}), &["body.a: is missing"]);
    fails(json!({"a b": 1}), json!({"a b": 2}), &["body[\"a b\"]: expected 1, found 2"]);
    fails(
        json!(9007199254740993_i64),
        json!(9007199254740992_i64),
        &["body: expected 9007199254740993, found 9007199254740992"],
    );
    assert_eq!(absent(json!(1)), ["is missing"]);
}

#[test]
fn a_mismatch_holds_both_values_and_the_place() {
    let span = Span { source: 0, line: 7, column: 3, start: 9, end: 12 };
    let found = matches(&Node::from_json(&json!(403), span), Some(&json!(200)), "status");
    assert_eq!(
        found,
        [Mismatch {
            path: "status".to_owned(),
            expected: json!(403),
            actual: Some(json!(200)),
            reason: "expected 403, found 200".to_owned(),
            span
        }]
    );
}

#[test]
fn any_and_absent() {
    ok(json!({"a": {"$any": true}}), json!({"a": null}));
    fails(json!({"a": {"$any": true}}), json!({}), &["body.a: is missing"]);
    ok(json!({"a": {"$absent": true}}), json!({}));
    fails(json!({"a": {"$absent": true}}), json!({"a": null}), &["body.a: is there, expected it to be absent"]);
}

#[test]
fn regex() {
    ok(json!({"$regex": "^a.c$"}), json!("abc"));
    fails(json!({"$regex": "^a.c$"}), json!("abcd"), &["body: \"abcd\" has no match of /^a.c$/"]);
    fails(json!({"$regex": "a"}), json!(1), &["body: expected a string, found number 1"]);
    assert!(run(&json!({"$regex": "("}), &json!("x"))[0].contains("invalid"));
}

#[test]
fn types() {
    for (name, value) in [
        ("string", json!("")),
        ("number", json!(1.5)),
        ("integer", json!(1.0)),
        ("integer", json!(-1)),
        ("boolean", json!(false)),
        ("object", json!({})),
        ("array", json!([])),
        ("null", json!(null)),
    ] {
        ok(json!({"$type": name}), value);
    }
    ok(json!({"$type": ["null", "string"]}), json!(null));
    fails(json!({"$type": "integer"}), json!(1.5), &["body: expected integer, found number 1.5"]);
    fails(json!({"$type": ["null", "string"]}), json!(1), &["body: expected null or string, found number 1"]);
}

#[test]
fn contains() {
    ok(json!({"$contains": "b"}), json!("abc"));
    ok(json!({"$contains": {"a": 1}}), json!([0, {"a": 1, "b": 2}]));
    fails(json!({"$contains": "x"}), json!("abc"), &["body: \"abc\" does not hold the text \"x\""]);
    fails(json!({"$contains": 3}), json!([1, 2]), &["body: none of 2 elements matches"]);
    fails(json!({"$contains": 3}), json!({}), &["body: expected a string or array, found object {…}"]);
}

#[test]
fn logic() {
    ok(json!({"$not": "a"}), json!("b"));
    fails(json!({"$not": "a"}), json!("a"), &["body: \"a\" matches what it must not"]);
    assert_eq!(absent(json!({"$not": "a"})), ["is missing"]);
    ok(json!({"$oneOf": [1, {"$gt": 5}]}), json!(6));
    fails(json!({"$oneOf": [1, 2]}), json!(3), &["body: 3 matches none of the 2 alternatives"]);
    assert!(absent(json!({"$oneOf": [1, {"$absent": true}]})).is_empty());
    assert_eq!(absent(json!({"$oneOf": [1, 2]})), ["is missing"]);
    ok(json!({"$allOf": [{"$gt": 1}, {"$lt": 3}]}), json!(2));
    fails(json!({"$allOf": [{"$gt": 1}, {"$lt": 3}]}), json!(4), &["body: expected less than 3, found 4"]);
}

#[test]
fn numbers() {
    for (pattern, good, bad, words) in [
        ("$gt", json!(3), json!(2), "more than"),
        ("$gte", json!(2), json!(1.5), "at least"),
        ("$lt", json!(1), json!(2.0), "less than"),
        ("$lte", json!(2), json!(3), "at most"),
    ] {
        ok(json!({ pattern: 2 }), good);
        fails(json!({ pattern: 2 }), bad.clone(), &[&format!("body: expected {words} 2, found {bad}")]);
        fails(json!({ pattern: 2 }), json!("3"), &["body: expected a number, found string \"3\""]);
    }
}

#[test]
fn len() {
    ok(json!({"$len": 2}), json!("éa"));
    ok(json!({"$len": {"$gt": 1}}), json!([1, 2]));
    ok(json!({"$len": 1}), json!({"a": 1}));
    fails(json!({"$len": 3}), json!([1]), &["body.$len: expected 3, found 1"]);
    fails(json!({"$len": 3}), json!(3), &["body: number 3 has no length"]);
}

#[test]
fn unordered_is_a_matching_and_not_greedy() {
    ok(json!({"$unordered": [{"$any": true}, 1]}), json!([1, 2]));
    ok(json!({"$unordered": [{"$type": "number"}, {"$gt": 1}, {"$gt": 2}]}), json!([3, 2, 1]));
    ok(json!({"$unordered": []}), json!([]));
    fails(
        json!({"$unordered": [1, 2]}),
        json!([2, 3]),
        &["body: no element is left that matches this one", "body[1]: was not expected"],
    );
    fails(
        json!({"$unordered": [1, 1]}),
        json!([1, 1, 1]),
        &["body: has 3 elements, expected 2", "body[2]: was not expected"],
    );
    fails(json!({"$unordered": [1]}), json!("x"), &["body: expected an array, found string \"x\""]);
}

#[test]
fn elements_in_order_with_others_between() {
    ok(json!({"$inOrder": [1, {"$gt": 1}]}), json!([0, 1, "x", 3]));
    ok(json!({"$inOrder": []}), json!([1]));
    fails(
        json!({"$inOrder": [2, 1]}),
        json!([1, 2]),
        &["body: the elements that match this one come before element 1"],
    );
    fails(
        json!({"$inOrder": [1, 1]}),
        json!([1, 2]),
        &["body: the elements that match this one come before element 0"],
    );
    fails(json!({"$inOrder": [3]}), json!([1, 2]), &["body: none of 2 elements matches this one"]);
    fails(json!({"$inOrder": [3]}), json!("x"), &["body: expected an array, found string \"x\""]);
}

#[test]
fn exact() {
    ok(json!({"$exact": {"a": {"$x": 1}, "b": 1}}), json!({"b": 1.0, "a": {"$x": 1}}));
    fails(json!({"$exact": {"a": 1}}), json!({"a": 1, "b": 2}), &["body: has a member more than expected: `b`"]);
    fails(json!({"$exact": {"$regex": "a"}}), json!("a"), &["body: expected exactly {…}, found \"a\""]);
}

#[test]
fn schema() {
    let schema = json!({"$schema": {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}, "required": ["b"]}});
    ok(schema.clone(), json!({"a": [1], "b": 1}));
    let found = run(&schema, &json!({"a": [1, "x"]}));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().any(|m| m.starts_with("body.a[1]: breaks the JSON Schema:")), "{found:?}");
    assert!(run(&json!({"$schema": {"type": 7}}), &json!(1))[0].contains("the JSON Schema is invalid"));
    // No reference is fetched.
    assert!(run(&json!({"$schema": {"$ref": "http://127.0.0.1:9/x.json"}}), &json!(1))[0].contains("invalid"));
}

#[test]
fn url() {
    let url = "https://example.com/a/b?x=1&y=2&y=3";
    ok(
        json!({"$url": {"scheme": "https", "host": "example.com", "port": 443, "path": "/a/b", "query": {"x": "1", "y": ["2", "3"]}}}),
        json!(url),
    );
    ok(json!({"$url": {"query": {"z": {"$absent": true}}}}), json!(url));
    fails(
        json!({"$url": {"host": "b.com", "path": {"$regex": "^/b"}}}),
        json!(url),
        &[
            "body.$url.host: expected \"b.com\", found \"example.com\"",
            "body.$url.path: \"/a/b\" has no match of /^/b/",
        ],
    );
    for bad in ["/a/b", "https:example.com", " https://example.com", "https://exa mple.com", ""] {
        assert_eq!(run(&json!({"$url": {}}), &json!(bad)).len(), 1, "{bad:?} was taken");
    }
}

#[test]
fn embedded_json() {
    ok(json!({"$json": {"a": 1}}), json!("{\"a\": 1, \"b\": 2}"));
    fails(json!({"$json": {"a": 1}}), json!("{\"a\": 2}"), &["body.$json.a: expected 1, found 2"]);
    assert!(run(&json!({"$json": {}}), &json!("{"))[0].starts_with("body: the string does not hold JSON"));
}

#[test]
fn event_streams() {
    let text = "event: start\ndata: {\"n\": 1}\n\nid: 9\ndata: two\n\nevent: stop\ndata: {}\n\n";
    ok(json!({"$sse": [{"event": "start", "data": {"n": 1}}, {"event": "stop"}]}), json!(text));
    ok(json!({"$sse": [{"event": "message", "id": "9", "data": "two"}]}), json!(text));
    ok(json!({"$sse": [{"data": {"$contains": "tw"}, "retry": {"$absent": true}}]}), json!(text));
    fails(
        json!({"$sse": [{"event": "stop"}, {"event": "start"}]}),
        json!(text),
        &["body.$sse: event 2 of 2 did not come after event #2; no event is left"],
    );
    fails(
        json!({"$sse": [{"event": "start", "data": {"n": 2}}]}),
        json!(text),
        &[
            "body.$sse: event 1 of 1 did not come; nearest is event #0: `data.n` expected 2, found 1 (left: start, message, stop)",
        ],
    );
    let events =
        json!([{"event": "message", "data": "{\"id\": 1}", "at": 40}, {"event": "message", "data": "x", "at": 2500.4}]);
    ok(json!({"$sse": [{"data": {"id": 1}, "within": "50ms"}, {"after": "2s", "within": "3s"}]}), events.clone());
    fails(
        json!({"$sse": [{"data": "x", "within": "1s"}]}),
        events,
        &[
            "body.$sse: event 1 of 1 did not come; nearest is event #1: `within` expected within 1s, came after 2500ms (left: message, message)",
        ],
    );
    fails(json!({"$sse": [{}]}), json!(3), &["body: 3 is not an event stream"]);
    assert_eq!(run(&json!({"$sse": [{"event": "x"}]}), &json!([])).len(), 1);
}

#[test]
fn jwt() {
    use base64::Engine as _;
    let part = |v: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(v.to_string());
    let token = format!("{}.{}.c2ln", part(json!({"alg": "RS256"})), part(json!({"sub": "a", "aud": ["x"]})));
    ok(json!({"$jwt": {"header": {"alg": "RS256"}, "claims": {"aud": ["x"], "exp": {"$absent": true}}}}), json!(token));
    fails(
        json!({"$jwt": {"claims": {"sub": "b"}}}),
        json!(token),
        &["body.$jwt.claims.sub: expected \"b\", found \"a\""],
    );
    for bad in ["a.b", "a.b.c", "", &format!("{}=.e30.", part(json!({}))), "bnVsbA.e30.", "e30.e30.!"] {
        let found = run(&json!({"$jwt": {}}), &json!(bad));
        assert_eq!(found.len(), 1, "{bad:?} was taken");
        assert!(found[0].starts_with("body: is not a JWT:"), "{found:?}");
    }
}

#[test]
fn challenges_are_parsed() {
    let one = |scheme: &str, token68: Option<&str>, params: &[(&str, &str)]| challenge::Challenge {
        scheme: scheme.to_owned(),
        token68: token68.map(str::to_owned),
        params: params.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
    };
    assert_eq!(
        challenge::parse(
            r#"Basic realm="a, \"b\"", Bearer Scope = "x y" ,error=invalid_token, , Negotiate YWI=, Digest"#
        )
        .unwrap(),
        [
            one("Basic", None, &[("realm", "a, \"b\"")]),
            one("Bearer", None, &[("scope", "x y"), ("error", "invalid_token")]),
            one("Negotiate", Some("YWI="), &[]),
            one("Digest", None, &[]),
        ]
    );
    for (bad, reason) in [
        ("", "there is no challenge at byte 0"),
        (",", "there is no challenge at byte 1"),
        ("Bearer realm=\"a", "the quoted string does not end at byte 13"),
        ("Bearer a=1, realm=", "expected a value for `realm` at byte 18"),
        ("Bearer realm=\"a\" scope=\"b\"", "expected `,` at byte 17"),
        ("Bearer a=1, A=2", "the parameter `a` is there twice at byte 12"),
        ("Bearer realm x", "expected `=` after `realm` at byte 13"),
        ("\"Bearer\"", "expected an authentication scheme at byte 0"),
        ("Bearer:x", "expected a blank after the scheme at byte 6"),
        ("Bearer r=\"a\u{7}\"", "'\\u{7}' stands in a quoted string at byte 11"),
        ("Bearer resource_metadata=https://a/b", "expected `,` at byte 30"),
    ] {
        assert_eq!(challenge::parse(bad).unwrap_err().to_string(), reason, "{bad}");
    }
}

#[test]
fn challenge() {
    let value = json!("Basic realm=\"x\", Bearer error=\"invalid_token\", scope=\"a b\"");
    ok(
        json!({"$challenge": {"scheme": "bearer", "scope": {"$any": true}, "error": "invalid_token", "realm": {"$absent": true}}}),
        value.clone(),
    );
    ok(json!({"$challenge": {"scheme": {"$regex": "^B"}, "realm": "x"}}), value.clone());
    ok(json!({"$challenge": {"scheme": "Bearer"}}), json!(["Basic realm=x", "Bearer"]));
    fails(
        json!({"$challenge": {"scheme": "Bearer", "error": "insufficient_scope", "max_age": {"$any": true}}}),
        value.clone(),
        &[
            "body.$challenge.error: expected \"insufficient_scope\", found \"invalid_token\"",
            "body.$challenge.max_age: is missing",
        ],
    );
    fails(
        json!({"$challenge": {"scheme": "DPoP"}}),
        value,
        &["body: there is no challenge of this scheme, only Basic, Bearer"],
    );
    fails(
        json!({"$challenge": {"scheme": "Bearer"}}),
        json!("Bearer a=1, realm="),
        &["body: is not a WWW-Authenticate value: expected a value for `realm` at byte 18"],
    );
}

#[test]
fn arn() {
    let arn = json!("arn:aws:iam::123456789012:role/a:b");
    ok(
        json!({"$arn": {"partition": "aws", "service": "iam", "region": "", "account": {"$len": 12}, "resource": "role/a:b"}}),
        arn.clone(),
    );
    fails(json!({"$arn": {"service": "sts"}}), arn, &["body.$arn.service: expected \"sts\", found \"iam\""]);
    for bad in ["arn:aws:iam", "urn:aws:iam::1:x", "arn:aws:iam::1:", ""] {
        assert_eq!(run(&json!({"$arn": {}}), &json!(bad)).len(), 1, "{bad:?} was taken");
    }
}

#[test]
fn unique() {
    ok(json!({"$unique": true}), json!([1, "1", {"a": 1}, {"a": 2}, [1], null]));
    fails(
        json!({"$unique": true}),
        json!([{"a": 1, "b": 2}, 3, {"b": 2, "a": 1.0}]),
        &["body[2]: is equal to element 0"],
    );
    ok(json!({"$unique": "name"}), json!([{"name": "a"}, {"name": "b"}, {}, {}]));
    fails(
        json!({"$unique": "name"}),
        json!([{"name": "a", "x": 1}, {"name": "a", "x": 2}]),
        &["body[1]: has the same `name` as element 0: \"a\""],
    );
    ok(
        json!({"$unique": "tools.name"}),
        json!([{"tools": [{"name": "a"}, {"name": "b"}]}, {"tools": [{"name": "c"}]}, {}]),
    );
    fails(
        json!({"$unique": "tools.name"}),
        json!([{"tools": [{"name": "a"}]}, {"tools": [{"name": "b"}, {"name": "a"}]}]),
        &["body[1]: has the same `tools.name` as element 0: \"a\""],
    );
    ok(json!({"$unique": "a.b"}), json!([{"a.b": 1}, {"a": {"b": 2}}]));
    assert_eq!(run(&json!({"$unique": true}), &json!({})).len(), 1);
}

#[test]
fn each() {
    ok(json!({"$each": {"a": {"$gt": 0}}}), json!([{"a": 1}, {"a": 2}]));
    fails(
        json!({"$each": {"$gt": 1}}),
        json!([1, 2, 0]),
        &["body[0]: expected more than 1, found 1", "body[2]: expected more than 1, found 0"],
    );
    assert_eq!(run(&json!({"$each": 1}), &json!("x")).len(), 1);
}

#[test]
fn captured_data_that_looks_like_a_matcher_is_data() {
    ok(json!({"$ref": "#/x"}), json!({"$ref": "#/x"}));
    ok(json!({"$schema": "s", "type": "object"}), json!({"$schema": "s", "type": "object"}));
    fails(json!({"$ref": "#/x"}), json!({"$ref": "#/y"}), &["body.$ref: expected \"#/x\", found \"#/y\""]);
}

#[test]
fn every_matcher_of_the_table_is_known_here() {
    for known in crate::shape::MATCHERS {
        let pattern = Node::from_json(&json!({ known.name: true }), Span::default());
        let NodeValue::Object(members) = &pattern.value else { panic!("an object") };
        let at = At { pattern: &pattern, argument: &members[0].1, path: &Path::Root("") };
        assert!(matcher(known.name, &at, None, &mut Vec::new()), "{}", known.name);
    }
}
