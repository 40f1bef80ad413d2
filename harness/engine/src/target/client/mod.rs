//! Programs that are clients: what they are given, how they are run, and the browser that signs in for them.

pub(crate) mod browser;
mod run;
mod scratch;
mod shim;
pub(crate) mod sightings;

use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use scratch::Scratch;

use super::process::CommandLine;
use crate::transport::{Failure, FailureKind};
use sightings::Sightings;

/// A client program of one case: every start finds the same folder.
#[derive(Debug)]
pub(crate) struct ClientProgram {
    /// What to start; a stand-in for a browser is in its environment.
    pub line: CommandLine,
    /// What it reads on standard input, which is at its end otherwise.
    stdin: Option<String>,
    /// What it wants opened in a browser.
    pub sightings: Arc<Sightings>,
    /// The file in which the stand-in takes down what it is handed.
    pub handed: PathBuf,
}

impl ClientProgram {
    /// Prepares the case's folder for the program.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn new(mut line: CommandLine, stdin: Option<String>) -> Result<Self, Failure> {
        let scratch = line.scratch.folder()?.to_owned();
        let handed = shim::install(&scratch, &mut line.environment)
            .map_err(|e| Failure::new(FailureKind::Connect, format!("cannot write to {}: {e}", scratch.display())))?;
        let sightings = Arc::new(Sightings::default());
        line.sightings = Some(Arc::clone(&sightings));
        Ok(Self { line, stdin, sightings, handed })
    }

    /// Forgets what the program wanted opened and nobody did: a new start must not be given the answer to an old request.
    pub(crate) fn forget(&self) {
        self.sightings.read_handed(&self.handed);
        self.sightings.forget();
    }
}
