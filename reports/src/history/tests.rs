//! What cannot be seen from outside: waiting for a short time only, a full disk, steps of the schema.

use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::recorder::{EVERY, MEANWHILE, Recorder};
use super::schema::{APPLICATION_ID, MIGRATIONS, migrate, version};
use super::{History, HistoryError, Selection, Source};
use crate::Reporter as _;
use crate::model::{Attempt, CaseId, CaseResult, Event, Place, RunInfo, RunSummary, Verdict};

fn started(at: &str) -> Event {
    Event::RunStarted(RunInfo { started_at: at.to_owned(), ..RunInfo::default() })
}

fn finished(index: usize) -> Event {
    let attempt = Attempt { duration_ms: 1.0, ..Attempt::new(Verdict::Pass) };
    Event::CaseFinished(Box::new(CaseResult {
        index,
        id: CaseId { scenario: format!("s.{index}"), case: Vec::new(), version: None, target: "t".to_owned() },
        title: String::new(),
        pack: None,
        tags: Vec::new(),
        place: Place { file: String::new(), line: 1, column: 1, length: 1, text: String::new() },
        endpoint: String::new(),
        verdict: Verdict::Pass,
        flaky: false,
        standing: None,
        attempts: vec![attempt],
        again: String::new(),
        volatile: None,
    }))
}

fn runs(path: &std::path::Path) -> usize {
    let history = History::open_existing(path).expect("a history");
    history.trends(&Selection::default()).expect("trends").runs.len()
}

#[test]
fn a_history_that_stays_locked_is_told_and_the_run_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("history.db");
    drop(History::open(&path).expect("a history"));
    let mut holder = Connection::open(&path).expect("opened");
    let lock = holder.transaction_with_behavior(TransactionBehavior::Exclusive).expect("locked");
    let patience = Duration::from_millis(300);
    let mut recorder = Recorder::open_within(&path, Source::default(), patience).expect("opened later");
    for event in [started("2026-11-21T00:00:00Z"), finished(0)] {
        recorder.event(&event).expect("the run is not disturbed");
    }
    let told = recorder.event(&Event::RunFinished(RunSummary::default())).expect_err("locked").to_string();
    assert_eq!(
        told,
        "locked by another process for more than 0.3 s; add the run later with `gauntlet history add RUN`"
    );
    drop(lock);
    assert_eq!(runs(&path), 0);
}

#[test]
fn a_history_that_is_locked_for_a_while_gets_everything_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("history.db");
    let mut recorder = Recorder::open(&path, Source::default()).expect("a history");
    let mut holder = Connection::open(&path).expect("opened");
    let lock = holder.transaction_with_behavior(TransactionBehavior::Exclusive).expect("locked");
    for event in [started("2026-11-21T00:00:00Z"), finished(0)] {
        recorder.event(&event).expect("the run is not disturbed");
    }
    // Longer than until the next transaction, and than that one waits.
    std::thread::sleep(EVERY + 2 * MEANWHILE);
    drop(lock);
    for event in [finished(1), Event::RunFinished(RunSummary::default())] {
        recorder.event(&event).expect("recorded");
    }
    let trends = History::open_existing(&path).and_then(|h| h.trends(&Selection::default())).expect("trends");
    assert_eq!((trends.runs.len(), trends.series.len(), trends.runs[0].finished), (1, 2, true));
}

#[test]
fn a_full_disk_leaves_the_history_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("history.db");
    let mut recorder = Recorder::open(&path, Source::default()).expect("a history");
    for event in [started("2026-11-20T00:00:00Z"), finished(0), Event::RunFinished(RunSummary::default())] {
        recorder.event(&event).expect("recorded");
    }
    let mut history = History::open(&path).expect("a history");
    let pages: i64 = history.db.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("counted");
    history.db.pragma_update(None, "max_page_count", pages).expect("bounded");
    let saved: Vec<u8> = {
        let mut saved = Vec::new();
        let mut reporter = crate::JsonLinesReporter::new(&mut saved);
        reporter.event(&started("2026-11-21T00:00:00Z")).expect("written");
        (0..2000).for_each(|index| reporter.event(&finished(index)).expect("written"));
        saved
    };
    let error = history.add(saved.as_slice(), &Source::default()).expect_err("full");
    assert!(matches!(error, HistoryError::Full), "{error:?}");
    drop(history);
    assert_eq!(runs(&path), 1);
}

#[test]
fn each_step_of_the_schema_is_taken_once_and_in_order() {
    let mut db = Connection::open_in_memory().expect("opened");
    let first = ["CREATE TABLE a (x); INSERT INTO a VALUES (1)"];
    migrate(&mut db, &first).expect("migrated");
    migrate(&mut db, &first).expect("nothing to do");
    let both = [first[0], "ALTER TABLE a ADD COLUMN y; UPDATE a SET y = x + 1"];
    migrate(&mut db, &both).expect("migrated");
    let sum: i64 = db.query_row("SELECT sum(x + y) FROM a", [], |row| row.get(0)).expect("one row");
    assert_eq!((sum, version(&db, 2).expect("a version")), (3, 2));
    assert!(matches!(migrate(&mut db, &first), Err(HistoryError::Newer { found: 2, known: 1 })));
}

#[test]
fn a_step_that_fails_is_not_taken_by_half() {
    let mut db = Connection::open_in_memory().expect("opened");
    migrate(&mut db, &["CREATE TABLE a (x)"]).expect("migrated");
    let broken = ["CREATE TABLE a (x)", "CREATE TABLE b (x); CREATE TABLE a (x)"];
    migrate(&mut db, &broken).expect_err("the second step cannot be taken");
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).expect("counted");
    assert_eq!((tables, version(&db, 2).expect("a version")), (1, 1));
}

#[test]
fn an_empty_file_becomes_a_history() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let history = History::open(file.path()).expect("a history");
    assert_eq!(version(&history.db, 1).expect("a version"), MIGRATIONS.len() as i64);
    let id: i64 = history.db.query_row("PRAGMA application_id", [], |row| row.get(0)).expect("an id");
    assert_eq!(id, APPLICATION_ID);
}
