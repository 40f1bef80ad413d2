//! Which profile signs, and what goes upstream.

use serde_json::{Value, json};

use crate::support::{Lab, call, post, told};

const WHOAMI: &str = "aws sts get-caller-identity";

#[tokio::test]
async fn a_call_is_signed_as_it_says() {
    let lab = Lab::new(json!({}), json!({})).await;
    let client = lab.http().await;
    for (profile, account, region) in [
        (None, "dev_account", "eu-central-1"),
        (Some("prod"), "prod_account", "us-west-2"),
        (Some("staging"), "staging_account", "ap-southeast-2"),
        (Some("dev"), "dev_account", "eu-central-1"),
        (None, "dev_account", "eu-central-1"),
    ] {
        let told = told(&client.ask(call(1, WHOAMI, profile)).await);
        assert_eq!((told["account"].as_str(), told["region"].as_str()), (Some(lab.var(account)), Some(region)));
    }
    for (body, headers) in lab.arrived("tools/call") {
        assert_eq!(body["params"]["arguments"], json!({ "cli_command": WHOAMI }));
        assert!(headers["authorization"].contains("/us-east-1/aws-mcp/aws4_request"));
        assert!(headers["user-agent"].ends_with(" test-client/1.0"), "{headers:?}");
    }
}

#[tokio::test]
async fn what_may_not_be_named_is_refused_and_not_sent() {
    let lab = Lab::new(json!({}), json!({ "allowed": ["dev", "prod", "ghost"] })).await;
    let mut client = lab.stdio().await;
    let refused = |name: &str| {
        format!(
            "Tool call 'aws___call_aws' failed: Profile '{name}' is not in the allowed list. \
             Allowed profiles: dev, prod, ghost. Please retry."
        )
    };
    for (named, text) in [
        (json!("evil"), refused("evil")),
        (json!("staging"), refused("staging")),
        (json!(""), refused("")),
        (Value::Null, refused("None")),
        (json!(["dev"]), refused("[\"dev\"]")),
        (
            json!("ghost"),
            "Tool call 'aws___call_aws' failed: Failed to create connection for profile 'ghost'. Check that the \
             profile is configured and credentials are valid.. Please retry."
                .to_owned(),
        ),
    ] {
        let mut message = call(7, WHOAMI, None);
        message["params"]["arguments"]["aws_profile"] = named;
        let answer = client.ask(message).await;
        assert_eq!(answer["result"], json!({ "content": [{ "type": "text", "text": text }], "isError": true }));
    }
    assert!(lab.arrived("tools/call").is_empty());
    client.close().await;
}

#[tokio::test]
async fn tools_are_listed_with_the_argument() {
    let lab = Lab::new(json!({}), json!({})).await;
    let mut client = lab.stdio().await;
    let list = || json!({ "jsonrpc": "2.0", "id": "list", "method": "tools/list" });
    let first = client.ask(list()).await;
    assert_eq!(first["id"], "list");
    let tools = first["result"]["tools"].as_array().expect("tools").clone();
    let with: Vec<&str> = tools
        .iter()
        .filter(|tool| tool["inputSchema"]["properties"].get("aws_profile").is_some())
        .map(|tool| tool["name"].as_str().expect("a name"))
        .collect();
    let expected = [
        "aws___call_aws",
        "aws___run_script",
        "aws___get_presigned_url",
        "aws___get_tasks",
        "aws___suggest_aws_commands",
    ];
    assert_eq!(with, expected);
    assert_eq!(
        tools[0]["inputSchema"]["properties"]["aws_profile"],
        json!({ "type": "string", "description":
            "AWS CLI profile to sign this request with. Available profiles: dev, prod, staging.",
            "enum": ["dev", "prod", "staging"] })
    );
    assert_eq!(client.ask(list()).await, first);
    client.close().await;
}

#[tokio::test]
async fn the_draft_has_another_argument_for_every_tool() {
    let lab = Lab::new(json!({}), json!({ "flavour": "draft" })).await;
    let client = lab.http().await;
    let mut message = call(1, WHOAMI, None);
    message["params"]["arguments"]["profile"] = json!("prod");
    assert_eq!(told(&client.ask(message).await)["account"], lab.var("prod_account"));
    let list = client.ask(json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" })).await;
    let tools = list["result"]["tools"].as_array().expect("tools");
    assert!(tools.iter().all(|tool| tool["inputSchema"]["properties"]["profile"]["type"] == "string"));
}

#[tokio::test]
async fn what_the_client_put_in_meta_wins() {
    let lab = Lab::new(json!({}), json!({ "metadata": { "team": "proxy", "stage": "test" } })).await;
    let client = lab.http().await;
    let mut message = call(1, WHOAMI, Some("prod"));
    message["params"]["_meta"] = json!({ "team": "client", "AWS_REGION": "sa-east-1", "progressToken": 3 });
    assert_eq!(told(&client.ask(message).await)["region"], "sa-east-1");
    let expected = json!({ "team": "client", "AWS_REGION": "sa-east-1", "progressToken": 3, "stage": "test" });
    assert_eq!(lab.arrived("tools/call")[0].0["params"]["_meta"], expected);
}

#[tokio::test]
async fn read_only_lists_and_calls_what_reads() {
    let lab = Lab::new(json!({}), json!({ "read_only": true })).await;
    let client = lab.http().await;
    let answer = client.ask(call(1, WHOAMI, None)).await;
    let text = "Tool 'aws___call_aws' is not available in read-only mode.";
    assert_eq!(answer["result"]["content"][0]["text"], text);
    assert!(lab.arrived("tools/call").is_empty());
    let tasks = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "aws___get_tasks" } });
    assert_eq!(client.ask(tasks).await["result"]["isError"], false);
}

/// Without a handshake every request stands alone, and the upstream judges what its headers say.
#[tokio::test]
async fn the_version_without_handshake_passes() {
    let lab = Lab::new(json!({}), json!({})).await;
    let client = lab.http().await;
    let before = lab.arrived("initialize").len();
    let mut message = call(5, WHOAMI, Some("prod"));
    message["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let probe = post(&message)
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "aws___call_aws");
    let answer = crate::http::send(&client.proxy, &probe).await.json();
    assert_eq!(answer["result"]["resultType"], "complete");
    assert_eq!(told(&answer)["account"], lab.var("prod_account"));
    let wrong = crate::http::send(&client.proxy, &probe.header("mcp-name", "another")).await;
    assert_eq!((wrong.status, wrong.json()["result"]["isError"].clone()), (200, json!(true)));
    assert_eq!(lab.arrived("initialize").len(), before);
}
