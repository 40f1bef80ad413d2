//! `gauntlet explain`
use crate::exit::{CommandError, Outcome};
pub(crate) fn run(_args: &crate::args::ExplainArgs) -> Outcome { Err(CommandError::usage("not here yet")) }
