//! Recordings as HAR 1.2 files (<http://www.softwareishard.com/blog/har-12-spec/>).
//!
//! Where HAR has no place for something, members of Gauntlet's own hold it; HAR wants their names to begin with an underscore.
//!
//! | member | what |
//! | --- | --- |
//! | `_transport` of an entry | `stdio` for lines between a client and a process; the request's method is then `stdin`, its URL `stdio:PROGRAM` |
//! | `_session` of an entry | which connection or session it belongs to |
//! | `_behind` of an entry | the upstream that the target asked here; without it a client asked the target |
//! | `_failure` of an entry | why there is no (whole) answer |
//! | `_encoding` of `request.postData` | `base64` for a body that is not UTF-8, as `encoding` of `response.content` |
//! | `_leftOut` of `request.postData` and `response.content` | bytes at the end of the body that were not kept |
//! | `_arrivals` of `response.content` | when parts of the body came: `[[milliseconds, bytes so far], …]` |

mod entry;
mod read;
mod write;

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

pub use read::read;
pub use write::Writer;

use super::recording::Recording;

/// Bounds on what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one entry, as it stands in the file. Default 64 MiB.
    pub entry: usize,
    /// Entries. Default 100 000.
    pub entries: usize,
    /// Bytes of all entries together where all are held. Default 256 MiB.
    pub held: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entry: 64 << 20, entries: 100_000, held: 256 << 20 }
    }
}

/// Entries that cannot be read of which is told why, each; further ones are counted.
const LISTED: usize = 20;

/// What a file says of itself, and how much of it there was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Info {
    /// The program that made it, with its version.
    pub creator: Option<String>,
    /// How many entries of it could be read.
    pub entries: usize,
    /// Those that could not; the first ones.
    pub left_out: Vec<LeftOut>,
    /// How many more of those there are.
    pub further: usize,
    /// It ends in the middle; what was whole was read.
    pub is_cut: bool,
}

/// An entry that cannot be read, and is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Which, from 1.
    pub entry: usize,
    /// 1-based line in which it begins.
    pub line: usize,
    /// 1-based column in which it begins, in bytes.
    pub column: usize,
    /// What is wrong.
    pub why: String,
}

impl Info {
    /// What is to be said about entries that were left out of the file of this name.
    #[must_use]
    pub fn notes(&self, name: &str) -> Vec<String> {
        let one = |LeftOut { entry, line, column, why }: &LeftOut| {
            format!("entry {entry} at {name}:{line}:{column} is left out: {why}")
        };
        let mut notes: Vec<String> = self.left_out.iter().map(one).collect();
        match self.further {
            0 => {}
            1 => notes.push("1 more entry is left out that cannot be read".to_owned()),
            further => notes.push(format!("{further} more entries are left out that cannot be read")),
        }
        notes
    }
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read at all.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("this is no HAR file: {0}")]
    Foreign(String),
    /// It is broken.
    #[error("line {line}, column {column}: {message}")]
    Malformed {
        /// 1-based line.
        line: usize,
        /// 1-based column, in bytes.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// No entry is as HAR wants it.
    #[error("line {line}, column {column}: entry {entry}: {message}")]
    Entry {
        /// Which, from 1: the first.
        entry: usize,
        /// 1-based line in which it begins.
        line: usize,
        /// 1-based column in which it begins, in bytes.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// It goes beyond a bound.
    #[error("{0}")]
    TooLarge(String),
}

/// Reads a whole file.
///
/// # Errors
/// As [`read`]; when all entries together are larger than the limit.
pub fn load(path: &Path, limits: &Limits) -> Result<(Recording, Info), Error> {
    hold(BufReader::new(File::open(path)?), limits)
}

/// Reads all that there is and holds it.
///
/// # Errors
/// As [`read`]; when all entries together are larger than the limit.
pub fn hold(input: impl io::Read, limits: &Limits) -> Result<(Recording, Info), Error> {
    let mut recording = Recording::default();
    let mut held = 0_usize;
    let info = read(input, limits, &mut |entry| {
        held = held.saturating_add(entry.held());
        if held > limits.held {
            return Err(Error::TooLarge(format!(
                "its entries hold more than {} MiB; take a part of them, as one host or one session",
                limits.held >> 20
            )));
        }
        recording.entries.push(entry);
        Ok(())
    })?;
    recording.creator.clone_from(&info.creator);
    // Browsers list what finished first; what began first comes first here.
    recording.entries.sort_by_key(|entry| entry.started_at);
    Ok((recording, info))
}

#[cfg(test)]
mod tests;
