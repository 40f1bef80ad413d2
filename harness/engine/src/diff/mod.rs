//! What a gateway changes: the same conversation with a server directly and through the gateway, compared exchange by
//! exchange.
//!
//! The direct side is asked twice, so that what varies by itself is known and not held against the gateway.

mod cases;
mod drift;
mod scenarios;
mod sides;
mod tour;

use std::collections::BTreeMap;
use std::sync::Arc;

use gauntlet_format::{Diagnostic, Version};
use gauntlet_reports::Exchange;
use gauntlet_reports::compare::{Allowances, Comparison, Report, Runs, Side};

pub use drift::{drift, mock_of};
pub use sides::{add_defects, align};

use crate::config::TargetSpec;
use crate::runner::{Filter, RunOptions, ScenarioSet};
use crate::target::Target;
use crate::transport::Failure;

/// How to compare.
#[derive(Debug, Default)]
pub struct DiffOptions {
    /// Versions to speak; none: all that both sides speak.
    pub versions: Vec<Version>,
    /// What is declared to be all right, besides what the entry of the gateway says.
    pub allowances: Allowances,
    /// Bounds, secrets, cases at the same time.
    pub run: RunOptions,
    /// Defects to switch on, by mock, on both sides.
    pub defects: BTreeMap<String, Vec<String>>,
}

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// One side cannot be reached, or does not open.
    #[error("the {side} side, `{name}`: {reason}")]
    Unreachable {
        /// `direct` or `through`.
        side: &'static str,
        /// Name of the target.
        name: String,
        /// What happened.
        reason: String,
    },
    /// There is no version at which both can be asked.
    #[error("no protocol version in common: `{direct}` speaks {direct_versions}, `{through}` {through_versions}")]
    NoCommonVersion {
        /// Name of the direct side.
        direct: String,
        /// What it speaks.
        direct_versions: String,
        /// Name of the gateway.
        through: String,
        /// What it speaks.
        through_versions: String,
    },
    /// Scenario files cannot be read.
    #[error("{} in the scenario files", if .0.len() == 1 { "an error".to_owned() } else { format!("{} errors", .0.len()) })]
    Broken(Vec<Diagnostic>),
    /// The selection is empty.
    #[error("no case was selected, so nothing would be compared; `gauntlet list` shows what there is")]
    NothingSelected,
    /// No scenario runs on both sides.
    #[error("no scenario could be compared: {0}")]
    NothingCompared(String),
}

/// Both sides for the length of a comparison.
#[derive(Debug)]
pub struct Sides {
    /// The server itself.
    pub direct: Arc<Target>,
    /// The gateway in front of it.
    pub through: Arc<Target>,
}

impl Sides {
    /// Makes both comparable: where the direct side is a mock that also stands behind the gateway, each has its own
    /// instance with the same configuration, and defects are switched on wherever their mock is.
    #[must_use]
    pub fn new(mut direct: TargetSpec, mut through: TargetSpec, options: &DiffOptions) -> Self {
        if direct.name == through.name {
            // Each hop has a name of its own.
            through.name = format!("{} (through)", through.name);
        }
        sides::align(&mut direct, &mut through);
        for spec in [&mut direct, &mut through] {
            sides::add_defects(spec, &options.defects);
        }
        Self { direct: Arc::new(Target::new(direct)), through: Arc::new(Target::new(through)) }
    }

    fn comparison(&self, options: &DiffOptions) -> Comparison {
        let mut allowances = options.allowances.clone();
        let own = &self.through.spec.expected;
        allowances.rules.extend(own.rules.iter().cloned());
        allowances.paths.extend(own.paths.iter().cloned());
        Comparison::new(allowances)
    }

    /// The versions to compare at, `None` where there are none; what only one side speaks is left open.
    async fn versions(
        &self,
        options: &DiffOptions,
        comparison: &mut Comparison,
    ) -> Result<Vec<Option<Version>>, DiffError> {
        let direct = self.direct.versions().await.map_err(|failure| self.unreachable("direct", &failure))?;
        let through = self.through.versions().await.map_err(|failure| self.unreachable("through", &failure))?;
        if direct.is_empty() && through.is_empty() {
            return Ok(vec![None]);
        }
        let wanted = |version: &Version| options.versions.is_empty() || options.versions.contains(version);
        let common: Vec<_> = direct.iter().filter(|v| through.contains(v) && wanted(v)).map(|v| Some(*v)).collect();
        for version in direct.iter().filter(|v| !through.contains(v) && wanted(v)) {
            comparison.leave_open(version.as_str(), format!("`{}` does not speak it", self.through.spec.name));
        }
        if common.is_empty() {
            return Err(DiffError::NoCommonVersion {
                direct: self.direct.spec.name.clone(),
                direct_versions: listed(direct),
                through: self.through.spec.name.clone(),
                through_versions: listed(through),
            });
        }
        Ok(common)
    }

    fn unreachable(&self, side: &'static str, failure: &Failure) -> DiffError {
        self.closed(side, failure.message.clone())
    }

    fn closed(&self, side: &'static str, reason: String) -> DiffError {
        let target = if side == "direct" { &self.direct } else { &self.through };
        DiffError::Unreachable { side, name: target.spec.name.clone(), reason }
    }
}

fn listed(versions: &[Version]) -> String {
    if versions.is_empty() {
        return "none".to_owned();
    }
    versions.iter().map(|version| version.as_str()).collect::<Vec<_>>().join(", ")
}

/// Takes both sides on a tour of what the server offers: opening, lists, harmless calls, reads, errors, a stream.
///
/// # Errors
/// When a side cannot be reached, or they have no version in common.
pub async fn tour(sides: &Sides, options: &DiffOptions) -> Result<Report, DiffError> {
    let mut comparison = sides.comparison(options);
    let (mut direct_place, mut through_place) = (String::new(), String::new());
    let secrets = &options.run.secrets;
    for version in sides.versions(options, &mut comparison).await? {
        let guide = tour::Guide { version, options: &options.run };
        let mut once = guide.lead(&sides.direct, None).await.map_err(|reason| sides.closed("direct", reason))?;
        let plan = std::mem::take(&mut once.plan);
        let again = guide.lead(&sides.direct, Some(&plan)).await;
        let mut again = again.map_err(|reason| sides.closed("direct", reason))?;
        let through = guide.lead(&sides.through, Some(&plan)).await;
        let mut through = through.map_err(|reason| sides.closed("through", reason))?;
        if let Some(reason) = &once.not_opened {
            return Err(sides.closed("direct", reason.clone()));
        }
        let redactor = secrets.redactor();
        for visit in [&mut once, &mut again, &mut through] {
            redactor.redact_transcript(&mut visit.transcript);
        }
        let name = version.map_or("no version", Version::as_str);
        comparison.add(&Runs {
            name,
            direct: &once.transcript,
            again: &again.transcript,
            through: &through.transcript,
        });
        if let Some(reason) = &through.not_opened {
            comparison.leave_open(name, format!("`{}` did not go on: {reason}", sides.through.spec.name));
        }
        (direct_place, through_place) = (once.endpoint, through.endpoint);
    }
    let redactor = secrets.redactor();
    let side = |target: &Target, place: &str| Side { name: target.spec.name.clone(), endpoint: redactor.redact(place) };
    Ok(comparison.finish(side(&sides.direct, &direct_place), side(&sides.through, &through_place)))
}

/// Runs the scenarios on both sides, whatever role they are for, and compares what the sides answered.
///
/// # Errors
/// When no scenario is selected or a file cannot be read, a side cannot be reached, or no scenario gets an answer from both.
pub async fn scenarios(
    sides: &Sides,
    set: Arc<ScenarioSet>,
    filter: Filter,
    options: &DiffOptions,
) -> Result<Report, DiffError> {
    let roles = scenarios::roles(&set, &filter)?;
    let mut comparison = sides.comparison(options);
    sides.versions(options, &mut comparison).await?;
    let ran = scenarios::run(sides, &roles, &set, &filter, options).await;
    let compared = scenarios::compare(&ran, &mut comparison);
    if compared == 0 {
        return Err(scenarios::why_nothing(&ran));
    }
    let side = |target: &Target, ran: &cases::Ran| Side {
        name: target.spec.name.clone(),
        endpoint: ran.endpoint.clone().unwrap_or_else(|| target.spec.place()),
    };
    Ok(comparison.finish(side(&sides.direct, &ran[0]), side(&sides.through, &ran[2])))
}

/// What the clients of the harness and the target said to each other.
fn conversation(transcript: &[Exchange], target: &str) -> Vec<Exchange> {
    transcript.iter().filter(|exchange| exchange.hop.to == target && exchange.hop.from != target).cloned().collect()
}
