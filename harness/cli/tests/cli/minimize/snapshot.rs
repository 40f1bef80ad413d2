//! Cases that are held against a snapshot.

use super::{json, minimize};
use crate::support::Folder;

const SCENARIO: &str = "id: bug.snap\ntitle: It says what it said\ntarget: mcp-server\nversions: 2025-06-18\nsteps:\n  - call: ping\n  - call: tools/call\n    params: { name: echo, arguments: { message: first } }\n    expect: { snapshot: true }\n  - call: tools/list\n    headers: { x-trace: t }\n    expect: { snapshot: true, status: 200 }\n  - call: prompts/list\n    expect: { result: {} }\n  - call: tools/call\n    params: { name: echo, arguments: { message: \"ä\" } }\n    expect: { snapshot: true, status: 200 }\n  - call: ping\n";

const ALTERED: [&str; 2] = ["--defect", "mcp-server:text-altered"];

#[test]
fn the_section_of_the_step_stays_the_yardstick() {
    let folder = Folder::new(&[("bug.yaml", SCENARIO)]);
    // Without a snapshot there is nothing to go by.
    minimize(&folder, &[]).assert_code(2).assert_says("step 2 has no snapshot").assert_says("--bless");
    folder.run(&["run", "bug.yaml", "--bless"]).assert_code(0);
    let report = json(minimize(&folder, &[&ALTERED[..], &["--format", "json"]].concat()).assert_code(0));
    assert_eq!((&report["steps"]["before"], &report["steps"]["after"]), (&json!(6), &json!(1)), "{report:#}");
    assert_eq!((&report["kept"][0]["was"], &report["verified"]), (&json!(5), &json!(true)), "{report:#}");
    assert_eq!(report["snapshot"], "small.snap/2025-06-18.snap");
    let snapshot = folder.read("small.snap/2025-06-18.snap");
    // Of the original's three sections the one that is left, under its new heading, counted anew.
    assert_eq!(snapshot.matches("\n## ").count(), 1, "{snapshot}");
    assert!(snapshot.contains("\n## call tools/call\n") && snapshot.contains("<rpc-id:1>"), "{snapshot}");
    assert!(!snapshot.contains("<rpc-id:3>") && !snapshot.contains("first"), "{snapshot}");
    folder.run(&["run", "small.yaml"]).assert_code(0);
    let red = folder.run(&[&["run", "small.yaml"], &ALTERED[..]].concat());
    red.assert_code(1).assert_says("the exchanges are not those of small.snap/2025-06-18.snap");
    folder.run(&["check", "--strict", "small.yaml"]).assert_code(0);
}

#[test]
fn another_difference_is_another_failure() {
    // With the header the answer differs otherwise; without the step before, too: then all of it stays.
    let folder = Folder::new(&[("bug.yaml", SCENARIO)]);
    folder.run(&["run", "bug.yaml", "--bless"]).assert_code(0);
    let unstable = ["--defect", "mcp-server:tools-order-unstable"];
    let twice = SCENARIO.replace("  - call: prompts/list\n", "  - call: tools/list\n");
    folder.write(
        "bug.yaml",
        twice.replace("    headers: { x-trace: t }\n    expect: { snapshot: true, status: 200 }\n", ""),
    );
    folder.write(
        "bug.yaml",
        folder.read("bug.yaml").replace(
            "  - call: tools/list\n    expect: { result: {} }",
            "  - call: tools/list\n    expect: { snapshot: true }",
        ),
    );
    folder.run(&["run", "bug.yaml", "--bless"]).assert_code(0);
    let report = json(minimize(&folder, &[&unstable[..], &["--format", "json"]].concat()).assert_code(0));
    // The order is another one the second time only.
    assert_eq!((&report["steps"]["after"], &report["verified"]), (&json!(2), &json!(true)), "{report:#}");
}
