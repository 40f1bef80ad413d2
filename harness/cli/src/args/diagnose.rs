//! `gauntlet diagnose`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gauntlet run --report jsonl=run.jsonl; gauntlet diagnose run.jsonl\n  gauntlet diagnose run.json --case 'kiro.*' --format json\n  gauntlet diagnose from-the-browser.har\n  gauntlet diagnose front.har --behind runtime=behind.har      both sides of a gateway\n  gauntlet explain kiro.identity-headers-missing      a known failure by its id\n\nExit codes: 0 a known failure was recognised, 1 none was, 2 the file or a signature cannot be read"
)]
pub(crate) struct DiagnoseArgs {
    /// What `--report json=FILE` or `--report jsonl=FILE` wrote, it may be cut off; or a recording (HAR)
    #[arg(value_name = "RUN|FILE")]
    pub file: PathBuf,
    /// Only cases whose scenario has this id (glob)
    #[arg(long, value_name = "ID")]
    pub case: Vec<String>,
    /// Of a recording: what was recorded at the same time between the target and the upstream NAME. May be given several times
    #[arg(long, value_name = "NAME=FILE", conflicts_with_all = ["case", "all"])]
    pub behind: Vec<String>,
    /// Cases that passed too, where the run kept their exchanges (`run --keep-all`)
    #[arg(long)]
    pub all: bool,
    /// How to tell it
    #[arg(long, short, value_enum, default_value_t = DiagnoseFormat::Text)]
    pub format: DiagnoseFormat,
    /// Where to; default: standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Configuration file in place of the nearest gauntlet.yaml, which names signatures of your own
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiagnoseFormat {
    /// Text, for people
    #[default]
    Text,
    /// One JSON document
    Json,
}
