//! `gauntlet report`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gauntlet run --report jsonl=run.jsonl\n  gauntlet report run.jsonl\n  gauntlet report run.jsonl --format markdown >> \"$GITHUB_STEP_SUMMARY\"\n  gauntlet report run.jsonl --format html --output report.html --history nightly.db"
)]
pub(crate) struct ReportArgs {
    /// What `--report json=FILE` or `--report jsonl=FILE` wrote; it may be cut off
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// How to tell it
    #[arg(long, short, value_enum, default_value_t = ReportFormat::Console)]
    pub format: ReportFormat,
    /// Where to; default: standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<String>,
    /// Add the trends of this history; with `--format html`
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
    /// Add which requirement is proved by what, by the scenarios and requirements of the working folder; with `--format html`
    #[arg(long)]
    pub coverage: bool,
    /// Show every case, not only what did not pass
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Text, as `run` shows it
    Console,
    /// One document
    Json,
    /// One event a line
    Jsonl,
    /// JUnit XML
    Junit,
    /// A job summary
    Markdown,
    /// One page, for a browser
    Html,
    /// Annotations for GitHub Actions
    Github,
    /// Figures for a textfile collector
    Openmetrics,
    /// The endpoint document of a shields.io badge
    Badge,
}
