//! Baselines that are wrong, and places that cannot be written.

use super::{FOUR_FAIL, expecting, run, written};

/// Each with what is said of it.
const WRONG: [(&str, &[&str]); 12] = [
    ("known_failure: []\n", &["1:1", "unknown key `known_failure`", "did you mean `known_failures`?"]),
    ("- scenario: bad.status\n", &["this is not a baseline", "it begins with `known_failures:`"]),
    ("known_failures:\n  - scenario: [\n", &["baseline.yaml:", "not YAML"]),
    ("known_failures:\n  - scenario: bad.status\n", &["baseline.yaml:2:5", "this entry has no `reason`"]),
    (
        "known_failures:\n  - scenario: bad.status\n    reason: x\n    expire: 2030-01-01\n",
        &["baseline.yaml:4:5", "unknown key `expire`", "did you mean `expires`?"],
    ),
    (
        "known_failures:\n  - scenario: bad.status\n    reason: x\n    expires: 2030-02-30\n",
        &["baseline.yaml:4:14", "this is not a date of the calendar", "YYYY-MM-DD"],
    ),
    (
        "known_failures:\n  - { scenario: bad.status, reason: x, verdict: skip }\n",
        &["a failure is `fail`, `warn` or `error`"],
    ),
    (
        "known_failures:\n  - { scenario: bad.statos, reason: x }\n",
        &["baseline.yaml:2:17", "no scenario is named `bad.statos`", "did you mean `bad.status`?"],
    ),
    (
        "known_failures:\n  - { scenario: bad.status, target: mcp-servr, reason: x }\n",
        &["no target is named `mcp-servr`", "did you mean `mcp-server`?"],
    ),
    (
        "known_failures:\n  - { scenario: bad.status, case: { coda: 299 }, reason: x }\n  - { scenario: bad.status, case: { code: 297 }, reason: x }\n",
        &["the matrix of the scenario has no `coda`", "did you mean `code`?", "`code` is never `297`"],
    ),
    (
        "known_failures:\n  - { scenario: bad.status, checks: ['step 3: status', 'step 2: stats'], reason: x }\n",
        &["there is no step 3; the scenario has 2", "the scenario has no check `stats`", "did you mean `status`?"],
    ),
    (
        "known_failures:\n  - { scenario: bad.status, version: 2025-06-19, reason: x }\n",
        &["no MCP version is `2025-06-19`", "did you mean `2025-06-18`?"],
    ),
];

#[test]
fn what_is_wrong_is_said_with_its_place_and_nothing_runs() {
    let folder = written();
    for (text, expected) in WRONG {
        folder.write("baseline.yaml", text);
        for said in [run(&folder), folder.run(&["baseline", "check"])] {
            said.assert_code(2);
            for part in expected {
                said.assert_says(part);
            }
            assert!(!said.out.contains("Summary"), "{}", said.both());
        }
    }
}

#[test]
fn an_unknown_name_outside_the_selection_is_wrong_too() {
    let folder = written();
    folder.write("baseline.yaml", "known_failures:\n  - { scenario: bad.statos, reason: x }\n");
    folder.run(&["run", "good.*", "--baseline", "baseline.yaml"]).assert_code(2);
    folder.run(&["run", "scenarios/good.yaml", "--baseline", "baseline.yaml"]).assert_code(2);
    // A scenario that is there and not selected is not unknown.
    folder.write("baseline.yaml", "known_failures:\n  - { scenario: bad.status, reason: x }\n");
    folder.run(&["run", "scenarios/good.yaml", "--baseline", "baseline.yaml"]).assert_code(0);
}

#[test]
fn doubled_and_unknown_entries_are_found_and_pruned() {
    let folder = written();
    let text = "\
# Kept by hand.
known_failures:
  # Away since May.
  - scenario: gone.by
    reason: it was taken out

  # The one that stays.
  - scenario: bad.status
    case: { code: 299 } # the odd one
    reason: twice
  - scenario: bad.status
    case: { code: 299 }
    reason: again
  - scenario: bad.status
    case: { code: 298 }
    reason: |
      several
      lines
";
    folder.write("baseline.yaml", text);
    folder
        .run(&["baseline", "check"])
        .assert_code(2)
        .assert_says("no scenario is named `gone.by`")
        .assert_says("the same cases stand in line 8 already")
        .assert_says("4 entries, 2 wrong, 0 stale");
    folder.run(&["baseline", "prune", "run.json"]).assert_code(0).assert_says("baseline.yaml: 1 taken out");
    let expected = text.replace("  # Away since May.\n  - scenario: gone.by\n    reason: it was taken out\n", "");
    assert_eq!(folder.read("baseline.yaml"), expected, "comments and all else stay");
    run(&folder).assert_code(0).assert_says("4 known");
}

#[test]
fn what_cannot_be_changed_line_by_line_is_left_alone() {
    let folder = written();
    let text = "known_failures: [{ scenario: gone.by, reason: x }]\n";
    folder.write("baseline.yaml", text);
    folder
        .run(&["baseline", "prune", "run.json"])
        .assert_code(0)
        .assert_says("baseline.yaml:1: does not stand on lines of its own; change it by hand");
    folder
        .run(&["baseline", "write", "run.json"])
        .assert_code(3)
        .assert_says("baseline.yaml cannot be changed without harm to the rest of it");
    assert_eq!(folder.read("baseline.yaml"), text);
}

#[test]
fn a_wrong_date_on_the_command_line_is_refused() {
    let folder = written();
    for date in ["31.12.2999", "2999-13-01", "2999-12-31T00:00:00Z", "2999-365"] {
        folder
            .run(&["baseline", "write", "run.json", "--expires", date])
            .assert_code(2)
            .assert_says("write a date of the calendar as YYYY-MM-DD");
    }
}

#[test]
#[cfg(unix)]
fn a_full_disk_is_told() {
    let folder = written();
    let said = folder.run(&["baseline", "write", "run.json", "--file", "/dev/full"]);
    said.assert_code(3).assert_says("cannot write /dev/full: ");
}

#[test]
#[cfg(unix)]
fn a_folder_that_cannot_be_written_keeps_its_baseline() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = written();
    let text = folder.read("baseline.yaml");
    folder.write("locked/baseline.yaml", &text);
    let mode = |mode| std::fs::set_permissions(folder.path("locked"), std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o555);
    // For the superuser no folder is locked.
    let superuser = std::fs::write(folder.path("locked/probe"), "").is_ok();
    expecting(&folder, "status: 200");
    run(&folder).assert_code(1);
    let said = folder.run(&["baseline", "prune", "again.json", "--file", "locked/baseline.yaml"]);
    if superuser {
        said.assert_code(0);
    } else {
        said.assert_code(3).assert_says("cannot write locked/baseline.yaml").assert_says("is still there");
        assert_eq!(folder.read("locked/baseline.yaml"), text);
    }
    mode(0o755);
}

#[test]
#[cfg(unix)]
fn a_file_keeps_its_mode_and_a_link_its_target() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = written();
    let text = folder.read("baseline.yaml");
    folder.write("shared/known.yaml", &text);
    std::fs::set_permissions(folder.path("shared/known.yaml"), std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("shared/known.yaml", folder.path("link.yaml")).unwrap();
    expecting(&folder, "{ status: '${code}', versions: 2025-11-25 }");
    folder.run(&["run", "--report", "json=again.json"]).assert_code(1);
    folder.run(&["baseline", "prune", "again.json", "--file", "link.yaml"]).assert_code(0).assert_says("2 narrowed");
    assert!(std::fs::symlink_metadata(folder.path("link.yaml")).unwrap().is_symlink());
    assert_ne!(folder.read("shared/known.yaml"), text);
    let mode = std::fs::metadata(folder.path("shared/known.yaml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let left: Vec<_> = std::fs::read_dir(folder.path("shared")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is left beside it");
}

#[test]
fn the_schema_takes_what_is_written_and_refuses_what_is_wrong() {
    let folder = written();
    let said = folder.run(&["schema", "baseline"]);
    said.assert_code(0);
    let schema: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let parsed = |text: &str| -> Option<serde_json::Value> {
        let source = gauntlet_format::Source { path: "baseline.yaml".into(), text: text.into() };
        gauntlet_format::yaml::parse(&std::sync::Arc::new(source), 0).ok().map(|node| node.to_json())
    };
    let written = parsed(&folder.read("baseline.yaml")).unwrap();
    assert!(validator.is_valid(&written), "{written}");
    // Up to the names that nothing has, which no schema knows.
    for (text, _) in &WRONG[..7] {
        assert!(parsed(text).is_none_or(|value| !validator.is_valid(&value)), "{text}");
    }
    expecting(&folder, FOUR_FAIL);
}
