//! Whether the verdict of a case counts.

use gauntlet_reports::{CaseResult, Standing};

use super::RunOptions;

/// What is known of the case beforehand.
pub(super) fn of(result: &CaseResult, options: &RunOptions) -> Option<Standing> {
    let environment = options.environment.as_deref();
    let quarantined = options.quarantine.as_ref().and_then(|list| list.quarantined(result, environment));
    quarantined.or_else(|| options.baseline.as_ref()?.standing(result, environment))
}
