//! The mock `mcp-server` on the wire, version by version.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod support;
mod http;
