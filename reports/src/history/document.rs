//! A history for programs.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Counts, Group, Percentiles, RunPoint, Series, State, Trends};

/// Name and version of the document, its `schema` member. Members may be added within a version.
pub const HISTORY_VERSION: &str = "gauntlet-history/1";

/// All that is told of a selection, as one JSON document. What has a value for each run has them in the order of `runs`.
#[must_use]
pub fn document(trends: &Trends) -> Value {
    let runs: Vec<Value> = trends.runs.iter().map(run).collect();
    let cases: Vec<Value> = trends.series.iter().map(|series| case(series, trends)).collect();
    let groups = |groups: &[Group]| groups.iter().map(group).collect::<Vec<Value>>();
    json!({
        "schema": HISTORY_VERSION,
        "runs": runs,
        "cases": cases,
        "scenarios": groups(&trends.scenarios),
        "targets": groups(&trends.targets),
        "requirements": groups(&trends.requirements),
    })
}

fn run(run: &RunPoint) -> Value {
    json!({
        "number": run.number,
        "started_at": run.started_at,
        "gauntlet": run.gauntlet,
        "environment": run.environment,
        "shard": run.shard,
        "commit": run.commit,
        "branch": run.branch,
        "finished": run.finished,
        "interrupted": run.interrupted,
        "duration_ms": rounded(run.duration_ms),
        "broken": run.broken,
        "cases": counted(&run.counts),
    })
}

fn counted(counts: &Counts) -> Value {
    json!({
        "pass": counts.pass,
        "warn": counts.warn,
        "fail": counts.fail,
        "error": counts.error,
        "skip": counts.skip,
        "untestable": counts.untestable,
        "flaky": counts.flaky,
    })
}

#[derive(Serialize)]
struct Case<'a> {
    scenario: &'a str,
    case: &'a [(String, String)],
    version: Option<&'a str>,
    target: &'a str,
    environment: Option<&'a str>,
    pack: Option<&'a str>,
    current: bool,
    state: &'static str,
    excused: bool,
    verdicts: String,
    since: Value,
    flakes: Value,
    latency_ms: Value,
    slower_ms: Value,
}

fn case(series: &Series, trends: &Trends) -> Value {
    let number = |at: usize| trends.runs.get(at).map(|run| run.number);
    let failure = series.points.iter().rev().find(|point| point.good() == Some(false)).and_then(|point| point.failure);
    let failure = failure.and_then(|at| trends.failures.get(at as usize)).map(|failure| failure.told.as_str());
    let since = series.since(&trends.failures).map(|since| {
        json!({
            "first_bad": number(since.first_bad),
            "last_good": since.last_good.and_then(number),
            "same": number(since.same),
            "failure": failure,
        })
    });
    let flakes = series.flakes();
    let case = Case {
        scenario: &series.id.scenario,
        case: &series.id.case,
        version: series.id.version.as_deref(),
        target: &series.id.target,
        environment: series.environment.as_deref(),
        pack: series.pack.as_deref(),
        current: series.current,
        state: match series.state() {
            State::Unjudged => "unjudged",
            State::Good => "good",
            State::Fixed => "fixed",
            State::Broken => "broken",
            State::StillBroken => "still_broken",
        },
        excused: series.is_excused(),
        verdicts: series.letters(trends.runs.len()),
        since: json!(since),
        flakes: json!({
            "judged": flakes.judged,
            "retried": flakes.retried,
            "flips": flakes.flips,
            "rate": rounded(flakes.rate()),
            "flaky": flakes.is_flaky(),
        }),
        latency_ms: json!(series.latency().map(percentiles)),
        slower_ms: json!(series.slower().map(|s| json!({ "before": rounded(s.before_ms), "now": rounded(s.now_ms) }))),
    };
    json!(case)
}

fn group(group: &Group) -> Value {
    let rates: Vec<Option<f64>> = group.cells.iter().map(|cell| cell.pass_rate().map(rounded)).collect();
    let mut told = json!({
        "name": group.name,
        "pass_rate": group.pass_rate().map(rounded),
        "pass_rates": rates,
    });
    if let Some(environment) = &group.environment {
        told["environment"] = json!(environment);
    }
    if let Some(latency) = group.latency {
        told["latency_ms"] = percentiles(latency);
    }
    if !group.verdicts.is_empty() {
        told["cases"] = json!(group.verdicts.iter().map(counted).collect::<Vec<_>>());
    }
    if !group.latencies.is_empty() {
        told["latencies_ms"] = json!(group.latencies.iter().map(|p| p.map(percentiles)).collect::<Vec<_>>());
    }
    told
}

fn percentiles(p: Percentiles) -> Value {
    json!({ "p50": rounded(p.p50), "p90": rounded(p.p90), "p99": rounded(p.p99) })
}

/// To a thousandth.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
