//! `gauntlet diff`

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{SelectionArgs, SidesArgs};

#[derive(Debug, Args)]
#[command(
    override_usage = "gauntlet diff [OPTIONS] A B [ID|PATH]...\n       gauntlet diff [OPTIONS] --direct TARGET --through TARGET [ID|PATH]...",
    after_help = "A and B are runs: a file that `run --report json=FILE` or `jsonl=FILE` left, or a URL, a target or mock:NAME, on which the\nscenarios are run now. With --direct and --through the same conversation is held with a server and through the gateway in\nfront of it, and every exchange compared; without scenarios on a tour: opening, lists, harmless calls, reads, errors.\n\nExamples:\n  gauntlet diff yesterday.json today.json\n  gauntlet diff last.json staging 'mcp.*'\n  gauntlet diff last.json now.json --format markdown >> \"$GITHUB_STEP_SUMMARY\"\n  gauntlet diff --direct https://server.example.com/mcp --through https://gateway.example.com/mcp\n  gauntlet diff --direct server --through gateway 'mcp.tools.*' --allow item-renamed --allow 'headers.x-served-by'\n\nExit codes: 0 nothing newly failing (nothing breaking), 1 something is, 2 usage or an empty selection, 3 a side cannot be reached or read"
)]
pub(crate) struct DiffArgs {
    /// The server itself: a URL, mock:NAME, or a target's name
    #[arg(long, value_name = "TARGET", requires = "through")]
    pub direct: Option<String>,
    /// The gateway in front of it
    #[arg(long, value_name = "TARGET", requires = "direct")]
    pub through: Option<String>,
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// A rule, or a path in an exchange, whose differences are all right; with --direct and --through
    #[arg(long, value_name = "RULE|PATH", requires = "direct")]
    pub allow: Vec<String>,
    /// Cases of scenarios at the same time; several are faster, and their times say less [default: 1 with --direct, else 32]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    pub sides: SidesArgs,
    #[command(flatten)]
    pub runs: RunDiffArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    pub format: DiffFormat,
    /// Write it to a file in place of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Two runs")]
pub(crate) struct RunDiffArgs {
    /// Whatever is not better is worse: new warnings, what is no longer judged or fails for another reason, changed transcripts,
    /// slower and removed cases
    #[arg(long, conflicts_with = "direct")]
    pub strict: bool,
    /// A case is slower if it takes so many times as long …
    #[arg(long, value_name = "RATIO", default_value_t = 2.0, conflicts_with = "direct")]
    pub slower_ratio: f64,
    /// … and so much longer
    #[arg(long, value_name = "DURATION", default_value = "500ms", conflicts_with = "direct")]
    pub slower_floor: String,
    /// Changed transcripts that are shown line by line
    #[arg(long, value_name = "N", default_value_t = 20, conflicts_with = "direct")]
    pub diffs: usize,
    #[command(flatten)]
    pub volatile: VolatileArgs,
}

#[derive(Debug, Args)]
pub(crate) struct VolatileArgs {
    /// Compare every byte: no value is taken for one that differs from run to run
    #[arg(long)]
    pub exact: bool,
    /// Switch a rule about values that differ from run to run off, such as `uuid`
    #[arg(long, value_name = "NAME", conflicts_with = "exact")]
    pub no_rule: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    /// A line for each finding
    Text,
    /// One JSON document
    Json,
    /// For a job summary or a merge request; of two runs
    Markdown,
}
