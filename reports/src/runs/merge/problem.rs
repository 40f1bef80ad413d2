//! What keeps files from being one run.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::model::Shard;
use crate::saved::ReadError;

/// Why nothing is merged.
#[derive(Debug)]
#[non_exhaustive]
pub enum MergeError {
    /// No file, or more than [`super::MAX_PARTS`].
    Number(usize),
    /// A file cannot be read, or is no saved run.
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: ReadError,
    },
    /// A file of several is a whole run.
    NoShard(PathBuf),
    /// Two files are the same shard.
    Twice {
        /// Which.
        shard: Shard,
        /// The two files.
        paths: [PathBuf; 2],
    },
    /// Two files are not of the same run.
    Different {
        /// The two files.
        paths: [PathBuf; 2],
        /// In what they differ.
        what: &'static str,
        /// What the two say.
        said: [String; 2],
    },
    /// The results of a file are not what its run can have written.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The merged run could not be written.
    Output(io::Error),
}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(0) => f.write_str("there is nothing to merge"),
            Self::Number(n) => write!(f, "{n} files are too many; {} can be merged at a time", super::MAX_PARTS),
            Self::Read { path, error } => write!(f, "{}: {error}", path.display()),
            Self::NoShard(path) => write!(
                f,
                "{} is a whole run, not a shard of one; `gauntlet run --shard I/N` writes shards",
                path.display()
            ),
            Self::Twice { shard, paths: [a, b] } => {
                write!(f, "{} and {} are both shard {shard}; leave one of them out", a.display(), b.display())
            }
            Self::Different { paths: [a, b], what, said: [x, y] } => {
                write!(f, "{} and {} are not of the same run: {what} is {x} and {y}", a.display(), b.display())
            }
            Self::Damaged { path, problem } => write!(f, "{}: {problem}", path.display()),
            Self::Output(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for MergeError {}

/// What is missing from a merged run, which can be made all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gap {
    /// There is no file for these shards.
    Missing {
        /// Their numbers, or the first of them.
        shards: Vec<u32>,
        /// How many they are.
        count: u32,
        /// How many shards the run has.
        of: u32,
    },
    /// The file ends before the run of the shard did.
    CutOff {
        /// Which.
        shard: Option<Shard>,
    },
    /// A shard had other cases before it, such as when a target could not be reached from there.
    OtherPlan {
        /// Which.
        shard: Shard,
        /// The one that it differs from.
        from: Shard,
        /// Where the two differ, if that can be seen.
        why: Option<String>,
    },
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { shards, count, of } => {
                let word = if *count == 1 { "shard" } else { "shards" };
                let named: Vec<String> = shards.iter().map(ToString::to_string).collect();
                let dots = if shards.len() < *count as usize { ", …" } else { "" };
                let verb = if *count == 1 { "is" } else { "are" };
                write!(f, "{word} {}{dots} of {of} {verb} missing", named.join(", "))
            }
            Self::CutOff { shard: Some(shard) } => write!(f, "the file of shard {shard} ends before its run did"),
            Self::CutOff { shard: None } => f.write_str("the file ends before the run did"),
            Self::OtherPlan { shard, from, why } => {
                write!(f, "shard {shard} had other cases or settings before it than shard {from}")?;
                why.iter().try_for_each(|why| write!(f, ": {why}"))
            }
        }
    }
}
