//! Configurations that are wrong, and what is said of them.

use gauntlet_mocks::{StartOptions, start};
use serde_json::{Value, json};

async fn problem(mock: &str, config: Value) -> String {
    let options = StartOptions { config: config.clone(), ..StartOptions::default() };
    match start(mock, options).await {
        Ok(_) => panic!("{config} is taken"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_policy_with_an_unknown_operator_is_refused_with_its_place() {
    let statement = json!({ "Effect": "Deny", "Action": "*", "Resource": "*",
        "Condition": { "BoolIfExist": { "aws:ViaAWSMCPService": "false" } } });
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
    for (config, path) in [
        (json!({ "policies": [policy] }), "policies[0]"),
        (json!({ "profiles": { "dev": { "policies": [policy] } } }), "profiles.dev.policies[0]"),
        (
            json!({ "roles": [{ "arn": "arn:aws:iam::123456789012:role/R", "policies": [policy] }] }),
            "roles[0].policies[0]",
        ),
    ] {
        let said = problem("aws-mcp", config).await;
        assert!(said.contains(&format!("aws-mcp, {path}.Statement[0].Condition.BoolIfExist")), "{said}");
        assert!(said.contains("is not a condition operator; IAM refuses the policy as malformed"), "{said}");
    }
}

#[tokio::test]
async fn mistakes_in_a_configuration_are_named() {
    for (mock, config, part) in [
        ("aws-mcp", json!({ "polices": [] }), "did you mean `policies`?"),
        ("aws-mcp", json!({ "delays": { "aws___call_awz": "1s" } }), "did you mean `aws___call_aws`?"),
        ("aws-mcp", json!({ "removed_tools": ["call_aws"] }), "removed_tools[0]"),
        ("aws-mcp", json!({ "supported_versions": ["2026-07-27"] }), "did you mean `2026-07-28`?"),
        ("aws-mcp", json!({ "region": "" }), "region"),
        ("aws-mcp", json!({ "refusal_status": 200 }), "must be 400 to 499"),
        ("aws-mcp", json!({ "downstream_context": { "aws:ViaAWSMCPService": true } }), "must be a text"),
        ("aws-mcp", json!({ "throttle": {} }), "times"),
        ("aws-mcp", json!({ "progress": 1_000_000 }), "is the most"),
        ("aws-mcp", json!({ "policies": [{ "Statement": [] }] }), "policies[0].Statement"),
        ("aws-mcp", json!({ "policies": ["{}"] }), "must be a mapping"),
        ("sts", json!({ "issuer": "idp.example.com" }), "is no http(s) address"),
        ("sts", json!({ "issuer": "https://a.example", "providers": [] }), "short for `providers`"),
        ("sts", json!({ "audiences": ["a"] }), "belongs to `issuer`"),
        ("sts", json!({ "account": "1" }), "twelve digits"),
        ("sts", json!({ "roles": [{ "arn": "Developer" }] }), "is not the ARN of a role"),
        (
            "sts",
            json!({ "roles": [{ "arn": "arn:aws:iam::123456789012:role/R", "max_session": "30m" }] }),
            "IAM takes 1h to 12h",
        ),
        (
            "sts",
            json!({ "roles": [{ "arn": "arn:aws:iam::123456789012:role/R", "trust_policy": { "Statement":
                { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Federatd": "x" } } } }] }),
            "did you mean `Federated`?",
        ),
    ] {
        let said = problem(mock, config.clone()).await;
        assert!(said.contains(part), "{config}: {said}");
    }
}
