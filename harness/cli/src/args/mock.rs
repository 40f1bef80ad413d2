//! `gauntlet mock` and `gauntlet audit`

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gauntlet::repro::Pace;

use super::SelectionArgs;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gauntlet mock --list\n  gauntlet mock kiro-runtime --port 8080 --defect identity-gate-open\n  gauntlet mock mcp-server --stdio\n  gauntlet mock --from bug.har --port 8080       what was recorded, as a server\n  gauntlet mock --from bug.har --pace recorded --strict-headers mcp-protocol-version"
)]
pub(crate) struct MockArgs {
    /// Name of the mock
    #[arg(required_unless_present_any = ["list", "from"], conflicts_with = "from")]
    pub name: Option<String>,
    /// List the mocks and their defects
    #[arg(long)]
    pub list: bool,
    /// Port; default: a free one
    #[arg(long)]
    pub port: Option<u16>,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub bind: IpAddr,
    /// Configuration: a YAML or JSON file, as in `given:`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Switch a defect on
    #[arg(long, value_name = "ID", conflicts_with = "from")]
    pub defect: Vec<String>,
    /// Speak over standard input and output in place of HTTP
    #[arg(long)]
    pub stdio: bool,
    #[command(flatten)]
    pub recorded: RecordedArgs,
}

/// A recording in place of a mock.
#[derive(Debug, Args)]
#[command(next_help_heading = "Serving a recording")]
pub(crate) struct RecordedArgs {
    /// Answer as this recording does: a HAR file, or what else `gauntlet import` reads
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Of a recording of both sides of a gateway: answer as the upstream NAME did; without, as the gateway did
    #[arg(long, value_name = "NAME", requires = "from", conflicts_with = "name")]
    pub behind: Option<String>,
    /// Whether the pauses of the recording are made again
    #[arg(long, value_enum, default_value_t = PaceChoice::Asap, requires = "from", conflicts_with = "name")]
    pub pace: PaceChoice,
    /// After the last of several answers to the same question comes the first again; without, the last one stays
    #[arg(long, requires = "from", conflicts_with = "name")]
    pub wrap: bool,
    /// Headers that must be as recorded; without, none is compared
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "from", conflicts_with = "name")]
    pub strict_headers: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PaceChoice {
    /// No pauses; the order stays
    Asap,
    /// As recorded
    Recorded,
}

impl From<PaceChoice> for Pace {
    fn from(choice: PaceChoice) -> Self {
        match choice {
            PaceChoice::Asap => Self::Asap,
            PaceChoice::Recorded => Self::Recorded,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Only the defects of this mock
    #[arg(long, value_name = "NAME")]
    pub mock: Vec<String>,
    /// Leave a defect as soon as one check has caught it
    #[arg(long)]
    pub quick: bool,
    /// File that says which scenario catches which defect; a quick audit looks there first
    #[arg(long, value_name = "FILE", default_value = "scenarios/defects.yaml")]
    pub hints: PathBuf,
    /// File that says for which requirements a check has been shown to fail; `gauntlet coverage` reads it
    #[arg(long, value_name = "FILE", default_value = "scenarios/proofs.yaml")]
    pub proofs: PathBuf,
    /// Write both files from what is found
    #[arg(long)]
    pub write_hints: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Cases at the same time
    #[arg(long, short, default_value_t = 32, value_name = "N")]
    pub jobs: usize,
}
