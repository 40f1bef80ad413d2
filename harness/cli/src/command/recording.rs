//! The recordings that the user names.

use std::path::{Path, PathBuf};

use anstream::eprintln;
use gauntlet::repro;
use gauntlet::repro::import::Note;
use gauntlet::repro::recording::{Recording, UPSTREAM_NAME, is_upstream_name};
use gauntlet_reports::sanitize;

use crate::exit::CommandError;

/// Notes that are shown; the rest is counted.
const NOTES: usize = 8;

/// Reads one side of a recording: what clients asked the target, or what the target asked an upstream. What was left out of it
/// is told on standard error.
pub(super) fn of_side(path: &Path, upstream: Option<&str>) -> Result<Recording, CommandError> {
    let (mut recording, mut notes) = load(path)?;
    match upstream {
        Some(upstream) => recording
            .keep_upstream(upstream)
            .map_err(|reason| CommandError::usage(format!("--behind: {}: {reason}", path.display())))?,
        None => {
            let behind = recording.keep_front();
            if behind > 0 {
                let text = format!("{behind} left out that the target asked of others behind it");
                notes.push(Note { place: None, text });
            }
        }
    }
    for note in notes.iter().take(NOTES) {
        eprintln!("{}: {}", path.display(), sanitize::block(&note.to_string()));
    }
    if notes.len() > NOTES {
        eprintln!("{}: {} notes more", path.display(), notes.len() - NOTES);
    }
    Ok(recording)
}

/// Reads a recording as a whole, with what is to be said about it.
fn load(path: &Path) -> Result<(Recording, Vec<Note>), CommandError> {
    repro::load(path).map_err(|error| CommandError::usage(sanitize::block(&error.to_string())))
}

/// Adds what was recorded behind the target: each `NAME=FILE`. The result is what is to be said about it.
pub(super) fn add_behind(front: &mut Recording, given: &[String]) -> Result<Vec<Note>, CommandError> {
    let mut said = Vec::new();
    for given in given {
        let (name, path) = named_file(given)?;
        let (other, notes) = load(&path)?;
        let notes = notes.into_iter().map(|note| note.to_string()).chain(front.add_behind(&name, other));
        said.extend(notes.map(|note| Note { place: None, text: format!("{}: {note}", path.display()) }));
    }
    Ok(said)
}

fn named_file(given: &str) -> Result<(String, PathBuf), CommandError> {
    let Some((name, file)) = given.split_once('=').filter(|(_, file)| !file.is_empty()) else {
        let example = "as `--behind runtime=behind.har`";
        return Err(CommandError::usage(format!(
            "--behind {}: it is NAME=FILE, {example}",
            sanitize::line(given, 200)
        )));
    };
    if !is_upstream_name(name) {
        let name = sanitize::line(name, 64);
        return Err(CommandError::usage(format!("--behind: `{name}` is no name of an upstream: {UPSTREAM_NAME}")));
    }
    Ok((name.to_owned(), PathBuf::from(file)))
}
