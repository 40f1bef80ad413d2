//! `gauntlet diff A B`: saved and live sides, what is worse, and what differs from run to run by itself.

use serde_json::{Value, json};

use crate::support::{Folder, PASSES, Said, nowhere};

const TARGETS: &str = "\
targets:
  good: { role: mcp-server, mock: mcp-server, given: { without_tools: [slow] } }
  other: { role: mcp-server, mock: mcp-server, given: { without_tools: [slow] }, defects: [text-altered] }
  bad: { role: mcp-server, mock: mcp-server, defects: [unknown-tool-as-success] }
";

/// Passes on every mock here, and says what it is given.
const ECHO: &str = "\
id: good.echo
title: A text comes back
target: mcp-server
versions: 2025-06-18
steps:
  - call: tools/call
    params: { name: echo, arguments: { message: 'ä hello ${uuid}' } }
    expect: { result: { isError: { $not: true } } }
";

/// Fails where an unknown tool is a success.
const UNKNOWN: &str = "\
id: other.unknown
title: An unknown tool is an error
target: mcp-server
versions: 2025-06-18
steps:
  - call: tools/call
    params: { name: no-such-tool, arguments: {} }
    expect: { result: { $absent: true } }
";

fn folder() -> Folder {
    Folder::new(&[
        ("gauntlet.yaml", TARGETS),
        ("scenarios/list.yaml", PASSES),
        ("scenarios/echo.yaml", ECHO),
        ("scenarios/unknown.yaml", UNKNOWN),
    ])
}

fn save(folder: &Folder, target: &str, file: &str, more: &[&str]) {
    let report = format!("{}={file}", if file.ends_with("l") { "jsonl" } else { "json" });
    let said = folder.run(&[&["run", "--target", target, "--report", &report, "--quiet"], more].concat());
    assert!(matches!(said.code, Some(0 | 1)), "{}", said.both());
}

fn diff(folder: &Folder, more: &[&str]) -> Said {
    folder.run(&[&["diff"], more].concat())
}

#[test]
fn two_runs_of_the_same_thing_are_the_same() {
    let folder = folder();
    save(&folder, "good", "a.json", &["--keep-all"]);
    save(&folder, "good", "b.jsonl", &["--keep-all"]);
    let said = diff(&folder, &["a.json", "b.jsonl"]);
    said.assert_code(0).assert_says("3 cases compared: nothing changed; 3 the same");
    // A UUID is another each time.
    let said = diff(&folder, &["a.json", "b.jsonl", "--no-rule", "uuid", "--diffs", "1"]);
    said.assert_code(0).assert_says("CHANGED TRANSCRIPT  1").assert_says("- ").assert_says("hello ");
    diff(&folder, &["a.json", "b.jsonl", "--no-rule", "uuid", "--strict"]).assert_code(1);
    diff(&folder, &["a.json", "b.jsonl", "--exact"]).assert_says("CHANGED TRANSCRIPT  3");
    diff(&folder, &["a.json", "b.jsonl", "--no-rule", "uid"]).assert_code(2).assert_says("did you mean");
}

#[test]
fn a_new_failure_is_red_and_a_fixed_one_is_not() {
    let folder = folder();
    save(&folder, "good", "good.json", &[]);
    save(&folder, "bad", "bad.json", &[]);
    let said = diff(&folder, &["good.json", "bad.json"]);
    said.assert_code(1)
        .assert_says("NEWLY FAILING  1")
        .assert_says("pass → fail  other.unknown@2025-06-18 on good → bad");
    said.assert_says("again gauntlet run").assert_says("3 cases without a transcript").assert_says("--keep-all");
    diff(&folder, &["bad.json", "good.json"]).assert_code(0).assert_says("FIXED  1");
    diff(&folder, &["bad.json", "bad.json"]).assert_code(0).assert_says("STILL FAILING  1, 0 for another reason");
    diff(&folder, &["good.json", "bad.json", "good.*"]).assert_code(0).assert_says("2 cases compared");
    diff(&folder, &["good.json", "bad.json", "nothing.*"]).assert_code(2).assert_says("no case was compared");
}

#[test]
fn a_side_may_be_live() {
    let folder = folder();
    save(&folder, "good", "last.json", &["--keep-all"]);
    diff(&folder, &["last.json", "good"]).assert_code(0).assert_says("3 cases compared: nothing changed");
    let said = diff(&folder, &["last.json", "bad", "other.*"]);
    said.assert_code(1).assert_says("pass → fail  other.unknown").assert_says("1 case compared");
    let said = diff(&folder, &["last.json", "other", "--strict"]);
    said.assert_code(1).assert_says("CHANGED TRANSCRIPT  1").assert_says("good.echo@2025-06-18 on good → other");
    diff(&folder, &["good", "mock:mcp-server", "good.echo"]).assert_code(0).assert_says("1 case compared");
    diff(&folder, &["good", "good", "--defect", "unknown-tool-as-success"])
        .assert_code(0)
        .assert_says("STILL FAILING  1");
}

#[test]
fn sides_that_cannot_be_used_are_told() {
    let folder = folder();
    save(&folder, "good", "last.json", &[]);
    diff(&folder, &["last.json"]).assert_code(2).assert_says("name two sides");
    diff(&folder, &["last.json", "goood"]).assert_code(2).assert_says("did you mean `good`?");
    diff(&folder, &["last.json", "gone.json"]).assert_code(2).assert_says("there is no such file");
    diff(&folder, &["last.json", "mock:nothing"]).assert_code(2).assert_says("there is no mock `nothing`");
    diff(&folder, &["last.json", "gauntlet.yaml"]).assert_code(2).assert_says("gauntlet.yaml: this is not what");
    diff(&folder, &["last.json", &nowhere()]).assert_code(3).assert_says("nothing could be asked of");
    diff(&folder, &["last.json", "good", "--slower-ratio", "0.5"]).assert_code(2).assert_says("a number from 1");
    let both = ["--direct", "good", "--through", "bad"];
    diff(&folder, &[&both[..], &["--strict"]].concat()).assert_code(2);
    diff(&folder, &[&both[..], &["--exact"]].concat()).assert_code(2).assert_says("are for two runs");
    diff(&folder, &["last.json", "good", "--allow", "status"]).assert_code(2);
}

#[test]
fn json_and_markdown_hold_what_text_tells() {
    let folder = folder();
    save(&folder, "good", "good.json", &[]);
    save(&folder, "bad", "bad.json", &["--environment", "staging"]);
    diff(&folder, &["good.json", "bad.json", "--format", "json", "-o", "diff.json"]).assert_code(1);
    let report: Value = serde_json::from_str(&folder.read("diff.json")).unwrap();
    assert_eq!(report["format"], "gauntlet-run-diff/1");
    assert_eq!((&report["compared"], &report["after"]["run"]["environment"]), (&json!(3), &json!("staging")));
    let change = &report["changes"][0];
    assert_eq!((&change["kind"], &change["case"]), (&json!("newly-failing"), &json!("other.unknown@2025-06-18")));
    assert_eq!((&change["before"]["verdict"], &change["after"]["verdict"]), (&json!("pass"), &json!("fail")));
    let said = diff(&folder, &["good.json", "bad.json", "--format", "markdown"]);
    said.assert_code(1)
        .assert_says("### Newly failing (1)")
        .assert_says("| pass → fail | `other.unknown@2025-06-18` |");
}

#[test]
fn rules_of_the_configuration_and_of_a_scenario_hold() {
    let rule = "  rules: [{ name: greeting, pattern: \"hello \\\\S+\" }]\n  keep: [uuid]\n";
    let changed = |configuration: &str, scenario: &str| {
        let folder = folder();
        folder.write("gauntlet.yaml", format!("{TARGETS}{configuration}"));
        folder.write("scenarios/echo.yaml", format!("{ECHO}{scenario}"));
        save(&folder, "good", "a.json", &["--keep-all"]);
        save(&folder, "good", "b.json", &["--keep-all"]);
        diff(&folder, &["a.json", "b.json"]).both()
    };
    let kept = "volatile: { keep: [uuid] }\n";
    assert!(changed(kept, "").contains("1 changed transcript"));
    assert!(changed("", kept).contains("1 changed transcript"));
    assert!(changed(&format!("volatile:\n{rule}"), "").contains("nothing changed"));
    assert!(changed("", &format!("volatile:\n{rule}")).contains("nothing changed"));
}

#[test]
fn rules_that_are_wrong_are_told_with_their_place() {
    let folder = folder();
    folder.write("gauntlet.yaml", format!("{TARGETS}volatile: {{ rules: [{{ name: x, pattern: \"(\" }}] }}\n"));
    folder.run(&["list"]).assert_code(2).assert_says("gauntlet.yaml").assert_says("not a regular expression");
    folder.write("gauntlet.yaml", format!("{TARGETS}volatile: {{ keep: [uid] }}\n"));
    folder.run(&["list"]).assert_code(2).assert_says("there is no volatile rule `uid`");
    folder.write("gauntlet.yaml", TARGETS);
    for (wrong, said) in [
        ("volatile: { keep: [uid] }\n", "did you mean"),
        ("volatile: { rules: [{ name: x }] }\n", "just one of"),
        ("volatile: { rules: [{ name: x, path: a..b }] }\n", "is not a path"),
        ("volatile: { rules: [{ name: x, patern: a }] }\n", "did you mean `pattern`?"),
    ] {
        folder.write("scenarios/echo.yaml", format!("{ECHO}{wrong}"));
        folder.run(&["check", "scenarios"]).assert_code(2).assert_says("scenarios/echo.yaml:9:").assert_says(said);
    }
}
