//! A client that knows nothing of Gauntlet: it posts to a real host, with the proxy and the roots of its environment.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use std::process::ExitCode;
use std::time::Duration;

/// Posts to each URL in turn and prints the statuses.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let arguments: Vec<String> = arguments.collect();
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let posted = runtime.block_on(async {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
        for url in &arguments {
            let answer = client.post(url).body("{}").send().await?;
            println!("{} {:?} {}", answer.status().as_u16(), answer.version(), answer.text().await?);
        }
        Ok::<(), reqwest::Error>(())
    });
    match posted {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
