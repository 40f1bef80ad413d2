#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::node::Source;
use crate::yaml;

const DOCS: &str = include_str!("../../../../docs/scenario-format.md");

fn problems(text: &str) -> Vec<String> {
    let source = Arc::new(Source { path: "a.yaml".into(), text: text.into() });
    let root = yaml::parse(&source, 0).unwrap();
    validate(&root, &SCENARIO, &source)
        .iter()
        .map(|d| {
            let help = d.help.as_ref().map(|h| format!(" ({h})")).unwrap_or_default();
            format!("{}:{} {}: {}{help}", d.span.line, d.span.column, d.code, d.message)
        })
        .collect()
}

/// A scenario around one step, which stands on line 3.
fn step_problems(step: &str) -> Vec<String> {
    problems(&format!("{{ id: a, title: b, target: c,\nsteps: [\n{step}\n] }}"))
}

fn examples() -> Vec<String> {
    DOCS.split("```yaml\n")
        .skip(1)
        .map(|b| b.split("```").next().unwrap().to_owned())
        .filter(|b| b.contains("steps:"))
        .collect()
}

fn yaml_value(text: &str) -> Value {
    yaml::parse(&Arc::new(Source { path: "a.yaml".into(), text: text.into() }), 0).unwrap().to_json()
}

#[test]
fn the_examples_of_the_reference_are_valid_both_ways() {
    let validator = jsonschema::validator_for(&json_schema()).unwrap();
    let examples = examples();
    assert!(!examples.is_empty());
    for text in examples {
        assert_eq!(problems(&text), Vec::<String>::new(), "{text}");
        let errors: Vec<_> = validator.iter_errors(&yaml_value(&text)).map(|e| e.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{text}");
    }
}

#[test]
fn every_member_of_the_reference_is_in_the_tables_and_back() {
    let documented = |name: &str| DOCS.contains(&format!("`{name}`")) || DOCS.contains(&format!("`{name}:"));
    for field in SCENARIO.fields.iter().chain(EXPECT.fields).chain(PACK.fields).chain(MATCHERS) {
        assert!(documented(field.name), "`{}` is not in the reference", field.name);
    }
    for verb in VERBS {
        assert!(documented(verb.name), "`{}` is not in the reference", verb.name);
    }
}

#[test]
fn the_schema_and_the_validator_agree() {
    let schema = json_schema();
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let around = |step: &str| format!("{{ id: a, title: b, target: c, steps: [{step}] }}");
    let good = [
        "{ call: tools/list, expect: { status: 200 } }",
        "{ http: GET /x, json: { a: \"${x}\" }, headers: { $drop: [a], x: [a, b], y: 1 } }",
        "{ repeat: [{ close: true }], times: 3, every: 1s, until: { status: { $oneOf: [200, 201] } } }",
        "{ received: runtime, count: 1, since: start, where: { body: { $each: { $len: { $gt: 1 } } } } }",
        "{ control: { mock: a, faults: [{ status: 503, times: 3 }, { drip: { bytes: 10, every: 50ms } }], advance: 1h } }",
        "{ call: a, expect: [{ $sse: [{ event: a, within: 1s }] }, { body: { $exact: { $a: 1 } } }] }",
        "{ call: a, expect: { body: { $gt: \"${n}\" } }, auth: none }",
        "{ listen: 1s, count: 2, auth: { sigv4: { service: a, region: b, profile: c } } }",
    ];
    let bad = [
        "{ call: tools/list, expct: {} }",
        "{ call: a, wait: 1s }",
        "{ name: a }",
        "{ call: 1 }",
        "{ wait: 5 }",
        "{ close: yes }",
        "{ repeat: [{ close: true }] }",
        "{ call: a, expect: { body: { $regx: a } } }",
        "{ call: a, expect: { body: { $regex: a, b: 1 } } }",
        "{ call: a, expect: { body: [{ a: { $any: false } }] } }",
        "{ call: a, expect: { body: { $type: int } } }",
        "{ call: a, headers: { $keep: [a] } }",
        "{ parallel: [] }",
        "{ call: a, auth: nobody }",
        "{ control: { faults: [{ dely: 1s }] } }",
        "{ call: a, capture: { x: result } }",
    ];
    for step in good {
        assert_eq!(problems(&around(step)), Vec::<String>::new(), "{step}");
        let errors: Vec<_> = validator.iter_errors(&yaml_value(&around(step))).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{step}: {errors:?}");
    }
    for step in bad {
        assert!(!problems(&around(step)).is_empty(), "{step} was taken");
        assert!(!validator.is_valid(&yaml_value(&around(step))), "the schema takes {step}");
    }
}

#[test]
fn unknown_keys_get_a_suggestion() {
    assert_eq!(
        step_problems("{ call: a, expct: { status: 1 } }"),
        ["3:12 unknown-key: unknown key `expct` in a `call` step (did you mean `expect`?)"]
    );
    assert_eq!(
        step_problems("{ call: a, expect: { body: { $regx: a } } }"),
        ["3:30 unknown-matcher: `$regx` is not a matcher (did you mean `$regex`?)"]
    );
    assert_eq!(step_problems("{ cal: a }"), ["3:3 no-verb: the step has no verb (did you mean `call`?)"]);
}

#[test]
fn two_verbs_and_mixed_matchers() {
    assert_eq!(
        step_problems("{ call: a, wait: 1s }"),
        ["3:12 two-verbs: a step has one verb, this one has `call` and `wait` (make it a step of its own)"]
    );
    assert_eq!(
        step_problems("{ call: a, expect: { body: { x: 1, $regex: a } } }"),
        ["3:30 mixed-matcher: `x` stands beside the matcher `$regex` (use `$allOf: [..]` to ask for both)"]
    );
}

#[test]
fn all_problems_are_reported() {
    assert_eq!(
        problems("titel: x\nversions: 2025-06-19\ntransport: htp\nhostile: 1\nmatrix: { a: [], version: [1] }\nsteps:\n  - wait: soon\n").len(),
        9
    );
}

#[test]
fn values_are_checked() {
    assert_eq!(
        problems("id: a b\ntitle: b\nsteps: [{ call: a }]"),
        ["1:5 wrong-value: expected a name (letters, digits, `.`, `-`, `_`), found `a b`"]
    );
    assert_eq!(
        problems("id: a\ntitle: b\nversions: 2025-11-25..2025-03-26\nsteps: [{ call: a }]"),
        ["3:11 empty-window: no version is in `2025-11-25..2025-03-26`"]
    );
    let path = step_problems("{ call: a, capture: { x: \"$.result[\" } }");
    assert_eq!(path.len(), 1);
    assert!(path[0].starts_with("3:3") && path[0].contains("bad-jsonpath"), "{path:?}");
}

#[test]
fn every_field_has_a_description_in_the_schema() {
    let schema = json_schema();
    for (name, def) in schema["$defs"].as_object().unwrap() {
        for (key, value) in def["properties"].as_object().into_iter().flatten() {
            assert!(value["description"].is_string(), "{name}.{key}");
        }
    }
    assert_eq!(schema["required"], json!(["id", "title", "steps"]));
}
