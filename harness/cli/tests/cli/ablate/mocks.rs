//! On the mocks, of which is known what they look at.

use super::{ablate, pairs, parts, report};
use crate::support::Folder;

/// A search by the account of that kind, with more configuration of the mock.
fn search(kind: &str, given: &str) -> Folder {
    let text = format!(
        "id: kiro.search\ntitle: A search finds something\ntarget: kiro-runtime\nlifecycle: bare\n\
         given: {{ account: {kind}{given} }}\nsteps:\n  - call: tools/call\n    \
         params: {{ name: web_search, arguments: {{ query: rust 2026 edition }} }}\n    expect: {{ status: 200 }}\n"
    );
    Folder::new(&[("search.yaml", &text)])
}

const GATE: &str = "authorization body.profileArn user-agent x-amz-user-agent";

#[test]
fn the_gates_of_a_search_are_what_it_depends_on() {
    let report = report(&search("identity-center", ""), &["search.yaml", "--step", "1"]);
    assert_eq!(parts(&report, "load-bearing"), GATE);
    assert_eq!(parts(&report, "changes-answer"), "");
    assert_eq!(
        parts(&report, "no-effect"),
        "accept amz-sdk-invocation-id amz-sdk-request content-type x-amzn-codewhisperer-optout x-amzn-kiro-agent-mode"
    );
    let answer = |part: &str| {
        let found = report["parts"].as_array().unwrap().iter().find(|finding| finding["parts"][0] == part).unwrap();
        format!("{} {}", found["answer"]["status"], found["answer"]["message"].as_str().unwrap())
    };
    assert_eq!(answer("authorization"), "403 The bearer token included in the request is invalid.");
    assert_eq!(answer("user-agent"), "403 User is not authorized to make this call.");
    assert_eq!(answer("body.profileArn"), "400 profileArn is required for this request.");
    let smallest = &report["smallest"];
    assert_eq!((&smallest["headers"], &smallest["fields"]), (&3.into(), &5.into()), "{smallest}");
    assert_eq!(report["format"], "gauntlet-ablation/1");
}

#[test]
fn other_accounts_and_policies_have_other_gates() {
    let bearing = |kind: &str, given: &str, more: &[&str]| {
        parts(&report(&search(kind, given), &[&["search.yaml"], more].concat()), "load-bearing")
    };
    assert_eq!(bearing("desktop", "", &[]), "authorization body.profileArn");
    assert_eq!(bearing("desktop", ", identity_gate: { kinds: [desktop] }", &[]), GATE);
    assert_eq!(
        bearing("identity-center", ", identity_gate: { identity: user-agent }", &[]),
        "authorization body.profileArn user-agent"
    );
    assert_eq!(bearing("identity-center", ", host: legacy", &[]), "authorization");
    let open = bearing("identity-center", "", &["--defect", "identity-gate-open"]);
    assert_eq!(open, "authorization body.profileArn");
}

#[test]
fn two_of_which_either_is_enough_show_only_as_a_pair() {
    let folder = search("identity-center", ", identity_gate: { identity: either }");
    let alone = report(&folder, &["search.yaml"]);
    assert_eq!(parts(&alone, "load-bearing"), "authorization body.profileArn");
    assert!(alone["pairs_tried"].is_null() && pairs(&alone).is_empty());
    // One of them stays in the smallest request all the same, which was sent.
    assert_eq!(alone["smallest"]["needed_together"].as_array().map(Vec::len), Some(1), "{}", alone["smallest"]);
    assert_eq!(alone["smallest"]["minimal"], true);
    ablate(&folder, &["search.yaml"]).assert_says("pairs: where either of two is enough, neither shows alone");
    let both = report(&folder, &["search.yaml", "--pairs"]);
    assert_eq!(pairs(&both), ["user-agent x-amz-user-agent"]);
    assert_eq!(both["pairs_tried"], 28, "each two of eight");
}

#[test]
fn answers_that_depend_on_what_was_asked_before_are_told_apart() {
    let other = |times: usize| {
        let body = "{ jsonrpc: '2.0', id: 1, result: { content: [], isError: false } }";
        search("identity-center", &format!(", respond: [{{ status: 200, body: {body}, times: {times} }}]"))
    };
    // Only the first so many searches get the other answer; anew for each request, every one is the first.
    for (times, note) in [(1, "over the same session"), (3, "gets another answer after all the others")] {
        let report = report(&other(times), &["search.yaml"]);
        assert_eq!(parts(&report, "load-bearing"), GATE, "{times}");
        assert_eq!(parts(&report, "changes-answer"), "", "{times}");
        assert_eq!(report["fresh"], true);
        assert!(report["notes"].to_string().contains(note), "{}", report["notes"]);
    }
    let anew = report(&other(3), &["search.yaml", "--fresh"]);
    assert_eq!(parts(&anew, "load-bearing"), GATE);
    assert!(anew["notes"].as_array().unwrap().is_empty(), "{}", anew["notes"]);
}

#[test]
fn what_is_written_runs() {
    let folder = search("identity-center", ", identity_gate: { identity: either }");
    ablate(&folder, &["search.yaml", "--deep", "-o", "minimal.yaml"])
        .assert_code(0)
        .assert_says("written to minimal.yaml");
    let text = folder.read("minimal.yaml");
    assert!(text.contains("content-type") && text.contains("envelope: {jsonrpc: null}"), "{text}");
    folder.run(&["run", "minimal.yaml"]).assert_code(0).assert_says("1 pass");
    folder.run(&["check", "--strict", "minimal.yaml"]).assert_code(0);
    // Nothing is left that could be left out.
    let again = report(&folder, &["minimal.yaml", "--deep"]);
    assert_eq!(parts(&again, "no-effect"), "", "{text}");
}

#[test]
fn a_scenario_of_a_pack_is_written_with_what_the_pack_gives() {
    let folder = Folder::new(&[]);
    ablate(&folder, &["kiro.web-search.result", "-o", "minimal.yaml"]).assert_code(0);
    let text = folder.read("minimal.yaml");
    assert!(text.contains("target: kiro-runtime") && !text.contains("proves"), "{text}");
    folder.run(&["run", "minimal.yaml"]).assert_code(0);
}

#[test]
fn a_token_is_what_a_gateway_asks_for() {
    let text = "id: t.list\ntitle: Tools are listed\ntarget: agentcore-gateway\nversions: 2025-06-18\nsteps:\n  - call: tools/list\n    expect: { status: 200 }\n";
    let folder = Folder::new(&[("list.yaml", text)]);
    let report = report(&folder, &["list.yaml"]);
    assert_eq!(parts(&report, "load-bearing"), "authorization");
    let authorization = report["parts"].as_array().unwrap().last().unwrap();
    assert_eq!(authorization["answer"]["status"], 401, "{report:#}");
}

const AWS: &str = "\
id: t.aws
title: A caller is told who it is
target: aws-mcp
versions: 2025-06-18
steps:
  - call: tools/call
    params: { name: aws___call_aws, arguments: { cli_command: aws sts get-caller-identity } }
    expect: { status: 200, result: { isError: { $not: true } } }
";

#[test]
fn a_signature_is_over_what_is_left() {
    let folder = Folder::new(&[("aws.yaml", AWS)]);
    let before = report(&folder, &["aws.yaml"]);
    assert_eq!(parts(&before, "load-bearing"), "authorization mcp-session-id x-amz-date");
    assert!(parts(&before, "no-effect").contains("mcp-protocol-version"));
    let after = report(&folder, &["aws.yaml", "--after-signing"]);
    let signed = "accept authorization content-type mcp-protocol-version mcp-session-id x-amz-date";
    assert_eq!(parts(&after, "load-bearing"), signed);
}

#[test]
fn stdio_has_fields_only_and_a_version_its_own() {
    let text = "id: t.echo\ntitle: A text comes back\ntarget: mcp-server\nsteps:\n  - call: tools/call\n    params: { name: echo, arguments: { message: hello } }\n    expect: { result: { isError: { $not: true } } }\n";
    let config = "targets:\n  pipe: { role: mcp-server, mock: mcp-server, transport: stdio }\n";
    let folder = Folder::new(&[("echo.yaml", text), ("gauntlet.yaml", config)]);
    let pipe = report(&folder, &["echo.yaml", "--target", "pipe", "--mcp-version", "2025-06-18"]);
    assert_eq!(
        parts(&pipe, "load-bearing"),
        "body.id body.jsonrpc body.method body.params body.params.arguments body.params.arguments.message body.params.name"
    );
    let newest = report(&folder, &["echo.yaml", "--target", "mock:mcp-server"]);
    assert!(newest["case"].as_str().unwrap().contains("2026-07-28"), "{newest:#}");
    let bearing = parts(&newest, "load-bearing");
    assert!(bearing.contains("mcp-method") && bearing.contains("body.params._meta"), "{bearing}");
    // What a step cannot leave out is told, and the scenario holds without it.
    let said = ablate(&folder, &["echo.yaml", "--target", "mock:mcp-server", "-o", "minimal.yaml"]);
    said.assert_code(0).assert_says("clientInfo\"] stays: a step cannot leave it out");
    folder.run(&["run", "minimal.yaml", "--target", "mock:mcp-server"]).assert_code(0);
}

#[test]
fn other_values_are_tried_when_that_is_wanted() {
    let report = report(&search("identity-center", ""), &["search.yaml", "--alter=empty,null"]);
    let told = report["altered"].as_array().unwrap().iter().filter(|finding| finding["parts"][0] == "body.profileArn");
    let told: Vec<String> = told
        .map(|f| format!("{} {}", f["alter"].as_str().unwrap(), f["answer"]["message"].as_str().unwrap()))
        .collect();
    assert_eq!(told, ["empty Improperly formed request.", "null profileArn is required for this request."]);
}
