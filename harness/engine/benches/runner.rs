//! The runner against a bare reqwest loop that sends the same requests, in one process: look at the ratio.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::routing::post;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gauntlet::config::TargetSpec;
use gauntlet::{CancellationToken, Filter, RunOptions, ScenarioSet, Target};
use gauntlet_format::scenario::Lifecycle;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const SCENARIOS: usize = 100;

async fn serve() -> String {
    let echo = async |Json(request): Json<Value>| {
        Json(json!({ "jsonrpc": "2.0", "id": request["id"], "result": { "text": request["params"]["text"] } }))
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().route("/mcp", post(echo))).await });
    format!("http://{address}/mcp")
}

fn write_scenarios(folder: &std::path::Path) {
    for i in 0..SCENARIOS {
        let text = format!(
            "id: bench.s{i}\ntitle: Echo\ntarget: bench\nsteps:\n  - call: echo\n    params: {{ text: \"{i}\" }}\n    expect: {{ \
             status: 200, result: {{ text: \"{i}\" }}, answer: {{ id: 1 }} }}\n"
        );
        std::fs::write(folder.join(format!("s{i}.yaml")), text).expect("a scenario file");
    }
}

async fn run(folder: PathBuf, target: TargetSpec) {
    let set = Arc::new(ScenarioSet::at(&[folder]).expect("scenario files"));
    let options = Arc::new(RunOptions { jobs: 2, ..RunOptions::default() });
    let targets = vec![Arc::new(Target::new(target))];
    let summary = gauntlet::run(set, targets, Filter::default(), options, CancellationToken::new(), |_| {}).await;
    assert_eq!(summary.pass, SCENARIOS as u64, "{summary:?}");
}

async fn floor(url: String) {
    let one = async |i: usize| {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "echo", "params": { "text": i.to_string() } });
        let request = client.post(&url).header("content-type", "application/json").body(body.to_string());
        let bytes = request.send().await.expect("an answer").bytes().await.expect("a body");
        let answer: Value = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!(answer["id"], 1);
    };
    for i in 0..SCENARIOS {
        one(i).await;
    }
}

fn runner(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    write_scenarios(folder.path());
    let url = runtime.block_on(serve());
    let mut target = TargetSpec::url("bench", &url);
    target.lifecycle = Some(Lifecycle::Bare);
    let mut group = criterion.benchmark_group("100 scenarios, one request each");
    group.sample_size(20).throughput(Throughput::Elements(SCENARIOS as u64));
    group.bench_function("bare reqwest loop", |b| b.iter(|| runtime.block_on(floor(url.clone()))));
    group.bench_function("gauntlet", |b| {
        b.iter(|| runtime.block_on(run(folder.path().to_owned(), target.clone())));
    });
    group.finish();
}

criterion_group!(benches, runner);
criterion_main!(benches);
