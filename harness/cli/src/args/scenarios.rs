//! Commands about scenario files: `list`, `check`, `schema`, `explain`, `init`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::SelectionArgs;

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
    /// A baseline
    Baseline,
    /// A file of signatures
    Signatures,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Id of a scenario, a requirement or a signature
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
