//! `gauntlet diagnose`: runs and recordings are held against known failures, and cases that fail are told theirs by themselves.

use serde_json::{Value, json};

use crate::support::{Folder, PASSES, response, serve};

const OWN: &str = "\
signatures:
  - id: acme.teapot
    title: The gateway is a teapot
    systems: [acme]
    confidence: certain
    recognise: [{ request: { body: { method: tools/list } }, response: { status: 418, body: { mood: { $any: true } } } }]
    cause: Somebody poured tea into it.
    remedy: [{ who: operator, do: Pour it out. }]
    reproduce: { none: it takes tea }
";

const CONFIG: &str = "signatures: [signatures-acme.yaml]\n";

const ASKS: &str = "\
id: acme.list
title: Tools are listed
target: mcp-server
lifecycle: bare
steps:
  - call: tools/list
    auth: { bearer: a-very-secret-token }
    expect: { status: 200 }
";

fn teapot() -> String {
    serve(|_, _| response("418 I'm a teapot", "content-type: application/json\r\n", r#"{"mood":"\u001b[31mhot"}"#))
}

/// A folder with a run that failed, and what the run said.
fn failed(more: &[&str]) -> (Folder, String) {
    let folder = Folder::new(&[("scenarios/a.yaml", ASKS), ("signatures-acme.yaml", OWN), ("gauntlet.yaml", CONFIG)]);
    let said = folder.run(&[&["run", "--target", &teapot(), "--preflight", "never"], more].concat());
    said.assert_code(1);
    let shown = said.both();
    (folder, shown)
}

#[test]
fn a_failing_case_is_told_by_itself_in_every_report() {
    let files = ["jsonl=r.jsonl", "json=r.json", "junit=r.xml", "markdown=r.md", "html=r.html", "github=r.txt"];
    let reports: Vec<&str> = files.iter().flat_map(|file| ["--report", file]).collect();
    let (folder, shown) = failed(&reports);
    assert!(
        shown.contains("  hint   acme.teapot: The gateway is a teapot\n         operator: Pour it out."),
        "{shown}"
    );
    for file in ["r.jsonl", "r.json", "r.xml", "r.md", "r.html", "r.txt"] {
        let text = folder.read(file);
        assert!(text.contains("acme.teapot") && text.contains("Pour it out."), "{file}: {text}");
    }
    let report = crate::support::assert_valid_report(&folder.read("r.json"));
    let hint = json!({ "id": "acme.teapot", "title": "The gateway is a teapot", "remedy": "operator: Pour it out." });
    assert_eq!(report["results"][0]["attempts"][0]["hints"], json!([hint]));
    assert_eq!(report["summary"]["fail"], 1);
}

#[test]
fn a_saved_run_is_diagnosed_with_evidence() {
    let (folder, _) = failed(&["--report", "jsonl=r.jsonl", "--report", "json=r.json"]);
    for file in ["r.jsonl", "r.json"] {
        let said = folder.run(&["diagnose", file]);
        said.assert_code(0)
            .assert_says("FAIL acme.list on mcp-server")
            .assert_says("  acme.teapot  The gateway is a teapot")
            .assert_says("    exchange 1  client → mcp-server  POST http://127.0.0.1:")
            .assert_says("      request.body.method  \"tools/list\"")
            .assert_says("      response.body.mood   \"\\x1b[31mhot\"")
            .assert_says("    cause    Somebody poured tea into it.")
            .assert_says("    remedy   operator: Pour it out.")
            .assert_says("    again    no scenario shows it: it takes tea")
            .assert_says("1 of 1 case looks like known failures");
        assert!(!said.both().contains("a-very-secret-token"), "{}", said.both());
    }
    let said = folder.run(&["diagnose", "r.jsonl", "--format", "json", "--output", "d.json"]);
    said.assert_code(0);
    let found: Value = serde_json::from_str(&folder.read("d.json")).unwrap();
    assert_eq!(found["schema"], "gauntlet-diagnosis/1");
    let found = &found["diagnoses"][0];
    assert_eq!((&found["case"], &found["verdict"]), (&json!("acme.list on mcp-server"), &json!("fail")));
    let first = &found["matches"][0];
    assert_eq!((&first["id"], &first["confidence"]), (&json!("acme.teapot"), &json!("certain")));
    assert_eq!(first["remedy"], json!([{ "who": "operator", "do": "Pour it out." }]));
    assert_eq!(first["reproduce"], json!({ "none": "it takes tea" }));
    assert_eq!(first["evidence"][0]["seen"][1], json!({ "path": "response.status", "value": 418 }));
}

#[test]
fn what_is_not_known_is_said_and_told_by_the_code() {
    let (folder, _) = failed(&["--report", "jsonl=r.jsonl"]);
    folder.write("gauntlet.yaml", "{}");
    folder
        .run(&["diagnose", "r.jsonl"])
        .assert_code(1)
        .assert_says("  no known failure")
        .assert_says("0 of 1 case looks");
    folder.run(&["diagnose", "r.jsonl", "--case", "other.*"]).assert_code(1).assert_says("0 of 0 cases");
    let folder = Folder::new(&[("scenarios/a.yaml", PASSES)]);
    folder.run(&["run", "--target", "mcp-server", "--keep-all", "--report", "json=r.json"]).assert_code(0);
    folder.run(&["diagnose", "r.json"]).assert_code(1).assert_says("0 of 0 cases");
    folder
        .run(&["diagnose", "r.json", "--all"])
        .assert_code(1)
        .assert_says("PASS good.list")
        .assert_says("0 of 1 case looks");
}

fn har(message: &str) -> String {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "web_search" },
        "profileArn": "arn:aws:codewhisperer:us-east-1:123456789012:profile/ABCDEFGHIJKL" });
    let headers = json!([{ "name": "Authorization", "value": "Bearer aoa-very-secret-token-0123456789" }]);
    let content =
        json!({ "size": 1, "mimeType": "application/json", "text": json!({ "message": message }).to_string() });
    let request = json!({ "method": "POST", "url": "https://runtime.us-east-1.kiro.dev/mcp", "httpVersion": "HTTP/1.1", "cookies": [],
        "headers": headers, "queryString": [], "headersSize": -1, "bodySize": -1,
        "postData": { "mimeType": "application/json", "text": body.to_string() } });
    let response = json!({ "status": 403, "statusText": "", "httpVersion": "HTTP/1.1", "cookies": [], "redirectURL": "",
        "headersSize": -1, "bodySize": -1, "content": content,
        "headers": [{ "name": "Content-Type", "value": "application/json" }] });
    let entry = json!({ "startedDateTime": "2026-11-21T10:00:00.000Z", "time": 1, "request": request, "response": response,
        "cache": {}, "timings": { "send": 0, "wait": 1, "receive": 0 } });
    json!({ "log": { "version": "1.2", "creator": { "name": "t", "version": "1" }, "entries": [entry] } }).to_string()
}

#[test]
fn a_recording_is_diagnosed_without_its_secrets() {
    let whole = har("User is not authorized to make this call.");
    let twice = whole.replacen("\"entries\":[", &format!("\"entries\":[{},", entry_of(&whole)), 1);
    let folder = Folder::new(&[("a.har", &whole), ("b.har", &har("Tea.")), ("cut.har", &twice[..twice.len() - 200])]);
    let said = folder.run(&["diagnose", "a.har"]);
    said.assert_code(0)
        .assert_says("RECORDING\n  kiro.identity-headers-missing  ")
        .assert_says("    exchange 1  client → runtime.us-east-1.kiro.dev  POST https://runtime.us-east-1.kiro.dev/mcp")
        .assert_says("gauntlet run kiro-gateway.not-authorized-identity-center --defect kiro-gateway:bare-headers");
    let json = folder.run(&["diagnose", "a.har", "--format", "json"]);
    for said in [&said, &json] {
        assert!(!said.both().contains("very-secret"), "{}", said.both());
    }
    folder.run(&["diagnose", "b.har"]).assert_code(1).assert_says("no known failure");
    folder
        .run(&["diagnose", "cut.har"])
        .assert_code(0)
        .assert_says("ends in the middle; its first 1 entries are whole");
}

fn entry_of(har: &str) -> String {
    let parsed: Value = serde_json::from_str(har).unwrap();
    parsed["log"]["entries"][0].to_string()
}

#[test]
fn a_foreign_file_is_refused_and_says_why() {
    let folder = Folder::new(&[("x.json", "{\"hello\": 1}"), ("y.txt", "no json"), ("empty", "")]);
    for file in ["x.json", "y.txt", "empty"] {
        folder.run(&["diagnose", file]).assert_code(2).assert_says("no HAR file").assert_says("no saved run");
    }
    folder.run(&["diagnose", "nowhere.json"]).assert_code(2).assert_says("cannot read nowhere.json");
}

#[test]
fn own_signatures_are_checked_with_their_places() {
    let folder = Folder::new(&[
        ("scenarios/a.yaml", PASSES),
        ("scenarios/signatures.yaml", &OWN.replace("$any", "$eny")),
        (
            "signatures-acme.yaml",
            &OWN.replace("reproduce: { none: it takes tea }", "reproduce: { scenario: good.lst }"),
        ),
        ("gauntlet.yaml", CONFIG),
    ]);
    folder
        .run(&["check"])
        .assert_code(2)
        .assert_says("scenarios/signatures.yaml:6:")
        .assert_says("did you mean `$any`?")
        .assert_says("signatures-acme.yaml:9:28")
        .assert_says("did you mean `good.list`?")
        .assert_says("3 files checked: 2 errors");
    folder.write("signatures-acme.yaml", OWN.replace("casue", "cause").replace("title", "titel"));
    for command in [&["run"][..], &["diagnose", "x"], &["explain", "acme.teapot"]] {
        folder.run(command).assert_code(2).assert_says("signatures-acme.yaml").assert_says("did you mean `title`?");
    }
    folder.write("signatures-acme.yaml", OWN);
    folder
        .run(&["explain", "acme.teapot"])
        .assert_code(0)
        .assert_says("signature acme.teapot\n  The gateway is a teapot");
    folder.run(&["explain", "acme.teapto"]).assert_code(2).assert_says("did you mean `acme.teapot`?");
    folder.write("signatures-acme.yaml", OWN.replace("acme.teapot", "kiro.profile-arn-empty"));
    folder.run(&["run"]).assert_code(2).assert_says("the id `kiro.profile-arn-empty` is taken");
}
