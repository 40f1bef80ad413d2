//! `gauntlet bundle`, and bundles that are run.

use std::io::Read as _;

use crate::support::{Folder, Said, serve};

const CASE: &str = "kiro.web-search.identity-headers";

fn bundled(folder: &Folder, more: &[&str]) -> Said {
    let said = folder.run(&["run", CASE, "--defect", "identity-gate-open", "--report", "jsonl=run.jsonl"]);
    assert_eq!(said.code, Some(1), "{}", said.both());
    folder.run(&[&["bundle", "run.jsonl", CASE, "-o", "bug.zip"], more].concat())
}

/// The files of a bundle.
fn members(folder: &Folder) -> Vec<(String, String)> {
    let mut archive = zip::ZipArchive::new(std::fs::File::open(folder.path("bug.zip")).unwrap()).unwrap();
    let numbers = 0..archive.len();
    numbers
        .map(|number| {
            let mut file = archive.by_index(number).unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            (file.name().unwrap().into_owned(), text)
        })
        .collect()
}

#[test]
fn a_bundle_reproduces_the_failure_elsewhere_and_passes_where_it_is_mended() {
    let folder = Folder::new(&[]);
    let said = bundled(&folder, &["--case", "dropped=user-agent"]);
    assert_eq!(said.code, Some(0), "{}", said.both());
    let names: Vec<String> = members(&folder).into_iter().map(|(name, _)| name).collect();
    for name in ["README.md", "bundle.json", "pack.yaml", "run.json", "scenario.yaml", "traffic.har", "transcript.txt"]
    {
        assert!(names.iter().any(|known| known == name), "{name} of {names:?}");
    }
    let readme = members(&folder).into_iter().find(|(name, _)| name == "README.md").unwrap().1;
    assert!(readme.contains("$ gauntlet run bug.zip\n") && readme.contains("expected 403, found 200"), "{readme}");

    // A configuration that happens to lie where it is run has no say.
    let elsewhere = Folder::new(&[]);
    let pwned = elsewhere.path("pwned");
    let config =
        serde_json::json!({ "targets": { "kiro-runtime": { "command": ["touch", pwned], "transport": "stdio" } } });
    elsewhere.write("gauntlet.yaml", config.to_string());
    elsewhere.write("bug.zip", std::fs::read(folder.path("bug.zip")).unwrap());
    let said = elsewhere.run(&["run", "bug.zip"]);
    assert_eq!(said.code, Some(1), "{}", said.both());
    assert!(
        said.out.contains("bug.zip/scenario.yaml:") && said.out.contains("expected 403, found 200"),
        "{}",
        said.out
    );
    assert!(said.out.contains("1 case: 1 fail"), "{}", said.out);
    let said = elsewhere.run(&["run", "bug.zip", "--target", "mock:kiro-runtime"]);
    assert_eq!(said.code, Some(0), "{}", said.both());
    assert!(!pwned.exists());
    let said = folder.run(&["diagnose", "bug.zip"]);
    assert_eq!(said.code, Some(2), "{}", said.both());
}

#[test]
fn a_bundle_of_another_target_needs_one() {
    let url = serve(|_, _| b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec());
    let stub = "id: bug\ntitle: It works\ntarget: gw\nlifecycle: bare\nsteps:\n  - call: tools/list\n    expect: { status: 299 }\n";
    let folder = Folder::new(&[
        ("bug.yaml", stub),
        (
            "gauntlet.yaml",
            &format!(
                "targets: {{ gw: {{ url: '{url}', lifecycle: bare }}, other: {{ mock: mcp-server, lifecycle: bare }} }}"
            ),
        ),
    ]);
    assert_eq!(folder.run(&["run", "bug.yaml", "--report", "json=run.json"]).code, Some(1));
    let said = folder.run(&["bundle", "run.json", "bug", "--scenarios", "bug.yaml", "-o", "bug.zip"]);
    assert_eq!(said.code, Some(0), "{}", said.both());
    assert!(said.err.contains("without the target gw: it is a system at a URL"), "{}", said.err);
    let said = folder.run(&["run", "bug.zip"]);
    assert_eq!(said.code, Some(2), "{}", said.both());
    assert!(said.err.contains("--target URL"), "{}", said.err);
    let said = folder.run(&["run", "bug.zip", "--target", "other"]);
    assert!(said.code == Some(1) && said.out.contains("on gw") | said.out.contains("on other"), "{}", said.both());
}

/// Where the bundle is alone.
fn elsewhere(folder: &Folder) -> Folder {
    let elsewhere = Folder::new(&[]);
    elsewhere.write("bug.zip", std::fs::read(folder.path("bug.zip")).unwrap());
    elsewhere
}

#[test]
fn a_bundle_has_the_snapshots_of_its_scenario_and_the_mock_that_it_ran_on() {
    let scenario = "id: bug\ntitle: It echoes\ntarget: gw\nsteps:\n  - call: tools/call\n    params: { name: echo, arguments: { message: 'héllo' } }\n    headers: { x-sought: one }\n    expect: snapshot\n";
    let config = "targets:\n  gw: { mock: mcp-server, versions: [2025-06-18], given: { page_size: 2 } }\nvolatile:\n  rules: [{ name: sought, header: x-sought }]\n";
    let folder = Folder::new(&[("bug.yaml", scenario), ("gauntlet.yaml", config)]);
    folder.run(&["run", "bug.yaml", "--bless=always"]).assert_code(0);
    folder.run(&["run", "bug.yaml", "--defect", "text-altered", "--report", "json=run.json"]).assert_code(1);
    folder.run(&["bundle", "run.json", "bug", "--scenarios", "bug.yaml", "-o", "bug.zip"]).assert_code(0);
    assert!(folder.read("bug.snap/2025-06-18.snap").contains("x-sought: <sought"));
    let elsewhere = elsewhere(&folder);
    let said = elsewhere.run(&["run", "bug.zip"]);
    said.assert_code(1).assert_says("the exchanges are not those of bug.zip/scenario.snap/2025-06-18.snap");
    said.assert_says("on gw").assert_says("1 case: 1 fail");
    assert!(!said.both().contains("--bless"), "{}", said.both());
    let without_defect = ["run", "bug.zip", "--target", "mock:mcp-server"];
    elsewhere.run(&without_defect).assert_code(0).assert_says("1 case: 1 pass");
    // Nothing says what this version answers.
    let said = elsewhere.run(&["run", "bug.zip", "--target", "mock:mcp-server", "--mcp-version", "2025-11-25"]);
    said.assert_code(1).assert_says("there is no snapshot `call tools/call` in bug.zip/scenario.snap/2025-11-25.snap");
    let said = elsewhere.run(&["run", "bug.zip", "--bless=always"]);
    said.assert_code(2).assert_says("nothing in a bundle is written; bless the scenario that it was made of");
    // What lies beside the bundle is none of its snapshots.
    assert_eq!(std::fs::read_dir(elsewhere.path(".")).unwrap().count(), 1);
}

/// A gateway that has nothing but a recording behind it, and a caller with a token.
const RECORDED: &str = "targets:\n  front:\n    mock: gateway\n    lifecycle: bare\n    given: { upstreams: { upstream: '${upstreams.up.url}' } }\n    auth: { bearer: c4n4ry-of-the-caller-9f81 }\n    upstreams: { up: { recorded: up.har, given: { faults: [{ delay: 1ms }] } } }\n";

#[test]
fn a_bundle_has_the_recording_behind_its_target() {
    let scenario = "id: bug\ntitle: It finds\ntarget: front\nlifecycle: bare\nsteps:\n  - call: tools/call\n    params: { name: search, arguments: { query: rust } }\n    expect: { result: { content: [{ text: mended }] } }\n";
    let ask = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "search", "arguments": { "query": "rust" } } });
    let answer = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "result": { "content": [{ "type": "text", "text": "found rust" }] } });
    let json = serde_json::json!([{ "name": "content-type", "value": "application/json" }, { "name": "authorization", "value": "Bearer c4n4ry-of-the-recording-9f81" }]);
    let har = serde_json::json!({ "log": { "version": "1.2", "creator": { "name": "t", "version": "1" }, "entries": [{
        "startedDateTime": "2026-01-01T00:00:00.000Z", "time": 20,
        "request": { "method": "POST", "url": "https://recorded.example/mcp", "headers": json,
            "postData": { "mimeType": "application/json", "text": ask.to_string() } },
        "response": { "status": 200, "headers": [json[0]], "content": { "mimeType": "application/json", "text": answer.to_string() } },
    }] } });
    let folder = Folder::new(&[("bug.yaml", scenario), ("gauntlet.yaml", RECORDED), ("up.har", &har.to_string())]);
    folder.run(&["run", "bug.yaml", "--report", "json=run.json"]).assert_code(1).assert_says("found \"found rust\"");
    let bundle = ["bundle", "run.json", "bug", "--scenarios", "bug.yaml", "-o", "bug.zip", "--force"];
    let said = folder.run(&bundle);
    said.assert_code(0);
    assert!(!said.both().contains("c4n4ry"), "{}", said.both());
    let files = members(&folder);
    assert!(files.iter().any(|(name, text)| name == "recording-1.har" && text.contains("found rust")));
    for (name, text) in &files {
        assert!(!text.contains("c4n4ry"), "{name}: {text}");
    }
    let readme = &files.iter().find(|(name, _)| name == "README.md").unwrap().1;
    let secret = readme.split("gauntlet run bug.zip --secret ").nth(1).unwrap().lines().next().unwrap();
    let elsewhere = elsewhere(&folder);
    let said = elsewhere.run(&["run", "bug.zip"]);
    said.assert_code(2).assert_says(&format!("needs a secret that was taken out: --secret {secret}"));
    let mut run = elsewhere.command(&["run", "bug.zip", "--secret", &format!("{secret}=env:KEY")]);
    let said = crate::support::said(&run.env("KEY", "c4n4ry-of-another").output().unwrap());
    said.assert_code(1).assert_says("found \"found rust\"").assert_says("recorded as #1");
    assert!(!said.both().contains("c4n4ry"), "{}", said.both());
    // What is not of mocks alone stays out.
    for (mended, why) in [
        (RECORDED.replace("${upstreams.up.url}", "http://10.0.0.1/mcp"), "`given.upstreams.upstream` names an address"),
        (RECORDED.replace("c4n4ry-of-the-caller-9f81", "'${env:TOKEN}'"), "`auth.bearer` has a variable"),
        (
            RECORDED.replace("{ bearer: c4n4ry-of-the-caller-9f81 }", "{ sigv4: { service: a, region: b } }"),
            "`auth.sigv4` is nothing that a bundle carries",
        ),
        (RECORDED.replace("up.har", "nowhere.har"), "cannot read"),
    ] {
        folder.write("gauntlet.yaml", mended);
        let said = folder.run(&bundle);
        said.assert_code(0).assert_says("without the target front: ").assert_says(why);
        assert!(members(&folder).iter().all(|(name, _)| name != "recording-1.har"));
        elsewhere.write("bug.zip", std::fs::read(folder.path("bug.zip")).unwrap());
        elsewhere.run(&["run", "bug.zip"]).assert_code(2).assert_says("--target URL");
    }
}

#[test]
fn no_secret_gets_into_a_bundle() {
    let canary = "c4n4ry-9f81-qq7z";
    let scenario = format!(
        "id: bug\ntitle: It works\ntarget: kiro-runtime\nlifecycle: bare\nsteps:\n  - call: tools/call\n    params: {{ name: web_search, arguments: {{ query: x, access_token: {canary} }} }}\n    headers: {{ x-api-key: {canary}, x-more: 'see {canary}!' }}\n    expect: {{ status: 299 }}\n"
    );
    let folder = Folder::new(&[("bug.yaml", &scenario)]);
    assert_eq!(folder.run(&["run", "bug.yaml", "--report", "json=run.json"]).code, Some(1));
    let said = folder.run(&["bundle", "run.json", "bug", "--scenarios", "bug.yaml", "-o", "bug.zip"]);
    assert_eq!(said.code, Some(0), "{}", said.both());
    assert!(!said.both().contains(canary), "{}", said.both());
    for (name, text) in members(&folder) {
        assert!(!text.contains(canary), "{name}: {text}");
    }
    let said = folder.run(&["run", "bug.zip"]);
    assert!(said.both().contains("--secret"), "{}", said.both());
    let mut again = folder.command(&["run", "bug.zip", "--secret", "x-api-key=env:KEY"]);
    let said = crate::support::said(&again.env("KEY", canary).output().unwrap());
    assert!(said.code == Some(1) && said.out.contains("expected 299"), "{}", said.both());
    assert!(!said.both().contains(canary), "{}", said.both());
}

#[test]
fn a_bundle_of_a_stranger_reads_nothing_that_was_not_named() {
    let scenario = "id: bug\ntitle: It works\ntarget: mcp-server\nlifecycle: manual\nsteps:\n  - call: ping\n    headers: { x-a: \"${env:STRANGE}\" }\n    expect: { outcome: answered }\n";
    let manifest = serde_json::json!({
        "format": "gauntlet-bundle/1", "gauntlet": "0.1.0", "made_at": "2026-03-04T05:06:07Z", "title": "It works", "verdict": "fail",
        "case": { "scenario": "bug", "case": [], "version": "2025-06-18", "target": "mcp-server" }, "role": "mcp-server",
        "target": { "name": "mcp-server" }, "run": { "gauntlet": "0.1.0", "started_at": "2026-03-04T05:06:07Z", "cases": null },
        "machine": { "os": "linux", "arch": "x86_64" },
    });
    let folder = Folder::new(&[("gauntlet.yaml", "may_read: ['env:STRANGE']\n")]);
    let mut archive = zip::ZipWriter::new(std::fs::File::create(folder.path("bug.zip")).unwrap());
    for (name, text) in [("scenario.yaml", scenario), ("bundle.json", &manifest.to_string())] {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut archive, text.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
    let run = |more: &[&str]| {
        let mut command = folder.command(&[&["run", "bug.zip"], more].concat());
        crate::support::said(&command.env("STRANGE", "value-of-the-user").output().unwrap())
    };
    let said = run(&[]);
    assert!(said.both().contains("wants to read the environment variable STRANGE"), "{}", said.both());
    let said = run(&["--may-read", "env:STRANGE"]);
    assert!(!said.both().contains("wants to read"), "{}", said.both());
}

#[test]
fn what_a_scenario_gives_to_mocks_reads_nothing_either() {
    // Behind a gateway, whose entry has variables of its own.
    let scenario = |name: &str, given: &str| {
        format!(
            "id: {name}\ntitle: It works\ntarget: agentcore-jwt\nlifecycle: manual\nversions: 2025-06-18\ngiven: {given}\nsteps:\n  - http: GET /\n    expect: {{ outcome: answered }}\n"
        )
    };
    let folder = Folder::new(&[
        ("own.yaml", &scenario("own", "{ tokens: '$${env:STRANGE}' }")),
        ("behind.yaml", &scenario("behind", "{ idp: { clients: '$${secret:env:STRANGE}' } }")),
    ]);
    for (file, variable) in [("own.yaml", "${env:STRANGE}"), ("behind.yaml", "${secret:env:STRANGE}")] {
        let mut command = folder.command(&["run", file]);
        let said = crate::support::said(&command.env("STRANGE", "value-of-the-user").output().unwrap());
        said.assert_code(3).assert_says(&format!("invalid type: string \"{variable}\""));
    }
}

#[test]
fn what_cannot_be_bundled_is_told() {
    let folder = Folder::new(&[]);
    bundled(&folder, &[]);
    let refused = |arguments: &[&str], told: &str| {
        let said = folder.run(arguments);
        assert_eq!(said.code, Some(2), "{}", said.both());
        assert!(said.err.contains(told), "{arguments:?}: {}", said.err);
    };
    refused(&["bundle", "run.jsonl", CASE, "-o", "bug.zip"], "bug.zip is there already; --force writes over it");
    refused(&["bundle", "run.jsonl", CASE, "-o", "bug.tar"], "a bundle is a .zip file");
    refused(&["bundle", "run.jsonl", "nobody", "-o", "b.zip"], "the run has no such case of `nobody`");
    refused(&["bundle", "nowhere.jsonl", CASE, "-o", "b.zip"], "nowhere.jsonl: ");
    refused(&["bundle", "bug.zip", CASE, "-o", "b.zip"], "this is not what");
    refused(&["run", "bug.zip", CASE], "bug.zip is a bundle, and runs alone");
    refused(&["run", "nowhere.zip"], "nowhere.zip: ");
    folder.write("junk.zip", "PK\u{3}\u{4}junk");
    refused(&["run", "junk.zip"], "it is no archive that can be read");
    let said = folder.run(&["bundle", "run.jsonl", CASE, "-o", "bug.zip", "--force"]);
    assert_eq!(said.code, Some(0), "{}", said.both());
}
