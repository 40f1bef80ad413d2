//! What varies by itself, what is declared, and what has no counterpart.

use serde_json::json;

use super::harness::*;
use super::*;

fn rules_of(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.rule).collect()
}

#[test]
fn what_differs_between_two_direct_runs_is_not_held_against_the_gateway() {
    let report = compared(&[said("at 1")], &[said("at 2")], &[said("at 3")]);
    assert_eq!((rules_of(&report), report.varying, report.same), (vec![], 1, 1));
    // That there is a text can be relied on, whatever it is.
    let report = compared(&[said("at 1")], &[said("at 2")], &[call(json!({ "content": [{ "type": "text" }] }))]);
    assert_eq!(rules_of(&report), ["content-changed"]);
}

#[test]
fn an_order_that_varies_says_nothing() {
    let list = |names: [&str; 3]| tools(names.map(tool).to_vec().into());
    let report = compared(&[list(["a", "b", "c"])], &[list(["b", "a", "c"])], &[list(["c", "b", "a"])]);
    assert!(rules_of(&report).is_empty());
    let report = compared(&[list(["a", "b", "c"])], &[list(["b", "a", "c"])], &[list(["c", "b", "x"])]);
    assert_eq!(rules_of(&report), ["item-lost", "item-added"]);
}

#[test]
fn an_answer_that_comes_now_and_then_is_not_compared() {
    let report = compared(&[said("a")], &[silence()], &[error(json!({ "code": 1, "message": "m" }))]);
    assert!(rules_of(&report).is_empty());
}

#[test]
fn a_stream_that_is_fast_at_times_is_not_called_held_back() {
    let steps = |pause: f64| stream(&[(1.0, progress(1)), (1.0 + pause, progress(2))]);
    assert_eq!(rules_of(&compared(&[steps(100.0)], &[steps(90.0)], &[steps(1.0)])), ["buffered"]);
    assert!(rules_of(&compared(&[steps(100.0)], &[steps(2.0)], &[steps(1.0)])).is_empty());
    assert!(rules_of(&compared(&[steps(20.0)], &[steps(20.0)], &[steps(0.0)])).is_empty());
}

#[test]
fn declared_differences_are_expected() {
    let run = |allowances: Allowances| {
        let mut comparison = Comparison::new(allowances);
        let (direct, through) = ([said("all of it")], [said("all")]);
        comparison.add(&Runs { name: "v", direct: &direct, again: &direct, through: &through });
        report(comparison)
    };
    let mut rule = Allowances::default();
    rule.allow_rule("text-truncated").expect("a rule");
    let mut path = Allowances::default();
    path.allow_path("result.content[*].text").expect("a path");
    for allowances in [rule, path] {
        let found = run(allowances).findings;
        assert_eq!((found[0].class, found[0].declared, found[0].requirement), (Class::Expected, true, None));
    }
    let mut elsewhere = Allowances::default();
    elsewhere.allow_path("result.structuredContent").expect("a path");
    assert_eq!(run(elsewhere).count(Class::Breaking), 1);
    let unknown = elsewhere_error();
    assert!(unknown.contains("there is no rule `text-cut`") && unknown.contains("text-truncated"), "{unknown}");
}

fn elsewhere_error() -> String {
    Allowances::default().allow_rule("text-cut").map_or_else(|e| e.to_string(), |()| String::new())
}

#[test]
fn exchanges_without_a_counterpart_are_left_open() {
    let mut second = said("b");
    second.step = Some(1);
    let report = compared(&[said("a"), second], &[], &[said("a")]);
    assert_eq!((report.compared, report.same), (1, 1));
    assert_eq!(report.uncompared[0].reason, "1 exchange has no counterpart: only direct (the first is tools/call)");
}

#[test]
fn pages_of_a_list_are_compared_as_one() {
    let two = super::wire::pages(&[&["a"], &["b", "c"]]);
    let other_two = super::wire::pages(&[&["a", "b"], &["c"]]);
    assert!(rules_of(&compared(&two, &[], &other_two)).is_empty());
    let one = super::wire::pages(&[&["a", "c", "b"]]);
    assert_eq!(rules_of(&compared(&two, &[], &one)), ["items-reordered", "page-size"]);
    // Where the pages are not followed, what stands on later ones is neither lost nor added.
    assert_eq!(rules_of(&compared(&two[..1], &[], &other_two[..1])), ["page-size"]);
    assert_eq!(rules_of(&compared(&other_two[..1], &[], &two[..1])), ["page-size"]);
    assert_eq!(rules_of(&compared(&two[..1], &[], &one)), ["page-size"]);
    // But that there are more must be told.
    assert_eq!(rules_of(&compared(&two[..1], &[], &super::wire::pages(&[&["a"]]))), ["member-lost"]);
}
