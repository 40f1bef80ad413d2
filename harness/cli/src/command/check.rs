//! `gauntlet check`

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use gauntlet::repro::diagnose;
use gauntlet::runner::Loaded;
use gauntlet::{ScenarioSet, snapshot};
use gauntlet_format::lint::{self, Known};
use gauntlet_format::{Diagnostic, Scenario, Severity, render};

use super::selection;
use crate::args::CheckArgs;
use crate::exit::{CommandError, Exit, Outcome};
use crate::terminal;

pub(crate) fn run(args: &CheckArgs) -> Outcome {
    let config = selection::config(args.config.as_deref())?;
    let set = selection::scenarios(&args.paths, &config)?;
    if set.files.is_empty() && set.signatures.is_empty() {
        return Err(CommandError::usage("there is no scenario file to check"));
    }
    let requirements = config.all_requirements().map_err(CommandError::usage)?;
    let requirement_ids: Vec<&str> = requirements.ids().collect();
    let mut roles: Vec<&str> = config.targets.iter().flat_map(|t| t.roles.iter().map(String::as_str)).collect();
    roles.dedup();
    let upstreams = config.targets.iter().flat_map(|t| t.upstreams.keys().map(String::as_str));
    let mocks: Vec<&str> = gauntlet_mocks::all()
        .into_iter()
        .map(|info| info.name)
        .chain(upstreams)
        .chain(["upstreams", "stubs"])
        .collect();
    let known = Known { requirements: &requirement_ids, targets: &roles, mocks: &mocks };
    let mut found = Vec::new();
    let mut summaries = Vec::new();
    let mut scenarios = Vec::new();
    for loaded in super::list::load_all(&set, &set.files) {
        match loaded {
            Loaded::Broken { diagnostics, .. } => found.extend(diagnostics),
            Loaded::Scenario(scenario) => {
                found.extend(lint::scenario(&scenario));
                let summary = lint::ScenarioSummary::from(scenario.as_ref());
                found.extend(lint::names(&summary, &known));
                summaries.push(summary);
                scenarios.push(scenario);
            }
        }
    }
    found.extend(lint::across(&summaries));
    found.extend(snapshot::stray(&set, &scenarios));
    let own = config.signature_files();
    let signature_files: BTreeSet<&PathBuf> = set.signatures.iter().chain(&own).collect();
    found.extend(signatures(&signature_files, &scenarios));
    show(&found)?;
    let errors = found.iter().filter(|d| d.severity == Severity::Error).count();
    let warnings = found.len() - errors;
    let plural = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    writeln!(
        std::io::stdout(),
        "{} checked: {}, {}",
        plural(set.files.len() + signature_files.len(), "file"),
        plural(errors, "error"),
        plural(warnings, "warning")
    )?;
    Ok(if errors > 0 || (args.strict && warnings > 0) { Exit::Usage } else { Exit::Conforms })
}

/// Everything that is wrong with files of signatures. They may be reproduced by scenarios that come with Gauntlet, too.
fn signatures(files: &BTreeSet<&PathBuf>, scenarios: &[Arc<Scenario>]) -> Vec<Diagnostic> {
    if files.is_empty() {
        return Vec::new();
    }
    let embedded = ScenarioSet::embedded();
    let shipped: Vec<Arc<Scenario>> = super::list::load_all(&embedded, &embedded.files)
        .into_iter()
        .filter_map(|loaded| match loaded {
            Loaded::Scenario(scenario) => Some(scenario),
            Loaded::Broken { .. } => None,
        })
        .collect();
    let ids: Vec<&str> = scenarios.iter().chain(&shipped).map(|scenario| scenario.id.as_str()).collect();
    files.iter().flat_map(|path| diagnose::check(path, &ids)).collect()
}

/// Diagnostics go to stderr, so that what a command lists can be piped.
pub(super) fn show(diagnostics: &[Diagnostic]) -> std::io::Result<()> {
    let mut err = anstream::stderr().lock();
    diagnostics.iter().try_for_each(|d| writeln!(err, "{}", render::render(d, terminal::color_on_stdout())))
}
