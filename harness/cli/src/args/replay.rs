//! `gauntlet replay`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gauntlet::repro::replay::Numbers;

use super::{ConfigArgs, PaceChoice, SidesArgs};

#[derive(Debug, Args)]
#[command(
    after_help = "Session ids, cursors and what else the recorded server made up are carried over: where a recorded request repeats\none, the live one is sent. Credentials are the target's own; calls of tools that do not declare themselves\nread-only are left out on a system that is not a mock.\n\nExamples:\n  gauntlet replay bug.har --target http://127.0.0.1:8080/mcp\n  gauntlet replay bug.har --target staging --requests 3,5-9\n  gauntlet replay bug.har --target mock:mcp-server --defect text-altered\n  gauntlet replay bug.har --target staging --format json -o replay.json\n\nExit codes: 0 all answers are as recorded, 1 some are not, 2 usage or nothing to send, 3 the target cannot be reached, or it was\ninterrupted; what was answered until then is shown"
)]
pub(crate) struct ReplayArgs {
    /// The recording: a HAR file, or what else `gauntlet import` reads
    #[arg(value_name = "FILE")]
    pub recording: PathBuf,
    /// Where to send it: a URL, a name from gauntlet.yaml, mock:NAME, or ROLE=any of them
    #[arg(long, value_name = "TARGET")]
    pub target: String,
    /// Only this session: its label in the recording, its Mcp-Session-Id, or its number from 1
    #[arg(long, value_name = "SESSION")]
    pub session: Option<String>,
    /// Only these requests, by number, and what opens their sessions: 3,5-9 or 7-
    #[arg(long, value_name = "NUMBERS")]
    pub requests: Option<Numbers>,
    /// Whether the pauses between requests are made again
    #[arg(long, value_enum, default_value_t = PaceChoice::Asap)]
    pub pace: PaceChoice,
    /// Call tools that do not declare themselves read-only, and send whatever else may change something
    #[arg(long, short)]
    pub yes: bool,
    /// A response header that is compared beside those that a client acts upon
    #[arg(long, value_name = "NAME")]
    pub header: Vec<String>,
    #[command(flatten)]
    pub sides: SidesArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t = ReplayFormat::Text)]
    pub format: ReplayFormat,
    /// Write it to a file in place of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReplayFormat {
    /// A line for each request, and what differs
    Text,
    /// One JSON document
    Json,
}
