//! What is known of a case beforehand, in words.

use crate::model::{CaseResult, KnownFailure, Standing, Verdict};
use crate::sanitize::{self, MAX_LINE};
use crate::words;

/// The head of a case's line: its standing where that decides, else its verdict.
pub(crate) fn head(result: &CaseResult) -> &'static str {
    match &result.standing {
        Some(Standing::Known(_)) => "KNOWN",
        Some(Standing::Fixed(_)) => "FIXED",
        Some(Standing::Expired(_)) => "EXPIRED",
        Some(Standing::Quarantined { .. }) => "QUARANTINE",
        Some(Standing::Changed { .. }) | None if result.flaky => "FLAKY",
        Some(Standing::Changed { .. }) | None => words::verdict(result.verdict),
    }
}

/// The verdict that a case looks like once its standing is taken into account: what is red looks red, what is excused does not.
pub(crate) fn weight(result: &CaseResult) -> Verdict {
    match &result.standing {
        Some(standing) if standing.excuses() => Verdict::Skip,
        Some(standing) if standing.is_red() => Verdict::Fail,
        _ if result.flaky => Verdict::Warn,
        _ => result.verdict,
    }
}

/// What a case counts as where there is but one verdict for it, as in JUnit: an excused failure is skipped, and what is red for
/// its standing is a failure.
pub(crate) fn counts_as(result: &CaseResult) -> Verdict {
    match (&result.standing, result.verdict) {
        (Some(standing), Verdict::Fail | Verdict::Error) if standing.excuses() => Verdict::Skip,
        (Some(standing), _) if standing.is_red() => Verdict::Fail,
        (_, verdict) => verdict,
    }
}

/// One sentence on a standing, and what to do about it where something is to be done.
pub(crate) fn sentence(standing: &Standing) -> String {
    let text = match standing {
        Standing::Known(known) => format!("known: {} ({})", known.reason, entry(known)),
        Standing::Changed { known, difference } => {
            format!("not as known: {difference} ({}: {})", entry(known), known.reason)
        }
        Standing::Fixed(known) => format!(
            "passes, but {} says that it fails: {}; take the entry out, as `gauntlet baseline prune` does",
            entry(known),
            known.reason
        ),
        Standing::Expired(known) => format!(
            "fails as {} says, which expired{}: {}; mend it, or decide on a new date",
            entry(known),
            known.expires.as_deref().map(|date| format!(" on {date}")).unwrap_or_default(),
            known.reason
        ),
        Standing::Quarantined { reason, until } => {
            format!(
                "in quarantine{}: {reason}",
                until.as_deref().map(|date| format!(" until {date}")).unwrap_or_default()
            )
        }
    };
    sanitize::line(&text, MAX_LINE).into_owned()
}

/// `baseline.yaml:12, owner, link`.
fn entry(known: &KnownFailure) -> String {
    let mut text = format!("{}:{}", known.file, known.line);
    for part in [&known.owner, &known.link].into_iter().flatten() {
        text.push_str(", ");
        text.push_str(part);
    }
    text
}
