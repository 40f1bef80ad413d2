//! Every rule: a difference to which it applies, and a near one to which it does not.

mod harness;
mod lists;
mod outcomes;
mod results;
mod volatility;
mod wire;

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_rule_has_a_case_and_a_near_miss() {
    let cases = [outcomes::CASES, wire::CASES, lists::CASES, results::CASES].concat();
    let fired: BTreeSet<&str> = cases.iter().map(|case| case.rule).collect();
    let all: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(fired, all);
    for case in cases {
        let (fires, misses) = (harness::rules((case.fires)()), harness::rules((case.misses)()));
        assert_eq!(fires, [case.rule], "fires");
        assert!(!misses.contains(&case.rule), "{}: it fires at the near miss too: {misses:?}", case.rule);
    }
}

#[test]
fn names_are_unique_and_breaking_rules_have_a_requirement() {
    let names: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(names.len(), RULES.len());
    for rule in RULES {
        assert_eq!(rule.class == Class::Breaking, rule.requirement.is_some(), "{}", rule.id);
    }
}
