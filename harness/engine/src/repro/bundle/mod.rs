//! A failing case as one file that reproduces it elsewhere: the scenario, what was said, and what is known of both.
//!
//! | file | what |
//! | --- | --- |
//! | `README.md` | what fails, and the command that reproduces it |
//! | `bundle.json` | [`Manifest`]: the case, versions, the target, the machine |
//! | `scenario.yaml`, `pack.yaml` | the scenario, and the defaults of its pack |
//! | `scenario.snap/…` | the snapshots that it is held against |
//! | `recording-1.har`, … | recordings that stand behind the target |
//! | `run.json` | the case's result, as a report that Gauntlet reads |
//! | `traffic.har`, `transcript.txt` | what was said, for programs and for people |
//!
//! Bundles come from strangers. Nothing of one is ever unpacked: its scenario is read in memory, under bounds, and runs as any other:
//! it cannot start programs, and [`MayRead`](crate::runner::MayRead) says what it reads of the machine. The target is one that comes with
//! Gauntlet, one that is described as [mocks](DescribedTarget), or one that the user names for it.

mod carried;
mod manifest;
mod open;
mod readme;
mod target;
mod write;

#[cfg(test)]
mod tests;

use std::io;

pub use manifest::{Machine, Manifest, OwnTarget};
pub use open::{Bundle, is_bundle};
pub use target::DescribedTarget;
pub use write::{Choice, Source, Written, write};

/// Bytes of the scenario, of its pack, of the manifest and of each snapshot at most, unpacked.
const MEMBER_LIMIT: u64 = 1 << 20;

/// Bytes of a recording at most, unpacked.
const RECORDING_LIMIT: u64 = 32 << 20;

/// What stands before the name of a snapshot.
const SNAPSHOTS: &str = "scenario.snap/";

/// Why a bundle cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file cannot be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The saved run cannot be read.
    #[error("{0}")]
    Run(#[from] gauntlet_reports::saved::ReadError),
    /// The archive is no bundle, a broken one, or goes beyond a bound.
    #[error("{0}")]
    Archive(String),
    /// There is nothing to bundle.
    #[error("{0}")]
    Nothing(String),
    /// A bundle cannot carry it.
    #[error("{0}")]
    Unportable(String),
}
