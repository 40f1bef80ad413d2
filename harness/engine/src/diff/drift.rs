//! Where a mock no longer tells the truth: scenarios on the mock of their role and on the real system.

use std::collections::HashMap;
use std::sync::Arc;

use gauntlet_reports::Verdict;
use gauntlet_reports::compare::Side;
use gauntlet_reports::compare::drift::{Drift, DriftReport, Open};

use super::cases::{Case, Ran};
use super::{DiffError, scenarios};
use crate::config::{Config, TargetSpec};
use crate::runner::{Filter, RunOptions, ScenarioSet};
use crate::target::Target;

/// The mock that stands for the role, over the same transport if there is one.
#[must_use]
pub fn mock_of(role: &str, stdio: bool) -> Option<TargetSpec> {
    let embedded = Config::default();
    let mocks: Vec<&TargetSpec> = embedded.targets.iter().filter(|spec| spec.fills(role) && spec.is_mock()).collect();
    mocks.iter().find(|spec| spec.is_stdio() == stdio).or(mocks.first()).map(|spec| (*spec).clone())
}

/// Runs the selected scenarios on the real system and on the mock of its role, and says where these drift apart.
///
/// # Errors
/// When nothing is selected, no mock stands for the role, or the real system never answers.
pub async fn drift(
    set: Arc<ScenarioSet>,
    real: TargetSpec,
    filter: Filter,
    options: &RunOptions,
    mut drift: Drift,
    person: impl Fn(&Target),
) -> Result<DriftReport, DiffError> {
    let selected = scenarios::roles(&set, &filter)?;
    let roles: Vec<String> = real.roles.iter().filter(|role| selected.contains(role)).cloned().collect();
    if roles.is_empty() {
        return Err(DiffError::NothingSelected);
    }
    // Both sides fill one role at a time, whatever they are called.
    let filter = Filter { targets: Vec::new(), ..filter };
    let on = |spec: TargetSpec, role: &str| {
        let target = Target::new(TargetSpec { roles: vec![role.to_owned()], ..spec });
        person(&target);
        Ran::on(target, &set, &filter, options)
    };
    let (mut compared, mut answered) = (0, false);
    let (mut reason, mut mock_place, mut real_place) = (None, None, None);
    let mut mock_names = Vec::new();
    for role in roles {
        let Some(mock) = mock_of(&role, real.is_stdio()) else {
            return Err(DiffError::NothingCompared(format!("no mock stands for the role `{role}`")));
        };
        mock_names.push(mock.name.clone());
        let mock = on(mock, &role).await;
        let there = on(real.clone(), &role).await;
        mock_place = mock_place.or(mock.endpoint);
        real_place = real_place.or(there.endpoint);
        let mut others: HashMap<String, Case> = there.cases.into_iter().collect();
        for (id, case) in mock.cases {
            let Some(other) = others.remove(&id) else {
                drift.leave_open(
                    &id,
                    Open::Skipped,
                    "the real system does not speak this version, or runs no such case",
                );
                continue;
            };
            answered |= other.transcript.iter().any(|exchange| exchange.response.is_some());
            reason = reason.or_else(|| other.reason.clone());
            match why_open(&case, &other) {
                Some((kind, why)) => drift.leave_open(&id, kind, why),
                None => {
                    compared += 1;
                    drift.add(&id, &case.transcript, &other.transcript);
                }
            }
        }
    }
    let name = real.name.clone();
    if compared == 0 {
        let reason = reason.unwrap_or_else(|| "no case asks either side anything".to_owned());
        return Err(if answered {
            DiffError::NothingCompared(reason)
        } else {
            DiffError::Unreachable { side: "real", name, reason }
        });
    }
    let place = real_place.unwrap_or_else(|| real.place());
    let mock = Side { name: mock_names.join(", "), endpoint: mock_place.unwrap_or_default() };
    Ok(drift.finish(mock, Side { name, endpoint: options.secrets.redactor().redact(&place) }))
}

/// Why a pair of cases says nothing.
fn why_open(mock: &Case, real: &Case) -> Option<(Open, String)> {
    let why = |case: &Case| case.reason.clone().unwrap_or_else(|| "nothing was said".to_owned());
    let answered = |case: &Case| case.transcript.iter().any(|exchange| exchange.response.is_some());
    match real.verdict {
        Verdict::Untestable => return Some((Open::Untestable, why(real))),
        Verdict::Skip => return Some((Open::Skipped, why(real))),
        Verdict::Error if !answered(real) => return Some((Open::Unreachable, why(real))),
        _ => {}
    }
    if mock.transcript.is_empty() {
        return Some((Open::Mock, why(mock)));
    }
    real.transcript.is_empty().then(|| (Open::Unreachable, why(real)))
}
