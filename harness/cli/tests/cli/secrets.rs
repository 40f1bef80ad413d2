//! No secret leaves the command, in any form, whatever goes wrong.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::support::{Folder, nowhere, response, serve};

/// Needs an escape in JSON, in a URL and in XML.
const CANARY: &str = "cAnArY-\"q\"/+&<§>-7f3e9d21c0ffee";

/// Forms in which it could come out.
fn forms(secret: &str) -> Vec<String> {
    let escaped = serde_json::to_string(secret).unwrap();
    let escaped = escaped[1..escaped.len() - 1].to_owned();
    let twice = serde_json::to_string(&escaped).unwrap();
    let percent: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut forms = vec![
        secret.to_owned(),
        escaped,
        twice[1..twice.len() - 1].to_owned(),
        percent,
        secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
        // Long enough to be told from chance.
        "7f3e9d21c0ffee".to_owned(),
    ];
    for prefix in ["", "u:", "ab"] {
        let text = format!("{prefix}{secret}");
        for encoded in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
            // The middle does not depend on what stands before and after.
            forms.push(encoded[8..encoded.len() - 8].to_owned());
        }
    }
    forms
}

fn assert_nowhere(what: &str, texts: &[(&str, &str)]) {
    for (name, text) in texts {
        for form in forms(CANARY) {
            assert!(!text.contains(&form), "{what}: the secret stands in {name} as `{form}`:\n{text}");
        }
    }
}

/// Ways to hand the secret over.
fn sources(folder: &Folder) -> Vec<(&'static str, serde_json::Value)> {
    folder.write("token.txt", format!("{CANARY}\n"));
    let file = format!("${{secret:file:{}}}", folder.path("token.txt").display());
    vec![
        ("bearer from env", json!({ "bearer": "${secret:env:CANARY}" })),
        ("bearer from plain env", json!({ "bearer": "${env:CANARY}" })),
        ("bearer from file", json!({ "bearer": file })),
        ("basic", json!({ "basic": { "username": "u", "password": "${env:CANARY}" } })),
        ("header", json!({ "header": { "x-api-key": "${env:CANARY}" } })),
        (
            "sigv4",
            json!({ "sigv4": { "service": "s", "region": "r", "access_key_id": "AKIAX", "secret_access_key": "${env:CANARY}", "session_token": "${env:CANARY}" } }),
        ),
    ]
}

const SCENARIO: &str = "\
id: canary
title: It fails
target: gw
lifecycle: manual
steps:
  - call: tools/list
    params: { secret: \"${env:CANARY}\", text: \"say ${env:CANARY} again\" }
    headers: { x-more: \"Token ${env:HEADER_CANARY}\" }
    expect: { status: 299, headers: { x-echo: nothing }, result: { text: \"not ${env:CANARY}\" } }
";

const AUTO: &str =
    "id: canary.auto\ntitle: It fails\ntarget: gw-auto\nsteps:\n  - call: tools/list\n    expect: { status: 299 }\n";

/// Runs with every source and every level of detail.
fn with_every_source(what: &str, endpoint: serde_json::Value) {
    let folder = Folder::new(&[("scenarios/canary.yaml", SCENARIO), ("scenarios/auto.yaml", AUTO)]);
    for (source, auth) in sources(&folder) {
        let mut pinned = endpoint.clone();
        if pinned.get("url").is_some() && pinned.get("command").is_none() {
            pinned["auth"] = auth;
        }
        let auto = pinned.clone();
        pinned["versions"] = json!(["2025-06-18"]);
        let config =
            json!({ "targets": { "gw": pinned, "gw-auto": auto }, "may_read": ["env:CANARY", "env:HEADER_CANARY"] });
        folder.write("gauntlet.yaml", config.to_string());
        let asked = ["--preflight", "only", "-vv"];
        for more in [&["--preflight", "never"][..], &["--preflight", "never", "-vv", "--all", "--keep-all"], &asked] {
            let arguments =
                ["run", "--step-timeout", "500ms", "--report", "json=out.json", "--report", "junit=out.xml"];
            let arguments: Vec<&str> = arguments.iter().chain(more).copied().collect();
            let mut command = folder.command(&arguments);
            let header_safe = CANARY.replace('§', "");
            command.env("CANARY", CANARY).env("HEADER_CANARY", header_safe);
            let said = crate::support::said(&command.output().unwrap());
            let what = format!("{what}, {source}, {more:?}");
            let (json, junit) = (folder.read("out.json"), folder.read("out.xml"));
            if more != asked {
                assert_ne!(said.code, Some(0), "{}", said.both());
                assert!(said.out.contains("canary"), "{}", said.both());
                assert!(json.contains("canary.auto") && junit.contains("canary.auto"), "{what}: {}", said.both());
            }
            assert_nowhere(&what, &[("stdout", &said.out), ("stderr", &said.err), ("JSON", &json), ("JUnit", &junit)]);
        }
    }
}

/// Everything that the request held, in every form, as a careless gateway would tell it.
fn parrot(head: &str, body: &str) -> String {
    let encoded = STANDARD.encode(format!("{head}\n{body}"));
    json!({ "head": head, "body": body, "encoded": encoded, "again": CANARY, "url": url::form_urlencoded::byte_serialize(CANARY.as_bytes()).collect::<String>(), "basic": STANDARD.encode(CANARY) }).to_string()
}

#[test]
fn when_the_target_is_not_there() {
    with_every_source("not there", json!({ "url": nowhere() }));
}

#[test]
fn when_the_target_repeats_everything_in_an_error() {
    let url = serve(|head, body| {
        let error = json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -32000, "message": parrot(head, body), "data": CANARY } });
        response("401 Unauthorized", "content-type: application/json\r\nx-echo: it\r\n", error.to_string())
    });
    with_every_source("repeated in an error", json!({ "url": url }));
}

#[test]
fn when_the_target_repeats_everything_in_a_stream() {
    let url = serve(|head, body| {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "result": { "text": parrot(head, body) } });
        response(
            "200 OK",
            "content-type: text/event-stream\r\n",
            format!("id: {}\ndata: {message}\n\n", STANDARD.encode(CANARY)),
        )
    });
    with_every_source("repeated in a stream", json!({ "url": url }));
}

#[test]
fn when_the_target_repeats_everything_in_a_broken_body_and_in_headers() {
    let url = serve(|head, body| {
        let key = CANARY.replace('§', "");
        response(
            "500 Internal Server Error",
            &format!("content-type: application/json\r\nx-echo: {key}\r\n"),
            parrot(head, body).replace('{', "{{"),
        )
    });
    with_every_source("repeated in a broken body", json!({ "url": url }));
}

#[test]
fn when_the_target_never_answers() {
    with_every_source("never answers", json!({ "url": serve(|_, _| Vec::new()) }));
}

#[test]
fn when_the_secret_stands_in_the_url() {
    with_every_source("in the URL", json!({ "url": format!("{}?key=${{env:CANARY}}", nowhere()) }));
}

#[test]
fn when_a_program_gets_it_and_tells_it_to_stderr() {
    let endpoint = json!({ "command": ["sh", "-c", "echo \"bad key $KEY\" >&2; exit 3", "arg", "${env:CANARY}"], "transport": "stdio", "env": { "KEY": "${secret:env:CANARY}" } });
    with_every_source("on stderr", endpoint);
}

#[test]
fn when_a_server_program_gets_it_and_does_not_become_ready() {
    let endpoint = json!({ "command": ["sh", "-c", "echo \"bad key $KEY\" >&2; exit 3"], "url": "http://127.0.0.1:${port}/mcp", "env": { "KEY": "${secret:env:CANARY}" } });
    with_every_source("on stderr of a server", endpoint);
}

#[test]
fn when_it_is_a_mocks_own() {
    let scenario = "id: canary\ntitle: It fails\ntarget: kiro-runtime\nsteps:\n  - call: tools/list\n    expect: { status: 299 }\n";
    let folder = Folder::new(&[("scenarios/canary.yaml", scenario)]);
    let said = folder.run(&["run", "--report", "json=out.json", "-vv", "--all", "--keep-all"]);
    said.assert_code(1);
    let report = folder.read("out.json");
    let shown = report.find("Bearer ").map(|at| &report[at..at + 40]).unwrap_or_default();
    assert!(shown.starts_with("Bearer ${"), "{shown}");
}

#[test]
fn when_probed() {
    let url = serve(|head, body| {
        let challenge = format!("www-authenticate: Bearer error=\"{}\"\r\n", STANDARD.encode(CANARY));
        response("401 Unauthorized", &challenge, parrot(head, body))
    });
    let folder = Folder::new(&[]);
    for target in [url, nowhere()] {
        let said = crate::support::said(
            &folder
                .command(&["probe", "-vv", &target, "--bearer-env", "CANARY"])
                .env("CANARY", CANARY.replace('§', ""))
                .output()
                .unwrap(),
        );
        assert!(!said.both().contains("7f3e9d21c0ffee"), "{}", said.both());
        let encoded = STANDARD.encode(CANARY.replace('§', ""));
        assert!(!said.both().contains(&encoded), "{}", said.both());
    }
}

const ASKS: &str = "\
id: asks
title: It takes what it asks for
target: gw
lifecycle: bare
secrets: [api-key, other]
steps:
  - call: tools/list
    headers: { x-key: \"Key ${secret:api-key}\" }
    params: { also: \"${secret:other}\" }
    expect: { status: 299 }
";

#[test]
fn a_secret_that_a_scenario_asks_for_is_given_and_never_told() {
    let url = serve(|head, body| response("400 Bad Request", "", format!("you sent {head}\n{body}")));
    let config = json!({ "targets": { "gw": { "url": url } } });
    let folder = Folder::new(&[("scenarios/asks.yaml", ASKS), ("gauntlet.yaml", &config.to_string())]);
    let run = |more: &[&str]| {
        let arguments = ["run", "--preflight", "never", "--all", "--keep-all", "--report", "json=out.json"];
        let mut command = folder.command(&arguments.iter().chain(more).copied().collect::<Vec<_>>());
        let header_safe = CANARY.replace('§', "");
        command.env("API_KEY", &header_safe).env("ELSEWHERE", CANARY).env("EMPTY", "");
        crate::support::said(&command.output().unwrap())
    };
    let without = run(&["--secret", "api-key"]);
    without.assert_says(
        "needs the secret `other`: --secret other takes from the environment (elsewhere: --secret NAME=env:VARIABLE",
    );
    let with = run(&["--secret", "api-key", "--secret", "other=env:ELSEWHERE"]);
    with.assert_code(1).assert_says("expected 299");
    with.assert_says("--secret api-key --secret other=env:ELSEWHERE");
    let json = folder.read("out.json");
    assert!(json.contains("Key ${api-key}"), "{json}");
    assert_nowhere("given", &[("stdout", &with.out), ("stderr", &with.err), ("JSON", &json)]);
    run(&["--secret", "other=env:UNSET"]).assert_code(3).assert_says("the environment variable UNSET is not set");
    run(&["--secret", "other=env:EMPTY"]).assert_code(3).assert_says("the value of env:EMPTY is empty");
    let spelled = run(&["--secret", &format!("other={CANARY}")]);
    spelled.assert_code(2).assert_says("--secret other=env:VARIABLE");
    assert_nowhere("spelled out", &[("stdout", &spelled.out), ("stderr", &spelled.err)]);
}
