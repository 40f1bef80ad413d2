//! The file: opened, added to.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::insert::{begin, find, finish, insert};
use super::record::{End, ResultRow, RunRow};
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

/// What a history has to select by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Names of targets.
    pub targets: BTreeSet<String>,
    /// Protocol versions.
    pub versions: BTreeSet<String>,
    /// Environments.
    pub environments: BTreeSet<String>,
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

    /// What there is to select by.
    ///
    /// # Errors
    /// When the file is damaged, or locked for too long.
    pub fn names(&self) -> Result<Names, HistoryError> {
        let column = |sql: &str| -> Result<BTreeSet<String>, HistoryError> {
            let mut statement = self.db.prepare(sql)?;
            let names = statement.query_map([], |row| row.get(0))?;
            Ok(names.collect::<Result<_, _>>()?)
        };
        let names = || {
            Ok(Names {
                targets: column("SELECT DISTINCT target FROM test_case")?,
                versions: column("SELECT DISTINCT version FROM test_case WHERE version <> ''")?,
                environments: column("SELECT DISTINCT environment FROM run WHERE environment IS NOT NULL")?,
            })
        };
        self.waited(names())
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
