//! Writing a baseline so that nothing of the old one is lost when that does not work.

use std::path::Path;

use gauntlet_reports::baseline::Changed;

use super::BaselineFile;
use crate::beside;

/// Writes a changed baseline: beside the old one and then in its place, so that whatever goes wrong one of them is whole.
/// `entries` is how many there were.
///
/// # Errors
/// What went wrong, in one sentence. The old file is as it was, unless the path is that of a device.
pub fn save(path: &Path, changed: &Changed, entries: usize) -> Result<(), String> {
    // A change is made to lines, and people may write YAML in ways in which lines say little.
    let expected = (entries + changed.added).saturating_sub(changed.removed);
    let found = BaselineFile::parse(path, &changed.text).map(|file| file.baseline.entries.len());
    if found.ok() != Some(expected) {
        return Err(format!(
            "{} cannot be changed without harm to the rest of it; write one entry after the other, each beginning with `- ` on a \
             line of its own",
            path.display()
        ));
    }
    beside::write(path, &changed.text)
        .map_err(|error| format!("cannot write {}: {error}; what it held before is still there", path.display()))
}
