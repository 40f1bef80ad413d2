//! Known failures in the tests of `cargo test`: what the trials of a suite say with a baseline.

use std::path::{Path, PathBuf};

use gauntlet::baseline::BaselineFile;
use gauntlet::harness::Suite;
use gauntlet_reports::baseline::{Baseline, CheckName, Entry, Lines, add};
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

/// Texts that YAML would read as something else, or not at all, if they stood there bare.
const AWKWARD: [&str; 24] = [
    "plain words (with brackets)",
    "true",
    "No",
    "null",
    "~",
    "- dash",
    "a: b",
    "a #b",
    "#a",
    "{a}",
    "[a]",
    "&a",
    "*a",
    "!a",
    "%a",
    "@a",
    "`a`",
    "'quoted'",
    "\"quoted\"",
    "back\\slash",
    "2026-01-01",
    "1e3",
    " blank ",
    "\u{1b}[2J\u{7f}\u{85}\u{2028}\u{feff}é\n\t",
];

#[test]
fn whatever_an_entry_says_is_read_as_it_was_written() {
    let entry = |text: &str| Entry {
        // An asterisk would make it a glob, which says something of those before it.
        scenario: format!("of {}", text.replace('*', "+")),
        case: vec![(text.to_owned(), text.to_owned())],
        versions: vec![text.to_owned(), "2025-06-18".to_owned()],
        target: Some(text.to_owned()),
        environment: Some(text.to_owned()),
        checks: vec![CheckName { step: Some(3), label: text.trim().to_owned() }],
        reason: text.to_owned(),
        link: Some("https://example.com/a?b=c&d=%20#e".to_owned()),
        owner: Some(text.to_owned()),
        ..Entry::default()
    };
    let path = Path::new("baseline.yaml");
    let mut before = Baseline::empty("baseline.yaml".to_owned(), "2026-01-01".to_owned());
    // One after the other, so that each is appended to what was read.
    for text in AWKWARD {
        let changed = add(&before, vec![entry(text)]);
        assert_eq!(changed.added, 1, "{text:?}");
        before =
            BaselineFile::parse(path, &changed.text).unwrap_or_else(|e| panic!("{e:?}: {}", changed.text)).baseline;
    }
    let read: Vec<Entry> = before.entries.iter().map(|e| Entry { lines: Lines::default(), ..e.clone() }).collect();
    assert_eq!(read, AWKWARD.map(entry));
}

#[test]
fn a_large_baseline_is_read_and_written() {
    let entries = (0..3000).map(|i| Entry {
        scenario: format!("pack.scenario-{i}"),
        target: Some("staging".to_owned()),
        reason: "as it is".to_owned(),
        ..Entry::default()
    });
    let empty = Baseline::empty("baseline.yaml".to_owned(), "2026-01-01".to_owned());
    let changed = add(&empty, entries.collect());
    let read = BaselineFile::parse(Path::new("baseline.yaml"), &changed.text).expect("readable");
    assert_eq!(read.baseline.entries.len(), 3000);
    let twice = add(&read.baseline, read.baseline.entries.clone());
    assert!(twice.is_none(), "what is there is not added again");
    assert_eq!(twice.text, changed.text);
}
