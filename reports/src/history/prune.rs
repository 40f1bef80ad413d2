//! Forgetting old runs.

use std::time::Duration;

use super::{History, HistoryError, moment};

/// Which runs to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Those that began within so much time before now.
    Within(Duration),
    /// So many, the latest.
    Last(usize),
}

/// What was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// Runs that are gone.
    pub removed: usize,
    /// Runs that are left.
    pub left: usize,
}

impl History {
    /// Forgets all runs but those to keep, and gives the space back if nobody else uses the file.
    ///
    /// # Errors
    /// When the file cannot be written; it is then as before.
    pub fn prune(&mut self, keep: Keep) -> Result<Pruned, HistoryError> {
        let pruned = self.write(|tx| {
            let removed = match keep {
                Keep::Within(time) => tx.execute("DELETE FROM run WHERE started_ms < ?1", [moment::ago(time)])?,
                Keep::Last(runs) => tx.execute(
                    "DELETE FROM run WHERE id NOT IN (SELECT id FROM run ORDER BY started_ms DESC, id DESC LIMIT ?1)",
                    [i64::try_from(runs).unwrap_or(i64::MAX)],
                )?,
            };
            // What only forgotten results named.
            tx.execute_batch(
                "DELETE FROM test_case WHERE id NOT IN (SELECT test_case FROM result);
                 DELETE FROM failure WHERE id NOT IN (SELECT failure FROM result WHERE failure IS NOT NULL);
                 DELETE FROM proof WHERE id NOT IN (SELECT proof FROM result WHERE proof IS NOT NULL);",
            )?;
            let left: i64 = tx.query_row("SELECT count(*) FROM run", [], |row| row.get(0))?;
            Ok(Pruned { removed, left: usize::try_from(left).unwrap_or(0) })
        });
        let pruned = self.waited(pruned)?;
        if pruned.removed > 0 {
            // Space that cannot be given back now, as somebody is reading, is used by later runs.
            let _ = self.db.execute_batch("VACUUM");
        }
        Ok(pruned)
    }
}
