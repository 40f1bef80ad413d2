//! `gauntlet coverage`

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gauntlet::Config;
use gauntlet::conformance::{Proofs, coverage};
use gauntlet::runner::{Loaded, any_glob};
use gauntlet_format::{Scenario, Version};
use gauntlet_reports::coverage::{Coverage, CoverageCounts, CoverageState, CoverageStyle, gather, write_coverage};
use gauntlet_reports::{Event, Verdict, saved};

use super::{audit, check, list, output, selection};
use crate::args::{CoverageArgs, CoverageFormat, StateChoice};
use crate::exit::{CommandError, Exit, Outcome};

/// Where an audit leaves what it found.
const PROOFS: &str = "scenarios/proofs.yaml";

pub(crate) fn run(args: &CoverageArgs) -> Outcome {
    let config = selection::config(args.config.as_deref())?;
    let mut matrix = matrix(&config, &args.scenarios, args.proofs.as_deref())?;
    if let Some(run) = &args.run {
        matrix.judge(&verdicts(run)?);
    }
    narrow(&mut matrix, args)?;
    let file = args.output.as_deref();
    match args.format {
        CoverageFormat::Text => output::write(file, |mut out, color| {
            write_coverage(&mut out, &matrix, CoverageStyle { color, totals_only: args.totals, named: args.named })
        })?,
        CoverageFormat::Json => output::json(file, &matrix)?,
    }
    let percent = CoverageCounts::of(&matrix.requirements).percent();
    let enough = args.fail_under.is_none_or(|least| percent >= u64::from(least));
    Ok(if enough { Exit::Conforms } else { Exit::DoesNotConform })
}

/// The requirements that the configuration knows, and what proves them.
pub(super) fn matrix(config: &Config, paths: &[PathBuf], named: Option<&Path>) -> Result<Coverage, CommandError> {
    let set = selection::scenarios(paths, config)?;
    let requirements = config.all_requirements().map_err(CommandError::usage)?;
    let mut scenarios: Vec<Arc<Scenario>> = Vec::new();
    for loaded in list::load_all(&set, &set.files) {
        match loaded {
            Loaded::Scenario(scenario) => scenarios.push(scenario),
            Loaded::Broken { path, diagnostics } => {
                check::show(&diagnostics)?;
                return Err(CommandError::usage(format!("what {} proves cannot be told", path.display())));
            }
        }
    }
    Ok(coverage(&requirements, &scenarios, &proofs(named)?))
}

fn proofs(named: Option<&Path>) -> Result<Proofs, CommandError> {
    if let Some(path) = named {
        let missing =
            || CommandError::usage(format!("there is no {}; `gauntlet audit --write-hints` writes it", path.display()));
        return audit::read_proofs(path)?.ok_or_else(missing);
    }
    match audit::read_proofs(Path::new(PROOFS))? {
        Some(proofs) => Ok(proofs),
        None => Proofs::builtin().map_err(CommandError::usage),
    }
}

/// The worst verdict of each requirement at each version in a saved run.
fn verdicts(path: &Path) -> Result<HashMap<(String, Option<String>), Verdict>, CommandError> {
    let cannot = |why: &dyn std::fmt::Display| CommandError::usage(format!("cannot read {}: {why}", path.display()));
    let file = File::open(path).map_err(|e| cannot(&e))?;
    let mut worst: HashMap<(String, Option<String>), Verdict> = HashMap::new();
    let read = saved::read(BufReader::new(file), &mut |event| {
        if let Event::CaseFinished(result) = event {
            gather(&mut worst, &result);
        }
        Ok(())
    });
    read.map_err(|e| cannot(&e))?;
    Ok(worst)
}

fn narrow(matrix: &mut Coverage, args: &CoverageArgs) -> Result<(), CommandError> {
    let versions: Vec<String> = args
        .mcp_version
        .iter()
        .map(|v| v.parse::<Version>().map(|v| v.to_string()).map_err(CommandError::usage))
        .collect::<Result<_, _>>()?;
    if !versions.is_empty() {
        matrix.keep_versions(&versions);
    }
    let states: Vec<CoverageState> = args.state.iter().map(|state| (*state).into()).collect();
    matrix.requirements.retain(|requirement| {
        any_glob(&args.ids, std::iter::once(requirement.id.as_str()))
            && (args.subject.is_empty() || args.subject.contains(&requirement.subject))
            && (states.is_empty() || states.contains(&requirement.state()))
    });
    if matrix.requirements.is_empty() {
        return Err(CommandError::usage("no requirement is selected; `gauntlet coverage` alone shows all there are"));
    }
    Ok(())
}

impl From<StateChoice> for CoverageState {
    fn from(choice: StateChoice) -> Self {
        match choice {
            StateChoice::Proved => Self::Proved,
            StateChoice::NeverShownToFail => Self::NeverShownToFail,
            StateChoice::NotCovered => Self::NotCovered,
            StateChoice::NotTestable => Self::NotTestable,
        }
    }
}
