//! `gauntlet run`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{SelectionArgs, SignInArgs};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gauntlet run\n  gauntlet run 'kiro.*' --case dropped=user-agent\n  gauntlet run scenarios/mcp --target http://127.0.0.1:3001/mcp\n  gauntlet run --target kiro-runtime=staging --report json=out.json --report junit=out.xml\n  gauntlet run --shard 2/7 --report jsonl=shard-2.jsonl\n  gauntlet run 'tools.*' --bless                  after a change that is meant, take the snapshots over"
)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Target to run against: a URL, a name from gauntlet.yaml, or ROLE=either
    #[arg(long, value_name = "TARGET")]
    pub target: Vec<String>,
    /// Switch a mock's defect on: MOCK:DEFECT, or DEFECT where the name is unique
    #[arg(long, value_name = "DEFECT")]
    pub defect: Vec<String>,
    /// Run only this part of the cases: I/N, or `auto` to take it from the variables of the CI system; `gauntlet merge`
    /// puts the parts together
    #[arg(long, value_name = "I/N", env = "GAUNTLET_SHARD")]
    pub shard: Option<String>,
    /// Known failures, which do not count; over `baseline` of gauntlet.yaml. See `gauntlet baseline --help`
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Cases that count neither way; over `quarantine` of gauntlet.yaml
    #[arg(long, value_name = "FILE")]
    pub quarantine: Option<PathBuf>,
    /// Let cases in quarantine count all the same
    #[arg(long, conflicts_with = "quarantine")]
    pub no_quarantine: bool,
    /// Show what differs from the snapshots of the scenarios, and write it to them; with CI set only `--bless=always` does
    #[arg(long, value_enum, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "local")]
    pub bless: Option<BlessChoice>,
    #[command(flatten)]
    pub running: RunningArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Running")]
pub(crate) struct RunningArgs {
    /// Cases at the same time [default: 32]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<usize>,
    /// Bound on a case that names none [default: 60s]
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,
    /// Bound on a step that names none [default: 15s]
    #[arg(long, value_name = "DURATION")]
    pub step_timeout: Option<String>,
    #[command(flatten)]
    pub sign_in: SignInArgs,
    /// Further tries of a case that fails; a pass on one of them is flaky
    #[arg(long, value_name = "N")]
    pub retries: Option<u32>,
    /// Pause before the first further try; each later one is twice as long [default: 0s]
    #[arg(long, value_name = "DURATION")]
    pub retry_delay: Option<String>,
    /// What a flaky case is worth [default: pass]
    #[arg(long, value_enum, value_name = "WORTH")]
    pub flaky: Option<FlakyWorth>,
    /// Bound on the whole run; what has not finished then is cut
    #[arg(long, value_name = "DURATION")]
    pub budget: Option<String>,
    /// Requests per second at most towards each target that is no mock, in place of its own `rate`
    #[arg(long, value_name = "N")]
    pub rate: Option<f64>,
    /// Cases at the same time at most on each target that is no mock, in place of its own `concurrency`
    #[arg(long, value_name = "N")]
    pub concurrency: Option<usize>,
    /// Whether to ask targets that are no mocks, before the first scenario, for what is missing
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = PreflightChoice::Auto)]
    pub preflight: PreflightChoice,
    /// Stop at the first case that does not conform
    #[arg(long)]
    pub fail_fast: bool,
    /// A broken SHOULD is red too
    #[arg(long)]
    pub strict: bool,
}

/// When snapshots are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BlessChoice {
    /// Unless CI is set
    Local,
    /// With CI set too
    Always,
}

/// What a case that passed only on a further try is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FlakyWorth {
    /// It is told, and green
    Pass,
    /// The run is red
    Fail,
}

/// Whether targets are asked beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PreflightChoice {
    /// Ask, and run if nothing is missing
    Auto,
    /// Ask, and run nothing
    Only,
    /// Run without asking
    Never,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Write a report besides the console's: json, jsonl, junit, markdown, html, github, openmetrics or badge; `-` is standard output
    #[arg(long, value_name = "FORMAT=FILE")]
    pub report: Vec<String>,
    /// What the targets are part of, such as `staging`; reports, known failures and histories name it
    #[arg(long, value_name = "NAME", env = "GAUNTLET_ENVIRONMENT")]
    pub environment: Option<String>,
    /// Add the run to this history; `gauntlet history` reads it [default: what `history` in gauntlet.yaml names]
    #[arg(long, value_name = "FILE", env = "GAUNTLET_HISTORY")]
    pub history: Option<PathBuf>,
    /// Add the run to no history, whatever gauntlet.yaml and the environment say
    #[arg(long)]
    pub no_history: bool,
    /// Keep every check and exchange in reports, of passes too
    #[arg(long)]
    pub keep_all: bool,
    /// Show every case, not only what did not pass
    #[arg(long)]
    pub all: bool,
    /// Only the summary
    #[arg(long, short, conflicts_with = "all")]
    pub quiet: bool,
}
