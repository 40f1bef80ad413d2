//! Integration conformance test harness for the Model Context Protocol.
//!
//! Scenario files drive real or mocked MCP endpoints; every exchange is judged by what the scenario expects and by what
//! the protocol demands. This crate is the engine: targets, transports, lifecycles, auth, the runner and transcripts. A
//! gateway's own crate gets one `cargo test` test for each scenario through [`harness`].

pub mod audit;
mod auth;
pub mod baseline;
mod beside;
pub mod config;
pub mod conformance;
pub mod diff;
pub mod harness;
mod lifecycle;
mod packs;
pub mod repro;
pub mod runner;
pub mod snapshot;
pub mod target;
mod transcript;
mod transport;

pub use config::Config;
pub use runner::{Filter, RunOptions, ScenarioSet, run};
pub use target::Target;
pub use tokio_util::sync::CancellationToken;
pub use transcript::secrets::Secrets;
pub use transport::{Failure, FailureKind, Limits};
