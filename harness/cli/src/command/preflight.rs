//! What is missing before a run can begin, told at once and for all targets.

use std::sync::Arc;
use std::time::Duration;

use anstream::eprintln;
use gauntlet::target::{Missing, preflight};
use gauntlet::{CancellationToken, Filter, ScenarioSet, Target};
use gauntlet_reports::{Event, RunInfo, RunSummary, sanitize};
use tokio::runtime::Runtime;

use super::reporting::Reporters;
use crate::exit::{Exit, Outcome};

/// Asks the targets. What is missing goes to standard error.
pub(super) fn missing(
    runtime: &Runtime,
    set: &Arc<ScenarioSet>,
    targets: &[Arc<Target>],
    filter: &Filter,
    patience: Duration,
    cancel: &CancellationToken,
) -> Vec<Missing> {
    // An interrupted one leaves it to the run, which ends at once.
    let asked = cancel.run_until_cancelled(preflight(set, targets, filter, patience));
    let missing = runtime.block_on(asked).unwrap_or_default();
    if !missing.is_empty() {
        tell(&missing);
    }
    missing
}

fn tell(missing: &[Missing]) {
    let red = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Red.into()));
    let things = if missing.len() == 1 { "something is" } else { "several things are" };
    eprintln!("{red}error{red:#}: {things} missing; no scenario was run");
    let width = missing.iter().map(|m| m.target.chars().count()).max().unwrap_or(0);
    for Missing { target, what, problem, remedy } in missing {
        eprintln!("  {target:<width$}  {:<11}  {}", what.to_string(), sanitize::inline(problem));
        eprintln!("  {:<width$}  {:<11}  → {remedy}", "", "");
    }
    eprintln!("  `--preflight never` runs the scenarios all the same");
}

/// Leaves reports that say why nothing ran.
pub(super) fn report(reporters: Reporters, missing: &[Missing], info: RunInfo) -> Outcome {
    let mut reporters = reporters.without_console();
    let what: Vec<String> = missing.iter().map(|m| format!("{}: {}", m.target, m.problem)).collect();
    let interrupted = Some(format!("preflight: {}", what.join("; ")));
    reporters.event(&Event::RunStarted(info));
    reporters.event(&Event::RunFinished(RunSummary { interrupted, ..RunSummary::default() }));
    reporters.finish()?;
    Ok(Exit::Infrastructure)
}
