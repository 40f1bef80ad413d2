//! Gateways judged from both sides: relations between the hops, the order of what happened, and who is to blame.
//!
//! The gateway over stdio is a program; this test is it, when it is started with its name.

#[path = "../common/mod.rs"]
mod common;

mod blame;
mod gateway;
mod relations;
mod support;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(support::GATEWAY) {
        return gateway::run(arguments);
    }
    let trials: Vec<Trial> = blame::trials().into_iter().chain(relations::trials()).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
