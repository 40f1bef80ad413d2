//! Targets that are clients, and runs of scenarios on them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gauntlet::config::{ClientSpec, CommandSpec, Endpoint, TargetSpec, UpstreamSpec};
use gauntlet::{CancellationToken, Filter, RunOptions, ScenarioSet, Target};
use gauntlet_reports::{ConsoleReporter, Event, Reporter as _, Style, Verbosity, Verdict};
use libtest_mimic::{Failed, Trial};
use serde_json::Map;

pub(crate) const CARELESS: &str = "careless-client";
pub(crate) const RMCP: &str = "rmcp-client";

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

/// A command that is this test under another name.
pub(crate) fn this_as(name: &str, arguments: &[&str]) -> Vec<String> {
    let path = std::env::current_exe().map_or_else(|_| "clients".to_owned(), |p| p.display().to_string());
    [path.as_str(), name].iter().chain(arguments).map(|word| (*word).to_owned()).collect()
}

/// A shell script that first lets the careless client do its work, since a client that speaks to nobody shows nothing.
pub(crate) fn script(text: &str) -> Vec<String> {
    let text = format!("\"$@\" < /dev/null > /dev/null 2>&1\n{text}");
    let shell = ["/bin/sh", "-c", &text, "sh"].map(str::to_owned);
    shell.into_iter().chain(this_as(CARELESS, &["${upstreams.gateway.endpoint}"])).collect()
}

fn command(words: Vec<String>) -> CommandSpec {
    CommandSpec {
        command: words,
        directory: None,
        environment: BTreeMap::new(),
        url: None,
        ready_path: None,
        ready_timeout: Duration::from_secs(1),
        shared: false,
        stdin: None,
    }
}

/// A program in the role `client`; behind it an MCP server that wants nothing.
pub(crate) fn program(words: Vec<String>) -> TargetSpec {
    client(ClientSpec::Program(command(words)))
}

/// A bridge in the role `client`.
pub(crate) fn bridge(words: Vec<String>) -> TargetSpec {
    client(ClientSpec::Bridge(command(words)))
}

fn client(spec: ClientSpec) -> TargetSpec {
    let server =
        UpstreamSpec { mock: "mcp-server".to_owned(), config: Map::new(), on_demand: false, intercept: Vec::new() };
    TargetSpec {
        upstreams: BTreeMap::from([("gateway".to_owned(), server)]),
        ..TargetSpec::new("client", Endpoint::Client(spec))
    }
}

/// What a run of one scenario came to.
pub(crate) struct Run {
    events: Vec<Event>,
}

/// Runs the scenario on the target.
pub(crate) async fn run(target: TargetSpec, scenario: &str) -> Result<Run, Failed> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("scenario.yaml"), scenario)?;
    let set = Arc::new(ScenarioSet::at(&[folder.path().to_owned()])?);
    let options = RunOptions { keep_all: true, ..RunOptions::default() };
    let events = Mutex::new(Vec::new());
    let take = |event| {
        if let Ok(mut events) = events.lock() {
            events.push(event);
        }
    };
    let targets = vec![Arc::new(Target::new(target))];
    gauntlet::run(set, targets, Filter::default(), Arc::new(options), CancellationToken::new(), take).await;
    Ok(Run { events: events.into_inner().map_err(|e| e.to_string())? })
}

impl Run {
    /// The worst verdict of the cases.
    fn verdict(&self) -> Option<Verdict> {
        let verdicts = self.events.iter().filter_map(|event| match event {
            Event::CaseFinished(result) => Some(result.verdict),
            _ => None,
        });
        verdicts.max()
    }

    /// Something is wrong with the client: a MUST or a SHOULD is broken.
    pub(crate) fn expect_red(&self) -> Result<(), Failed> {
        match self.verdict() {
            Some(Verdict::Fail | Verdict::Warn) => Ok(()),
            _ => Err(format!("expected a check to be red, found\n{}", self.console()).into()),
        }
    }

    /// All that leaves the run, in every form.
    pub(crate) fn everything(&self) -> Result<String, Failed> {
        Ok(format!("{}\n{}", self.console(), serde_json::to_string(&self.events)?))
    }

    /// Everything as the console shows it.
    pub(crate) fn console(&self) -> String {
        let style = Style { color: false, verbosity: Verbosity::Verbose };
        let mut console = ConsoleReporter::new(Vec::new(), style);
        let mut text = String::new();
        for event in &self.events {
            if let Err(error) = console.event(event) {
                let _ = write!(text, "{error}");
            }
        }
        text + &String::from_utf8_lossy(&console.into_inner())
    }

    /// The worst case has the verdict, and what is told holds the text.
    pub(crate) fn expect(&self, verdict: Verdict, told: &str) -> Result<(), Failed> {
        let console = self.console();
        if self.verdict() == Some(verdict) && console.contains(told) {
            return Ok(());
        }
        Err(format!("expected {verdict:?} and `{told}`, found\n{console}").into())
    }
}
