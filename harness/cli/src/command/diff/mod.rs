//! `gauntlet diff`

mod gateway;
mod runs;
mod side;

use crate::args::DiffArgs;
use crate::exit::Outcome;

pub(crate) fn run(args: DiffArgs, verbose: bool) -> Outcome {
    // The command line has both or none.
    match (&args.direct, &args.through) {
        (Some(direct), Some(through)) => gateway::run(&args, direct, through, verbose),
        _ => runs::run(args, verbose),
    }
}
