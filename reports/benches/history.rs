//! What a history costs: 100 runs of 10,000 cases are added, one by one, and told. Prints figures; bounds are in docs/speed.md.
//!
//! ```text
//! cargo bench -p gauntlet-reports --bench history
//! ```

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench tells its figures")]

use std::path::Path;
use std::time::{Duration, Instant};

use gauntlet_reports::history::{History, Keep, Layout, Recorder, Selection, Source, document, page};
use gauntlet_reports::{
    Attempt, CaseId, CaseResult, Check, CheckCounts, Event, JsonLinesReporter, MismatchReport, Place, Reporter,
    RunInfo, RunSummary, Verdict,
};

const RUNS: usize = 100;
const CASES: usize = 10_000;

fn main() {
    // Cargo asks every bench with the arguments of its tests too.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("history.db");
    let mut took: Vec<Duration> = (0..RUNS).map(|run| record(&path, run)).collect();
    let last = took[RUNS - 1];
    took.sort();
    println!("adding a run of {CASES} cases: median {:.3?}, the last of {RUNS} {last:.3?}", took[RUNS / 2]);
    let size = std::fs::metadata(&path).expect("the file").len();
    println!("size of the file: {:.1} MiB, {:.1} bytes a result", mib(size), bytes_a_result(size));

    let saved = saved(RUNS);
    timed("adding a saved run", || {
        History::open(&path).and_then(|mut h| h.add(saved.as_slice(), &Source::default())).expect("added");
    });
    let history = History::open_existing(&path).expect("a history");
    let trends = timed(&format!("reading {RUNS} runs"), || {
        history.trends(&Selection { last: Some(RUNS), ..Selection::default() }).expect("trends")
    });
    assert_eq!((trends.runs.len(), trends.series.len()), (RUNS, CASES));
    timed("the page", || page(&trends, Layout::default()));
    timed("the document", || document(&trends).to_string());
    let one = Selection { scenarios: vec!["pack.group-7.scenario-7".to_owned()], ..Selection::default() };
    timed("reading one scenario of all runs", || history.trends(&one).expect("trends"));
    drop(history);
    timed("forgetting half of the runs", || {
        History::open(&path).and_then(|mut h| h.prune(Keep::Last(RUNS / 2))).expect("pruned")
    });
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    println!("{what}: {:.3?}", began.elapsed());
    done
}

/// From the first event to the end of the last: what a run pays for its history.
fn record(path: &Path, run: usize) -> Duration {
    let events = events(run);
    let began = Instant::now();
    let mut recorder = Recorder::open(path, Source::default()).expect("a history");
    for event in &events {
        recorder.event(event).expect("recorded");
    }
    began.elapsed()
}

fn saved(run: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut reporter = JsonLinesReporter::new(&mut out);
    events(run).iter().for_each(|event| reporter.event(event).expect("written"));
    out
}

fn events(run: usize) -> Vec<Event> {
    let day = run % 28 + 1;
    let started_at = format!("2026-{:02}-{day:02}T02:00:00Z", run / 28 + 1);
    let mut events = vec![Event::RunStarted(RunInfo { started_at, ..RunInfo::default() })];
    events.extend((0..CASES).map(|index| Event::CaseFinished(Box::new(case(index, run)))));
    events.push(Event::RunFinished(RunSummary::default()));
    events
}

/// One of fifty fails, for a while each; one of two hundred is flaky.
fn case(index: usize, run: usize) -> CaseResult {
    let (scenario, version) = (index / 4, ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"][index % 4]);
    let fails = index.is_multiple_of(50) && (run + index) % 40 > 20;
    let flaky = !fails && (index + run) % 200 == 1;
    let verdict = if fails { Verdict::Fail } else { Verdict::Pass };
    let mut attempts = vec![attempt(scenario, verdict, index + run)];
    if flaky {
        attempts.insert(0, attempt(scenario, Verdict::Fail, index));
    }
    CaseResult {
        index,
        id: CaseId {
            scenario: format!("pack.group-{}.scenario-{scenario}", scenario % 40),
            case: Vec::new(),
            version: Some(version.to_owned()),
            target: ["staging", "production"][scenario % 2].to_owned(),
        },
        title: "What is true when it passes".to_owned(),
        pack: Some("pack".to_owned()),
        tags: Vec::new(),
        place: Place { file: "a.yaml".to_owned(), line: 1, column: 1, length: 1, text: "id: a".to_owned() },
        endpoint: "https://gateway.example.com/mcp".to_owned(),
        verdict,
        flaky,
        standing: None,
        attempts,
        again: "gauntlet run".to_owned(),
        volatile: None,
    }
}

fn attempt(scenario: usize, verdict: Verdict, salt: usize) -> Attempt {
    let check = || Check {
        step: 0,
        label: "status".to_owned(),
        verdict,
        requirements: Vec::new(),
        because: None,
        mismatches: vec![MismatchReport {
            path: "status".to_owned(),
            expected: 200.into(),
            actual: Some(500.into()),
            reason: format!("expected 200, found {}", 500 + salt % 5),
            place: None,
        }],
        place: None,
        exchange: None,
    };
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let duration_ms = 5.0 + (salt * 7919 % 1000) as f64 / 10.0;
    Attempt {
        duration_ms,
        counts: CheckCounts { must: 3, must_passed: 3, ..CheckCounts::default() },
        checks: if verdict == Verdict::Fail { vec![check()] } else { Vec::new() },
        requirements: (0..3).map(|i| (format!("mcp.rule-{}", (scenario + i) % 300), verdict)).collect(),
        ..Attempt::new(verdict)
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn bytes_a_result(bytes: u64) -> f64 {
    bytes as f64 / (RUNS * CASES) as f64
}
