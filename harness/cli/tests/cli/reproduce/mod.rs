//! From a bug report to a scenario of a few steps, the whole way: a gateway with a bug is recorded, the recording imported, the
//! scenario run, minimized and diagnosed; without the bug it passes.

mod lab;

use gauntlet::repro::har;

use crate::support::Folder;
use lab::{Gateway, Recorder};

/// A bug that a gateway is known for.
struct Bug {
    /// The mock that has it.
    gateway: &'static str,
    defect: &'static str,
    /// What its user did.
    story: &'static [(&'static str, &'static str)],
    /// What `gauntlet diagnose` is to call it.
    known_as: &'static str,
}

const SEARCH: (&str, &str) = (
    "POST /v1/messages",
    r#"{"model":"claude-sonnet-4.5","max_tokens":4096,"stream":false,"messages":[{"role":"user","content":"Perform a web search for the query: rust 2026 edition"}],"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":8}],"tool_choice":{"type":"tool","name":"web_search"}}"#,
);
const MODELS: (&str, &str) = ("GET /v1/models", "");
const HEALTH: (&str, &str) = ("GET /health", "");
const KIRO: &[(&str, &str)] = &[MODELS, SEARCH, HEALTH];

const SYSTEM: &[(&str, &str)] = &[
    HEALTH,
    SEARCH,
    (
        "POST /v1/messages",
        r#"{"model":"claude-sonnet-4.5","max_tokens":4096,"messages":[{"role":"user","content":"Good morning."},{"role":"assistant","content":"Good morning."},{"role":"system","content":"The user prefers short answers."},{"role":"user","content":"How are you?"}]}"#,
    ),
];
const OWN_RESULTS: &[(&str, &str)] = &[
    HEALTH,
    (
        "POST /v1/messages",
        r#"{"model":"claude-sonnet-4.5","max_tokens":4096,"messages":[{"role":"user","content":"Perform a web search for the query: rust"},{"role":"assistant","content":[{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"rust"}},{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[{"type":"web_search_result","title":"Rust","url":"https://example.org/rust","encrypted_content":"x","page_age":null}]},{"type":"text","text":"Found."}]},{"role":"user","content":"What was the first result?"}]}"#,
    ),
    MODELS,
];
const DECLARED: &[(&str, &str)] = &[
    MODELS,
    (
        "POST /v1/messages",
        r#"{"model":"claude-sonnet-4.5","max_tokens":4096,"messages":[{"role":"user","content":"How are you?"}],"tools":[{"type":"web_search_20250305","name":"web_search","max_uses":8}]}"#,
    ),
    HEALTH,
];
const INITIALIZE: (&str, &str) = (
    "POST /mcp",
    r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"editor","version":"1.0.0"}}}"#,
);
const INITIALIZED: (&str, &str) = ("POST /mcp", r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
const LIST: (&str, &str) = ("POST /mcp", r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
const PING: (&str, &str) = ("POST /mcp", r#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#);
const AS_PROD: (&str, &str) = (
    "POST /mcp",
    r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"aws___call_aws","arguments":{"cli_command":"aws sts get-caller-identity","aws_profile":"prod"}}}"#,
);
const AWS: &[(&str, &str)] = &[INITIALIZE, INITIALIZED, LIST, PING, AS_PROD, LIST];

fn goes_the_whole_way(bug: &Bug) {
    let what = format!("{}:{}", bug.gateway, bug.defect);
    let folder = Folder::new(&[]);
    let gateway = Gateway::start(&folder, bug.gateway, Some(bug.defect));
    let recorder = Recorder::start(&folder, &gateway.url);
    for (line, body) in bug.story {
        recorder.ask(line, body, &gateway.headers);
    }
    let said = recorder.end();
    let recording = folder.read("bug.har");
    for secret in &gateway.secrets {
        assert!(!recording.contains(secret) && !said.contains(secret), "{what}: {said}\n{recording}");
    }
    let (entries, _) = har::load(&folder.path("bug.har"), &har::Limits::default()).unwrap();
    assert_eq!(entries.entries.len(), bug.story.len(), "{what}");

    let said = folder.run(&["import", "bug.har", "--role", bug.gateway, "--only", "all", "-o", "bug.yaml"]);
    said.assert_code(0);
    folder.run(&["check", "--strict", "bug.yaml"]).assert_code(0);
    let defect = ["--defect", &what];
    let run = |file: &str, more: &[&str]| {
        let arguments = [&["run", file, "--target", bug.gateway, "--report", "jsonl=run.jsonl"], more].concat();
        let mut command = folder.command(&[arguments.as_slice(), &gateway.given()].concat());
        let _ = std::fs::remove_file(folder.path("run.jsonl"));
        crate::support::said(&command.envs(gateway.environment()).output().unwrap())
    };
    let scenario = folder.read("bug.yaml");
    let said = run("bug.yaml", &defect);
    assert_eq!(said.code, Some(1), "{what} is not seen: {}\n{scenario}", said.both());

    let arguments =
        [&["minimize", "bug.yaml", "--target", bug.gateway, "-o", "min.yaml"], defect.as_slice(), &gateway.given()]
            .concat();
    let said = crate::support::said(&folder.command(&arguments).envs(gateway.environment()).output().unwrap());
    assert_eq!(said.code, Some(0), "{what}: {}\n{scenario}", said.both());
    let small = folder.read("min.yaml");
    let steps = lab::steps(&small);
    assert!((1..=3).contains(&steps), "{what}: {steps} steps\n{small}");
    assert_eq!(run("min.yaml", &defect).code, Some(1), "{what}: {small}");

    let said = folder.run(&["diagnose", "run.jsonl"]);
    assert!(said.code == Some(0) && said.out.contains(bug.known_as), "{what}: {}\n{small}", said.both());
    for secret in &gateway.secrets {
        assert!(!said.both().contains(secret) && !small.contains(secret) && !scenario.contains(secret), "{what}");
    }

    for file in ["bug.yaml", "min.yaml"] {
        let said = run(file, &[]);
        assert_eq!(said.code, Some(0), "{what} is mended, {file}: {}\n{}", said.both(), folder.read(file));
    }
}

macro_rules! bugs {
    ($($name:ident: $gateway:literal $defect:literal $story:expr => $known_as:literal;)*) => {
        $(
            #[test]
            fn $name() {
                goes_the_whole_way(&Bug { gateway: $gateway, defect: $defect, story: $story, known_as: $known_as });
            }
        )*
    };
}

bugs! {
    searches_without_the_client_identity: "kiro-gateway" "bare-headers" KIRO => "kiro.identity-headers-missing";
    profile_arn_left_out: "kiro-gateway" "profile-arn-omitted" KIRO => "kiro.profile-arn-missing";
    profile_arn_inside_params: "kiro-gateway" "profile-arn-in-params" KIRO => "kiro.profile-arn-inside-params";
    profile_arn_in_the_query: "kiro-gateway" "profile-arn-in-query" KIRO => "kiro.profile-arn-in-query";
    profile_arn_in_the_wrong_header: "kiro-gateway" "profile-arn-wrong-header" KIRO => "kiro.profile-arn-wrong-header";
    headers_changed_after_signing: "aws-proxy" "header-changed-after-signing" AWS => "aws.signature-mismatch";
    signed_for_another_region: "aws-proxy" "profile-region-signed" AWS => "aws.wrong-region";
    clients_without_an_origin_refused: "mcp-server" "origin-demanded" &[INITIALIZE, INITIALIZE] => "mcp.origin-demanded";
    system_message_refused: "kiro-gateway" "system-role-refused" SYSTEM => "kiro.system-message-refused";
    own_results_refused: "kiro-gateway" "own-blocks-refused" OWN_RESULTS => "kiro.own-results-refused";
    search_tool_taken_for_a_function: "kiro-gateway" "server-tool-as-function" DECLARED => "kiro.search-tool-as-function";
}
