//! The file: opened, added to.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Statement, Transaction, TransactionBehavior, params};

use super::record::{End, FailureRow, ResultRow, RunRow, number_of};
use super::schema::{self, MIGRATIONS};
use super::{HistoryError, Source};
use crate::model::Event;
use crate::saved;

/// How long somebody else may write before it is an error.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A history.
#[derive(Debug)]
pub struct History {
    pub(super) db: Connection,
    pub(super) patience: Duration,
}

/// What became of a run that was to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is in the history now.
    New {
        /// Its number.
        run: i64,
        /// How many cases it has.
        cases: usize,
    },
    /// A part of it was there, and now it is as whole as the file.
    Completed {
        /// Its number.
        run: i64,
        /// How many cases it has.
        cases: usize,
        /// How many were there.
        before: usize,
    },
    /// It was there already.
    Known {
        /// Its number.
        run: i64,
    },
}

impl History {
    /// Opens a history, or makes one.
    ///
    /// # Errors
    /// When the file is something else or of a later version, in which case it is left alone; when it cannot be written, or is locked
    /// for longer than ten seconds.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        Self::open_within(path, PATIENCE)
    }

    /// As [`Self::open`], waiting for others no longer than that.
    pub(super) fn open_within(path: &Path, patience: Duration) -> Result<Self, HistoryError> {
        let mut history = Self::connect(path, OpenFlags::SQLITE_OPEN_CREATE, patience)?;
        let migrated = schema::migrate(&mut history.db, &MIGRATIONS);
        history.waited(migrated)?;
        if history.db.is_readonly("main")? { Err(HistoryError::ReadOnly) } else { Ok(history) }
    }

    /// Opens a history to read it.
    ///
    /// # Errors
    /// When there is none, or as for [`Self::open`].
    pub fn open_existing(path: &Path) -> Result<Self, HistoryError> {
        if !path.exists() {
            return Err(HistoryError::Missing);
        }
        let mut history = Self::connect(path, OpenFlags::empty(), PATIENCE)?;
        let migrated = schema::migrate(&mut history.db, &MIGRATIONS);
        history.waited(migrated)?;
        Ok(history)
    }

    fn connect(path: &Path, more: OpenFlags, patience: Duration) -> Result<Self, HistoryError> {
        // Names such as `:memory:` and `file:x` mean something to SQLite.
        let path: PathBuf = if path.is_absolute() { path.to_owned() } else { Path::new(".").join(path) };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(patience)?;
        db.pragma_update(None, "foreign_keys", true)?;
        Ok(Self { db, patience })
    }

    /// Says how long was waited.
    pub(super) fn waited<T>(&self, done: Result<T, HistoryError>) -> Result<T, HistoryError> {
        done.map_err(|error| match error {
            HistoryError::Locked(_) => HistoryError::Locked(self.patience),
            other => other,
        })
    }

    /// Adds a saved run, whole or cut off. A run that is there already is recognised by the time at which it began, its environment and
    /// its shard; if only a part of it is there, the rest is added.
    ///
    /// # Errors
    /// When the run cannot be read, or the history not written; the history is then as before.
    pub fn add(&mut self, run: impl BufRead, source: &Source) -> Result<Added, HistoryError> {
        let mut head = None;
        let mut rows = Vec::new();
        let mut end = End::default();
        let read = saved::read(run, &mut |event| {
            match &event {
                Event::RunStarted(info) => head = Some(RunRow::new(info, source)),
                Event::CaseFinished(result) => rows.push(ResultRow::from(result.as_ref())),
                Event::RunFinished(summary) => end = End::from(summary),
                Event::Target(_) | Event::Broken(_) | Event::CaseStarted { .. } => {}
            }
            Ok(())
        });
        let read = read.map_err(HistoryError::Run)?;
        let Some(head) = head else {
            return Err(HistoryError::Run(saved::ReadError::Foreign("it has no beginning".to_owned())));
        };
        let added = self.write(|tx| {
            let Some((run, whole)) = find(tx, &head.key())? else {
                let run = begin(tx, &head)?;
                insert(tx, run, &rows)?;
                if read.complete {
                    finish(tx, run, &end)?;
                }
                return Ok(Added::New { run, cases: rows.len() });
            };
            let before: i64 = tx.query_row("SELECT count(*) FROM result WHERE run = ?1", [run], |row| row.get(0))?;
            let before = usize::try_from(before).unwrap_or(0);
            if whole || rows.len() < before || (rows.len() == before && !read.complete) {
                return Ok(Added::Known { run });
            }
            insert(tx, run, &rows)?;
            if read.complete {
                finish(tx, run, &end)?;
            }
            Ok(Added::Completed { run, cases: rows.len(), before })
        });
        self.waited(added)
    }

    /// Does the work in one transaction: all of it is there afterwards, or nothing.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, HistoryError>,
    ) -> Result<T, HistoryError> {
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&tx)?;
        tx.commit()?;
        Ok(done)
    }
}

/// The number of the run, if it is there, and whether its end is.
fn find(tx: &Transaction<'_>, key: &str) -> Result<Option<(i64, bool)>, HistoryError> {
    let found =
        tx.query_row("SELECT id, finished FROM run WHERE key = ?1", [key], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(found.optional()?)
}

/// Adds a run without results; gives its number.
pub(super) fn begin(tx: &Transaction<'_>, run: &RunRow) -> Result<i64, HistoryError> {
    let (info, source) = (&run.info, &run.source);
    tx.execute(
        "INSERT INTO run (key, started_at, started_ms, gauntlet, environment, shard, commit_id, branch)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            run.key(),
            info.started_at,
            run.started_ms,
            info.gauntlet,
            info.environment,
            run.shard(),
            source.commit,
            source.branch,
        ],
    )?;
    Ok(tx.last_insert_rowid())
}

/// Says how it ended.
pub(super) fn finish(tx: &Transaction<'_>, run: i64, end: &End) -> Result<(), HistoryError> {
    tx.execute(
        "UPDATE run SET finished = 1, interrupted = ?2, duration_ms = ?3, broken = ?4 WHERE id = ?1",
        params![run, end.interrupted, end.duration_ms, i64::try_from(end.broken).unwrap_or(i64::MAX)],
    )?;
    Ok(())
}

/// Adds results to a run.
pub(super) fn insert(tx: &Transaction<'_>, run: i64, rows: &[ResultRow]) -> Result<(), HistoryError> {
    let mut names = Names::new(tx)?;
    let mut result = tx.prepare(
        "INSERT OR REPLACE INTO result (run, test_case, verdict, flaky, standing, attempts, duration_us, failure, proof)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for row in rows {
        let test_case = names.case(row)?;
        let failure = row.failure.as_ref().map(|failure| names.failure(failure)).transpose()?;
        let proof = row.proof.as_ref().map(|proof| names.proof(proof)).transpose()?;
        let attempts = i64::try_from(row.attempts).unwrap_or(i64::MAX);
        result.execute(params![
            run,
            test_case,
            number_of(row.verdict),
            row.flaky,
            row.standing.number(),
            attempts,
            row.duration_us,
            failure,
            proof
        ])?;
    }
    Ok(())
}

/// Numbers for what would otherwise stand in every result.
struct Names<'tx> {
    case: [Statement<'tx>; 2],
    failure: [Statement<'tx>; 2],
    proof: [Statement<'tx>; 2],
}

impl<'tx> Names<'tx> {
    fn new(tx: &'tx Transaction<'_>) -> Result<Self, HistoryError> {
        Ok(Self {
            case: [
                tx.prepare(
                    "SELECT id FROM test_case WHERE scenario = ?1 AND matrix = ?2 AND version = ?3 AND target = ?4",
                )?,
                tx.prepare("INSERT INTO test_case (scenario, matrix, version, target, pack) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id")?,
            ],
            failure: [
                tx.prepare("SELECT id FROM failure WHERE signature = ?1 AND told = ?2")?,
                tx.prepare("INSERT INTO failure (signature, told) VALUES (?1, ?2) RETURNING id")?,
            ],
            proof: [
                tx.prepare("SELECT id FROM proof WHERE requirements = ?1")?,
                tx.prepare("INSERT INTO proof (requirements) VALUES (?1) RETURNING id")?,
            ],
        })
    }

    fn case(&mut self, row: &ResultRow) -> Result<i64, HistoryError> {
        let id = &row.id;
        let matrix = serde_json::to_string(&id.case).unwrap_or_default();
        let version = id.version.as_deref().unwrap_or_default();
        let [find, add] = &mut self.case;
        let found = find.query_row(params![id.scenario, matrix, version, id.target], |row| row.get(0)).optional()?;
        match found {
            Some(id) => Ok(id),
            None => Ok(add.query_row(params![id.scenario, matrix, version, id.target, row.pack], |row| row.get(0))?),
        }
    }

    fn failure(&mut self, failure: &FailureRow) -> Result<i64, HistoryError> {
        let [find, add] = &mut self.failure;
        number(find, add, &[&failure.signature, &failure.told])
    }

    fn proof(&mut self, proof: &str) -> Result<i64, HistoryError> {
        let [find, add] = &mut self.proof;
        number(find, add, &[proof])
    }
}

/// The number of what is there, or was added just now.
fn number(find: &mut Statement<'_>, add: &mut Statement<'_>, values: &[&str]) -> Result<i64, HistoryError> {
    let values = || rusqlite::params_from_iter(values.iter());
    match find.query_row(values(), |row| row.get(0)).optional()? {
        Some(id) => Ok(id),
        None => Ok(add.query_row(values(), |row| row.get(0))?),
    }
}
