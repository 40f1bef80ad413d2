//! Targets that misbehave, and runs against them.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gauntlet::config::{Endpoint, TargetSpec};
use gauntlet::{RunOptions, ScenarioSet};
use gauntlet_format::Version;
use gauntlet_reports::{CaseResult, Event, RunSummary, Verbosity, Verdict};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::common::{self, command};

/// One connection on which a request has been read.
pub(crate) struct Peer {
    pub stream: TcpStream,
    /// Request line and headers.
    pub head: String,
    pub body: Vec<u8>,
}

impl Peer {
    /// Writes the bytes and closes.
    pub(crate) async fn say(mut self, bytes: impl AsRef<[u8]>) {
        // The client may have had enough already.
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.shutdown().await;
    }

    /// Writes a piece again and again until the client has had enough.
    pub(crate) async fn flood(mut self, head: &str, piece: &[u8], every: Duration) {
        let mut alive = self.stream.write_all(head.as_bytes()).await.is_ok();
        while alive {
            alive = self.stream.write_all(piece).await.is_ok();
            if !every.is_zero() {
                tokio::time::sleep(every).await;
            }
        }
    }

    /// `id` of the JSON-RPC request, as it stands in JSON.
    pub(crate) fn id(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body.get("id").map_or_else(|| "null".to_owned(), ToString::to_string)
    }

    /// `method` of the JSON-RPC message.
    pub(crate) fn method(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body.get("method").and_then(|m| m.as_str()).unwrap_or_default().to_owned()
    }
}

/// An HTTP response that closes the connection.
pub(crate) fn response(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len())
            .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub(crate) const JSON: &str = "content-type: application/json\r\n";

/// A server that reads one request on each connection and then behaves as told. Gives back its URL.
pub(crate) async fn serve<F, Fut>(behave: F) -> String
where
    F: Fn(Peer) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let behave = Arc::new(behave);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let behave = Arc::clone(&behave);
            tokio::spawn(async move {
                if let Some(peer) = read_request(stream).await {
                    behave(peer).await;
                }
            });
        }
    });
    url
}

/// A server that says the same to everyone.
pub(crate) async fn parrot(bytes: Vec<u8>) -> String {
    let bytes: Arc<[u8]> = bytes.into();
    serve(move |peer| peer.say(Arc::clone(&bytes))).await
}

async fn read_request(mut stream: TcpStream) -> Option<Peer> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head
                .lines()
                .find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok())
                .unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                let body = bytes[end + 4..end + 4 + length].to_vec();
                return Some(Peer { stream, head, body });
            }
        }
        match stream.read(&mut chunk).await {
            Ok(n @ 1..) => bytes.extend_from_slice(&chunk[..n]),
            _ => return None,
        }
    }
}

/// A target at a URL that speaks 2025-06-18, so that nothing is asked before a scenario runs.
pub(crate) fn pinned(name: &str, url: &str) -> TargetSpec {
    TargetSpec { versions: Some(vec![Version::V2025_06_18]), ..TargetSpec::url(name, url) }
}

/// A stdio target: a shell script.
pub(crate) fn script(name: &str, script: &str) -> TargetSpec {
    let spec = TargetSpec::new(name, Endpoint::Command(command(["sh", "-c", script])));
    TargetSpec { versions: Some(vec![Version::V2025_06_18]), ..spec }
}

/// The embedded reference server, which does nothing wrong.
pub(crate) fn good() -> TargetSpec {
    TargetSpec { versions: Some(vec![Version::V2025_06_18]), ..TargetSpec::mock("mcp-server") }
}

/// A scenario that the good target passes.
pub(crate) const GOOD: &str = "\
id: good
title: The good target lists its tools
target: mcp-server
steps:
  - call: tools/list
    timeout: 10s
    expect: { status: 200, result: { tools: { $type: array } } }
";

/// Bounds that nothing reaches which answers, on a machine that has other work too.
pub(crate) fn quick() -> RunOptions {
    RunOptions { step_timeout: Duration::from_secs(10), timeout: Duration::from_secs(20), ..RunOptions::default() }
}

/// A short bound, for what is never there.
pub(crate) fn impatient() -> RunOptions {
    RunOptions { step_timeout: Duration::from_secs(1), ..quick() }
}

/// What a run said.
#[derive(Debug)]
pub(crate) struct Run {
    pub events: Vec<Event>,
    pub summary: RunSummary,
    pub took: Duration,
}

/// Runs scenario texts; each one's file is named after its place in the list.
pub(crate) async fn run(targets: Vec<TargetSpec>, scenarios: &[&str], options: RunOptions) -> Run {
    let folder = tempfile::tempdir().unwrap();
    for (i, text) in scenarios.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{i:03}.yaml")), text).unwrap();
    }
    run_at(targets, &[folder.path().to_owned()], options).await
}

/// Runs scenario files.
pub(crate) async fn run_at(targets: Vec<TargetSpec>, paths: &[PathBuf], options: RunOptions) -> Run {
    let set = Arc::new(ScenarioSet::at(paths).unwrap());
    run_set(set, targets, gauntlet::Filter::default(), options).await
}

pub(crate) async fn run_set(
    set: Arc<ScenarioSet>,
    targets: Vec<TargetSpec>,
    filter: gauntlet::Filter,
    options: RunOptions,
) -> Run {
    let started = Instant::now();
    let (events, summary) = common::run_set(set, targets, filter, options).await;
    Run { events, summary, took: started.elapsed() }
}

impl Run {
    pub(crate) fn cases(&self) -> impl Iterator<Item = &CaseResult> {
        self.events.iter().filter_map(|event| match event {
            Event::CaseFinished(result) => Some(result.as_ref()),
            _ => None,
        })
    }

    /// The only case of the scenario.
    pub(crate) fn case(&self, scenario: &str) -> &CaseResult {
        let mut found = self.cases().filter(|c| c.id.scenario == scenario);
        let case = found.next().unwrap_or_else(|| panic!("no case of {scenario} in {:#?}", self.events));
        assert!(found.next().is_none(), "{scenario} has several cases");
        case
    }

    /// Everything as the console shows it.
    pub(crate) fn console(&self) -> String {
        common::console(&self.events, Verbosity::Verbose)
    }

    /// The case has one of the verdicts, and what is told about it names the cause.
    pub(crate) fn assert_told(&self, scenario: &str, verdicts: &[Verdict], cause: &str) {
        let case = self.case(scenario);
        let told = told(case);
        assert!(verdicts.contains(&case.verdict), "{scenario}: {:?}, {told}", case.verdict);
        assert!(told.to_lowercase().contains(&cause.to_lowercase()), "{scenario}: `{cause}` is not named in: {told}");
    }
}

/// Reasons of a case and of its checks.
pub(crate) fn told(case: &CaseResult) -> String {
    let attempt = case.attempts.last().unwrap();
    let mismatches = attempt.checks.iter().flat_map(|c| c.mismatches.iter().map(|m| m.reason.as_str()));
    attempt.reason.as_deref().into_iter().chain(mismatches).collect::<Vec<_>>().join(" | ")
}

pub(crate) const NOT_A_PASS: &[Verdict] = &[Verdict::Fail, Verdict::Error];
pub(crate) const ERROR: &[Verdict] = &[Verdict::Error];
pub(crate) const FAIL: &[Verdict] = &[Verdict::Fail];

/// A request to the bad target without any handshake.
pub(crate) const BAD: &str = "\
id: bad
title: The bad target lists its tools
target: bad
lifecycle: manual
steps:
  - call: tools/list
    expect: { status: 200, result: { tools: { $type: array } } }
";

/// The same with the handshake, after asking for versions.
pub(crate) const BAD_AUTO: &str = "\
id: bad.auto
title: The bad target lists its tools
target: bad-auto
steps:
  - call: tools/list
    expect: { result: { tools: { $type: array } } }
";

/// Runs against a bad URL, with and without asking for versions before, and against a good target beside it. The bad ones
/// do not pass and say why, the good one passes, and all of it is bounded.
pub(crate) async fn against(url: &str, verdicts: &[Verdict], cause: &str) -> Run {
    against_spec(pinned("bad", url), verdicts, cause).await
}

pub(crate) async fn against_spec(spec: TargetSpec, verdicts: &[Verdict], cause: &str) -> Run {
    against_within(spec, quick(), verdicts, cause).await
}

/// As [`against`], for a target whose answer never comes or never ends.
pub(crate) async fn against_endless(spec: TargetSpec, cause: &str) -> Run {
    against_within(spec, impatient(), ERROR, cause).await
}

/// As [`against_spec`], with other bounds.
pub(crate) async fn against_within(spec: TargetSpec, options: RunOptions, verdicts: &[Verdict], cause: &str) -> Run {
    let asked =
        TargetSpec { name: "bad-auto".to_owned(), roles: vec!["bad-auto".to_owned()], versions: None, ..spec.clone() };
    let run = run(vec![spec, asked, good()], &[BAD, BAD_AUTO, GOOD], options).await;
    run.assert_told("bad", verdicts, cause);
    let auto = run.case("bad.auto");
    assert!(NOT_A_PASS.contains(&auto.verdict), "{:?}: {}", auto.verdict, told(auto));
    assert_eq!(run.case("good").verdict, Verdict::Pass, "{}", run.console());
    assert!(run.took < Duration::from_secs(20), "took {:?}", run.took);
    run
}
