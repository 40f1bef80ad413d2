//! Records what clients and a server say to each other: as a reverse proxy over HTTP, or as a tap between a client and the process that
//! it starts. What passes is not held back, and not changed unless that is asked for; what is written has no secrets.

mod file;
mod http;
mod rewrite;
mod seen;
mod sessions;
mod sink;
mod stdio;
mod tap;
mod told;
mod upstream;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

pub use file::reserve;
pub use http::{HttpOptions, HttpRecorder, serve_all};
pub use sink::{Inlet, Note, Sink, Teller, Watched};
pub use stdio::{Ended, StdioOptions, tap};
pub use tap::{CLIENT_ENDED, RECORDING_ENDED};
pub use told::line;

use super::har;
use super::secrets::Secret;

/// Bytes that are recorded of one body, unless told otherwise.
pub const MAX_BODY: usize = 16 << 20;

/// Bytes of bodies that are held in memory until they are written, over all exchanges.
const HELD: usize = 256 << 20;

/// A recording that is in its file.
#[derive(Debug, Clone)]
pub struct Written {
    /// The file.
    pub path: PathBuf,
    /// Exchanges in it.
    pub exchanges: usize,
    /// Bytes of bodies that are not in it.
    pub left_out: u64,
    /// What was taken out.
    pub secrets: Vec<Secret>,
}

/// Why something is not recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The upstream is none.
    #[error("the URL of {upstream} cannot be used: {why}")]
    Upstream {
        /// Which: `the upstream`, or the name of one behind it.
        upstream: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Certificates cannot be read.
    #[error("cannot take certificates from {}: {why}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
    /// The file cannot be written.
    #[error("cannot write {}: {error}; what was recorded before is in it", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file could not be gone over at the end.
    #[error(
        "{} may still have secrets that were seen before they were known to be some, because it cannot be written again: {error}",
        path.display()
    )]
    Clean {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: har::Error,
    },
    /// No file of that name can be made.
    #[error("cannot make a file at {}: {error}", path.display())]
    Reserve {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The command cannot be started.
    #[error("cannot start `{program}`: {error}")]
    Start {
        /// The program.
        program: String,
        /// What the system says.
        error: io::Error,
    },
    /// The thread that writes is gone.
    #[error("the recording broke off; what was recorded before is in the file")]
    Broken,
}

/// The innermost reason; the outer ones say less.
fn innermost(error: &dyn Error) -> String {
    let mut reason = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    reason.to_string()
}
