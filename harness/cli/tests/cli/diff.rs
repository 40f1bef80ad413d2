//! `gauntlet diff`: exit codes, formats, and that what a target says controls no terminal and tells no secret.

use serde_json::{Value, json};

use crate::support::{Folder, Said, nowhere, response, serve};

/// Targets that are made of the same mock.
const TARGETS: &str = "\
targets:
  server: { mock: mcp-server, given: { without_tools: [slow] } }
  same: { mock: mcp-server, given: { without_tools: [slow], page_size: 2 } }
  changed:
    mock: mcp-server
    given: { without_tools: [slow], json_response: true }
    defects: [text-altered, tools-list-drops-last-page]
  declared:
    mock: mcp-server
    given: { without_tools: [slow] }
    defects: [text-altered]
    expected: { rules: [content-changed] }
";

const VERSION: [&str; 2] = ["--mcp-version", "2025-06-18"];

fn diff(folder: &Folder, direct: &str, through: &str, more: &[&str]) -> Said {
    let arguments = [&["diff", "--direct", direct, "--through", through], &VERSION[..], more].concat();
    folder.run(&arguments)
}

fn targets() -> Folder {
    Folder::new(&[("gauntlet.yaml", TARGETS)])
}

#[test]
fn nothing_breaking_is_green() {
    let said = diff(&targets(), "server", "same", &[]);
    said.assert_code(0).assert_says("0 breaking").assert_says("page-size");
    diff(&targets(), "server", "server", &[]).assert_code(0).assert_says("no difference");
}

#[test]
fn something_breaking_is_red_and_names_the_requirement() {
    let said = diff(&targets(), "server", "changed", &[]);
    said.assert_code(1).assert_says("BREAKING  gateway.list-fidelity  (item-lost)");
    assert!(!said.out.contains("+ data:"), "{}", said.out);
    // Both exchanges, and nothing about the harness.
    let said = diff(&targets(), "server", "changed", &["--verbose"]);
    said.assert_code(1).assert_says("    - ").assert_says("POST /mcp");
    assert_eq!(said.err, "");
}

#[test]
fn what_is_declared_is_not_breaking() {
    let folder = targets();
    diff(&folder, "server", "declared", &[]).assert_code(0).assert_says("(declared)");
    let paths =
        ["result.content[*].text", "result.structuredContent", "result.tools[*]", "result.resources", "result.prompts"];
    for allowed in [&["content-changed", "item-lost"][..], &paths] {
        let more: Vec<&str> = allowed.iter().flat_map(|allowed| ["--allow", allowed]).collect();
        diff(&folder, "server", "changed", &more).assert_code(0).assert_says("(declared)");
    }
    diff(&folder, "server", "changed", &["--allow", "item-lost"]).assert_code(1);
}

#[test]
fn defects_are_switched_on_wherever_the_mock_is() {
    let said = diff(&targets(), "server", "same", &["--defect", "mcp-server:text-altered"]);
    said.assert_code(0).assert_says("0 breaking");
}

#[test]
fn usage_is_told_apart_from_what_is_found() {
    let folder = targets();
    diff(&folder, "serve", "same", &[]).assert_code(2).assert_says("the targets are server, same");
    diff(&folder, "mock:mcp", "same", &[]).assert_code(2).assert_says("the mocks are");
    diff(&folder, "server", "mcp-client", &[]).assert_code(2).assert_says("is a client");
    diff(&folder, "server", "same", &["--allow", "item-losst"]).assert_code(2).assert_says("did you mean `item-lost`?");
    diff(&folder, "server", "same", &["--allow", "a..b"]).assert_code(2).assert_says("is not a path");
    folder.run(&["diff", "--direct", "server"]).assert_code(2);
    folder.write("gauntlet.yaml", TARGETS.replace("[content-changed]", "[content-change]"));
    diff(&folder, "server", "same", &[]).assert_code(2).assert_says("there is no rule `content-change`");
}

#[test]
fn a_side_that_is_not_there_is_infrastructure() {
    let folder = targets();
    diff(&folder, "server", &nowhere(), &[]).assert_code(3).assert_says("the through side");
    diff(&folder, &nowhere(), "server", &[]).assert_code(3).assert_says("the direct side");
}

#[test]
fn scenarios_are_compared_by_what_is_answered() {
    let folder = targets();
    folder.write("scenarios/list.yaml", crate::support::PASSES);
    let said = diff(&folder, "server", "changed", &["good.*"]);
    said.assert_code(0).assert_says("good.list@2025-06-18");
    let wrong = crate::support::PASSES.replace("$type: array", "$len: 99");
    folder.write("scenarios/list.yaml", wrong);
    // What the scenario expects is another question.
    diff(&folder, "server", "same", &["good.*"]).assert_code(0).assert_says("0 breaking");
}

#[test]
fn scenarios_that_are_not_there_or_cannot_be_read_are_usage() {
    let folder = targets();
    folder.write("scenarios/list.yaml", crate::support::PASSES);
    // Nobody is asked anything.
    diff(&folder, &nowhere(), "same", &["nothing.*"]).assert_code(2).assert_says("no case was selected");
    diff(&folder, "server", "same", &["good.*", "--case", "a=1"]).assert_code(2).assert_says("no case was selected");
    folder.write("scenarios/other.yaml", crate::support::PASSES.replace("steps:", "stepps:"));
    let said = diff(&folder, &nowhere(), "same", &["good.*"]);
    said.assert_code(2).assert_says("other.yaml").assert_says("did you mean `steps`?");
}

#[test]
fn cases_at_the_same_time_are_compared_as_those_one_after_the_other() {
    let folder = targets();
    for name in ["a", "b", "c"] {
        folder.write(
            &format!("scenarios/{name}.yaml"),
            crate::support::PASSES.replace("good.list", &format!("good.{name}")),
        );
    }
    let json = ["good.*", "--format", "json"];
    let findings = |more: &[&str]| -> Value {
        let said = diff(&folder, "server", "changed", &[&json[..], more].concat());
        serde_json::from_str::<Value>(&said.out).unwrap()["findings"].take()
    };
    assert_eq!(findings(&["--jobs", "3"]), findings(&[]));
    diff(&folder, "server", "same", &["good.*", "--jobs", "0"]).assert_code(2).assert_says("--jobs");
}

#[test]
fn json_holds_what_text_tells() {
    let folder = targets();
    diff(&folder, "server", "changed", &["--format", "json", "--output", "diff.json"]).assert_code(1);
    let report: Value = serde_json::from_str(&folder.read("diff.json")).unwrap();
    assert_eq!(report["format"], "gauntlet-diff/1");
    assert_eq!(report["through"]["name"], "changed");
    let lost = report["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "item-lost").unwrap();
    assert_eq!((&lost["class"], &lost["method"]), (&json!("breaking"), &json!("tools/list")));
    assert_eq!(lost["requirement"], "gateway.list-fidelity");
    assert_eq!(lost["places"][0]["run"], "2025-06-18");
    assert!(lost["places"][0]["path"].as_str().unwrap().starts_with("result.tools["), "{lost}");
}

/// A little server of 2025-06-18 with one tool of this description, which also says it in a header.
fn server(describe: impl Fn(&str) -> String + Send + Sync + 'static) -> String {
    serve(move |head, body| {
        let request: Value = serde_json::from_str(body).unwrap_or_default();
        let Some(id) = request.get("id") else { return response("202 Accepted", "", "") };
        let result = match request["method"].as_str().unwrap_or_default() {
            "initialize" => json!({
                "protocolVersion": "2025-06-18",
                "capabilities": { "tools": {} },
                "serverInfo": { "name": "little", "version": "1" },
            }),
            "tools/list" => {
                let schema = json!({ "type": "object" });
                json!({ "tools": [{ "name": "look", "description": describe(head), "inputSchema": schema }] })
            }
            _ => json!({}),
        };
        let answer = json!({ "jsonrpc": "2.0", "id": id, "result": result });
        response("200 OK", "content-type: application/json\r\n", answer.to_string())
    })
}

fn little(direct: &str, through: &str, auth: &str) -> Folder {
    let entry = |name: &str, url: &str| format!("  {name}: {{ url: '{url}', versions: ['2025-06-18']{auth} }}\n");
    Folder::new(&[("gauntlet.yaml", &format!("targets:\n{}{}", entry("a", direct), entry("b", through)))])
}

#[test]
fn what_a_target_says_controls_no_terminal() {
    let direct = server(|_| "looks".to_owned());
    let through = server(|_| "\u{1b}[2J\u{202e}looks\r\n".to_owned());
    let folder = little(&direct, &through, "");
    for more in [&[][..], &["--verbose"]] {
        let said = diff(&folder, "a", "b", more);
        said.assert_code(1).assert_says("value-changed").assert_says("\\u");
        assert!(!said.both().contains(['\u{1b}', '\u{202e}', '\r']), "{}", said.both());
    }
}

#[test]
fn secrets_that_a_gateway_tells_are_not_told_further() {
    let direct = server(|_| "looks".to_owned());
    let through = server(|head| {
        let token = head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or("nothing");
        format!("looks for {token}")
    });
    let folder = little(&direct, &through, ", auth: { bearer: '${secret:env:DIFF_TOKEN}' }");
    for more in [&[][..], &["--verbose"], &["--format", "json"]] {
        let arguments = [&["diff", "--direct", "a", "--through", "b"], more].concat();
        let output = folder.command(&arguments).env("DIFF_TOKEN", "t0p-s3cr3t-t0k3n").output().unwrap();
        let said = crate::support::said(&output);
        said.assert_code(1).assert_says("looks for Bearer ${");
        assert!(!said.both().contains("t0p-s3cr3t"), "{}", said.both());
    }
}
