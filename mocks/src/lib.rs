//! Mocked MCP systems for Gauntlet, each with a journal, configuration and defects.
//!
//! Every mock is reached through a [`front`]: an accept loop that records each request and answer in the [`Journal`] and
//! can misbehave on the wire. Behind it stands the system itself: a wiremock server where an answer is one document, an
//! axum service where it streams.
//!
//! ```no_run
//! # async fn example() -> Result<(), gauntlet_mocks::StartError> {
//! use gauntlet_mocks::{StartOptions, start};
//!
//! let options = StartOptions { config: serde_json::json!({ "account": "identity-center" }), ..StartOptions::default() };
//! let mock = start("kiro-runtime", options).await?;
//! assert!(mock.url().ends_with("/mcp"));
//! # Ok(())
//! # }
//! ```

mod agentcore_gateway;
mod answer;
mod aws;
mod aws_mcp;
mod aws_proxy;
mod catalogue;
mod clock;
mod config;
mod control;
mod defect;
mod duration;
pub mod faults;
pub mod front;
mod gateway;
mod handle;
mod idp;
mod in_force;
mod instance;
pub mod journal;
mod jwt;
mod kiro_gateway;
mod kiro_runtime;
mod mcp;
mod mcp_server;
mod outbound;
mod remote_proxy;
mod setup;
pub mod sigv4;
mod start;
pub mod stdio;
mod sts;
pub mod stub;

pub use catalogue::{DefectInfo, MockInfo, MockLifecycle, MockTransport, all, info};
pub use control::ControlError;
pub use handle::MockHandle;
pub use journal::{Journal, JournalEntry, JournalLimits, JournalResponse};
pub use start::{StartError, StartOptions, start};
