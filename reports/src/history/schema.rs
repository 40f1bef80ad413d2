//! The tables, and how an older file becomes a current one.

use rusqlite::{Connection, TransactionBehavior};

use super::HistoryError;

/// `GNTL`: how a history is told from any other SQLite file.
pub(super) const APPLICATION_ID: i64 = 0x474e_544c;

/// What makes version n of the schema out of version n - 1, from the empty file on. Steps that were released never change.
pub(super) const MIGRATIONS: [&str; 1] = ["
-- One row for each run. A run is known by when and where it began; `finished` stays 0 when it was killed.
CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    started_at TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    gauntlet TEXT NOT NULL,
    environment TEXT,
    shard TEXT,
    commit_id TEXT,
    branch TEXT,
    finished INTEGER NOT NULL DEFAULT 0,
    interrupted TEXT,
    duration_ms REAL NOT NULL DEFAULT 0,
    broken INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX run_started ON run (started_ms);

-- What would otherwise stand in every result.
CREATE TABLE test_case (
    id INTEGER PRIMARY KEY,
    scenario TEXT NOT NULL,
    matrix TEXT NOT NULL,
    version TEXT NOT NULL,
    target TEXT NOT NULL,
    pack TEXT,
    UNIQUE (scenario, matrix, version, target)
);
CREATE TABLE failure (
    id INTEGER PRIMARY KEY,
    signature TEXT NOT NULL,
    told TEXT NOT NULL,
    UNIQUE (signature, told)
);
CREATE TABLE proof (
    id INTEGER PRIMARY KEY,
    requirements TEXT NOT NULL UNIQUE
);

-- By run first, so that a run is added at the end and read in one piece.
CREATE TABLE result (
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    test_case INTEGER NOT NULL,
    verdict INTEGER NOT NULL,
    flaky INTEGER NOT NULL,
    standing INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    failure INTEGER,
    proof INTEGER,
    PRIMARY KEY (run, test_case)
) WITHOUT ROWID;
"];

/// Brings a file to the latest version.
///
/// # Errors
/// When it is not a history, or of a later version; it is not touched then. When it cannot be written.
pub(super) fn migrate(db: &mut Connection, steps: &[&str]) -> Result<(), HistoryError> {
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    // In one transaction: between two pragmas of their own, another run could turn the empty file into a history.
    let found = version(&*db.transaction()?, known)?;
    if found == known {
        return Ok(());
    }
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Somebody else may have been faster.
    let done = usize::try_from(version(&tx, known)?).unwrap_or(0);
    for step in steps.iter().skip(done) {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", known)?;
    tx.commit()?;
    Ok(())
}

/// The version of the file's schema, 0 for an empty file.
pub(super) fn version(db: &Connection, known: i64) -> Result<i64, HistoryError> {
    let pragma = |name: &str| db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let found = pragma("user_version")?;
    if pragma("application_id")? == APPLICATION_ID {
        return if found > known { Err(HistoryError::Newer { found, known }) } else { Ok(found) };
    }
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 || found != 0 {
        return Err(HistoryError::Foreign("but an SQLite file of another program".to_owned()));
    }
    Ok(0)
}
