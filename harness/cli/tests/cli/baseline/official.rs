//! The official conformance suite beside ours.

use crate::support::Folder;

use super::{FOUR_FAIL, expecting, written};

/// As the suite writes for one of its scenarios: what is about `tools.list.shape`, what no scenario is about, and messages.
const CHECKS: &str = r#"[
  { "id": "tools-list", "name": "ToolsList", "description": "Tools are listed", "status": "FAILURE",
    "timestamp": "2026-01-01T00:00:00.000Z", "errorMessage": "Failed: no \u001b[31mtools\nat all", "specReferences": [] },
  { "id": "odd-check", "name": "Odd", "description": "Odd", "status": "WARNING", "timestamp": "2026-01-01T00:00:00.000Z" },
  { "id": "wire-schema-valid", "name": "WireSchemaValid", "description": "Valid", "status": "SUCCESS",
    "timestamp": "2026-01-01T00:00:00.000Z", "details": { "messagesValidated": 5, "violations": [] } }
]"#;

/// As teams keep it for the suite.
const EXPECTED: &str =
    "# known\nserver:\n  - tools-list # whole\n  - server-stateless:odd-check\nclient:\n  - auth/basic\n";

fn folder() -> Folder {
    let folder = written();
    std::fs::remove_file(folder.path("baseline.yaml")).unwrap();
    folder.write("checks.json", CHECKS);
    folder.write("expected.yml", EXPECTED);
    folder
}

#[test]
fn failures_that_both_see_become_entries() {
    let folder = folder();
    folder
        .run(&["baseline", "import", "checks.json", "--run", "run.json", "--owner", "team-gateway"])
        .assert_code(0)
        .assert_says("baseline.yaml: 2 new");
    let text = folder.read("baseline.yaml");
    assert_eq!(text.matches("checks: [\"step 2: status\"]").count(), 2, "{text}");
    assert_eq!(
        text.matches("fails tools-list of the conformance suite: Failed: no \\u001b[31mtools\"").count(),
        2,
        "{text}"
    );
    folder.run(&["run", "--baseline", "baseline.yaml"]).assert_code(0).assert_says("4 known");
}

#[test]
fn expected_failures_become_entries_of_scenarios() {
    let folder = folder();
    folder
        .run(&["baseline", "import", "expected.yml", "--expires", "2999-01-01"])
        .assert_code(0)
        .assert_says("no scenario is about auth/basic, odd-check")
        .assert_says("baseline.yaml: 1 new");
    let text = folder.read("baseline.yaml");
    assert!(
        text.contains(
            "  - scenario: bad.status\n    reason: fails tools-list of the conformance suite\n    expires: 2999-01-01\n"
        ),
        "{text}"
    );
    folder.run(&["run", "--baseline", "baseline.yaml"]).assert_code(1).assert_says("4 known, 2 fixed");
    folder.run(&["baseline", "import", "expected.yml"]).assert_code(0).assert_says("baseline.yaml stays as it is");
    folder.run(&["baseline", "import", "expected.yml", "--run", "run.json", "--file", "other.yaml"]).assert_code(0);
    folder.run(&["run", "--baseline", "other.yaml"]).assert_code(0).assert_says("4 known");
}

#[test]
fn a_table_says_where_both_agree() {
    let folder = folder();
    let said = folder.run(&["baseline", "compare", "run.json", "checks.json"]);
    said.assert_code(0);
    let lines: Vec<Vec<&str>> = said.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["check", "theirs", "ours", "accord", "maps_to"], "{}", said.out);
    assert_eq!(lines[1], ["odd-check", "warning", "-", "no-counterpart"]);
    assert_eq!(lines[2], ["tools-list", "failure", "fail", "agree", "bad.status"]);
    assert_eq!(lines[3], ["wire-schema-valid", "success", "pass", "agree"]);
    assert_eq!(
        said.out.lines().last(),
        Some("3 checks: 2 agree, 0 differ, 0 not judged by both, 1 without a scenario")
    );
    expecting(&folder, "status: 200");
    folder.run(&["run", "--report", "json=good.json"]).assert_code(0);
    let said = folder.run(&["baseline", "compare", "good.json", "checks.json", "--format", "json"]);
    said.assert_code(1);
    let document: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(document["checks"][1]["accord"], "differ");
    assert_eq!(document["checks"][1]["maps_to"][0], "bad.status");
    assert_eq!(document["totals"]["differ"], 1);
    expecting(&folder, FOUR_FAIL);
}

#[test]
fn files_that_are_not_the_suites_are_refused() {
    let folder = folder();
    for (text, says) in [
        ("[{ \"id\": 1 }]", "this is not a checks.json of the conformance suite"),
        ("[", "other.file: this is not a checks.json"),
        ("server:\n  - a: b\n", "other.file:2:5: expected a checks.json, or lists of"),
        ("servers: []\n", "other.file:1:1: expected a checks.json"),
        ("server: [\n", "other.file:"),
    ] {
        folder.write("other.file", text);
        folder.run(&["baseline", "import", "other.file"]).assert_code(2).assert_says(says);
    }
    folder.run(&["baseline", "import", "nowhere.json"]).assert_code(2).assert_says("cannot read nowhere.json");
}
