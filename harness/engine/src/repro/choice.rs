//! The one scenario that a command is about.

use std::sync::Arc;

use gauntlet_format::diagnostic::did_you_mean;
use gauntlet_format::{Diagnostic, Scenario};

use crate::runner::{Filter, Loaded, ScenarioSet};

/// Ids of scenarios that are told where several are meant.
const TOLD: usize = 5;

/// Why there is not just one.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// None was found, and some files cannot be read.
    #[error("{} in the scenario files", if .0.len() == 1 { "an error".to_owned() } else { format!("{} errors", .0.len()) })]
    Broken(Vec<Diagnostic>),
    /// None is meant, or several are.
    #[error("{0}")]
    Unfit(String),
}

/// The one scenario of a set that is meant.
///
/// # Errors
/// When none is, or several are.
pub fn one(set: &ScenarioSet, filter: &Filter) -> Result<Arc<Scenario>, ChoiceError> {
    let (mut found, mut known, mut broken): (Vec<Arc<Scenario>>, Vec<String>, Vec<Diagnostic>) = Default::default();
    for file in &set.files {
        match set.load(file) {
            Loaded::Broken { diagnostics, .. } => broken.extend(diagnostics),
            Loaded::Scenario(scenario) if filter.takes(&scenario) => found.push(scenario),
            Loaded::Scenario(scenario) => known.push(scenario.id.clone()),
        }
    }
    match (found.as_slice(), broken.is_empty()) {
        ([one], _) => Ok(Arc::clone(one)),
        ([], false) => Err(ChoiceError::Broken(broken)),
        ([], true) => {
            let wanted = filter.ids.join(", ");
            let guess = did_you_mean(&wanted, known.iter().map(String::as_str));
            let guess = guess.unwrap_or_else(|| "`gauntlet list` shows what there is".to_owned());
            Err(ChoiceError::Unfit(match wanted.is_empty() {
                true => "there is no scenario in what was named".to_owned(),
                false => format!("there is no scenario `{wanted}`; {guess}"),
            }))
        }
        (several, _) => {
            let ids: Vec<&str> = several.iter().take(TOLD).map(|scenario| scenario.id.as_str()).collect();
            let more = if several.len() > ids.len() { ", …" } else { "" };
            let message = format!("{} scenarios are meant ({}{more}); name one", several.len(), ids.join(", "));
            Err(ChoiceError::Unfit(message))
        }
    }
}
