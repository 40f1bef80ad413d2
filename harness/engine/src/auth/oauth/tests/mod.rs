//! The whole client against servers on loopback.

#![expect(clippy::unwrap_used, reason = "tests")]

mod authorization;
mod browser;
mod discovery;
mod hostile;
mod lab;
mod lifecycle;
mod main_path;
mod registration;
mod settings;
mod sharing;
mod store;
mod token;
