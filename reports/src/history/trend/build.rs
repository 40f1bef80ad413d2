//! From results run by run to series and groups.

use std::collections::{BTreeMap, HashMap};

use super::group::good;
use super::read::{Case, Proofs, Raw};
use super::{Counts, Failure, Group, Percentiles, RunPoint, Selection, Series, Trends};
use crate::model::Verdict;

/// A case that was in none of so many last runs of its target is gone.
const CURRENT: usize = 5;

/// `found` is in the order of time.
pub(super) fn build(
    found: Vec<(RunPoint, Vec<Raw>)>,
    cases: HashMap<i64, Case>,
    proofs: &Proofs,
    selection: &Selection,
    failures: Vec<Failure>,
) -> Trends {
    let requirements = requirements(&found, proofs, selection);
    let (runs, series) = series(found, cases);
    let mut trends = Trends { scenarios: Vec::new(), targets: Vec::new(), runs, series, failures, requirements };
    trends.scenarios = scenarios(&trends);
    trends.targets = targets(&trends);
    mark_current(&mut trends);
    trends
}

/// Turns runs with results into cases with points.
fn series(found: Vec<(RunPoint, Vec<Raw>)>, cases: HashMap<i64, Case>) -> (Vec<RunPoint>, Vec<Series>) {
    let mut all: Vec<Series> = Vec::with_capacity(cases.len());
    let mut at: HashMap<Option<String>, HashMap<i64, usize>> = HashMap::new();
    let mut runs = Vec::with_capacity(found.len());
    for (index, (run, results)) in found.into_iter().enumerate() {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let at = at.entry(run.environment.clone()).or_default();
        for mut raw in results {
            let Some(case) = cases.get(&raw.case) else { continue };
            let place = *at.entry(raw.case).or_insert_with(|| {
                let (id, pack, environment) = (case.id.clone(), case.pack.clone(), run.environment.clone());
                all.push(Series { id, pack, environment, points: Vec::new(), current: false });
                all.len() - 1
            });
            raw.point.run = index;
            if let Some(series) = all.get_mut(place) {
                series.points.push(raw.point);
            }
        }
        runs.push(run);
    }
    all.sort_by(|a, b| a.key().cmp(&b.key()));
    (runs, all)
}

fn requirements(found: &[(RunPoint, Vec<Raw>)], proofs: &Proofs, selection: &Selection) -> Vec<Group> {
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    for (index, (_, results)) in found.iter().enumerate() {
        // Most results of a run share their list with others.
        let mut lists: HashMap<i64, u32> = HashMap::new();
        for proof in results.iter().filter_map(|raw| raw.proof) {
            *lists.entry(proof).or_default() += 1;
        }
        for (proof, times) in lists {
            for (id, verdict) in proofs.get(&proof).into_iter().flatten() {
                // A broken SHOULD is no proof.
                let Some(proved) = good(*verdict).map(|_| *verdict == Verdict::Pass) else { continue };
                if !groups.contains_key(id.as_str()) && !selection.takes_requirement(id) {
                    continue;
                }
                let group = groups.entry(id).or_insert_with(|| Group::new(id, None, found.len()));
                if let Some(cell) = group.cells.get_mut(index) {
                    cell.judged += times;
                    cell.good += if proved { times } else { 0 };
                }
                group.counts.add_times(*verdict, times);
            }
        }
    }
    groups.into_values().collect()
}

fn scenarios(trends: &Trends) -> Vec<Group> {
    let of_one = trends.series.chunk_by(|a, b| a.id.scenario == b.id.scenario);
    let group = |series: &[Series]| {
        let mut group = Group::new(series.first().map_or("", |s| &s.id.scenario), None, trends.runs.len());
        let mut durations = Vec::new();
        for series in series {
            add(&mut group, series, |_, ms| durations.push(ms));
        }
        group.latency = Percentiles::of(durations);
        group
    };
    of_one.map(group).collect()
}

fn targets(trends: &Trends) -> Vec<Group> {
    /// How long cases take, for each run.
    type Durations = Vec<Vec<f32>>;
    let runs = trends.runs.len();
    let mut groups: BTreeMap<(&str, Option<&str>), (Group, Durations)> = BTreeMap::new();
    for series in &trends.series {
        let key = (series.id.target.as_str(), series.environment.as_deref());
        let new = || (Group::new(key.0, key.1, runs), vec![Vec::new(); runs]);
        let (group, durations) = groups.entry(key).or_insert_with(new);
        group.verdicts.resize(runs, Counts::default());
        for point in &series.points {
            if let Some(counts) = group.verdicts.get_mut(point.run as usize) {
                counts.add(point.verdict, point.flaky);
            }
        }
        add(group, series, |run, ms| {
            if let Some(durations) = durations.get_mut(run) {
                durations.push(ms);
            }
        });
    }
    let finish = |(mut group, durations): (Group, Durations)| {
        group.latency = Percentiles::of(durations.concat());
        group.latencies = durations.into_iter().map(Percentiles::of).collect();
        group
    };
    groups.into_values().map(finish).collect()
}

/// Counts the points of a case; hands on how long judged ones took, with their run.
fn add(group: &mut Group, series: &Series, mut took: impl FnMut(usize, f32)) {
    for point in &series.points {
        group.counts.add(point.verdict, point.flaky);
        let run = point.run as usize;
        if let (Some(good), Some(cell)) = (point.good(), group.cells.get_mut(run)) {
            cell.add(good);
            took(run, point.duration_ms);
        }
    }
}

/// Says which cases are still there.
fn mark_current(trends: &mut Trends) {
    let mut runs_of: HashMap<(String, Option<String>), Vec<u32>> = HashMap::new();
    for series in &trends.series {
        let runs = runs_of.entry((series.id.target.clone(), series.environment.clone())).or_default();
        runs.extend(series.points.iter().map(|point| point.run));
        runs.sort_unstable();
        runs.dedup();
    }
    for series in &mut trends.series {
        let runs = runs_of.get(&(series.id.target.clone(), series.environment.clone()));
        let oldest = runs.and_then(|runs| runs.iter().rev().take(CURRENT).next_back());
        series.current = series.points.last().zip(oldest).is_some_and(|(last, oldest)| last.run >= *oldest);
    }
}
