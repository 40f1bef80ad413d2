//! `gauntlet probe`
use crate::exit::{CommandError, Outcome};
pub(crate) fn run(_args: &crate::args::ProbeArgs) -> Outcome { Err(CommandError::usage("not here yet")) }
