//! The proxy that signs for AWS, with the AWS MCP Server behind it.

#![expect(clippy::expect_used, reason = "tests")]

#[path = "../support/mod.rs"]
mod http;

mod configuration;
mod failures;
mod sessions;
mod support;
mod switching;
