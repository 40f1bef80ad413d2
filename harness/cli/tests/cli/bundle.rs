//! `gauntlet bundle`, and bundles that are run.

use std::io::Read as _;

use crate::support::{Folder, Said};

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
    let stub = "id: bug\ntitle: It works\ntarget: gw\nlifecycle: bare\nsteps:\n  - call: tools/list\n    expect: { status: 299 }\n";
    let folder = Folder::new(&[
        ("bug.yaml", stub),
        (
            "gauntlet.yaml",
            "targets: { gw: { mock: mcp-server, lifecycle: bare }, other: { mock: mcp-server, lifecycle: bare } }",
        ),
    ]);
    assert_eq!(folder.run(&["run", "bug.yaml", "--report", "json=run.json"]).code, Some(1));
    let said = folder.run(&["bundle", "run.json", "bug", "--scenarios", "bug.yaml", "-o", "bug.zip"]);
    assert_eq!(said.code, Some(0), "{}", said.both());
    let said = folder.run(&["run", "bug.zip"]);
    assert_eq!(said.code, Some(2), "{}", said.both());
    assert!(said.err.contains("--target URL"), "{}", said.err);
    let said = folder.run(&["run", "bug.zip", "--target", "other"]);
    assert!(said.code == Some(1) && said.out.contains("on gw") | said.out.contains("on other"), "{}", said.both());
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
