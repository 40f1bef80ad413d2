//! Runs and results, into the tables.

use rusqlite::{OptionalExtension as _, Statement, Transaction, params};

use super::HistoryError;
use super::record::{End, FailureRow, ResultRow, RunRow, number_of};

/// The number of the run, if it is there, and whether its end is.
pub(super) fn find(tx: &Transaction<'_>, key: &str) -> Result<Option<(i64, bool)>, HistoryError> {
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
    let mut dictionary = Dictionary::new(tx)?;
    let mut result = tx.prepare(
        "INSERT OR REPLACE INTO result (run, test_case, verdict, flaky, standing, attempts, duration_us, failure, proof)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for row in rows {
        let test_case = dictionary.case(row)?;
        let failure = row.failure.as_ref().map(|failure| dictionary.failure(failure)).transpose()?;
        let proof = row.proof.as_ref().map(|proof| dictionary.proof(proof)).transpose()?;
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
struct Dictionary<'tx> {
    case: [Statement<'tx>; 2],
    failure: [Statement<'tx>; 2],
    proof: [Statement<'tx>; 2],
}

impl<'tx> Dictionary<'tx> {
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
