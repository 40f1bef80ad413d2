//! The cases of scenarios on one side, for what it answers and not for what the scenarios expect.

use std::sync::Arc;

use gauntlet_reports::{CaseResult, Event, Exchange, Verdict};
use tokio_util::sync::CancellationToken;

use super::conversation;
use crate::runner::{Filter, RunOptions, ScenarioSet};
use crate::target::Target;

/// The cases of one run.
#[derive(Debug, Default)]
pub(super) struct Ran {
    /// In order, by their names without the target's.
    pub(super) cases: Vec<(String, Case)>,
    /// Where the target was.
    pub(super) endpoint: Option<String>,
}

#[derive(Debug)]
pub(super) struct Case {
    pub(super) verdict: Verdict,
    pub(super) transcript: Vec<Exchange>,
    /// Why it has none, or ended early.
    pub(super) reason: Option<String>,
}

impl Ran {
    /// Runs what the filter takes on the target, for the roles that it fills.
    pub(super) async fn on(target: Target, set: &Arc<ScenarioSet>, filter: &Filter, options: &RunOptions) -> Self {
        let name = target.spec.name.clone();
        let filter = Filter { roles: target.spec.roles.clone(), ..filter.clone() };
        let options = RunOptions { keep_all: true, retries: 0, fail_fast: false, ..options.clone() };
        let mut ran = Self::default();
        let targets = vec![Arc::new(target)];
        crate::run(Arc::clone(set), targets, filter, Arc::new(options), CancellationToken::new(), |event| {
            if let Event::CaseFinished(result) = event {
                ran.endpoint.get_or_insert_with(|| result.endpoint.clone());
                ran.cases.push(case(*result, &name));
            }
        })
        .await;
        ran
    }
}

fn case(result: CaseResult, target: &str) -> (String, Case) {
    let suffix = format!(" on {}", result.id.target);
    let id = result.id.to_string();
    let id = id.strip_suffix(&suffix).unwrap_or(&id).to_owned();
    let last = result.attempts.into_iter().next_back();
    let reason = last.as_ref().and_then(|attempt| attempt.reason.clone());
    let transcript = last.map(|attempt| conversation(&attempt.transcript, target)).unwrap_or_default();
    (id, Case { verdict: result.verdict, transcript, reason })
}
