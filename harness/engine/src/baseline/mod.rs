//! Baselines: reading the file of known failures, and finding in it what names nothing.
//!
//! What a baseline makes of a verdict, and how it follows the runs, is told in [`gauntlet_reports::baseline`].

mod file;
mod names;
pub mod official;
mod save;

use std::path::Path;
use std::sync::Arc;

pub use file::{BaselineFile, Form, read, today};
use gauntlet_format::Diagnostic;
use gauntlet_reports::baseline::Baseline;
pub use names::Names;
pub use save::save;

/// Reads a baseline or a quarantine for a run and finds out whether everything in it is there: scenarios, values of their matrix,
/// steps, checks, targets, versions.
///
/// # Errors
/// What is wrong in the file, or names nothing, each with its place.
pub fn load(path: &Path, form: Form, names: &Names) -> Result<Arc<Baseline>, Vec<Diagnostic>> {
    let file = read(path, form)?;
    let unknown = names.unknown(&file);
    if unknown.is_empty() { Ok(Arc::new(file.baseline)) } else { Err(unknown.into_iter().map(|(_, d)| d).collect()) }
}
