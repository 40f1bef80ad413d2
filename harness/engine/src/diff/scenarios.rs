//! Scenarios on both sides, for what the sides answer and not for what the scenarios expect.

use std::collections::BTreeMap;
use std::sync::Arc;

use gauntlet_reports::compare::{Comparison, Runs};

use super::cases::Ran;
use super::{DiffError, DiffOptions, Sides};
use crate::config::TargetSpec;
use crate::runner::{Filter, Loaded, ScenarioSet};
use crate::target::Target;
use crate::target::instance::STUBS;

/// Runs them directly, directly again, and through the gateway.
pub(super) async fn run(
    sides: &Sides,
    roles: &[String],
    set: &Arc<ScenarioSet>,
    filter: &Filter,
    options: &DiffOptions,
) -> [Ran; 3] {
    let filter = Filter { versions: options.versions.clone(), ..filter.clone() };
    // A target of its own, so that one run learns nothing of another.
    let on = |side: &Target| {
        let target = Target::new(TargetSpec { roles: roles.to_vec(), ..side.spec.clone() });
        Ran::on(target, set, &filter, &options.run)
    };
    [on(&sides.direct).await, on(&sides.direct).await, on(&sides.through).await]
}

/// The roles of the selected scenarios. Those that bring their own stubs say nothing about either side.
///
/// # Errors
/// When none is selected, or files cannot be read: whether they were meant, nobody knows.
pub(super) fn roles(set: &ScenarioSet, filter: &Filter) -> Result<Vec<String>, DiffError> {
    let mut roles: Vec<String> = Vec::new();
    let mut broken = Vec::new();
    for file in &set.files {
        match set.load(file) {
            Loaded::Broken { diagnostics, .. } => broken.extend(diagnostics),
            Loaded::Scenario(scenario) => {
                let role = &scenario.target.name;
                if filter.takes(&scenario) && role != STUBS && !roles.contains(role) {
                    roles.push(role.clone());
                }
            }
        }
    }
    match (broken.is_empty(), roles.is_empty()) {
        (false, _) => Err(DiffError::Broken(broken)),
        (true, true) => Err(DiffError::NothingSelected),
        (true, false) => Ok(roles),
    }
}

/// Compares the cases that both sides have. Gives back how many these are.
pub(super) fn compare([direct, again, through]: &[Ran; 3], comparison: &mut Comparison) -> usize {
    let find = |ran: &Ran| -> BTreeMap<String, usize> {
        ran.cases.iter().enumerate().map(|(i, (id, _))| (id.clone(), i)).collect()
    };
    let (agains, throughs) = (find(again), find(through));
    let get = |ran: &'_ Ran, index: Option<&usize>| {
        index.and_then(|i| ran.cases.get(*i).map(|(_, case)| case.transcript.clone()))
    };
    let mut compared = 0;
    for (id, case) in &direct.cases {
        let other = throughs.get(id).and_then(|i| through.cases.get(*i)).map(|(_, case)| case);
        match other {
            Some(other) if !case.transcript.is_empty() && !other.transcript.is_empty() => {
                let again = get(again, agains.get(id)).unwrap_or_default();
                let runs = Runs { name: id, direct: &case.transcript, again: &again, through: &other.transcript };
                comparison.add(&runs);
                compared += 1;
            }
            other => {
                let reason = case.reason.clone().or_else(|| other.and_then(|other| other.reason.clone()));
                comparison.leave_open(id, reason.unwrap_or_else(|| "it runs on one side only".to_owned()));
            }
        }
    }
    compared
}

/// Why nothing was compared.
pub(super) fn why_nothing(ran: &[Ran; 3]) -> DiffError {
    let mut cases = ran.iter().flat_map(|ran| &ran.cases).peekable();
    if cases.peek().is_none() {
        return DiffError::NothingSelected;
    }
    let reason = cases.find_map(|(id, case)| Some(format!("{id}: {}", case.reason.as_ref()?)));
    DiffError::NothingCompared(reason.unwrap_or_else(|| "no case asks either side anything".to_owned()))
}
