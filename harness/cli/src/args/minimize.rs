//! `gauntlet minimize`

use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{ConfigArgs, SignInArgs};

#[derive(Debug, Args)]
#[command(
    override_usage = "gauntlet minimize [OPTIONS] SCENARIO [--target TARGET]\n       gauntlet minimize [OPTIONS] SCENARIO --good TARGET --bad TARGET",
    after_help = "Steps, headers, fields and expectations are left out as long as the same check fails in the same way, or the same request gets no\nanswer. The result is a scenario that stands by itself.\n\nExamples:\n  gauntlet minimize recorded.yaml --target staging\n  gauntlet minimize mcp.tools.call --defect mcp-server:text-altered -o report.yaml\n  gauntlet minimize recorded.yaml --good gateway-1.4 --bad gateway-1.5     what fails on one release and passes on the other\n  gauntlet minimize recorded.yaml --check 12.status --max-requests 600\n  gauntlet minimize recorded.yaml --target staging --resume                go on where Ctrl-C ended it\n\nExit codes: 0 minimized, 1 nothing fails or not every time, or the result did not fail, 2 usage, 3 a target cannot be reached,\nor interrupted"
)]
pub(crate) struct MinimizeArgs {
    /// Scenario id, or path of a scenario file
    #[arg(value_name = "SCENARIO")]
    pub scenario: String,
    /// Target on which it fails: a URL, a name from gauntlet.yaml, mock:NAME, or ROLE=any of them
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
    /// Target on which it passes
    #[arg(long, value_name = "TARGET", requires = "bad", conflicts_with = "target")]
    pub good: Option<String>,
    /// Target on which it fails, or answers otherwise
    #[arg(long, value_name = "TARGET", requires = "good")]
    pub bad: Option<String>,
    /// Switch a mock's defect on, with --good and --bad on the bad side alone: MOCK:DEFECT, or DEFECT where the name is unique
    #[arg(long, value_name = "DEFECT")]
    pub defect: Vec<String>,
    /// The failed check to keep, by the number or the name of its step: 3.status, question.headers.content-type
    /// [default: the first that fails, or else the first answer that does not come]
    #[arg(long, value_name = "STEP.LABEL")]
    pub check: Option<String>,
    /// Only cases at this MCP version
    #[arg(long, value_name = "DATE")]
    pub mcp_version: Vec<String>,
    /// Only matrix cases with this value
    #[arg(long, value_name = "NAME=VALUE")]
    pub case: Vec<String>,
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Requests at most, those of sessions and of both sides included; then the best so far is written
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MOST)]
    pub max_requests: NonZeroU64,
    /// Runs of the scenario as it is, all of which must fail in the same way
    #[arg(long, value_name = "N", default_value_t = DEFAULT_CONFIRM)]
    pub confirm: NonZeroU32,
    /// Tries of each candidate at most, for what does not fail every time
    #[arg(long, value_name = "N")]
    pub attempts: Option<NonZeroU32>,
    /// Go on from what an earlier search left beside the result
    #[arg(long)]
    pub resume: bool,
    /// Bound on a case that names none [default: 60s]
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,
    /// Bound on a step that names none [default: 15s]
    #[arg(long, value_name = "DURATION")]
    pub step_timeout: Option<String>,
    #[command(flatten)]
    pub sign_in: SignInArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t = MinimizeFormat::Text)]
    pub format: MinimizeFormat,
    /// Where the result goes [default: ID.min.yaml]; what was tried is kept beside it until the search is done
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

const DEFAULT_MOST: NonZeroU64 = match NonZeroU64::new(gauntlet::repro::minimize::MOST_REQUESTS) {
    Some(most) => most,
    None => NonZeroU64::MIN,
};

const DEFAULT_CONFIRM: NonZeroU32 = match NonZeroU32::new(2) {
    Some(runs) => runs,
    None => NonZeroU32::MIN,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MinimizeFormat {
    /// A summary
    Text,
    /// One JSON document
    Json,
}
