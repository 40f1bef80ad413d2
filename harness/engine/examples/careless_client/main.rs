//! An MCP client that signs in as the specification asks, and that can be told to be careless in one way or another: what
//! the checks of clients are shown to fail with. Each switch breaks one rule; without any it breaks none.
//!
//! ```console
//! $ careless_client http://127.0.0.1:8000/mcp --client-id cli --store tokens.json --ignores-state
//! ```
//!
//! It connects, lists the tools, calls the one that `GAUNTLET_TOOL` and `GAUNTLET_ARGUMENTS` name, and ends with 0 if that
//! had a result.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to whoever starts it")]

mod discovery;
mod http;
mod mcp;
pub(crate) mod options;
mod sign_in;
mod store;

use std::process::ExitCode;

use options::Options;

/// Why it gave up: one sentence.
type Problem = String;

fn main() -> ExitCode {
    run(std::env::args().skip(1))
}

/// Does what the arguments say. 0: the tool had a result; 1: it came to nothing; 2: the arguments are wrong.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    match mcp::Client::new(options).work().await {
        Ok(result) => {
            println!("{result}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}
