//! `gauntlet run --bless`: takes what a run answered over into the snapshots.

use std::io::Write as _;
use std::sync::Arc;

use gauntlet::ScenarioSet;
use gauntlet::snapshot::{Blessing, Pending, Refused, is_ci};

use crate::args::BlessChoice;
use crate::exit::{CommandError, Exit};

/// What a run collects that may be blessed.
pub(super) fn blessing(choice: BlessChoice, set: &ScenarioSet) -> Result<Arc<Blessing>, CommandError> {
    if choice == BlessChoice::Local && is_ci() {
        let reason = "CI is set, and nobody reads what is blessed there; `--bless=always` blesses all the same";
        return Err(CommandError::usage(reason));
    }
    if set.is_embedded() {
        let reason = "the scenarios that come with Gauntlet are in the program, not in files, so there is nothing to write beside \
                      them; name scenario files or folders";
        return Err(CommandError::usage(reason));
    }
    Ok(Arc::default())
}

/// Shows what changes, then writes it.
pub(super) fn bless(blessing: &Blessing) -> Result<Exit, CommandError> {
    let blessed = blessing.take();
    // Escape sequences are taken out where they are not wanted.
    let mut err = anstream::stderr().lock();
    if blessed.is_empty() {
        writeln!(err, "nothing to bless: no case that ran has a snapshot")?;
        return Ok(Exit::Conforms);
    }
    let pending: Vec<Pending> = blessed.pending().collect();
    for snapshot in &pending {
        write!(err, "{}", snapshot.diff(true))?;
    }
    let refused: Vec<Refused> = blessed.refused().collect();
    for refused in &refused {
        writeln!(err, "{refused}")?;
    }
    for snapshot in &pending {
        snapshot.write().map_err(CommandError::infrastructure)?;
    }
    let plural = if pending.len() == 1 { "snapshot" } else { "snapshots" };
    writeln!(err, "{} {plural} written", pending.len())?;
    let differ = refused.iter().any(|refused| matches!(refused, Refused::Differ(..)));
    Ok(if differ { Exit::DoesNotConform } else { Exit::Conforms })
}
