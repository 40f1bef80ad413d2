//! Cases counted together.

use crate::model::Verdict;

/// Cases by verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cases by verdict.
    pub pass: u64,
    /// Cases by verdict.
    pub warn: u64,
    /// Cases by verdict.
    pub fail: u64,
    /// Cases by verdict.
    pub error: u64,
    /// Cases by verdict.
    pub skip: u64,
    /// Cases by verdict.
    pub untestable: u64,
    /// Of the passes, how many only on a retry.
    pub flaky: u64,
}

/// Scenario, target or requirement in one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cell {
    /// Cases with a verdict on the target: neither skipped nor untestable.
    pub judged: u32,
    /// Of them, how many are good.
    pub good: u32,
}

/// A scenario, a target or a requirement over time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    /// Its name or id.
    pub name: String,
    /// Of a target, where; none for what is counted over all environments.
    pub environment: Option<String>,
    /// One for each run.
    pub cells: Vec<Cell>,
    /// Cases of all runs.
    pub counts: Counts,
    /// How long judged cases take in all runs; none for requirements.
    pub latency: Option<Percentiles>,
    /// The same for each run; empty but for targets.
    pub latencies: Vec<Option<Percentiles>>,
    /// Cases of each run by verdict; empty but for targets.
    pub verdicts: Vec<Counts>,
}

/// How long cases take, in milliseconds: so long or shorter for half, nine tenths and 99 of 100 of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Percentiles {
    /// Half of them.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// 99 of 100.
    pub p99: f64,
}

/// Whether a verdict is one on the target, and good: a broken SHOULD is.
pub(super) fn good(verdict: Verdict) -> Option<bool> {
    match verdict {
        Verdict::Pass | Verdict::Warn => Some(true),
        Verdict::Fail | Verdict::Error => Some(false),
        Verdict::Skip | Verdict::Untestable => None,
    }
}

impl Counts {
    pub(super) fn add(&mut self, verdict: Verdict, flaky: bool) {
        self.add_times(verdict, 1);
        self.flaky += u64::from(flaky);
    }

    pub(super) fn add_times(&mut self, verdict: Verdict, times: u32) {
        let counter = match verdict {
            Verdict::Pass => &mut self.pass,
            Verdict::Warn => &mut self.warn,
            Verdict::Fail => &mut self.fail,
            Verdict::Error => &mut self.error,
            Verdict::Skip => &mut self.skip,
            Verdict::Untestable => &mut self.untestable,
        };
        *counter += u64::from(times);
    }

    /// All of them.
    #[must_use]
    pub fn cases(&self) -> u64 {
        self.judged() + self.skip + self.untestable
    }

    /// Those with a verdict on the target.
    #[must_use]
    pub fn judged(&self) -> u64 {
        self.pass + self.warn + self.fail + self.error
    }
}

impl Cell {
    pub(super) fn add(&mut self, good: bool) {
        self.judged += 1;
        self.good += u32::from(good);
    }

    /// From 0 to 1; none where nothing was judged.
    #[must_use]
    pub fn pass_rate(&self) -> Option<f64> {
        (self.judged > 0).then(|| f64::from(self.good) / f64::from(self.judged))
    }
}

impl Group {
    pub(super) fn new(name: &str, environment: Option<&str>, runs: usize) -> Self {
        let environment = environment.map(str::to_owned);
        Self { name: name.to_owned(), environment, cells: vec![Cell::default(); runs], ..Self::default() }
    }

    /// Good cases of all judged ones, over all runs.
    #[must_use]
    pub fn pass_rate(&self) -> Option<f64> {
        let add = |sum: (u64, u64), cell: &Cell| (sum.0 + u64::from(cell.good), sum.1 + u64::from(cell.judged));
        let (good, judged) = self.cells.iter().fold((0, 0), add);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        (judged > 0).then(|| good as f64 / judged as f64)
    }

    /// The pass rate of the last run that judged something.
    #[must_use]
    pub fn now(&self) -> Option<f64> {
        self.cells.iter().rev().find_map(Cell::pass_rate)
    }
}

impl Percentiles {
    /// By nearest rank; none of nothing.
    pub(super) fn of(mut durations: Vec<f32>) -> Option<Self> {
        durations.sort_unstable_by(f32::total_cmp);
        let at = |percent: usize| {
            let rank = (durations.len() * percent).div_ceil(100).max(1);
            durations.get(rank - 1).map(|ms| f64::from(*ms))
        };
        Some(Self { p50: at(50)?, p90: at(90)?, p99: at(99)? })
    }
}
