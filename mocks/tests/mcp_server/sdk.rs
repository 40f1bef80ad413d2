//! A second opinion: the official SDK's client.

use gauntlet_mocks::stdio::serve_stdio;
use rmcp::model::{CallToolRequestParams, GetPromptRequestParams, ProtocolVersion, ReadResourceRequestParams};
use rmcp::service::{RoleClient, RunningService, serve_client};
use rmcp::transport::StreamableHttpClientTransport;
use serde_json::{Value, json};

use crate::support::*;

async fn use_it(client: RunningService<RoleClient, ()>) {
    let tools = client.list_all_tools().await.unwrap();
    assert_eq!(tools.len(), 12);
    let arguments = json!({ "a": 2, "b": 3 }).as_object().cloned().unwrap();
    let sum = client.call_tool(CallToolRequestParams::new("add").with_arguments(arguments)).await.unwrap();
    assert_eq!(sum.structured_content, Some(json!({ "sum": 5 })));
    assert_eq!(client.list_all_resources().await.unwrap().len(), 7);
    assert_eq!(client.list_all_resource_templates().await.unwrap().len(), 2);
    client.read_resource(ReadResourceRequestParams::new("gauntlet://squares/12")).await.unwrap();
    assert_eq!(client.list_all_prompts().await.unwrap().len(), 5);
    client.get_prompt(GetPromptRequestParams::new("plain")).await.unwrap();
    assert!(client.call_tool(CallToolRequestParams::new("no-such-tool")).await.is_err());
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn over_http() {
    for config in [
        json!({}),
        json!({ "json_response": true }),
        json!({ "sessions": false }),
        json!({ "versions": ["2025-06-18"] }),
    ] {
        let wire = wire(config).await;
        let transport = StreamableHttpClientTransport::from_uri(wire.mock.url());
        let client = serve_client((), transport).await.expect("the handshake");
        use_it(client).await;
    }
}

#[tokio::test]
async fn over_stdio() {
    for versions in [Value::Null, json!(["2024-11-05"]), json!(["2025-11-25"])] {
        let (near, far) = tokio::io::duplex(1 << 16);
        let (read, write) = tokio::io::split(far);
        let config = if versions.is_null() { json!({}) } else { json!({ "versions": versions }) };
        let server = tokio::spawn(serve_stdio("mcp-server", config, Box::new(read), Box::new(write)));
        let client = serve_client((), near).await.expect("the handshake");
        let agreed = client.peer_info().map(|info| info.protocol_version.clone());
        if versions == json!(["2024-11-05"]) {
            // No structured content there: the call is made by hand.
            assert_eq!(agreed, Some(ProtocolVersion::V_2024_11_05));
            assert_eq!(client.list_all_tools().await.unwrap().len(), 12);
            client.cancel().await.unwrap();
        } else {
            use_it(client).await;
        }
        server.await.unwrap().unwrap();
    }
}
