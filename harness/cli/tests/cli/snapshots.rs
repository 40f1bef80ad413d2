//! Snapshots beside scenarios: written, held against, and told when nothing needs them any more.

use crate::support::{Folder, Said, response, said, serve};

const ECHO: &str = "\
id: snap.echo
title: The echo is as it was
target: mcp-server
versions: 2025-06-18
transport: http
steps:
  - call: tools/list
  - name: the echo
    call: tools/call
    params: { name: echo, arguments: { message: hello } }
    expect: { status: 200, snapshot: true }
";

const FILE: &str = "scenarios/echo.snap/2025-06-18.snap";

fn folder() -> Folder {
    Folder::new(&[("scenarios/echo.yaml", ECHO)])
}

fn run(folder: &Folder, more: &[&str]) -> Said {
    folder.run(&[&["run", "scenarios"], more].concat())
}

fn blessed() -> Folder {
    let folder = folder();
    run(&folder, &["--bless"]).assert_code(0);
    folder
}

fn names(folder: &Folder, of: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path(of)).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_missing_one_fails_and_blessing_writes_it() {
    let folder = folder();
    run(&folder, &[])
        .assert_code(1)
        .assert_says("scenarios/echo.yaml:11:28")
        .assert_says(&format!("there is no snapshot `the echo` in {FILE}; `gauntlet run snap.echo --bless` writes it"));
    assert!(!folder.path("scenarios/echo.snap").exists(), "only --bless writes");
    run(&folder, &["--bless"])
        .assert_code(0)
        .assert_says(&format!("{FILE} (new)\n  + # Snapshot of snap.echo"))
        .assert_says("1 snapshot written");
    assert_eq!(
        folder.read(FILE),
        r#"# Snapshot of snap.echo, written by `gauntlet run --bless`

## the echo

  ### client → target
  POST /mcp
  accept: application/json, text/event-stream
  content-type: application/json
  mcp-protocol-version: 2025-06-18
  mcp-session-id: <session:1>
  user-agent: gauntlet/<harness>
  {
    "jsonrpc": "2.0",
    "id": "<rpc-id:1>",
    "method": "tools/call",
    "params": {
      "name": "echo",
      "arguments": {"message":"hello"}
    }
  }

  HTTP 200
  cache-control: no-cache
  content-type: text/event-stream
  date: <date>
  transfer-encoding: chunked
  x-accel-buffering: no
  event: message
  id: <event-id:1>
  data: {
  data:   "jsonrpc": "2.0",
  data:   "id": "<rpc-id:1>",
  data:   "result": {
  data:     "content": [
  data:       {"type":"text","text":"hello"},
  data:       {"type":"text","text":"{\"message\":\"hello\"}"}
  data:     ],
  data:     "structuredContent": {"message":"hello"},
  data:     "isError": false
  data:   }
  data: }
"#
    );
    // Ports, sessions, dates are others now.
    run(&folder, &[]).assert_code(0).assert_says("1 pass");
    run(&folder, &["--bless"]).assert_code(0).assert_says("0 snapshots written");
}

#[test]
fn what_differs_is_shown_in_every_report_and_taken_over() {
    let folder = blessed();
    let text = folder.read(FILE);
    folder.write(
        FILE,
        text.replace(r#"{"message":"hello"},"#, r#"{"message":"hullo"},"#).replace("  cache-control: no-cache\n", ""),
    );
    let reports = ["--report", "json=out.json", "--report", "junit=out.xml"];
    let failed = run(&folder, &reports);
    failed
        .assert_code(1)
        .assert_says(&format!(
            "the exchanges are not those of {FILE}; `gauntlet run snap.echo --bless` takes them over"
        ))
        .assert_says("  + cache-control: no-cache\n")
        .assert_says("  - data:     \"structuredContent\": {\"message\":\"hullo\"},\n")
        .assert_says("  + data:     \"structuredContent\": {\"message\":\"hello\"},\n")
        .assert_says("… 8 equal lines");
    assert!(folder.read("out.xml").contains("+ cache-control: no-cache"));
    let report = crate::support::assert_valid_report(&folder.read("out.json"));
    let check = &report["results"][0]["attempts"][0]["checks"][0];
    assert_eq!((&check["label"], &check["verdict"]), (&"snapshot".into(), &"fail".into()));
    assert_eq!(check["place"]["line"], 11);
    let taken = run(&folder, &["--bless"]);
    taken.assert_code(0).assert_says(&format!("{FILE}\n")).assert_says("1 snapshot written");
    taken.assert_says("  +   cache-control: no-cache\n").assert_says("hullo");
    assert_eq!(folder.read(FILE), text);
}

#[test]
fn a_defect_of_the_target_is_seen() {
    let folder = Folder::new(&[]);
    let scenario = ECHO.replace("{ status: 200, snapshot: true }", "snapshot");
    folder.write("scenarios/echo.yaml", &scenario);
    run(&folder, &["--bless"]).assert_code(0);
    run(&folder, &["--defect", "mcp-server:structured-text-missing"])
        .assert_code(1)
        .assert_says("  - data:       {\"type\":\"text\",\"text\":\"{\\\"message\\\":\\\"hello\\\"}\"}\n");
}

#[test]
fn nothing_is_taken_over_of_a_case_that_fails_otherwise() {
    let folder = folder();
    folder.write("scenarios/echo.yaml", ECHO.replace("status: 200", "status: 299"));
    run(&folder, &["--bless"])
        .assert_code(1)
        .assert_says("snap.echo@2025-06-18 on mcp-server is not blessed: something else is wrong with it")
        .assert_says("0 snapshots written");
    assert!(!folder.path("scenarios/echo.snap").exists());
}

#[test]
fn of_several_tries_the_last_is_taken_over() {
    let times = std::sync::atomic::AtomicUsize::new(0);
    let url = serve(move |_, body| {
        let id = serde_json::from_str::<serde_json::Value>(body).map(|b| b["id"].clone()).unwrap_or_default();
        let time = times.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let message = serde_json::json!({ "jsonrpc": "2.0", "id": id, "result": { "try": time.min(1) } });
        let status = if time == 0 { "404 Not Found" } else { "200 OK" };
        response(status, "content-type: application/json\r\n", message.to_string())
    });
    let folder = Folder::new(&[(
        "scenarios/flaky.yaml",
        "id: snap.flaky\ntitle: It settles\ntarget: gw\nlifecycle: manual\nsteps:\n  - call: x\n    expect: { status: 200, snapshot: true }\n",
    )]);
    folder.write("gauntlet.yaml", format!("targets: {{ gw: {{ url: '{url}', versions: [\"2025-06-18\"] }} }}"));
    let run = |more: &[&str]| run(&folder, &[&["--preflight", "never"], more].concat());
    run(&["--bless", "--retries", "1"]).assert_code(0).assert_says("1 flaky").assert_says("1 snapshot written");
    let text = folder.read("scenarios/flaky.snap/2025-06-18.snap");
    assert!(text.contains("\"try\":1") && !text.contains("404"), "{text}");
    run(&[]).assert_code(0);
}

#[test]
fn steps_beside_and_inside_each_other_have_a_section_each() {
    let folder = folder();
    let steps = "\
steps:
  - parallel:
      - { call: ping, as: one, expect: snapshot }
      - { call: ping, as: two, expect: snapshot }
  - repeat: [{ name: again, call: ping, expect: snapshot }]
    times: 2
  - { call: tools/list, expect: [{ versions: 2024-11-05, snapshot: true }, { status: 200 }] }
";
    folder.write("scenarios/echo.yaml", ECHO.split("steps:").next().unwrap().to_owned() + steps);
    run(&folder, &["--bless"]).assert_code(0);
    run(&folder, &["--jobs", "1"]).assert_code(0);
    let text = folder.read(FILE);
    let headings: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(headings, ["call ping", "call ping (2)", "again"]);
    let hops = |of: &str| text.split("\n## ").find(|section| section.starts_with(of)).unwrap().matches("###").count();
    assert_eq!((hops("call ping\n"), hops("call ping (2)"), hops("again")), (1, 1, 2));
    folder.run(&["check", "--strict", "scenarios"]).assert_code(0);
}

#[test]
fn what_the_target_asks_behind_it_belongs_to_the_step() {
    let folder = Folder::new(&[(
        "scenarios/both.yaml",
        "id: snap.both\ntitle: Both hops\ntarget: aws-proxy\nsteps:\n  - call: tools/list\n    expect: snapshot\n",
    )]);
    run(&folder, &["--bless"]).assert_code(0);
    run(&folder, &[]).assert_code(0);
    let of = names(&folder, "scenarios/both.snap");
    let text = folder.read(&format!("scenarios/both.snap/{}", of[0]));
    assert!(text.contains("  ### client → target\n") && text.contains("  ### target → "), "{text}");
}

#[test]
fn nobody_blesses_in_ci_or_what_is_in_the_program() {
    let folder = folder();
    let in_ci = |choice: &str| {
        let mut command = folder.command(&["run", "scenarios", choice]);
        said(&command.env("CI", "true").output().unwrap())
    };
    in_ci("--bless").assert_code(2).assert_says("`--bless=always` blesses all the same");
    assert!(!folder.path("scenarios/echo.snap").exists());
    in_ci("--bless=always").assert_code(0);
    assert!(folder.path(FILE).exists());
    let empty = Folder::new(&[]);
    empty.run(&["run", "mcp.ping.*", "--bless"]).assert_code(2).assert_says("the scenarios that come with Gauntlet");
    folder.write("scenarios/echo.yaml", ECHO.replace(", snapshot: true", ""));
    run(&folder, &["--bless"]).assert_code(0).assert_says("nothing to bless");
}

#[test]
fn two_targets_that_answer_differently_are_not_both_blessed() {
    let folder = folder();
    folder.write(
        "gauntlet.yaml",
        "targets:\n  one: { role: mcp-server, mock: mcp-server }\n  two: { role: mcp-server, mock: mcp-server, defects: [structured-text-missing] }\n",
    );
    folder.write("scenarios/echo.yaml", ECHO.replace("  - call: tools/list\n", ""));
    run(&folder, &["--bless"])
        .assert_code(1)
        .assert_says(&format!(
            "{FILE} is not blessed: snap.echo@2025-06-18 on one and snap.echo@2025-06-18 on two came to different texts"
        ))
        .assert_says("0 snapshots written");
    assert!(!folder.path(FILE).exists());
    run(&folder, &["--target", "one", "--bless"]).assert_code(0);
    run(&folder, &["--target", "one"]).assert_code(0);
    run(&folder, &["--target", "two"]).assert_code(1);
}

#[test]
fn labels_of_a_matrix_lead_nowhere_else() {
    let folder = folder();
    let matrix = "matrix: { word: [\"../../x\", \"/etc/x\", plain] }\nsteps:";
    folder
        .write("scenarios/echo.yaml", ECHO.replace("steps:", matrix).replace("message: hello", "message: \"${word}\""));
    run(&folder, &["--bless"]).assert_code(0).assert_says("3 snapshots written");
    run(&folder, &[]).assert_code(0);
    assert_eq!(names(&folder, "."), ["scenarios"]);
    assert_eq!(names(&folder, "scenarios"), ["echo.snap", "echo.yaml"]);
    let files = names(&folder, "scenarios/echo.snap");
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(files.iter().all(|name| name.starts_with("word=") && name.ends_with("@2025-06-18.snap")), "{files:?}");
    assert!(files.contains(&"word=plain@2025-06-18.snap".to_owned()), "{files:?}");
    folder.run(&["check", "--strict", "scenarios"]).assert_code(0);
}

#[test]
fn secrets_and_control_characters_stay_out() {
    let url = serve(|head, body| {
        let id = serde_json::from_str::<serde_json::Value>(body).map(|b| b["id"].clone()).unwrap_or_default();
        let text = format!("\u{1b}[2J{head}\n## a heading");
        let message = serde_json::json!({ "jsonrpc": "2.0", "id": id, "result": { "text": text } });
        response("200 OK", "content-type: application/json\r\nx-said: sesame-open-42\r\n", message.to_string())
    });
    let folder = Folder::new(&[(
        "scenarios/secret.yaml",
        "id: snap.secret\ntitle: It is kept\ntarget: gw\nlifecycle: manual\nsteps:\n  - call: x\n    expect: snapshot\n",
    )]);
    folder.write(
        "gauntlet.yaml",
        format!(
            "targets: {{ gw: {{ url: '{url}', versions: [\"2025-06-18\"], auth: {{ bearer: '${{env:KEY}}' }} }} }}"
        ),
    );
    let run = |arguments: &[&str]| {
        let mut command = folder.command(&[&["run", "scenarios", "--preflight", "never"], arguments].concat());
        said(&command.env("KEY", "sesame-open-42").output().unwrap())
    };
    let first = run(&["--bless"]);
    first.assert_code(0).assert_says("1 snapshot written");
    let text = folder.read("scenarios/secret.snap/2025-06-18.snap");
    assert!(text.contains("  authorization: Bearer ${") && text.contains("  x-said: ${"), "{text}");
    for text in [&text, &first.both()] {
        assert!(!text.contains("sesame") && !text.contains('\u{1b}'), "{text}");
    }
    run(&[]).assert_code(0);
}

#[test]
fn rules_of_the_configuration_and_of_the_scenario_hold() {
    let folder = blessed();
    let text = folder.read(FILE);
    let rule = "volatile: { rules: [{ name: word, path: params.arguments.message }, { name: pause, header: cache-control }] }\n";
    for (name, with) in [("gauntlet.yaml", rule.to_owned()), ("scenarios/echo.yaml", format!("{ECHO}{rule}"))] {
        folder.write("gauntlet.yaml", "");
        folder.write("scenarios/echo.yaml", ECHO);
        folder.write(name, with);
        run(&folder, &["--bless"]).assert_code(0);
        let now = folder.read(FILE);
        assert!(now.contains("{\"message\":\"<word:1>\"}") && now.contains("cache-control: <pause:1>"), "{now}");
        folder.write(FILE, &text);
        run(&folder, &[]).assert_code(1);
    }
}

#[test]
fn what_nothing_needs_any_more_is_told() {
    let folder = blessed();
    let check = |arguments: &[&str]| folder.run(&[&["check", "scenarios"], arguments].concat());
    check(&["--strict"]).assert_code(0).assert_says("0 warnings");
    let file = folder.read(FILE);
    folder.write("scenarios/echo.snap/2024-11-05.snap", &file);
    folder.write("scenarios/echo.snap/2025-06-18.stdio.snap", &file);
    folder.write(FILE, format!("{file}\n## gone\n\n  x\n"));
    folder.write("scenarios/deep/lost.snap/2025-06-18.snap", &file);
    folder.write("scenarios/plain.yaml", ECHO.replace("snap.echo", "snap.plain").replace(", snapshot: true", ""));
    folder.write("scenarios/plain.snap/2025-06-18.snap", &file);
    let told = check(&[]);
    told.assert_code(0)
        .assert_says("0 errors, 5 warnings")
        .assert_says("scenarios/echo.snap/2024-11-05.snap")
        .assert_says("scenarios/echo.snap/2025-06-18.stdio.snap")
        .assert_says("the scenario `snap.echo` has no such case")
        .assert_says(&format!("{FILE}:{}:1", file.lines().count() + 2))
        .assert_says("## gone")
        .assert_says("scenarios/deep/lost.snap")
        .assert_says("no scenario beside it has these snapshots")
        .assert_says("the scenario `snap.plain` has no `expect: snapshot`");
    check(&["--strict"]).assert_code(2);
    // Nobody knows what a file that cannot be read would need; and what is named alone says nothing of others.
    folder.write("scenarios/plain.yaml", "id: [");
    check(&[]).assert_code(2).assert_says("4 warnings");
    folder.run(&["check", "scenarios/echo.yaml"]).assert_code(0).assert_says("3 warnings");
}
