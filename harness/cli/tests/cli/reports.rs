//! Saved runs, and what is made of them.

use std::process::Stdio;

use crate::support::{FAILS, Folder, PASSES, Running, serve, wait_for};

/// One target for the role, so that each scenario is one case.
const CONFIG: &str = "targets:\n  mcp-server: { mock: mcp-server }\n";

fn saved() -> (Folder, String) {
    let folder = Folder::new(&[("scenarios/a.yaml", PASSES), ("scenarios/b.yaml", FAILS), ("gauntlet.yaml", CONFIG)]);
    let said = folder.run(&["run", "--report", "jsonl=run.jsonl", "--report", "json=run.json"]);
    said.assert_code(1).assert_says("2 cases: 1 pass, 1 fail");
    (folder, said.out)
}

#[test]
fn a_saved_run_is_told_as_it_was() {
    let (folder, console) = saved();
    let again = folder.run(&["report", "run.jsonl"]);
    again.assert_code(0);
    assert_eq!(again.out, console);
    folder
        .run(&["report", "run.json"])
        .assert_code(0)
        .assert_says("2 cases: 1 pass, 1 fail")
        .assert_says("expected 299, found 200");
}

#[test]
fn a_report_names_the_environment() {
    let folder = Folder::new(&[("scenarios/a.yaml", PASSES)]);
    for (option, expected) in [(&["--environment", "staging"][..], Some("staging")), (&[], None)] {
        folder
            .run(&[&["run", "--report", "json=run.json", "--report", "jsonl=run.jsonl"], option].concat())
            .assert_code(0);
        let report: serde_json::Value = serde_json::from_str(&folder.read("run.json")).expect("a report");
        assert_eq!(report["run"]["environment"].as_str(), expected);
        let said = folder.run(&["report", "run.jsonl", "--format", "json"]);
        let again: serde_json::Value = serde_json::from_str(&said.out).expect("a report");
        assert_eq!(again["run"]["environment"].as_str(), expected);
    }
}

#[test]
fn a_saved_run_is_told_in_every_format() {
    let (folder, _) = saved();
    for (format, expected) in [
        ("console", "FAIL bad.status"),
        ("json", "\"schema\":\"gauntlet-report/1\""),
        ("jsonl", "{\"type\":\"case_finished\""),
        ("junit", "<testsuites name=\"gauntlet\" tests=\"2\" failures=\"1\""),
        ("markdown", "## Gauntlet: does not conform"),
        ("html", "<!doctype html>"),
        ("github", "::error file=scenarios/b.yaml,line=10,"),
        ("openmetrics", "verdict=\"fail\"} 1\n"),
        ("badge", "\"message\":\"1 of 2 cases fail\""),
    ] {
        let to_stdout = folder.run(&["report", "run.jsonl", "--format", format]);
        to_stdout.assert_code(0);
        assert!(to_stdout.out.contains(expected), "{format}: {}", to_stdout.both());
        folder.run(&["report", "run.jsonl", "--format", format, "--output", "told"]).assert_code(0);
        assert_eq!(folder.read("told"), to_stdout.out, "{format}");
        // The same as from the run itself, but for times that a run's end adds.
        if format != "console" {
            folder.run(&["report", "run.json", "--format", format]).assert_code(0);
        }
    }
}

#[test]
fn a_page_tells_the_trends_of_a_history() {
    let folder = Folder::new(&[("scenarios/b.yaml", FAILS), ("gauntlet.yaml", CONFIG)]);
    for _ in 0..2 {
        let reports = ["--report", "html=run.html", "--report", "jsonl=run.jsonl"];
        folder.run(&[&["run", "--history", "nightly.db"], &reports[..]].concat()).assert_code(1);
    }
    let page = folder.read("run.html");
    assert!(page.contains("[\"page\",{\"name\":\"trends\"") && page.contains("\"verdicts\":\"FF\""), "{page}");
    let again = ["report", "run.jsonl", "--format", "html", "--history"];
    let told = folder.run(&[&again[..], &["nightly.db"]].concat());
    assert!(told.out.contains("\"verdicts\":\"FF\""), "{}", told.both());
    folder.run(&[&again[..], &["missing.db"]].concat()).assert_code(2).assert_says("missing.db");
    folder
        .run(&["report", "run.jsonl", "--format", "junit", "--history", "nightly.db"])
        .assert_code(2)
        .assert_says("trends are part of the page only; write `--format html`");
    assert!(!folder.run(&["report", "run.jsonl", "--format", "html"]).out.contains("[\"page\","));
}

#[test]
fn annotations_stand_among_the_lines_of_the_console() {
    let folder = Folder::new(&[("scenarios/b.yaml", FAILS)]);
    let said = folder.run(&["run", "--report", "github=-"]);
    said.assert_code(1);
    assert!(
        said.out.contains("\n::error file=scenarios/b.yaml") && said.out.contains("FAIL bad.status"),
        "{}",
        said.both()
    );
    // Any other report has standard output for itself.
    let said = folder.run(&["run", "--report", "json=-"]);
    let report: serde_json::Value = serde_json::from_str(&said.out).expect("nothing but the report");
    assert_eq!(report["summary"]["fail"], 1);
    assert!(said.err.contains("FAIL bad.status"), "{}", said.err);
}

#[test]
fn what_is_no_run_is_named() {
    let folder =
        Folder::new(&[("gauntlet.yaml", "targets: {}\n"), ("later.json", "{\"schema\":\"gauntlet-report/9\"}")]);
    folder.run(&["report", "missing.json"]).assert_code(2).assert_says("cannot read missing.json");
    folder.run(&["report", "gauntlet.yaml"]).assert_code(2).assert_says("gauntlet.yaml: this is not what");
    folder.run(&["report", "later.json"]).assert_code(2).assert_says("written by a later Gauntlet");
    let (folder, _) = saved();
    folder
        .run(&["report", "run.json", "-f", "junit", "-o", "no/such/folder.xml"])
        .assert_code(2)
        .assert_says("cannot write no/such");
    folder.run(&["run", "--report", "html5=x"]).assert_code(2).assert_says("`html5` is not a report format");
    folder.run(&["run", "--report", "json="]).assert_code(2).assert_says("write FORMAT=FILE");
}

/// A report that cannot be written any more does not take the others with it.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_the_other_reports_are_whole() {
    let folder = Folder::new(&[("scenarios/a.yaml", PASSES), ("gauntlet.yaml", CONFIG)]);
    let said = folder.run(&["run", "--report", "jsonl=/dev/full", "--report", "json=run.json"]);
    said.assert_code(3).assert_says("cannot write /dev/full: No space left on device");
    assert!(said.out.contains("1 case: 1 pass"), "{}", said.both());
    let report: serde_json::Value = serde_json::from_str(&folder.read("run.json")).expect("whole");
    assert_eq!(report["summary"]["pass"], 1);
}

/// SIGKILL leaves no time for anything: what had finished is there all the same, in both forms.
#[test]
fn a_killed_run_leaves_what_had_finished() {
    let hangs = "id: zz.hangs\ntitle: Never answered\ntarget: slow\nlifecycle: manual\nsteps:\n  - call: tools/list\n    timeout: 50s\n    expect: { status: 200 }\n";
    let url = serve(|_, _| Vec::new());
    let config = format!("{CONFIG}  slow: {{ url: '{url}', versions: [2025-06-18] }}\n");
    let folder = Folder::new(&[
        ("scenarios/a.yaml", PASSES),
        ("scenarios/b.yaml", FAILS),
        ("scenarios/z.yaml", hangs),
        ("gauntlet.yaml", &config),
    ]);
    let arguments = ["run", "--report", "jsonl=run.jsonl", "--report", "json=run.json"];
    let mut child = Running::start(folder.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()));
    let finished = |name: &str| {
        std::fs::read_to_string(folder.path(name))
            .is_ok_and(|text| text.contains("\"bad.status\"") && text.contains("\"attempts\""))
    };
    wait_for("both have finished", || finished("run.jsonl") && finished("run.json"));
    child.kill().unwrap();
    child.wait().unwrap();
    for name in ["run.jsonl", "run.json"] {
        let said = folder.run(&["report", name]);
        said.assert_code(0).assert_says("ends before its run did").assert_says("2 cases: 1 pass, 1 fail");
        folder.run(&["report", name, "-f", "junit"]).assert_code(0).assert_says("tests=\"2\"");
    }
}
