//! Proxies that sign for AWS, and what they sign for.

use super::{Ask, INITIALIZE, INITIALIZED, LIST, PING, bug, bugs, get, post};

const AS_PROD: Ask = post(
    "POST /mcp",
    r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"aws___call_aws","arguments":{"cli_command":"aws sts get-caller-identity","aws_profile":"prod"}}}"#,
);
const AS_ITSELF: Ask = post(
    "POST /mcp",
    r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"aws___call_aws","arguments":{"cli_command":"aws sts get-caller-identity"}}}"#,
);
const PROFILES: &[Ask] = &[INITIALIZE, INITIALIZED, LIST, PING, AS_PROD, LIST];
const AGAIN: &[Ask] = &[INITIALIZE, INITIALIZED, LIST, AS_ITSELF, AS_ITSELF, AS_ITSELF];
const REMOTE: &[Ask] = &[INITIALIZE, INITIALIZED, LIST, AS_ITSELF];
const FORWARDED: &[Ask] =
    &[INITIALIZE, INITIALIZED, LIST.with(&[("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "https")])];
const STREAM: &[Ask] = &[INITIALIZE, INITIALIZED, get("GET /mcp").with(&[("accept", "text/event-stream")])];

bugs! {
    headers_changed_after_signing: bug("aws-proxy", "aws-proxy:header-changed-after-signing", PROFILES, "aws.signature-mismatch");
    signed_for_another_region: bug("aws-proxy", "aws-proxy:profile-region-signed", PROFILES, "aws.wrong-region");
    profile_argument_forwarded: bug("aws-proxy", "aws-proxy:profile-argument-forwarded", PROFILES, "profiles.argument-forwarded").both_sides();
    session_told_nothing: bug("aws-proxy", "aws-proxy:session-not-initialized", PROFILES, "mcp.initialized-never-sent").both_sides();
    session_lost_for_good: bug("aws-proxy", "aws-proxy:session-loss-not-recovered", AGAIN, "profiles.session-lost-for-good")
        .given(r#"{"aws":{"faults":[{"status":404,"method":"tools/call","times":1}]}}"#).both_sides();
    old_error_repeated: bug("aws-proxy", "aws-proxy:stale-error-repeated", AGAIN, "profiles.old-error-repeated")
        .given(r#"{"aws":{"faults":[{"status":503,"method":"tools/call","times":1}]}}"#).both_sides();
    forwarded_headers_signed: bug("remote-proxy", "remote-proxy:forwarded-headers-signed", FORWARDED, "aws.forwarded-headers-signed")
        .own_credentials().both_sides();
    list_before_initialize: bug("remote-proxy", "remote-proxy:list-before-initialize", REMOTE, "remote-proxy.list-before-initialize")
        .own_credentials().both_sides();
    get_unsigned: bug("remote-proxy", "remote-proxy:get-and-delete-unsigned", STREAM, "remote-proxy.get-and-delete-unsigned")
        .own_credentials().both_sides();
}
