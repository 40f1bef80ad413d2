//! `gauntlet explain`

use std::io::Write;
use std::sync::Arc;

use gauntlet::conformance::{Requirement, Requirements};
use gauntlet::repro::diagnose;
use gauntlet::runner::Loaded;
use gauntlet_format::Scenario;

use super::selection;
use crate::args::ExplainArgs;
use crate::exit::{CommandError, Exit, Outcome};

pub(crate) fn run(args: &ExplainArgs) -> Outcome {
    let config = selection::config(args.config.as_deref())?;
    let set = selection::scenarios(&[], &config)?;
    let requirements = config.all_requirements().map_err(CommandError::usage)?;
    let scenarios: Vec<Arc<Scenario>> = super::list::load_all(&set, &set.files)
        .into_iter()
        .filter_map(|loaded| match loaded {
            Loaded::Scenario(scenario) => Some(scenario),
            Loaded::Broken { .. } => None,
        })
        .collect();
    let mut out = std::io::stdout().lock();
    if let Some(scenario) = scenarios.iter().find(|s| s.id == args.id) {
        explain_scenario(&mut out, scenario, &requirements)?;
        return Ok(Exit::Conforms);
    }
    if let Some(requirement) = requirements.get(&args.id) {
        explain_requirement(&mut out, requirement, &scenarios)?;
        return Ok(Exit::Conforms);
    }
    let signatures = config.all_signatures().map_err(CommandError::usage)?;
    if let Some(signature) = signatures.get(&args.id) {
        out.write_all(diagnose::explain(signature).as_bytes())?;
        return Ok(Exit::Conforms);
    }
    let failures = signatures.iter().map(|signature| signature.id.name.as_str());
    let ids = scenarios.iter().map(|s| s.id.as_str()).chain(requirements.ids()).chain(failures);
    let near =
        gauntlet_format::diagnostic::did_you_mean(&args.id, ids).map(|hint| format!("; {hint}")).unwrap_or_default();
    Err(CommandError::usage(format!("no scenario, requirement or signature has the id `{}`{near}", args.id)))
}

fn explain_scenario(out: &mut impl Write, scenario: &Scenario, requirements: &Requirements) -> std::io::Result<()> {
    writeln!(out, "scenario {}", scenario.id)?;
    writeln!(out, "  {}", scenario.title)?;
    if let Some(description) = &scenario.description {
        writeln!(out, "  {}", description.trim().replace('\n', "\n  "))?;
    }
    if let Some(source) = scenario.sources.first() {
        writeln!(out, "  file       {}:{}", source.path.display(), scenario.id_span.line)?;
    }
    writeln!(out, "  target     {}", scenario.target.name)?;
    let versions: Vec<_> = scenario.versions.iter().map(|v| v.as_str()).collect();
    writeln!(out, "  versions   {}", versions.join(", "))?;
    for (name, values) in &scenario.matrix {
        writeln!(out, "  matrix     {}: {} values", name.name, values.len())?;
    }
    for (id, _) in scenario.proofs() {
        match requirements.get(id) {
            Some(r) => writeln!(out, "  proves     {id} ({}): {}", level(r), r.statement)?,
            None => writeln!(out, "  proves     {id} (not in any catalogue)")?,
        }
    }
    Ok(())
}

fn explain_requirement(
    out: &mut impl Write,
    requirement: &Requirement,
    scenarios: &[Arc<Scenario>],
) -> std::io::Result<()> {
    writeln!(out, "requirement {}", requirement.id)?;
    writeln!(out, "  {} for the {}: {}", level(requirement), subject(requirement), requirement.statement)?;
    let version = |v: Option<gauntlet_format::Version>| v.map(|v| v.to_string()).unwrap_or_default();
    if requirement.since.is_some() || requirement.until.is_some() {
        writeln!(out, "  versions   {}..{}", version(requirement.since), version(requirement.until))?;
    }
    writeln!(out, "  observe    {}", requirement.observe)?;
    if let Some(why) = &requirement.untestable {
        writeln!(out, "  untestable {why}")?;
    }
    if let Some(note) = &requirement.note {
        writeln!(out, "  note       {note}")?;
    }
    if let Some(link) = requirement.link() {
        writeln!(out, "  text       {link}")?;
    }
    if let Some(source) = &requirement.source {
        writeln!(out, "  source     {source}")?;
    }
    let mut any = false;
    for scenario in scenarios.iter().filter(|s| s.proofs().iter().any(|(id, _)| *id == requirement.id)) {
        any = true;
        writeln!(out, "  proved by  {}  {}", scenario.id, scenario.title)?;
    }
    if !any {
        writeln!(out, "  proved by  no scenario")?;
    }
    Ok(())
}

fn level(requirement: &Requirement) -> &'static str {
    requirement.level.as_str()
}

fn subject(requirement: &Requirement) -> String {
    format!("{:?}", requirement.subject).to_lowercase()
}
