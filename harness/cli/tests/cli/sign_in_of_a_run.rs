//! `gauntlet run` on a gateway that is not a mock of its own: one sign-in for all cases.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::sign_in::{Lab, get};
use crate::support::{Folder, Running, Said, said};

const CALLS: &str = "id: a.calls
title: A tool answers
target: protected-server
matrix: { number: [1, 2, 3, 4, 5, 6, 7, 8] }
steps:
  - call: tools/call
    params: { name: Demo___echo, arguments: { text: \"hello ${number}\" } }
    expect: { status: 200, result: { content: { $type: array } } }
";

const SIGNS_IN: &str = "id: b.authorize
title: A sign-in of its own
target: protected-server
versions: 2026-07-28
steps:
  - authorize: true
    expect: { token: { token_type: Bearer }, resource_metadata: { $type: object } }
  - call: tools/list
    expect: { status: 200 }
";

fn folder(lab: &Lab, oauth: &Value, scenarios: &[(&str, &str)]) -> Folder {
    let target = json!({ "role": "protected-server", "url": lab.gateway.url(), "auth": { "oauth": oauth } });
    let config = json!({ "scenarios": ["scenarios"], "targets": { "staging": target } }).to_string();
    Folder::new(&[scenarios, &[("gauntlet.yaml", &config)]].concat())
}

fn run(folder: &Folder, arguments: &[&str]) -> Said {
    let mut command = folder.command(&[&["run", "--target", "staging", "scenarios"], arguments].concat());
    command.env("BROWSER", "true");
    said(&command.output().unwrap())
}

#[test]
fn all_cases_use_one_sign_in_and_a_scenario_about_it_its_own() {
    let lab = Lab::ordinary();
    let folder = folder(&lab, &json!({}), &[("scenarios/a.yaml", CALLS), ("scenarios/b.yaml", SIGNS_IN)]);
    // Each case is told, and redacted, by itself.
    let said = run(&folder, &["--keep-all", "--report", "json=out.json"]);
    said.assert_code(0).assert_says("33 pass");
    assert_eq!(lab.at_the_provider("GET /v1/authorize"), 2);
    assert_eq!(lab.at_the_provider("POST /v1/token"), 2);
    let report = folder.read("out.json");
    let secrets = lab.secrets();
    assert!(!secrets.is_empty());
    for secret in secrets {
        assert!(!report.contains(&secret), "a secret in the report");
    }
}

#[test]
fn a_client_with_credentials_of_its_own_asks_for_one_token() {
    let lab = Lab::ordinary();
    let oauth = json!({
        "grant": "client_credentials",
        "client_id": lab.var("service_client_id"),
        "client_secret": lab.var("service_client_secret"),
    });
    run(&folder(&lab, &oauth, &[("scenarios/a.yaml", CALLS)]), &[]).assert_code(0).assert_says("32 pass");
    assert_eq!(lab.at_the_provider("POST /v1/token"), 1);
}

#[test]
fn a_person_is_asked_once_and_no_case_pays_for_the_wait() {
    let lab = Lab::ordinary();
    let folder = folder(&lab, &json!({ "browser": "open" }), &[("scenarios/a.yaml", CALLS)]);
    // With versions that are known, it is the cases that sign in.
    let config = folder.read("gauntlet.yaml").replace("\"role\"", "\"versions\":[\"2026-07-28\"],\"role\"");
    folder.write("gauntlet.yaml", config);
    let mut command = folder.command(&["run", "--target", "staging", "--sign-in-timeout", "30s", "--timeout", "2s"]);
    command.env("BROWSER", "true");
    let mut child = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("Sign in to `staging` within 30 s at"));
    let url = lines.next().unwrap();
    // Longer than a case may take.
    std::thread::sleep(Duration::from_millis(2500));
    let (location, text) = get(&url);
    get(&location.expect(&text));
    assert_eq!(lines.next(), None, "somebody is asked again");
    child.said().assert_code(0).assert_says("8 pass");
    assert_eq!(lab.at_the_provider("GET /v1/authorize"), 1);
    // The next run needs nobody.
    let next = run(&folder, &[]);
    next.assert_code(0).assert_says("8 pass");
    assert_eq!(next.err, "");
    assert_eq!(lab.at_the_provider("GET /v1/authorize"), 1);
}

#[test]
fn where_nobody_is_the_run_ends_at_once() {
    let lab = Lab::ordinary();
    let folder = folder(&lab, &json!({ "browser": "open" }), &[("scenarios/a.yaml", CALLS)]);
    let began = Instant::now();
    let said = run(&folder, &[]);
    assert!(began.elapsed() < Duration::from_secs(60));
    said.assert_code(3).assert_says("browser-needed").assert_says("gauntlet probe staging --sign-in --browser open");
    assert_eq!(lab.at_the_provider("GET /v1/authorize"), 0);
}

#[test]
fn who_did_not_come_is_not_asked_again() {
    let lab = Lab::ordinary();
    let folder = folder(&lab, &json!({ "browser": "open" }), &[("scenarios/a.yaml", CALLS)]);
    let said = run(&folder, &["--sign-in-timeout", "300ms"]);
    said.assert_code(3).assert_says("nobody signed in");
    assert_eq!(said.err.matches("Sign in to").count(), 1, "{}", said.err);
}
