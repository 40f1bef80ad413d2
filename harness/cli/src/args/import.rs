//! `gauntlet import`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
#[command(
    after_help = "The form is found out. Nothing in FILE is run, fetched or opened, and no value of it that is secret is written.\n\nExamples:\n  gauntlet import session.har -o bug.yaml           a browser's or a proxy's recording, as a scenario\n  gauntlet import session.har --host api.example.com --only all\n  pbpaste | gauntlet import - -o bug.yaml           a request that was copied as cURL\n  gauntlet import front.har --behind runtime=behind.har -o bug.yaml    both sides of a gateway\n  gauntlet import bug.har --auth target -o bug.yaml  without the recorded credentials: the target's own are used\n  gauntlet import mcp-server-files.log -o bug.har   what a client logged, as HAR for `gauntlet replay`\n  gauntlet import ~/.kiro/settings/mcp.json -o .    targets for `gauntlet run`, and a first scenario\n\nExit codes: 0 imported, 2 it cannot be read, or nothing of use is in it"
)]
pub(crate) struct ImportReportArgs {
    /// A HAR file, a curl command line, an HTTP request, an mcp.json, or a log of JSON-RPC messages; `-`: standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where to write: a scenario, a recording (`.har`), or, of an mcp.json, the folder for gauntlet.yaml and a scenario [default: standard
    /// output]
    #[arg(long, short, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// What was recorded at the same time between the target and what it asks: NAME is what the upstream is called under
    /// `upstreams` of the target. May be given several times
    #[arg(long, value_name = "NAME=FILE")]
    pub behind: Vec<String>,
    /// Write over what is there
    #[arg(long)]
    pub force: bool,
    /// What FILE is
    #[arg(long, value_enum, default_value_t = ImportFormat::Auto)]
    pub format: ImportFormat,
    /// Only requests to this host, or HOST:PORT
    #[arg(long, value_name = "HOST")]
    pub host: Vec<String>,
    /// Which requests of a HAR file
    #[arg(long, value_enum, default_value_t = ImportOnly::Mcp)]
    pub only: ImportOnly,
    /// What the scenario expects of answers
    #[arg(long, value_enum, default_value_t = ImportExpect::Auto)]
    pub expect: ImportExpect,
    /// Whose credentials the scenario uses: those that were recorded, given again with `--secret`, or those of the target that it runs on
    #[arg(long, value_enum, default_value_t = ImportAuth::Recorded)]
    pub auth: ImportAuth,
    /// The known failure that it is, where several look so: the scenario expects what is right there
    #[arg(long, value_name = "ID")]
    pub known: Option<String>,
    /// Id of the scenario [default: made of what it does]
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// The role under test [default: told by the host, else mcp-server]
    #[arg(long, value_name = "ROLE")]
    pub role: Option<String>,
    /// The system that the scenario speaks to, where requests went to several: https://HOST[:PORT] [default: where most messages went]
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Option<String>,
    /// Keep every header that was sent, not only what may matter
    #[arg(long)]
    pub all_headers: bool,
    /// The value of a variable that a command line or a REST client's file names
    #[arg(long, value_name = "NAME=VALUE")]
    pub var: Vec<String>,
    /// Configuration file in place of the nearest gauntlet.yaml, which names signatures of your own
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportAuth {
    /// Those of the recording
    Recorded,
    /// Those of the target
    Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// As its text shows
    Auto,
    /// HAR 1.2
    Har,
    /// Command lines of curl, for a shell of Unix, cmd.exe or PowerShell
    Curl,
    /// HTTP as it is on the wire, as `curl -v` prints it, or as REST clients keep it
    Http,
    /// The configuration of a client: mcp.json, settings.json, claude_desktop_config.json
    Config,
    /// Lines with JSON-RPC messages in them
    Log,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportOnly {
    /// MCP, the APIs in front of gateways, and what leads to their credentials
    Mcp,
    /// All
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportExpect {
    /// `fixed` where an answer is bad or shows a known failure, else `seen`
    Auto,
    /// What was seen, bad answers too
    Seen,
    /// Of a bad answer that it is a good one, and where a known failure shows what is right: the scenario fails as long as the bug is there
    Fixed,
    /// Of a bad answer nothing but that the protocol is kept
    Conforming,
}
