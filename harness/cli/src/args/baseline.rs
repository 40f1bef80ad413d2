//! `gauntlet baseline`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
#[command(
    after_help = "A baseline turns known failures green, and a fixed or expired one red until its entry is taken out or renewed.\n\nExamples:\n  gauntlet run --report json=run.json\n  gauntlet baseline write run.json --owner team-gateway --expires 2027-03-31\n  gauntlet run --baseline baseline.yaml\n  gauntlet baseline check run.json\n  gauntlet baseline prune run.json --dry-run\n  gauntlet baseline compare run.json results/*/checks.json"
)]
pub(crate) struct BaselineArgs {
    #[command(subcommand)]
    pub command: BaselineCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BaselineCommand {
    /// Bring every failure of a saved run into the baseline; entries that are there stay as they are
    Write {
        /// What `--report json=FILE` or `--report jsonl=FILE` wrote; `-` is standard input
        #[arg(value_name = "RUN")]
        run: PathBuf,
        #[command(flatten)]
        file: FileArgs,
        #[command(flatten)]
        words: WordsArgs,
        /// Show what would change and leave the file alone
        #[arg(long)]
        dry_run: bool,
    },
    /// Find what names nothing, is doubled, is past its date, or is fixed
    Check {
        /// A saved run to find out what is fixed; `-` is standard input
        #[arg(value_name = "RUN")]
        run: Option<PathBuf>,
        #[command(flatten)]
        file: FileArgs,
    },
    /// Take out what a saved run shows to be fixed, and what names nothing
    Prune {
        /// The saved run; `-` is standard input
        #[arg(value_name = "RUN")]
        run: PathBuf,
        #[command(flatten)]
        file: FileArgs,
        /// Show what would change and leave the file alone
        #[arg(long)]
        dry_run: bool,
    },
    /// Bring in what the official conformance suite found: its checks.json, or its file of expected failures
    Import(ImportArgs),
    /// Hold a run against results of the official conformance suite, check by check
    Compare(CompareArgs),
}

/// Which baseline.
#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// The baseline [default: `baseline` of gauntlet.yaml, else baseline.yaml]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Configuration file in place of the nearest gauntlet.yaml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What new entries say.
#[derive(Debug, Args)]
#[command(next_help_heading = "New entries")]
pub(crate) struct WordsArgs {
    /// Why they fail [default: what the failure says]
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Where they are tracked
    #[arg(long, value_name = "URL")]
    pub link: Option<String>,
    /// Who sees to them
    #[arg(long, value_name = "NAME")]
    pub owner: Option<String>,
    /// The last day on which they do not count, as YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    pub expires: Option<String>,
    /// Broken SHOULDs too
    #[arg(long)]
    pub strict: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Without --run an entry is made for each scenario that proves what a failing check of the suite is about; with it, only for the cases of the run that fail.\n\nExamples:\n  gauntlet baseline import results/*/checks.json --run run.json\n  gauntlet baseline import conformance-baseline.yml --owner team-gateway"
)]
pub(crate) struct ImportArgs {
    /// checks.json of a scenario, or a file of expected failures
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// A saved run: only what fails in it gets an entry
    #[arg(long, value_name = "RUN")]
    pub run: Option<PathBuf>,
    #[command(flatten)]
    pub file: FileArgs,
    #[command(flatten)]
    pub words: WordsArgs,
    /// Show what would change and leave the file alone
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// A saved run; `-` is standard input
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// checks.json of the suite's scenarios
    #[arg(value_name = "CHECKS", required = true)]
    pub checks: Vec<PathBuf>,
    /// How to tell it
    #[arg(long, value_enum, default_value_t = CompareFormat::Text)]
    pub format: CompareFormat,
    /// Configuration file in place of the nearest gauntlet.yaml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompareFormat {
    /// A table
    Text,
    /// One document
    Json,
}
