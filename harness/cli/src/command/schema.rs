//! `gauntlet schema`

use std::io::Write as _;

use crate::args::{SchemaArgs, SchemaKind};
use crate::exit::{Exit, Outcome};

pub(crate) fn run(args: &SchemaArgs) -> Outcome {
    let text = match args.kind {
        SchemaKind::Scenario => {
            serde_json::to_string_pretty(&gauntlet_format::shape::json_schema()).unwrap_or_default()
        }
        SchemaKind::Signatures => {
            serde_json::to_string_pretty(&gauntlet_format::shape::signatures_schema()).unwrap_or_default()
        }
        SchemaKind::Baseline => gauntlet_reports::baseline::BASELINE_SCHEMA.trim_end().to_owned(),
        SchemaKind::Report => gauntlet_reports::REPORT_SCHEMA.trim_end().to_owned(),
    };
    writeln!(std::io::stdout(), "{text}")?;
    Ok(Exit::Conforms)
}
