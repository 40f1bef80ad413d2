//! The totals of a run, built from its events.

use std::collections::HashMap;

use crate::model::{Attempt, CaseResult, Event, RunSummary, Standing, Verdict};

/// Which requirements a run touched, and which of them it proved.
///
/// It grows with the number of requirements, not with the number of cases.
#[derive(Debug, Clone, Default)]
pub struct RequirementTally {
    worst: HashMap<String, Verdict>,
}

impl RequirementTally {
    /// Adds what one try says about requirements. Skipped and untestable checks touch nothing.
    pub fn add(&mut self, attempt: &Attempt) {
        for (id, verdict) in &attempt.requirements {
            if matches!(verdict, Verdict::Skip | Verdict::Untestable) {
                continue;
            }
            match self.worst.get_mut(id) {
                Some(worst) => *worst = (*worst).max(*verdict),
                None => {
                    self.worst.insert(id.clone(), *verdict);
                }
            }
        }
    }

    /// Requirements with at least one evaluated check.
    #[must_use]
    pub fn touched(&self) -> u64 {
        self.worst.len() as u64
    }

    /// Requirements of which every check passed.
    #[must_use]
    pub fn proved(&self) -> u64 {
        self.worst.values().filter(|verdict| **verdict == Verdict::Pass).count() as u64
    }
}

/// Builds the [`RunSummary`] of a run.
///
/// Of a case with several tries the last one counts, as it does for the verdict.
#[derive(Debug, Clone, Default)]
pub struct SummaryBuilder {
    summary: RunSummary,
    requirements: RequirementTally,
}

impl SummaryBuilder {
    /// Takes an event; those that count nothing are ignored.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::CaseFinished(result) => self.case(result),
            Event::Broken(_) => self.summary.broken += 1,
            Event::RunStarted(_) | Event::Target(_) | Event::CaseStarted { .. } | Event::RunFinished(_) => {}
        }
    }

    fn case(&mut self, result: &CaseResult) {
        let counter = match result.verdict {
            Verdict::Pass => &mut self.summary.pass,
            Verdict::Skip => &mut self.summary.skip,
            Verdict::Untestable => &mut self.summary.untestable,
            Verdict::Warn => &mut self.summary.warn,
            Verdict::Fail => &mut self.summary.fail,
            Verdict::Error => &mut self.summary.error,
        };
        *counter += 1;
        if result.flaky && result.verdict == Verdict::Pass {
            self.summary.flaky += 1;
        }
        if let Some(standing) = &result.standing {
            self.standing(standing, result.verdict);
        }
        if let Some(last) = result.attempts.last() {
            self.summary.checks.add(&last.counts);
            self.requirements.add(last);
        }
    }

    fn standing(&mut self, standing: &Standing, verdict: Verdict) {
        match standing {
            Standing::Known(_) => self.summary.known += 1,
            Standing::Fixed(_) => self.summary.fixed += 1,
            Standing::Expired(_) => self.summary.expired += 1,
            Standing::Quarantined { .. } => self.summary.quarantined += 1,
            Standing::Changed { .. } => {}
        }
        if standing.excuses() {
            match verdict {
                Verdict::Fail => self.summary.excused.fail += 1,
                Verdict::Warn => self.summary.excused.warn += 1,
                Verdict::Error => self.summary.excused.error += 1,
                Verdict::Pass | Verdict::Skip | Verdict::Untestable => {}
            }
        }
    }

    /// The totals so far. `interrupted` says why the run was cut short, if it was.
    #[must_use]
    pub fn build(&self, duration_ms: f64, interrupted: Option<String>) -> RunSummary {
        RunSummary {
            requirements_touched: self.requirements.touched(),
            requirements_proved: self.requirements.proved(),
            duration_ms,
            interrupted,
            ..self.summary.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CheckCounts;

    fn attempt(requirements: &[(&str, Verdict)]) -> Attempt {
        Attempt {
            counts: CheckCounts { must: 3, must_passed: 2, should: 1, should_passed: 1 },
            requirements: requirements.iter().map(|(id, v)| ((*id).to_owned(), *v)).collect(),
            ..Attempt::new(Verdict::Pass)
        }
    }

    #[test]
    fn one_bad_check_anywhere_takes_the_proof_away() {
        let mut tally = RequirementTally::default();
        tally.add(&attempt(&[("a", Verdict::Pass), ("b", Verdict::Fail), ("c", Verdict::Warn)]));
        tally.add(&attempt(&[("a", Verdict::Pass), ("b", Verdict::Pass), ("d", Verdict::Error)]));
        assert_eq!((tally.touched(), tally.proved()), (4, 1));
    }

    #[test]
    fn what_was_not_evaluated_is_not_touched() {
        let mut tally = RequirementTally::default();
        tally.add(&attempt(&[("a", Verdict::Skip), ("b", Verdict::Untestable)]));
        assert_eq!((tally.touched(), tally.proved()), (0, 0));
        tally.add(&attempt(&[("a", Verdict::Pass)]));
        assert_eq!((tally.touched(), tally.proved()), (1, 1));
    }
}
