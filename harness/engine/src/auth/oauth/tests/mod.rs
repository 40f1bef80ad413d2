//! The whole client against servers on loopback.

#![expect(clippy::unwrap_used, reason = "tests")]

mod lab;
mod main_path;
