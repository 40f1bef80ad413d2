//! Every form of bug report, read: HAR, curl command lines, raw HTTP, client configurations, logs of JSON-RPC messages.
//!
//! Nothing is started, fetched or opened: what a command line would run or read from a file is told, and stays out.

pub mod config;
mod curl;
mod detect;
mod har;
mod log;
mod place;
mod raw;
mod signed;
mod text;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufReader, Read};
use std::time::Duration;

use time::OffsetDateTime;

pub use self::config::Servers;
pub(crate) use self::har::leads_to_credentials;
pub use self::place::Place;
use super::har as har_file;
use super::recording::{Entry, Recording, Sent, Transport};

/// A form of bug report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// HAR 1.2, of a browser, a proxy or `gauntlet record`.
    Har,
    /// A curl command line, as a shell of Unix or Windows reads it.
    Curl,
    /// HTTP as it is on the wire, as `curl -v` prints it, as a browser copies headers, or as files of REST clients have it.
    Http,
    /// The configuration of an MCP client: `mcp.json`.
    Config,
    /// Lines with JSON-RPC messages in them.
    Log,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Har => "HAR file",
            Self::Curl => "curl command line",
            Self::Http => "HTTP request",
            Self::Config => "client configuration",
            Self::Log => "log of JSON-RPC messages",
        })
    }
}

/// Which entries of a recording of a browser or a proxy are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Only {
    /// MCP, the APIs in front of gateways, and what leads to their credentials.
    #[default]
    Mcp,
    /// All.
    All,
}

/// Bounds on what is read and held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of a HAR file. What is left out does not count as held.
    pub har: har_file::Limits,
    /// Bytes of everything but HAR files and logs. Default 16 MiB.
    pub text: usize,
    /// Bytes of one line of a log, or of one message over several lines. Default 8 MiB.
    pub line: usize,
    /// Messages of a log, or requests of a text. Default 100 000.
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { har: har_file::Limits::default(), text: 16 << 20, line: 8 << 20, entries: 100_000 }
    }
}

/// How to read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The form; found out if it is not given.
    pub format: Option<Format>,
    /// Which entries of a HAR file.
    pub only: Only,
    /// Only entries of these hosts, where there are any; `api.example.com` or with port.
    pub hosts: Vec<String>,
    /// Values of variables of a shell or a REST client.
    pub variables: BTreeMap<String, String>,
    /// Bounds.
    pub limits: Limits,
}

/// A bug report that was read.
#[derive(Debug, Clone)]
pub struct Imported {
    /// What it was.
    pub format: Format,
    /// What it says.
    pub content: Content,
    /// What was left out, replaced or assumed, in the order of the text.
    pub notes: Vec<Note>,
}

/// What a bug report says.
#[derive(Debug, Clone)]
pub enum Content {
    /// What was sent, and perhaps what came back.
    Traffic(Recording),
    /// Which servers a client knows.
    Servers(Servers),
}

/// Something the reader of the result should know. Never holds values, only names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where, if it is about one place.
    pub place: Option<Place>,
    /// One sentence, safe to print.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(place) => write!(f, "{place}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// Why a text cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes cannot be read.
    #[error("cannot read {name}: {error}")]
    Io {
        /// The file.
        name: String,
        /// Why.
        error: io::Error,
    },
    /// A HAR file that is none, or is broken.
    #[error("{name}: {error}")]
    Har {
        /// The file.
        name: String,
        /// What is wrong.
        error: har_file::Error,
    },
    /// Something in a text cannot be read.
    #[error("{name}:{place}: {problem}")]
    Malformed {
        /// The file.
        name: String,
        /// Where.
        place: Place,
        /// What is wrong and what to do.
        problem: String,
    },
    /// It is something else, or holds nothing that is of use.
    #[error("{name}: {problem}")]
    Unusable {
        /// The file.
        name: String,
        /// What is wrong and what to do.
        problem: String,
    },
}

/// Reads a bug report of any form. `name` is how messages call it, and its ending counts where the text leaves the form open.
///
/// # Errors
/// When the form is not known, when the text is not of the form, when it goes beyond a bound, or when nothing of use is in it.
pub fn open(input: impl Read, name: &str, options: &Options) -> Result<Imported, Error> {
    let mut input = BufReader::with_capacity(detect::HEAD, input);
    let head = detect::head(&mut input).map_err(|error| Error::Io { name: name.to_owned(), error })?;
    let format = match options.format {
        Some(format) => format,
        None => detect::format(&head, name).map_err(|problem| Error::Unusable { name: name.to_owned(), problem })?,
    };
    let input = head.chain(input);
    let (content, notes) = match format {
        Format::Har => har::read(input, name, options).map(traffic)?,
        Format::Log => log::read(input, name, options).map(traffic)?,
        Format::Curl => curl::read(&text::read(input, name, &options.limits)?, name, options).map(traffic)?,
        Format::Http => raw::read(&text::read(input, name, &options.limits)?, name, options).map(traffic)?,
        Format::Config => {
            let (servers, notes) = config::read(&text::read(input, name, &options.limits)?, name)?;
            (Content::Servers(servers), notes)
        }
    };
    Ok(Imported { format, content, notes })
}

fn traffic((recording, notes): (Recording, Vec<Note>)) -> (Content, Vec<Note>) {
    (Content::Traffic(recording), notes)
}

/// A request of which nothing is known but itself.
fn request(sent: Sent) -> Entry {
    Entry {
        transport: Transport::Http,
        session: None,
        behind: None,
        started_at: OffsetDateTime::UNIX_EPOCH,
        began: None,
        elapsed: Duration::ZERO,
        request: sent,
        response: None,
        failure: None,
    }
}

/// What stands for a value that the text names and does not have: `${secret:api-token}` for `$API_TOKEN`.
fn placeholder(name: &str) -> String {
    let mut called: String = name
        .chars()
        .take(60)
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect::<String>()
        .trim_matches('-')
        .to_owned();
    if called.is_empty() {
        called.push_str("value");
    }
    format!("${{secret:{called}}}")
}

/// Whether a name in `${…}` is that of a secret that was taken out before.
fn is_placeholder(name: &str) -> bool {
    name.strip_prefix("secret:").is_some_and(super::secrets::is_name)
}

/// Whether a text holds what stands for a secret.
fn has_placeholder(text: &str) -> bool {
    text.contains("${secret:")
}
