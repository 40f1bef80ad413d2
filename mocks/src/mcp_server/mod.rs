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
mod live;
mod mangle;
pub(crate) mod rpc;
mod sessions;
mod sse;
mod stdio;

use self::defects::Defect;
pub(crate) use self::instance::{process, start};
use crate::catalogue::{MockInfo, MockLifecycle, MockTransport};
use crate::defect::Defect as _;

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
