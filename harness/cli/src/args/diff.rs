//! `gauntlet diff`

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::SelectionArgs;

#[derive(Debug, Args)]
#[command(
    after_help = "Without scenarios both sides are taken on a tour: opening, lists, harmless calls, reads, errors, progress.\n\nExamples:\n  gauntlet diff --direct https://server.example.com/mcp --through https://gateway.example.com/mcp\n  gauntlet diff --direct mock:mcp-server --through gateway --verbose\n  gauntlet diff --direct server --through gateway 'mcp.tools.*' --allow item-renamed --allow 'headers.x-served-by'\n\nExit codes: 0 nothing breaking, 1 something breaking, 2 usage or an empty selection, 3 a side cannot be reached"
)]
pub(crate) struct DiffArgs {
    /// The server itself: a URL, mock:NAME, or a target's name
    #[arg(long, value_name = "TARGET")]
    pub direct: String,
    /// The gateway in front of it
    #[arg(long, value_name = "TARGET")]
    pub through: String,
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// A rule, or a path in an exchange, whose differences are all right
    #[arg(long, value_name = "RULE|PATH")]
    pub allow: Vec<String>,
    /// Switch a mock's defect on, on both sides: MOCK:DEFECT, or DEFECT where the name is unique
    #[arg(long, value_name = "DEFECT")]
    pub defect: Vec<String>,
    /// Cases of scenarios at the same time; several are faster, and their times say less about the sides
    #[arg(long, short, default_value_t = NonZeroUsize::MIN, value_name = "N")]
    pub jobs: NonZeroUsize,
    /// Bound on each answer [default: 15s]
    #[arg(long, value_name = "DURATION")]
    pub step_timeout: Option<String>,
    /// How long to wait for somebody to sign in by browser; 0s: nobody is asked [default: 5m, or 0s without a terminal or
    /// with CI set]
    #[arg(long, value_name = "DURATION")]
    pub sign_in_timeout: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    pub format: DiffFormat,
    /// Write it to a file in place of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    /// A line for each finding
    Text,
    /// One JSON document
    Json,
}
