//! `gauntlet ablate`

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{ConfigArgs, SignInArgs};

#[derive(Debug, Args)]
#[command(
    after_help = "The scenario runs as it is written up to the step. Then its request is sent again and again, each time without one header,\nquery parameter or JSON field, and every answer is compared with that to the whole request. What the lifecycle, the target's\nentry and its credentials add is left out as well; a signature is made over what is left, unless --after-signing.\n\nExamples:\n  gauntlet ablate kiro.web-search.result\n  gauntlet ablate kiro.web-search.result -o minimal.yaml && gauntlet run minimal.yaml\n  gauntlet ablate bug.yaml --step 3 --target staging --pairs --max-requests 400\n  gauntlet ablate bug.yaml --alter=other,empty --deep --format json\n\nExit codes: 0 done, 1 the unaltered request does not succeed, 2 usage, 3 the target cannot be reached, or it was ended early"
)]
pub(crate) struct AblateArgs {
    /// Id of the scenario, or its file
    #[arg(value_name = "SCENARIO")]
    pub scenario: String,
    /// Number of the step, from 1 [default: the only one that sends a request]
    #[arg(long, value_name = "N")]
    pub step: Option<usize>,
    /// The target: a name from gauntlet.yaml, a URL, mock:NAME, or ROLE=either
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
    /// Give each part other values, too: --alter for all kinds, or --alter=other,empty
    #[arg(long, value_enum, value_name = "KIND", value_delimiter = ',', num_args = 0..=1, require_equals = true, default_missing_value = "other,empty,null,type")]
    pub alter: Vec<AlterChoice>,
    /// Leave out each two of the parts that have no effect alone
    #[arg(long)]
    pub pairs: bool,
    /// Leave out what a JSON-RPC message asks for, too, level by level: `method`, `params`, the arguments of a tool
    #[arg(long)]
    pub deep: bool,
    /// Start everything anew for each request: for answers that depend on what was asked before
    #[arg(long)]
    pub fresh: bool,
    /// Alter requests when they are signed already, as something on the way would
    #[arg(long)]
    pub after_signing: bool,
    /// Requests at most, those of the lifecycle and of the steps before included
    #[arg(long, value_name = "N", default_value = "200")]
    pub max_requests: NonZeroUsize,
    /// The request may be sent many times, even if it calls a tool that does not declare itself read-only
    #[arg(long)]
    pub yes: bool,
    /// Only this case of the matrix
    #[arg(long, value_name = "NAME=VALUE")]
    pub case: Vec<String>,
    /// The MCP version to speak [default: the newest that the scenario is for and the target speaks]
    #[arg(long, value_name = "DATE")]
    pub mcp_version: Option<String>,
    /// Switch a mock's defect on: MOCK:DEFECT, or DEFECT where the name is unique
    #[arg(long, value_name = "DEFECT")]
    pub defect: Vec<String>,
    /// Bound on each answer [default: 15s]
    #[arg(long, value_name = "DURATION")]
    pub step_timeout: Option<String>,
    #[command(flatten)]
    pub sign_in: SignInArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t = AblateFormat::Text)]
    pub format: AblateFormat,
    /// Write the smallest request that gets the same answer as a scenario
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Other values of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AlterChoice {
    /// Another value of the same kind
    Other,
    /// An empty text, list or object
    Empty,
    /// JSON's null
    Null,
    /// A value of another JSON type
    Type,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AblateFormat {
    /// A line for each part that matters
    Text,
    /// One JSON document
    Json,
}
