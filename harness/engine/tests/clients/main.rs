//! Client programs as targets: the official Rust SDK's client passes, and a careless one fails for just what it does wrong.
//!
//! The programs are in `examples/`. This test is them too, when it is started with their name, so that what is driven is
//! what was built with the test.

#[expect(dead_code, reason = "its `main` is for `cargo run --example`")]
#[path = "../../examples/careless_client/main.rs"]
mod careless_client;
#[path = "../common/mod.rs"]
mod common;
#[expect(dead_code, reason = "its `main` is for `cargo run --example`")]
#[path = "../../examples/rmcp_client.rs"]
mod rmcp_client;

mod drive;
mod intercept;
mod plain;
mod secrets;
mod sign_in;
mod support;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some(support::CARELESS) => return careless_client::run(arguments),
        Some(intercept::PLAIN) => return plain::run(arguments),
        Some(support::RMCP) => return rmcp_client::run(arguments),
        _ => {}
    }
    let signed_in = sign_in::trials().unwrap_or_else(|failed| vec![Trial::test("sign_in", || Err(failed))]);
    let trials: Vec<Trial> =
        drive::trials().into_iter().chain(intercept::trials()).chain(secrets::trials()).chain(signed_in).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
