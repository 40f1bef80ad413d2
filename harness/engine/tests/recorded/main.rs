//! What was recorded of real conversations with mocks: served again, and sent again.
#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;

mod http_sse;
mod replay;
mod stub;
mod support;
