//! Two or more whole runs.

pub mod merge;
