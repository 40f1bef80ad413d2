//! Scenarios, targets or requirements, one a line.

use std::fmt::Write as _;

use super::text::Layout;
use super::{Group, Percentiles, Trends};
use crate::model::Verdict;
use crate::paint::{Paint, Role};
use crate::sanitize::{self, MAX_LINE};

/// Runs in a sparkline.
const RUNS: usize = 40;

/// Lines of a table unless all are wanted.
const LINES: usize = 50;

/// Widest column of names.
const NAMES: usize = 60;

/// From nothing to everything; the last is for all and nothing less.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What the lines of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Scenarios.
    Scenario,
    /// Requirements.
    Requirement,
    /// Targets, by environment.
    Target,
}

/// Pass rates over all runs and run by run, and how long cases take: the worst first. Targets have the trend of their p90 too.
#[must_use]
pub fn table(trends: &Trends, by: By, layout: Layout) -> String {
    let (title, groups) = match by {
        By::Scenario => ("Scenarios", &trends.scenarios),
        By::Requirement => ("Requirements", &trends.requirements),
        By::Target => ("Targets", &trends.targets),
    };
    // What was never judged has no place in it.
    let mut lines: Vec<(&Group, f64)> = groups.iter().filter_map(|group| Some((group, group.pass_rate()?))).collect();
    lines.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let shown = if layout.all { lines.len() } else { LINES.min(lines.len()) };
    let paint = Paint { color: layout.color };
    let names: Vec<String> = lines.iter().take(shown).map(|(group, _)| name(group)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).min(NAMES);
    let mut out = format!("{} ({})\n", paint.text(Role::Strong, title), lines.len());
    for ((group, rate), name) in lines.iter().take(shown).zip(&names) {
        let role = if *rate < 1.0 { Verdict::Fail } else { Verdict::Pass };
        let rate = paint.text(Role::Verdict(role), &format!("{:>7}", percent(*rate)));
        let _ = write!(out, "  {name:<width$}  {rate}  {}", rates(group));
        if let Some(Percentiles { p50, p90, p99 }) = &group.latency {
            let [p50, p90, p99] = [p50, p90, p99].map(|ms| milliseconds(*ms));
            let _ = write!(out, "  p50 {p50:>8}  p90 {p90:>8}  p99 {p99:>8}");
        }
        if !group.latencies.is_empty() {
            let _ = write!(out, "  p90 {}", latencies(group));
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    if lines.len() > shown {
        let _ = writeln!(out, "  … {} more; --all shows them", lines.len() - shown);
    }
    out
}

fn name(group: &Group) -> String {
    let name = sanitize::line(&group.name, MAX_LINE);
    match &group.environment {
        Some(environment) => format!("{name} in {}", sanitize::line(environment, MAX_LINE)),
        None => name.into_owned(),
    }
}

/// Pass rates of the last runs; a point where nothing was judged.
fn rates(group: &Group) -> String {
    let cells = &group.cells[group.cells.len().saturating_sub(RUNS)..];
    let bar = |rate: f64| if rate >= 1.0 { BARS[7] } else { step(rate, 7) };
    cells.iter().map(|cell| cell.pass_rate().map_or('·', bar)).collect()
}

/// Nine tenths of the cases of the last runs took so long, the longest being the highest.
fn latencies(group: &Group) -> String {
    let latencies = &group.latencies[group.latencies.len().saturating_sub(RUNS)..];
    let longest = latencies.iter().flatten().map(|p| p.p90).fold(0.0, f64::max);
    let bar = |p: &Percentiles| if longest > 0.0 { step(p.p90 / longest, 8) } else { BARS[0] };
    latencies.iter().map(|p| p.as_ref().map_or('·', bar)).collect()
}

/// The bar for a share, of the lowest so many.
fn step(share: f64, of: u8) -> char {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 8")]
    let at = (share.clamp(0.0, 1.0) * f64::from(of)) as usize;
    BARS.get(at.min(usize::from(of) - 1)).copied().unwrap_or('·')
}

/// `99.9 %`, and 100 only for all.
pub(super) fn percent(share: f64) -> String {
    if share >= 1.0 { "100 %".to_owned() } else { format!("{:.1} %", (share * 1000.0).floor() / 10.0) }
}

/// `0.4 ms`, `12 ms`, `1.2 s`.
pub(super) fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}
