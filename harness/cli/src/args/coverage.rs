//! `gauntlet coverage`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gauntlet coverage                              every requirement at every version\n  gauntlet coverage --totals\n  gauntlet coverage 'tools.*' --named            with rules, scenarios and defects\n  gauntlet coverage --state not-covered --subject proxy\n  gauntlet coverage --run run.jsonl --format json --output coverage.json\n\nExit codes: 0, 1 less is proved than --fail-under asks, 2 usage or scenario file"
)]
pub(crate) struct CoverageArgs {
    /// Requirement ids (globs)
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Only what a party owes: server, client, authorization-server or proxy
    #[arg(long, value_name = "PARTY")]
    pub subject: Vec<String>,
    /// Only requirements of this standing
    #[arg(long, value_enum, value_name = "STATE")]
    pub state: Vec<StateChoice>,
    /// Only this MCP version
    #[arg(long, value_name = "DATE")]
    pub mcp_version: Vec<String>,
    /// A saved run, whose verdicts are told beside
    #[arg(long, value_name = "RUN")]
    pub run: Option<PathBuf>,
    /// Scenario files and folders; default: what `run` would take
    #[arg(long, value_name = "PATH")]
    pub scenarios: Vec<PathBuf>,
    /// What audits have found [default: scenarios/proofs.yaml, else what comes with the program]
    #[arg(long, value_name = "FILE")]
    pub proofs: Option<PathBuf>,
    /// Only the totals by theme
    #[arg(long, conflicts_with = "named")]
    pub totals: bool,
    /// Under each requirement its rule, scenarios and defects by name
    #[arg(long)]
    pub named: bool,
    /// Exit with 1 if less of what can be tested is proved
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub fail_under: Option<u8>,
    /// How to tell it
    #[arg(long, short, value_enum, default_value_t = CoverageFormat::Text)]
    pub format: CoverageFormat,
    /// Where to; default: standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Configuration file in place of the nearest gauntlet.yaml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateChoice {
    /// A scenario proves it, and a defect has turned one of its checks red
    Proved,
    /// No defect has shown that its checks can fail
    NeverShownToFail,
    /// No scenario proves it
    NotCovered,
    /// It cannot be tested
    NotTestable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CoverageFormat {
    /// A table
    Text,
    /// One JSON document
    Json,
}
