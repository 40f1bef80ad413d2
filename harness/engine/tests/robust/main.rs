//! What must hold whatever the target does: every failure is a verdict with its cause, bounded in time and memory, and the
//! rest of the run goes on.

#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

mod down;
mod on_demand;
mod secrets;
mod stdio;
mod stubs;
mod support;
mod verdicts;
mod wire;
