use std::io::{Cursor, Write as _};
use std::path::PathBuf;

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;
use crate::config::RecordedSource;
use crate::runner::{GivenSecrets, Loaded};

const SCENARIO: &str =
    "id: bug\ntitle: It works\ntarget: mcp-server\nsteps: [{ call: tools/list, expect: { status: 200 } }]\n";

fn manifest() -> Value {
    json!({
        "format": "gauntlet-bundle/1", "gauntlet": "0.1.0", "made_at": "2026-03-04T05:06:07Z", "title": "It works", "verdict": "fail",
        "case": { "scenario": "bug", "case": [["a", "b"]], "version": "2025-06-18", "target": "mcp-server" },
        "role": "mcp-server", "target": { "name": "mcp-server", "defects": { "mcp-server": ["x"] } },
        "run": { "gauntlet": "0.1.0", "started_at": "2026-03-04T05:06:07Z", "cases": null }, "machine": { "os": "linux", "arch": "x86_64" },
    })
}

struct Archive {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn archive(files: &[(&str, &[u8])]) -> Archive {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(*name, SimpleFileOptions::default()).expect("begun");
        zip.write_all(content).expect("written");
    }
    saved(&zip.finish().expect("finished").into_inner())
}

fn saved(bytes: &[u8]) -> Archive {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bug.zip");
    std::fs::write(&path, bytes).expect("written");
    Archive { _folder: folder, path }
}

fn told(archive: &Archive) -> String {
    Bundle::open(&archive.path).expect_err("refused").to_string()
}

#[test]
fn a_bundle_is_one_case_on_its_own_target() {
    let manifest = manifest().to_string();
    let pack = b"name: p\ntitle: P\ntags: [from-pack]\n".as_slice();
    let archive =
        archive(&[("bundle.json", manifest.as_bytes()), ("scenario.yaml", SCENARIO.as_bytes()), ("pack.yaml", pack)]);
    let bundle = Bundle::open(&archive.path).expect("a bundle");
    let set = bundle.scenarios();
    let Loaded::Scenario(scenario) = set.load(&set.files[0]) else { panic!("a scenario") };
    assert_eq!((scenario.id.as_str(), scenario.tags.as_slice()), ("bug", ["from-pack".to_owned()].as_slice()));
    assert_eq!(scenario.sources[0].path, archive.path.join("scenario.yaml"));
    let filter = bundle.filter();
    assert_eq!((filter.cases, filter.versions.len()), (vec!["a=b".to_owned()], 1));
    let names: Vec<String> =
        bundle.config(&GivenSecrets::default()).expect("a target").targets.into_iter().map(|spec| spec.name).collect();
    assert_eq!(names, ["mcp-server"]);
}

#[test]
fn a_pack_that_lies_above_is_not_read() {
    let manifest = manifest().to_string();
    let archive = archive(&[("bundle.json", manifest.as_bytes()), ("scenario.yaml", SCENARIO.as_bytes())]);
    std::fs::write(archive.path.with_file_name("pack.yaml"), "name: p\ntitle: P\ntags: [from-above]\n")
        .expect("written");
    let set = Bundle::open(&archive.path).expect("a bundle").scenarios();
    let Loaded::Scenario(scenario) = set.load(&set.files[0]) else { panic!("a scenario") };
    assert!(scenario.tags.is_empty());
}

#[test]
fn a_target_that_is_not_ours_must_be_named() {
    for (target, expected) in [
        (
            json!(null),
            "it was made on the target `mcp-server` of its maker; say on which one it is to run: --target URL",
        ),
        (json!({ "name": "../../etc" }), "its target \"../../etc\" does not come with this Gauntlet"),
        (json!({ "name": "x", "command": ["touch", "/tmp/x"] }), "its target \"x\" does not come with this Gauntlet"),
    ] {
        let mut manifest = manifest();
        manifest["target"] = target;
        let manifest = manifest.to_string();
        let archive = archive(&[("bundle.json", manifest.as_bytes()), ("scenario.yaml", SCENARIO.as_bytes())]);
        let error = Bundle::open(&archive.path)
            .expect("a bundle")
            .config(&GivenSecrets::default())
            .expect_err("refused")
            .to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

/// A bundle whose target is described, with more files in it.
fn described(entry: &Value, more: &[(&str, &[u8])]) -> Archive {
    let mut manifest = manifest();
    manifest["target"] = Value::Null;
    manifest["described"] = json!({ "name": "gw", "entry": entry, "defects": { "mcp-server": ["x"] } });
    let manifest = manifest.to_string();
    let own = [("bundle.json", manifest.as_bytes()), ("scenario.yaml", SCENARIO.as_bytes())];
    archive(&[&own[..], more].concat())
}

#[test]
fn a_described_target_is_made_of_mocks_and_recordings_of_the_bundle() {
    let har =
        json!({ "log": { "version": "1.2", "creator": { "name": "a", "version": "1" }, "entries": [] } }).to_string();
    let entry = json!({
        "mock": "gateway", "auth": { "bearer": "${secret:bearer}" }, "given": { "upstreams": { "up": "${upstreams.up.url}" } },
        "upstreams": { "up": { "recorded": "recording-1.har", "given": { "wrap": true } } },
    });
    let whole = described(&entry, &[("recording-1.har", har.as_bytes())]);
    let bundle = Bundle::open(&whole.path).expect("a bundle");
    assert_eq!(bundle.defects()["mcp-server"], ["x"]);
    let error = bundle.config(&GivenSecrets::default()).expect_err("refused").to_string();
    assert!(error.contains("needs a secret that was taken out: --secret bearer"), "{error}");
    let given = GivenSecrets::read(&["bearer=env:CARGO_PKG_NAME".to_owned()]).expect("a value");
    let targets = bundle.config(&given).expect("a target").targets;
    let [target] = targets.as_slice() else { panic!("one target") };
    assert_eq!((target.name.as_str(), target.roles.as_slice()), ("gw", ["mcp-server".to_owned()].as_slice()));
    assert_eq!(target.auth, Some(json!({ "bearer": "gauntlet" })));
    assert!(matches!(target.upstreams["up"].recorded, Some(RecordedSource::Held(_))));
    // A file of that name elsewhere is none of the bundle's.
    let without = described(&entry, &[]);
    std::fs::write(without.path.with_file_name("recording-1.har"), &har).expect("written");
    let bundle = Bundle::open(&without.path).expect("a bundle");
    let error = bundle.config(&given).expect_err("refused").to_string();
    assert!(error.contains("the bundle has no `recording-1.har`"), "{error}");
}

#[test]
fn a_described_target_that_is_more_than_mocks_is_refused() {
    for (entry, expected) in [
        (json!({ "command": ["touch", "/tmp/x"], "transport": "stdio" }), "`command` is nothing that a bundle carries"),
        (json!({ "mock": "mcp-server", "url": "http://10.0.0.1" }), "`url` is nothing that a bundle carries"),
        (
            json!({ "mock": "gateway", "given": { "upstreams": { "a": "http://10.0.0.1/" } } }),
            "`given.upstreams.a` names an address",
        ),
        (json!({ "mock": "mcp-server", "given": { "x": "${env:HOME}" } }), "`given.x` has a variable"),
        (
            json!({ "mock": "gateway", "upstreams": { "a": { "recorded": "/etc/passwd" } } }),
            "`upstreams.a.recorded` names a file",
        ),
        (json!({ "mock": "gateway", "upstreams": { "a": { "mock": "\u{1b}[2J" } } }), "there is no mock `\\x1b[2J`"),
        (json!({ "mock": "nobody" }), "there is no mock `nobody` in this Gauntlet"),
        (json!({ "mock": "mcp-server", "versions": "x" }), "invalid type"),
        (json!("mcp-server"), "its entry is no mapping"),
    ] {
        let archive = described(&entry, &[]);
        let bundle = Bundle::open(&archive.path).expect("a bundle");
        let error = bundle.config(&GivenSecrets::default()).expect_err("refused").to_string();
        assert!(error.starts_with("its target cannot be run: ") && error.contains(expected), "{entry}: {error}");
        assert!(!error.contains('\u{1b}'), "{error}");
    }
}

#[test]
fn only_snapshots_are_read_as_such() {
    let manifest = manifest().to_string();
    let own: [(&str, &[u8]); 2] = [("bundle.json", manifest.as_bytes()), ("scenario.yaml", SCENARIO.as_bytes())];
    let foreign: [(&str, &[u8]); 6] = [
        ("scenario.snap/../up.snap", b"no"),
        ("scenario.snap//etc/passwd.snap", b"no"),
        ("scenario.snap/a/b.snap", b"no"),
        ("scenario.snap/scenario.snap/c.snap", b"no"),
        ("scenario.snap/.snap", b"no"),
        ("other.snap/2025-06-18.snap", b"no"),
    ];
    let good: [(&str, &[u8]); 1] = [("scenario.snap/2025-06-18.snap", b"yes")];
    let bundle = Bundle::open(&archive(&[&own[..], &foreign, &good].concat()).path).expect("a bundle");
    assert_eq!(bundle.snapshots().iter().collect::<Vec<_>>(), [("2025-06-18.snap", "yes")]);
    let large = vec![b' '; 2 << 20];
    let bomb: [(&str, &[u8]); 1] = [("scenario.snap/2025-06-18.snap", &large)];
    assert_eq!(told(&archive(&[&own[..], &bomb].concat())), "its scenario.snap/2025-06-18.snap is larger than 1 MiB");
}

#[test]
fn recordings_are_bounded_too() {
    let entry = json!({ "mock": "gateway", "upstreams": { "up": { "recorded": "recording-1.har" } } });
    let told = |har: &[u8]| told(&described(&entry, &[("recording-1.har", har)]));
    assert_eq!(told(&vec![b' '; 33 << 20]), "its recording-1.har is larger than 32 MiB");
    assert!(told(b"junk").starts_with("its recording-1.har cannot be read: "));
    assert_eq!(told(b"\xff"), "its recording-1.har is not valid UTF-8");
}

#[test]
fn what_is_no_bundle_is_told() {
    let good = manifest().to_string();
    let good = good.as_bytes();
    assert!(told(&saved(b"not an archive")).starts_with("it is no archive that can be read"));
    assert!(told(&saved(b"")).starts_with("it is no archive that can be read"));
    assert_eq!(told(&archive(&[("a.txt", b"a")])), "it has no bundle.json, so it is no bundle");
    assert_eq!(told(&archive(&[("../bundle.json", good)])), "it has no bundle.json, so it is no bundle");
    assert_eq!(
        told(&archive(&[("bundle.json", b"{}")])),
        "its format is \"none\"; this Gauntlet reads gauntlet-bundle/1"
    );
    assert!(told(&archive(&[("bundle.json", br#"{"format":"gauntlet-bundle/2"}"#)])).contains("gauntlet-bundle/2"));
    assert!(
        told(&archive(&[("bundle.json", br#"{"format":"gauntlet-bundle/1"}"#)]))
            .starts_with("its bundle.json is broken: missing field")
    );
    assert_eq!(told(&archive(&[("bundle.json", good)])), "it has no scenario.yaml");
    assert_eq!(
        told(&archive(&[("bundle.json", good), ("scenario.yaml", b"\xff")])),
        "its scenario.yaml is not valid UTF-8"
    );
    let missing = Bundle::open(std::path::Path::new("/nowhere/bug.zip")).expect_err("refused");
    assert!(matches!(missing, BundleError::Io(_)));
}

#[test]
fn bombs_do_not_go_off() {
    let manifest = manifest().to_string();
    let large = vec![b' '; 20 << 20];
    let bomb = archive(&[("bundle.json", manifest.as_bytes()), ("scenario.yaml", &large)]);
    assert!(std::fs::metadata(&bomb.path).expect("a file").len() < 100_000);
    assert_eq!(told(&bomb), "its scenario.yaml is larger than 1 MiB");
    let names: Vec<String> = (0..200).map(|i| format!("{i}")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    assert_eq!(told(&archive(&many)), "it has more than 100 files in it");
    let long = tempfile::tempdir().expect("a folder");
    let path = long.path().join("long.zip");
    std::fs::File::create(&path).and_then(|file| file.set_len(65 << 20)).expect("made");
    assert_eq!(Bundle::open(&path).expect_err("refused").to_string(), "it is larger than 64 MiB");
}

#[test]
fn a_link_out_of_the_archive_is_not_followed() {
    let manifest = manifest().to_string();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    zip.start_file("bundle.json", stored).expect("begun");
    zip.write_all(manifest.as_bytes()).expect("written");
    zip.add_symlink("scenario.yaml", "/etc/passwd", stored).expect("added");
    let link = saved(&zip.finish().expect("finished").into_inner());
    assert_eq!(told(&link), "its scenario.yaml is not a regular file");
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in [("bundle.json", manifest.as_str()), ("scenario.yaml", SCENARIO)] {
        zip.start_file(name, stored).expect("begun");
        zip.write_all(text.as_bytes()).expect("written");
    }
    zip.add_symlink("scenario.snap/2025-06-18.snap", "/etc/passwd", stored).expect("added");
    let link = saved(&zip.finish().expect("finished").into_inner());
    assert_eq!(told(&link), "its scenario.snap/2025-06-18.snap is not a regular file");
}
