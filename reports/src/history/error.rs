//! What can go wrong with a history.

use std::fmt;
use std::io;
use std::time::Duration;

use rusqlite::ErrorCode;

use crate::saved::ReadError;

/// Why a history cannot be read or added to. The file is as it was before.
#[derive(Debug)]
#[non_exhaustive]
pub enum HistoryError {
    /// There is no such file.
    Missing,
    /// It is not a history, and why.
    Foreign(String),
    /// A later Gauntlet has written it: the version of its schema, and the latest that is known here.
    Newer {
        /// That of the file.
        found: i64,
        /// The latest that is known.
        known: i64,
    },
    /// Somebody else has been writing for longer than was waited.
    Locked(Duration),
    /// The file or its folder cannot be written.
    ReadOnly,
    /// No space is left.
    Full,
    /// The saved run that was to be added cannot be read.
    Run(ReadError),
    /// The system could not do it.
    Io(io::Error),
    /// SQLite could not do it.
    Sqlite(rusqlite::Error),
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str(
                "there is no such file; `gauntlet run --history FILE` makes it, `gauntlet history add RUN` adds a saved run",
            ),
            Self::Foreign(why) => write!(f, "this is not a history, {why}; it is left as it is"),
            Self::Newer { found, known } => write!(
                f,
                "written by a later Gauntlet, in version {found} of the schema; this one knows up to {known}. It is left as it is"
            ),
            Self::Locked(waited) => write!(
                f,
                "locked by another process for more than {:.1} s; add the run later with `gauntlet history add RUN`",
                waited.as_secs_f64()
            ),
            Self::ReadOnly => f.write_str("the file or its folder is read-only; SQLite writes to both"),
            Self::Full => f.write_str("no space is left on the device; what was in the history before is still there"),
            Self::Run(error) => write!(f, "{error}"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Sqlite(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for HistoryError {}

impl From<rusqlite::Error> for HistoryError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Foreign("nor any other SQLite file".to_owned()),
            Some(ErrorCode::DatabaseCorrupt) => Self::Foreign("or a damaged one".to_owned()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked(Duration::ZERO),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly,
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::Sqlite(error),
        }
    }
}

impl From<HistoryError> for io::Error {
    fn from(error: HistoryError) -> Self {
        Self::other(error)
    }
}
