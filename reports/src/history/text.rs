//! A history for people: what broke, since when, what flakes, what got slow.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use time::OffsetDateTime;
use time::macros::format_description;

use super::table::{self, By};
use super::{Counts, Failure, Flakes, RunPoint, Series, Slower, State, Trends};
use crate::model::Verdict;
use crate::paint::{Paint, Role};
use crate::sanitize::{self, MAX_LINE};
use crate::words::{self, count};

/// Entries of a section that are shown unless all are wanted.
const ENTRIES: usize = 20;

/// Cases of one failure that are shown unless all are wanted.
const ALIKE: usize = 3;

/// Runs whose verdicts are shown behind a case.
const LETTERS: usize = 30;

/// How a page looks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Layout {
    /// With colours.
    pub color: bool,
    /// Every entry of a section.
    pub all: bool,
}

/// The page for the morning: the last run, what is broken, fixed, flaky and slower, and how targets do.
#[must_use]
pub fn page(trends: &Trends, layout: Layout) -> String {
    let mut out = String::with_capacity(4096);
    let mut page = Page { trends, layout, paint: Paint { color: layout.color }, out: &mut out };
    page.head();
    if trends.runs.is_empty() {
        return out;
    }
    page.broken("Broken since their last run", State::Broken);
    page.broken("Still broken", State::StillBroken);
    page.excused();
    page.fixed();
    page.flaky();
    page.slower();
    out.push_str(&table::table(trends, By::Target, layout));
    out
}

/// What cases of one failure have in common: first bad run, last good run, first run in this way, and signature.
type Alike<'t> = (Reverse<usize>, Option<usize>, usize, &'t str);

struct Page<'a> {
    trends: &'a Trends,
    layout: Layout,
    paint: Paint,
    out: &'a mut String,
}

impl Page<'_> {
    fn head(&mut self) {
        let (Some(first), Some(last)) = (self.trends.runs.first(), self.trends.runs.last()) else {
            self.out.push_str("No run of the history has anything of this selection\n");
            return;
        };
        let runs = count(self.trends.runs.len() as u64, "run", "runs");
        let head = format!("History of {runs}, {} to {}", moment(first), moment(last));
        let _ = writeln!(self.out, "{}\n", self.paint.text(Role::Strong, &head));
        let mut line = format!("  {}", named(last));
        if let Some(environment) = &last.environment {
            let _ = write!(line, "  {}", sanitize::line(environment, MAX_LINE));
        }
        if let Some(shard) = &last.shard {
            let _ = write!(line, "  shard {}", sanitize::line(shard, MAX_LINE));
        }
        let _ = write!(line, "  {}", counted(&last.counts));
        if last.finished {
            let _ = write!(line, " in {}", words::seconds(last.duration_ms));
        }
        if last.broken > 0 {
            let _ = write!(line, "; {} could not run", count(last.broken, "scenario file", "scenario files"));
        }
        match (&last.interrupted, last.finished) {
            (Some(why), _) => {
                let _ = write!(line, "; cut short: {}", sanitize::line(why, MAX_LINE));
            }
            (None, false) => line.push_str("; without an end: it was killed, or still goes on"),
            (None, true) => {}
        }
        let _ = writeln!(self.out, "{line}\n");
    }

    /// A section with a case an entry, unless it is empty.
    fn section<T>(&mut self, title: &str, entries: &[T], tell: impl FnMut(&mut Self, &T)) {
        self.entries(title, &entries.len().to_string(), entries, tell);
    }

    fn entries<T>(&mut self, title: &str, counted: &str, entries: &[T], mut tell: impl FnMut(&mut Self, &T)) {
        if entries.is_empty() {
            return;
        }
        let _ = writeln!(self.out, "{} ({counted})", self.paint.text(Role::Strong, title));
        let shown = if self.layout.all { entries.len() } else { ENTRIES };
        entries.iter().take(shown).for_each(|entry| tell(self, entry));
        if entries.len() > shown {
            let _ = writeln!(self.out, "  … {} more; --all shows them", entries.len() - shown);
        }
        self.out.push('\n');
    }

    fn current(&self) -> impl Iterator<Item = &Series> {
        self.trends.series.iter().filter(|series| series.current)
    }

    fn broken(&mut self, title: &str, state: State) {
        let trends = self.trends;
        let broken = trends
            .series
            .iter()
            .filter(|series| series.current && !series.is_excused() && series.state() == state)
            .filter_map(|series| Some((series, series.since(&trends.failures)?)));
        // What fails in the same way since the same run is one failure; what broke last is the news.
        let mut groups: BTreeMap<Alike<'_>, Vec<&Series>> = BTreeMap::new();
        for (series, since) in broken {
            let failure = failure(series, trends).map_or("", |failure| failure.signature.as_str());
            let key = (Reverse(since.first_bad), since.last_good, since.same, failure);
            groups.entry(key).or_default().push(series);
        }
        let entries: Vec<_> = groups.into_iter().collect();
        let cases: usize = entries.iter().map(|(_, cases)| cases.len()).sum();
        let counted = match cases == entries.len() {
            true => cases.to_string(),
            false => format!("{}, {cases} cases", count(entries.len() as u64, "failure", "failures")),
        };
        self.entries(title, &counted, &entries, |page, ((Reverse(first_bad), last_good, same, _), cases)| {
            let shown = if page.layout.all { cases.len() } else { ALIKE.min(cases.len()) };
            cases.iter().take(shown).for_each(|series| page.case(series));
            if cases.len() > shown {
                page.below(&format!("… and {} in the same way", count((cases.len() - shown) as u64, "case", "cases")));
            }
            let run = |at: usize| trends.runs.get(at).map(named).unwrap_or_default();
            let mut line = match last_good {
                Some(good) => format!("since {}; last good {}", run(*first_bad), run(*good)),
                None => format!("in every run since {}, the first that is looked at", run(*first_bad)),
            };
            if same != first_bad {
                let _ = write!(line, "; in this way since {}", run(*same));
            }
            page.below(&line);
            if let Some(failure) = cases.first().and_then(|series| failure(series, trends)) {
                page.below(&sanitize::line(&failure.told, MAX_LINE));
            }
        });
    }

    /// What fails and does not count.
    fn excused(&mut self) {
        let trends = self.trends;
        let fails = |series: &&Series| matches!(series.state(), State::Broken | State::StillBroken);
        let entries: Vec<&Series> =
            trends.series.iter().filter(|series| series.current && series.is_excused()).filter(fails).collect();
        self.section("Known failures and quarantine", &entries, |page, series| page.case(series));
    }

    fn fixed(&mut self) {
        let trends = self.trends;
        let entries: Vec<&Series> =
            trends.series.iter().filter(|series| series.current && series.state() == State::Fixed).collect();
        self.section("Fixed", &entries, |page, series| page.case(series));
    }

    fn flaky(&mut self) {
        let mut entries: Vec<(Series, Flakes)> = self
            .current()
            .map(|series| (series, series.flakes()))
            .filter(|(_, flakes)| flakes.is_flaky())
            .map(|(series, flakes)| (series.clone(), flakes))
            .collect();
        entries.sort_by(|(_, a), (_, b)| b.rate().total_cmp(&a.rate()));
        self.section("Flaky", &entries, |page, (series, flakes)| {
            page.case(series);
            let retried = count(flakes.retried.into(), "pass on a retry", "passes on a retry");
            let flips = count(flakes.flips.into(), "change of the verdict", "changes of the verdict");
            let runs = count(flakes.judged.into(), "run", "runs");
            page.below(&format!("{}: {retried}, {flips} in {runs}", table::percent(flakes.rate())));
        });
    }

    fn slower(&mut self) {
        let mut entries: Vec<(Series, Slower)> =
            self.current().filter_map(|series| Some((series.clone(), series.slower()?))).collect();
        let factor = |slower: &Slower| slower.now_ms / slower.before_ms.max(0.001);
        entries.sort_by(|(_, a), (_, b)| factor(b).total_cmp(&factor(a)));
        self.section("Slower", &entries, |page, (series, slower)| {
            page.case(series);
            let (before, now) = (table::milliseconds(slower.before_ms), table::milliseconds(slower.now_ms));
            page.below(&format!("{before} → {now}, the median of the last three runs against those before"));
        });
    }

    fn case(&mut self, series: &Series) {
        let verdict = series.points.iter().rev().find(|point| point.good().is_some()).map(|point| point.verdict);
        let verdict = verdict.unwrap_or(Verdict::Skip);
        let word = self.paint.text(Role::Verdict(verdict), &format!("{:<5}", words::verdict(verdict)));
        let mut name = sanitize::line(&series.id.to_string(), MAX_LINE).into_owned();
        if let Some(environment) = &series.environment {
            let _ = write!(name, " in {}", sanitize::line(environment, MAX_LINE));
        }
        let letters = series.letters(self.trends.runs.len());
        let letters = &letters[letters.len().saturating_sub(LETTERS)..];
        let _ = writeln!(self.out, "  {word} {name}  {}", self.paint.text(Role::Dim, letters));
    }

    fn below(&mut self, line: &str) {
        let _ = writeln!(self.out, "        {line}");
    }
}

/// What failed the last time it did.
fn failure<'t>(series: &Series, trends: &'t Trends) -> Option<&'t Failure> {
    let last = series.points.iter().rev().find(|point| point.good() == Some(false))?;
    trends.failures.get(last.failure? as usize)
}

/// `#12 2026-11-21 02:00 at 1a2b3c4d`.
fn named(run: &RunPoint) -> String {
    let mut name = format!("#{} {}", run.number, moment(run));
    if let Some(commit) = &run.commit {
        let short: String = commit.chars().take(8).collect();
        let _ = write!(name, " at {}", sanitize::line(&short, MAX_LINE));
    }
    name
}

/// `2026-11-21 02:00`, UTC.
fn moment(run: &RunPoint) -> String {
    let time = OffsetDateTime::from_unix_timestamp(run.started_ms / 1000).ok();
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]");
    time.and_then(|time| time.format(&format).ok()).unwrap_or_default()
}

/// `3 cases: 2 pass, 1 fail`.
fn counted(counts: &Counts) -> String {
    let named = [
        (counts.pass, "pass"),
        (counts.warn, "warn"),
        (counts.fail, "fail"),
        (counts.error, "error"),
        (counts.skip, "skip"),
        (counts.untestable, "untestable"),
        (counts.flaky, "flaky"),
    ];
    let named: Vec<String> = named.iter().filter(|(n, _)| *n > 0).map(|(n, name)| format!("{n} {name}")).collect();
    format!("{}: {}", count(counts.cases(), "case", "cases"), named.join(", "))
}
