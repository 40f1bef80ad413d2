//! The spelling of `gauntlet.yaml`.

mod maintenance;
mod target;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gauntlet_format::diagnostic::did_you_mean;
use gauntlet_format::duration;
use gauntlet_reports::volatile::{Rules, VolatileSpec};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};

use super::{Config, RecordedSource, RunDefaults, TargetSpec};
use crate::runner::{GivenSecrets, MayRead};
use target::Target;

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what is expected; the message shows the place.
    #[error("{path}: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What and where.
        message: String,
    },
    /// A target is contradictory.
    #[error("{path}: target `{target}`: {message}")]
    Target {
        /// The file.
        path: PathBuf,
        /// The entry.
        target: String,
        /// What is wrong and what to do.
        message: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<Targets> {
    #[serde(default)]
    targets: Targets,
    #[serde(default)]
    scenarios: Vec<PathBuf>,
    #[serde(default)]
    requirements: Vec<PathBuf>,
    #[serde(default)]
    signatures: Vec<PathBuf>,
    history: Option<PathBuf>,
    baseline: Option<PathBuf>,
    quarantine: Option<PathBuf>,
    #[serde(default)]
    run: RunSection,
    #[serde(default, deserialize_with = "volatile")]
    volatile: VolatileSpec,
    #[serde(default, deserialize_with = "may_read")]
    may_read: MayRead,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct RunSection {
    jobs: Option<usize>,
    #[serde(deserialize_with = "optional_duration")]
    timeout: Option<Duration>,
    #[serde(deserialize_with = "optional_duration")]
    step_timeout: Option<Duration>,
    retries: Option<u32>,
    #[serde(deserialize_with = "optional_duration")]
    retry_delay: Option<Duration>,
    flaky: Option<FlakyName>,
    #[serde(deserialize_with = "optional_duration")]
    budget: Option<Duration>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum FlakyName {
    Pass,
    Fail,
}

/// Rules that are wrong are told where they stand.
fn volatile<'de, D: Deserializer<'de>>(deserializer: D) -> Result<VolatileSpec, D::Error> {
    let spec = VolatileSpec::deserialize(deserializer)?;
    Rules::builtin().with(&spec).map_err(D::Error::custom)?;
    Ok(spec)
}

fn may_read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MayRead, D::Error> {
    let mut may_read = MayRead::default();
    for source in Vec::<String>::deserialize(deserializer)? {
        may_read.add(&source).map_err(D::Error::custom)?;
    }
    Ok(may_read)
}

fn optional_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|t| duration::parse(&t).map_err(D::Error::custom)).transpose()
}

/// The target of that name that an entry describes, as it would stand under `targets`.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub(crate) fn described(name: &str, entry: Value) -> Result<TargetSpec, String> {
    let target: Target = serde_json::from_value(entry).map_err(|e| with_suggestion(e.to_string()))?;
    target::build(name, target)
}

pub(super) fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let parse_error = |message: String| ConfigError::Parse { path: path.to_owned(), message };
    // Twice: the typed form finds misspelt keys with their places, the untyped one keeps the order of the targets.
    serde_saphyr::from_str::<File<BTreeMap<String, Target>>>(&text)
        .map_err(|e| parse_error(with_suggestion(e.to_string())))?;
    let file: File<Map<String, Value>> = serde_saphyr::from_str(&text).map_err(|e| parse_error(e.to_string()))?;
    let beside = |file: PathBuf| path.parent().unwrap_or(Path::new("")).join(file);
    let mut targets = Vec::with_capacity(file.targets.len());
    for (name, value) in file.targets {
        let target: Target = serde_json::from_value(value).map_err(|e| parse_error(format!("targets.{name}: {e}")))?;
        let mut spec = target::build(&name, target).map_err(|message| ConfigError::Target {
            path: path.to_owned(),
            target: name.clone(),
            message,
        })?;
        for upstream in spec.upstreams.values_mut() {
            if let Some(RecordedSource::File(file)) = &mut upstream.recorded {
                *file = beside(std::mem::take(file));
            }
        }
        targets.push(spec);
    }
    Ok(Config {
        path: Some(path.to_owned()),
        targets,
        scenarios: file.scenarios,
        requirements: file.requirements,
        signatures: file.signatures,
        history: file.history.map(beside),
        baseline: file.baseline.map(beside),
        volatile: file.volatile,
        may_read: file.may_read,
        quarantine: file.quarantine.map(beside),
        run: RunDefaults {
            jobs: file.run.jobs,
            timeout: file.run.timeout,
            step_timeout: file.run.step_timeout,
            retries: file.run.retries,
            retry_delay: file.run.retry_delay,
            flaky_fails: file.run.flaky.map(|flaky| flaky == FlakyName::Fail),
            budget: file.run.budget,
        },
        given: GivenSecrets::default(),
    })
}

/// The message about an unknown key, with the known one that is nearest.
fn with_suggestion(message: String) -> String {
    let suggestion = || {
        let (_, rest) = message.split_once("unknown field `")?;
        let (name, rest) = rest.split_once('`')?;
        let known = rest.lines().next()?.strip_prefix(", expected ")?;
        let known = known.strip_prefix("one of ").unwrap_or(known);
        did_you_mean(name, known.split(", ").map(|word| word.trim_matches('`')))
    };
    match suggestion() {
        Some(suggestion) => format!("{message}\n{suggestion}"),
        None => message,
    }
}
