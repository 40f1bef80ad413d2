//! `gauntlet init`
use crate::exit::{CommandError, Outcome};
pub(crate) fn run(_args: &crate::args::InitArgs) -> Outcome { Err(CommandError::usage("not here yet")) }
