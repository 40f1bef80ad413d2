//! From a bug report to a minimal scenario that fails.

pub mod recording;
