//! `gauntlet bundle`

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
#[command(
    after_help = "The bundle holds the scenario, what was said as HAR and as text, versions, and a README with the command that reproduces it.\nSecrets are taken out of all of it. `gauntlet run bug.zip` runs it; nothing is unpacked for that.\n\nExamples:\n  gauntlet run --report jsonl=run.jsonl; gauntlet bundle run.jsonl kiro.web-search.result -o bug.zip\n  gauntlet bundle run.json bug.search --target staging --scenarios ../bugs -o bug.zip\n  gauntlet run bug.zip\n  gauntlet run bug.zip --target https://gateway.example.com/mcp --secret authorization\n\nExit codes: 0 done, 2 the run has no such case, or what it needs is not at hand"
)]
pub(crate) struct BundleArgs {
    /// What `--report json=FILE` or `--report jsonl=FILE` wrote; it may be cut off
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Id of the scenario
    #[arg(value_name = "SCENARIO")]
    pub scenario: String,
    /// Where to
    #[arg(long, short, value_name = "FILE.zip")]
    pub output: PathBuf,
    /// Only the case with this value of the matrix
    #[arg(long, value_name = "NAME=VALUE")]
    pub case: Vec<String>,
    /// Only the case at this MCP version
    #[arg(long, value_name = "DATE")]
    pub mcp_version: Option<String>,
    /// Only the case on this target
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// Where the scenario is; default: as for `run`, and the packs that come with Gauntlet
    #[arg(long, value_name = "PATH")]
    pub scenarios: Vec<PathBuf>,
    /// Configuration file in place of the nearest gauntlet.yaml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Writes over a file that is there
    #[arg(long)]
    pub force: bool,
}
