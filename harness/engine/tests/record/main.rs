//! The recorder between clients and upstreams over loopback: what passes, and what is in the file.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod bodies;
mod endings;
mod lab;
mod passing;
mod rewriting;
mod tls;
