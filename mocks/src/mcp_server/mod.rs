//! The mock `mcp-server`: a conforming MCP server of every version, which is the official Rust SDK behind a thin layer.
//!
//! - `handler`: what it serves, as an SDK handler (tools, resources, prompts, completion, logging, subscriptions).
//! - `sessions`: sessions, streams and resumption, as the SDK's session manager.
//! - `gate`: Streamable HTTP; `stdio`: standard input and output. Both make good where the SDK departs from a version
//!   of the specification (their own documentation says where) and show the `defects`.
//! - `mangle`: defects that show in messages, whatever carries them.

mod config;
mod defects;
mod fixtures;
mod gate;
mod handler;
mod instance;
mod mangle;
pub(crate) mod rpc;
mod sessions;
mod sse;
mod stdio;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};

use self::config::{Settings, Transport};
use self::defects::{Defect, Defects};
pub(crate) use self::instance::start;
use crate::catalogue::{MockInfo, MockLifecycle, MockTransport};
use crate::config::{CommonConfig, ConfigError};
use crate::defect::Defect as _;
use crate::start::StartError;

pub(crate) const NAME: &str = "mcp-server";

/// What is known of the server before it is started.
pub(crate) static INFO: MockInfo = MockInfo {
    name: NAME,
    title: "a conforming MCP server of every version, the official Rust SDK",
    versions: &["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"],
    lifecycle: MockLifecycle::Auto,
    transports: &[MockTransport::Http, MockTransport::Stdio],
    departures: &[],
    defects: Defect::INFOS,
};

/// The server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum McpServerError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] StartError),
    /// Standard input or output failed.
    #[error("stdio of mcp-server: {0}")]
    Io(#[from] std::io::Error),
}

impl From<ConfigError> for McpServerError {
    fn from(error: ConfigError) -> Self {
        Self::Config(StartError::config(NAME, error))
    }
}

/// Serves one client over a pair of streams, one message a line, until the reader ends.
///
/// `config` is the same as over HTTP: an object, or null for the defaults; `defects` may stand beside its members. 2024-11-05
/// is spoken here too.
///
/// # Errors
///
/// The configuration is wrong, or reading or writing failed.
pub async fn serve_stdio(
    config: Value,
    reader: impl AsyncRead + Send + Unpin + 'static,
    writer: impl AsyncWrite + Send + Unpin + 'static,
) -> Result<(), McpServerError> {
    let common = CommonConfig::split(config)?;
    let defects = Defects::default();
    defects.set(&common.defects)?;
    let settings = Settings::read(Value::Object(common.rest), Transport::Stdio)?;
    stdio::serve(handler::Shared::new(settings, defects), reader, writer).await
}
