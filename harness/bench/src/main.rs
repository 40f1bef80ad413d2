//! The other sides of the comparison that `speed.py` makes: a local server, a bare loop as the floor, scenario files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Json;
use axum::routing::post;
use clap::{Parser, Subcommand};
use serde_json::{Value, json};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(about = "Parts of Gauntlet's speed comparison; run harness/bench/speed.py")]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// A JSON-RPC server on a free port; prints its URL
    Serve {
        /// Milliseconds added to each answer
        #[arg(long, default_value_t = 0)]
        delay: u64,
    },
    /// The requests of the scenarios, sent by a bare reqwest loop: one connection for each scenario
    Floor {
        url: String,
        #[arg(long)]
        scenarios: usize,
        #[arg(long)]
        jobs: usize,
    },
    /// Scenario files: two or three requests each, five checks for each request
    Files {
        folder: PathBuf,
        #[arg(long)]
        scenarios: usize,
    },
}

fn main() -> Result<(), Error> {
    match Arguments::parse().part {
        Part::Serve { delay } => runtime()?.block_on(serve(Duration::from_millis(delay))),
        Part::Floor { url, scenarios, jobs } => runtime()?.block_on(floor(url, scenarios, jobs)),
        Part::Files { folder, scenarios } => files(&folder, scenarios),
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// How many requests scenario `i` makes: 2.5 on average.
fn requests(i: usize) -> usize {
    2 + i % 2
}

fn body(scenario: usize, request: usize) -> Value {
    json!({
        "jsonrpc": "2.0", "id": request + 1, "method": "tools/call",
        "params": { "name": "echo", "arguments": { "message": format!("scenario {scenario}, request {request}") } },
    })
}

#[expect(clippy::print_stdout, reason = "the URL is the output")]
async fn serve(delay: Duration) -> Result<(), Error> {
    let echo = async move |Json(request): Json<Value>| {
        tokio::time::sleep(delay).await;
        let text = request["params"]["arguments"]["message"].clone();
        Json(json!({
            "jsonrpc": "2.0", "id": request["id"],
            "result": { "content": [{ "type": "text", "text": text }], "isError": false },
        }))
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("http://{}/mcp", listener.local_addr()?);
    axum::serve(listener, axum::Router::new().route("/mcp", post(echo))).await?;
    Ok(())
}

async fn floor(url: String, scenarios: usize, jobs: usize) -> Result<(), Error> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..jobs {
        let (next, url) = (Arc::clone(&next), url.clone());
        workers.spawn(async move {
            loop {
                let scenario = next.fetch_add(1, Ordering::Relaxed);
                if scenario >= scenarios {
                    return Ok::<(), Error>(());
                }
                let client = bare_client()?;
                for request in 0..requests(scenario) {
                    let message = serde_json::to_vec(&body(scenario, request))?;
                    let response = client
                        .post(&url)
                        .header("accept", "application/json, text/event-stream")
                        .header("content-type", "application/json")
                        .body(message)
                        .send()
                        .await?;
                    let answer: Value = serde_json::from_slice(&response.bytes().await?)?;
                    if answer.get("result").is_none() {
                        return Err("no result".into());
                    }
                }
            }
        });
    }
    while let Some(done) = workers.join_next().await {
        done??;
    }
    Ok(())
}

/// The cheapest client there is: no certificate authorities are loaded, since nothing is encrypted here.
fn bare_client() -> Result<reqwest::Client, Error> {
    static TLS: std::sync::LazyLock<Result<rustls::ClientConfig, rustls::Error>> = std::sync::LazyLock::new(|| {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Ok(rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth())
    });
    let tls = TLS.as_ref().map_err(ToString::to_string)?.clone();
    Ok(reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build()?)
}

fn files(folder: &Path, scenarios: usize) -> Result<(), Error> {
    std::fs::create_dir_all(folder)?;
    for scenario in 0..scenarios {
        let mut text = format!(
            "id: bench.s{scenario:05}\ntitle: The echo tool gives back what it got\ntags: [bench]\ntarget: bench\nlifecycle: bare\nsteps:\n"
        );
        for request in 0..requests(scenario) {
            let message = format!("scenario {scenario}, request {request}");
            text.push_str(&format!(
                "  - call: tools/call\n    params: {{ name: echo, arguments: {{ message: \"{message}\" }} }}\n    expect:\n      \
                 status: 200\n      headers: {{ content-type: application/json }}\n      \
                 result: {{ content: [{{ type: text, text: \"{message}\" }}], isError: false }}\n      \
                 error: {{ $absent: true }}\n      answer: {{ jsonrpc: \"2.0\", id: {} }}\n",
                request + 1
            ));
        }
        std::fs::write(folder.join(format!("s{scenario:05}.yaml")), text)?;
    }
    Ok(())
}
