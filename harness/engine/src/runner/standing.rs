//! Whether the verdict of a case counts.

use gauntlet_reports::{CaseResult, Standing};

use super::RunOptions;

/// What is known of the case beforehand.
pub(super) fn of(result: &CaseResult, options: &RunOptions) -> Option<Standing> {
    options.baseline.as_ref()?.standing(result, options.environment.as_deref())
}
