//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    /// Render a saved run
    Report(ReportArgs),
    /// List scenarios without running them
    List(ListArgs),
    /// Lint scenario files without running them
    Check(CheckArgs),
    /// Print the JSON Schema of the scenario format, or of the JSON report
    Schema(SchemaArgs),
    /// Run a mock by hand, with a live journal
    Mock(MockArgs),
    /// Show for every defect of every mock which check catches it
    Audit(AuditArgs),
    /// Find out what an endpoint is
    Probe(ProbeArgs),
    /// Show what a gateway changes: the same conversation directly and through it
    Diff(DiffArgs),
    /// Explain a scenario or a requirement
    Explain(ExplainArgs),
    /// Start a project: gauntlet.yaml, a first scenario, a CI workflow
    Init(InitArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

/// Which scenarios.
#[derive(Debug, Args)]
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
    /// Configuration file in place of the nearest gauntlet.yaml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gauntlet run\n  gauntlet run 'kiro.*' --case dropped=user-agent\n  gauntlet run scenarios/mcp --target http://127.0.0.1:3001/mcp\n  gauntlet run --target kiro-runtime=staging --report json=out.json --report junit=out.xml"
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
    /// How long to wait for somebody to sign in by browser; 0s: nobody is asked [default: 5m, or 0s without a terminal or
    /// with CI set]
    #[arg(long, value_name = "DURATION")]
    pub sign_in_timeout: Option<String>,
    /// Further tries of a case that fails; a pass on one of them is flaky
    #[arg(long, value_name = "N")]
    pub retries: Option<u32>,
    /// Stop at the first case that does not conform
    #[arg(long)]
    pub fail_fast: bool,
    /// A broken SHOULD is red too
    #[arg(long)]
    pub strict: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Write a report besides the console's: json, jsonl, junit, markdown, github, openmetrics or badge; `-` is standard output
    #[arg(long, value_name = "FORMAT=FILE")]
    pub report: Vec<String>,
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

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gauntlet run --report jsonl=run.jsonl\n  gauntlet report run.jsonl\n  gauntlet report run.jsonl --format markdown >> \"$GITHUB_STEP_SUMMARY\""
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
    /// Annotations for GitHub Actions
    Github,
    /// Figures for a textfile collector
    Openmetrics,
    /// The endpoint document of a shields.io badge
    Badge,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// How to list
    #[arg(long, value_enum, default_value_t = ListFormat::Text)]
    pub format: ListFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// One line each
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  gauntlet check scenarios")]
pub(crate) struct CheckArgs {
    /// Scenario files and folders; default: what `run` would take
    pub paths: Vec<PathBuf>,
    /// Configuration file in place of the nearest gauntlet.yaml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Warnings are errors
    #[arg(long)]
    pub strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Which schema
    #[arg(value_enum, default_value_t = SchemaKind::Scenario)]
    pub kind: SchemaKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaKind {
    /// The scenario format
    Scenario,
    /// The JSON report
    Report,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gauntlet mock --list\n  gauntlet mock kiro-runtime --port 8080 --defect identity-gate-open\n  gauntlet mock mcp-server --stdio"
)]
pub(crate) struct MockArgs {
    /// Name of the mock
    #[arg(required_unless_present = "list")]
    pub name: Option<String>,
    /// List the mocks and their defects
    #[arg(long)]
    pub list: bool,
    /// Port; default: a free one
    #[arg(long)]
    pub port: Option<u16>,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub bind: IpAddr,
    /// Configuration: a YAML or JSON file, as in `given:`
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Switch a defect on
    #[arg(long, value_name = "ID")]
    pub defect: Vec<String>,
    /// Speak over standard input and output in place of HTTP
    #[arg(long)]
    pub stdio: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Only the defects of this mock
    #[arg(long, value_name = "NAME")]
    pub mock: Vec<String>,
    /// Leave a defect as soon as one check has caught it
    #[arg(long)]
    pub quick: bool,
    /// File that says which scenario catches which defect; a quick audit looks there first
    #[arg(long, value_name = "FILE", default_value = "scenarios/defects.yaml")]
    pub hints: PathBuf,
    /// Write that file from what is found
    #[arg(long)]
    pub write_hints: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Cases at the same time
    #[arg(long, short, default_value_t = 32, value_name = "N")]
    pub jobs: usize,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gauntlet probe https://gateway.example.com/mcp --bearer-env TOKEN\n  gauntlet probe https://gateway.example.com/mcp --sign-in --browser open\n  gauntlet probe https://gateway.example.com/mcp --auth '{ oauth: { client_id: me, client_secret: \"${secret:env:SECRET}\", grant: client_credentials } }'"
)]
pub(crate) struct ProbeArgs {
    /// URL of the MCP endpoint, or a target's name from gauntlet.yaml
    pub target: String,
    /// Environment variable that holds a bearer token
    #[arg(long, value_name = "NAME", conflicts_with_all = ["auth", "sign_in", "conformance_suite"])]
    pub bearer_env: Option<String>,
    /// Credentials, as `auth` in gauntlet.yaml: YAML or JSON
    #[arg(long, value_name = "YAML")]
    pub auth: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Configuration file in place of the nearest gauntlet.yaml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub visit: VisitArgs,
}

/// One visit as a client.
#[derive(Debug, Args)]
#[command(next_help_heading = "Visiting as a client")]
pub(crate) struct VisitArgs {
    /// Visit the endpoint once as a client does, signing in by OAuth where it asks for that; a target with `auth: oauth`
    /// is always visited
    #[arg(long)]
    pub sign_in: bool,
    /// Who goes through the pages of the authorization server
    #[arg(long, value_enum, value_name = "WHO")]
    pub browser: Option<BrowserChoice>,
    /// How long to wait for somebody to sign in by browser; 0s: nobody is asked [default: 5m, or 0s without a terminal or
    /// with CI set, unless `--browser open` is given]
    #[arg(long, value_name = "DURATION")]
    pub sign_in_timeout: Option<String>,
    /// Call this tool, or `all`; default: those that declare themselves read-only
    #[arg(long, value_name = "TOOL")]
    pub call: Vec<String>,
    /// Speak this MCP version; default: the newest that both speak
    #[arg(long, value_name = "DATE")]
    pub mcp_version: Option<String>,
    /// Be the client under test of the official conformance suite, which tells by environment variables what it wants
    #[arg(long, conflicts_with_all = ["auth", "mcp_version", "call"])]
    pub conformance_suite: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BrowserChoice {
    /// A person, in a browser; the URL is shown on standard error too
    Open,
    /// The harness itself, by following redirects
    Follow,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Without scenarios both sides are taken on a tour: opening, lists, harmless calls, reads, errors, progress.\n\nExamples:\n  gauntlet diff --direct https://server.example.com/mcp --through https://gateway.example.com/mcp\n  gauntlet diff --direct mock:mcp-server --through gateway --verbose\n  gauntlet diff --direct server --through gateway 'mcp.tools.*' --allow item-renamed --allow 'headers.x-served-by'\n\nExit codes: 0 nothing breaking, 1 something breaking, 2 usage, 3 a side cannot be reached"
)]
pub(crate) struct DiffArgs {
    /// The server itself: a URL, mock:NAME, or a target's name
    #[arg(long, value_name = "TARGET")]
    pub direct: String,
    /// The gateway in front of it
    #[arg(long, value_name = "TARGET")]
    pub through: String,
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// A rule, or a path in an exchange, whose differences are all right
    #[arg(long, value_name = "RULE|PATH")]
    pub allow: Vec<String>,
    /// Switch a mock's defect on, on both sides: MOCK:DEFECT, or DEFECT where the name is unique
    #[arg(long, value_name = "DEFECT")]
    pub defect: Vec<String>,
    /// Bound on each answer [default: 15s]
    #[arg(long, value_name = "DURATION")]
    pub step_timeout: Option<String>,
    /// How long to wait for somebody to sign in by browser; 0s: nobody is asked [default: 5m, or 0s without a terminal or
    /// with CI set]
    #[arg(long, value_name = "DURATION")]
    pub sign_in_timeout: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    pub format: DiffFormat,
    /// Write it to a file in place of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    /// A line for each finding
    Text,
    /// One JSON document
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Id of a scenario or a requirement
    pub id: String,
    /// Configuration file in place of the nearest gauntlet.yaml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Folder to start in
    #[arg(default_value = ".")]
    pub folder: PathBuf,
    /// Endpoint of the gateway to test
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}
