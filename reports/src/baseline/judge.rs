//! A result against the entries about its case.

use std::collections::BTreeSet;

use super::Baseline;
use super::entry::{CheckName, Entry};
use crate::model::{CaseResult, Standing, Verdict};
use crate::words;

pub(super) fn standing(baseline: &Baseline, result: &CaseResult, environment: Option<&str>) -> Option<Standing> {
    let about = || baseline.entries.iter().filter(|entry| entry.is_about(&result.id, environment));
    match result.verdict {
        Verdict::Skip | Verdict::Untestable => None,
        // What passes now and then is not mended.
        Verdict::Pass if result.flaky => None,
        Verdict::Pass => about().next().map(|entry| Standing::Fixed(entry.known(&baseline.file))),
        Verdict::Warn | Verdict::Fail | Verdict::Error => {
            let differences: Vec<(&Entry, Option<String>)> =
                about().map(|entry| (entry, difference(entry, result))).collect();
            let mut same = differences.iter().filter(|(_, difference)| difference.is_none()).map(|(entry, _)| *entry);
            let first = same.next();
            let valid = first.into_iter().chain(same).find(|entry| !baseline.is_past(entry));
            match (valid, first) {
                (Some(entry), _) => Some(Standing::Known(entry.known(&baseline.file))),
                (None, Some(entry)) => Some(Standing::Expired(entry.known(&baseline.file))),
                (None, None) => differences.into_iter().find_map(|(entry, difference)| {
                    let known = entry.known(&baseline.file);
                    Some(Standing::Changed { known, difference: difference? })
                }),
            }
        }
    }
}

pub(super) fn quarantined(list: &Baseline, result: &CaseResult, environment: Option<&str>) -> Option<Standing> {
    if matches!(result.verdict, Verdict::Skip | Verdict::Untestable) {
        return None;
    }
    let about = || list.entries.iter().filter(|entry| entry.is_about(&result.id, environment));
    if let Some(entry) = about().find(|entry| !list.is_past(entry)) {
        return Some(Standing::Quarantined { reason: entry.reason.clone(), until: entry.expires.clone() });
    }
    let failed = result.verdict != Verdict::Pass;
    about().next().filter(|_| failed).map(|entry| Standing::Expired(entry.known(&list.file)))
}

/// The checks that make the verdict.
pub(super) fn failing(result: &CaseResult) -> BTreeSet<CheckName> {
    let last = result.attempts.last();
    let of_verdict = |verdict| match result.verdict {
        Verdict::Warn => verdict == Verdict::Warn,
        _ => matches!(verdict, Verdict::Fail | Verdict::Error),
    };
    last.into_iter().flat_map(|a| &a.checks).filter(|c| of_verdict(c.verdict)).map(CheckName::of).collect()
}

/// How a failure is not the one of the entry; `None`: it is.
fn difference(entry: &Entry, result: &CaseResult) -> Option<String> {
    let same_verdict = match (entry.verdict, result.verdict) {
        (None, verdict) => verdict != Verdict::Error,
        // Less than what is known is no news.
        (Some(Verdict::Fail), Verdict::Warn) => true,
        (Some(wanted), verdict) => wanted == verdict,
    };
    let now = failing(result);
    let new: Vec<&CheckName> = now.iter().filter(|name| !entry.checks.iter().any(|known| known.covers(name))).collect();
    if !same_verdict {
        let known = words::verdict_lower(entry.verdict.unwrap_or(Verdict::Fail));
        return Some(format!("it is known as `{known}` and is `{}` now", words::verdict_lower(result.verdict)));
    }
    if entry.checks.is_empty() || new.is_empty() {
        return None;
    }
    let listed = |names: &[&CheckName]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let known: Vec<&CheckName> = entry.checks.iter().collect();
    let some_stay = new.len() < now.len();
    Some(if some_stay {
        format!("beside {} it fails on {} too", listed(&known), listed(&new))
    } else {
        format!("it fails on {}, and is known for {}", listed(&new), listed(&known))
    })
}
