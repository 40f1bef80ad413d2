//! One case over time.

use super::group::Percentiles;
use super::{Failure, group};
use crate::model::{CaseId, Standing, Verdict};

/// Verdicts that change from good to bad or back at least so often are no break and no repair.
const FLIPS: u32 = 3;

/// How many of the last runs make up what is now, and how many before them are needed to compare with.
const NOW: usize = 3;
const BEFORE: usize = 5;

/// How much slower is worth telling: the factor, and milliseconds.
const FACTOR: f64 = 1.5;
const AT_LEAST_MS: f64 = 20.0;

/// A case in one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Index into [`super::Trends::runs`].
    pub run: u32,
    /// Index into [`super::Trends::failures`]; of a flaky pass what failed before.
    pub failure: Option<u32>,
    /// Of the try that counted.
    pub duration_ms: f32,
    /// The verdict.
    pub verdict: Verdict,
    /// It passed only on a retry.
    pub flaky: bool,
    /// Whether the verdict counted.
    pub standing: StandingKind,
}

/// Whether a verdict counted: [`crate::Standing`] without its reasons.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StandingKind {
    /// It counted.
    #[default]
    Counted,
    /// It failed as the baseline said.
    Known,
    /// It passed though the baseline said that it fails.
    Fixed,
    /// It failed as the baseline said for too long.
    Expired,
    /// It was in quarantine.
    Quarantined,
    /// It failed otherwise than the baseline said.
    Changed,
}

/// A case over time, in one environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Which case.
    pub id: CaseId,
    /// Its pack.
    pub pack: Option<String>,
    /// Where.
    pub environment: Option<String>,
    /// The oldest first; runs without the case have none.
    pub points: Vec<Point>,
    /// It was in one of the last five runs of its target. Otherwise the scenario is gone, or was long left out.
    pub current: bool,
}

/// How a case stands after its last run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It never ran to a verdict on the target.
    Unjudged,
    /// It passes, as before.
    Good,
    /// It passes, and did not the time before.
    Fixed,
    /// It does not pass since its last run.
    Broken,
    /// It has not passed for several runs.
    StillBroken,
}

/// Since when a case does not pass. All are indexes into [`super::Trends::runs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// The first run in which it did not.
    pub first_bad: usize,
    /// The last in which it did; none where it never did in the selected runs, so that it may have failed earlier already.
    pub last_good: Option<usize>,
    /// Since when it fails in the way in which it fails now.
    pub same: usize,
}

/// How often a case changes its mind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flakes {
    /// Runs with a verdict on the target.
    pub judged: u32,
    /// Of them, how many passed only on a retry.
    pub retried: u32,
    /// How many times it went from good to bad or back.
    pub flips: u32,
}

impl Flakes {
    /// Passes on a retry and changes of the verdict, of all judged runs.
    #[must_use]
    pub fn rate(&self) -> f64 {
        if self.judged == 0 { 0.0 } else { (f64::from(self.retried + self.flips) / f64::from(self.judged)).min(1.0) }
    }

    /// It passed on a retry, or changed at least three times: a break and its repair are two.
    #[must_use]
    pub fn is_flaky(&self) -> bool {
        self.retried > 0 || self.flips >= FLIPS
    }
}

/// A case that takes longer than it did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slower {
    /// Median of the runs before the last three, in milliseconds.
    pub before_ms: f64,
    /// Median of the last three.
    pub now_ms: f64,
}

/// All of them, in the order of the numbers that the file has for them.
const STANDINGS: [StandingKind; 6] = [
    StandingKind::Counted,
    StandingKind::Known,
    StandingKind::Fixed,
    StandingKind::Expired,
    StandingKind::Quarantined,
    StandingKind::Changed,
];

impl StandingKind {
    /// As the file has it.
    pub(in crate::history) fn from_number(number: i64) -> Self {
        usize::try_from(number).ok().and_then(|at| STANDINGS.get(at).copied()).unwrap_or_default()
    }

    /// As the file has it.
    pub(in crate::history) fn number(self) -> i64 {
        STANDINGS.iter().position(|kind| *kind == self).and_then(|at| i64::try_from(at).ok()).unwrap_or(0)
    }

    /// Whether the verdict was left out of what decides about a run.
    #[must_use]
    pub fn excuses(self) -> bool {
        matches!(self, Self::Known | Self::Quarantined)
    }
}

impl From<Option<&Standing>> for StandingKind {
    fn from(standing: Option<&Standing>) -> Self {
        match standing {
            None => Self::Counted,
            Some(Standing::Known(_)) => Self::Known,
            Some(Standing::Fixed(_)) => Self::Fixed,
            Some(Standing::Expired(_)) => Self::Expired,
            Some(Standing::Quarantined { .. }) => Self::Quarantined,
            Some(Standing::Changed { .. }) => Self::Changed,
        }
    }
}

impl Point {
    /// Whether it was judged, and is good: a broken SHOULD is.
    #[must_use]
    pub fn good(&self) -> Option<bool> {
        group::good(self.verdict)
    }
}

/// What series are in order of.
type Key<'a> = (&'a str, &'a [(String, String)], Option<&'a str>, &'a str, Option<&'a str>);

pub(super) fn key<'a>(id: &'a CaseId, environment: Option<&'a str>) -> Key<'a> {
    (id.scenario.as_str(), id.case.as_slice(), id.version.as_deref(), id.target.as_str(), environment)
}

impl Series {
    pub(super) fn key(&self) -> Key<'_> {
        key(&self.id, self.environment.as_deref())
    }

    /// The judged points, the latest first.
    fn judged(&self) -> impl Iterator<Item = (&Point, bool)> {
        self.points.iter().rev().filter_map(|point| Some((point, point.good()?)))
    }

    /// Whether its last verdict did not count.
    #[must_use]
    pub fn is_excused(&self) -> bool {
        self.judged().next().is_some_and(|(point, _)| point.standing.excuses())
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> State {
        let mut latest = self.judged().map(|(_, good)| good);
        match (latest.next(), latest.next()) {
            (None, _) => State::Unjudged,
            (Some(true), Some(false)) => State::Fixed,
            (Some(true), _) => State::Good,
            (Some(false), Some(false)) => State::StillBroken,
            (Some(false), _) => State::Broken,
        }
    }

    /// Since when it does not pass; none if it does. `failures` are those of [`super::Trends`].
    #[must_use]
    pub fn since(&self, failures: &[Failure]) -> Option<Since> {
        let signature =
            |point: &Point| point.failure.and_then(|at| failures.get(at as usize)).map(|f| f.signature.as_str());
        let mut bad = self.judged().take_while(|(_, good)| !good).map(|(point, _)| point);
        let last = bad.next()?;
        let mut since = Since { first_bad: last.run as usize, last_good: None, same: last.run as usize };
        let mut is_same = true;
        for point in bad {
            since.first_bad = point.run as usize;
            is_same &= signature(point) == signature(last);
            if is_same {
                since.same = since.first_bad;
            }
        }
        since.last_good = self.judged().find(|(_, good)| *good).map(|(point, _)| point.run as usize);
        Some(since)
    }

    /// How often it changes its mind.
    #[must_use]
    pub fn flakes(&self) -> Flakes {
        let mut flakes = Flakes::default();
        let mut before = None;
        for (point, good) in self.judged() {
            flakes.judged += 1;
            flakes.retried += u32::from(point.flaky);
            flakes.flips += u32::from(before.is_some_and(|before| before != good));
            before = Some(good);
        }
        flakes
    }

    /// How long it takes; none if it was never judged.
    #[must_use]
    pub fn latency(&self) -> Option<Percentiles> {
        Percentiles::of(self.judged().map(|(point, _)| point.duration_ms).collect())
    }

    /// Whether its passes take longer than they did: the median of the last three half as long again as that of at least five before
    /// them, and 20 ms more.
    #[must_use]
    pub fn slower(&self) -> Option<Slower> {
        let passes: Vec<f32> = self.judged().filter(|(_, good)| *good).map(|(point, _)| point.duration_ms).collect();
        let (now, before) = passes.split_at_checked(NOW).filter(|(_, before)| before.len() >= BEFORE)?;
        let median = |durations: &[f32]| Percentiles::of(durations.to_vec()).map(|p| p.p50);
        let (now_ms, before_ms) = (median(now)?, median(before)?);
        (now_ms >= before_ms * FACTOR && now_ms >= before_ms + AT_LEAST_MS).then_some(Slower { before_ms, now_ms })
    }

    /// One letter for each of the last `runs` of the history, or `.` where the case was not in it: `P`, `W`arn, `F`ail, `E`rror, `S`kip,
    /// `U`ntestable; `p` for a pass on a retry.
    #[must_use]
    pub fn letters(&self, runs: usize) -> String {
        let mut letters = vec!['.'; runs];
        for point in &self.points {
            if let Some(letter) = letters.get_mut(point.run as usize) {
                *letter = match point.verdict {
                    Verdict::Pass if point.flaky => 'p',
                    Verdict::Pass => 'P',
                    Verdict::Warn => 'W',
                    Verdict::Fail => 'F',
                    Verdict::Error => 'E',
                    Verdict::Skip => 'S',
                    Verdict::Untestable => 'U',
                };
            }
        }
        letters.into_iter().collect()
    }
}
