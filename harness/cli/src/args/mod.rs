//! The command line: what every command takes, and one module for each family of commands.

mod ablate;
mod baseline;
mod coverage;
mod diff;
mod drift;
mod history;
mod import;
mod merge;
mod minimize;
mod mock;
mod probe;
mod record;
mod report;
mod run;
mod scenarios;
mod sides;

mod bundle;
mod diagnose;
mod replay;

use std::path::PathBuf;

pub(crate) use ablate::{AblateArgs, AblateFormat, AlterChoice};
pub(crate) use baseline::{BaselineArgs, BaselineCommand, CompareArgs, CompareFormat, FileArgs, ImportArgs, WordsArgs};
pub(crate) use bundle::BundleArgs;
use clap::{Args, Parser, Subcommand};
pub(crate) use coverage::{CoverageArgs, CoverageFormat, StateChoice};
pub(crate) use diagnose::{DiagnoseArgs, DiagnoseFormat};
pub(crate) use diff::{DiffArgs, DiffFormat, RunDiffArgs, VolatileArgs};
pub(crate) use drift::{DriftArgs, DriftFormat};
pub(crate) use history::{
    HistoryAction, HistoryAddArgs, HistoryArgs, HistoryBy, HistoryFileArgs, HistoryFormat, HistoryPruneArgs,
    HistoryShowArgs,
};
pub(crate) use import::{ImportAuth, ImportExpect, ImportFormat, ImportOnly, ImportReportArgs};
pub(crate) use merge::MergeArgs;
pub(crate) use minimize::{MinimizeArgs, MinimizeFormat};
pub(crate) use mock::{AuditArgs, MockArgs, PaceChoice, RecordedArgs};
pub(crate) use probe::{BrowserChoice, ProbeArgs, VisitArgs};
pub(crate) use record::{Behind, RecordArgs};
pub(crate) use replay::{ReplayArgs, ReplayFormat};
pub(crate) use report::{ReportArgs, ReportFormat};
pub(crate) use run::{BlessChoice, FlakyWorth, OutputArgs, PreflightChoice, RunArgs, RunningArgs};
pub(crate) use scenarios::{CheckArgs, ExplainArgs, InitArgs, ListArgs, ListFormat, SchemaArgs, SchemaKind};
pub(crate) use sides::{SidesArgs, SignInArgs};

use crate::terminal::ColorChoice;

/// Integration conformance tests for MCP servers and gateways.
#[derive(Debug, Parser)]
#[command(
    name = "gauntlet",
    version,
    about,
    after_help = "Examples:\n  gauntlet run                                   every pack on the embedded mocks\n  gauntlet run 'mcp.tools.*' --target https://gateway.example.com/mcp\n  gauntlet explain kiro.mcp.identity-gate        what a requirement says and who proves it\n  gauntlet mock kiro-runtime --port 8080         a mock by hand, with a live journal\n\nExit codes: 0 conforms, 1 does not, 2 usage or scenario file, 3 target unreachable or credentials missing"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    pub color: ColorChoice,
    /// Show what the harness does (twice for everything); also GAUNTLET_LOG
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run scenarios
    Run(RunArgs),
    /// Keep known failures: write, check and prune a baseline, and hold it against the official suite
    Baseline(BaselineArgs),
    /// Render a saved run
    Report(ReportArgs),
    /// Make one run of the shards of a run
    Merge(MergeArgs),
    /// List scenarios without running them
    List(ListArgs),
    /// Lint scenario files without running them
    Check(CheckArgs),
    /// Print the JSON Schema of the scenario format, of the JSON report, of a baseline, or of signatures
    Schema(SchemaArgs),
    /// Run a mock by hand, with a live journal
    Mock(MockArgs),
    /// Show for every defect of every mock which check catches it
    Audit(AuditArgs),
    /// Find out what an endpoint is
    Probe(ProbeArgs),
    /// Compare two runs, or a server with the gateway in front of it
    Diff(DiffArgs),
    /// Find out what the answer to a request depends on: send it again without one part of it at a time
    Ablate(AblateArgs),
    /// Show where a mock no longer tells the truth about the real system
    Drift(DriftArgs),
    /// Show which requirement is proved by what, at which version, and what has shown that the proof can fail
    Coverage(CoverageArgs),
    /// Tell what many runs show: what broke, since when, what flakes, what got slow
    History(HistoryArgs),
    /// Explain a scenario, a requirement or a known failure
    Explain(ExplainArgs),
    /// Record what clients and a server say to each other
    Record(RecordArgs),
    /// Start a project: gauntlet.yaml, a first scenario, a CI workflow
    Init(InitArgs),
    /// Make the smallest scenario that still fails in the same way
    Minimize(MinimizeArgs),
    /// Send a recording again and show what is answered otherwise
    Replay(ReplayArgs),
    /// Make a scenario, or a recording, of a bug report: HAR, curl, HTTP, mcp.json, a log
    Import(ImportReportArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Name the known failures that a run or a recording shows, with evidence, cause and remedy
    Diagnose(DiagnoseArgs),
    /// Pack a case of a run into one file that reproduces it elsewhere
    Bundle(BundleArgs),
}

/// Which scenarios.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct SelectionArgs {
    /// Scenario ids (globs), or paths of scenario files and folders
    #[arg(value_name = "ID|PATH")]
    pub what: Vec<String>,
    /// Only scenarios with this tag
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// Only scenarios of this pack
    #[arg(long, value_name = "PACK")]
    pub pack: Vec<String>,
    /// Only scenarios that prove this requirement (glob)
    #[arg(long, value_name = "ID")]
    pub requirement: Vec<String>,
    /// Only cases at this MCP version
    #[arg(long, value_name = "DATE")]
    pub mcp_version: Vec<String>,
    /// Only matrix cases with this value
    #[arg(long, value_name = "NAME=VALUE")]
    pub case: Vec<String>,
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// What holds for whatever is run.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConfigArgs {
    /// Configuration file in place of the nearest gauntlet.yaml
    #[arg(long = "config", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Lets scenarios read this of the machine: env:NAME, file:PATH, aws-credentials
    #[arg(long, value_name = "SOURCE")]
    pub may_read: Vec<String>,
    /// A secret that scenarios ask for under `secrets`: NAME=env:VARIABLE, NAME=file:PATH, or NAME for the environment
    /// variable of that name, in capitals and with `_`
    #[arg(long, value_name = "NAME")]
    pub secret: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}
