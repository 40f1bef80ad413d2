//! `gauntlet merge`

use std::path::PathBuf;

use clap::Args;

use super::{FlakyWorth, ReportFormat};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gauntlet run --shard 1/2 --report jsonl=shard-1.jsonl\n  gauntlet run --shard 2/2 --report jsonl=shard-2.jsonl\n  gauntlet merge shard-1.jsonl shard-2.jsonl\n  gauntlet merge shard-*.jsonl -o run.json --report junit=run.xml --exit-code\n\nExit codes: 0 merged, 2 the files are not the shards of one run, 3 something is missing; with --exit-code those of `run` too"
)]
pub(crate) struct MergeArgs {
    /// What the shards wrote with `--report json=FILE` or `--report jsonl=FILE`
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<PathBuf>,
    /// Where to; default: standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<String>,
    /// How to tell it [default: json with --output, else console]
    #[arg(long, short, value_enum)]
    pub format: Option<ReportFormat>,
    /// Write a further report, as `run` does
    #[arg(long, value_name = "FORMAT=FILE")]
    pub report: Vec<String>,
    /// Merge what is there, although shards are missing, cut off or had other cases before them; the reports tell of it
    #[arg(long)]
    pub allow_missing: bool,
    /// Exit as the whole run would have
    #[arg(long)]
    pub exit_code: bool,
    /// For that, a broken SHOULD is red too
    #[arg(long, requires = "exit_code")]
    pub strict: bool,
    /// For that, what a case that passes only on a further try is worth
    #[arg(long, value_enum, value_name = "VERDICT", requires = "exit_code", default_value_t = FlakyWorth::Pass)]
    pub flaky: FlakyWorth,
    /// Show every case, not only what did not pass
    #[arg(long)]
    pub all: bool,
}
