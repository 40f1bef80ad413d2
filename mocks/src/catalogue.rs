//! Which mocks there are.

use futures_util::future::BoxFuture;

use crate::agentcore_gateway;
use crate::aws_mcp;
use crate::aws_proxy;
use crate::gateway;
use crate::handle::MockHandle;
use crate::idp;
use crate::kiro_gateway;
use crate::kiro_runtime;
use crate::mcp_server;
use crate::remote_proxy;
use crate::start::{StartError, StartOptions};
use crate::sts;

/// What is known of a mock before it is started.
#[derive(Debug, Clone, Copy)]
pub struct MockInfo {
    /// Name in `gauntlet.yaml` and on the command line.
    pub name: &'static str,
    /// What it stands for.
    pub title: &'static str,
    /// MCP versions that it speaks over HTTP by default, oldest first; empty if it has no protocol version.
    pub versions: &'static [&'static str],
    /// Who opens and closes a session with it.
    pub lifecycle: MockLifecycle,
    /// Transports it speaks.
    pub transports: &'static [MockTransport],
    /// Departures from JSON-RPC that the real system is known for: `null-error` (an `error: null` beside the result, or the other
    /// way round), `string-null-id`.
    pub departures: &'static [&'static str],
    /// Misbehaviour it can be told to show.
    pub defects: &'static [DefectInfo],
}

/// Who opens and closes a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MockLifecycle {
    /// As the protocol version asks.
    Auto,
    /// Nobody: JSON-RPC alone, no protocol version.
    Bare,
}

/// A transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MockTransport {
    /// Streamable HTTP.
    Http,
    /// Standard input and output.
    Stdio,
}

/// A named misbehaviour: how a check proves that it can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefectInfo {
    /// Name in `defects:` and for `--defect`.
    pub id: &'static str,
    /// What the mock then does, in one sentence.
    pub summary: &'static str,
}

/// How a mock is started.
pub(crate) type StartMock = fn(StartOptions) -> BoxFuture<'static, Result<MockHandle, StartError>>;

/// Every mock and how it is started, by name.
pub(crate) const MOCKS: &[(&MockInfo, StartMock)] = &[
    (&agentcore_gateway::INFO, |options| Box::pin(agentcore_gateway::start(options))),
    (&aws_mcp::INFO, |options| Box::pin(aws_mcp::start(options))),
    (&aws_proxy::INFO, |options| Box::pin(aws_proxy::start(options))),
    (&gateway::INFO, |options| Box::pin(gateway::start(options))),
    (&idp::INFO, |options| Box::pin(idp::start(options))),
    (&kiro_gateway::INFO, |options| Box::pin(kiro_gateway::start(options))),
    (&kiro_runtime::INFO, |options| Box::pin(kiro_runtime::start(options))),
    (&mcp_server::INFO, |options| Box::pin(mcp_server::start(options))),
    (&remote_proxy::INFO, |options| Box::pin(remote_proxy::start(options))),
    (&sts::INFO, |options| Box::pin(sts::start(options))),
];

/// Every mock, by name.
#[must_use]
pub fn all() -> Vec<&'static MockInfo> {
    MOCKS.iter().map(|(info, _)| *info).collect()
}

/// The mock with this name.
#[must_use]
pub fn info(name: &str) -> Option<&'static MockInfo> {
    MOCKS.iter().map(|(info, _)| *info).find(|info| info.name == name)
}
