//! Files that a user keeps are written beside the old ones and then put in their place, so that whatever goes wrong one of
//! them is whole.

use std::io::Write as _;
use std::path::Path;

/// Puts the text in the place of what the file held. An old file keeps its permissions; a new one everybody may read.
///
/// # Errors
/// When the file cannot be written. It is as it was then, unless the path is that of a device.
pub(crate) fn write(path: &Path, text: &str) -> std::io::Result<()> {
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
    let mut beside = tempfile::Builder::new().prefix(".gauntlet-").tempfile_in(folder)?;
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

/// A temporary file is its owner's alone; what the user keeps is no secret.
#[cfg(unix)]
fn readable_by_all(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_all(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}
