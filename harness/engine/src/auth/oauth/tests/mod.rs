//! The whole client against servers on loopback.

#![expect(clippy::unwrap_used, reason = "tests")]

mod discovery;
mod hostile;
mod lab;
mod main_path;
