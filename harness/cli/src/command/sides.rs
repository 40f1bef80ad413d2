//! What the sides of a comparison are run with.

use std::num::NonZeroUsize;

use gauntlet::RunOptions;
use gauntlet::config::Config;
use gauntlet_format::duration;

use super::run::defects;
use crate::args::SidesArgs;
use crate::exit::CommandError;

/// What the command line says, else the configuration, else what holds for every run.
pub(super) fn options(
    args: &SidesArgs,
    jobs: Option<NonZeroUsize>,
    config: &Config,
) -> Result<RunOptions, CommandError> {
    let step_timeout = args.step_timeout.as_deref().map(duration::parse).transpose().map_err(CommandError::usage)?;
    let mut options = RunOptions::configured(config).map_err(CommandError::usage)?;
    options.defects = defects(&args.defect)?;
    options.jobs = jobs.map_or(options.jobs, NonZeroUsize::get);
    options.step_timeout = step_timeout.unwrap_or(options.step_timeout);
    Ok(options)
}
