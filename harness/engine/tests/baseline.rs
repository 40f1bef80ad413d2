//! Known failures in the tests of `cargo test`: what the trials of a suite say with a baseline.

use std::path::PathBuf;

use gauntlet::harness::Suite;
use libtest_mimic::Arguments;
use tempfile::TempDir;

const CONFIG: &str = "targets:\n  mcp-server: { mock: mcp-server }\n";

/// One case that fails, and one that passes.
const SCENARIO: &str = "\
id: odd.status
title: The list comes with this status
target: mcp-server
versions: 2025-06-18
transport: http
matrix: { status: [299, 200] }
steps:
  - call: tools/list
    expect: { status: '${status}' }
";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("gauntlet.yaml", CONFIG), ("odd.yaml", SCENARIO)].iter().chain(files) {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

fn suite(folder: &TempDir) -> Suite {
    Suite::new().scenarios(folder.path().join("odd.yaml")).config(folder.path().join("gauntlet.yaml"))
}

/// How many pass and fail.
fn outcome(suite: Suite) -> (u64, u64) {
    let conclusion = libtest_mimic::run(&Arguments::default(), suite.trials().expect("trials"));
    (conclusion.num_passed, conclusion.num_failed)
}

fn known(case: &str) -> String {
    format!("known_failures:\n  - {{ scenario: odd.status, case: {{ status: {case} }}, reason: it is odd }}\n")
}

#[test]
fn a_known_failure_is_a_passing_test_and_a_fixed_one_a_failing_one() {
    let folder = folder(&[("known.yaml", &known("299")), ("fixed.yaml", &known("200"))]);
    assert_eq!(outcome(suite(&folder)), (1, 1));
    assert_eq!(outcome(suite(&folder).baseline(folder.path().join("known.yaml"))), (2, 0));
    assert_eq!(outcome(suite(&folder).baseline(folder.path().join("fixed.yaml"))), (0, 2));
}

#[test]
fn the_configuration_names_the_baseline() {
    let config = format!("{CONFIG}baseline: known.yaml\n");
    let folder = folder(&[("known.yaml", &known("299")), ("gauntlet.yaml", &config)]);
    assert_eq!(outcome(suite(&folder)), (2, 0));
}

#[test]
fn a_baseline_that_names_nothing_there_is_ends_the_suite() {
    let folder = folder(&[("known.yaml", &known("298"))]);
    let refused =
        |path: PathBuf| suite(&folder).baseline(path).trials().map(|trials| trials.len()).expect_err("refused");
    let error = refused(folder.path().join("known.yaml"));
    assert!(error.contains("`status` is never `298`") && error.contains("known.yaml:2:"), "{error}");
    let error = refused(folder.path().join("nowhere.yaml"));
    assert!(error.contains("cannot read it"), "{error}");
}
