//! Baselines: reading the file of known failures, and finding in it what names nothing.
//!
//! What a baseline makes of a verdict, and how it follows the runs, is told in [`gauntlet_reports::baseline`].

mod file;
mod names;
pub mod official;
mod save;

use std::path::Path;
use std::sync::Arc;

pub use file::{BaselineFile, read, today};
use gauntlet_format::Diagnostic;
use gauntlet_reports::baseline::Baseline;
pub use names::Names;
pub use save::save;

use crate::config::Config;
use crate::runner::ScenarioSet;

/// Reads a baseline for a run and finds out whether everything in it is there: scenarios, values of their matrix, steps, checks,
/// targets, versions.
///
/// # Errors
/// What is wrong in the file, or names nothing, each with its place.
pub fn load(path: &Path, sets: &[&ScenarioSet], config: &Config) -> Result<Arc<Baseline>, Vec<Diagnostic>> {
    sound(read(path)?, sets, config)
}

/// As [`load`], of a quarantine: cases whose failures do not count while somebody finds out why they come and go.
///
/// # Errors
/// As [`load`].
pub fn load_quarantine(path: &Path, sets: &[&ScenarioSet], config: &Config) -> Result<Arc<Baseline>, Vec<Diagnostic>> {
    sound(file::read_quarantine(path)?, sets, config)
}

fn sound(file: BaselineFile, sets: &[&ScenarioSet], config: &Config) -> Result<Arc<Baseline>, Vec<Diagnostic>> {
    let unknown = Names::of(sets, config).unknown(&file);
    if unknown.is_empty() { Ok(Arc::new(file.baseline)) } else { Err(unknown.into_iter().map(|(_, d)| d).collect()) }
}
