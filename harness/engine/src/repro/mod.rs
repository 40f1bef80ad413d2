//! From a bug report to a minimal scenario that fails.

pub mod ablate;
pub mod diagnose;
pub mod har;
pub mod minimize;
pub mod recording;
pub mod secrets;
