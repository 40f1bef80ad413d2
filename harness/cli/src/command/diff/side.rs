//! What a side of a comparison is.

use gauntlet::config::{Config, TargetSpec};

use super::super::selection::known_mock;
use crate::exit::CommandError;

/// A target: a URL, `mock:NAME`, or a name. `name` is that of a target at a URL, `said` what messages begin with.
pub(in crate::command) fn side(
    text: &str,
    name: &str,
    said: &str,
    config: &Config,
) -> Result<TargetSpec, CommandError> {
    if text.starts_with("http://") || text.starts_with("https://") {
        return Ok(TargetSpec::url(name, text));
    }
    if let Some(mock) = text.strip_prefix("mock:") {
        return known_mock(mock);
    }
    // What the configuration takes the place of is still there by its name.
    let embedded = Config::default();
    let Some(spec) = config.targets.iter().chain(&embedded.targets).find(|target| target.name == text) else {
        let known: Vec<&str> = config.targets.iter().map(|target| target.name.as_str()).collect();
        return Err(CommandError::usage(format!(
            "{said}: `{text}` is neither a URL nor a target; the targets are {}",
            known.join(", ")
        )));
    };
    if spec.is_client() {
        return Err(CommandError::usage(format!("{said}: `{text}` is a client, which answers nothing")));
    }
    Ok(spec.clone())
}
