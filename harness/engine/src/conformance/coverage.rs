//! Requirement × version × scenario × defect.

use std::collections::BTreeMap;
use std::sync::Arc;

use gauntlet_format::{Scenario, Version, VersionWindow};
use gauntlet_reports::coverage::{COVERAGE_VERSION, Coverage, CoverageCell, CoverageState, CoveredRequirement};

use super::{Level, Proofs, Requirement, Requirements};
use crate::runner::report_level;

/// Why a permission that nothing proves is not counted as a gap.
const PERMISSION: &str = "a permission: nothing is broken without it";

/// The matrix of these requirements: which scenarios prove them, and what has shown that their checks can fail.
///
/// The checks that every exchange gets without a line in a scenario prove requirements too; they are known by the defects
/// that they catch.
#[must_use]
pub fn coverage(requirements: &Requirements, scenarios: &[Arc<Scenario>], proofs: &Proofs) -> Coverage {
    let mut proved_by: BTreeMap<&str, Vec<(&str, VersionWindow)>> = BTreeMap::new();
    for scenario in scenarios {
        for (requirement, versions) in scenario.proofs() {
            proved_by.entry(requirement).or_default().push((&scenario.id, versions));
        }
    }
    let row = |requirement: &Requirement| {
        let scenarios = proved_by.get(&*requirement.id).map_or(&[][..], Vec::as_slice);
        covered(requirement, scenarios, proofs)
    };
    let mut rows: Vec<CoveredRequirement> = requirements.iter().map(row).collect();
    // Themes in the order of their names, as the ids within them.
    rows.sort_by(|a, b| (&a.theme, &a.id).cmp(&(&b.theme, &b.id)));
    Coverage {
        schema: COVERAGE_VERSION.to_owned(),
        versions: Version::ALL.map(|version| version.to_string()).to_vec(),
        requirements: rows,
    }
}

fn covered(requirement: &Requirement, scenarios: &[(&str, VersionWindow)], proofs: &Proofs) -> CoveredRequirement {
    let proof = proofs.get(&requirement.id);
    let mut untestable = requirement.untestable.as_ref().map(ToString::to_string);
    let cell = |version: Option<Version>| {
        let text = version.map(|version| version.to_string());
        let holds =
            |window: VersionWindow| version.map_or_else(|| window.iter().next().is_some(), |v| window.contains(v));
        let mut scenarios: Vec<String> =
            scenarios.iter().filter(|(_, window)| holds(*window)).map(|(id, _)| (*id).to_owned()).collect();
        scenarios.sort_unstable();
        let defects: Vec<String> =
            proof.into_iter().flat_map(|p| p.defects_at(text.as_deref())).map(str::to_owned).collect();
        let altered = defects.is_empty() && proof.is_some_and(|p| p.altered_at(text.as_deref()));
        let state = match (scenarios.is_empty(), defects.is_empty()) {
            (_, false) => CoverageState::Proved,
            (false, true) => CoverageState::NeverShownToFail,
            (true, true) => CoverageState::NotCovered,
        };
        CoverageCell { version: text, state, scenarios, defects, altered, verdict: None }
    };
    let mut cells: Vec<CoverageCell> = match requirement.since {
        None => vec![cell(None)],
        Some(_) => Version::ALL.into_iter().filter(|v| requirement.holds_in(*v)).map(|v| cell(Some(v))).collect(),
    };
    let gap = cells.iter().all(|cell| cell.state == CoverageState::NotCovered);
    if gap && requirement.level == Level::May && untestable.is_none() {
        untestable = Some(PERMISSION.to_owned());
    }
    if untestable.is_some() {
        let gaps = cells.iter_mut().filter(|cell| cell.state == CoverageState::NotCovered);
        gaps.for_each(|cell| cell.state = CoverageState::NotTestable);
    }
    CoveredRequirement {
        id: requirement.id.to_string(),
        level: report_level(requirement.level),
        subject: requirement.subject.to_string(),
        theme: requirement.theme.to_string(),
        statement: requirement.statement.to_string(),
        link: requirement.link(),
        untestable,
        cells,
    }
}
