//! `gauntlet drift`: a mock with a defect stands in for the real system.

use serde_json::Value;

use crate::support::{Folder, Said, nowhere};

const TARGETS: &str = "\
targets:
  same: { role: mcp-server, mock: mcp-server }
  other: { role: mcp-server, mock: mcp-server, given: { without_tools: [slow], server_name: other } }
  lenient: { role: mcp-server, mock: mcp-server, defects: [unknown-tool-as-success] }
  without: { role: mcp-server, mock: mcp-server, defects: [content-missing] }
  bare: { role: mcp-server, url: \"http://127.0.0.1:1/mcp\" }
";

const ECHO: &str = "\
id: drift.echo
title: A text comes back
target: mcp-server
versions: 2025-06-18
steps:
  - call: tools/call
    params: { name: echo, arguments: { message: hello } }
    expect: { result: { isError: { $not: true } } }
";

const UNKNOWN: &str = "\
id: drift.unknown
title: An unknown tool is an error
target: mcp-server
versions: 2025-06-18
steps:
  - call: tools/call
    params: { name: no-such-tool, arguments: {} }
    expect: { result: { $absent: true } }
";

const FIXTURE: &str = "\
id: drift.fixture
title: A thing that no system has comes back
target: mcp-server
versions: 2025-06-18
requires: { fixtures: [nothing_has_this] }
steps:
  - call: ping
    expect: { result: {} }
";

fn folder() -> Folder {
    Folder::new(&[
        ("gauntlet.yaml", TARGETS),
        ("scenarios/echo.yaml", ECHO),
        ("scenarios/unknown.yaml", UNKNOWN),
        ("scenarios/fixture.yaml", FIXTURE),
    ])
}

fn drift(folder: &Folder, target: &str, more: &[&str]) -> Said {
    folder.run(&[&["drift", "--target", target], more].concat())
}

#[test]
fn a_mock_that_tells_the_truth_is_green() {
    let folder = folder();
    let said = drift(&folder, "same", &[]);
    said.assert_code(0).assert_says("0 drifts").assert_says("alike in 2 cases");
    said.assert_says("untestable on the real system: 1 case").assert_says("needs the fixture `nothing_has_this`");
    drift(&folder, "mock:mcp-server", &[]).assert_code(0);
}

#[test]
fn each_drift_is_told_with_its_place() {
    let folder = folder();
    let said = drift(&folder, "lenient", &[]);
    said.assert_code(1).assert_says("tools/call").assert_says("DRIFT  outcome: mock JSON-RPC error, real result");
    said.assert_says("in drift.unknown@2025-06-18");
    let said = drift(&folder, "without", &[]);
    said.assert_code(1).assert_says("DRIFT  result.content: mock there, real nothing  (member-only-mock");
    drift(&folder, "without", &["--allow", "result.content"]).assert_code(0).assert_says("(declared)");
    drift(&folder, "lenient", &["--allow", "outcome"]).assert_code(0);
    drift(&folder, "lenient", &["drift.echo"]).assert_code(0).assert_says("alike in 1 case");
}

#[test]
fn json_holds_what_text_tells() {
    let folder = folder();
    drift(&folder, "lenient", &["--format", "json", "-o", "drift.json"]).assert_code(1);
    let report: Value = serde_json::from_str(&folder.read("drift.json")).unwrap();
    assert_eq!(report["format"], "gauntlet-drift/1");
    assert_eq!((&report["mock"]["name"], &report["real"]["name"]), (&"mcp-server".into(), &"lenient".into()));
    let finding = &report["findings"][0];
    assert_eq!((&finding["rule"], &finding["worth"]), (&"outcome".into(), &"drift".into()));
    assert_eq!(report["open"][0]["kind"], "untestable");
}

#[test]
fn what_cannot_be_compared_is_no_drift() {
    let folder = folder();
    drift(&folder, &nowhere(), &[]).assert_code(3).assert_says("the real side");
    drift(&folder, "bare", &[]).assert_code(3).assert_says("the real side, `bare`");
    drift(&folder, "nobody", &[]).assert_code(2).assert_says("no target is named `nobody`");
    drift(&folder, "same", &["nothing.*"]).assert_code(2).assert_says("no case was selected");
    drift(&folder, "same", &["--allow", "outcom"]).assert_code(2).assert_says("there is no rule `outcom`");
    drift(&folder, "same", &["drift.fixture"]).assert_code(3).assert_says("needs the fixture");
}
