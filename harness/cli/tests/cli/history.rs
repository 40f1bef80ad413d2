//! Many runs: kept, told, forgotten.

use std::process::Stdio;

use gauntlet_reports::*;
use serde_json::Value;

use crate::support::{FAILS, Folder, PASSES, Running, root, serve, wait_for};

/// One target for the role, so that each scenario is one case.
const CONFIG: &str = "history: kept/nightly.db\ntargets:\n  mcp-server: { mock: mcp-server }\n";

fn folder() -> Folder {
    let folder = Folder::new(&[("scenarios/a.yaml", PASSES), ("scenarios/b.yaml", FAILS), ("gauntlet.yaml", CONFIG)]);
    std::fs::create_dir(folder.path("kept")).unwrap();
    folder
}

fn told(folder: &Folder, arguments: &[&str]) -> Value {
    let said = folder.run(&[&["history", "--format", "json"], arguments].concat());
    said.assert_code(0);
    serde_json::from_str(&said.out).expect("a document")
}

/// Scenario and verdicts of each case.
fn verdicts(history: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let cases = history["cases"].as_array().expect("cases");
    cases.iter().map(|case| (text(&case["scenario"]), text(&case["verdicts"]))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn runs_are_kept_where_the_configuration_says() {
    let folder = folder();
    folder.run(&["history"]).assert_code(2).assert_says("kept/nightly.db: there is no such file");
    folder.run(&["run", "--environment", "staging"]).assert_code(1);
    folder.run(&["run", "good.*", "--environment", "staging"]).assert_code(0);
    folder.run(&["run", "--no-history"]).assert_code(1);
    folder.run(&["run", "--history", "other.db"]).assert_code(1);
    folder.run(&["run", "nothing.*"]).assert_code(2);
    let history = told(&folder, &[]);
    assert_eq!(history["schema"], "gauntlet-history/1");
    assert_eq!(verdicts(&history), pairs(&[("bad.status", "F."), ("good.list", "PP")]));
    assert_eq!(history["runs"][0]["environment"], "staging");
    assert_eq!(history["runs"][0]["finished"], true);
    assert_eq!(history["cases"][0]["since"]["first_bad"], 1);
    assert_eq!(history["cases"][0]["since"]["failure"], "step 1, status: expected 299, found 200");
    assert_eq!(verdicts(&told(&folder, &["--history", "other.db"])).len(), 2);
    folder
        .run(&["history"])
        .assert_code(0)
        .assert_says("Broken since their last run (1)\n  FAIL  bad.status@2025-06-18 on mcp-server in staging  F.")
        .assert_says("step 1, status: expected 299, found 200");
    folder
        .run(&["history", "--by", "requirement"])
        .assert_code(0)
        .assert_says("Requirements (1)\n  tools.list.shape    0.0 %  ▁·");
}

#[test]
fn the_commit_is_told_by_the_variables_of_ci() {
    let folder = folder();
    let mut command = folder.command(&["run", "good.*"]);
    let command = command.env("GITHUB_SHA", "1a2b3c4d5e6f7a8b").env("GITHUB_REF_NAME", "main");
    assert!(command.stdout(Stdio::null()).status().unwrap().success());
    let history = told(&folder, &[]);
    assert_eq!(
        (&history["runs"][0]["commit"], &history["runs"][0]["branch"]),
        (&"1a2b3c4d5e6f7a8b".into(), &"main".into())
    );
    folder.run(&["history"]).assert_says(" at 1a2b3c4d  1 case: 1 pass in ");
}

#[test]
fn a_saved_run_is_added_once() {
    let folder = folder();
    folder.run(&["run", "--no-history", "--report", "jsonl=run.jsonl", "--report", "json=run.json"]).assert_code(1);
    folder.run(&["history", "add", "run.jsonl"]).assert_code(0).assert_says("run.jsonl: added as #1, 2 cases");
    folder.run(&["history", "add", "run.json"]).assert_code(0).assert_says("run.json: is #1 already");
    assert_eq!(told(&folder, &[])["runs"].as_array().unwrap().len(), 1);
    folder.run(&["history", "add", "gauntlet.yaml"]).assert_code(2).assert_says("gauntlet.yaml: this is not what");
    let missing = folder.run(&["history", "add", "missing.json", "--history", "new.db"]);
    missing.assert_code(2).assert_says("cannot read missing.json");
    assert!(!folder.path("new.db").exists(), "no history is made of nothing");
}

#[test]
fn a_run_that_is_recorded_is_known_as_a_file_too() {
    let folder = folder();
    folder.run(&["run", "--report", "jsonl=run.jsonl"]).assert_code(1);
    folder.run(&["history", "add", "run.jsonl"]).assert_code(0).assert_says("is #1 already");
    folder.run(&["run"]).assert_code(1);
    folder.run(&["history", "prune", "--keep", "1"]).assert_code(0).assert_says("1 of 2 runs are forgotten");
    assert_eq!(told(&folder, &[])["runs"][0]["number"], 2);
    folder.run(&["history", "prune", "--keep", "90d"]).assert_code(0).assert_says("0 of 1 runs are forgotten");
    folder.run(&["history", "prune", "--keep", "some"]).assert_code(2).assert_says("neither a number of runs nor");
    folder.run(&["history", "prune", "--keep", "1", "--history", "none.db"]).assert_code(2);
    assert!(!folder.path("none.db").exists());
}

#[test]
fn what_is_no_history_is_refused_before_anything_runs() {
    let folder = folder();
    folder.write("notes.db", "these are notes\n".repeat(100));
    let said = folder.run(&["run", "--history", "notes.db", "--report", "json=run.json"]);
    said.assert_code(2).assert_says("the history notes.db: this is not a history");
    assert_eq!(said.out, "", "nothing has run");
    assert_eq!(folder.read("notes.db"), "these are notes\n".repeat(100));
    folder.run(&["history", "--history", "notes.db"]).assert_code(2).assert_says("it is left as it is");
    folder.run(&["run", "--history", "no/such/folder.db"]).assert_code(3).assert_says("the history no/such/folder.db:");
    let bare = Folder::new(&[]);
    bare.run(&["history"]).assert_code(2).assert_says("Name it with `--history FILE`");
}

#[test]
fn names_that_mean_something_to_sqlite_are_files() {
    let folder = folder();
    for name in ["file:history.db?mode=memory", ":memory:"] {
        folder.run(&["run", "good.*", "--history", name]).assert_code(0);
        assert!(folder.path(name).exists(), "{name}");
        assert_eq!(told(&folder, &["--history", name])["runs"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn names_that_the_history_does_not_have_are_mistakes() {
    let folder = folder();
    folder.run(&["run"]).assert_code(1);
    folder
        .run(&["history", "--target", "mcp-servr"])
        .assert_code(2)
        .assert_says("the history has no target `mcp-servr`; did you mean `mcp-server`?");
    folder.run(&["history", "--environment", "staging"]).assert_code(2).assert_says("no environment at all");
    folder.run(&["history", "--mcp-version", "2024-11-05"]).assert_code(2).assert_says("only 2025-06-18");
    folder.run(&["history", "--since", "yesterday"]).assert_code(2).assert_says("neither a date such as 2026-11-21");
    folder.run(&["history", "--last", "0"]).assert_code(2);
    folder.run(&["history", "nothing.*"]).assert_code(0).assert_says("No run of the history has anything");
    assert_eq!(told(&folder, &["--since", "1d", "good.*"])["cases"].as_array().unwrap().len(), 1);
    assert_eq!(told(&folder, &["--since", "2999-01-01"])["runs"].as_array().unwrap().len(), 0);
}

/// SIGKILL leaves no time for anything: what had finished is in the history, and can be read while the run goes on.
#[test]
fn a_killed_run_leaves_what_had_finished() {
    let hangs = "id: zz.hangs\ntitle: Never answered\ntarget: slow\nlifecycle: manual\nsteps:\n  - call: tools/list\n    timeout: 50s\n    expect: { status: 200 }\n";
    let url = serve(|_, _| Vec::new());
    let folder = folder();
    folder.write("scenarios/z.yaml", hangs);
    folder.write("gauntlet.yaml", format!("{CONFIG}  slow: {{ url: '{url}', versions: [2025-06-18] }}\n"));
    let arguments = ["run", "--report", "jsonl=run.jsonl"];
    let mut child = Running::start(folder.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()));
    let kept = || {
        let said = folder.run(&["history", "--format", "json"]);
        serde_json::from_str::<Value>(&said.out).is_ok_and(|history| verdicts(&history).len() == 2)
    };
    wait_for("both are in the history", kept);
    child.kill().unwrap();
    child.wait().unwrap();
    let history = told(&folder, &[]);
    assert_eq!(verdicts(&history), pairs(&[("bad.status", "F"), ("good.list", "P")]));
    assert_eq!(history["runs"][0]["finished"], false);
    folder.run(&["history"]).assert_says("without an end: it was killed, or still goes on");
    // Nothing stands in the way of the next run.
    folder.run(&["run", "good.*"]).assert_code(0);
    assert_eq!(verdicts(&told(&folder, &[])), pairs(&[("bad.status", "F."), ("good.list", "PP")]));
}

#[test]
fn two_runs_at_the_same_time_both_land() {
    let folder = folder();
    let start = || Running::start(folder.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()));
    let children: Vec<_> = (0..4).map(|_| start()).collect();
    for mut child in children {
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }
    assert_eq!(verdicts(&told(&folder, &[])), pairs(&[("bad.status", "FFFF"), ("good.list", "PPPP")]));
}

/// A file that may not grow stands for a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_history_that_cannot_be_written_takes_nothing_from_the_run() {
    let folder = folder();
    folder.run(&["run"]).assert_code(1);
    let values: Vec<String> = (0..200).map(|i| format!("{i}-{}", "x".repeat(100))).collect();
    let many = |scenario: &str| format!("{scenario}matrix:\n  value: [{}]\n", values.join(", "));
    folder.write("scenarios/a.yaml", many(PASSES));
    let blocks = std::fs::metadata(folder.path("kept/nightly.db")).unwrap().len() / 512;
    let limited = |what: &str| {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" run {what}");
        let gauntlet = env!("CARGO_BIN_EXE_gauntlet");
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &script, gauntlet]).current_dir(folder.path("")).stdin(Stdio::null());
        crate::support::said(&shell.output().unwrap())
    };
    let said = limited("");
    said.assert_code(1).assert_says("201 cases: 200 pass, 1 fail");
    said.assert_says("error: cannot write the history ").assert_says("kept/nightly.db: disk I/O error");
    // What was found is worth less than a verdict only where nothing was wrong.
    limited("'good.*'").assert_code(3).assert_says("200 cases: 200 pass");
    assert_eq!(verdicts(&told(&folder, &[])), pairs(&[("bad.status", "F"), ("good.list", "P")]));
}

/// The history of the document: eight nights.
fn documented() -> Folder {
    let folder = Folder::new(&[]);
    let nights = 8;
    let mut arguments = vec!["history".to_owned(), "add".to_owned(), "--history".to_owned(), "nightly.db".to_owned()];
    for night in 0..nights {
        let name = format!("{night}.jsonl");
        folder.write(&name, documented_night(night));
        arguments.push(name);
    }
    for name in &arguments[4..] {
        let mut command = folder.command(&["history", "add", "--history", "nightly.db", name]);
        let commit = if name < &"7".to_owned() { "0a9b8c7d6e5f" } else { "1a2b3c4d5e6f" };
        assert!(command.env("GAUNTLET_COMMIT", commit).stdout(Stdio::null()).status().unwrap().success());
    }
    folder
}

fn documented_night(night: usize) -> Vec<u8> {
    let cases = [
        ("mcp.tools.call", "PPPPPPPF", [14.0; 8]),
        ("mcp.tools.list", "PPPPPPPF", [11.0; 8]),
        ("mcp.tools.pagination", "PPPFFFFF", [18.0; 8]),
        ("mcp.resources.read", "PFFFFFFP", [9.0; 8]),
        ("mcp.progress.order", "PPpPPpPP", [240.0; 8]),
        ("mcp.session.resume", "PPPPPPPP", [30.0, 31.0, 29.0, 30.0, 30.0, 95.0, 97.0, 92.0]),
    ];
    let mut out = Vec::new();
    let mut reporter = JsonLinesReporter::new(&mut out);
    let mut totals = SummaryBuilder::default();
    let mut tell = |event: Event| {
        totals.event(&event);
        reporter.event(&event).unwrap();
    };
    tell(Event::RunStarted(RunInfo {
        gauntlet: "0.1.0".to_owned(),
        started_at: format!("2026-11-{}T02:00:00Z", 14 + night),
        environment: Some("staging".to_owned()),
        ..RunInfo::default()
    }));
    for (index, (scenario, letters, durations)) in cases.iter().enumerate() {
        tell(Event::CaseFinished(Box::new(documented_case(
            index,
            scenario,
            letters.chars().nth(night).unwrap(),
            durations[night],
        ))));
    }
    let summary = totals.build(7300.0, None);
    reporter.event(&Event::RunFinished(summary)).unwrap();
    out
}

fn documented_case(index: usize, scenario: &str, letter: char, duration_ms: f64) -> CaseResult {
    let place = Place { file: "a.yaml".to_owned(), line: 1, column: 1, length: 1, text: String::new() };
    let attempt = |verdict, checks| Attempt {
        duration_ms,
        counts: CheckCounts { must: 1, ..CheckCounts::default() },
        checks,
        requirements: vec![(format!("{scenario}.shape"), verdict)],
        ..Attempt::new(verdict)
    };
    let (status, path, reason) = match scenario {
        "mcp.tools.pagination" => (1, "result.nextCursor", "there is no `nextCursor`"),
        _ => (0, "status", "expected 200, found 502"),
    };
    let mismatch = MismatchReport {
        path: path.to_owned(),
        expected: Value::Null,
        actual: None,
        reason: reason.to_owned(),
        place: None,
    };
    let check = Check {
        step: status,
        label: path.split('.').next().unwrap().to_owned(),
        verdict: Verdict::Fail,
        requirements: Vec::new(),
        because: None,
        mismatches: vec![mismatch],
        place: None,
        exchange: None,
    };
    let attempts = match letter {
        'F' => vec![attempt(Verdict::Fail, vec![check])],
        'p' => vec![attempt(Verdict::Fail, vec![check]), attempt(Verdict::Pass, Vec::new())],
        _ => vec![attempt(Verdict::Pass, Vec::new())],
    };
    CaseResult {
        index,
        id: CaseId {
            scenario: scenario.to_owned(),
            case: Vec::new(),
            version: Some("2025-11-25".to_owned()),
            target: "gateway".to_owned(),
        },
        title: String::new(),
        pack: Some("mcp".to_owned()),
        tags: Vec::new(),
        place,
        endpoint: String::new(),
        verdict: attempts.last().unwrap().verdict,
        flaky: letter == 'p',
        standing: None,
        attempts,
        again: String::new(),
        volatile: None,
    }
}

/// The page in docs/history.md, to the letter; `GAUNTLET_UPDATE_DOCS=1` writes it.
#[test]
fn the_page_in_the_document_is_what_is_said() {
    let folder = documented();
    let command = "$ gauntlet history --history nightly.db --last 8\n";
    let said = folder.run(&["history", "--history", "nightly.db", "--last", "8"]);
    said.assert_code(0);
    let path = root().join("docs/history.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(command).expect("the document shows the command");
    let (shown, after) = rest.split_once("```").expect("the block is closed");
    if std::env::var_os("GAUNTLET_UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{command}{}```{after}", said.out)).unwrap();
    } else {
        assert_eq!(shown, said.out, "GAUNTLET_UPDATE_DOCS=1 takes it over");
    }
}
