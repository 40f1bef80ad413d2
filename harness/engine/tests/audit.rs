//! Every defect of every mock is caught by a check of the shipped packs, and every check can fail.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gauntlet::audit::{AuditOptions, AuditReport, Hints, audit};
use gauntlet::conformance::Proofs;
use gauntlet::{CancellationToken, Config, Filter, RunOptions, ScenarioSet};

#[tokio::test(flavor = "multi_thread")]
async fn the_packs_catch_every_defect_and_every_check_can_fail() {
    let packs = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios"));
    let set = Arc::new(ScenarioSet::at(&[packs]).expect("the packs are there"));
    // A defect that leaves a request unanswered costs the full time of a step.
    let run = RunOptions { step_timeout: Duration::from_secs(2), ..RunOptions::default() };
    // The whole table takes minutes; that each defect is caught at all does not.
    let options = AuditOptions { run, quick: true, hints: hints(), ..AuditOptions::default() };
    let config = Config::default();
    let cancel = CancellationToken::new();
    let report = audit(&set, &config.targets, &Filter::default(), &options, &cancel, &mut |_, _| {}).await;
    assert!(!report.defects.is_empty() && report.checks > 0, "nothing was audited: {report:?}");
    assert!(report.is_sound(), "{}", missing(&report));
    let lost = lost(&report);
    assert!(lost.is_empty(), "no longer shown to fail, `gauntlet audit --write-hints` writes what is: {lost:#?}");
}

/// What `scenarios/proofs.yaml` says and the audit did not find.
fn lost(report: &AuditReport) -> Vec<String> {
    let found = report.proofs(&Proofs::default());
    let known = Proofs::builtin().expect("the proofs are in their form");
    assert!(known.iter().next().is_some(), "nothing is known to be shown");
    let has = |id: &str, defect: &str| found.get(id).is_some_and(|proof| proof.defects.contains_key(defect));
    let pairs = known.iter().flat_map(|(id, proof)| proof.defects.keys().map(move |defect| (id, defect)));
    pairs.filter(|(id, defect)| !has(id, defect)).map(|(id, defect)| format!("{id} by {defect}")).collect()
}

/// Which scenario is known to catch which defect; a wrong entry costs time, not truth.
fn hints() -> Hints {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/defects.yaml"));
    let text = std::fs::read_to_string(&path).expect("the hints are there");
    let source = Arc::new(gauntlet_format::Source { path, text: text.into() });
    let node = gauntlet_format::yaml::parse(&source, 0).expect("the hints are YAML");
    serde_json::from_value(node.to_json()).expect("mock, defect, scenario")
}

/// What is not sound, one line each.
fn missing(report: &AuditReport) -> String {
    let mut text = String::from("the audit is not sound\n");
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let _ = writeln!(text, "\n{title} ({}):", lines.len());
            lines.iter().for_each(|line| {
                let _ = writeln!(text, "    {line}");
            });
        }
    };
    let uncaught = report.uncaught().map(|row| {
        let errors =
            if row.errors > 0 { format!("   ({} cases ended in an error)", row.errors) } else { String::new() };
        format!("{:<20} {}{errors}", row.mock, row.defect)
    });
    section("defects that no check caught", uncaught.collect());
    section("checks that nothing turned red", report.never_red.iter().map(ToString::to_string).collect());
    section("cases that are not green without a defect", report.not_green.clone());
    text
}
