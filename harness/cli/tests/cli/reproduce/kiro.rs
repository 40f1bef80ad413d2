//! Gateways in front of the Kiro runtime, and the runtime.

use super::{Ask, bug, bugs, get, post};

const SEARCH: Ask = post(
    "POST /v1/messages",
    r#"{"model":"claude-sonnet-4.5","max_tokens":4096,"stream":false,"messages":[{"role":"user","content":"Perform a web search for the query: rust 2026 edition"}],"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":8}],"tool_choice":{"type":"tool","name":"web_search"}}"#,
);
const MODELS: Ask = get("GET /v1/models");
const HEALTH: Ask = get("GET /health");
const KIRO: &[Ask] = &[MODELS, SEARCH, HEALTH];

const SYSTEM: &[Ask] = &[
    HEALTH,
    SEARCH,
    post(
        "POST /v1/messages",
        r#"{"model":"claude-sonnet-4.5","max_tokens":4096,"messages":[{"role":"user","content":"Good morning."},{"role":"assistant","content":"Good morning."},{"role":"system","content":"The user prefers short answers."},{"role":"user","content":"How are you?"}]}"#,
    ),
];
const OWN_RESULTS: &[Ask] = &[
    HEALTH,
    post(
        "POST /v1/messages",
        r#"{"model":"claude-sonnet-4.5","max_tokens":4096,"messages":[{"role":"user","content":"Perform a web search for the query: rust"},{"role":"assistant","content":[{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"rust"}},{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[{"type":"web_search_result","title":"Rust","url":"https://example.org/rust","encrypted_content":"x","page_age":null}]},{"type":"text","text":"Found."}]},{"role":"user","content":"What was the first result?"}]}"#,
    ),
    MODELS,
];
const DECLARED: &[Ask] = &[
    MODELS,
    post(
        "POST /v1/messages",
        r#"{"model":"claude-sonnet-4.5","max_tokens":4096,"messages":[{"role":"user","content":"How are you?"}],"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":8}]}"#,
    ),
    HEALTH,
];

const STREAMED: Ask = post(
    "POST /v1/messages",
    r#"{"model":"claude-sonnet-4.5","max_tokens":4096,"stream":true,"messages":[{"role":"user","content":"Perform a web search for the query: rust 2026 edition"}],"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":8}],"tool_choice":{"type":"tool","name":"web_search"}}"#,
);
const TWICE: &[Ask] = &[SEARCH, STREAMED, SEARCH, HEALTH];
const OVER: &[Ask] = &[SEARCH.later(), HEALTH];
const UNDECLARED: &[Ask] = &[
    HEALTH,
    post(
        "POST /v1/messages",
        r#"{"model":"claude-sonnet-4.5","max_tokens":4096,"stream":false,"messages":[{"role":"user","content":"Please search the web for rust 2026 edition."}],"tools":[{"name":"now","description":"Tells the time.","input_schema":{"type":"object","properties":{}}}]}"#,
    ),
    MODELS,
];
const BESIDE: &[Ask] = &[
    HEALTH,
    post(
        "POST /v1/messages",
        r#"{"model":"claude-sonnet-4.5","max_tokens":4096,"messages":[{"role":"user","content":"Please search the web for rust 2026 edition."}],"tools":[{"type":"web_search_20250305","name":"web_search"},{"name":"now","description":"Tells the time.","input_schema":{"type":"object","properties":{}}}]}"#,
    ),
    MODELS,
];
const READ_FILE: &[Ask] = &[
    HEALTH,
    post(
        "POST /v1/messages",
        r#"{"model":"claude-sonnet-4.5","max_tokens":4096,"stream":false,"messages":[{"role":"user","content":"What does src/main.rs do?"}],"tools":[{"type":"web_search_20250305","name":"web_search"},{"name":"read_file","description":"Reads a file.","input_schema":{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}}]}"#,
    ),
    MODELS,
];
const BARE_SEARCH: &[Ask] = &[post(
    "POST /mcp",
    r#"{"jsonrpc":"2.0","id":"web_search_1","method":"tools/call","params":{"name":"web_search","arguments":{"query":"rust"}},"profileArn":"<<arn>>"}"#,
)];

const GATEWAY: &str = "kiro-gateway";

bugs! {
    // What the runtime refuses.
    searches_without_the_client_identity: bug(GATEWAY, "kiro-gateway:bare-headers", KIRO, "kiro.identity-headers-missing");
    profile_arn_left_out: bug(GATEWAY, "kiro-gateway:profile-arn-omitted", KIRO, "kiro.profile-arn-missing");
    profile_arn_inside_params: bug(GATEWAY, "kiro-gateway:profile-arn-in-params", KIRO, "kiro.profile-arn-inside-params");
    profile_arn_in_the_query: bug(GATEWAY, "kiro-gateway:profile-arn-in-query", KIRO, "kiro.profile-arn-in-query");
    profile_arn_in_the_wrong_header: bug(GATEWAY, "kiro-gateway:profile-arn-wrong-header", KIRO, "kiro.profile-arn-wrong-header");
    profile_arn_empty: bug(GATEWAY, "kiro-gateway:profile-arn-empty", KIRO, "kiro.profile-arn-empty")
        .given(r#"{"stored_profile":false}"#).both_sides();
    profile_unknown_until_the_next_refresh: bug(GATEWAY, "kiro-gateway:profile-arn-not-resolved", KIRO, "kiro.profile-unknown-until-refresh")
        .given(r#"{"stored_profile":false,"runtime":{"account":"desktop"}}"#).both_sides();
    profile_expected_of_a_refresh: bug(GATEWAY, "kiro-gateway:profile-arn-by-refresh-only", KIRO, "kiro.refresh-brings-no-profile")
        .given(r#"{"stored_profile":false}"#).both_sides();
    profile_of_nobody: bug(GATEWAY, "kiro-gateway:placeholder-profile", KIRO, "kiro.placeholder-profile");
    profile_looked_up_in_one_region: bug(GATEWAY, "kiro-gateway:profile-lookup-one-region", KIRO, "kiro.lookup-in-one-region-only")
        .given(r#"{"stored_profile":false,"runtime":{"accounts":[{"kind":"identity-center","profile":"arn:aws:codewhisperer:eu-central-1:123456789012:profile/EXAMPLE0EU01"}]}}"#).both_sides();
    profile_looked_up_for_each_search: bug(GATEWAY, "kiro-gateway:profile-forgotten", TWICE, "kiro.profile-looked-up-every-time")
        .given(r#"{"stored_profile":false}"#).both_sides();
    profile_of_another_region: bug(GATEWAY, "kiro-gateway:sign-in-region-used", KIRO, "kiro.profile-of-another-region")
        .given(r#"{"runtime":{"accounts":[{"kind":"identity-center","profile":"arn:aws:codewhisperer:eu-central-1:123456789012:profile/EXAMPLE0EU01"}]}}"#).both_sides();
    completion_target_on_a_search: bug(GATEWAY, "kiro-gateway:amz-target-leaked", KIRO, "kiro.completion-target-on-search").both_sides();
    api_key_without_its_type: bug(GATEWAY, "kiro-gateway:tokentype-missing", KIRO, "kiro.api-key-without-tokentype")
        .given(r#"{"runtime":{"account":"api-key"}}"#).both_sides().said();
    search_tool_taken_for_a_function: bug(GATEWAY, "kiro-gateway:server-tool-as-function", DECLARED, "kiro.search-tool-as-function");
    // Tokens.
    expired_token_not_refreshed: bug(GATEWAY, "kiro-gateway:expired-token-not-refreshed", OVER, "kiro.expired-token-not-refreshed")
        .given(r#"{"runtime":{"accounts":[{"kind":"identity-center","expires_in":"1s"}]}}"#).both_sides();
    tokens_refreshed_without_end: bug(GATEWAY, "kiro-gateway:refresh-loop", OVER, "kiro.refresh-loop")
        .given(r#"{"runtime":{"accounts":[{"kind":"identity-center","expires_in":"1s"}],"defects":["refresh-returns-dead-token"]}}"#).both_sides();
    end_of_the_sign_in_looks_empty: bug(GATEWAY, "kiro-gateway:refresh-failure-as-empty-success", OVER, "kiro.sign-in-over-looks-empty")
        .given(r#"{"runtime":{"accounts":[{"kind":"identity-center","expires_in":"1s"}],"respond":[{"on":"token","status":400,"body":{"error":"invalid_grant","error_description":"Invalid refresh token provided"}}]}}"#).both_sides();
    // Repetition.
    rate_limit_met_at_once: bug(GATEWAY, "kiro-gateway:retries-rate-limit", KIRO, "kiro.rate-limit-repeated-at-once")
        .given(r#"{"runtime":{"rate":{"reason":"user","retry_after":7}}}"#).both_sides();
    forbidden_search_made_again: bug(GATEWAY, "kiro-gateway:retries-not-authorized", KIRO, "kiro.forbidden-search-repeated")
        .given(r#"{"runtime":{"accounts":[{"kind":"identity-center","authorized":false}]}}"#).both_sides();
    // Failures that look like something else.
    failed_search_looks_empty: bug(GATEWAY, "kiro-gateway:status-as-empty-success", KIRO, "kiro.failed-search-looks-empty")
        .given(r#"{"runtime":{"respond":[{"on":"search","status":500,"body":{"message":"Internal error","reason":null}}]}}"#).both_sides();
    rpc_error_looks_empty: bug(GATEWAY, "kiro-gateway:rpc-error-as-empty-success", KIRO, "kiro.rpc-error-looks-empty")
        .given(r#"{"runtime":{"tool_failure":"backend"}}"#).both_sides();
    tool_error_looks_empty: bug(GATEWAY, "kiro-gateway:tool-error-as-empty-success", KIRO, "kiro.tool-error-looks-empty")
        .given(r#"{"runtime":{"tool_failure":"is-error-text"}}"#).both_sides();
    no_results_shown_as_failure: bug(GATEWAY, "kiro-gateway:no-results-as-failure", KIRO, "kiro.no-results-shown-as-failure")
        .given(r#"{"runtime":{"search_results":[]}}"#).both_sides();
    date_as_text: bug(GATEWAY, "kiro-gateway:iso-dates-crash", KIRO, "kiro.date-as-text")
        .given(r#"{"runtime":{"dates":"iso"}}"#).both_sides();
    results_that_are_null: bug(GATEWAY, "kiro-gateway:results-null-crash", KIRO, "kiro.results-null")
        .given(r#"{"runtime":{"result_shape":"results-null"}}"#).both_sides();
    // Messages and tools.
    system_message_refused: bug(GATEWAY, "kiro-gateway:system-role-refused", SYSTEM, "kiro.system-message-refused");
    own_results_refused: bug(GATEWAY, "kiro-gateway:own-blocks-refused", OWN_RESULTS, "kiro.own-results-refused");
    tool_that_was_not_offered: bug(GATEWAY, "kiro-gateway:leaks-when-not-streaming", UNDECLARED, "kiro.undeclared-tool-use").both_sides();
    results_that_the_model_never_sees: bug(GATEWAY, "kiro-gateway:results-never-reach-model", BESIDE, "kiro.results-never-reach-model").both_sides();
    turn_replaced_by_a_search: bug(GATEWAY, "kiro-gateway:turn-replaced-by-search", READ_FILE, "kiro.turn-replaced-by-search").both_sides();
    result_without_its_call: bug(GATEWAY, "kiro-gateway:tool-use-id-missing", KIRO, "kiro.result-block-without-call");
    stream_for_who_wants_none: bug(GATEWAY, "kiro-gateway:stream-false-ignored", KIRO, "kiro.event-stream-for-stream-false");
    // The runtime.
    identity_not_asked_for: bug("kiro-runtime", "kiro-runtime:identity-gate-open", BARE_SEARCH, "kiro.identity-gate-open").own_credentials().said();
}
