//! Where a recording goes. Nothing that is there is ever overwritten: a recording cannot be made again.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use time::macros::format_description;

use super::RecordError;

/// Files of the same name that are counted.
const MOST: u32 = 10_000;

/// Makes an empty file that nobody else has: `path`, or `NAME-2.har` beside it if that is taken; in a folder (one that is there, or a path
/// that ends in `/`) one that is named after the time and the process.
///
/// # Errors
/// The file cannot be made.
pub fn reserve(path: &Path) -> Result<PathBuf, RecordError> {
    let cannot = |error| RecordError::Reserve { path: path.to_owned(), error };
    let is_folder = path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/');
    let wanted = if is_folder {
        std::fs::create_dir_all(path).map_err(cannot)?;
        let now = OffsetDateTime::now_utc();
        let now = now.format(format_description!("[year][month][day]T[hour][minute][second]")).unwrap_or_default();
        path.join(format!("{now}-{}.har", std::process::id()))
    } else {
        path.to_owned()
    };
    for number in 1..=MOST {
        let candidate = numbered(&wanted, number);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&candidate) {
            Ok(_) => return Ok(candidate),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(cannot(error)),
        }
    }
    Err(cannot(io::ErrorKind::AlreadyExists.into()))
}

/// `bug.har`, `bug-2.har`, …
fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 1 {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}-{number}.{}", extension.to_string_lossy()),
        None => format!("{stem}-{number}"),
    };
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bug.har");
        std::fs::write(&path, "precious").expect("a file");
        let names: Vec<_> = (0..2).map(|_| reserve(&path).expect("a file")).collect();
        assert_eq!(names, [folder.path().join("bug-2.har"), folder.path().join("bug-3.har")]);
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "precious");
        assert!(matches!(reserve(&folder.path().join("none/bug.har")), Err(RecordError::Reserve { .. })));
    }

    #[test]
    fn every_start_has_its_file_in_a_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let inside = PathBuf::from(format!("{}/new/", folder.path().display()));
        let [first, second] = [reserve(&inside).expect("a file"), reserve(&inside).expect("a file")];
        assert_ne!(first, second);
        assert!(first.starts_with(&inside) && first.extension().is_some_and(|extension| extension == "har"));
    }
}
