//! MCP servers, and gateways in front of any of them.

use super::{Ask, INITIALIZE, INITIALIZED, LIST, PING, bug, bugs, post};

const ECHO: Ask = post(
    "POST /mcp",
    r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"echo","arguments":{"message":"where is it"}}}"#,
);
const ADD: Ask = post(
    "POST /mcp",
    r#"{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"add","arguments":{"a":2,"b":3}}}"#,
);
const FAIL: Ask =
    post("POST /mcp", r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"fail","arguments":{}}}"#);
const UNKNOWN: Ask = post(
    "POST /mcp",
    r#"{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"unheard-of","arguments":{}}}"#,
);
const PROGRESS: Ask = post(
    "POST /mcp",
    r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"progress","arguments":{"steps":3},"_meta":{"progressToken":"t-4711"}}}"#,
);
const CANCELLED: Ask = post(
    "POST /mcp",
    r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"never-sent","reason":"test"}}"#,
);
const CALLS: &[Ask] = &[INITIALIZE, INITIALIZED, LIST, ECHO, PING, ADD];

bugs! {
    failure_looks_empty: bug("gateway", "gateway:failure-as-empty-success", CALLS, "gateway.failure-looks-empty")
        .given(r#"{"upstream":{"faults":[{"status":503,"method":"tools/call"}]}}"#).both_sides();
    broken_answer_looks_whole: bug("gateway", "gateway:cut-as-success", CALLS, "gateway.broken-answer-looks-whole")
        .given(r#"{"upstream":{"json_response":true,"faults":[{"cut_after_bytes":30,"method":"tools/call"}]}}"#).both_sides();
    retry_after_lost: bug("gateway", "gateway:headers-dropped", CALLS, "gateway.retry-after-lost")
        .given(r#"{"upstream":{"faults":[{"status":429,"headers":{"retry-after":"7"},"method":"tools/call"}]}}"#).both_sides();
    status_flattened: bug("gateway", "gateway:status-flattened", CALLS, "gateway.status-flattened")
        .given(r#"{"upstream":{"faults":[{"status":429,"method":"tools/call"}]}}"#).both_sides();
    token_of_the_caller_passed_on: bug("gateway", "gateway:token-passed-through", CALLS, "gateway.caller-token-passed-on").both_sides();
    call_made_twice: bug("gateway", "gateway:calls-twice", CALLS, "gateway.call-made-twice").both_sides();
    structured_content_lost: bug("gateway", "gateway:structured-dropped", CALLS, "gateway.structured-content-lost").both_sides();
    error_code_replaced: bug("gateway", "gateway:error-replaced", &[INITIALIZE, INITIALIZED, LIST, UNKNOWN], "gateway.error-code-replaced").both_sides();
    tool_error_as_protocol_error: bug("gateway", "gateway:tool-error-raised", &[INITIALIZE, INITIALIZED, ADD, FAIL], "gateway.tool-error-becomes-protocol-error").both_sides();
    progress_lost: bug("gateway", "gateway:notifications-dropped", &[INITIALIZE, INITIALIZED, LIST, PROGRESS], "gateway.progress-lost").both_sides();
    clients_without_an_origin_refused: bug("mcp-server", "mcp-server:origin-demanded", &[INITIALIZE, INITIALIZE], "mcp.origin-demanded");
    wrong_media_type: bug("mcp-server", "mcp-server:content-type-wrong", CALLS, "mcp.wrong-media-type")
        .given(r#"{"json_response":true}"#)
        .target("{ role: mcp-server, mock: mcp-server, given: { json_response: true } }");
    stream_without_its_answer: bug("mcp-server", "mcp-server:sse-closed-before-answer", CALLS, "mcp.stream-ends-without-answer");
    notification_answered: bug("mcp-server", "mcp-server:notification-200-with-body", &[INITIALIZE, INITIALIZED, CANCELLED, PING], "mcp.notification-answered");
    noise_between_the_messages: bug("mcp-server", "mcp-server:stdout-noise", &[INITIALIZE, INITIALIZED, LIST], "mcp.stdout-noise")
        .over_stdio().target("{ role: mcp-server, mock: mcp-server, transport: stdio }");
}
