//! Numbers and names as people write them.

use crate::model::{CaseId, Level, Verdict};

/// `1 case`, `2 cases`.
pub(crate) fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", plural(n, one, many))
}

/// `case` or `cases`.
pub(crate) fn plural<'a>(n: u64, one: &'a str, many: &'a str) -> &'a str {
    if n == 1 { one } else { many }
}

/// `0.004s`.
pub(crate) fn seconds(ms: f64) -> String {
    format!("{:.3}s", ms / 1000.0)
}

/// The verdict as a column head.
pub(crate) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Skip => "SKIP",
        Verdict::Untestable => "UNTESTABLE",
        Verdict::Warn => "WARN",
        Verdict::Fail => "FAIL",
        Verdict::Error => "ERROR",
    }
}

/// The verdict inside a sentence.
pub(crate) fn verdict_lower(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Skip => "skip",
        Verdict::Untestable => "untestable",
        Verdict::Warn => "warn",
        Verdict::Fail => "fail",
        Verdict::Error => "error",
    }
}

/// `MUST`.
pub(crate) fn level(level: Level) -> &'static str {
    match level {
        Level::May => "MAY",
        Level::Should => "SHOULD",
        Level::Must => "MUST",
    }
}

/// `scenario [a=b]@2025-06-18`: the case without its target.
pub(crate) fn case_name(id: &CaseId) -> String {
    let mut whole = id.to_string();
    let suffix = " on ".len() + id.target.len();
    whole.truncate(whole.len().saturating_sub(suffix));
    whole
}
