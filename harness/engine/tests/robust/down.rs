//! No scenario of the shipped packs passes on a target that does not work, whatever the scenario expects.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gauntlet::config::{Allow, TargetSpec};
use gauntlet::{Filter, RunOptions, ScenarioSet};
use gauntlet_format::Version;
use gauntlet_reports::Verdict;
use serde_json::{Map, json};

use crate::support::{JSON, parrot, response, run_set, serve};

/// Everything allowed and provided, so that as much as possible is run.
fn open_to_everything(url: &str, versions: Option<Vec<Version>>) -> TargetSpec {
    let tool = json!({ "name": "echo", "arguments": { "text": "x", "message": "x" } });
    let known = gauntlet_mocks::info("mcp-server").expect("the reference server is embedded");
    let names = fixtures_of_the_packs();
    let fixtures: Map<_, _> = names.into_iter().map(|name| (name, tool.clone())).collect();
    assert!(!known.versions.is_empty());
    TargetSpec {
        roles: vec!["mcp-server".to_owned()],
        versions,
        fixtures,
        allow: Allow { hostile: true, writes: true },
        ..TargetSpec::url("broken", url)
    }
}

fn packs() -> Arc<ScenarioSet> {
    Arc::new(ScenarioSet::at(&[PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/mcp"))]).unwrap())
}

/// Every fixture that a scenario asks for.
fn fixtures_of_the_packs() -> Vec<String> {
    let set = packs();
    let mut names = Vec::new();
    for file in &set.files {
        if let gauntlet::runner::Loaded::Scenario(scenario) = set.load(file) {
            names.extend(scenario.requires.fixtures.iter().map(|key| key.name.clone()));
        }
    }
    names.sort();
    names.dedup();
    names
}

/// Runs the whole pack at every version; nothing may pass or warn, and only what does not apply may be left out.
async fn nothing_passes(what: &str, url: &str, step_timeout: Duration) {
    let every = vec![Version::V2025_03_26, Version::V2025_06_18, Version::V2025_11_25, Version::V2026_07_28];
    for versions in [Some(every), None] {
        let pinned = versions.is_some();
        let options = RunOptions { step_timeout, timeout: Duration::from_secs(10), jobs: 64, ..RunOptions::default() };
        let run = run_set(packs(), vec![open_to_everything(url, versions)], Filter::default(), options).await;
        let mut count: BTreeMap<Verdict, usize> = BTreeMap::new();
        run.cases().for_each(|case| *count.entry(case.verdict).or_default() += 1);
        let wrong: Vec<String> = run
            .cases()
            .filter(|case| matches!(case.verdict, Verdict::Pass | Verdict::Warn))
            .map(|case| format!("{} ({:?}) {}", case.id, case.verdict, case.place.file))
            .collect();
        assert!(
            wrong.is_empty(),
            "{} cases pass on a target that {what} (pinned: {pinned}):\n{}",
            wrong.len(),
            wrong.join("\n")
        );
        let judged = count.get(&Verdict::Fail).unwrap_or(&0) + count.get(&Verdict::Error).unwrap_or(&0);
        assert!(judged > 20, "hardly anything was run: {count:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_target_that_is_down() {
    nothing_passes("is down", "http://127.0.0.1:1/mcp", Duration::from_secs(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_target_that_accepts_and_never_answers() {
    let url = serve(async |peer| {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(peer);
    })
    .await;
    nothing_passes("never answers", &url, Duration::from_millis(150)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_target_that_closes_every_connection() {
    nothing_passes("closes every connection", &parrot(Vec::new()).await, Duration::from_secs(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_target_that_answers_500_to_everything() {
    let url = parrot(response("500 Internal Server Error", "", "")).await;
    nothing_passes("answers 500", &url, Duration::from_secs(2)).await;
    let url = parrot(response("500 Internal Server Error", "content-type: text/html\r\n", "<h1>500</h1>")).await;
    nothing_passes("answers 500 with a page", &url, Duration::from_secs(2)).await;
    let url = parrot(response("503 Service Unavailable", JSON, r#"{"message":"unavailable"}"#)).await;
    nothing_passes("answers 503 with JSON", &url, Duration::from_secs(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_target_that_answers_500_in_good_json_rpc() {
    let url = serve(async |peer| {
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":{},"error":{{"code":-32603,"message":"Internal error"}}}}"#, peer.id());
        peer.say(response("500 Internal Server Error", JSON, body)).await;
    })
    .await;
    nothing_passes("answers 500 with an error", &url, Duration::from_secs(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_target_that_redirects_everything() {
    let url = parrot(response("302 Found", "location: https://login.example.com/\r\n", "")).await;
    nothing_passes("redirects everything to a login page", &url, Duration::from_secs(2)).await;
}
