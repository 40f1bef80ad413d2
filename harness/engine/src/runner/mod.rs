//! Runs scenarios: which cases there are, several at a time, results in the order of the input.

mod blame;
pub(crate) mod case;
pub(crate) mod check;
mod filter;
mod given;
mod judge;
mod may_read;
mod plan;
pub(crate) mod relation;
mod schedule;
pub mod shard;
mod spoken;
mod standing;
mod step;
pub(crate) mod stubs;
pub(crate) mod vars;
pub(crate) mod view;
pub(crate) mod volatile;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use check::report_level;
pub use filter::{Filter, any_glob};
pub use given::{GivenError, GivenSecrets};
pub use may_read::MayRead;
pub use plan::read as read_text;
pub use plan::{Loaded, ScenarioFile, ScenarioSet};
pub(crate) use plan::{cases_of, combinations, labels as labels_of, no_target};
pub use schedule::run;
pub(crate) use schedule::run_with;
pub(crate) use step::{called_tools, count as step_count, steps_of, walk};

use gauntlet_reports::baseline::Baseline;

use gauntlet_reports::RunInfo;
use gauntlet_reports::volatile::VolatileSpec;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::{Config, ConfigError};
use crate::conformance::Requirements;
use crate::repro::diagnose::Signatures;
use crate::snapshot::{Blessing, HeldSnapshots};
use crate::transcript::secrets::Secrets;

/// How a run behaves.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Cases at the same time; work waits on networks, so more than there are cores. Default 32.
    pub jobs: usize,
    /// Bound on a case that does not name its own. Default 60 s.
    pub timeout: Duration,
    /// Bound on a step that does not name its own. Default 15 s.
    pub step_timeout: Duration,
    /// Further tries of a case that fails; a pass on one of them is `flaky`. Default 0.
    pub retries: u32,
    /// Pause before the first further try; each later one is twice as long. Default none.
    pub retry_delay: Duration,
    /// Bound on the whole run; what has not finished then is cut.
    pub budget: Option<Duration>,
    /// Stop at the first case that does not conform.
    pub fail_fast: bool,
    /// A broken SHOULD counts as not conforming.
    pub strict: bool,
    /// Keep every check and every exchange in the results, of passes too.
    pub keep_all: bool,
    /// Defects to switch on, by mock.
    pub defects: BTreeMap<String, Vec<String>>,
    /// Known requirements.
    pub requirements: Arc<Requirements>,
    /// Secrets known before the run.
    pub secrets: Secrets,
    /// What the `secrets:` of scenarios are.
    pub given: GivenSecrets,
    /// What the targets are part of, as reports name it.
    pub environment: Option<String>,
    /// Run only what belongs to this part of the run.
    pub shard: Option<gauntlet_reports::Shard>,
    /// Failures that are known.
    pub baseline: Option<Arc<Baseline>>,
    /// Cases that count neither way.
    pub quarantine: Option<Arc<Baseline>>,
    /// Which values of snapshots differ from run to run, besides what is known anyway.
    pub volatile: VolatileSpec,
    /// What of this machine scenarios may read.
    pub may_read: MayRead,
    /// Takes what differs from snapshots over.
    pub bless: Option<Arc<Blessing>>,
    /// The snapshots of the one scenario, in place of those beside it.
    pub snapshots: Option<Arc<HeldSnapshots>>,
    /// Known failures, of which a case that did not pass is told what it has in common with.
    pub signatures: Arc<Signatures>,
}

impl RunOptions {
    /// What the configuration says of every run, the defaults for the rest.
    ///
    /// # Errors
    /// When a catalogue of requirements cannot be read, or is none.
    pub fn configured(config: &Config) -> Result<Self, ConfigError> {
        let default = Self::default();
        config.given.teach(&default.secrets);
        Ok(Self {
            requirements: Arc::new(config.all_requirements()?),
            signatures: Arc::new(config.all_signatures()?),
            volatile: config.volatile.clone(),
            may_read: config.may_read.clone(),
            given: config.given.clone(),
            jobs: config.run.jobs.unwrap_or(default.jobs),
            timeout: config.run.timeout.unwrap_or(default.timeout),
            step_timeout: config.run.step_timeout.unwrap_or(default.step_timeout),
            ..default
        })
    }

    /// What is known of a run that begins now.
    #[must_use]
    pub fn info(&self) -> RunInfo {
        RunInfo {
            gauntlet: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
            environment: self.environment.clone(),
            shard: self.shard.clone(),
            defects: self.defects.clone(),
            ..RunInfo::default()
        }
    }
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            jobs: 32,
            timeout: Duration::from_secs(60),
            step_timeout: Duration::from_secs(15),
            retries: 0,
            retry_delay: Duration::ZERO,
            budget: None,
            fail_fast: false,
            strict: false,
            keep_all: false,
            defects: BTreeMap::new(),
            requirements: Arc::new(Requirements::builtin()),
            secrets: Secrets::default(),
            given: GivenSecrets::default(),
            environment: None,
            shard: None,
            baseline: None,
            quarantine: None,
            volatile: VolatileSpec::default(),
            may_read: MayRead::default(),
            bless: None,
            snapshots: None,
            signatures: Arc::new(Signatures::builtin()),
        }
    }
}
