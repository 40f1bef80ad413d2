//! Gateways between a client of Gauntlet and a mock server, and what a run of one scenario on them says.

use gauntlet::config::{CommandSpec, Endpoint, TargetSpec};
use gauntlet_format::Version;
use gauntlet_reports::{Attempt, Blame, Event, Party, Verbosity, Verdict};
use libtest_mimic::Failed;
use serde_json::{Value, json};

use crate::common;

/// Name under which this test is the gateway program.
pub(crate) const GATEWAY: &str = "stdio-gateway";

/// The mock gateway over HTTP, with a defect.
pub(crate) fn over_http(defect: Option<&str>) -> TargetSpec {
    let config = json!({ "upstreams": { "upstream": "${upstreams.server.url}" }, "defects": defect.as_slice() });
    let config = config.as_object().cloned().unwrap_or_default();
    gateway(Endpoint::Mock { mock: "gateway".to_owned(), config, stdio: false })
}

/// The program over stdio, with a fault.
pub(crate) fn over_stdio(fault: &str) -> TargetSpec {
    let this = std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_default();
    command(&[&this, GATEWAY, "${upstreams.server.endpoint}", fault], None)
}

/// Any program, over stdio or where it will listen.
pub(crate) fn command(words: &[&str], url: Option<&str>) -> TargetSpec {
    let command = common::command(words.iter().copied());
    gateway(Endpoint::Command(CommandSpec { url: url.map(str::to_owned), ..command }))
}

fn gateway(endpoint: Endpoint) -> TargetSpec {
    TargetSpec {
        upstreams: common::server_as("server"),
        versions: Some(vec![Version::V2025_06_18]),
        ..TargetSpec::new("gateway", endpoint)
    }
}

/// A call through the gateway, and what is done before and expected after.
pub(crate) fn calling(before: &str, expect: &str, after: &str) -> String {
    format!(
        "id: called\ntitle: x\ntarget: gateway\nsteps:\n  - call: tools/list\n{before}  - call: tools/call\n    params: {{ name: echo, arguments: {{ message: hello-there }} }}\n    expect: {expect}\n{after}"
    )
}

/// What a run of one scenario came to.
pub(crate) struct Run {
    pub attempt: Attempt,
    console: String,
}

/// Runs the scenario on the target.
pub(crate) async fn run(target: TargetSpec, scenario: &str) -> Result<Run, Failed> {
    let events = common::run_one(target, scenario).await?;
    let console = common::console(&events, Verbosity::Normal);
    let attempt = events.into_iter().find_map(|event| match event {
        Event::CaseFinished(result) => result.attempts.into_iter().next(),
        _ => None,
    });
    Ok(Run { attempt: attempt.ok_or_else(|| console.clone())?, console })
}

impl Run {
    fn unexpected(&self, what: &str) -> Failed {
        let Attempt { verdict, blame, .. } = &self.attempt;
        format!("expected {what}, found {verdict:?}, {blame:?}\n{}", self.console).into()
    }

    /// The case passes.
    pub(crate) fn expect_pass(&self) -> Result<(), Failed> {
        if self.attempt.verdict == Verdict::Pass { Ok(()) } else { Err(self.unexpected("a pass")) }
    }

    /// The case does not pass, the party is blamed on the hop, and the reason holds the text.
    pub(crate) fn expect_blame(&self, verdict: Verdict, party: Party, hop: &str, text: &str) -> Result<(), Failed> {
        let is_it = |b: &Blame| b.party == party && b.hop.to_string() == hop && b.reason.contains(text);
        let is_told = || self.console.contains(&format!("({hop})")) && self.console.contains("to blame: ");
        if self.attempt.verdict == verdict && self.attempt.blame.as_ref().is_some_and(is_it) && is_told() {
            return Ok(());
        }
        Err(self.unexpected(&format!("{verdict:?}, {party:?} on {hop}: {text}")))
    }

    /// The console shows the text.
    pub(crate) fn expect_told(&self, text: &str) -> Result<(), Failed> {
        if self.console.contains(text) { Ok(()) } else { Err(self.unexpected(text)) }
    }

    /// Each exchange behind the gateway stands right behind the one that it happened in, and within its time.
    pub(crate) fn expect_causal(&self) -> Result<(), Failed> {
        let transcript = &self.attempt.transcript;
        let mut last = None;
        let mut behind = 0;
        for (place, exchange) in transcript.iter().enumerate() {
            let Some(cause) = exchange.cause else {
                last = Some(place);
                continue;
            };
            behind += 1;
            let outer = &transcript[cause];
            let is_within = outer.started_ms <= exchange.started_ms;
            if exchange.hop.from != "gateway" || Some(cause) != last || !is_within {
                return Err(self.unexpected(&format!("exchange {place} after its cause {cause}")));
            }
        }
        if behind > 0 { Ok(()) } else { Err(self.unexpected("exchanges behind the gateway")) }
    }
}

/// A `control` step that makes the server behind misbehave on calls.
pub(crate) fn faulty(fault: &Value) -> String {
    let mut fault = fault.clone();
    fault["method"] = "tools/call".into();
    format!("  - control: {{ mock: server, faults: [{fault}] }}\n")
}
