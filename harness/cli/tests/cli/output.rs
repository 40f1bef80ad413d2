//! Output to the letter, durations and ports aside.

use std::path::Path;

use crate::support::{FAILS, Folder, PASSES, root};

/// Durations, ports, session ids and padding after them replaced.
fn normal(text: &str) -> String {
    let replacements = [
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"\d+\.\d+s\b", "N.NNs"),
        (r"after \d+ ms", "after N ms"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
        (r"date: .* GMT", "date: DATE"),
        (r"gauntlet/\d+\.\d+\.\d+", "gauntlet/VERSION"),
        (r#""version": ?"\d+\.\d+\.\d+""#, r#""version":"VERSION""#),
    ];
    let mut text = text.to_owned();
    for (pattern, by) in replacements {
        text = regex::Regex::new(pattern).unwrap().replace_all(&text, by).into_owned();
    }
    text
}

/// Compares with a file; `GAUNTLET_BLESS=1` writes it.
fn snapshot(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/snapshots").join(name);
    let actual = normal(actual);
    if std::env::var_os("GAUNTLET_BLESS").is_some() {
        std::fs::write(&path, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(actual == expected, "not as in {}:\n{actual}", path.display());
}

#[test]
fn a_run_that_passes() {
    let folder = Folder::new(&[("scenarios/good.yaml", PASSES)]);
    let said = folder.run(&["run"]);
    assert_eq!(said.err, "");
    snapshot("pass.txt", &said.out);
    snapshot("pass-all.txt", &folder.run(&["run", "--all"]).out);
    snapshot("pass-quiet.txt", &folder.run(&["run", "--quiet"]).out);
}

#[test]
fn a_failure() {
    let folder = Folder::new(&[("scenarios/bad.yaml", FAILS)]);
    snapshot("failure.txt", &folder.run(&["run"]).assert_code(1).out);
}

#[test]
fn a_dead_target() {
    let folder = Folder::new(&[("scenarios/good.yaml", PASSES)]);
    let run = ["run", "--target", "http://127.0.0.1:1/mcp"];
    snapshot("dead.txt", &folder.run(&run).assert_code(3).err);
    let run = [&run[..], &["--preflight", "never"]].concat();
    snapshot("dead-run.txt", &folder.run(&run).assert_code(3).out);
}

#[test]
fn errors_that_check_finds() {
    let typo = "id: typo\ntitle: x\ntarget: mcp-server\nsteps:\n  - call: tools/list\n    expect: { status: 200, result: { tools: { $tpe: array } } }\n";
    let unknown = PASSES
        .replace("good.list", "unknown")
        .replace("target: mcp-server", "proves: [tools.list.shap]\ntarget: mcp-server");
    let folder =
        Folder::new(&[("scenarios/a.yaml", typo), ("scenarios/b.yaml", &unknown), ("scenarios/c.yaml", PASSES)]);
    let said = folder.run(&["check"]);
    snapshot("check.txt", &format!("{}{}", said.err, said.out));
}

#[test]
fn a_list() {
    let folder = Folder::new(&[("scenarios/good.yaml", PASSES), ("scenarios/bad.yaml", FAILS)]);
    snapshot("list.txt", &folder.run(&["list"]).assert_code(0).out);
    let json = folder.run(&["list", "--format", "json"]).assert_code(0).out.clone();
    let ids: Vec<String> = json
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, ["bad.status", "good.list"]);
}

#[test]
fn the_mocks() {
    let said = Folder::new(&[]).run(&["mock", "--list"]);
    said.assert_code(0);
    let heads: Vec<&str> = said.out.lines().filter(|l| !l.starts_with(' ')).collect();
    snapshot("mocks.txt", &format!("{}\n", heads.join("\n")));
    for info in gauntlet_mocks::all() {
        for defect in info.defects {
            assert!(said.out.contains(defect.id), "{} is not listed", defect.id);
        }
    }
}

#[test]
fn explanations() {
    let folder = Folder::new(&[("scenarios/bad.yaml", FAILS)]);
    snapshot("explain-scenario.txt", &folder.run(&["explain", "bad.status"]).assert_code(0).out);
    snapshot("explain-requirement.txt", &folder.run(&["explain", "tools.list.shape"]).assert_code(0).out);
    folder.run(&["explain", "tools.list.shap"]).assert_code(2).assert_says("did you mean `tools.list.shape`");
}

#[test]
fn probes_of_mocks() {
    // An issuer where nobody listens: nothing beyond loopback is asked.
    let config = "targets:\n  agentcore-gateway: { mock: agentcore-gateway, given: { authorization_servers: ['http://127.0.0.1:1/oauth2/default'] } }\n";
    let folder = Folder::new(&[("gauntlet.yaml", config)]);
    snapshot("probe-mcp-server.txt", &folder.run(&["probe", "mcp-server"]).assert_code(0).out);
    snapshot("probe-agentcore-gateway.txt", &folder.run(&["probe", "agentcore-gateway"]).out);
}

#[test]
fn every_help_that_needs_one_has_an_example() {
    let folder = Folder::new(&[]);
    for command in [
        &["--help"][..],
        &["run", "--help"],
        &["check", "--help"],
        &["mock", "--help"],
        &["probe", "--help"],
        &["merge", "--help"],
    ] {
        let said = folder.run(command);
        said.assert_code(0);
        assert!(said.out.contains("Example"), "{command:?}: {}", said.out);
    }
    folder
        .run(&["--help"])
        .assert_says("Exit codes: 0 conforms, 1 does not, 2 usage or scenario file, 3 target unreachable");
}

#[test]
fn piped_output_has_no_colour_unless_asked_for() {
    let folder = Folder::new(&[("scenarios/bad.yaml", FAILS)]);
    assert!(!folder.run(&["run"]).out.contains('\u{1b}'));
    assert!(folder.run(&["run", "--color", "always"]).out.contains('\u{1b}'));
    assert!(!folder.run(&["run", "--color", "never"]).out.contains('\u{1b}'));
}

#[test]
fn reports_are_valid() {
    let folder = Folder::new(&[
        ("scenarios/good.yaml", PASSES),
        ("scenarios/bad.yaml", FAILS),
        ("scenarios/typo.yaml", "id: x\n"),
    ]);
    folder.run(&["run", "--report", "json=out.json", "--report", "junit=out.xml", "--keep-all"]).assert_code(2);
    crate::support::assert_valid_report(&folder.read("out.json"));
    let junit = folder.read("out.xml");
    assert!(junit.contains("<failure") && junit.contains("bad.status"), "{junit}");
}

#[test]
fn what_init_writes_runs() {
    let folder = Folder::new(&[]);
    folder.run(&["init"]).assert_code(0);
    folder.run(&["check", "--strict"]).assert_code(0);
    folder.run(&["run"]).assert_code(0);
    folder.run(&["init"]).assert_code(0).assert_says("it was there");
}

#[test]
fn the_schemas_are_schemas() {
    let folder = Folder::new(&[]);
    for kind in ["scenario", "report"] {
        let said = folder.run(&["schema", kind]);
        said.assert_code(0);
        let schema: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        jsonschema::meta::validate(&schema).unwrap_or_else(|e| panic!("{kind}: {e}"));
    }
}

#[test]
fn the_shipped_packs_are_free_of_lint() {
    let scenarios = root().join("scenarios");
    let folder = Folder::new(&[]);
    folder.run(&["check", "--strict", scenarios.to_str().unwrap()]).assert_code(0);
}
