//! Ctrl-C leaves a valid report of what ran, and nothing behind.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Folder, PASSES, Running, assert_valid_report, serve, wait_for};

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

const HANGS: &str = "id: zz.hangs\ntitle: Never answered\ntarget: slow\nlifecycle: manual\nsteps:\n  - call: tools/list\n    timeout: 50s\n    expect: { status: 200 }\n";

fn interrupted_by(name: &str) {
    let url = serve(|_, _| Vec::new());
    let config = format!("targets:\n  slow: {{ url: '{url}', versions: [2025-06-18] }}\n");
    let folder =
        Folder::new(&[("scenarios/good.yaml", PASSES), ("scenarios/hangs.yaml", HANGS), ("gauntlet.yaml", &config)]);
    let arguments =
        ["run", "--all", "--report", "json=out.json", "--report", "junit=out.xml", "--report", "jsonl=out.jsonl"];
    let mut command = folder.command(&arguments);
    let mut child = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    // A line is there as soon as its case is over; the case that hangs would take a minute.
    let lines = || std::fs::read_to_string(folder.path("out.jsonl")).unwrap_or_default();
    wait_for("the good case has run", || lines().contains("case_finished"));
    let since = Instant::now();
    signal(name, child.id());
    let status = child.wait().unwrap();
    assert!(since.elapsed() < Duration::from_secs(5), "took {:?}", since.elapsed());
    assert!(status.signal().is_none() && status.code() != Some(0), "{status:?}");
    let report = assert_valid_report(&folder.read("out.json"));
    let text = report.to_string();
    assert!(text.contains("good.list") && text.contains("interrupted"), "{text}");
    let junit = folder.read("out.xml");
    assert!(junit.contains("good.list") && junit.trim_end().ends_with("</testsuites>"), "{junit}");
}

#[test]
fn an_interrupt_leaves_valid_reports() {
    interrupted_by("-INT");
}

#[test]
fn a_request_to_terminate_does_too() {
    interrupted_by("-TERM");
}

fn ends_its_children(signals: &[&str]) {
    let folder = Folder::new(&[("scenarios/hangs.yaml", HANGS)]);
    let pids = folder.path("pids");
    let script =
        format!("trap '' INT TERM HUP; sleep 300 & echo $! $$ >> {}; while :; do sleep 1; done", pids.display());
    let config = serde_json::json!({ "targets": { "slow": { "command": ["sh", "-c", script], "transport": "stdio", "versions": ["2025-06-18"] } } });
    folder.write("gauntlet.yaml", config.to_string());
    let mut child = Running::start(folder.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()));
    wait_for("the program runs", || std::fs::read_to_string(&pids).is_ok_and(|t| t.split_whitespace().count() == 2));
    for name in signals {
        signal(name, child.id());
    }
    child.wait().unwrap();
    for pid in folder.read("pids").split_whitespace() {
        wait_for("the program is gone", || {
            !std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
        });
    }
}

#[test]
fn an_interrupt_ends_the_programs_that_were_started() {
    ends_its_children(&["-INT"]);
}

#[test]
fn an_impatient_interrupt_ends_them_too() {
    ends_its_children(&["-INT", "-INT", "-INT"]);
}
