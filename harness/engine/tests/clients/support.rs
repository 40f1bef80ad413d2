//! Targets that are clients, and runs of scenarios on them.

use gauntlet::config::{ClientSpec, Endpoint, TargetSpec};
use gauntlet_reports::{Event, Verbosity, Verdict};
use libtest_mimic::Failed;

use crate::common;

pub(crate) const CARELESS: &str = "careless-client";
pub(crate) const RMCP: &str = "rmcp-client";

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

/// A program in the role `client`; behind it an MCP server that wants nothing.
pub(crate) fn program(words: Vec<String>) -> TargetSpec {
    client(ClientSpec::Program(common::command(words)))
}

/// A bridge in the role `client`.
pub(crate) fn bridge(words: Vec<String>) -> TargetSpec {
    client(ClientSpec::Bridge(common::command(words)))
}

fn client(spec: ClientSpec) -> TargetSpec {
    TargetSpec { upstreams: common::server_as("gateway"), ..TargetSpec::new("client", Endpoint::Client(spec)) }
}

/// What a run of one scenario came to.
pub(crate) struct Run {
    events: Vec<Event>,
}

/// Runs the scenario on the target.
pub(crate) async fn run(target: TargetSpec, scenario: &str) -> Result<Run, Failed> {
    Ok(Run { events: common::run_one(target, scenario).await? })
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
        common::console(&self.events, Verbosity::Verbose)
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
