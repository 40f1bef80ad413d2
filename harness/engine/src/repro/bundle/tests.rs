use std::io::{Cursor, Write as _};
use std::path::PathBuf;

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;
use crate::runner::Loaded;

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
    let names: Vec<String> = bundle.config().expect("a target").targets.into_iter().map(|spec| spec.name).collect();
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
        let error = Bundle::open(&archive.path).expect("a bundle").config().expect_err("refused").to_string();
        assert!(error.starts_with(expected), "{error}");
    }
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
}
