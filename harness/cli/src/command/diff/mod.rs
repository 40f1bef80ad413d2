//! `gauntlet diff`

mod gateway;
mod runs;
pub(super) mod side;

use gauntlet::diff::DiffError;
use gauntlet_reports::sanitize;

use crate::args::DiffArgs;
use crate::exit::{CommandError, Outcome};

pub(crate) fn run(args: DiffArgs, verbose: bool) -> Outcome {
    // The command line has both or none.
    match (&args.direct, &args.through) {
        (Some(direct), Some(through)) => gateway::run(&args, direct, through, verbose),
        _ => runs::run(args, verbose),
    }
}

/// Why nothing was compared, with its exit code; what is wrong with scenario files is shown.
pub(super) fn refused(error: &DiffError) -> std::io::Result<CommandError> {
    if let DiffError::Broken(diagnostics) = error {
        super::check::show(diagnostics)?;
    }
    let said = error.to_string();
    let said = sanitize::block(&said);
    Ok(match error {
        DiffError::Broken(_) | DiffError::NothingSelected => CommandError::usage(said),
        _ => CommandError::infrastructure(said),
    })
}
