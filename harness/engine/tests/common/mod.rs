//! What the tests that run scenarios on targets of their own have in common.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gauntlet::config::{CommandSpec, TargetSpec, UpstreamSpec};
use gauntlet::{CancellationToken, Filter, RunOptions, ScenarioSet, Target};
use gauntlet_reports::{ConsoleReporter, Event, Reporter as _, RunSummary, Style, Verbosity};
use libtest_mimic::{Failed, Trial};
use serde_json::Map;

/// A test of its own name.
pub(crate) fn trial<F>(name: &str, test: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = Result<(), Failed>>,
{
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(test())
    })
}

/// A program over stdio.
pub(crate) fn command<W: Into<String>>(words: impl IntoIterator<Item = W>) -> CommandSpec {
    CommandSpec {
        command: words.into_iter().map(Into::into).collect(),
        directory: None,
        environment: BTreeMap::new(),
        url: None,
        ready_path: None,
        ready_timeout: Duration::from_secs(30),
        shared: false,
        stdin: None,
    }
}

/// An MCP server as the only upstream.
pub(crate) fn server_as(name: &str) -> BTreeMap<String, UpstreamSpec> {
    let server = UpstreamSpec {
        mock: "mcp-server".to_owned(),
        config: Map::new(),
        on_demand: false,
        recorded: None,
        intercept: Vec::new(),
    };
    BTreeMap::from([(name.to_owned(), server)])
}

/// All events of a run of one scenario, with everything kept.
pub(crate) async fn run_one(target: TargetSpec, scenario: &str) -> Result<Vec<Event>, Failed> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("scenario.yaml"), scenario)?;
    let set = Arc::new(ScenarioSet::at(&[folder.path().to_owned()])?);
    let options = RunOptions { keep_all: true, ..RunOptions::default() };
    Ok(run_set(set, vec![target], Filter::default(), options).await.0)
}

/// All events of a run, and its summary.
pub(crate) async fn run_set(
    set: Arc<ScenarioSet>,
    targets: Vec<TargetSpec>,
    filter: Filter,
    options: RunOptions,
) -> (Vec<Event>, RunSummary) {
    let targets = targets.into_iter().map(Target::new).map(Arc::new).collect();
    let events = Mutex::new(Vec::new());
    let take = |event| events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    let summary = gauntlet::run(set, targets, filter, Arc::new(options), CancellationToken::new(), take).await;
    (events.into_inner().unwrap_or_else(PoisonError::into_inner), summary)
}

/// The events as the console shows them.
pub(crate) fn console(events: &[Event], verbosity: Verbosity) -> String {
    let mut console = ConsoleReporter::new(Vec::new(), Style { color: false, verbosity });
    let written = events.iter().try_for_each(|event| console.event(event));
    let text = String::from_utf8_lossy(&console.into_inner()).into_owned();
    match written {
        Ok(()) => text,
        Err(error) => format!("{text}\n{error}"),
    }
}
