#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::*;
use crate::node::Source;

fn load(text: &str) -> Scenario {
    let source = Arc::new(Source { path: "a.yaml".into(), text: text.into() });
    Scenario::parse(source, None)
        .unwrap_or_else(|e| panic!("{:?}", e.iter().map(ToString::to_string).collect::<Vec<_>>()))
}

fn lint(text: &str) -> Vec<String> {
    scenario(&load(text))
        .into_iter()
        .map(|d| {
            let help = d.help.map(|h| format!(" ({h})")).unwrap_or_default();
            format!("{}:{} {}: {}{help}", d.span.line, d.span.column, d.code, d.message)
        })
        .collect()
}

/// Lints steps; the first stands on line 2, and a check is there already.
fn steps(list: &str) -> Vec<String> {
    lint(&format!(
        "{{ id: a, title: b, target: c, vars: {{ v: 1 }}, steps: [{{ wait: 1s, expect: {{ stderr: {{ $any: true }} }} }},\n{list}] }}"
    ))
}

#[track_caller]
fn expect_block(block: &str, expected: &[&str]) {
    let found = steps(&format!("{{ call: x, expect: {block} }}"));
    let short: Vec<_> = found.iter().map(|m| m.split_once(' ').unwrap().1.split(" (").next().unwrap()).collect();
    assert_eq!(short, expected, "{block}");
}

#[test]
fn variables_must_be_defined_in_order() {
    assert_eq!(
        steps(
            "{ call: x, params: { a: \"${v} ${target.url} ${uuid} ${now+1h} ${env:A} ${secret:file:/x} ${vars.v} ${session.id}\" } }"
        ),
        [""; 0]
    );
    assert_eq!(
        steps("{ call: x, params: { a: \"é ${vv}\" } }"),
        ["2:28 undefined-variable: `vv` is not defined (did you mean `v`?)"]
    );
    assert_eq!(
        steps("{ call: \"${t}\" },\n{ call: x, capture: { t: $.a } },\n{ call: \"${t}\" }"),
        ["2:3 undefined-variable: `t` is not defined (it is captured on line 3, after this or at the same time)"]
    );
    assert_eq!(
        steps("{ parallel: [{ call: x, capture: { t: $ } }, { call: y, params: \"${t}\" }] }, { call: \"${t}\" }")
            .len(),
        1
    );
    assert_eq!(steps("{ call: x, capture: { t: $ } }, { call: y, expect: { result: { a: \"${t.b}\" } } }"), [""; 0]);
    for bad in [
        "${}",
        "${request.body}",
        "${target}",
        "${session}",
        "${env.X}",
        "${env:}",
        "${now+1}",
        "${nowish}",
        "${version.x}",
        "${vars.w}",
        "${open",
    ] {
        let found = steps(&format!("{{ call: x, params: [\"{bad}\"] }}"));
        assert_eq!(found.len(), 1, "{bad}: {found:?}");
    }
    assert_eq!(steps("{ call: x, params: [\"$${free}\"] }"), [""; 0]);
    let stub = "id: a\ntitle: b\ntarget: c\nstubs: [{ respond: { json: \"${request.body.id}\" } }]\nsteps: [{ call: x, expect: { status: 200 } }]\n";
    assert_eq!(lint(stub), [""; 0]);
}

#[test]
fn unused_names_are_warnings() {
    let found = scenario(&load(
        "id: a\ntitle: b\ntarget: c\nmatrix: { m: [1] }\nsteps: [{ call: x, capture: { t: $, _u: $ }, expect: { status: 200 } }]\n",
    ));
    let short: Vec<_> = found.iter().map(|d| (d.code, d.severity, d.span.line)).collect();
    assert_eq!(
        short,
        [("unused-matrix", crate::Severity::Warning, 4), ("unused-capture", crate::Severity::Warning, 5)]
    );
}

#[test]
fn a_closed_client_does_not_speak() {
    assert_eq!(
        steps("{ as: bob, close: true },\n{ call: x },\n{ as: bob, call: x }"),
        [
            "4:12 after-close: the client `bob` was closed on line 2 (use another client with `as`, or say `on_purpose: true` if that is what is tested)"
        ]
    );
    assert_eq!(steps("{ close: true }, { call: x, on_purpose: true }, { http: GET }"), [""; 0]);
}

#[test]
fn a_scenario_that_checks_nothing() {
    assert_eq!(
        lint("id: a\ntitle: b\ntarget: c\nsteps: [{ call: x }, { parallel: [{ wait: 1s }] }]\n"),
        [
            "1:5 checks-nothing: the scenario checks nothing (no step has an `expect` or a `count`; a run of it could not fail)"
        ]
    );
    assert_eq!(lint("id: a\ntitle: b\ntarget: c\nsteps: [{ received: target, count: 1 }]\n"), [""; 0]);
    assert_eq!(
        steps("{ call: x, expect: { proves: [r] } }"),
        ["2:31 empty-expect: the block of expectations checks nothing"]
    );
}

#[test]
fn matchers_that_cannot_match() {
    expect_block(
        "{ body: { $regex: '(' } }",
        &["impossible-matcher: the regular expression is invalid: unclosed group"],
    );
    expect_block("{ body: { $oneOf: [] } }", &["impossible-matcher: `$oneOf` has no alternative"]);
    expect_block("{ body: { a: [{ $len: -1 }] } }", &["impossible-matcher: no length is equal to this"]);
    expect_block("{ body: { $len: { $lt: 0 } } }", &["impossible-matcher: no length is less than 0"]);
    expect_block("{ status: 20 }", &["impossible-matcher: no response has this status"]);
    expect_block("{ status: { $oneOf: [200, '400'] } }", &["impossible-matcher: no response has this status"]);
    expect_block("{ outcome: close }", &["impossible-matcher: there is no such outcome"]);
    expect_block(
        "{ headers: { Content-Type: a } }",
        &["impossible-matcher: `Content-Type` never matches: header names are in lower case"],
    );
    expect_block("{ headers: { content-length: 3 } }", &["impossible-matcher: header values are text, not numbers"]);
    expect_block("{ body: { $contains: { $absent: true } } }", &["impossible-matcher: an element cannot be absent"]);
    expect_block("{ body: { $not: { $any: true } } }", &["impossible-matcher: `$not: { $any: true }` never matches"]);
    expect_block("{ within: 1s, after: 2s }", &["impossible-matcher: `within` is less than `after`"]);
    let found = steps("{ call: x, expect: { body: { $schema: { type: 7 } } } }");
    assert!(found.len() == 1 && found[0].contains("the JSON Schema is invalid"), "{found:?}");
}

#[test]
fn matchers_that_say_nothing() {
    expect_block(
        "{ headers: { www-authenticate: { $challenge: {} } } }",
        &["vacuous-matcher: `$challenge` has neither a scheme nor a parameter"],
    );
    expect_block("{ $sse: [] }", &["vacuous-matcher: `$sse` asks for no event"]);
    expect_block("{ body: { $allOf: [] } }", &["vacuous-matcher: `$allOf` asks for nothing"]);
    expect_block("{ body: { $len: { $gte: 0 } } }", &["vacuous-matcher: every length is at least 0"]);
    expect_block("{ body: { $contains: '' } }", &["vacuous-matcher: every string holds the empty text"]);
}

#[test]
fn good_patterns_pass() {
    for block in [
        "{ status: { $not: 500 }, headers: { a: { $contains: b } }, outcome: answered }",
        "{ body: { $regex: '${v}(' , }, status: \"${v}\" }",
        "{ body: { $exact: { $len: -1 } }, within: 2s, after: 1s }",
        "{ body: { $schema: { properties: { a: { $ref: '#/properties/b' }, b: true } } } }",
    ] {
        expect_block(block, &[]);
    }
}

#[test]
fn members_fit_their_verb() {
    expect_block("{ exit: { code: 0 } }", &["wrong-member: `exit` cannot be expected of a `call` step"]);
    expect_block("{ count: 1 }", &["wrong-member: `count` cannot be expected of a `call` step"]);
    expect_block("{ pages: { $len: 2 } }", &["wrong-member: `pages` needs `cursor_walk: true`"]);
    assert_eq!(
        steps(
            "{ close: true, expect: { exit: { code: 0 } } }, { call: x, cursor_walk: true, expect: { pages: { $len: 2 } }, as: b }"
        ),
        [""; 0]
    );
    assert_eq!(steps("{ control: { restart: true }, expect: { status: 200 } }").len(), 1);
}

#[test]
fn ids_are_unique_across_scenarios() {
    let text = "id: a\ntitle: b\ntarget: c\nsteps: [{ call: x }]\n";
    let mut one = ScenarioSummary::from(&load(text));
    let two = ScenarioSummary::from(&load(&text.replace("id: a", "id: a2")));
    assert_eq!(across(&[one.clone(), two]), []);
    let three = one.clone();
    one.sources = vec![Arc::new(Source { path: "first.yaml".into(), text: text.into() })];
    let found = across(&[one, three]);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].code, found[0].label.as_str(), found[0].span.line),
        ("duplicate-id", "also in first.yaml:1", 1)
    );
}

#[test]
fn names_of_the_world_are_checked() {
    let s = load(
        "id: a\ntitle: b\ntarget: mcp-sever\nproves: [r.one]\nrequires: { upstreams: [aws] }\nsteps:\n  - { received: runtme, count: 1, expect: { proves: [r.tow], count: 1 } }\n  - { parallel: [{ control: { mock: idp2 } }, { received: target }] }\n",
    );
    let known =
        Known { requirements: &["r.one", "r.two"], targets: &["mcp-server"], mocks: &["runtime", "aws", "idp"] };
    let found: Vec<_> = names(&ScenarioSummary::from(&s), &known)
        .into_iter()
        .map(|d| format!("{}: {} {}", d.code, d.message, d.help.unwrap_or_default()))
        .collect();
    assert_eq!(
        found,
        [
            "unknown-requirement: there is no requirement `r.tow` did you mean `r.two`?",
            "unknown-target: there is no target `mcp-sever` did you mean `mcp-server`?",
            "unknown-mock: there is no upstream or mock `runtme` did you mean `runtime`?",
            "unknown-mock: there is no upstream or mock `idp2` did you mean `idp`?",
        ]
    );
    assert_eq!(names(&ScenarioSummary::from(&s), &Known::default()), []);
}

#[test]
fn relations_name_paths_and_steps_that_there_are() {
    let received = |block: &str| {
        steps(&format!("{{ name: ask, call: x }},\n{{ received: server, expect: {{ compare: {block} }} }}"))
    };
    assert_eq!(
        received(
            "{ same: ['body.params._meta[\"a/b\"]'], absent: [headers.x-a], with: ask, answer: { same: [result] } }"
        ),
        [""; 0]
    );
    for (block, wrong) in [
        ("{ same: [bdy.x] }", "bad-path: `bdy.x` leads nowhere: there is no member `bdy`"),
        ("{ same: [result] }", "bad-path: `result` leads nowhere: there is no member `result`"),
        ("{ answer: { same: [method] } }", "bad-path: `method` leads nowhere: there is no member `method`"),
        ("{ same: [body..x] }", "bad-path: `body..x` leads nowhere: a name is missing"),
        ("{ same: [headers.X-A] }", "bad-path: `headers.X-A` leads nowhere: header names are in lower case"),
        ("{ same: [body], with: asks }", "undefined-step: no step is named `asks` (did you mean `ask`?)"),
        ("{ with: ask }", "empty-expect: `compare` compares nothing"),
        ("{ answer: {} }", "empty-expect: `answer` compares nothing"),
    ] {
        let found = received(block);
        assert!(found.len() == 1 && found[0].contains(wrong), "{block}: {found:?}");
    }
    assert_eq!(
        steps("{ call: x, expect: { compare: { same: [body] } } }")[0].split(": ").next(),
        Some("2:22 wrong-member")
    );
}

#[test]
fn what_was_sent_is_known_by_member_and_by_step() {
    let using = |variable: &str| {
        steps(&format!("{{ name: first one, call: x }},\n{{ call: x, expect: {{ result: \"${{{variable}}}\" }} }}"))
    };
    for good in
        ["sent.body.params.a", "sent.headers.x-a", "answered.result[0]", "sent.first one.body", "answered.status"]
    {
        assert_eq!(using(good), [""; 0], "{good}");
    }
    for bad in ["sent", "sent.result", "answered.method", "sent.second.body", "sent.first one.status"] {
        assert!(using(bad)[0].contains("undefined-variable"), "{bad}");
    }
}

#[test]
fn a_step_without_an_exchange_of_its_own_has_no_snapshot() {
    let found = steps("{ received: x, expect: snapshot }, { call: x, expect: snapshot }");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("`snapshot` cannot be expected of a `received` step"), "{found:?}");
}

#[test]
fn secrets_are_listed_where_they_are_read() {
    let file = |secrets: &str, read: &str| {
        lint(&format!(
            "{{ id: a, title: b, target: c, vars: {{ v: x }}, secrets: [{secrets}],\nsteps: [{{ call: x, headers: {{ a: \"{read}\" }}, expect: {{ result: {{ a: 1 }} }} }}] }}"
        ))
    };
    assert_eq!(file("api-key", "Bearer ${secret:api-key}"), [""; 0]);
    assert_eq!(file("", "${secret:v} ${secret:env:X} ${secret:file:/x} ${secret:target.token}"), [""; 0]);
    assert_eq!(
        file("api-key", "${secret:api-kye}${secret:api-key}"),
        ["2:35 undefined-variable: there is no secret `api-kye` (did you mean `api-key`?)"]
    );
    assert_eq!(
        file("", "${secret:token}"),
        ["2:35 undefined-variable: there is no secret `token` (list it under `secrets: [token]`)"]
    );
    assert_eq!(
        file("api-key", "x"),
        ["1:57 unused-secret: nobody reads the secret `api-key` (use `${secret:api-key}` in a step, or remove it)"]
    );
}
