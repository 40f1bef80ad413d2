//! The recordings that the user names.

use std::path::Path;

use anstream::eprintln;
use gauntlet::repro;
use gauntlet::repro::recording::Recording;
use gauntlet_reports::sanitize;

use crate::exit::CommandError;

/// Notes that are shown; the rest is counted.
const NOTES: usize = 8;

/// Reads a recording as a whole. What was left out of it is told on standard error.
pub(super) fn load(path: &Path) -> Result<Recording, CommandError> {
    let (recording, notes) =
        repro::load(path).map_err(|error| CommandError::usage(sanitize::block(&error.to_string())))?;
    for note in notes.iter().take(NOTES) {
        eprintln!("{}: {}", path.display(), sanitize::block(&note.to_string()));
    }
    if notes.len() > NOTES {
        eprintln!("{}: {} notes more", path.display(), notes.len() - NOTES);
    }
    Ok(recording)
}
