//! Two or more whole runs.

pub mod diff;
pub mod merge;
