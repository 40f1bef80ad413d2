//! `gauntlet drift`

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{SelectionArgs, SidesArgs};

#[derive(Debug, Args)]
#[command(
    after_help = "Each scenario runs on the mock of its role and on the real system; compared are outcome, status, error code, the headers\nthat clients act upon and the shape of bodies, not their values.\n\nExamples:\n  gauntlet drift --target staging\n  gauntlet drift --target https://gateway.example.com/mcp 'mcp.*' --verbose\n  gauntlet drift --target staging --allow error-code --allow 'headers.set-cookie'\n\nExit codes: 0 the mock tells the truth, 1 it does not, 2 usage or an empty selection, 3 the real system cannot be reached"
)]
pub(crate) struct DriftArgs {
    /// The real system: a name from gauntlet.yaml, a URL, or ROLE=either
    #[arg(long, value_name = "TARGET")]
    pub target: String,
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// A rule, or a path in an exchange, whose differences are all right
    #[arg(long, value_name = "RULE|PATH")]
    pub allow: Vec<String>,
    /// Cases at the same time [default: 32]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    pub sides: SidesArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t = DriftFormat::Text)]
    pub format: DriftFormat,
    /// Write it to a file in place of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DriftFormat {
    /// A line for each place
    Text,
    /// One JSON document
    Json,
}
