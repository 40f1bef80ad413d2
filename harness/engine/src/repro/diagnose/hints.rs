//! What a case that went wrong is told to have in common with known failures.

use std::collections::BTreeSet;

use gauntlet_reports::{Attempt, Hint, Verdict};

use super::{Match, Signatures, diagnose};

/// Most hints of one try: more would not be read.
const MOST: usize = 3;

/// The best matches for a try that did not pass; none for one that did. Where checks say which exchanges are wrong, only what
/// these show counts: a scenario may provoke other refusals on purpose.
#[must_use]
pub fn hints(signatures: &Signatures, attempt: &Attempt) -> Vec<Hint> {
    if !matches!(attempt.verdict, Verdict::Fail | Verdict::Warn | Verdict::Error) {
        return Vec::new();
    }
    let questioned = questioned(attempt);
    let concerns =
        |found: &Match<'_>| questioned.as_ref().is_none_or(|list| found.exchanges().any(|at| list.contains(&at)));
    diagnose(signatures, &attempt.transcript)
        .into_iter()
        .filter(concerns)
        .take(MOST)
        .map(|found| hint(&found))
        .collect()
}

fn hint(found: &Match<'_>) -> Hint {
    let remedy = found.signature.remedies.first().map(|r| format!("{}: {}", r.who, r.action)).unwrap_or_default();
    Hint { id: found.signature.id.name.clone(), title: found.signature.title.clone(), remedy }
}

/// The exchanges that failed checks judge, those that caused them and those that they caused. `None`: a check that failed
/// is about none in particular, or no check failed.
fn questioned(attempt: &Attempt) -> Option<BTreeSet<usize>> {
    let failed = attempt.checks.iter().filter(|check| check.verdict > Verdict::Untestable);
    let judged: BTreeSet<usize> = failed.map(|check| check.exchange).collect::<Option<_>>()?;
    if judged.is_empty() {
        return None;
    }
    let cause = |at: usize| attempt.transcript.get(at).and_then(|exchange| exchange.cause);
    let fronts: BTreeSet<usize> = judged.iter().map(|at| cause(*at).unwrap_or(*at)).collect();
    let around = (0..attempt.transcript.len()).filter(|at| fronts.contains(&cause(*at).unwrap_or(*at)));
    Some(around.collect())
}
