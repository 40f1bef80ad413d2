//! What is kept of a saved run to compare it: of each case its name, what it came to, and a digest of what was said.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fs::File;
use std::hash::{Hash as _, Hasher as _};
use std::io::BufReader;
use std::path::Path;

use serde_json::Value;

use super::Settings;
use crate::model::{Attempt, CaseId, CaseResult, Event, RunInfo, Standing, Verdict};
use crate::saved::{self, ReadError};
use crate::story;
use crate::volatile::{Normaliser, Rules, VolatileSpec, transcript};

/// Bytes read at a time.
const BUFFER: usize = 256 * 1024;

/// Scenarios with rules of their own for which the rules are kept ready.
const RULES: usize = 256;

/// One case.
#[derive(Debug)]
pub(super) struct Entry {
    /// Position among all cases of the file.
    pub(super) number: usize,
    pub(super) id: CaseId,
    pub(super) verdict: Verdict,
    pub(super) flaky: bool,
    /// A baseline or a quarantine says that the verdict does not count.
    pub(super) excused: bool,
    pub(super) duration_ms: f64,
    /// Why, unless it passed.
    pub(super) reason: Option<String>,
    /// Digest of what went wrong; none where nothing did.
    pub(super) cause: Option<u64>,
    /// Digest of the transcript; none where it was not kept.
    pub(super) transcript: Option<u64>,
    /// A command line that runs it again, unless it passed.
    pub(super) again: Option<String>,
}

/// A saved run.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) run: RunInfo,
    pub(super) entries: Vec<Entry>,
    /// Scenario files that could not run.
    pub(super) broken: Vec<String>,
    pub(super) complete: bool,
}

impl Index {
    pub(super) fn read(
        path: &Path,
        settings: &Settings,
        takes: &(dyn Fn(&CaseResult) -> bool + Sync),
    ) -> Result<Self, ReadError> {
        let mut index = Self::default();
        let mut rules = RulesOf::new(&settings.rules);
        let (mut uncut, mut number) = (true, 0);
        let read = saved::read(BufReader::with_capacity(BUFFER, File::open(path)?), &mut |event| {
            match event {
                Event::RunStarted(run) => index.run = run,
                Event::Broken(file) => index.broken.push(file.file),
                Event::CaseFinished(result) => {
                    if takes(&result) {
                        index.entries.push(entry(*result, number, &mut rules));
                    }
                    number += 1;
                }
                Event::RunFinished(summary) => uncut = summary.interrupted.is_none(),
                Event::Target(_) | Event::CaseStarted { .. } => {}
            }
            Ok(())
        })?;
        index.complete = read.complete && uncut;
        Ok(index)
    }
}

/// Rules of a run with those of each scenario, which are made once.
pub(super) struct RulesOf<'r> {
    base: &'r Rules,
    of: HashMap<String, Rules>,
}

impl<'r> RulesOf<'r> {
    pub(super) fn new(base: &'r Rules) -> Self {
        Self { base, of: HashMap::new() }
    }

    pub(super) fn get(&mut self, own: Option<&VolatileSpec>) -> &Rules {
        // Who wants every byte gets every byte.
        let Some(own) = own.filter(|own| !own.is_empty() && !self.base.is_empty()) else { return self.base };
        if self.of.len() >= RULES {
            self.of.clear();
        }
        let key = serde_json::to_string(own).unwrap_or_default();
        self.of.entry(key).or_insert_with(|| self.base.with_those_usable(own))
    }
}

fn entry(mut result: CaseResult, number: usize, rules: &mut RulesOf<'_>) -> Entry {
    let rules = rules.get(result.volatile.as_ref());
    let last = result.attempts.pop();
    let passed = result.verdict == Verdict::Pass;
    let reason = last.as_ref().filter(|_| !passed).map(story::reason);
    let cause = last.as_ref().filter(|_| !passed).map(|attempt| cause(attempt, rules));
    let duration_ms = last.as_ref().map_or(0.0, |attempt| attempt.duration_ms);
    let said = last.map(|attempt| attempt.transcript).filter(|exchanges| !exchanges.is_empty());
    let transcript = said.map(|exchanges| digest(&transcript(rules, exchanges, &result.id.target)));
    Entry {
        number,
        verdict: result.verdict,
        flaky: result.flaky,
        excused: result.standing.as_ref().is_some_and(Standing::excuses),
        duration_ms,
        reason,
        cause,
        transcript,
        again: (!passed).then_some(result.again),
        id: result.id,
    }
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// What went wrong: which checks, where, and what was there instead. Times are another each time and do not count.
fn cause(attempt: &Attempt, rules: &Rules) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut normaliser = Normaliser::new(rules);
    let mut line = |text: &str| {
        let mut text = text.to_owned();
        normaliser.line(&mut text);
        text
    };
    attempt.reason.as_deref().map(&mut line).hash(&mut hasher);
    for check in attempt.checks.iter().filter(|check| check.verdict == attempt.verdict) {
        (check.step, &check.label).hash(&mut hasher);
        let is_time = matches!(check.label.as_str(), "within" | "after");
        for mismatch in check.mismatches.iter().filter(|_| !is_time) {
            line(&mismatch.path).hash(&mut hasher);
            match &mismatch.actual {
                Some(Value::String(text)) => line(text).hash(&mut hasher),
                Some(Value::Array(_) | Value::Object(_)) => {}
                other => other.as_ref().map(ToString::to_string).hash(&mut hasher),
            }
        }
    }
    hasher.finish()
}
