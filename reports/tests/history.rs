//! A history: what gets into it, what is told of it, and what happens when it cannot be written.

mod common;

use std::path::{Path, PathBuf};
use std::sync::{Barrier, mpsc};

use gauntlet_reports::history::{
    Added, By, History, HistoryError, Keep, Layout, Recorder, Selection, Source, StandingKind, State, document, page,
    table,
};
use gauntlet_reports::*;

/// The night on the given day of November, with the verdict of each scenario: a letter as in a history, and how long it took.
fn night(day: u32, cases: &[(&str, char, f64)]) -> Vec<Event> {
    let mut events = vec![Event::RunStarted(RunInfo {
        gauntlet: "0.1.0".into(),
        started_at: format!("2026-11-{day:02}T02:00:00.123456789Z"),
        ..RunInfo::default()
    })];
    for (index, (scenario, letter, ms)) in cases.iter().enumerate() {
        let attempts = match letter {
            'F' => vec![common::fail_attempt()],
            'p' => vec![common::fail_attempt(), common::pass_attempt()],
            'E' => vec![common::reason_attempt(Verdict::Error, "connection refused at port 4711")],
            'S' => vec![common::reason_attempt(Verdict::Skip, "no capability")],
            _ => vec![common::pass_attempt()],
        };
        let mut result = common::case(index, scenario, attempts);
        result.flaky = *letter == 'p';
        result.attempts.last_mut().expect("an attempt").duration_ms = *ms;
        events.push(Event::CaseFinished(Box::new(result)));
    }
    let mut totals = SummaryBuilder::default();
    events.iter().for_each(|event| totals.event(event));
    events.push(Event::RunFinished(totals.build(1500.0, None)));
    events
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("history.db");
    (folder, path)
}

fn record(path: &Path, events: &[Event]) {
    let mut recorder = Recorder::open(path, Source::default()).expect("a history");
    common::feed(&mut recorder, events);
}

fn all(path: &Path) -> gauntlet_reports::history::Trends {
    History::open_existing(path).and_then(|history| history.trends(&Selection::default())).expect("trends")
}

fn letters(path: &Path) -> Vec<(String, String)> {
    let trends = all(path);
    trends.series.iter().map(|s| (s.id.scenario.clone(), s.letters(trends.runs.len()))).collect()
}

/// Seven nights: one that always passes, one that breaks, one that is repaired, one that flakes, one that gets slow, one that goes.
fn week(path: &Path) {
    let broken = ['P', 'P', 'P', 'P', 'E', 'F', 'F', 'F', 'F'];
    let fixed = ['P', 'F', 'F', 'F', 'F', 'F', 'F', 'F', 'P'];
    let flaky = ['P', 'F', 'P', 'p', 'P', 'F', 'P', 'S', 'P'];
    let slow = [10.0, 11.0, 9.0, 10.0, 12.0, 10.0, 80.0, 90.0, 85.0];
    for day in 0..9 {
        let mut cases = vec![
            ("a.steady", 'P', 5.0),
            ("b.broken", broken[day], 5.0),
            ("c.fixed", fixed[day], 5.0),
            ("d.flaky", flaky[day], 5.0),
            ("e.slow", 'P', slow[day]),
        ];
        if day < 3 {
            cases.push(("f.gone", 'F', 5.0));
        }
        record(path, &night(u32::try_from(day).expect("small") + 1, &cases));
    }
}

#[test]
fn every_case_has_its_verdicts_in_the_order_of_time() {
    let (_folder, path) = file();
    week(&path);
    let expected = [
        ("a.steady", "PPPPPPPPP"),
        ("b.broken", "PPPPEFFFF"),
        ("c.fixed", "PFFFFFFFP"),
        ("d.flaky", "PFPpPFPSP"),
        ("e.slow", "PPPPPPPPP"),
        ("f.gone", "FFF......"),
    ];
    assert_eq!(letters(&path), expected.map(|(id, letters)| (id.to_owned(), letters.to_owned())));
}

#[test]
fn a_failure_has_its_first_bad_and_its_last_good_run() {
    let (_folder, path) = file();
    week(&path);
    let trends = all(&path);
    let of = |scenario: &str| trends.series.iter().find(|s| s.id.scenario == scenario).expect(scenario);
    let since = of("b.broken").since(&trends.failures).expect("broken");
    // An error first, then a failure of another kind.
    assert_eq!((since.last_good, since.first_bad, since.same), (Some(3), 4, 5));
    let told = |at: usize| {
        let point = of("b.broken").points[at];
        trends.failures[point.failure.expect("a failure") as usize].told.clone()
    };
    assert_eq!(told(4), "connection refused at port 4711");
    assert_eq!(told(5), "step 1, status: expected 403, the target answered 200");
    let gone = of("f.gone").since(&trends.failures).expect("broken");
    assert_eq!((gone.last_good, gone.first_bad), (None, 0));
    let states = ["a.steady", "b.broken", "c.fixed", "d.flaky"].map(|id| of(id).state());
    assert_eq!(states, [State::Good, State::StillBroken, State::Fixed, State::Good]);
    assert_eq!(of("a.steady").since(&trends.failures), None);
    let current: Vec<bool> = trends.series.iter().map(|s| s.current).collect();
    assert_eq!(current, [true, true, true, true, true, false]);
}

#[test]
fn flakes_are_passes_on_a_retry_and_changes_of_the_verdict() {
    let (_folder, path) = file();
    week(&path);
    let trends = all(&path);
    let of = |scenario: &str| trends.series.iter().find(|s| s.id.scenario == scenario).expect(scenario).flakes();
    let flaky = of("d.flaky");
    // The skip was no run of the case.
    assert_eq!((flaky.judged, flaky.retried, flaky.flips), (8, 1, 4));
    assert!((flaky.rate() - 5.0 / 8.0).abs() < 1e-9);
    assert!(flaky.is_flaky());
    assert!(!of("c.fixed").is_flaky() && of("c.fixed").flips == 2);
    assert!(!of("a.steady").is_flaky());
}

#[test]
fn what_gets_slow_is_told_with_percentiles() {
    let (_folder, path) = file();
    week(&path);
    let trends = all(&path);
    let slower: Vec<_> = trends.series.iter().filter_map(|s| Some((s.id.scenario.as_str(), s.slower()?))).collect();
    let [("e.slow", slow)] = slower.as_slice() else { panic!("{slower:?}") };
    assert_eq!((slow.before_ms, slow.now_ms), (10.0, 85.0));
    let group = trends.scenarios.iter().find(|group| group.name == "e.slow").expect("a group");
    let latency = group.latency.expect("durations");
    assert_eq!((latency.p50, latency.p90, latency.p99), (11.0, 90.0, 90.0));
}

#[test]
fn groups_count_judged_cases_and_requirements_what_touched_them() {
    let (_folder, path) = file();
    week(&path);
    let trends = all(&path);
    let names: Vec<&str> = trends.requirements.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names, ["kiro.mcp.identity-gate", "mcp.good"]);
    assert_eq!(trends.requirements[0].pass_rate(), Some(0.0));
    assert_eq!(trends.requirements[1].pass_rate(), Some(1.0));
    let [target] = trends.targets.as_slice() else { panic!("{:?}", trends.targets) };
    assert_eq!(target.name, "kiro-runtime");
    // On the eighth night one of five was skipped, and two of the others failed.
    assert_eq!((target.cells[7].judged, target.cells[7].good), (4, 2));
    assert_eq!(target.counts.skip, 1);
    assert_eq!(target.counts.flaky, 1);
    assert_eq!(target.latencies.len(), 9);
    assert_eq!((target.verdicts[4].error, target.verdicts[4].fail, target.verdicts[7].skip), (1, 1, 1));
    assert_eq!(target.latencies[6].expect("durations").p99, 80.0);
    let counts = trends.runs[4].counts;
    assert_eq!((counts.pass, counts.fail, counts.error, counts.cases()), (3, 1, 1, 5));
}

#[test]
fn a_selection_narrows_runs_and_cases() {
    let (_folder, path) = file();
    week(&path);
    let history = History::open_existing(&path).expect("a history");
    let scenarios = |selection: Selection| -> (usize, Vec<String>) {
        let trends = history.trends(&selection).expect("trends");
        (trends.runs.len(), trends.series.iter().map(|s| s.id.scenario.clone()).collect())
    };
    let (runs, found) = scenarios(Selection { scenarios: vec!["f.*".into()], ..Selection::default() });
    assert_eq!((runs, found), (3, vec!["f.gone".to_owned()]), "runs without the case tell nothing");
    let (runs, found) = scenarios(Selection { scenarios: vec!["f.*".into()], last: Some(2), ..Selection::default() });
    assert_eq!((runs, found.len()), (2, 1), "the last two that have it");
    let requirements = vec!["kiro.*".into()];
    let (_, found) = scenarios(Selection { requirements, last: Some(4), ..Selection::default() });
    assert_eq!(found, ["b.broken", "c.fixed", "d.flaky"]);
    let none = |selection| assert_eq!(scenarios(selection), (0, Vec::new()));
    none(Selection { targets: vec!["other".into()], ..Selection::default() });
    none(Selection { versions: vec!["2025-11-25".into()], ..Selection::default() });
    none(Selection { environments: vec!["staging".into()], ..Selection::default() });
    let ninth = all(&path).runs[8].started_ms;
    assert_eq!(scenarios(Selection { since_ms: Some(ninth), ..Selection::default() }).0, 1);
    assert_eq!(scenarios(Selection { since_ms: Some(ninth + 1), ..Selection::default() }).0, 0);
}

#[test]
fn the_same_case_in_two_environments_is_two_cases() {
    let (_folder, path) = file();
    for (day, environment, letter) in
        [(1, "staging", 'P'), (2, "production", 'F'), (3, "staging", 'P'), (4, "production", 'F')]
    {
        let mut events = night(day, &[("a.case", letter, 1.0)]);
        let Event::RunStarted(info) = &mut events[0] else { panic!("the first event") };
        info.environment = Some(environment.into());
        record(&path, &events);
    }
    let trends = all(&path);
    let id = &trends.series[0].id;
    assert_eq!(trends.of(id, Some("staging")).expect("a series").state(), State::Good);
    assert_eq!(trends.of(id, Some("production")).expect("a series").state(), State::StillBroken);
    assert!(trends.of(id, None).is_none());
    assert!(trends.series.iter().all(|series| series.flakes().flips == 0));
    let targets: Vec<_> = trends.targets.iter().map(|t| (t.environment.as_deref(), t.pass_rate())).collect();
    assert_eq!(targets, [(Some("production"), Some(0.0)), (Some("staging"), Some(1.0))]);
}

#[test]
fn a_saved_run_is_added_once() {
    let (_folder, path) = file();
    let events = night(1, &[("a.case", 'P', 1.0), ("b.case", 'F', 1.0)]);
    let saved = common::json_report(&events);
    let mut history = History::open(&path).expect("a history");
    let mut add = |text: &str| history.add(text.as_bytes(), &Source::default()).expect("added");
    assert_eq!(add(&saved), Added::New { run: 1, cases: 2 });
    assert_eq!(add(&saved), Added::Known { run: 1 });
    drop(history);
    // Whether it was recorded, or added from a file, makes no difference.
    let (_folder, recorded) = file();
    record(&recorded, &events);
    assert_eq!(letters(&recorded), letters(&path));
    let mut history = History::open(&recorded).expect("a history");
    assert_eq!(history.add(saved.as_bytes(), &Source::default()).expect("read"), Added::Known { run: 1 });
}

#[test]
fn a_run_that_was_cut_off_is_made_whole() {
    let (_folder, path) = file();
    let events = night(1, &[("a.case", 'P', 1.0), ("b.case", 'F', 1.0)]);
    // Dropped without an end, as by an interruption that could not wait.
    record(&path, &events[..2]);
    let trends = all(&path);
    assert!(!trends.runs[0].finished);
    assert!(page(&trends, Layout::default()).contains("without an end: it was killed, or still goes on"));
    let saved = common::json_report(&events);
    let mut history = History::open(&path).expect("a history");
    let added = history.add(saved.as_bytes(), &Source::default()).expect("added");
    assert_eq!(added, Added::Completed { run: 1, cases: 2, before: 1 });
    drop(history);
    let trends = all(&path);
    assert_eq!((trends.runs.len(), trends.series.len(), trends.runs[0].finished), (1, 2, true));
}

#[test]
fn old_runs_are_forgotten_and_numbers_are_not_given_again() {
    let (_folder, path) = file();
    week(&path);
    let mut history = History::open(&path).expect("a history");
    let pruned = history.prune(Keep::Last(2)).expect("pruned");
    assert_eq!((pruned.removed, pruned.left), (7, 2));
    drop(history);
    let trends = all(&path);
    let numbers: Vec<i64> = trends.runs.iter().map(|run| run.number).collect();
    assert_eq!(numbers, [8, 9]);
    assert!(!trends.series.iter().any(|series| series.id.scenario == "f.gone"));
    assert!(!trends.failures.iter().any(|failure| failure.told.contains("4711")), "{:?}", trends.failures);
    let mut history = History::open(&path).expect("a history");
    // All of them began longer ago than that.
    let pruned = history.prune(Keep::Within(std::time::Duration::from_secs(1))).expect("pruned");
    drop(history);
    record(&path, &night(20, &[("a.steady", 'P', 1.0)]));
    let numbers: Vec<i64> = all(&path).runs.iter().map(|run| run.number).collect();
    assert_eq!((pruned.removed + pruned.left, numbers.last()), (2, Some(&10)));
}

#[test]
fn what_does_not_count_is_told_apart() {
    let (_folder, path) = file();
    for day in 1..3 {
        let mut events = night(day, &[("a.known", 'F', 1.0), ("b.new", 'F', 1.0)]);
        let Event::CaseFinished(result) = &mut events[1] else { panic!("a case") };
        result.standing = Some(Standing::Known(KnownFailure::default()));
        record(&path, &events);
    }
    let trends = all(&path);
    let standings: Vec<StandingKind> = trends.series.iter().map(|s| s.points[0].standing).collect();
    assert_eq!(standings, [StandingKind::Known, StandingKind::Counted]);
    let text = page(&trends, Layout::default());
    let (broken, excused) = text.split_once("Known failures and quarantine (1)").expect("both sections");
    assert!(broken.contains("Still broken (1)\n  FAIL  b.new"), "{text}");
    assert!(excused.contains("a.known"), "{text}");
}

#[test]
fn two_runs_that_write_at_the_same_time_both_land() {
    let (_folder, path) = file();
    let threads: Vec<_> = (1..=8)
        .map(|day| {
            let path = path.clone();
            std::thread::spawn(move || {
                let cases: Vec<String> = (0..50).map(|i| format!("s.{i}")).collect();
                let cases: Vec<_> = cases.iter().map(|id| (id.as_str(), 'F', 1.0)).collect();
                record(&path, &night(day, &cases));
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("written"));
    let trends = all(&path);
    assert_eq!((trends.runs.len(), trends.series.len()), (8, 50));
    assert!(trends.series.iter().all(|series| series.points.len() == 8));
    assert!(trends.runs.iter().all(|run| run.finished));
}

#[test]
fn a_file_that_becomes_a_history_while_it_is_opened_is_one() {
    let (_folder, path) = file();
    for number in 0..200 {
        let path = path.with_file_name(format!("{number}.db"));
        let start = Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    History::open(&path).expect("a history");
                });
            }
        });
    }
}

#[test]
fn a_large_run_is_written_in_several_pieces() {
    let (_folder, path) = file();
    let ids: Vec<String> = (0..2500).map(|i| format!("s.{i}")).collect();
    let cases: Vec<_> = ids.iter().map(|id| (id.as_str(), 'P', 1.0)).collect();
    record(&path, &night(1, &cases));
    let trends = all(&path);
    assert_eq!((trends.runs.len(), trends.series.len()), (1, 2500));
    assert_eq!(trends.runs[0].counts.pass, 2500);
}

#[test]
fn a_run_waits_for_a_history_that_is_locked() {
    let (_folder, path) = file();
    record(&path, &night(1, &[("a.case", 'P', 1.0)]));
    let (locked, is_locked) = mpsc::channel();
    let holder = {
        let path = path.clone();
        std::thread::spawn(move || {
            let mut db = rusqlite::Connection::open(path).expect("opened");
            let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive).expect("locked");
            locked.send(()).expect("heard");
            std::thread::sleep(std::time::Duration::from_millis(600));
            drop(tx);
        })
    };
    is_locked.recv().expect("locked");
    record(&path, &night(2, &[("a.case", 'P', 1.0)]));
    holder.join().expect("unlocked");
    assert_eq!(letters(&path), [("a.case".to_owned(), "PP".to_owned())]);
}

#[test]
fn what_is_no_history_is_left_alone() {
    let (folder, path) = file();
    let refused = |path: &Path| {
        let before = std::fs::read(path).expect("a file");
        let opened = History::open(path).map(|_| ());
        let read = History::open_existing(path).map(|_| ());
        let recorded = Recorder::open(path, Source::default()).map(|_| ());
        assert_eq!(std::fs::read(path).expect("a file"), before, "it is as it was");
        let errors = [opened, read, recorded].map(|done| done.expect_err("refused"));
        errors.map(|error| error.to_string())
    };
    std::fs::write(&path, "run: 1\n".repeat(200)).expect("written");
    for told in refused(&path) {
        assert_eq!(told, "this is not a history, nor any other SQLite file; it is left as it is");
    }
    let other = folder.path().join("other.db");
    let db = rusqlite::Connection::open(&other).expect("opened");
    db.execute_batch("CREATE TABLE theirs (a); PRAGMA user_version = 1").expect("made");
    drop(db);
    for told in refused(&other) {
        assert!(told.contains("an SQLite file of another program"), "{told}");
    }
    let newer = folder.path().join("newer.db");
    record(&newer, &night(1, &[("a.case", 'P', 1.0)]));
    let db = rusqlite::Connection::open(&newer).expect("opened");
    db.execute_batch("PRAGMA user_version = 99").expect("changed");
    drop(db);
    for told in refused(&newer) {
        assert!(told.contains("written by a later Gauntlet, in version 99 of the schema"), "{told}");
    }
    assert!(matches!(History::open_existing(&folder.path().join("none")), Err(HistoryError::Missing)));
    assert!(!folder.path().join("none").exists());
}

#[test]
fn text_of_targets_is_shown_not_obeyed() {
    let (_folder, path) = file();
    let mut events = night(1, &[("a.case", 'F', 1.0), ("b.case", 'E', 1.0)]);
    for event in &mut events[1..] {
        event.for_each_text(&mut |text| {
            if text.parse::<i64>().is_err() {
                *text = common::HOSTILE.to_owned();
            }
        });
    }
    record(&path, &events);
    let trends = all(&path);
    let layout = Layout { color: false, all: true };
    let tables = [By::Scenario, By::Requirement, By::Target].map(|by| table(&trends, by, layout));
    for text in tables.iter().chain([&page(&trends, layout)]) {
        let bad = text.chars().find(|c| *c != '\n' && sanitize::is_unsafe(*c));
        assert_eq!(bad, None, "{text:?}");
    }
    assert!(document(&trends).to_string().contains("\\u001b"));
}

#[test]
fn the_page_of_the_morning() {
    let (_folder, path) = file();
    week(&path);
    let text = page(&all(&path), Layout::default());
    let expected = "\
History of 9 runs, 2026-11-01 02:00 to 2026-11-09 02:00

  #9 2026-11-09 02:00  5 cases: 4 pass, 1 fail in 1.500s

Still broken (1)
  FAIL  b.broken@2025-06-18 on kiro-runtime  PPPPEFFFF
        since #5 2026-11-05 02:00; last good #4 2026-11-04 02:00; in this way since #6 2026-11-06 02:00
        step 1, status: expected 403, the target answered 200

Fixed (1)
  PASS  c.fixed@2025-06-18 on kiro-runtime  PFFFFFFFP

Flaky (1)
  PASS  d.flaky@2025-06-18 on kiro-runtime  PFPpPFPSP
        62.5 %: 1 pass on a retry, 4 changes of the verdict in 8 runs

Slower (1)
  PASS  e.slow@2025-06-18 on kiro-runtime  PPPPPPPPP
        10 ms → 85 ms, the median of the last three runs against those before

Targets (1)
  kiro-runtime   63.8 %  ▆▄▅▆▅▃▅▄▆  p50   5.0 ms  p90    11 ms  p99    90 ms  p90 ▁▁▁▁▂▁███
";
    assert_eq!(text, expected);
}
