//! From the file to trends: every selected result is read once, run by run.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, Row};
use wildmatch::WildMatch;

use super::{Counts, Failure, Point, RunPoint, Selection, StandingKind, Trends, build};
use crate::history::HistoryError;
use crate::history::record::VERDICTS;
use crate::model::{CaseId, Verdict};

pub(super) fn read(db: &Connection, selection: &Selection) -> Result<Trends, HistoryError> {
    // What is read belongs together, whoever adds to it meanwhile.
    let tx = db.unchecked_transaction()?;
    let (failures, failure_at) = failures(&tx)?;
    let proofs = proofs(&tx)?;
    let reader = Reader { cases: cases(&tx, selection)?, matching: matching(selection, &proofs), failure_at };
    let mut results = tx.prepare(
        "SELECT test_case, verdict, flaky, standing, duration_us, failure, proof FROM result WHERE run = ?1",
    )?;
    let mut found: Vec<(RunPoint, Vec<Raw>)> = Vec::new();
    for mut run in runs(&tx, selection)? {
        if selection.last.is_some_and(|last| found.len() >= last) {
            break;
        }
        let mut taken = Vec::new();
        let mut rows = results.query([run.number])?;
        while let Some(row) = rows.next()? {
            if let Some(raw) = reader.take(row)? {
                run.counts.add(raw.point.verdict, raw.point.flaky);
                taken.push(raw);
            }
        }
        if !taken.is_empty() {
            found.push((run, taken));
        }
    }
    // The latest came first.
    found.reverse();
    Ok(build::build(found, reader.cases, &proofs, selection, failures))
}

/// A result as it was read.
pub(super) struct Raw {
    pub(super) case: i64,
    pub(super) proof: Option<i64>,
    pub(super) point: Point,
}

/// A case of the file.
pub(super) struct Case {
    pub(super) id: CaseId,
    pub(super) pack: Option<String>,
}

/// Which requirements a result touched, and how.
pub(super) type Proofs = HashMap<i64, Vec<(String, Verdict)>>;

/// What is needed to read results.
struct Reader {
    cases: HashMap<i64, Case>,
    /// The lists of requirements with a selected one; none where all are selected.
    matching: Option<HashSet<i64>>,
    failure_at: HashMap<i64, u32>,
}

impl Reader {
    /// The result, if it is selected.
    fn take(&self, row: &Row<'_>) -> Result<Option<Raw>, HistoryError> {
        let case: i64 = row.get(0)?;
        let proof: Option<i64> = row.get(6)?;
        let touches = |lists: &HashSet<i64>| proof.is_some_and(|proof| lists.contains(&proof));
        if !self.cases.contains_key(&case) || !self.matching.as_ref().is_none_or(touches) {
            return Ok(None);
        }
        let verdict: u8 = row.get(1)?;
        let failure: Option<i64> = row.get(5)?;
        #[expect(clippy::cast_possible_truncation, reason = "a duration")]
        let point = Point {
            run: 0,
            failure: failure.and_then(|id| self.failure_at.get(&id).copied()),
            duration_ms: (row.get::<_, f64>(4)? / 1000.0) as f32,
            verdict: VERDICTS.get(usize::from(verdict)).copied().unwrap_or(Verdict::Error),
            flaky: row.get(2)?,
            standing: StandingKind::from_number(row.get(3)?),
        };
        Ok(Some(Raw { case, proof, point }))
    }
}

/// Runs that may be selected, the latest first.
fn runs(db: &Connection, selection: &Selection) -> Result<Vec<RunPoint>, HistoryError> {
    let mut statement = db.prepare(
        "SELECT id, started_at, started_ms, gauntlet, environment, shard, commit_id, branch, finished, interrupted,
                duration_ms, broken
         FROM run WHERE started_ms >= ?1 ORDER BY started_ms DESC, id DESC",
    )?;
    let all = statement.query_map([selection.since_ms.unwrap_or(i64::MIN)], |row| {
        Ok(RunPoint {
            number: row.get(0)?,
            started_at: row.get(1)?,
            started_ms: row.get(2)?,
            gauntlet: row.get(3)?,
            environment: row.get(4)?,
            shard: row.get(5)?,
            commit: row.get(6)?,
            branch: row.get(7)?,
            finished: row.get(8)?,
            interrupted: row.get(9)?,
            duration_ms: row.get(10)?,
            broken: u64::try_from(row.get::<_, i64>(11)?).unwrap_or(0),
            counts: Counts::default(),
        })
    })?;
    let mut runs = Vec::new();
    for found in all {
        let run = found?;
        let wanted = &selection.environments;
        if wanted.is_empty() || run.environment.as_ref().is_some_and(|name| wanted.contains(name)) {
            runs.push(run);
        }
    }
    Ok(runs)
}

/// The selected cases by their numbers.
fn cases(db: &Connection, selection: &Selection) -> Result<HashMap<i64, Case>, HistoryError> {
    let globs: Vec<WildMatch> = selection.scenarios.iter().map(|glob| WildMatch::new(glob)).collect();
    let one_of = |wanted: &[String], value: &str| wanted.is_empty() || wanted.iter().any(|w| w == value);
    let mut statement = db.prepare("SELECT id, scenario, matrix, version, target, pack FROM test_case")?;
    let mut rows = statement.query([])?;
    let mut cases = HashMap::new();
    while let Some(row) = rows.next()? {
        let (scenario, version, target): (String, String, String) = (row.get(1)?, row.get(3)?, row.get(4)?);
        let taken = globs.is_empty() || globs.iter().any(|glob| glob.matches(&scenario));
        if !taken || !one_of(&selection.targets, &target) || !one_of(&selection.versions, &version) {
            continue;
        }
        let matrix: String = row.get(2)?;
        let case = serde_json::from_str(&matrix).unwrap_or_default();
        let version = Some(version).filter(|version| !version.is_empty());
        let id = CaseId { scenario, case, version, target };
        cases.insert(row.get(0)?, Case { id, pack: row.get(5)? });
    }
    Ok(cases)
}

/// Which requirements a result touched, by the number of the list.
fn proofs(db: &Connection) -> Result<Proofs, HistoryError> {
    let mut statement = db.prepare("SELECT id, requirements FROM proof")?;
    let all = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    all.map(|found| {
        let (id, text) = found?;
        Ok((id, serde_json::from_str(&text).unwrap_or_default()))
    })
    .collect()
}

/// What failed, and where it stands by its number.
fn failures(db: &Connection) -> Result<(Vec<Failure>, HashMap<i64, u32>), HistoryError> {
    let mut statement = db.prepare("SELECT id, signature, told FROM failure ORDER BY id")?;
    let mut rows = statement.query([])?;
    let (mut failures, mut at) = (Vec::new(), HashMap::new());
    while let Some(row) = rows.next()? {
        at.insert(row.get(0)?, u32::try_from(failures.len()).unwrap_or(u32::MAX));
        failures.push(Failure { signature: row.get(1)?, told: row.get(2)? });
    }
    Ok((failures, at))
}

/// The lists that have a selected requirement.
fn matching(selection: &Selection, proofs: &Proofs) -> Option<HashSet<i64>> {
    if selection.requirements.is_empty() {
        return None;
    }
    let takes = |list: &[(String, Verdict)]| list.iter().any(|(id, _)| selection.takes_requirement(id));
    Some(proofs.iter().filter(|(_, list)| takes(list)).map(|(id, _)| *id).collect())
}
