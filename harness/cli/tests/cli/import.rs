//! Bug reports of every form, read by the command.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Folder, Said, said};

/// The command with a text on standard input.
fn from_stdin(folder: &Folder, arguments: &[&str], text: &str) -> Said {
    let mut command = folder.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    said(&child.wait_with_output().unwrap())
}

const COPIED: &str = "curl 'https://api.example.com/mcp' \\\n  -H 'accept: application/json, text/event-stream' \\\n  -H 'authorization: Bearer canary-of-the-header' \\\n  -H 'content-type: application/json' \\\n  --data-raw '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}' | jq .result\n";

#[test]
fn a_command_line_becomes_a_recording() {
    let folder = Folder::new(&[]);
    let done = from_stdin(&folder, &["import", "-", "-o", "bug.har"], COPIED);
    done.assert_code(0).assert_says("curl command line, 1 request");
    done.assert_says("note      5:65: the answer would go to `jq`, which is no part of the request: left out");
    done.assert_says("redacted  authorization").assert_says("file      bug.har");
    assert_eq!(done.out, "");
    let har = folder.read("bug.har");
    assert!(!har.contains("canary") && !done.both().contains("canary"), "{har}\n{}", done.both());
    let entry = &serde_json::from_str::<Value>(&har).unwrap()["log"]["entries"][0];
    assert_eq!(entry["request"]["url"], "https://api.example.com/mcp");
    assert!(har.contains("Bearer ${secret:authorization}"), "{har}");

    let again = from_stdin(&folder, &["import", "-", "-o", "bug.har"], COPIED);
    again.assert_code(2).assert_says("bug.har is there already; --force writes over it");
    from_stdin(&folder, &["import", "-", "-o", "bug.har", "--force"], COPIED).assert_code(0);
    // What was written is read again.
    folder.run(&["import", "bug.har", "-o", "again.har"]).assert_code(0).assert_says("HAR file, 1 request");
}

const LOG: &str = "\
2026-03-01T09:39:14.100Z [info] [my server] Message from client: {\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{},\"clientInfo\":{\"name\":\"c\",\"version\":\"1\"}},\"jsonrpc\":\"2.0\",\"id\":0}
2026-03-01T09:39:14.435Z [info] [my server] Message from server: {\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"s\",\"version\":\"1\"}}}
2026-03-01T09:39:14.435Z [info] [my server] Message from client: {\"method\":\"notifications/initialized\",\"jsonrpc\":\"2.0\"}
2026-03-01T09:39:15.000Z [info] [my server] Message from client: {\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":{\"message\":\"hello\"}},\"jsonrpc\":\"2.0\",\"id\":1}
2026-03-01T09:39:15.100Z [info] [my server] Message from server: {\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32603,\"message\":\"broken\"}}
";

#[test]
fn a_log_becomes_a_scenario_that_fails_as_long_as_the_bug_is_there() {
    let folder = Folder::new(&[
        ("mcp-server-my.log", LOG),
        ("gauntlet.yaml", "targets:\n  mcp-server: { mock: mcp-server, transport: stdio }\n"),
    ]);
    let done = folder.run(&["import", "mcp-server-my.log", "-o", "bug.yaml", "--id", "my.bug"]);
    done.assert_code(0)
        .assert_says("log of JSON-RPC messages, 3 requests")
        .assert_says("my.bug for the role mcp-server, 1 step; it fails as long as");
    done.assert_says("next      gauntlet run bug.yaml");
    folder.run(&["check", "--strict", "bug.yaml"]).assert_code(0);
    // The mock does not have the bug; what was seen has.
    folder.run(&["run", "bug.yaml"]).assert_code(0);
    folder.run(&["import", "mcp-server-my.log", "-o", "seen.yaml", "--expect", "seen"]).assert_code(0);
    folder.run(&["run", "seen.yaml"]).assert_code(1);
    let shown = folder.run(&["import", "mcp-server-my.log"]);
    shown.assert_code(0);
    assert!(shown.out.contains("\nsteps:\n  - call: tools/call\n"), "{}", shown.out);
}

#[test]
fn what_a_stranger_writes_reads_nothing_of_the_machine() {
    let text = COPIED.replace("tools/list", "tools/call").replace("\"id\":1", "\"id\":1,\"params\":{\"name\":\"echo\",\"arguments\":{\"message\":\"${env:PATH} ${secret:env:PATH} ${secret:file:/etc/passwd}\"}}");
    let folder = Folder::new(&[]);
    let done = from_stdin(&folder, &["import", "-", "-o", "bug.yaml"], &text);
    done.assert_code(0).assert_says("next      gauntlet run bug.yaml --secret authorization");
    let scenario = folder.read("bug.yaml");
    assert!(!scenario.contains("canary"), "{scenario}");
    let meaning: Vec<&str> = scenario
        .match_indices("${")
        .filter(|(at, _)| !scenario[..*at].ends_with('$'))
        .map(|(at, _)| &scenario[at..])
        .collect();
    assert!(meaning.iter().all(|rest| rest.starts_with("${secret:authorization}")), "{meaning:?}\n{scenario}");
    folder.run(&["check", "--strict", "bug.yaml"]).assert_code(0);
}

#[test]
fn a_configuration_becomes_targets_that_run() {
    let config = json!({ "mcpServers": { "my mock": {
        "command": env!("CARGO_BIN_EXE_gauntlet"), "args": ["mock", "mcp-server", "--stdio"],
        "env": { "SOME_TOKEN": "canary-of-the-environment" }, "autoApprove": ["echo"],
    } } });
    let folder = Folder::new(&[("mcp.json", &config.to_string())]);
    let shown = folder.run(&["import", "mcp.json"]);
    shown
        .assert_code(0)
        .assert_says("client configuration, 1 server")
        .assert_says("set       SOME_TOKEN: env SOME_TOKEN");
    assert!(shown.out.starts_with("targets:\n  my-mock:\n    role: mcp-server\n"), "{}", shown.out);
    let done = folder.run(&["import", "mcp.json", "-o", "."]);
    done.assert_code(0).assert_says("next      gauntlet run imported.smoke --target my-mock");
    let written = folder.read("gauntlet.yaml") + &folder.read("scenarios/imported-smoke.yaml") + &done.both();
    assert!(!written.contains("canary"), "{written}");
    folder.run(&["import", "mcp.json", "-o", "."]).assert_code(2).assert_says("gauntlet.yaml is there already");
    folder.run(&["import", "mcp.json", "-o", "x.yaml"]).assert_code(2).assert_says("name the folder for them");
    folder.run(&["check", "--strict"]).assert_code(0);
    let mut run = folder.command(&["run", "imported.smoke", "--target", "my-mock"]);
    said(&run.env("SOME_TOKEN", "set-for-the-test").output().unwrap()).assert_code(0);
}

#[test]
fn what_cannot_be_read_is_an_error_that_says_what_to_do() {
    let folder = Folder::new(&[
        ("note.txt", "It does not work."),
        ("body.sh", "curl https://a.example/mcp \\\n  -d @body.json"),
        (
            "page.har",
            "{\"log\":{\"entries\":[{\"startedDateTime\":\"2026-01-01T00:00:00Z\",\"request\":{\"method\":\"GET\",\"url\":\"https://a.example/\"}}]}}",
        ),
        ("cut.har", "{\"log\":{\"entries\":[{\"startedDateTime\":"),
    ]);
    for (arguments, expected) in [
        (
            &["note.txt"][..],
            "note.txt: its form is not known: it begins with `It does not work.`; what is read: HAR, a curl command line",
        ),
        (
            &["body.sh"],
            "body.sh:2:3: `-d` names the file `body.json`, and import reads none; put its text behind `--data-raw`",
        ),
        (
            &["page.har"],
            "page.har: none of 1 entry is MCP or leads to its credentials; their hosts: a.example (1). `--only all` takes them all",
        ),
        (&["cut.har"], "cut.har: ends in the middle, at byte 38, before its first entry is whole"),
        (&["note.txt", "--format", "log"], "note.txt: no JSON-RPC message is in its 1 lines"),
        (&["nowhere.har"], "cannot read nowhere.har"),
        (&["."], "cannot read ."),
        (&["body.sh", "--var", "x"], "--var x: it is NAME=VALUE"),
    ] {
        let arguments: Vec<&str> = ["import", "-o", "out.har"].iter().chain(arguments).copied().collect();
        folder.run(&arguments).assert_code(2).assert_says(expected);
        assert!(!folder.path("out.har").exists(), "{arguments:?}");
    }
    let all = folder.run(&["import", "page.har", "--only", "all", "-o", "all.har"]);
    all.assert_code(0);
    let none = from_stdin(&folder, &["import", "-", "-o", "out.har"], "");
    none.assert_code(2).assert_says("standard input: it is empty");
}

#[test]
fn nothing_is_run() {
    let folder = Folder::new(&[]);
    let text = "touch ran; curl https://a.example/mcp -d \"$(touch ran)`touch ran`\" -H \"x: $HOME\" > ran | tee ran\n";
    let done = from_stdin(&folder, &["import", "-", "-o", "bug.har"], text);
    done.assert_code(0).assert_says("`touch` is another command than curl: left out, and never run");
    assert!(!folder.path("ran").exists());
    let home = std::env::var("HOME").unwrap_or_default();
    assert!(home.len() < 2 || !folder.read("bug.har").contains(&home));
}

const REFUSED: &str = "POST /mcp HTTP/1.1\r\nHost: api.example.com\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{}}\r\n\r\nHTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"portal\"\r\nContent-Type: application/json\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32001,\"message\":\"Missing Bearer token\"}}\r\n";

#[test]
fn where_a_known_failure_shows_what_is_right_is_expected() {
    let folder = Folder::new(&[("refused.http", REFUSED)]);
    let import = ["import", "refused.http", "--role", "agentcore-gateway", "-o", "bug.yaml", "--force"];
    let id = "oauth.challenge-not-bearer";
    folder
        .run(&import)
        .assert_code(0)
        .assert_says(&format!("note      step 1 looks like {id} (gauntlet explain {id}): it expects what is right"));
    let scenario = folder.read("bug.yaml");
    assert!(scenario.contains(&format!("it was recorded as {id}")), "{scenario}");
    folder.run(&["check", "--strict", "bug.yaml"]).assert_code(0);
    let defect = "agentcore-gateway:challenge-wrong-scheme";
    folder.run(&["run", "bug.yaml", "--defect", defect]).assert_code(1).assert_says(id);
    folder.run(&["run", "bug.yaml"]).assert_code(0);
    // What was seen is seen, whatever it is.
    let seen = folder.run(&[&import[..], &["--expect", "seen"]].concat());
    seen.assert_code(0);
    assert!(!seen.both().contains("looks like"), "{}", seen.both());
    folder.run(&["run", "bug.yaml", "--defect", defect]).assert_code(0);
}

const OWN: &str = "signatures:
  - id: acme.portal
    title: The portal answers
    systems: [acme]
    confidence: CONFIDENCE
    recognise:
      - response: { status: 401, headers: { www-authenticate: { $contains: portal } } }
        capture: { said: $.response.body.error.message }
    cause: The portal stands in front.
    remedy: [{ who: operator, do: Take it away. }]
    mended: { expect: { status: 401, error: { message: \"${said} ${version}\" } } }
    reproduce: { none: it takes a portal }
";

#[test]
fn own_signatures_decide_too_if_they_are_sure() {
    let own = OWN.replace("CONFIDENCE", "certain").replace("title: The", "title: A");
    let files = [
        ("refused.http", REFUSED),
        ("acme.yaml", "signatures: [signatures-acme.yaml]\n"),
        ("signatures-acme.yaml", own.as_str()),
    ];
    let folder = Folder::new(&files);
    let import = ["import", "refused.http", "--config", "acme.yaml"];
    let done = folder.run(&import);
    done.assert_code(0).assert_says("step 1 looks like acme.portal (gauntlet explain acme.portal)");
    folder.write("signatures-acme.yaml", OWN.replace("CONFIDENCE", "possible"));
    let done = folder.run(&import);
    done.assert_code(0).assert_says("step 1 may be acme.portal (gauntlet explain acme.portal)");
    assert!(done.out.contains("$challenge: {scheme: Bearer}"), "{}", done.out);
    // Whoever knows says which it is.
    let said = |id: &str| folder.run(&[&import[..], &["--known", id]].concat());
    said("acme.portal").assert_code(0).assert_says("step 1 looks like acme.portal");
    said("acme.portla").assert_code(2).assert_says("there is no such signature; did you mean `acme.portal`?");
    let other = said("kiro.rate-exceeded");
    other.assert_code(2).assert_says("the recording does not show it, but oauth.challenge-not-bearer");
    folder.write("signatures-acme.yaml", OWN.replace("CONFIDENCE", "often"));
    folder.run(&import).assert_code(2).assert_says("signatures-acme.yaml");
}

#[test]
fn credentials_can_be_left_to_the_target() {
    let folder = Folder::new(&[]);
    let import = ["import", "-", "--auth", "target", "-o", "bug.yaml", "--role"];
    let done = from_stdin(&folder, &[&import[..], &["mcp-server"]].concat(), COPIED);
    done.assert_code(0);
    assert!(done.both().contains("next      gauntlet run bug.yaml\n"), "{}", done.both());
    let scenario = folder.read("bug.yaml");
    assert!(!scenario.contains("auth:") && !scenario.contains("secrets:"), "{scenario}");
    let done = from_stdin(&folder, &[&import[..], &["remote-proxy", "--force"]].concat(), COPIED);
    done.assert_code(0);
    let scenario = folder.read("bug.yaml");
    assert!(scenario.contains("defaults: {auth: {jwt: {from: idp}}}"), "{scenario}");
}
