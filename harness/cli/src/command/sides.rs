//! What the sides of a comparison are run with.

use std::num::NonZeroUsize;
use std::sync::Arc;

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
    let mut options = RunOptions {
        defects: defects(&args.defect)?,
        requirements: Arc::new(config.all_requirements().map_err(CommandError::usage)?),
        volatile: config.volatile.clone(),
        ..RunOptions::default()
    };
    options.jobs = jobs.map(NonZeroUsize::get).or(config.run.jobs).unwrap_or(options.jobs);
    options.timeout = config.run.timeout.unwrap_or(options.timeout);
    options.step_timeout = step_timeout.or(config.run.step_timeout).unwrap_or(options.step_timeout);
    Ok(options)
}
