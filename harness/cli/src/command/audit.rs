//! `gauntlet audit`
use crate::exit::{CommandError, Outcome};
pub(crate) fn run(_args: &crate::args::AuditArgs) -> Outcome { Err(CommandError::usage("not here yet")) }
