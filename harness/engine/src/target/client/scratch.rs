//! What one case has for itself: a folder, and a port for a redirect.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use crate::target::server::free_port;
use crate::transport::{Failure, FailureKind};

/// Tries at removing the folder, and the pause between them: a program that was just killed may still be in the middle of
/// writing a file.
const REMOVALS: u32 = 5;
const REMOVAL_PAUSE: Duration = Duration::from_millis(20);

/// `${scratch}` and `${callback_port}`, made when they are first named. The folder is readable by its owner alone and is
/// removed with this.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    folder: OnceLock<PathBuf>,
    callback_port: OnceLock<u16>,
}

impl Scratch {
    /// An empty folder.
    ///
    /// # Errors
    /// When the system's folder for temporary files takes no more.
    pub(crate) fn folder(&self) -> Result<&Path, Failure> {
        if let Some(folder) = self.folder.get() {
            return Ok(folder);
        }
        let private = Permissions::from_mode(0o700);
        let made = tempfile::Builder::new().prefix("gauntlet-").permissions(private).tempdir().map_err(|e| {
            let place = std::env::temp_dir();
            Failure::new(FailureKind::Connect, format!("cannot make a folder for the case in {}: {e}", place.display()))
        })?;
        Ok(self.folder.get_or_init(|| made.keep()))
    }

    /// A file in `files` of the folder, readable by its owner alone; one of that name is written over.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn file(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.folder()?.join("files").join(name);
        let write = || {
            std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(&path)?.write_all(text.as_bytes())
        };
        write().map_err(|e| Failure::new(FailureKind::Connect, format!("cannot write {}: {e}", path.display())))?;
        Ok(path)
    }

    /// A port for the redirect of a client, the same for the whole case.
    ///
    /// # Errors
    /// When no port is free.
    pub(crate) fn callback_port(&self) -> Result<u16, Failure> {
        match self.callback_port.get() {
            Some(port) => Ok(*port),
            None => {
                let port = free_port()?;
                Ok(*self.callback_port.get_or_init(|| port))
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let Some(folder) = self.folder.get() else { return };
        for _ in 0..REMOVALS {
            match std::fs::remove_dir_all(folder) {
                Err(error) if error.kind() != ErrorKind::NotFound => std::thread::sleep(REMOVAL_PAUSE),
                _ => return,
            }
        }
        tracing::debug!("cannot remove {}", folder.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_private_the_same_each_time_and_gone_at_the_end() {
        let scratch = Scratch::default();
        let folder = scratch.folder().expect("a folder").to_owned();
        assert_eq!(scratch.folder().expect("the folder"), folder);
        assert_eq!(folder.metadata().expect("it is there").permissions().mode() & 0o777, 0o700);
        std::fs::create_dir(folder.join("inner")).expect("it can be written to");
        drop(scratch);
        assert!(!folder.exists());
    }

    #[test]
    fn a_file_is_private_and_written_over() {
        let scratch = Scratch::default();
        scratch.file("config", "a longer text").expect("it is written");
        let path = scratch.file("config", "a text").expect("it is written again");
        assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "a text");
        assert_eq!(path.metadata().expect("it is there").permissions().mode() & 0o777, 0o600);
        assert!(path.starts_with(scratch.folder().expect("the folder")));
    }

    #[test]
    fn the_port_stays() {
        let scratch = Scratch::default();
        assert_eq!(scratch.callback_port().expect("a port"), scratch.callback_port().expect("the port"));
    }
}
