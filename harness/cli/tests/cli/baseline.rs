//! Known failures: runs with a baseline, and the commands that keep it.

mod files;
mod official;

use crate::support::{Folder, PASSES, Said};

/// One target for the role.
const CONFIG: &str = "targets:\n  mcp-server: { mock: mcp-server }\n";

/// Three values at two versions.
const CODES: &str = "\
id: bad.status
title: The list comes with another status
proves: [tools.list.shape]
target: mcp-server
versions: 2025-06-18..2025-11-25
transport: http
matrix: { code: [299, 298, 200] }
steps:
  - call: ping
  - call: tools/list
    expect:
      - { result: { tools: { $type: array } } }
      - EXPECTED
";

/// Four of the six cases fail.
const FOUR_FAIL: &str = "status: ${code}";

fn expecting(folder: &Folder, expected: &str) {
    folder.write("scenarios/bad.yaml", CODES.replace("EXPECTED", expected));
}

/// A folder with a run and the baseline that was written from it.
fn written() -> Folder {
    let folder = Folder::new(&[("scenarios/good.yaml", PASSES), ("gauntlet.yaml", CONFIG)]);
    expecting(&folder, FOUR_FAIL);
    folder.run(&["run", "--report", "json=run.json"]).assert_code(1).assert_says("7 cases: 3 pass, 4 fail");
    folder
        .run(&["baseline", "write", "run.json", "--owner", "team-gateway", "--expires", "2999-12-31"])
        .assert_code(0)
        .assert_says("baseline.yaml: 2 new");
    folder
}

fn run(folder: &Folder) -> Said {
    folder.run(&["run", "--baseline", "baseline.yaml", "--report", "json=again.json"])
}

#[test]
fn known_failures_do_not_count_and_are_told() {
    let folder = written();
    run(&folder)
        .assert_code(0)
        .assert_says("7 cases: 3 pass, 4 fail")
        .assert_says("expected   4 known; 4 cases do not count");
    let text = folder.read("baseline.yaml");
    assert!(
        text.contains(
            "\n  - scenario: bad.status\n    case: { code: \"299\" }\n    version: [2025-06-18, 2025-11-25]\n    target: mcp-server\n    \
             verdict: fail\n    checks: [\"step 2: status\"]\n    reason: \"expected 299, found 200\"\n    owner: team-gateway\n    \
             expires: 2999-12-31\n"
        ),
        "{text}"
    );
    let report: serde_json::Value = serde_json::from_str(&folder.read("again.json")).unwrap();
    assert_eq!(report["summary"]["known"], 4);
    assert_eq!(report["results"][0]["standing"]["kind"], "known");
    assert_eq!(report["results"][0]["standing"]["owner"], "team-gateway");
    // Again, and nothing changes.
    folder.run(&["baseline", "write", "run.json"]).assert_code(0).assert_says("baseline.yaml stays as it is");
    assert_eq!(folder.read("baseline.yaml"), text);
}

#[test]
fn the_configuration_names_a_baseline_beside_itself() {
    let folder = written();
    folder.write("gauntlet.yaml", format!("{CONFIG}baseline: known/baseline.yaml\n"));
    folder.write("known/baseline.yaml", folder.read("baseline.yaml"));
    std::fs::remove_file(folder.path("baseline.yaml")).unwrap();
    folder.run(&["run"]).assert_code(0).assert_says("4 known");
    folder.run(&["baseline", "check"]).assert_code(0).assert_says("baseline.yaml: 2 entries, 0 wrong, 0 stale");
    folder.write("gauntlet.yaml", format!("{CONFIG}baseline: nowhere.yaml\n"));
    folder.run(&["run"]).assert_code(2).assert_says("cannot read it");
}

#[test]
fn an_unexpected_pass_is_red_until_its_entry_is_pruned() {
    let folder = written();
    expecting(&folder, "status: 200");
    run(&folder).assert_code(1).assert_says("7 cases: 7 pass").assert_says("expected   4 fixed").assert_says(
        "FIXED  bad.status [code=299]@2025-06-18 on mcp-server: passes, but baseline.yaml:3, team-gateway",
    );
    let check = folder.run(&["baseline", "check", "again.json"]);
    check.assert_code(1).assert_says("error[fixed-entry]").assert_says("2 entries, 0 wrong, 4 stale");
    let before = folder.read("baseline.yaml");
    folder
        .run(&["baseline", "prune", "again.json", "--dry-run"])
        .assert_code(0)
        .assert_says("-  - scenario: bad.status")
        .assert_says("baseline.yaml would change: 2 taken out");
    assert_eq!(folder.read("baseline.yaml"), before);
    folder.run(&["baseline", "prune", "again.json"]).assert_code(0).assert_says("baseline.yaml: 2 taken out");
    assert!(folder.read("baseline.yaml").ends_with("known_failures: []\n"), "{}", folder.read("baseline.yaml"));
    run(&folder).assert_code(0);
}

#[test]
fn what_is_fixed_at_one_version_narrows_the_entry() {
    let folder = written();
    expecting(&folder, "{ status: '${code}', versions: 2025-11-25 }");
    run(&folder).assert_code(1).assert_says("expected   2 known, 2 fixed; 2 cases do not count");
    folder.run(&["baseline", "prune", "again.json"]).assert_code(0).assert_says("baseline.yaml: 2 narrowed");
    let text = folder.read("baseline.yaml");
    assert_eq!(text.matches("    version: 2025-11-25\n").count(), 2, "{text}");
    assert_eq!(text.matches("owner: team-gateway").count(), 2, "{text}");
    run(&folder).assert_code(0).assert_says("2 known");
}

#[test]
fn a_failure_of_another_check_is_not_the_known_one() {
    let folder = written();
    expecting(&folder, "{ status: '${code}', headers: { content-type: text/plain } }");
    run(&folder)
        .assert_code(1)
        .assert_says(
            "not as known: beside `step 2: status` it fails on `step 2: headers.content-type` too (baseline.yaml:3",
        )
        .assert_says("7 cases: 1 pass, 6 fail");
    expecting(&folder, "{ status: 200, headers: { content-type: text/plain } }");
    run(&folder)
        .assert_code(1)
        .assert_says("not as known: it fails on `step 2: headers.content-type`, and is known for `step 2: status`");
    folder
        .run(&["baseline", "check", "again.json"])
        .assert_code(1)
        .assert_says("error[changed-entry]")
        .assert_says("2 entries, 0 wrong, 4 stale");
    // Written anew, the words of the old entries stay.
    folder.run(&["baseline", "write", "again.json"]).assert_code(0).assert_says("baseline.yaml: 3 new, 2 taken out");
    let text = folder.read("baseline.yaml");
    assert_eq!(text.matches("owner: team-gateway").count(), 2, "{text}");
    assert_eq!(text.matches("checks: [\"step 2: headers.content-type\"]").count(), 3, "{text}");
    run(&folder).assert_code(0).assert_says("6 known");
}

#[test]
fn an_expired_entry_is_red() {
    let folder = written();
    let text = folder.read("baseline.yaml").replacen("expires: 2999-12-31", "expires: 2020-02-29", 1);
    folder.write("baseline.yaml", text);
    run(&folder)
        .assert_code(1)
        .assert_says("expected   2 known, 2 expired; 2 cases do not count")
        .assert_says("fails as baseline.yaml:3, team-gateway says, which expired on 2020-02-29");
    folder.run(&["baseline", "check"]).assert_code(1).assert_says("error[expired-entry]").assert_says("2020-02-29");
    folder.run(&["baseline", "write", "run.json"]).assert_code(0).assert_says("3: expired on 2020-02-29");
}

#[test]
fn an_entry_outside_the_selection_target_or_environment_is_left_alone() {
    let folder = written();
    folder.run(&["run", "good.*", "--baseline", "baseline.yaml"]).assert_code(0).assert_says("1 pass");
    folder.run(&["run", "--case", "code=200", "--baseline", "baseline.yaml"]).assert_code(0);
    let text = folder.read("baseline.yaml").replace("    verdict:", "    environment: staging\n    verdict:");
    folder.write("baseline.yaml", text);
    let with = |environment: &str| folder.run(&["run", "--baseline", "baseline.yaml", "--environment", environment]);
    with("production").assert_code(1).assert_says("4 fail");
    with("staging").assert_code(0).assert_says("4 known");
    expecting(&folder, "status: 200");
    with("production").assert_code(0);
    with("staging").assert_code(1).assert_says("4 fixed");
}

#[test]
fn an_entry_by_hand_may_be_as_wide_as_it_says() {
    let folder = written();
    folder.write(
        "baseline.yaml",
        "known_failures:\n- scenario: 'bad.*'\n  case: { code: 299 }\n  reason: they do\n- scenario: bad.status\n  case: { code: 298 }\n  checks: [status]\n  reason: so do these\n",
    );
    run(&folder).assert_code(0).assert_says("4 known");
    let wide = "known_failures:\n- { scenario: 'bad.*', reason: all do }\n";
    folder.write("baseline.yaml", wide);
    run(&folder).assert_code(1).assert_says("4 known, 2 fixed");
    // Nothing that a program could decide.
    folder
        .run(&["baseline", "prune", "again.json"])
        .assert_code(0)
        .assert_says("baseline.yaml:2: is about 6 cases of the run, of which 2 pass and 4 fail; narrow it by hand")
        .assert_says("baseline.yaml stays as it is");
    assert_eq!(folder.read("baseline.yaml"), wide);
}

#[test]
fn a_run_from_standard_input_and_one_that_was_cut_off_will_do() {
    let folder = written();
    std::fs::remove_file(folder.path("baseline.yaml")).unwrap();
    let whole = folder.read("run.json");
    let cut = whole.find("\n{\"type\":\"case\",\"index\":2").expect("a third case");
    folder.write("cut.json", &whole[..cut + 40]);
    let mut command = folder.command(&["baseline", "write", "-", "--reason", "as seen"]);
    command.stdin(std::fs::File::open(folder.path("cut.json")).unwrap());
    crate::support::said(&command.output().unwrap())
        .assert_code(0)
        .assert_says("- ends before its run did; what had finished counts")
        .assert_says("+    reason: as seen");
    folder.run(&["baseline", "write", "gauntlet.yaml"]).assert_code(2).assert_says("this is not what");
    folder.run(&["baseline", "write", "nowhere.json"]).assert_code(2).assert_says("cannot read nowhere.json");
}
