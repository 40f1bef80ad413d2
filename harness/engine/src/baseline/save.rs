//! Writing a baseline so that nothing of the old one is lost when that does not work.

use std::io::Write as _;
use std::path::Path;

use gauntlet_reports::baseline::Changed;

use super::BaselineFile;

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
    written(path, &changed.text)
        .map_err(|error| format!("cannot write {}: {error}; what it held before is still there", path.display()))
}

fn written(path: &Path, text: &str) -> std::io::Result<()> {
    // Through a link to what it names.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let old = match std::fs::metadata(path) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if old.as_ref().is_some_and(|metadata| !metadata.is_file()) {
        return std::fs::OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut beside = tempfile::Builder::new().prefix(".baseline-").tempfile_in(folder)?;
    beside.write_all(text.as_bytes())?;
    match old {
        Some(old) if old.permissions().readonly() => return Err(std::io::ErrorKind::PermissionDenied.into()),
        Some(old) => beside.as_file().set_permissions(old.permissions())?,
        None => readable_by_all(beside.as_file())?,
    }
    beside.as_file().sync_all()?;
    beside.persist(path)?;
    Ok(())
}

/// A temporary file is its owner's alone; a baseline is no secret.
#[cfg(unix)]
fn readable_by_all(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_all(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}
