//! The mock `mcp-server` on the wire, version by version.
#![allow(clippy::unwrap_used)]

mod defects;
mod http;
mod sdk;
mod stateless;
mod stdio;
mod streams;
mod support;
