//! 0 conforms, 1 does not, 2 usage or scenario file, 3 infrastructure.

use crate::support::{FAILS, Folder, PASSES, nowhere, response, serve};

const UNKNOWN_KEY: &str =
    "id: typo\ntitle: x\ntarget: mcp-server\nsteps:\n  - call: tools/list\n    expects: { status: 200 }\n";

#[test]
fn zero_for_what_conforms() {
    let folder = Folder::new(&[("scenarios/good.yaml", PASSES)]);
    folder.run(&["run"]).assert_code(0).assert_says("2 pass");
}

#[test]
fn one_for_what_does_not() {
    let folder = Folder::new(&[("scenarios/good.yaml", PASSES), ("scenarios/bad.yaml", FAILS)]);
    folder.run(&["run"]).assert_code(1).assert_says("1 fail");
    folder.run(&["run", "good.*"]).assert_code(0);
}

#[test]
fn one_for_a_defect_that_is_switched_on() {
    let folder = Folder::new(&[("scenarios/good.yaml", PASSES)]);
    folder.run(&["run", "--defect", "mcp-server:tools-list-without-input-schema"]).assert_code(1);
    folder.run(&["run", "--defect", "no-such-defect"]).assert_code(2).assert_says("gauntlet mock --list");
}

#[test]
fn a_warning_is_red_only_when_strict() {
    let warns = "id: warns\ntitle: x\ntarget: mcp-server\nversions: 2025-06-18\ntransport: http\nproves: [SHOULD]\nsteps:\n  - call: tools/list\n    expect: { status: 299 }\n";
    let requirements = gauntlet::conformance::Requirements::builtin();
    let version = Some("2025-06-18".parse().unwrap());
    let should = requirements
        .ids()
        .find(|id| {
            let r = requirements.get(id).unwrap();
            r.level == gauntlet::conformance::Level::Should
                && r.since.is_none_or(|since| Some(since) <= version)
                && r.until.is_none_or(|until| version <= Some(until))
        })
        .unwrap();
    let folder = Folder::new(&[("scenarios/warns.yaml", &warns.replace("SHOULD", should))]);
    folder.run(&["run"]).assert_code(0).assert_says("1 warning");
    folder.run(&["run", "--strict"]).assert_code(1).assert_says("1 warning");
}

#[test]
fn two_for_usage() {
    let folder = Folder::new(&[("scenarios/good.yaml", PASSES)]);
    for arguments in [
        &["run", "--no-such-flag"][..],
        &["run", "nothing.*"],
        &["run", "no/such/file.yaml"],
        &["run", "--jobs", "0"],
        &["run", "--timeout", "soon"],
        &["run", "--target", "no-such-target"],
        &["run", "--report", "json"],
        &["run", "--report", "pdf=x.pdf"],
        &["run", "--mcp-version", "2020-01-01"],
        &["run", "--config", "no-such.yaml"],
        &["list", "nothing.*"],
        &["explain", "nothing.at.all"],
        &["mock", "no-such-mock"],
        &["audit", "--mock", "no-such-mock"],
        &["check", "no/such/folder"],
        &[],
    ] {
        let said = folder.run(arguments);
        said.assert_code(2);
        assert!(!said.err.is_empty(), "{arguments:?} is refused without a word");
    }
}

#[test]
fn two_for_a_scenario_file_that_is_wrong() {
    let folder = Folder::new(&[("scenarios/good.yaml", PASSES), ("scenarios/typo.yaml", UNKNOWN_KEY)]);
    folder.run(&["run"]).assert_code(2).assert_says("2 pass").assert_says("scenarios/typo.yaml:6:5");
    folder.run(&["check"]).assert_code(2);
    folder.run(&["list"]).assert_code(2).assert_says("good.list");
}

#[test]
fn three_for_a_target_that_is_not_there() {
    let folder = Folder::new(&[("scenarios/good.yaml", PASSES)]);
    let url = nowhere();
    folder.run(&["run", "--target", &url]).assert_code(3).assert_says("refused");
    folder.run(&["probe", &url]).assert_code(3).assert_says("refused");
    folder.run(&["run", "--target", "https://surely-not-there.invalid/mcp"]).assert_code(3);
}

#[test]
fn three_for_credentials_that_are_missing() {
    let config = "targets:\n  mcp-server: { url: 'http://127.0.0.1:9/mcp', auth: { bearer: '${secret:env:GAUNTLET_SURELY_UNSET}' } }\n";
    let folder = Folder::new(&[("scenarios/good.yaml", PASSES), ("gauntlet.yaml", config)]);
    folder.run(&["run"]).assert_code(3).assert_says("GAUNTLET_SURELY_UNSET is not set");
}

#[test]
fn three_when_nothing_could_be_judged() {
    let lonely = PASSES.replace("target: mcp-server", "target: billing-gateway");
    let folder = Folder::new(&[("scenarios/lonely.yaml", &lonely)]);
    folder.run(&["run"]).assert_code(3).assert_says("1 untestable").assert_says("--target billing-gateway=URL");
}

#[test]
fn a_target_that_answers_500_is_not_conforming_nor_unreachable() {
    let url = serve(|_, _| response("500 Internal Server Error", "", ""));
    let folder = Folder::new(&[("scenarios/good.yaml", PASSES)]);
    let said = folder.run(&["run", "--target", &url]);
    assert!(matches!(said.code, Some(1 | 3)), "{}", said.both());
    said.assert_says("HTTP 500");
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_anything_runs() {
    let folder = Folder::new(&[("scenarios/good.yaml", PASSES)]);
    folder.run(&["run", "--report", "json=no/such/folder/x.json"]).assert_code(2).assert_says("no/such/folder/x.json");
}
