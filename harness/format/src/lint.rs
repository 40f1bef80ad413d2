//! lint

/// Variables of the harness.
pub const ROOTS: &[&str] = &["version", "target", "upstreams", "fixtures", "env", "secret", "uuid", "now", "request", "vars"];
