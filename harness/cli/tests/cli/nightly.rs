//! What a run against a system that is not ours needs: further tries, bounds, windows, and a look before it begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Folder, PASSES, response, serve};

/// A case for a plain endpoint.
const ONE: &str = "\
id: one.status
title: It answers
target: gw
lifecycle: bare
steps:
  - http: GET /
    expect: { status: 200 }
";

fn folder(url: &str, more: &Value) -> Folder {
    let folder = Folder::new(&[("scenarios/one.yaml", ONE)]);
    with_entry(&folder, url, more);
    folder
}

fn with_entry(folder: &Folder, url: &str, more: &Value) {
    let mut target = json!({ "url": url });
    target.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    folder.write("gauntlet.yaml", json!({ "targets": { "gw": target } }).to_string());
}

/// Answers 503 so often, then 200.
fn recovers(after: usize) -> String {
    let asked = AtomicUsize::new(0);
    serve(move |head, _| {
        // Whoever only looks whether somebody is there sends nothing.
        let asked = asked.fetch_add(usize::from(head.starts_with("GET")), Ordering::SeqCst);
        let status = if asked < after { "503 Service Unavailable" } else { "200 OK" };
        response(status, "content-type: text/plain\r\nretry-after: 60\r\n", "down for repair")
    })
}

fn report(folder: &Folder) -> Value {
    serde_json::from_str(&folder.read("run.json")).unwrap()
}

#[test]
fn a_pass_on_a_further_try_is_flaky() {
    for (worth, code) in [("pass", 0), ("fail", 1)] {
        let folder = folder(&recovers(1), &json!({}));
        let said = folder.run(&["run", "--retries", "2", "--flaky", worth, "--report", "json=run.json"]);
        said.assert_code(code).assert_says("flaky");
        let report = report(&folder);
        let attempts = report["results"][0]["attempts"].as_array().unwrap();
        let verdicts: Vec<&str> = attempts.iter().map(|a| a["verdict"].as_str().unwrap()).collect();
        assert_eq!(verdicts, ["fail", "pass"]);
        assert_eq!(attempts[0]["transcript"][0]["response"]["status"], 503, "each try keeps its own evidence");
        assert_eq!(report["summary"]["flaky"], 1);
    }
    let folder = folder(&recovers(1), &json!({}));
    folder.run(&["run"]).assert_code(1);
}

#[test]
fn the_configuration_says_it_too() {
    let folder = folder(&recovers(1), &json!({}));
    let config: Value = serde_json::from_str(&folder.read("gauntlet.yaml")).unwrap();
    let run = json!({ "retries": 1, "retry_delay": "1ms", "flaky": "fail", "budget": "1m" });
    folder.write("gauntlet.yaml", json!({ "targets": config["targets"], "run": run }).to_string());
    folder.run(&["run"]).assert_code(1).assert_says("flaky");
    folder.write("gauntlet.yaml", "run: { retires: 1 }");
    folder.run(&["run"]).assert_code(2).assert_says("did you mean `retries`?");
}

#[test]
fn tries_are_apart() {
    let folder = folder(&recovers(2), &json!({}));
    let began = Instant::now();
    folder.run(&["run", "--retries", "2", "--retry-delay", "200ms"]).assert_code(0);
    // 200 ms, then 400 ms: never less.
    assert!(began.elapsed() >= Duration::from_millis(600), "{:?}", began.elapsed());
}

#[test]
fn what_goes_wrong_in_maintenance_is_an_error() {
    let now = json!({ "every": "day", "at": "00:00", "for": "24h", "reason": "patches" });
    let past = json!({ "from": "2020-01-01T00:00:00Z", "to": "2020-01-02T00:00:00Z" });
    let said_so = json!({ "status": 503, "header": "Retry-After", "body": "for repair" });
    let other = json!({ "status": 503, "body": "something else" });
    for (window, verdict) in [(now, "error"), (past, "fail"), (said_so, "error"), (other, "fail")] {
        let folder = folder(&recovers(9), &json!({ "maintenance": [window] }));
        let said = folder.run(&["run", "--preflight", "never", "--retries", "1", "--report", "json=run.json"]);
        let report = report(&folder);
        let result = &report["results"][0];
        assert_eq!(result["verdict"], verdict, "{}", said.both());
        let tries = result["attempts"].as_array().unwrap().len();
        if verdict == "error" {
            said.assert_code(3).assert_says("the target is in maintenance (");
            assert_eq!(tries, 1, "another try is worth no more");
            assert_eq!(report["summary"]["checks"]["must"], 0, "it says nothing about the checks");
        } else {
            said.assert_code(1);
            assert_eq!(tries, 2);
        }
    }
    let folder = folder(&recovers(0), &json!({ "maintenance": [{ "every": "day", "at": "00:00", "for": "24h" }] }));
    folder.run(&["run", "--preflight", "never"]).assert_code(0);
    folder.run(&["run"]).assert_code(3).assert_says("in maintenance until").assert_says("run it afterwards");
}

#[test]
fn windows_are_checked() {
    for (window, said) in [
        (json!({ "from": "2026-01-01" }), "a window of `maintenance` is"),
        (json!({ "from": "yesterday", "to": "2026-01-01T00:00:00Z" }), "not a moment of RFC 3339"),
        (json!({ "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z" }), "`to` is not after `from`"),
        (json!({ "every": "fortnight", "at": "02:00", "for": "1h" }), "a day of the week"),
        (json!({ "every": "sunday", "at": "2 am", "for": "1h" }), "a time of the day in UTC"),
        (json!({ "every": "sunday", "at": "02:00", "for": "8d" }), "at most 7d"),
        (json!({ "evry": "sunday" }), "did you mean `every`?"),
    ] {
        let folder = folder("http://127.0.0.1:1/", &json!({ "maintenance": [window] }));
        folder.run(&["run"]).assert_code(2).assert_says(said);
    }
}

#[test]
fn a_run_ends_when_its_budget_is_used_up() {
    let url = serve(|_, _| {
        std::thread::sleep(Duration::from_secs(20));
        response("200 OK", "", String::new())
    });
    let folder = folder(&url, &json!({}));
    let began = Instant::now();
    let said = folder.run(&["run", "--budget", "300ms", "--report", "json=run.json", "--report", "junit=run.xml"]);
    said.assert_code(3).assert_says("the budget of 300ms is used up");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(report(&folder)["summary"]["interrupted"], "the budget of 300ms is used up");
    assert!(folder.read("run.xml").ends_with("</testsuites>\n"));
}

#[test]
fn no_more_cases_at_a_time_than_a_target_takes() {
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, seen) = (Arc::clone(&inside), Arc::clone(&most));
    let url = serve(move |_, _| {
        seen.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(50));
        counted.fetch_sub(1, Ordering::SeqCst);
        response("200 OK", "", String::new())
    });
    let folder = folder(&url, &json!({ "concurrency": 2 }));
    let numbers: Vec<u32> = (0..12).collect();
    folder.write("scenarios/one.yaml", ONE.replace("target:", &format!("matrix: {{ n: {numbers:?} }}\ntarget:")));
    folder.run(&["run"]).assert_code(0).assert_says("12 cases: 12 pass");
    assert_eq!(most.swap(0, Ordering::SeqCst), 2, "as many as there is room for, and no more");
    folder.run(&["run", "--concurrency", "1"]).assert_code(0);
    assert_eq!(most.load(Ordering::SeqCst), 1, "the command line goes over the entry");
    for (option, said) in [("--concurrency=0", "at least 1"), ("--rate=0", "more than 0")] {
        folder.run(&["run", option]).assert_code(2).assert_says(said);
    }
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let folder = Folder::new(&[("scenarios/good.yaml", PASSES)]);
    let role = json!("mcp-server");
    let config = json!({ "targets": {
        "mcp-server": { "mock": "mcp-server" },
        "staging": { "role": role, "url": "http://127.0.0.1:1/mcp", "auth": { "bearer": "${secret:env:NO_SUCH_TOKEN}" }, "headers": { "x-tenant": "${env:NO_SUCH_TENANT}" } },
        "dead": { "role": role, "url": "http://127.0.0.1:1/mcp" },
        "program": { "role": role, "command": ["no-such-program-at-all"], "transport": "stdio" },
        "other": { "role": "nobody-asks", "url": "http://127.0.0.1:1/mcp" },
    } });
    folder.write("gauntlet.yaml", config.to_string());
    let said = folder.run(&["run", "--report", "json=run.json", "--report", "junit=run.xml"]);
    said.assert_code(3)
        .assert_says("NO_SUCH_TOKEN")
        .assert_says("NO_SUCH_TENANT")
        .assert_says("there is no program `no-such-program-at-all`")
        .assert_says("dead     answer");
    assert!(!said.both().contains("other  "), "no selected scenario is for it: {}", said.both());
    let report = report(&folder);
    assert_eq!(report["results"], json!([]), "nothing was run");
    assert!(report["summary"]["interrupted"].as_str().unwrap().starts_with("preflight: "), "{report}");
    assert!(folder.read("run.xml").contains("<testsuites"));
    folder.run(&["run", "--target", "mcp-server"]).assert_code(0);
    folder.run(&["run", "--preflight", "only", "--target", "mcp-server"]).assert_code(0);
    folder.run(&["run", "--preflight", "only"]).assert_code(3);
    folder.run(&["run", "--preflight", "never"]).assert_code(1).assert_says("cannot be reached");
}

#[test]
fn a_target_that_refuses_is_told_before_anything_runs() {
    let url = serve(|_, _| response("401 Unauthorized", "www-authenticate: Bearer\r\n", String::new()));
    let folder = Folder::new(&[("scenarios/good.yaml", PASSES)]);
    let said = folder.run(&["run", "--target", &url]);
    said.assert_code(3).assert_says("credentials").assert_says("HTTP 401").assert_says("gauntlet probe");
}

/// Two cases of one scenario, of which one fails.
fn quarantined(list: &str) -> Folder {
    let scenario = ONE.replace("target:", "matrix: { n: [1, 2] }\ntarget:").replace("GET /", "GET /${n}");
    let url = serve(|head, _| {
        let status = if head.starts_with("GET /1") { "500 Internal Server Error" } else { "200 OK" };
        response(status, "", String::new())
    });
    let folder = Folder::new(&[("scenarios/one.yaml", &scenario), ("quarantine.yaml", list)]);
    with_entry(&folder, &url, &json!({}));
    folder
}

#[test]
fn what_is_in_quarantine_runs_and_counts_neither_way() {
    let folder = quarantined("quarantine:\n  - { scenario: one.*, reason: comes and goes, expires: 2999-12-31 }\n");
    folder.run(&["run"]).assert_code(1);
    let said = folder.run(&[
        "run",
        "--all",
        "--quarantine",
        "quarantine.yaml",
        "--report",
        "json=run.json",
        "--report",
        "junit=run.xml",
    ]);
    said.assert_code(0).assert_says("1 pass, 1 fail").assert_says("in quarantine until 2999-12-31: comes and goes");
    let report = report(&folder);
    let standings: Vec<&Value> = report["results"].as_array().unwrap().iter().map(|r| &r["standing"]["kind"]).collect();
    assert_eq!(standings, ["quarantined", "quarantined"]);
    assert_eq!(report["summary"]["quarantined"], 2);
    assert!(folder.read("run.xml").contains("<skipped"), "{}", folder.read("run.xml"));
    let config: Value = serde_json::from_str(&folder.read("gauntlet.yaml")).unwrap();
    let with_list = json!({ "targets": config["targets"], "quarantine": "quarantine.yaml" });
    folder.write("gauntlet.yaml", with_list.to_string());
    folder.run(&["run"]).assert_code(0);
    folder.run(&["run", "--no-quarantine"]).assert_code(1);
}

#[test]
fn a_quarantine_has_a_scope_and_an_end() {
    for (entry, code, said) in [
        ("{ scenario: one.status, case: { n: 1 }, reason: r }", 0, "1 quarantined"),
        ("{ scenario: one.status, case: { n: 2 }, reason: r }", 1, "1 quarantined"),
        ("{ scenario: one.status, environment: production, reason: r }", 1, "FAIL"),
        ("{ scenario: one.status, reason: r, expires: 2020-01-01 }", 1, "expired on 2020-01-01"),
        ("{ scenario: one.statsu, reason: r }", 2, "did you mean `one.status`?"),
        ("{ scenario: one.status, target: gww, reason: r }", 2, "did you mean `gw`?"),
        ("{ scenario: one.status }", 2, "this entry has no `reason`"),
        ("{ scenario: one.status, reason: r, checks: [status] }", 2, "unknown key `checks`"),
        ("{ scenario: one.status, reason: r, expires: 2026-02-30 }", 2, "not a date of the calendar"),
    ] {
        let folder = quarantined(&format!("quarantine:\n  - {entry}\n"));
        folder.run(&["run", "--quarantine", "quarantine.yaml"]).assert_code(code).assert_says(said);
    }
    let folder = quarantined("known_failures: []\n");
    let run = ["run", "--quarantine", "quarantine.yaml"];
    folder.run(&run).assert_code(2).assert_says("unknown key `known_failures`");
    folder.run(&["run", "--quarantine", "missing.yaml"]).assert_code(2).assert_says("it is written by hand");
}
