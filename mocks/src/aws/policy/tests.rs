//! Every operator, and the order of effects.

use serde_json::{Value, json};

use super::*;
use crate::config::ConfigError;

fn policy(statement: Value) -> Policy {
    Policy::read("policy", &json!({ "Version": "2012-10-17", "Statement": statement }), Kind::Identity)
        .unwrap_or_else(|error| panic!("{}: {error}", error.path))
}

fn context(members: Value) -> Context {
    let mut context = Context::default();
    for (key, value) in members.as_object().expect("keys") {
        match value {
            Value::Array(list) => {
                let list = list.iter().map(|value| value.as_str().expect("text").to_owned()).collect();
                context.set_all(key, list);
            }
            value => context.set(key, value.as_str().expect("text")),
        }
    }
    context
}

fn decide(policies: &[Policy], action: &str, resource: &str, context: &Context) -> Decision {
    let caller = Caller::Aws("arn:aws:iam::123456789012:user/alice");
    evaluate(policies, &Access { caller, action, resource, context }, Mistakes::default())
}

/// Whether a condition is met, told by a statement that allows under it.
fn met(condition: Value, keys: Value) -> bool {
    let policy = policy(json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition }));
    decide(&[policy], "s3:GetObject", "*", &context(keys)) == Decision::Allow
}

#[test]
fn explicit_deny_then_allow_then_implicit_deny() {
    let allow = policy(json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }));
    let deny = policy(json!([{ "Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*" }]));
    let both = [allow, deny];
    let none = Context::default();
    for (action, expected) in [
        ("s3:GetObject", Decision::Allow),
        ("s3:DeleteObject", Decision::ExplicitDeny),
        ("ec2:RunInstances", Decision::ImplicitDeny),
    ] {
        assert_eq!(decide(&both, action, "*", &none), expected, "{action}");
    }
    assert_eq!(decide(&[], "s3:GetObject", "*", &none), Decision::ImplicitDeny);
}

#[test]
fn actions_have_no_case_and_resources_have() {
    let policy = policy(json!({ "Effect": "Allow", "Action": ["S3:get*"], "Resource": "arn:aws:s3:::reports/20??/*" }));
    for (action, resource, expected) in [
        ("s3:GetObject", "arn:aws:s3:::reports/2026/a", Decision::Allow),
        ("s3:PutObject", "arn:aws:s3:::reports/2026/a", Decision::ImplicitDeny),
        ("s3:GetObject", "arn:aws:s3:::Reports/2026/a", Decision::ImplicitDeny),
        ("s3:GetObject", "arn:aws:s3:::reports/206/a", Decision::ImplicitDeny),
    ] {
        assert_eq!(
            decide(std::slice::from_ref(&policy), action, resource, &Context::default()),
            expected,
            "{action} {resource}"
        );
    }
}

#[test]
fn all_but_these() {
    let policy = policy(json!({ "Effect": "Deny", "NotAction": "sts:*", "NotResource": "arn:aws:s3:::public/*" }));
    for (action, resource, expected) in [
        ("s3:GetObject", "arn:aws:s3:::private/a", Decision::ExplicitDeny),
        ("s3:GetObject", "arn:aws:s3:::public/a", Decision::ImplicitDeny),
        ("sts:AssumeRole", "arn:aws:s3:::private/a", Decision::ImplicitDeny),
    ] {
        assert_eq!(
            decide(std::slice::from_ref(&policy), action, resource, &Context::default()),
            expected,
            "{action} {resource}"
        );
    }
}

#[test]
fn operators_on_a_key_that_is_there() {
    for (operator, wanted, value, expected) in [
        ("StringEquals", "a", "a", true),
        ("StringEquals", "a", "A", false),
        ("StringEquals", "a*", "ab", false),
        ("StringNotEquals", "a", "a", false),
        ("StringNotEquals", "a", "b", true),
        ("StringEqualsIgnoreCase", "Straße", "STRAßE", true),
        ("StringEqualsIgnoreCase", "a", "b", false),
        ("StringNotEqualsIgnoreCase", "a", "A", false),
        ("StringNotEqualsIgnoreCase", "a", "b", true),
        ("StringLike", "repo:*:ref", "repo:x/y:ref", true),
        ("StringLike", "a?", "a", false),
        ("StringNotLike", "a*", "ab", false),
        ("StringNotLike", "a*", "b", true),
        ("ArnEquals", "arn:aws:iam::*:role/R", "arn:aws:iam::1:role/R", true),
        ("ArnLike", "arn:aws:iam::*:role/*", "arn:aws:iam::1:role/a/b", true),
        ("ArnLike", "arn:*:iam::1:role/R:*", "arn:aws:iam::1:role/R", false),
        ("ArnNotEquals", "arn:aws:iam::1:role/R", "arn:aws:iam::1:role/R", false),
        ("ArnNotLike", "arn:aws:iam::1:role/*", "arn:aws:iam::2:role/R", true),
        ("Bool", "true", "true", true),
        ("Bool", "TRUE", "true", true),
        ("Bool", "false", "true", false),
        ("Null", "true", "a", false),
        ("Null", "false", "a", true),
    ] {
        let condition = json!({ operator: { "aws:Key": wanted } });
        assert_eq!(met(condition, json!({ "AWS:key": value })), expected, "{operator} {wanted} {value}");
        if operator != "Null" {
            let condition = json!({ format!("{operator}IfExists"): { "aws:Key": wanted } });
            assert_eq!(met(condition, json!({ "aws:Key": value })), expected, "{operator}IfExists {wanted} {value}");
        }
    }
}

#[test]
fn operators_on_a_key_that_is_missing() {
    for (operator, wanted, plain) in [
        ("StringEquals", "a", false),
        ("StringNotEquals", "a", true),
        ("StringEqualsIgnoreCase", "a", false),
        ("StringNotEqualsIgnoreCase", "a", true),
        ("StringLike", "*", false),
        ("StringNotLike", "*", true),
        ("ArnEquals", "arn:aws:iam::1:role/R", false),
        ("ArnNotEquals", "arn:aws:iam::1:role/R", true),
        ("ArnLike", "arn:aws:iam::1:role/R", false),
        ("ArnNotLike", "arn:aws:iam::1:role/R", true),
        ("Bool", "true", false),
        ("Bool", "false", false),
    ] {
        assert_eq!(met(json!({ operator: { "aws:Key": wanted } }), json!({})), plain, "{operator}");
        assert!(met(json!({ format!("{operator}IfExists"): { "aws:Key": wanted } }), json!({})), "{operator}IfExists");
        assert!(!met(json!({ format!("ForAnyValue:{operator}"): { "aws:Key": wanted } }), json!({})), "any {operator}");
        assert!(met(json!({ format!("ForAllValues:{operator}"): { "aws:Key": wanted } }), json!({})), "all {operator}");
    }
    assert!(met(json!({ "Null": { "aws:Key": "true" } }), json!({})));
    assert!(!met(json!({ "Null": { "aws:Key": "false" } }), json!({})));
}

#[test]
fn several_values_keys_and_operators() {
    let any = json!({ "StringEquals": { "k": ["a", "b"] } });
    assert!(met(any.clone(), json!({ "k": "b" })) && !met(any, json!({ "k": "c" })));
    let neither = json!({ "StringNotEquals": { "k": ["a", "b"] } });
    assert!(met(neither.clone(), json!({ "k": "c" })) && !met(neither, json!({ "k": "b" })));
    let both = json!({ "StringEquals": { "k": "a", "l": "b" }, "Bool": { "m": true } });
    assert!(met(both.clone(), json!({ "k": "a", "l": "b", "m": "true" })));
    assert!(!met(both.clone(), json!({ "k": "a", "l": "c", "m": "true" })));
    assert!(!met(both, json!({ "k": "a", "l": "b", "m": "false" })));
    for (operator, values, expected) in [
        ("ForAnyValue:StringEquals", json!(["a", "x"]), true),
        ("ForAnyValue:StringEquals", json!(["x"]), false),
        ("ForAllValues:StringEquals", json!(["a", "b"]), true),
        ("ForAllValues:StringEquals", json!(["a", "x"]), false),
    ] {
        assert_eq!(met(json!({ operator: { "k": ["a", "b"] } }), json!({ "k": values })), expected, "{operator}");
    }
}

#[test]
fn the_condition_keys_of_mcp_servers() {
    const VIA: &str = "aws:ViaAWSMCPService";
    let allow = || policy(json!({ "Effect": "Allow", "Action": "*", "Resource": "*" }));
    let guarded = |operator: &str, value: &str| {
        let condition = json!({ operator: { VIA: value } });
        [allow(), policy(json!({ "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition }))]
    };
    let states = [json!({}), json!({ VIA: "true" }), json!({ VIA: "false" })];
    for (operator, value, denied) in [
        ("BoolIfExists", "false", [true, false, true]),
        ("Bool", "false", [false, false, true]),
        ("Bool", "true", [false, true, false]),
    ] {
        for (keys, denied) in states.iter().zip(denied) {
            let decision = decide(&guarded(operator, value), "s3:GetObject", "*", &context(keys.clone()));
            assert_eq!(decision == Decision::ExplicitDeny, denied, "{operator} {value} {keys}");
        }
    }
    for (keys, allowed) in states.iter().zip([false, true, false]) {
        assert_eq!(met(json!({ "Bool": { VIA: "true" } }), keys.clone()), allowed, "{keys}");
    }
}

#[test]
fn trust_policies_name_who_is_meant() {
    let role = "arn:aws:iam::123456789012:role/Caller";
    let session = "arn:aws:sts::123456789012:assumed-role/Caller/s";
    let provider = "arn:aws:iam::123456789012:oidc-provider/idp.example.com";
    let trusts = |principal: Value, member: &str, caller: Caller<'_>| {
        let statement = json!({ "Effect": "Allow", member: principal, "Action": "sts:AssumeRole" });
        let policy = Policy::read("trust", &json!({ "Statement": statement }), Kind::Trust).expect("a policy");
        let access = Access { caller, action: "sts:AssumeRole", resource: "*", context: &Context::default() };
        evaluate([&policy], &access, Mistakes::default()) == Decision::Allow
    };
    for (principal, caller, expected) in [
        (json!("*"), Caller::Aws(session), true),
        (json!({ "AWS": "123456789012" }), Caller::Aws(session), true),
        (json!({ "AWS": "arn:aws:iam::123456789012:root" }), Caller::Aws(session), true),
        (json!({ "AWS": "arn:aws:iam::999999999999:root" }), Caller::Aws(session), false),
        (json!({ "AWS": ["arn:aws:iam::123456789012:user/x", role] }), Caller::Aws(session), true),
        (json!({ "AWS": session }), Caller::Aws(session), true),
        (json!({ "AWS": role }), Caller::Named(session), true),
        (json!({ "AWS": "123456789012" }), Caller::Named(session), false),
        (json!("*"), Caller::Named(session), false),
        (json!({ "AWS": role }), Caller::Federated(provider), false),
        (json!({ "Federated": provider }), Caller::Federated(provider), true),
        (json!({ "Federated": "accounts.example.com" }), Caller::Federated(provider), false),
        (json!({ "Service": "ec2.amazonaws.com" }), Caller::Aws(session), false),
    ] {
        assert_eq!(trusts(principal.clone(), "Principal", caller), expected, "{principal} {caller:?}");
        assert_eq!(trusts(principal.clone(), "NotPrincipal", caller), !expected, "not {principal} {caller:?}");
    }
}

fn mistake(document: Value, kind: Kind) -> ConfigError {
    Policy::read("policies[0]", &document, kind).expect_err("a mistake")
}

#[test]
fn malformed_policies_are_refused_with_their_place() {
    let with = |member: &str, value: Value| {
        let mut statement = json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*" });
        statement[member] = value;
        json!({ "Statement": [statement] })
    };
    for (document, path) in [
        (json!(null), "policies[0]"),
        (json!("{}"), "policies[0]"),
        (json!({}), "policies[0].Statement"),
        (json!({ "Statement": [] }), "policies[0].Statement"),
        (json!({ "Statement": [7] }), "policies[0].Statement[0]"),
        (json!({ "Statment": [] }), "policies[0].Statment"),
        (json!({ "Version": "2026-01-01", "Statement": [] }), "policies[0].Version"),
        (with("Effect", json!("allow")), "policies[0].Statement[0].Effect"),
        (with("Action", json!([])), "policies[0].Statement[0].Action"),
        (with("Action", json!("GetObject")), "policies[0].Statement[0].Action"),
        (with("NotAction", json!("s3:*")), "policies[0].Statement[0]"),
        (with("Resource", json!({})), "policies[0].Statement[0].Resource"),
        (with("Resource", json!("arn:aws:s3:::${aws:username}")), "policies[0].Statement[0].Resource"),
        (with("Principal", json!("*")), "policies[0].Statement[0].Principal"),
        (with("Resourse", json!("*")), "policies[0].Statement[0].Resourse"),
        (with("Condition", json!([])), "policies[0].Statement[0].Condition"),
        (with("Condition", json!({ "Bool": {} })), "policies[0].Statement[0].Condition.Bool"),
        (with("Condition", json!({ "Bool": { "k": "yes" } })), "policies[0].Statement[0].Condition.Bool.k"),
        (with("Condition", json!({ "Bool": { "k": [] } })), "policies[0].Statement[0].Condition.Bool.k"),
        (with("Condition", json!({ "ArnLike": { "k": "R" } })), "policies[0].Statement[0].Condition.ArnLike.k"),
        (
            with("Condition", json!({ "NullIfExists": { "k": "true" } })),
            "policies[0].Statement[0].Condition.NullIfExists",
        ),
    ] {
        assert_eq!(mistake(document.clone(), Kind::Identity).path, path, "{document}");
    }
    let huge = with("Resource", json!("x".repeat(7000)));
    assert!(mistake(huge, Kind::Identity).problem.contains("6144"));
    assert_eq!(mistake(with("Action", json!("s3:*")), Kind::Trust).path, "policies[0].Statement[0]");
}

#[test]
fn unknown_operators_get_a_suggestion() {
    let with = |operator: &str| {
        json!({ "Statement": { "Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": { operator: { "aws:ViaAWSMCPService": "false" } } } })
    };
    for (operator, hint) in [
        ("Boolean", Some("did you mean `Bool`?")),
        ("StringEqual", Some("did you mean `StringEquals`?")),
        ("ForSomeValues:StringEquals", None),
    ] {
        let mistake = mistake(with(operator), Kind::Identity);
        assert_eq!(mistake.path, format!("policies[0].Statement.Condition.{operator}"));
        assert!(mistake.problem.contains("is not a condition operator"), "{}", mistake.problem);
        if hint.is_some() {
            assert_eq!(mistake.hint.as_deref(), hint, "{operator}");
        }
    }
    let known = mistake(with("NumericLessThan"), Kind::Identity);
    assert!(known.problem.contains("this mock evaluates only"), "{}", known.problem);
}
