//! Whatever a user names as a recording.

use std::fs::File;
use std::path::Path;

use super::import::{self, Content, Note, Only, Options};
use super::recording::Recording;

/// Reads a recording of any form that [`import`] knows, with everything in it, so that the numbers of its requests are those of
/// the file; and what was left out or assumed.
///
/// # Errors
/// When it cannot be read, or is the configuration of a client, which holds no requests.
pub fn load(path: &Path) -> Result<(Recording, Vec<Note>), import::Error> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| import::Error::Io { name: name.clone(), error })?;
    let imported = import::open(file, &name, &Options { only: Only::All, ..Options::default() })?;
    match imported.content {
        Content::Traffic(recording) => Ok((recording, imported.notes)),
        Content::Servers(_) => {
            let problem =
                "it says which servers a client knows, not what was said to them; name a recording".to_owned();
            Err(import::Error::Unusable { name, problem })
        }
    }
}

/// Reads what an upstream answers with that stands behind a target: of a recording of both sides what was asked of the
/// upstream of this name, of any other all.
///
/// # Errors
/// As [`load`], and when a recording of both sides has nothing of the upstream; a sentence that names the file.
pub(crate) fn load_upstream(path: &Path, upstream: &str) -> Result<Recording, String> {
    let (mut recording, _) = load(path).map_err(|error| error.to_string())?;
    if !recording.upstreams().is_empty() {
        recording.keep_upstream(upstream).map_err(|reason| format!("{}: {reason}", path.display()))?;
    }
    Ok(recording)
}
