//! `gauntlet history`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  gauntlet run --history nightly.db                          adds the run\n  gauntlet history --history nightly.db                      what broke, since when, what flakes, what got slow\n  gauntlet history 'mcp.tools.*' --target gateway --last 30\n  gauntlet history --by requirement --since 7d\n  gauntlet history --format json | jq '.cases[] | select(.state == \"broken\")'\n  gauntlet history add run.jsonl                             adds a saved run\n  gauntlet history prune --keep 90d"
)]
pub(crate) struct HistoryArgs {
    #[command(subcommand)]
    pub action: Option<HistoryAction>,
    #[command(flatten)]
    pub show: HistoryShowArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HistoryAction {
    /// Add saved runs
    Add(HistoryAddArgs),
    /// Forget old runs
    Prune(HistoryPruneArgs),
}

/// Which history.
#[derive(Debug, Args)]
pub(crate) struct HistoryFileArgs {
    /// The file [default: what `history` in gauntlet.yaml names]
    #[arg(long, value_name = "FILE", env = "GAUNTLET_HISTORY")]
    pub history: Option<PathBuf>,
    /// Configuration file in place of the nearest gauntlet.yaml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryShowArgs {
    /// Only scenarios with these ids (globs)
    #[arg(value_name = "ID")]
    pub what: Vec<String>,
    #[command(flatten)]
    pub file: HistoryFileArgs,
    /// Only cases on this target
    #[arg(long, value_name = "NAME")]
    pub target: Vec<String>,
    /// Only cases at this MCP version
    #[arg(long, value_name = "DATE")]
    pub mcp_version: Vec<String>,
    /// Only cases that touched this requirement (glob)
    #[arg(long, value_name = "ID")]
    pub requirement: Vec<String>,
    /// Only runs of this environment
    #[arg(long, value_name = "NAME")]
    pub environment: Vec<String>,
    /// Only the last so many runs [default: 100, or all with --since]
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,
    /// Only runs that began since: a date, a time, or how long ago
    #[arg(long, value_name = "DATE|DURATION")]
    pub since: Option<String>,
    /// A table of pass rates and durations in place of the page
    #[arg(long, value_enum, value_name = "WHAT")]
    pub by: Option<HistoryBy>,
    /// Show every entry, not only the first of each section
    #[arg(long)]
    pub all: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t = HistoryFormat::Text)]
    pub format: HistoryFormat,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A run that is there already is recognised and not added again. The commit and the branch are those of the CI system's variables, or GAUNTLET_COMMIT and GAUNTLET_BRANCH.\n\nExamples:\n  gauntlet history add run.jsonl\n  gauntlet history add artifacts/*.json --history nightly.db"
)]
pub(crate) struct HistoryAddArgs {
    /// What `--report json=FILE` or `--report jsonl=FILE` wrote, or `gauntlet merge`; it may be cut off
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<PathBuf>,
    #[command(flatten)]
    pub file: HistoryFileArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  gauntlet history prune --keep 90d\n  gauntlet history prune --keep 500")]
pub(crate) struct HistoryPruneArgs {
    /// Runs that began so long ago at most, or so many of the last ones
    #[arg(long, value_name = "DURATION|N")]
    pub keep: String,
    #[command(flatten)]
    pub file: HistoryFileArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HistoryBy {
    /// Scenarios
    Scenario,
    /// Requirements
    Requirement,
    /// Targets
    Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HistoryFormat {
    /// A page
    Text,
    /// One JSON document
    Json,
}
