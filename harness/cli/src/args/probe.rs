//! `gauntlet probe`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

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
