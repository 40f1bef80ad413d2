//! The recordings that the user names.

use std::path::Path;

use anstream::eprintln;
use gauntlet::repro::har;
use gauntlet::repro::recording::Recording;
use gauntlet_reports::sanitize;

use crate::exit::CommandError;

/// Reads a recording as a whole.
pub(super) fn load(path: &Path) -> Result<Recording, CommandError> {
    let shown = path.display();
    let (recording, info) = har::load(path, &har::Limits::default()).map_err(|error| match error {
        har::Error::Io(error) => CommandError::usage(format!("cannot read {shown}: {error}")),
        error => CommandError::usage(format!("{shown}: {}", sanitize::block(&error.to_string()))),
    })?;
    if info.is_cut {
        eprintln!("{shown} ends in the middle; its first {} entries are whole and are taken", info.entries);
    }
    Ok(recording)
}
